# The alarm that rings when a run fails.

locals {
  error_alarm_name = "${var.name}-errors"

  # Written out, because the topic's policy names the alarm, and the alarm names the topic.
  error_alarm_arn = "arn:${data.aws_partition.current.partition}:cloudwatch:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:alarm:${local.error_alarm_name}"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = local.error_alarm_name
  alarm_description = "A run of the Tag Policy Engine ${var.name} failed. What it says of it is in the log group ${aws_cloudwatch_log_group.this.name}."

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
