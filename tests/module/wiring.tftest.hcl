# Names, switches and wiring do what the inputs say.

mock_provider "aws" {
  source = "./tests/module/mocks"
}

run "names_begin_with_the_name" {
  command = apply

  variables {
    name = "prod"
  }

  assert {
    condition = alltrue([
      aws_dynamodb_table.this[0].name == "prod-rules",
      aws_dynamodb_table.state.name == "prod-state",
      aws_sns_topic.this[0].name == "prod-reports",
      aws_lambda_function.this.function_name == "prod",
      aws_cloudwatch_log_group.this[0].name == "/aws/lambda/prod",
      aws_iam_role.this[0].name == "prod-eu-west-1",
      aws_cloudwatch_event_rule.schedule[0].name == "prod-schedule",
      aws_cloudwatch_metric_alarm.errors.alarm_name == "prod-errors",
    ])
    error_message = "A name does not begin with var.name."
  }
}

run "by_default_nothing_is_changed_and_nothing_ended" {
  command = plan

  variables {
    mode         = null
    grace_period = null
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_MODE"] == "audit",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_UNTAGGED_ACTION"] == "notify",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_GRACE_PERIOD"] == "24h",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_MAX_DESTRUCTIVE"] == "10",
    ])
    error_message = "The defaults are not the safe ones."
  }
}

run "the_function_is_told_what_the_inputs_say" {
  command = apply

  variables {
    vpc_ids         = ["vpc-0a1b2c3d4e5f67890", "vpc-11111111"]
    untagged_action = "stop"
    mode            = "audit"

    grace_period    = "24h"
    minimum_age     = "1h"
    marker_tag_key  = "due"
    exempt_tag_key  = "keep"
    protect_managed = false

    report_unchanged = "every_run"

    max_destructive = 3

    max_destructive_percent = 2.5

    max_escalation            = "stop"
    isolation_security_groups = { "vpc-11111111" = "sg-0a1b2c3d4e5f67890" }

    creator = { format = "role/name", details = "event_time", delay_minutes = 45, lookups_per_second = 0.5, budget_seconds = 120 }
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      TAG_POLICY_RULES_TABLE     = "tag-policy-rules"
      TAG_POLICY_STATE_TABLE     = "tag-policy-state"
      MALLOC_ARENA_MAX           = "1"
      TAG_POLICY_SEEDED_RULES    = "{\"1\":\"ProjectCode\",\"2\":\"CreatedBy\",\"3\":\"Expires\"}"
      TAG_POLICY_TOPIC_ARN       = "arn:aws:sns:eu-west-1:123456789012:tag-policy-reports"
      TAG_POLICY_VPCS            = "{\"ids\":[\"vpc-0a1b2c3d4e5f67890\",\"vpc-11111111\"]}"
      TAG_POLICY_UNTAGGED_ACTION = "stop"
      TAG_POLICY_MODE            = "audit"

      TAG_POLICY_MAX_ESCALATION            = "stop"
      TAG_POLICY_ISOLATION_SECURITY_GROUPS = "{\"vpc-11111111\":\"sg-0a1b2c3d4e5f67890\"}"

      TAG_POLICY_GRACE_PERIOD            = "24h"
      TAG_POLICY_MINIMUM_AGE             = "1h"
      TAG_POLICY_MARKER_TAG_KEY          = "due"
      TAG_POLICY_EXEMPT_TAG_KEY          = "keep"
      TAG_POLICY_PROTECT_MANAGED         = "false"
      TAG_POLICY_MAX_DESTRUCTIVE         = "3"
      TAG_POLICY_MAX_DESTRUCTIVE_PERCENT = "2.5"

      TAG_POLICY_FORMER_MARKER_TAG_KEYS = "[]"

      TAG_POLICY_REPORT_UNCHANGED = "every_run"

      TAG_POLICY_CREATOR_FORMAT             = "role/name"
      TAG_POLICY_ATTRIBUTION_DETAILS        = "event_time"
      TAG_POLICY_ATTRIBUTION_DELAY_MINUTES  = "45"
      TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS = "120"
      TAG_POLICY_LOOKUPS_PER_SECOND         = "0.5"

      TAG_POLICY_SCHEDULE = "rate(1 hour)"
    })
    error_message = "The environment is not what the inputs say."
  }
}

run "a_paused_engine_runs_for_nobody_and_is_not_missed" {
  command = plan

  variables {
    enabled        = false
    event_triggers = { launch = true }
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this.reserved_concurrent_executions == 0,
      aws_cloudwatch_event_rule.schedule[0].state == "DISABLED",
      aws_cloudwatch_event_rule.event["launch"].state == "DISABLED",
      length(aws_cloudwatch_metric_alarm.silence) == 0 && length(aws_cloudwatch_composite_alarm.silence) == 0,
    ])
    error_message = "A paused engine may run, or is missed."
  }
}

run "the_role_and_the_log_are_as_the_organisation_wants_them" {
  command = plan

  variables {
    role     = { name = "corp-tag-policy" }
    function = { log_skip_destroy = true, code_signing_config_arn = "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0" }
  }

  assert {
    condition = alltrue([
      aws_iam_role.this[0].name == "corp-tag-policy",
      startswith(aws_iam_policy.value_lock["1"].name, "corp-tag-policy-"),
      aws_cloudwatch_log_group.this[0].skip_destroy,
      aws_lambda_function.this.code_signing_config_arn == "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0",
      aws_lambda_function.this.reserved_concurrent_executions == -1,
    ])
    error_message = "The role or the log is not as it was asked for."
  }
}

run "refuses_a_role_name_with_a_blank" {
  command = plan

  variables {
    role = { name = "tag policy" }
  }

  expect_failures = [var.role]
}

run "refuses_what_is_no_code_signing_configuration" {
  command = plan

  variables {
    function = { code_signing_config_arn = "csc-0123456789abcdef0" }
  }

  expect_failures = [var.function]
}

run "vpcs_may_be_found_by_their_tags" {
  command = plan

  variables {
    vpc_ids  = []
    vpc_tags = { Stage = "prod", Team = "web" }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables["TAG_POLICY_VPCS"]) == { tags = { Stage = "prod", Team = "web" } }
    error_message = "The function is not told which tags the VPCs have."
  }
}

run "what_is_said_of_a_vpc_is_handed_over_without_what_is_null" {
  command = plan

  variables {
    vpc_ids = ["vpc-0a1b2c3d4e5f67890", "vpc-11111111", "vpc-22222222"]
    vpc_overrides = {
      "vpc-0a1b2c3d4e5f67890" = { mode = "audit", untagged_action = null }
      "vpc-11111111"          = { untagged_action = "stop" }
      "vpc-22222222"          = {}
    }
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["TAG_POLICY_VPC_OVERRIDES"] == "{\"vpc-0a1b2c3d4e5f67890\":{\"mode\":\"audit\"},\"vpc-11111111\":{\"untagged_action\":\"stop\"},\"vpc-22222222\":{}}"
    error_message = "The function is not told what is said of each VPC."
  }
}

run "nothing_is_handed_over_where_nothing_is_said_of_a_vpc" {
  command = plan

  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "TAG_POLICY_VPC_OVERRIDES")
    error_message = "The function is told of overrides that there are not."
  }
}

run "many_overrides_are_compressed" {
  command = plan

  variables {
    vpc_ids       = [for number in range(20) : format("vpc-%08x", number)]
    vpc_overrides = { for number in range(20) : format("vpc-%08x", number) => { mode = "audit" } }
  }

  assert {
    condition     = startswith(aws_lambda_function.this.environment[0].variables["TAG_POLICY_VPC_OVERRIDES"], "gzip:H4sI")
    error_message = "Many overrides are to be compressed."
  }
}

run "all_vpcs_may_be_looked_after" {
  command = plan

  variables {
    vpc_ids  = []
    all_vpcs = true
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables["TAG_POLICY_VPCS"]) == { all = true }
    error_message = "The function is not told that it is all VPCs."
  }
}

run "a_long_list_of_vpcs_is_compressed" {
  command = plan

  variables {
    vpc_ids = [for number in range(140) : "vpc-${substr(sha1(number), 0, 17)}"]
  }

  assert {
    condition     = startswith(aws_lambda_function.this.environment[0].variables["TAG_POLICY_VPCS"], "gzip:H4sI")
    error_message = "140 VPCs are not compressed."
  }
}

run "an_item_is_what_its_rule_says" {
  command = plan

  variables {
    rules = {
      7 = { tag_key = "Team", action = "Update", required = false, default = "none" }
      8 = { tag_key = "Owner", action = "UserLookup" }
    }
  }

  assert {
    condition = jsondecode(aws_dynamodb_table_item.terraform_owned["7"].item) == {
      RuleId   = { N = "7" }
      TagKey   = { S = "Team" }
      Action   = { S = "Update" }
      Required = { S = "N" }
      Default  = { S = "none" }
    }
    error_message = "Item 7 is not its rule."
  }

  assert {
    condition     = !contains(keys(jsondecode(aws_dynamodb_table_item.terraform_owned["8"].item)), "Default")
    error_message = "A rule without a default has an item with one."
  }
}

run "the_table_owns_the_items" {
  command = plan

  variables {
    rules_table = { owner = "table" }
  }

  assert {
    condition     = length(aws_dynamodb_table_item.table_owned) == 3 && length(aws_dynamodb_table_item.terraform_owned) == 0
    error_message = "The items are not the table's."
  }
}

run "an_existing_table_is_used_and_not_seeded" {
  command = plan

  variables {
    rules_table = { name = "shared-rules" }
  }

  assert {
    condition     = length(aws_dynamodb_table.this) == 0 && length(aws_dynamodb_table_item.terraform_owned) == 0
    error_message = "A table or an item is made beside the existing table."
  }

  assert {
    condition = alltrue([
      output.rules_table_name == "shared-rules",
      output.rules_table_arn == "arn:aws:dynamodb:eu-west-1:123456789012:table/shared-rules",
    ])
    error_message = "The existing table is not put out."
  }
}

run "an_existing_topic_is_used" {
  command = apply

  variables {
    topic = { arn = "arn:aws:sns:eu-west-1:123456789012:admins" }
  }

  assert {
    condition     = length(aws_sns_topic.this) == 0 && length(aws_sns_topic_policy.this) == 0
    error_message = "A topic is made beside the existing one."
  }

  assert {
    condition = alltrue([
      output.topic_name == "admins",
      aws_cloudwatch_metric_alarm.errors.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:admins"]),
      aws_lambda_function.this.environment[0].variables.TAG_POLICY_TOPIC_ARN == "arn:aws:sns:eu-west-1:123456789012:admins",
    ])
    error_message = "The existing topic is not told."
  }
}

run "subscribers_are_subscribed" {
  command = plan

  variables {
    email_subscriptions = ["a@example.com", "b@example.com"]
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 2
    error_message = "Not every address is subscribed."
  }
}

run "no_schedule_where_none_is_wanted" {
  command = apply

  variables {
    schedule = null
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_event_rule.schedule) == 0,
      length(aws_cloudwatch_event_target.schedule) == 0,
      length(aws_lambda_permission.schedule) == 0,
      output.schedule_name == null,
    ])
    error_message = "Something of a schedule is made."
  }
}

run "a_time_zone_is_the_schedulers_and_has_a_role_that_wakes_the_function_alone" {
  command = apply

  variables {
    schedule = { expression = "cron(0 6 * * ? *)", time_zone = "Europe/Berlin" }
    role     = { path = "/org/", permissions_boundary_arn = "arn:aws:iam::123456789012:policy/bound" }
    tags     = { team = "cloud" }
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_event_rule.schedule) == 0,
      length(aws_cloudwatch_event_target.schedule) == 0,
      length(aws_lambda_permission.schedule) == 0,
      aws_scheduler_schedule.this[0].schedule_expression == "cron(0 6 * * ? *)",
      aws_scheduler_schedule.this[0].schedule_expression_timezone == "Europe/Berlin",
      aws_scheduler_schedule.this[0].state == "ENABLED",
      aws_scheduler_schedule.this[0].target[0].arn == aws_lambda_function.this.arn,
      aws_scheduler_schedule_group.this[0].tags == tomap({ team = "cloud" }),
      aws_lambda_function.this.environment[0].variables.TAG_POLICY_TIME_ZONE == "Europe/Berlin",
      output.schedule_name == aws_scheduler_schedule.this[0].name,
    ])
    error_message = "Another schedule than that of the Scheduler wakes the function."
  }

  assert {
    condition = alltrue([
      aws_iam_role.schedule[0].path == "/org/",
      aws_iam_role.schedule[0].permissions_boundary == "arn:aws:iam::123456789012:policy/bound",
      length(data.aws_iam_policy_document.schedule[0].statement) == 1,
      one(data.aws_iam_policy_document.schedule[0].statement[0].actions) == "lambda:InvokeFunction",
      one(data.aws_iam_policy_document.schedule[0].statement[0].resources) == local.arns.function,
      length(data.aws_iam_policy_document.schedule_assume_role[0].statement[0].condition) == 2,
    ])
    error_message = "The Scheduler's role may do more than wake the function, or has more to give it."
  }
}

run "an_engine_that_is_paused_is_not_woken_in_a_time_zone_either" {
  command = plan

  variables {
    schedule = { time_zone = "Europe/Berlin" }
    enabled  = false
  }

  assert {
    condition     = aws_scheduler_schedule.this[0].state == "DISABLED" && aws_scheduler_schedule.this[0].schedule_expression == "rate(1 hour)"
    error_message = "A paused engine is woken."
  }
}

run "the_organisations_role_wakes_the_function" {
  command = plan

  variables {
    schedule = { time_zone = "Europe/Berlin", role_arn = "arn:aws:iam::123456789012:role/org/waker" }
    role     = { arn = "arn:aws:iam::123456789012:role/tag-policy" }
  }

  assert {
    condition     = length(aws_iam_role.schedule) == 0 && aws_scheduler_schedule.this[0].target[0].role_arn == "arn:aws:iam::123456789012:role/org/waker"
    error_message = "Another role than the organisation's wakes the function."
  }
}

run "a_cron_is_a_schedule_too" {
  command = plan

  variables {
    schedule = { expression = "cron(0/30 6-18 ? * MON-FRI *)" }
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule[0].schedule_expression == "cron(0/30 6-18 ? * MON-FRI *)"
    error_message = "The cron is not the schedule."
  }
}

run "a_key_encrypts_table_topic_and_log" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = alltrue([
      aws_dynamodb_table.this[0].server_side_encryption[0].kms_key_arn == var.kms_key_arn,
      aws_sns_topic.this[0].kms_master_key_id == var.kms_key_arn,
      aws_cloudwatch_log_group.this[0].kms_key_id == var.kms_key_arn,
    ])
    error_message = "Something is not encrypted with the key."
  }
}

run "the_function_is_built_as_asked" {
  command = plan

  variables {
    function = {
      runtime              = "python3.12"
      architecture         = "x86_64"
      memory_mb            = 512
      timeout_seconds      = 300
      log_retention_days   = 365
      log_level            = "DEBUG"
      reserved_concurrency = 1
    }
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this.runtime == "python3.12",
      aws_lambda_function.this.architectures[0] == "x86_64",
      aws_lambda_function.this.memory_size == 512,
      aws_lambda_function.this.timeout == 300,
      aws_lambda_function.this.reserved_concurrent_executions == 1,
      aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG",
      aws_cloudwatch_log_group.this[0].retention_in_days == 365,
    ])
    error_message = "The function is not built as asked."
  }
}

run "by_default_no_concurrency_is_reserved_and_nothing_is_retried" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "Concurrency is reserved."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    error_message = "A failed run is retried."
  }
}

run "the_package_comes_from_s3" {
  command = plan

  variables {
    function = {
      package = {
        s3_bucket        = "packages"
        s3_key           = "tag_policy.zip"
        source_code_hash = "aGFzaA=="
      }
    }
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this.filename == null,
      aws_lambda_function.this.s3_bucket == "packages",
      aws_lambda_function.this.s3_key == "tag_policy.zip",
      aws_lambda_function.this.source_code_hash == "aGFzaA==",
    ])
    error_message = "The package does not come from S3."
  }
}

run "the_role_is_bounded_and_has_its_path_and_all_have_the_tags" {
  command = plan

  variables {
    role = { permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary", path = "/governance/" }
    tags = { Owner = "platform" }
  }

  assert {
    condition     = aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary" && aws_iam_role.this[0].path == "/governance/"
    error_message = "The role has no boundary, or not its path."
  }

  assert {
    condition = alltrue([for tags in [
      aws_dynamodb_table.this[0].tags,
      aws_sns_topic.this[0].tags,
      aws_iam_role.this[0].tags,
      aws_cloudwatch_log_group.this[0].tags,
      aws_lambda_function.this.tags,
      aws_cloudwatch_event_rule.schedule[0].tags,
      aws_cloudwatch_metric_alarm.errors.tags,
    ] : tags == tomap({ Owner = "platform" })])
    error_message = "A resource has not the tags."
  }
}

run "by_default_there_is_no_event_no_queue_and_no_config_rule" {
  command = apply

  assert {
    condition = alltrue([
      length(aws_cloudwatch_event_rule.event) == 0,
      length(aws_sqs_queue.events) == 0,
      length(aws_sqs_queue.dead_letters) == 0,
      length(aws_lambda_event_source_mapping.events) == 0,
      length(aws_cloudwatch_metric_alarm.dead_letters) == 0,
      length(aws_config_config_rule.this) == 0,
      length(aws_lambda_permission.config) == 0,
      output.event_rule_names == {},
      output.event_queue_url == null,
      output.config_rule_name == null,
    ])
    error_message = "Something of the events, or of AWS Config, is there unasked."
  }
}

run "each_event_trigger_is_a_rule_of_its_own" {
  command = apply

  variables {
    name           = "prod"
    event_triggers = { tag_change = true, batching_window_seconds = 60, tries = 7 }
    function       = { timeout_seconds = 300 }
  }

  assert {
    condition = alltrue([
      output.event_rule_names == { tag-change = "prod-tag-change" },
      aws_sqs_queue.events[0].name == "prod-events",
      aws_sqs_queue.events[0].visibility_timeout_seconds == 1860,
      jsondecode(aws_sqs_queue.events[0].redrive_policy).maxReceiveCount == 7,
      aws_sqs_queue.dead_letters[0].name == "prod-dead-letters",
      aws_lambda_event_source_mapping.events[0].maximum_batching_window_in_seconds == 60,
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_QUEUE_URL"] == "https://sqs.eu-west-1.amazonaws.com/123456789012/prod-events",
    ])
    error_message = "The events are not what the inputs say."
  }
}

run "launches_are_not_asked_for_by_vpc_where_there_are_more_than_fit_into_a_pattern" {
  command = plan

  variables {
    vpc_ids        = [for number in range(70) : format("vpc-%017x", number)]
    event_triggers = { launch = true }
  }

  assert {
    condition     = !can(jsondecode(aws_cloudwatch_event_rule.event["launch"].event_pattern).detail["$or"])
    error_message = "A pattern is longer than EventBridge takes."
  }
}

run "launches_are_asked_for_by_vpc_where_they_fit" {
  command = plan

  variables {
    vpc_ids        = [for number in range(65) : format("vpc-%017x", number)]
    event_triggers = { launch = true }
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_event_rule.event["launch"].event_pattern) <= 2048,
      tolist(jsondecode(aws_cloudwatch_event_rule.event["launch"].event_pattern).detail["$or"][0].responseElements.instancesSet.items.vpcId) == sort(var.vpc_ids),
    ])
    error_message = "EventBridge is asked for launches in any VPC."
  }
}

run "launches_are_asked_for_in_any_vpc_where_vpcs_are_found" {
  command = plan

  variables {
    vpc_ids        = []
    all_vpcs       = true
    event_triggers = { launch = true }
  }

  assert {
    condition     = !can(jsondecode(aws_cloudwatch_event_rule.event["launch"].event_pattern).detail["$or"])
    error_message = "EventBridge is asked for launches in no VPC."
  }
}

run "a_key_encrypts_the_queues" {
  command = apply

  variables {
    event_triggers = { state_change = true }
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = alltrue([
      aws_sqs_queue.events[0].kms_master_key_id == var.kms_key_arn,
      aws_sqs_queue.dead_letters[0].kms_master_key_id == var.kms_key_arn,
    ])
    error_message = "A queue is not encrypted with the key."
  }
}

run "the_config_rule_evaluates_and_acts_only_when_told_to" {
  command = apply

  variables {
    name        = "prod"
    config_rule = "remediate"
  }

  assert {
    condition = alltrue([
      output.config_rule_name == "prod",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_CONFIG_RULE"] == "true",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_CONFIG_RULE_REMEDIATES"] == "true",
      length(aws_sqs_queue.events) == 0,
    ])
    error_message = "The Config rule is not what the inputs say."
  }
}

run "without_a_bucket_nothing_is_kept" {
  command = apply

  assert {
    condition = alltrue([
      length(aws_s3_bucket.reports) == 0,
      !contains(keys(aws_lambda_function.this.environment[0].variables), "TAG_POLICY_REPORT_BUCKET"),
      output.report_bucket_name == null,
      output.report_bucket_arn == null,
      length(output.report_prefixes) == 0,
    ])
    error_message = "There is a bucket that nobody asked for."
  }
}

run "an_existing_bucket_is_used_and_not_made" {
  command = apply

  variables {
    report_bucket = { name = "all-reports", prefix = "tag-policy/" }
  }

  assert {
    condition = alltrue([
      length(aws_s3_bucket.reports) == 0,
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_REPORT_BUCKET"] == "all-reports",
      aws_lambda_function.this.environment[0].variables["TAG_POLICY_REPORT_PREFIX"] == "tag-policy/",
      output.report_bucket_arn == "arn:aws:s3:::all-reports",
      output.report_prefixes.pages == "tag-policy/pages/account=123456789012/region=eu-west-1/engine=tag-policy/",
    ])
    error_message = "The bucket is not the one that was named."
  }
}

run "a_bucket_that_is_made_is_private_encrypted_and_versioned" {
  command = plan

  variables {
    name          = "Tag_Policy-of-a-very-long-name-indeed"
    report_bucket = { create = true, retention_days = 30 }
    kms_key_arn   = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket.reports[0].bucket == "tag-policy-of-a-very-long--${substr(sha1(var.name), 0, 8)}-123456789012-eu-west-1",
      aws_s3_bucket_public_access_block.reports[0].block_public_policy,
      aws_s3_bucket_versioning.reports[0].versioning_configuration[0].status == "Enabled",
      one(one(aws_s3_bucket_server_side_encryption_configuration.reports[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms",
      aws_s3_bucket_lifecycle_configuration.reports[0].rule[0].expiration[0].days == 30,
    ])
    error_message = "The bucket is not what it should be."
  }
}

run "silence_is_two_periods_of_the_schedule" {
  command = plan

  assert {
    condition     = local.silence_seconds == 8100 && local.silence_period == 300 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 27
    error_message = "rate(1 hour) is not two hours and a run of silence."
  }
}

run "silence_of_a_fast_schedule_is_longer_than_a_run" {
  command = plan

  variables {
    schedule = { expression = "rate(1 minute)" }
  }

  assert {
    condition     = local.silence_seconds == 1020 && local.silence_period == 300 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 4
    error_message = "rate(1 minute) is not two minutes and a run of silence."
  }
}

run "silence_of_a_slow_schedule_is_at_most_a_week" {
  command = plan

  variables {
    schedule = { expression = "rate(3 days)" }
  }

  assert {
    condition     = local.silence_seconds == 519300 && local.silence_period == 3600 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 145
    error_message = "rate(3 days) is not six days of silence."
  }
}

run "a_cron_of_every_hour_is_silent_as_a_rate_is" {
  command = plan

  variables {
    schedule = { expression = "cron(0/15 * * * ? *)" }
  }

  assert {
    condition     = local.silence_seconds == 8100 && local.silence_period == 300 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 27
    error_message = "An hourly cron is not two hours of silence."
  }
}

run "a_schedule_slower_than_cloudwatch_looks_back_has_no_alarm_on_silence" {
  command = plan

  variables {
    schedule = { expression = "rate(4 days)" }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silence) == 0 && length(aws_cloudwatch_composite_alarm.silence) == 0
    error_message = "An alarm looks back more than a week."
  }
}

run "a_cron_of_every_day_is_silent_after_two_days" {
  command = plan

  variables {
    schedule = { expression = "cron(0 6 * * ? *)" }
  }

  assert {
    condition     = local.silence_period == 3600 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 48
    error_message = "A daily cron is not two days of silence."
  }
}

run "a_cron_of_some_days_has_no_alarm_on_silence" {
  command = plan

  variables {
    schedule = { expression = "cron(0 6 ? * MON-FRI *)" }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silence) == 0 && length(aws_cloudwatch_composite_alarm.silence) == 0
    error_message = "An alarm would ring every weekend."
  }
}

run "unless_it_is_told_when" {
  command = plan

  variables {
    schedule   = { expression = "cron(0 6 ? * MON-FRI *)" }
    monitoring = { silence_after_hours = 75 }
  }

  assert {
    condition     = local.silence_period == 3600 && aws_cloudwatch_metric_alarm.silence[0].evaluation_periods == 75
    error_message = "75 hours are not 75 hours."
  }
}

run "without_a_schedule_nobody_misses_it" {
  command = plan

  variables {
    schedule   = null
    monitoring = { silence_after_hours = 2 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silence) == 0 && length(aws_cloudwatch_composite_alarm.silence) == 0
    error_message = "An alarm waits for a schedule that is not there."
  }
}

run "without_metrics_there_are_the_alarms_on_errors_and_dead_letters" {
  command = apply

  variables {
    monitoring     = { metrics = "off" }
    event_triggers = { launch = true }
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_log_metric_filter.this) == 0,
      length(aws_cloudwatch_log_metric_filter.by_vpc) == 0,
      length(aws_cloudwatch_dashboard.this) == 0,
      toset(keys(output.alarm_arns)) == toset(["errors", "dead-letters"]),
      output.dashboard_url == null,
      output.metrics_namespace == null,
    ])
    error_message = "Something needs metrics that are not made."
  }
}

run "by_default_there_are_the_metrics_that_alarms_go_by" {
  command = apply

  assert {
    condition = alltrue([
      toset(keys(aws_cloudwatch_log_metric_filter.this)) == toset(["Sweeps", "RuleErrors", "SweepFailed", "HeldBack"]),
      length(aws_cloudwatch_log_metric_filter.by_vpc) == 0,
      length(aws_cloudwatch_dashboard.this) == 0,
      length(aws_cloudwatch_query_definition.this) == 10,
      toset(keys(output.alarm_arns)) == toset(["errors", "rule-errors", "failures", "limits", "silence"]),
    ])
    error_message = "The default costs more than the alarms need, or less than they need."
  }
}

run "alarms_tell_whom_they_are_to_tell_and_queries_can_be_left_out" {
  command = apply

  variables {
    event_triggers = { launch = true }
    monitoring     = { alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"], queries = false }
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        [aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.dead_letters[0], aws_cloudwatch_composite_alarm.silence[0]],
        values(aws_cloudwatch_metric_alarm.of_metric),
      ) :
      contains(alarm.alarm_actions, "arn:aws:sns:eu-west-1:123456789012:on-call") && length(alarm.alarm_actions) == 2
    ])
    error_message = "An alarm does not tell those who are on call."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 0
    error_message = "There are queries that nobody wants."
  }
}

run "without_a_dashboard_there_are_metrics_and_alarms" {
  command = apply

  variables {
    monitoring = { metrics = "full", dashboard = false }
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_dashboard.this) == 0,
      length(aws_cloudwatch_log_metric_filter.this) == 20,
      toset(keys(output.alarm_arns)) == toset(["errors", "rule-errors", "failures", "limits", "silence"]),
    ])
    error_message = "More than the dashboard is missing."
  }
}

run "the_dashboard_of_an_audit_says_would_be" {
  command = apply

  variables {
    mode           = "audit"
    event_triggers = { tag_change = true }
    monitoring     = { metrics = "full" }
  }

  assert {
    condition = alltrue([
      strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "would be terminated"),
      strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "tag-policy-dead-letters"),
      strcontains(aws_cloudwatch_log_metric_filter.this["Tagged"].pattern, "\"audit\""),
      aws_cloudwatch_log_metric_filter.this["Terminated"].metric_transformation[0].name == "WouldBeTerminated",
      aws_cloudwatch_dashboard.this[0].dashboard_name == "tag-policy-eu-west-1",
    ])
    error_message = "The dashboard does not say that nothing was done."
  }
}

run "metrics_go_by_what_a_run_was_about_and_not_by_what_woke_it" {
  command = plan

  variables {
    schedule    = null
    config_rule = "evaluate"
    monitoring  = { metrics = "full" }
  }

  assert {
    condition = alltrue([
      for filter in concat(values(aws_cloudwatch_log_metric_filter.this), values(aws_cloudwatch_log_metric_filter.by_vpc)) :
      !strcontains(filter.pattern, "trigger")
    ])
    error_message = "A metric waits for a trigger that may not be there."
  }

  assert {
    condition = alltrue([
      for key in ["Sweeps", "Seconds"] :
      aws_cloudwatch_log_metric_filter.this[key].pattern == "{ ($.message = \"summary\") && ($.summary.engine = \"tag-policy\") && ($.summary.mode = \"enforce\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) }"
    ])
    error_message = "A sweep is a run about everything that was to act, and that had rules."
  }

  assert {
    condition = alltrue([
      for key, of in { SweepFailed = "$.summary.outcomes.failed", HeldBack = "$.summary.held_back" } :
      aws_cloudwatch_log_metric_filter.this[key].pattern == "{ ($.message = \"summary\") && ($.summary.engine = \"tag-policy\") && ($.summary.mode = \"enforce\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) && (($.summary.complete IS TRUE) || (${of} > 0)) }"
    ])
    error_message = "A sweep that saw a part may ring an alarm, and may not end one."
  }

  assert {
    condition = alltrue([
      for key in ["Instances", "Compliant", "Exempt", "Violations"] :
      aws_cloudwatch_log_metric_filter.this[key].pattern == "{ ($.message = \"summary\") && ($.summary.engine = \"tag-policy\") && ($.summary.mode = \"enforce\") && ($.summary.complete IS TRUE) && ($.summary.scope = \"all\") }"
    ])
    error_message = "Only a complete run about everything knows how compliant a VPC is, whether or not it was to act."
  }

  assert {
    condition = alltrue([
      for filter in values(aws_cloudwatch_log_metric_filter.by_vpc) :
      filter.pattern == "{ ($.message = \"summary of a VPC\") && ($.vpc.engine = \"tag-policy\") && ($.vpc.mode = \"enforce\") && ($.vpc.complete IS TRUE) && ($.vpc.scope = \"all\") }"
    ])
    error_message = "The metrics of a VPC are not those of complete runs about everything."
  }

  assert {
    condition = alltrue([
      for key in ["Tagged", "Terminated", "Stopped", "Marked", "Notified", "Reported", "Left", "Deferred", "Failed", "RuleErrors"] :
      aws_cloudwatch_log_metric_filter.this[key].pattern == "{ ($.message = \"summary\") && ($.summary.engine = \"tag-policy\") && ($.summary.mode = \"enforce\") && ($.summary.rules > 0) }"
    ])
    error_message = "What was done is counted of every run, events included."
  }
}

run "no_saved_query_compares_sentences" {
  command = apply

  variables {
    mode       = "audit"
    monitoring = { metrics = "full" }
  }

  assert {
    condition = alltrue([
      for query in values(aws_cloudwatch_query_definition.this) :
      !can(regex("(reason|detail|message) *(=|!=|like|in) *\"[^\"]* ", query.query_string))
    ])
    error_message = "A saved query compares a sentence, which may change."
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_query_definition.this) == 10,
      strcontains(aws_cloudwatch_query_definition.this["What somebody has to decide"].query_string, "result = \"left\""),
      strcontains(aws_cloudwatch_query_definition.this["Who was told of what"].query_string, "remedy = \"mark\""),
      strcontains(aws_cloudwatch_query_definition.this["Who launches instances without the tags"].query_string, "code = \"missing\""),
      strcontains(aws_cloudwatch_query_definition.this["What is due, and when"].query_string, "due"),
      aws_cloudwatch_log_metric_filter.this["Left"].metric_transformation[0].name == "WouldBeLeft",
    ])
    error_message = "A query or a metric does not ask for what it says."
  }
}

run "the_organisations_role_and_log_group_are_used_and_none_is_made" {
  command = plan

  variables {
    role     = { arn = "arn:aws:iam::123456789012:role/org/tag-policy" }
    function = { log_group_name = "/org/tag-policy" }
  }

  assert {
    condition     = aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/org/tag-policy" && output.role_name == "tag-policy"
    error_message = "The function has another role."
  }

  assert {
    condition     = length(aws_iam_role.this) + length(aws_iam_role_policy.this) + length(aws_iam_policy.value_lock) + length(aws_iam_role_policy_attachment.value_lock) == 0
    error_message = "A role or a policy is made."
  }

  assert {
    condition = (
      length(aws_cloudwatch_log_group.this) == 0
      && aws_lambda_function.this.logging_config[0].log_group == "/org/tag-policy"
      && alltrue([for found in aws_cloudwatch_log_metric_filter.this : found.log_group_name == "/org/tag-policy"])
    )
    error_message = "The log group is not used, or another one is made."
  }
}

run "the_function_may_be_in_a_vpc" {
  command = plan

  variables {
    function = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-0a1b2c3d4e5f67890"])
    error_message = "The function is in no VPC."
  }
}

run "refuses_a_function_without_security_groups" {
  command = plan

  variables {
    function = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"] } }
  }

  expect_failures = [var.function]
}

run "refuses_a_misspelt_vpc_config" {
  command = plan

  variables {
    function = { vpc_config = { subnets = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  expect_failures = [var.function]
}

run "refuses_how_long_a_log_is_kept_beside_a_log_group_that_is_there" {
  command = plan

  variables {
    function = { log_group_name = "/org/tag-policy", log_retention_days = 90 }
  }

  expect_failures = [var.function]
}

run "refuses_an_arn_for_the_log_group" {
  command = plan

  variables {
    function = { log_group_name = "arn:aws:logs:eu-west-1:123456789012:log-group:org" }
  }

  expect_failures = [var.function]
}

run "refuses_a_boundary_beside_a_role_that_is_there" {
  command = plan

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/tag-policy", permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary" }
  }

  expect_failures = [var.role]
}

run "refuses_the_name_of_a_role_for_its_arn" {
  command = plan

  variables {
    role = { arn = "tag-policy" }
  }

  expect_failures = [var.role]
}

run "a_table_of_another_account_is_named_by_its_arn" {
  command = plan

  variables {
    rules       = {}
    rules_table = { arn = "arn:aws:dynamodb:eu-west-1:999999999999:table/org-rules", writable_tag_keys = ["Owner"] }
  }

  assert {
    condition = (
      length(aws_dynamodb_table.this) == 0
      && aws_lambda_function.this.environment[0].variables["TAG_POLICY_RULES_TABLE"] == "arn:aws:dynamodb:eu-west-1:999999999999:table/org-rules"
      && output.rules_table_arn == "arn:aws:dynamodb:eu-west-1:999999999999:table/org-rules"
      && output.rules_table_name == "org-rules"
    )
    error_message = "The function does not read that table."
  }
}
