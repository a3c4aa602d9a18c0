# The alarms that ring when a run fails, and when an event could not be dealt with.

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = "${var.name}-errors"
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

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = local.has_events ? 1 : 0

  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "The Tag Policy Engine ${var.name} could not deal with an event. It is in the queue ${aws_sqs_queue.dead_letters[0].name}; why is in the log group ${aws_cloudwatch_log_group.this.name}."

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
