# Alarms, to the topic. One more: `metric_alarms` here, of one of the metrics in metrics.tf; the
# description of `alarm_arns` in outputs.tf; docs/operations.md, which says what to do.

locals {
  alarm_actions = concat([local.made_topic_arn], local.monitoring.alarm_actions)

  what_to_do = "What to do: docs/operations.md of the module, under the name of the alarm."

  metric_alarms = {
    rule-errors = {
      metric      = "RuleErrors"
      description = "A rule of the Tag Policy Engine ${var.name} cannot be used; the rules of other tags are applied. The report says which rule, and what would be right: fix it in the table ${local.rules_table_name}, or in rules. The alarm clears with the first sweep without such a rule. ${local.what_to_do}"
    }
    failures = {
      metric      = "SweepFailed"
      description = "AWS refuses to let the Tag Policy Engine ${var.name} tag, isolate, stop or terminate some instances. The report names each with AWS's code. The alarm clears with the first complete sweep without such a refusal. ${local.what_to_do}"
    }
    limits = {
      metric      = "HeldBack"
      description = "More instances are due than the Tag Policy Engine ${var.name} may end in a run (max_destructive), so it has ended none. The report lists them: tag or exempt what should stay, or raise the limit. The alarm clears with the first complete sweep that is within its limits. ${local.what_to_do}"
    }
  }

  # Two periods of a rate, or of a cron of every hour, and the time that a sweep may take; two days
  # for a cron of every day. CloudWatch looks back a week at most, in steps of less than an hour a day.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  rate         = try(regex("^rate\\((\\d+) (minute|hour|day)s?\\)$", local.schedule.expression), null)
  rate_seconds = local.rate == null ? 0 : tonumber(local.rate[0]) * { minute = 60, hour = 3600, day = 86400 }[local.rate[1]]
  is_hourly    = can(regex("^cron\\(\\S+ \\* [*?] \\* [*?] \\*\\)$", local.schedule.expression))
  is_daily     = can(regex("^cron\\(\\S+ \\S+ [*?] \\* [*?] \\*\\)$", local.schedule.expression))
  silence_seconds = (
    local.monitoring.silence_after_hours != null ? local.monitoring.silence_after_hours * 3600
    : local.rate_seconds > 0 ? 2 * local.rate_seconds + local.function.timeout_seconds
    : local.is_hourly ? 2 * 3600 + local.function.timeout_seconds
    : local.is_daily ? 2 * 86400
    : 0
  )
  silence_period    = local.silence_seconds <= 86400 ? 300 : 3600
  silence_periods   = ceil(local.silence_seconds / local.silence_period)
  has_silence_alarm = var.enabled && local.has_metrics && local.has_schedule && local.silence_seconds > 0 && local.silence_periods * local.silence_period <= 7 * 86400
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = "${var.name}-errors"
  alarm_description = "A run of the Tag Policy Engine ${var.name} failed. The cause is in the log group ${local.log_group_name}; the next run tries again. ${local.what_to_do}"

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = local.has_events ? 1 : 0

  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "The Tag Policy Engine ${var.name} could not process an event. It is in the queue ${aws_sqs_queue.dead_letters[0].name}; the reason is in the log group ${local.log_group_name}. The schedule looks at its instance anyway. ${local.what_to_do}"

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "of_metric" {
  for_each = local.has_metrics ? local.metric_alarms : {}

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description

  namespace           = local.metrics_namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.value.metric].metric_transformation[0].name
  dimensions          = local.of_this_engine
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore" # between two runs it stays as it is

  alarm_actions = local.alarm_actions
  ok_actions    = local.alarm_actions
  tags          = var.tags
}

# An engine that was made this minute has finished no sweep either. So people are told by an alarm on
# two: no sweep was seen, and one had been. The alarm on limits knows that, because it looks at what
# sweeps say and nothing else does, keeps its state in between, and begins without data.
resource "aws_cloudwatch_composite_alarm" "silence" {
  count = local.has_silence_alarm ? 1 : 0

  alarm_name        = "${var.name}-silence"
  alarm_description = "The Tag Policy Engine ${var.name} has finished no sweep for ${floor(local.silence_seconds / 60)} minutes: nobody looks after the instances. See whether the schedule ${local.schedule_name} is enabled, and what the log group ${local.log_group_name} says last. ${local.what_to_do}"

  alarm_rule = "ALARM(\"${aws_cloudwatch_metric_alarm.silence[0].alarm_name}\") AND NOT INSUFFICIENT_DATA(\"${aws_cloudwatch_metric_alarm.of_metric["limits"].alarm_name}\")"

  alarm_actions = local.alarm_actions
  ok_actions    = local.alarm_actions
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  count = local.has_silence_alarm ? 1 : 0

  alarm_name        = "${var.name}-no-sweep"
  alarm_description = "Tells nobody itself: the alarm ${var.name}-silence of the Tag Policy Engine does, once a first sweep has finished."

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
      dimensions  = local.of_this_engine
      stat        = "Sum"
      period      = local.silence_period
    }
  }

  tags = var.tags
}
