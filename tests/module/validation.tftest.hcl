# Each validation refuses what it should, at plan.

mock_provider "aws" {
  source = "./tests/module/mocks"
}

run "refuses_no_vpc" {
  command = plan

  variables {
    vpc_ids = []
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_vpcs_in_two_ways" {
  command = plan

  variables {
    all_vpcs = true
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_tag_of_vpcs_without_a_key" {
  command = plan

  variables {
    vpc_ids  = []
    vpc_tags = { "" = "prod" }
  }

  expect_failures = [var.vpc_tags]
}

run "refuses_more_vpcs_than_the_environment_holds" {
  command = plan

  variables {
    vpc_ids = [for number in range(400) : "vpc-${substr(sha1(number), 0, 17)}"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_what_is_no_vpc_id" {
  command = plan

  variables {
    vpc_ids = ["subnet-0a1b2c3d4e5f67890"]
  }

  expect_failures = [var.vpc_ids]
}

run "refuses_a_vpc_id_in_capitals" {
  command = plan

  variables {
    vpc_ids = ["vpc-0A1B2C3D"]
  }

  expect_failures = [var.vpc_ids]
}

run "refuses_an_unknown_untagged_action" {
  command = plan

  variables {
    untagged_action = "delete"
  }

  expect_failures = [var.untagged_action]
}

run "refuses_an_unknown_escalation" {
  command = plan

  variables {
    max_escalation = "delete"
  }

  expect_failures = [var.max_escalation]
}

run "refuses_to_isolate_without_a_group" {
  command = plan

  variables {
    untagged_action = "isolate"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_to_isolate_by_a_rule_without_a_group" {
  command = plan

  variables {
    max_escalation = "isolate"
    rules          = { 10 = { tag_key = "Owner", escalate = { isolate = "1d" } } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_group_of_a_vpc_that_is_not_looked_after" {
  command = plan

  variables {
    isolation_security_groups = { "vpc-11111111" = "sg-0a1b2c3d4e5f67890" }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_what_is_no_security_group" {
  command = plan

  variables {
    isolation_security_groups = { "vpc-0a1b2c3d4e5f67890" = "default" }
  }

  expect_failures = [var.isolation_security_groups]
}

run "refuses_an_unknown_mode" {
  command = plan

  variables {
    mode = "dry-run"
  }

  expect_failures = [var.mode]
}

run "refuses_a_name_with_a_space" {
  command = plan

  variables {
    name = "tag policy"
  }

  expect_failures = [var.name]
}

run "refuses_a_name_of_41_characters" {
  command = plan

  variables {
    name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
  }

  expect_failures = [var.name]
}

run "refuses_an_unknown_owner_of_the_rules" {
  command = plan

  variables {
    rules_table = { owner = "dynamodb" }
  }

  expect_failures = [var.rules_table]
}

run "refuses_the_arn_of_a_table" {
  command = plan

  variables {
    rules_table = { name = "arn:aws:dynamodb:eu-west-1:123456789012:table/rules" }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_writable_tag_key_of_aws" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = ["aws:x"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_writable_tag_key_with_a_wildcard" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = ["Cost*"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_grace_period_without_a_unit" {
  command = plan

  variables {
    grace_period = "24"
  }

  expect_failures = [var.grace_period]
}

run "refuses_a_minimum_age_in_words" {
  command = plan

  variables {
    minimum_age = "an hour"
  }

  expect_failures = [var.minimum_age]
}

run "refuses_a_marker_of_aws" {
  command = plan

  variables {
    marker_tag_key = "aws:due"
  }

  expect_failures = [var.marker_tag_key]
}

run "refuses_an_exemption_with_a_wildcard" {
  command = plan

  variables {
    exempt_tag_key = "keep*"
  }

  expect_failures = [var.exempt_tag_key]
}

run "refuses_to_end_half_an_instance" {
  command = plan

  variables {
    max_destructive = 0.5
  }

  expect_failures = [var.max_destructive]
}

run "refuses_more_than_all_instances" {
  command = plan

  variables {
    max_destructive_percent = 101
  }

  expect_failures = [var.max_destructive_percent]
}

run "refuses_one_tag_for_mark_and_exemption" {
  command = plan

  variables {
    exempt_tag_key = "tag-policy:due"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_unknown_creator_format" {
  command = plan

  variables {
    creator = { format = "user" }
  }

  expect_failures = [var.creator]
}

run "refuses_unknown_attribution_details" {
  command = plan

  variables {
    creator = { details = "on" }
  }

  expect_failures = [var.creator]
}

run "refuses_a_delay_that_no_event_keeps_to" {
  command = plan

  variables {
    creator = { delay_minutes = 1 }
  }

  expect_failures = [var.creator]
}

run "refuses_more_lookups_than_cloudtrail_allows" {
  command = plan

  variables {
    creator = { lookups_per_second = 5 }
  }

  expect_failures = [var.creator]
}

run "refuses_a_budget_that_leaves_no_time_for_the_rest" {
  command = plan

  variables {
    creator = { budget_seconds = 900 }
  }

  expect_failures = [var.creator]
}

run "refuses_a_creator_whose_key_has_no_room_for_its_detail" {
  command = plan

  variables {
    creator = { details = "event_id" }
    rules   = { 1 = { tag_key = join("", [for i in range(120) : "k"]), action = "UserLookup" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_rule_about_the_detail_of_a_creator" {
  command = plan

  variables {
    creator = { details = "event_id" }
    rules = {
      1 = { tag_key = "Owner", action = "UserLookup" }
      2 = { tag_key = "Owner:event-id", action = "Update", default = "none" }
    }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_the_name_of_a_topic" {
  command = plan

  variables {
    topic = { arn = "reports" }
  }

  expect_failures = [var.topic]
}

run "refuses_a_fifo_topic" {
  command = plan

  variables {
    topic = { arn = "arn:aws:sns:eu-west-1:123456789012:reports.fifo" }
  }

  expect_failures = [var.topic]
}

run "refuses_what_is_no_email_address" {
  command = plan

  variables {
    email_subscriptions = ["ops"]
  }

  expect_failures = [var.email_subscriptions]
}

run "refuses_a_rate_of_1_hours" {
  command = plan

  variables {
    schedule = { expression = "rate(1 hours)" }
  }

  expect_failures = [var.schedule]
}

run "refuses_a_rate_of_5_minute" {
  command = plan

  variables {
    schedule = { expression = "rate(5 minute)" }
  }

  expect_failures = [var.schedule]
}

run "refuses_a_cron_of_five_fields" {
  command = plan

  variables {
    schedule = { expression = "cron(0 6 * * *)" }
  }

  expect_failures = [var.schedule]
}

run "takes_an_empty_package_for_the_one_that_is_shipped" {
  command = plan

  variables {
    function = { package = {} }
  }

  assert {
    condition     = aws_lambda_function.this.filename == local.shipped_package
    error_message = "Another package than the shipped one."
  }
}

run "refuses_an_abbreviation_for_a_time_zone" {
  command = plan

  variables {
    schedule = { time_zone = "cest" }
  }

  expect_failures = [var.schedule]
}

run "refuses_a_role_for_a_schedule_without_a_time_zone" {
  command = plan

  variables {
    schedule = { role_arn = "arn:aws:iam::123456789012:role/waker" }
  }

  expect_failures = [var.schedule]
}

run "refuses_the_name_of_a_role_for_the_schedulers" {
  command = plan

  variables {
    schedule = { time_zone = "Europe/Berlin", role_arn = "waker" }
  }

  expect_failures = [var.schedule]
}

run "refuses_a_time_zone_where_the_organisation_makes_the_roles_and_gives_none_for_it" {
  command = plan

  variables {
    schedule = { time_zone = "Europe/Berlin" }
    role     = { arn = "arn:aws:iam::123456789012:role/tag-policy" }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_one_tag_key_for_a_list_of_them" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = "CostCenter" }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_tag_key_of_awss_for_one_to_delete" {
  command = plan

  variables {
    rules_table = { removable_tag_keys = ["aws:x"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_wildcards_in_what_may_be_written_over" {
  command = plan

  variables {
    rules_table = { changeable_tag_keys = ["Cost*"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_words_for_a_schedule" {
  command = plan

  variables {
    schedule = { expression = "every hour" }
  }

  expect_failures = [var.schedule]
}

run "refuses_an_old_runtime" {
  command = plan

  variables {
    function = { runtime = "python3.9" }
  }

  expect_failures = [var.function]
}

run "refuses_another_runtime" {
  command = plan

  variables {
    function = { runtime = "nodejs22.x" }
  }

  expect_failures = [var.function]
}

run "refuses_an_unknown_architecture" {
  command = plan

  variables {
    function = { architecture = "arm" }
  }

  expect_failures = [var.function]
}

run "refuses_too_little_memory" {
  command = plan

  variables {
    function = { memory_mb = 64 }
  }

  expect_failures = [var.function]
}

run "refuses_too_short_a_timeout" {
  command = plan

  variables {
    function = { timeout_seconds = 299 }
  }

  expect_failures = [var.function]
}

run "refuses_too_long_a_timeout" {
  command = plan

  variables {
    function = { timeout_seconds = 901 }
  }

  expect_failures = [var.function]
}

run "refuses_a_retention_that_logs_do_not_know" {
  command = plan

  variables {
    function = { log_retention_days = 31 }
  }

  expect_failures = [var.function]
}

run "refuses_a_log_level_that_loses_findings" {
  command = plan

  variables {
    function = { log_level = "WARN" }
  }

  expect_failures = [var.function]
}

run "refuses_a_reserved_concurrency_of_none" {
  command = plan

  variables {
    function = { reserved_concurrency = 0 }
  }

  expect_failures = [var.function]
}

run "refuses_a_package_from_both_places" {
  command = plan

  variables {
    function = { package = { filename = "dist/tag_policy.zip", s3_bucket = "b", s3_key = "k", source_code_hash = "h" } }
  }

  expect_failures = [var.function]
}

run "refuses_a_package_in_s3_without_its_hash" {
  command = plan

  variables {
    function = { package = { s3_bucket = "b", s3_key = "k" } }
  }

  expect_failures = [var.function]
}

run "refuses_a_package_that_is_not_there" {
  command = plan

  variables {
    function = { package = { filename = "dist/nothing.zip" } }
  }

  expect_failures = [var.function]
}

run "refuses_the_alias_of_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/tags"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_boundary_that_is_no_policy" {
  command = plan

  variables {
    role = { permissions_boundary_arn = "arn:aws:iam::123456789012:role/x" }
  }

  expect_failures = [var.role]
}

run "refuses_a_path_without_slashes" {
  command = plan

  variables {
    role = { path = "tag-policy" }
  }

  expect_failures = [var.role]
}

run "refuses_no_tag_key_to_write" {
  command = plan

  variables {
    rules = {}
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_subscribers_to_a_topic_of_somebody_else" {
  command = plan

  variables {
    topic               = { arn = "arn:aws:sns:eu-west-1:123456789012:reports" }
    email_subscriptions = ["ops@example.com"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_topic_of_another_region" {
  command = plan

  variables {
    topic = { arn = "arn:aws:sns:us-east-1:123456789012:reports" }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_topic_that_is_given_and_is_none" {
  command = plan

  variables {
    topic = { arn = null }
  }

  expect_failures = [var.topic]
}

run "refuses_the_key_of_a_topic_that_is_made" {
  command = plan

  variables {
    topic = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  expect_failures = [var.topic]
}

run "refuses_the_key_of_a_table_that_is_made" {
  command = plan

  variables {
    rules_table = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_window_that_lambda_would_refuse" {
  command = plan

  variables {
    event_triggers = { batching_window_seconds = 0 }
  }

  expect_failures = [var.event_triggers]
}

run "refuses_a_window_longer_than_lambda_takes" {
  command = plan

  variables {
    event_triggers = { batching_window_seconds = 301 }
  }

  expect_failures = [var.event_triggers]
}

run "refuses_two_tries" {
  command = plan

  variables {
    event_triggers = { tries = 2 }
  }

  expect_failures = [var.event_triggers]
}

run "refuses_to_throttle_the_event_queue" {
  command = plan

  variables {
    event_triggers = { launch = true }
    function       = { reserved_concurrency = 2 }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_unknown_use_of_aws_config" {
  command = plan

  variables {
    config_rule = "enabled"
  }

  expect_failures = [var.config_rule]
}

run "refuses_a_dashboard_of_metrics_that_are_not_there" {
  command = plan

  variables {
    monitoring = { dashboard = true }
  }

  expect_failures = [var.monitoring]
}

run "refuses_a_bucket_that_is_neither_made_nor_named" {
  command = plan

  variables {
    report_bucket = { prefix = "tag-policy/" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_a_bucket_that_is_made_and_named" {
  command = plan

  variables {
    report_bucket = { create = true, name = "reports" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_a_prefix_without_a_slash" {
  command = plan

  variables {
    report_bucket = { create = true, prefix = "tag-policy" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_a_prefix_that_iam_would_read_otherwise" {
  command = plan

  variables {
    report_bucket = { create = true, prefix = "tag*/" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_a_prefix_that_is_too_long" {
  command = plan

  variables {
    report_bucket = { create = true, prefix = "${join("", [for number in range(101) : "a"])}/" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_reports_that_are_kept_for_half_a_day" {
  command = plan

  variables {
    report_bucket = { create = true, retention_days = 0.5 }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_silence_of_more_than_a_week" {
  command = plan

  variables {
    monitoring = { silence_after_hours = 169 }
  }

  expect_failures = [var.monitoring]
}

run "refuses_silence_of_half_an_hour" {
  command = plan

  variables {
    monitoring = { silence_after_hours = 0.5 }
  }

  expect_failures = [var.monitoring]
}

run "refuses_the_arn_of_a_bucket" {
  command = plan

  variables {
    report_bucket = { name = "arn:aws:s3:::my-reports" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_a_key_for_the_bucket_that_is_made" {
  command = plan

  variables {
    report_bucket = { create = true, kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_an_alias_as_the_key_of_the_bucket" {
  command = plan

  variables {
    report_bucket = { name = "my-reports", kms_key_arn = "alias/reports" }
  }

  expect_failures = [var.report_bucket]
}
