# What shows that the engine is alive and what it does: metrics from its log, alarms, a dashboard,
# saved queries.

locals {
  metrics_namespace = "TagPolicy/${var.name}"

  # The last line of a run has its numbers. What a run in another mode than the deployed one found,
  # such as an audit by hand, is no part of them; and only a run about everything knows how compliant
  # a VPC is, whatever woke it. What it says of failures and limits counts only where it was to act:
  # AWS Config may ask for no more than an evaluation. One without rules has looked at nothing. One
  # that is incomplete knows of what was refused or held back, and not that nothing was: a zero of it
  # would end an alarm although nothing was mended.
  patterns = {
    run      = "{ ($.message = \"summary\") && ($.summary.mode = \"${var.mode}\") && ($.summary.rules > 0) }"
    sweep    = "{ ($.message = \"summary\") && ($.summary.mode = \"${var.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) }"
    failed   = "{ ($.message = \"summary\") && ($.summary.mode = \"${var.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) && (($.summary.complete IS TRUE) || ($.summary.outcomes.failed > 0)) }"
    held     = "{ ($.message = \"summary\") && ($.summary.mode = \"${var.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) && (($.summary.complete IS TRUE) || ($.summary.held_back > 0)) }"
    complete = "{ ($.message = \"summary\") && ($.summary.mode = \"${var.mode}\") && ($.summary.complete IS TRUE) && ($.summary.scope = \"all\") }"
    vpc      = "{ ($.message = \"summary of a VPC\") && ($.vpc.mode = \"${var.mode}\") && ($.vpc.complete IS TRUE) && ($.vpc.scope = \"all\") }"
  }

  # What an audit would have done has names of its own, so that nobody takes it for done later on.
  done_prefix = local.enforces ? "" : "WouldBe"

  metrics = { for name, metric in {
    Tagged     = { of = "run", value = "$.summary.outcomes.tagged", prefix = local.done_prefix }
    Terminated = { of = "run", value = "$.summary.outcomes.terminated", prefix = local.done_prefix }
    Stopped    = { of = "run", value = "$.summary.outcomes.stopped", prefix = local.done_prefix }
    Marked     = { of = "run", value = "$.summary.outcomes.marked", prefix = local.done_prefix }
    Notified   = { of = "run", value = "$.summary.outcomes.notified", prefix = local.done_prefix }
    Deferred   = { of = "run", value = "$.summary.outcomes.deferred", prefix = local.done_prefix }
    Failed     = { of = "run", value = "$.summary.outcomes.failed", prefix = local.done_prefix }
    RuleErrors = { of = "run", value = "$.summary.rule_errors", prefix = "" }

    Sweeps      = { of = "sweep", value = "1", prefix = "" }
    SweepFailed = { of = "failed", value = "$.summary.outcomes.failed", prefix = "" }
    HeldBack    = { of = "held", value = "$.summary.held_back", prefix = "" }
    Seconds     = { of = "sweep", value = "$.summary.seconds", prefix = "" }

    Instances  = { of = "complete", value = "$.summary.instances", prefix = "" }
    Compliant  = { of = "complete", value = "$.summary.compliant", prefix = "" }
    Exempt     = { of = "complete", value = "$.summary.exempt", prefix = "" }
    Violations = { of = "complete", value = "$.summary.violations", prefix = "" }
  } : name => metric if var.create_metrics }

  vpc_metrics = {
    Instances  = "$.vpc.instances"
    Compliant  = "$.vpc.compliant"
    Exempt     = "$.vpc.exempt"
    Violations = "$.vpc.violations"
  }
}

# Metrics

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.metrics

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = local.patterns[each.value.of]

  metric_transformation {
    namespace = local.metrics_namespace
    name      = "${each.value.prefix}${each.key}"
    value     = each.value.value
  }
}

# The function writes a line for each VPC only where it has several.
resource "aws_cloudwatch_log_metric_filter" "by_vpc" {
  for_each = var.create_metrics ? local.vpc_metrics : {}

  name           = "${var.name}-${each.key}-by-vpc"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = local.patterns.vpc

  metric_transformation {
    namespace  = local.metrics_namespace
    name       = each.key
    value      = each.value
    dimensions = { VpcId = "$.vpc.vpc_id" }
  }
}

# Alarms

locals {
  what_to_do = "What to do: docs/operations.md of the module, under the name of the alarm."

  metric_alarms = {
    rule-errors = {
      metric      = "RuleErrors"
      description = "A rule of the Tag Policy Engine ${var.name} cannot be used, and is not applied; the others are. The report says which, and what would be right: mend it in the table ${local.rules_table_name}, or in rules. The alarm ends with the first sweep without such a rule. ${local.what_to_do}"
    }
    failures = {
      metric      = "SweepFailed"
      description = "AWS refuses to let the Tag Policy Engine ${var.name} tag, stop or terminate some instances. The report names each with AWS's code. The alarm ends with the first complete sweep without such a refusal. ${local.what_to_do}"
    }
    limits = {
      metric      = "HeldBack"
      description = "More instances are due than the Tag Policy Engine ${var.name} may end in a run (limits), so it has ended none. The report lists them: tag or exempt what should stay, or raise the limit. The alarm ends with the first complete sweep that is within its limits. ${local.what_to_do}"
    }
  }

  # Two periods of a rate, or of a cron of every hour, and the time that a sweep may take; two days
  # for a cron of every day. CloudWatch looks back a week at most, in steps of less than an hour a day.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  rate         = try(regex("^rate\\((\\d+) (minute|hour|day)s?\\)$", var.schedule_expression), null)
  rate_seconds = local.rate == null ? 0 : tonumber(local.rate[0]) * { minute = 60, hour = 3600, day = 86400 }[local.rate[1]]
  is_hourly    = can(regex("^cron\\(\\S+ \\* [*?] \\* [*?] \\*\\)$", var.schedule_expression))
  is_daily     = can(regex("^cron\\(\\S+ \\S+ [*?] \\* [*?] \\*\\)$", var.schedule_expression))
  silence_seconds = (
    var.silence_after_hours != null ? var.silence_after_hours * 3600
    : local.rate_seconds > 0 ? 2 * local.rate_seconds + var.function.timeout_seconds
    : local.is_hourly ? 2 * 3600 + var.function.timeout_seconds
    : local.is_daily ? 2 * 86400
    : 0
  )
  silence_period    = local.silence_seconds <= 86400 ? 300 : 3600
  silence_periods   = ceil(local.silence_seconds / local.silence_period)
  has_silence_alarm = var.create_metrics && local.has_schedule && local.silence_seconds > 0 && local.silence_periods * local.silence_period <= 7 * 86400
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = "${var.name}-errors"
  alarm_description = "A run of the Tag Policy Engine ${var.name} failed. The cause is in the log group ${aws_cloudwatch_log_group.this.name}; the next run tries again. ${local.what_to_do}"

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [local.topic_arn]
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = local.has_events ? 1 : 0

  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "The Tag Policy Engine ${var.name} could not deal with an event. It is in the queue ${aws_sqs_queue.dead_letters[0].name}; why is in the log group ${aws_cloudwatch_log_group.this.name}. The schedule looks at its instance all the same. ${local.what_to_do}"

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [local.topic_arn]
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "of_metric" {
  for_each = var.create_metrics ? local.metric_alarms : {}

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description

  namespace           = local.metrics_namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.value.metric].metric_transformation[0].name
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore" # between two runs it stays as it is

  alarm_actions = [local.topic_arn]
  ok_actions    = [local.topic_arn]
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  count = local.has_silence_alarm ? 1 : 0

  alarm_name        = "${var.name}-silence"
  alarm_description = "The Tag Policy Engine ${var.name} has finished no sweep for ${floor(local.silence_seconds / 60)} minutes: nobody looks after the instances. See whether the rule ${aws_cloudwatch_event_rule.schedule[0].name} is enabled, and what the log group ${aws_cloudwatch_log_group.this.name} says last. A new engine is silent until its first sweep. ${local.what_to_do}"

  evaluation_periods  = local.silence_periods
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"

  # Without FILL, CloudWatch would look further back for as many periods that have data.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
  metric_query {
    id          = "filled"
    expression  = "FILL(sweeps, 0)"
    label       = "finished sweeps"
    return_data = true
  }

  metric_query {
    id = "sweeps"

    metric {
      namespace   = local.metrics_namespace
      metric_name = aws_cloudwatch_log_metric_filter.this["Sweeps"].metric_transformation[0].name
      stat        = "Sum"
      period      = local.silence_period
    }
  }

  alarm_actions = [local.topic_arn]
  ok_actions    = [local.topic_arn]
  tags          = var.tags
}

# Saved queries, in the console under CloudWatch, Logs Insights, Queries

locals {
  queries = {
    "What was stopped or terminated, and why" = <<-EOT
      fields @timestamp, result, instance_id, instance_name, vpc_id, reason
      | filter result in ["terminated", "stopped"] and mode = "enforce"
      | sort @timestamp desc
      | limit 1000
    EOT

    "What is due, and when" = <<-EOT
      fields @timestamp, instance_id, instance_name, vpc_id, tag_value
      | filter result = "marked" and mode = "enforce"
      | sort @timestamp desc
      | limit 1000
    EOT

    "What AWS refused" = <<-EOT
      filter result = "failed"
      | stats count(*) as findings, count_distinct(instance_id) as instances by code, remedy, tag_key
      | sort findings desc
    EOT

    "Who launches instances without the tags" = <<-EOT
      filter remedy = "tag" and reason = "required tag missing" and ispresent(owner)
      | stats count_distinct(instance_id) as instances by owner
      | sort instances desc
    EOT

    "Which tags are missing" = <<-EOT
      filter remedy = "tag"
      | stats count_distinct(instance_id) as instances by tag_key, reason
      | sort instances desc
    EOT

    "What happened to an instance (put in its id)" = <<-EOT
      fields @timestamp, mode, result, tag_key, tag_value, reason, code, detail, event_id
      | filter instance_id = "i-0123456789abcdef0"
      | sort @timestamp desc
    EOT

    "Runs" = <<-EOT
      fields @timestamp, summary.trigger, summary.mode, summary.instances, summary.compliant, summary.violations, summary.seconds, summary.complete
      | filter message = "summary"
      | sort @timestamp desc
      | limit 200
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.this.name]
  query_string    = trimspace(each.value)
}

# Dashboard

locals {
  has_dashboard = var.create_dashboard && var.create_metrics

  console = lookup(
    { aws-cn = "console.amazonaws.cn", aws-us-gov = "console.amazonaws-us-gov.com" },
    data.aws_partition.current.partition,
    "console.aws.amazon.com",
  )

  alarm_arns = merge(
    { errors = aws_cloudwatch_metric_alarm.errors.arn },
    { for key, alarm in aws_cloudwatch_metric_alarm.of_metric : key => alarm.arn },
    { for alarm in aws_cloudwatch_metric_alarm.silence : "silence" => alarm.arn },
    { for alarm in aws_cloudwatch_metric_alarm.dead_letters : "dead-letters" => alarm.arn },
  )

  would_be = local.enforces ? "" : "would be "

  queue_widgets = [for widget in [{
    title  = "Events: waiting, and in the dead-letter queue"
    stat   = "Maximum"
    period = 300
    metrics = [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.queue_names.events, { label = "waiting" }],
      ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.queue_names.events, { label = "oldest, in seconds", yAxis = "right" }],
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.queue_names.dead_letters, { label = "dead letters", color = "#d62728" }],
    ]
  }] : widget if local.has_events]

  # What each says of metrics, two to a row.
  metric_widgets = concat([
    {
      title  = "Compliant instances, per cent"
      stat   = "Average"
      period = 3600
      yAxis  = { left = { min = 0, max = 100 } }
      metrics = [
        [{ id = "share", expression = "100 * compliant / (instances - exempt)", label = "compliant, %", color = "#2ca02c" }],
        [local.metrics_namespace, "Compliant", { id = "compliant", visible = false }],
        [".", "Instances", { id = "instances", visible = false }],
        [".", "Exempt", { id = "exempt", visible = false }],
      ]
    },
    {
      title  = "Instances and violations"
      stat   = "Average"
      period = 3600
      metrics = [
        [local.metrics_namespace, "Instances", { label = "instances" }],
        [".", "Violations", { label = "violations", color = "#d62728" }],
        [{ expression = "SEARCH('{\"${local.metrics_namespace}\",\"VpcId\"} MetricName=\"Violations\"', 'Average', 3600)", label = "violations in $${PROP('Dim.VpcId')}" }],
      ]
    },
    {
      title   = "What ${local.would_be}done"
      stat    = "Sum"
      period  = 3600
      view    = "timeSeries"
      stacked = true
      metrics = [
        [local.metrics_namespace, "${local.done_prefix}Tagged", { label = "${local.would_be}tagged", color = "#2ca02c" }],
        [".", "${local.done_prefix}Notified", { label = "no tags, not touched", color = "#bcbd22" }],
        [".", "${local.done_prefix}Marked", { label = "${local.would_be}announced", color = "#ff7f0e" }],
        [".", "${local.done_prefix}Stopped", { label = "${local.would_be}stopped", color = "#9467bd" }],
        [".", "${local.done_prefix}Terminated", { label = "${local.would_be}terminated", color = "#d62728" }],
      ]
    },
    {
      title  = "What was not done"
      stat   = "Sum"
      period = 3600
      metrics = [
        [local.metrics_namespace, "${local.done_prefix}Failed", { label = "refused by AWS", color = "#d62728" }],
        [".", "HeldBack", { label = "held back by a limit", color = "#9467bd" }],
        [".", "${local.done_prefix}Deferred", { label = "left for the next run", color = "#ff7f0e" }],
        [".", "RuleErrors", { label = "rules that cannot be used", color = "#8c564b" }],
        ["AWS/Lambda", "Errors", "FunctionName", var.name, { label = "failed runs", color = "#000000" }],
      ]
    },
    {
      title  = "How long a sweep takes, in seconds"
      stat   = "Maximum"
      period = 3600
      yAxis  = { left = { min = 0 } }
      annotations = {
        horizontal = [{ label = "the run is ended", value = var.function.timeout_seconds, color = "#d62728" }]
      }
      metrics = [
        [local.metrics_namespace, "Seconds", { label = "seconds" }],
      ]
    },
  ], local.queue_widgets)
}

resource "aws_cloudwatch_dashboard" "this" {
  count = local.has_dashboard ? 1 : 0

  # Dashboards are the account's: the region keeps two regions of one account apart.
  dashboard_name = "${var.name}-${data.aws_region.current.id}"
  dashboard_body = jsonencode({
    start          = "-P14D"
    periodOverride = "inherit"
    widgets = concat(
      [
        {
          type = "alarm", x = 0, y = 0, width = 24, height = 3
          properties = {
            title  = "Tag Policy Engine ${var.name}, ${data.aws_region.current.id}: alarms"
            alarms = values(local.alarm_arns)
          }
        },
      ],
      [
        for index, widget in local.metric_widgets : {
          type       = "metric", x = index % 2 * 12, y = 3 + floor(index / 2) * 6, width = 12, height = 6
          properties = merge({ region = data.aws_region.current.id, view = "timeSeries" }, widget)
        }
      ],
      [
        {
          type = "log", x = 0, y = 3 + ceil(length(local.metric_widgets) / 2) * 6, width = 24, height = 8
          properties = {
            title  = "Last findings"
            region = data.aws_region.current.id
            view   = "table"
            query  = "SOURCE '${aws_cloudwatch_log_group.this.name}' | fields @timestamp, mode, result, instance_id, instance_name, owner, tag_key, tag_value, reason, code\n| filter ispresent(result)\n| sort @timestamp desc\n| limit 100"
          }
        },
      ],
    )
  })
}
