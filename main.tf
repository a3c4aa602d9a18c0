# The function: its log group, the Lambda, where it says that an invocation failed.

locals {
  shipped_package = "${path.module}/dist/tag_policy.zip"
  package_file    = try(var.function.package.s3_key, null) != null ? null : coalesce(try(var.function.package.filename, null), local.shipped_package)
  package_hash    = local.package_file == null ? var.function.package.source_code_hash : filebase64sha256(local.package_file)
}

resource "aws_cloudwatch_log_group" "this" {
  count = local.creates_log_group ? 1 : 0

  #checkov:skip=CKV_AWS_338:How long a log is kept is the user's decision: function.log_retention_days.
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts by itself; kms_key_arn adds the user's key.
  name              = local.log_group_name
  retention_in_days = local.function.log_retention_days
  kms_key_id        = var.kms_key_arn
  skip_destroy      = local.function.log_skip_destroy
  tags              = var.tags
}

# What is made of the log waits for the group that is made.
locals {
  made_log_group_name = local.creates_log_group ? aws_cloudwatch_log_group.this[0].name : local.log_group_name
}

locals {
  # Which VPCs, as JSON. Compressed only where it is long, because people read it in the console.
  vpcs_json = (
    var.all_vpcs ? jsonencode({ all = true })
    : length(var.vpc_tags) > 0 ? jsonencode({ tags = var.vpc_tags })
    : jsonencode({ ids = sort(var.vpc_ids) })
  )
  vpc_overrides_json    = jsonencode(local.vpc_overrides)
  isolation_groups_json = jsonencode(var.isolation_security_groups)
  facts_json            = jsonencode(var.facts)

  # Packed where they are long.
  unlocked_keys      = jsonencode(sort(local.changed_tag_keys))
  unlocked_keys_json = length(local.unlocked_keys) <= 512 ? local.unlocked_keys : "gzip:${base64gzip(local.unlocked_keys)}"
  named_keys         = jsonencode(sort(local.guarding_tag_keys))
  named_keys_json    = length(local.named_keys) <= 512 ? local.named_keys : "gzip:${base64gzip(local.named_keys)}"

  # With its tag key, so that one that has gone from the table is known for what it was about.
  seeded_rules_json = jsonencode({ for id, rule in local.rules : id => rule.tag_key })

  vpcs = length(local.vpcs_json) <= 1024 ? local.vpcs_json : "gzip:${base64gzip(local.vpcs_json)}"

  environment = merge(
    {
      TAG_POLICY_RULES_TABLE     = local.gives_table_arn ? var.rules_table.arn : local.rules_table_name
      TAG_POLICY_STATE_TABLE     = local.state_table_name
      TAG_POLICY_TOPIC_ARN       = local.arns.topic
      TAG_POLICY_VPCS            = local.vpcs
      TAG_POLICY_UNTAGGED_ACTION = var.untagged_action
      TAG_POLICY_MODE            = var.mode
      TAG_POLICY_MAX_ESCALATION  = var.max_escalation
      TAG_POLICY_GRACE_PERIOD    = var.grace_period
      TAG_POLICY_MINIMUM_AGE     = var.minimum_age
      TAG_POLICY_MARKER_TAG_KEY  = var.marker_tag_key
      TAG_POLICY_EXEMPT_TAG_KEY  = var.exempt_tag_key
      TAG_POLICY_PROTECT_MANAGED = var.protect_managed
      TAG_POLICY_MAX_DESTRUCTIVE = var.max_destructive

      # As JSON, because a tag key may hold a comma.
      TAG_POLICY_FORMER_MARKER_TAG_KEYS = jsonencode(sort(var.former_marker_tag_keys))

      TAG_POLICY_REPORT_UNCHANGED = var.report_unchanged

      TAG_POLICY_CREATOR_FORMAT             = local.creator.format
      TAG_POLICY_ATTRIBUTION_DETAILS        = local.creator.details
      TAG_POLICY_ATTRIBUTION_DELAY_MINUTES  = local.creator.delay_minutes
      TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS = local.creator.budget_seconds
      TAG_POLICY_LOOKUPS_PER_SECOND         = local.creator.lookups_per_second

      # Read by glibc, which gives each thread an arena of its own: 100 MiB of the 256.
      MALLOC_ARENA_MAX = 1
    },
    local.creates_table && local.rules_owner == "terraform" && length(local.rules) > 0 ? {
      TAG_POLICY_SEEDED_RULES = length(local.seeded_rules_json) <= 512 ? local.seeded_rules_json : "gzip:${base64gzip(local.seeded_rules_json)}"
    } : {},
    length(local.hanging_types) == 0 ? {} : {
      TAG_POLICY_RESOURCE_TYPES = jsonencode(sort(local.resource_types))
    },
    length(var.facts) == 0 ? {} : {
      TAG_POLICY_FACTS = length(local.facts_json) <= 512 ? local.facts_json : "gzip:${base64gzip(local.facts_json)}"
    },
    # What may be written over is looked at right before it is written, whatever rule it is of.
    local.enforces && length(local.changed_tag_keys) > 0 ? {
      TAG_POLICY_UNLOCKED_TAG_KEYS = local.unlocked_keys_json
    } : {},
    # What the lock on ending names, where there may be rules that Terraform does not know.
    local.table_knows_more && length(local.ends) > 0 ? {
      TAG_POLICY_NAMED_TAG_KEYS = local.named_keys_json
    } : {},
    length(local.vpc_overrides) == 0 ? {} : {
      TAG_POLICY_VPC_OVERRIDES = length(local.vpc_overrides_json) <= 512 ? local.vpc_overrides_json : "gzip:${base64gzip(local.vpc_overrides_json)}"
    },
    length(var.isolation_security_groups) == 0 ? {} : {
      TAG_POLICY_ISOLATION_SECURITY_GROUPS = length(local.isolation_groups_json) <= 512 ? local.isolation_groups_json : "gzip:${base64gzip(local.isolation_groups_json)}"
    },
    local.has_schedule ? { TAG_POLICY_SCHEDULE = local.schedule.expression } : {},
    local.schedule.time_zone == null ? {} : { TAG_POLICY_TIME_ZONE = local.schedule.time_zone },
    local.keeps_reports ? {
      TAG_POLICY_REPORT_BUCKET = local.report_bucket
      TAG_POLICY_REPORT_PREFIX = local.report_prefix
      # Empty, and not left out: a key that is made in this apply would hide all of the environment.
      TAG_POLICY_REPORT_KMS_KEY_ARN = local.report_kms_key_arn == null ? "" : local.report_kms_key_arn
    } : {},
    local.has_events ? { TAG_POLICY_QUEUE_URL = local.queue_url } : {},
    var.config_rule != "off" ? {
      TAG_POLICY_CONFIG_RULE            = true
      TAG_POLICY_CONFIG_RULE_REMEDIATES = var.config_rule == "remediate"
    } : {},
    var.max_destructive_percent == null ? {} : {
      TAG_POLICY_MAX_DESTRUCTIVE_PERCENT = var.max_destructive_percent
    },
  )

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
  environment_bytes      = sum([for name, value in local.environment : length(base64encode("${name}${value}")) * 3 / 4 + 2])
  environment_bytes_most = 4096
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:X-Ray would cost and tell little: a run is a plain sequence of calls, all in the log.
  #checkov:skip=CKV_AWS_115:New accounts cannot reserve concurrency; function.reserved_concurrency does it.
  #checkov:skip=CKV_AWS_116:A failed invocation is sent to the topic, where people see it.
  #checkov:skip=CKV_AWS_117:The function calls public AWS APIs only; function.vpc_config is for who has to.
  #checkov:skip=CKV_AWS_173:The environment holds names and choices, no secret.
  #checkov:skip=CKV_AWS_272:A signed package is the user's choice: function.package.
  function_name = var.name
  description   = "Tag Policy Engine (mode ${var.mode}, untagged instances: ${var.untagged_action}${length(local.vpc_overrides) == 0 ? "" : "; otherwise in some VPCs"})"
  role          = local.made_role_arn

  filename         = local.package_file
  s3_bucket        = try(var.function.package.s3_bucket, null)
  s3_key           = try(var.function.package.s3_key, null)
  source_code_hash = local.package_hash

  handler                        = "tag_policy.handler.lambda_handler"
  runtime                        = local.function.runtime
  architectures                  = [local.function.architecture]
  memory_size                    = local.function.memory_mb
  timeout                        = local.function.timeout_seconds
  reserved_concurrent_executions = var.enabled ? coalesce(local.function.reserved_concurrency, -1) : 0
  code_signing_config_arn        = local.function.code_signing_config_arn

  environment {
    variables = local.environment
  }

  dynamic "vpc_config" {
    for_each = local.function.vpc_config == null ? [] : [local.function.vpc_config]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    log_group             = local.log_group_name
    log_format            = "JSON"
    application_log_level = local.function.log_level
    system_log_level      = "INFO"
  }

  tags = var.tags

  # The function may do nothing before its role may do it, and no longer.
  depends_on = [aws_iam_role_policy.this, aws_cloudwatch_log_group.this]

  lifecycle {
    precondition {
      condition     = length(local.guarding_tag_keys) > 0 || (!local.enforces && local.table_knows_more)
      error_message = "With no rules there is no tag key that the role may write; give rules, or name the keys of the shared table in rules_table.writable_tag_keys, such as [\"CostCenter\"]."
    }

    precondition {
      condition     = length([for given in [length(var.vpc_ids) > 0, length(var.vpc_tags) > 0, var.all_vpcs] : given if given]) == 1
      error_message = "Say which VPCs in one way: vpc_ids = [\"vpc-0a1b2c3d4e5f67890\"], vpc_tags = { Stage = \"prod\" }, or all_vpcs = true."
    }

    # A misspelt id protects nobody. Where VPCs are found anew in each run, each run looks.
    precondition {
      condition     = length(var.vpc_ids) == 0 || length(setsubtract(keys(local.vpc_overrides), var.vpc_ids)) == 0
      error_message = "vpc_overrides names ${join(", ", setsubtract(keys(local.vpc_overrides), var.vpc_ids))}, which vpc_ids does not; correct the id, or take the override out."
    }

    precondition {
      condition     = local.environment_bytes <= local.environment_bytes_most
      error_message = "The function's environment would have ${ceil(local.environment_bytes)} bytes, and Lambda takes ${local.environment_bytes_most}. Most of it is ${try([for name, value in local.environment : name if length(tostring(value)) == max([for text in values(local.environment) : length(tostring(text))]...)][0], "VPCs")}. Where that is VPCs or overrides (${length(var.vpc_ids)} and ${length(local.vpc_overrides)}), use vpc_tags or all_vpcs = true instead of vpc_ids, or an engine for each half of them; else fewer VPCs in isolation_security_groups, or fewer or shorter facts, tag keys or rules."
    }

    precondition {
      condition     = !(contains(local.choices[*].untagged_action, "isolate") || contains(flatten([for rule in values(local.rules) : try(keys(rule.escalate), [])]), "isolate")) || length(var.isolation_security_groups) > 0
      error_message = "Instances are to be isolated (untagged_action, or a rule's escalate), but isolation_security_groups is empty; give the group that they get in each VPC, such as { \"vpc-0a1b2c3d4e5f67890\" = \"sg-0a1b2c3d4e5f67890\" }."
    }

    precondition {
      condition     = length(setsubtract([for vpc_id, override in local.vpc_overrides : vpc_id if try(override.untagged_action, "") == "isolate"], keys(var.isolation_security_groups))) == 0
      error_message = "vpc_overrides isolates in ${join(", ", setsubtract([for vpc_id, override in local.vpc_overrides : vpc_id if try(override.untagged_action, "") == "isolate"], keys(var.isolation_security_groups)))}, for which isolation_security_groups has no group; give it, or another untagged_action."
    }

    precondition {
      condition     = length(var.vpc_ids) == 0 || length(setsubtract(keys(var.isolation_security_groups), var.vpc_ids)) == 0
      error_message = "isolation_security_groups names ${join(", ", setsubtract(keys(var.isolation_security_groups), var.vpc_ids))}, which vpc_ids does not; correct the id, or take the group out."
    }

    precondition {
      condition     = length(local.too_far) == 0
      error_message = "Rules go beyond max_escalation = \"${var.max_escalation}\": ${join(", ", local.too_far)}. Raise it, or remove those steps from their escalate."
    }

    precondition {
      condition     = length(setsubtract(local.facts_asked_for, keys(var.facts))) == 0
      error_message = "Rules ask for fact:${join(", fact:", setsubtract(local.facts_asked_for, keys(var.facts)))}, which facts does not have; add it, such as facts = { ${try(tolist(setsubtract(local.facts_asked_for, keys(var.facts)))[0], "team")} = \"platforms\" }."
    }

    precondition {
      condition     = length(local.keys_alike) == 0
      error_message = "IAM treats tag keys that differ only in case as one, so the role could protect none of them: ${join("; ", [for keys in local.keys_alike : join(", ", keys)])}. Keep one spelling in rules and rules_table.writable_tag_keys, such as \"Owner\"."
    }

    precondition {
      condition     = length(local.own_keys_alike) == 0
      error_message = "marker_tag_key, exempt_tag_key and former_marker_tag_keys must differ from each other, from \"Name\", and from the keys of rules and rules_table.writable_tag_keys, in more than case, because IAM treats \"Due\" and \"due\" as one: ${join("; ", [for keys in local.own_keys_alike : join(", ", keys)])}. \"tag-policy:due\" and \"tag-policy:exempt\" would do."
    }

    precondition {
      condition = length(setintersection(
        [for key in local.own_tag_keys : "tag:${lower(key)}"],
        [for asked in local.asked_for : lower(asked)],
      )) == 0
      error_message = "A rule's when or from asks for marker_tag_key, exempt_tag_key or one of former_marker_tag_keys, which are the engine's own; ask for a tag that people write, such as \"tag:Stage\"."
    }

    precondition {
      condition = length(setintersection(
        [for key in concat(local.own_tag_keys, local.detail_tag_keys) : lower(key)],
        [for alias in concat(flatten([for rule in values(local.rules) : coalesce(rule.aliases, [])]), tolist(local.removable_tag_keys)) : lower(alias)],
      )) == 0
      error_message = "A rule's aliases, or rules_table.removable_tag_keys, name marker_tag_key, exempt_tag_key, one of former_marker_tag_keys, or what creator.details writes, which are the engine's own; drop that one."
    }

    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    precondition {
      condition     = !local.enforces || alltrue([for key in setunion(local.written_tag_keys, local.removable_tag_keys, length(local.ends) == 0 ? [] : local.rule_tag_keys) : can(regex("^[\\x{20}-\\x{7e}\\x{a0}-\\x{ff}]+$", key))])
      error_message = "The role's policies have to name each tag key that it may write or delete, or that protects an instance, but IAM knows only the letters of Western European languages; use a tag_key such as \"CostCenter\", leave rename out of a rule with such aliases, or mode = \"audit\"."
    }

    precondition {
      condition = local.detail_suffix == "" || alltrue([
        for key in local.lookup_tag_keys :
        length("${key}${local.detail_suffix}") <= 128 && !contains(local.rule_tag_keys, "${key}${local.detail_suffix}")
      ])
      error_message = "With creator.details, the tag key of a creator, followed by \":event-id\" or \":event-time\", must have at most 128 characters and no rule of its own; use a shorter tag_key, such as \"CreatedBy\"."
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    precondition {
      condition     = length(local.event_rules) == 0 || coalesce(local.function.reserved_concurrency, 3) >= 3
      error_message = "With event_triggers, function.reserved_concurrency must be at least 3, or left out: two runs for events and one for the sweep. With fewer, Lambda throttles the queue, and events may become dead letters that no run has seen."
    }

    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    precondition {
      condition     = local.creates_topic || try(split(":", var.topic.arn)[3] == local.region, true)
      error_message = "topic.arn is in another region than the engine, which is in ${local.region}; alarms and the function can publish only to a topic in their own region. Give one in ${local.region}."
    }

    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html
    precondition {
      condition     = !local.gives_table_arn || try(split(":", var.rules_table.arn)[3] == local.region, true)
      error_message = "rules_table.arn is in another region than the engine, which is in ${local.region}; the engine asks DynamoDB only in its own region. Give a table, or a replica of a global table, in ${local.region}."
    }

    # The Scheduler's role is one more that an organisation may want to make itself.
    precondition {
      condition     = !local.has_time_zone || local.creates_role || !local.creates_schedule_role
      error_message = "With role.arn the module makes no roles, but schedule.time_zone needs one for EventBridge Scheduler; give schedule.role_arn, such as \"arn:aws:iam::123456789012:role/tag-policy-schedule\"."
    }

    precondition {
      condition     = local.creates_topic || length(var.email_subscriptions) == 0
      error_message = "email_subscriptions are for the topic that the module makes; subscribe to topic.arn where that topic is declared."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name = aws_lambda_function.this.function_name

  # The schedule is the retry: a repetition a minute later would find the same cause and tell it twice.
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = local.made_topic_arn
    }
  }
}
