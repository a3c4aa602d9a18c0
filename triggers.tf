# What wakes the function: the schedule.

locals {
  has_schedule = var.schedule_expression != null
}

resource "aws_cloudwatch_event_rule" "schedule" {
  count = local.has_schedule ? 1 : 0

  name                = "${var.name}-schedule"
  description         = "Wakes the Tag Policy Engine ${var.name}"
  schedule_expression = var.schedule_expression
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "schedule" {
  count = local.has_schedule ? 1 : 0

  rule      = aws_cloudwatch_event_rule.schedule[0].name
  target_id = "function"
  arn       = aws_lambda_function.this.arn
}

resource "aws_lambda_permission" "schedule" {
  count = local.has_schedule ? 1 : 0

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[0].arn
}
