# The dashboard.

locals {
  has_dashboard = local.monitoring.dashboard

  console = lookup(
    { aws-cn = "console.amazonaws.cn", aws-us-gov = "console.amazonaws-us-gov.com" },
    local.partition,
    "console.aws.amazon.com",
  )

  alarm_arns = merge(
    { errors = aws_cloudwatch_metric_alarm.errors.arn },
    { for key, alarm in aws_cloudwatch_metric_alarm.of_metric : key => alarm.arn },
    { for alarm in aws_cloudwatch_composite_alarm.silence : "silence" => alarm.arn },
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
        [local.metrics_namespace, "Compliant", "Engine", var.name, { id = "compliant", visible = false }],
        [".", "Instances", ".", ".", { id = "instances", visible = false }],
        [".", "Exempt", ".", ".", { id = "exempt", visible = false }],
      ]
    },
    {
      title  = "Instances and violations"
      stat   = "Average"
      period = 3600
      metrics = [
        [local.metrics_namespace, "Instances", "Engine", var.name, { label = "instances" }],
        [".", "Violations", ".", ".", { label = "violations", color = "#d62728" }],
        [{ expression = "SEARCH('{\"${local.metrics_namespace}\",\"Engine\",\"VpcId\"} MetricName=\"Violations\" Engine=\"${var.name}\"', 'Average', 3600)", label = "violations in $${PROP('Dim.VpcId')}" }],
      ]
    },
    {
      title   = "What ${local.would_be}done"
      stat    = "Sum"
      period  = 3600
      view    = "timeSeries"
      stacked = true
      metrics = [
        [local.metrics_namespace, "${local.done_prefix}Removed", "Engine", var.name, { label = "${local.would_be}removed", color = "#17becf" }],
        [local.metrics_namespace, "${local.done_prefix}Tagged", "Engine", var.name, { label = "${local.would_be}tagged", color = "#2ca02c" }],
        [".", "${local.done_prefix}Notified", ".", ".", { label = "no tags, not touched", color = "#bcbd22" }],
        [".", "${local.done_prefix}Marked", ".", ".", { label = "${local.would_be}announced", color = "#ff7f0e" }],
        [".", "${local.done_prefix}Isolated", ".", ".", { label = "${local.would_be}isolated", color = "#e377c2" }],
        [".", "${local.done_prefix}Stopped", ".", ".", { label = "${local.would_be}stopped", color = "#9467bd" }],
        [".", "${local.done_prefix}Terminated", ".", ".", { label = "${local.would_be}terminated", color = "#d62728" }],
      ]
    },
    {
      title  = "What was not done"
      stat   = "Sum"
      period = 3600
      metrics = [
        [local.metrics_namespace, "${local.done_prefix}Failed", "Engine", var.name, { label = "refused by AWS", color = "#d62728" }],
        [".", "HeldBack", ".", ".", { label = "held back by a limit", color = "#9467bd" }],
        [".", "${local.done_prefix}Left", ".", ".", { label = "somebody has to decide", color = "#bcbd22" }],
        [".", "${local.done_prefix}Deferred", ".", ".", { label = "left for the next run", color = "#ff7f0e" }],
        [".", "RuleErrors", ".", ".", { label = "rules that cannot be used", color = "#8c564b" }],
        ["AWS/Lambda", "Errors", "FunctionName", var.name, { label = "failed runs", color = "#000000" }],
      ]
    },
    {
      title  = "How long a sweep takes, in seconds"
      stat   = "Maximum"
      period = 3600
      yAxis  = { left = { min = 0 } }
      annotations = {
        horizontal = [{ label = "the run is ended", value = local.function.timeout_seconds, color = "#d62728" }]
      }
      metrics = [
        [local.metrics_namespace, "Seconds", "Engine", var.name, { label = "seconds" }],
      ]
    },
  ], local.queue_widgets)
}

resource "aws_cloudwatch_dashboard" "this" {
  count = local.has_dashboard ? 1 : 0

  # Dashboards are the account's: the region keeps two regions of one account apart.
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = jsonencode({
    start          = "-P14D"
    periodOverride = "inherit"
    # Another engine of the account and region can be chosen at the top: its metrics, not its alarms.
    variables = [{
      type         = "property"
      id           = "engine"
      property     = "Engine"
      label        = "Engine"
      inputType    = "select"
      search       = "{${local.metrics_namespace},Engine} MetricName=\"Sweeps\""
      populateFrom = "Engine"
      defaultValue = var.name
      visible      = true
    }]
    widgets = concat(
      [
        {
          type = "alarm", x = 0, y = 0, width = 24, height = 3
          properties = {
            title  = "Tag Policy Engine ${var.name}, ${local.region}: alarms"
            alarms = values(local.alarm_arns)
          }
        },
      ],
      [
        for index, widget in local.metric_widgets : {
          type       = "metric", x = index % 2 * 12, y = 3 + floor(index / 2) * 6, width = 12, height = 6
          properties = merge({ region = local.region, view = "timeSeries" }, widget)
        }
      ],
      [
        {
          type = "log", x = 0, y = 3 + ceil(length(local.metric_widgets) / 2) * 6, width = 24, height = 8
          properties = {
            title  = "Last findings"
            region = local.region
            view   = "table"
            query  = "SOURCE '${local.log_group_name}' | fields @timestamp, mode, result, resource_id, resource_name, owner, code, tag_key, old_value, new_value, due, reason, error_code\n| filter ispresent(result)\n| sort @timestamp desc\n| limit 100"
          }
        },
      ],
    )
  })

  # Behind a depends_on of the whole module, account and region are known only after apply, and a
  # name that is not known would make it anew. Its name changes with var.name, as the table's does.
  lifecycle {
    ignore_changes       = [dashboard_name]
    replace_triggered_by = [aws_dynamodb_table.state.name]
  }
}
