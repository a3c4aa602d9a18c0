# The function: its log group, the Lambda, where it says that an invocation failed.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  shipped_package = "${path.module}/dist/tag_policy.zip"
  package_file    = var.package == null ? local.shipped_package : var.package.filename
  package_hash    = local.package_file == null ? var.package.source_code_hash : filebase64sha256(local.package_file)
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long a log is kept is the user's decision: function.log_retention_days.
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts by itself; kms_key_arn adds the user's key.
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.function.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:X-Ray would cost and tell little: a run is a plain sequence of calls, all in the log.
  #checkov:skip=CKV_AWS_115:New accounts cannot reserve concurrency; function.reserved_concurrency does it.
  #checkov:skip=CKV_AWS_116:A failed invocation is sent to the topic, where people see it.
  #checkov:skip=CKV_AWS_117:The function calls public AWS APIs only and reaches nothing inside a VPC.
  #checkov:skip=CKV_AWS_173:The environment holds names and choices, no secret.
  #checkov:skip=CKV_AWS_272:A signed package is the user's choice: package.
  function_name = var.name
  description   = "Tag Policy Engine (mode ${var.mode}, untagged instances: ${var.untagged_action})"
  role          = aws_iam_role.this.arn

  filename         = local.package_file
  s3_bucket        = try(var.package.s3_bucket, null)
  s3_key           = try(var.package.s3_key, null)
  source_code_hash = local.package_hash

  handler                        = "tag_policy.handler.lambda_handler"
  runtime                        = var.function.runtime
  architectures                  = [var.function.architecture]
  memory_size                    = var.function.memory_mb
  timeout                        = var.function.timeout_seconds
  reserved_concurrent_executions = coalesce(var.function.reserved_concurrency, -1)

  environment {
    variables = merge(
      {
        TAG_POLICY_RULES_TABLE     = local.rules_table_name
        TAG_POLICY_STATE_TABLE     = aws_dynamodb_table.state.name
        TAG_POLICY_TOPIC_ARN       = local.topic_arn
        TAG_POLICY_VPC_IDS         = join(",", var.vpc_ids)
        TAG_POLICY_UNTAGGED_ACTION = var.untagged_action
        TAG_POLICY_MODE            = var.mode

        TAG_POLICY_GRACE_PERIOD    = var.grace_period
        TAG_POLICY_MINIMUM_AGE     = var.minimum_age
        TAG_POLICY_MARKER_TAG_KEY  = var.marker_tag_key
        TAG_POLICY_EXEMPT_TAG_KEY  = var.exempt_tag_key
        TAG_POLICY_PROTECT_MANAGED = var.protect_managed
        TAG_POLICY_MAX_DESTRUCTIVE = var.limits.max_destructive

        # As JSON, because a tag key may hold a comma.
        TAG_POLICY_FORMER_MARKER_TAG_KEYS = jsonencode(sort(var.former_marker_tag_keys))

        TAG_POLICY_REPORT_UNCHANGED = var.report_unchanged

        TAG_POLICY_CREATOR_FORMAT             = var.creator_format
        TAG_POLICY_ATTRIBUTION_DETAILS        = var.attribution_details
        TAG_POLICY_ATTRIBUTION_DELAY_MINUTES  = var.attribution.delay_minutes
        TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS = var.attribution.budget_seconds
        TAG_POLICY_LOOKUPS_PER_SECOND         = var.attribution.lookups_per_second
      },
      local.has_schedule ? { TAG_POLICY_SCHEDULE = var.schedule_expression } : {},
      local.keeps_reports ? {
        TAG_POLICY_REPORT_BUCKET = local.report_bucket
        TAG_POLICY_REPORT_PREFIX = local.report_prefix
      } : {},
      local.has_events ? { TAG_POLICY_QUEUE_URL = aws_sqs_queue.events[0].url } : {},
      var.config_rule ? {
        TAG_POLICY_CONFIG_RULE            = true
        TAG_POLICY_CONFIG_RULE_REMEDIATES = var.config_rule_remediates
      } : {},
      var.limits.max_destructive_percent == null ? {} : {
        TAG_POLICY_MAX_DESTRUCTIVE_PERCENT = var.limits.max_destructive_percent
      },
    )
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.this.name
    log_format            = "JSON"
    application_log_level = var.function.log_level
    system_log_level      = "INFO"
  }

  tags = var.tags

  # The function may do nothing before its role may do it, and no longer.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = var.mode == "audit" || length(local.rule_tag_keys) > 0
      error_message = "With no rules there is no tag key that the role may write; give rules, or name the keys of the shared table in writable_tag_keys, such as [\"CostCenter\"]."
    }

    precondition {
      condition     = length(local.keys_alike) == 0
      error_message = "IAM takes tag keys that differ in case alone for one, so that the role could protect none of them: ${join("; ", [for keys in local.keys_alike : join(", ", keys)])}. Keep one spelling in rules and writable_tag_keys, such as \"Owner\"."
    }

    precondition {
      condition     = length(local.own_keys_alike) == 0
      error_message = "marker_tag_key, exempt_tag_key and former_marker_tag_keys must differ from each other, from \"Name\", and from the keys of rules and writable_tag_keys, in more than case, because IAM takes \"Due\" and \"due\" for one: ${join("; ", [for keys in local.own_keys_alike : join(", ", keys)])}. \"tag-policy:due\" and \"tag-policy:exempt\" would do."
    }

    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    precondition {
      condition     = !local.enforces || alltrue([for key in local.rule_tag_keys : can(regex("^[\\x{20}-\\x{7e}\\x{a0}-\\x{ff}]+$", key))])
      error_message = "The role's policies have to name each tag key that it may write, and IAM knows the letters of Western European languages only; use a tag_key such as \"CostCenter\", or mode = \"audit\"."
    }

    precondition {
      condition = local.detail_suffix == "" || alltrue([
        for key in local.lookup_tag_keys :
        length("${key}${local.detail_suffix}") <= 128 && !contains(local.rule_tag_keys, "${key}${local.detail_suffix}")
      ])
      error_message = "With attribution_details, the tag key of a creator with \":event-id\" or \":event-time\" behind it must have at most 128 characters and no rule of its own; use a shorter tag_key, such as \"CreatedBy\"."
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    precondition {
      condition     = length(local.event_triggers) == 0 || coalesce(var.function.reserved_concurrency, 3) >= 3
      error_message = "With event_triggers, function.reserved_concurrency must be at least 3, or left out: two runs for events and one for the sweep. With fewer, Lambda throttles the queue, and events may become dead letters that no run has seen."
    }

    precondition {
      condition     = var.config_rule || !var.config_rule_remediates
      error_message = "config_rule_remediates is about what AWS Config asks, so it goes with config_rule = true."
    }

    precondition {
      condition     = local.creates_topic == (var.topic_arn == null)
      error_message = "Either the module makes the topic, or topic_arn names one: create_topic = true goes without topic_arn, and create_topic = false with it."
    }

    precondition {
      condition     = local.creates_topic || length(var.email_subscriptions) == 0
      error_message = "email_subscriptions are for the topic that the module makes; subscribe to topic_arn where that topic is declared."
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
      destination = local.topic_arn
    }
  }
}
