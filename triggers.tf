# What wakes the function: the schedule, events of instances by way of a queue (queue.tf), and AWS
# Config.

locals {
  has_schedule = var.schedule_expression != null

  # While it is paused, the queue does not fill either.
  state_of_rules = var.enabled ? "ENABLED" : "DISABLED"

  # Events that other accounts and regions forward to this bus are none of ours.
  event_origin = {
    account = [local.account_id]
    region  = [local.region]
  }

  # What each trigger asks EventBridge for; what cannot matter is filtered out there.
  event_patterns = {
    # CloudTrail tells EventBridge of calls only where the account has a trail.
    launch = merge(local.event_origin, {
      source      = ["aws.ec2"]
      detail-type = ["AWS API Call via CloudTrail"]
      detail = {
        eventSource = ["ec2.amazonaws.com"]
        eventName   = ["RunInstances"]
        errorCode   = [{ exists = false }]
      }
    })
    state-change = merge(local.event_origin, {
      source      = ["aws.ec2"]
      detail-type = ["EC2 Instance State-change Notification"]
      detail      = { state = ["running"] }
    })
    # These do not say who changed the tags: the engine's own changes come back once, and find
    # everything in order.
    tag-change = merge(local.event_origin, {
      source      = ["aws.tag"]
      detail-type = ["Tag Change on Resource"]
      detail = {
        service       = ["ec2"]
        resource-type = ["instance"]
      }
    })
  }

  # By name: a conditional would want all patterns to be of one type.
  event_rules = toset(compact([
    local.event_triggers.launch ? "launch" : "",
    local.event_triggers.state_change ? "state-change" : "",
    local.event_triggers.tag_change ? "tag-change" : "",
  ]))
}

# The schedule

resource "aws_cloudwatch_event_rule" "schedule" {
  count = local.has_schedule ? 1 : 0

  name                = "${var.name}-schedule"
  description         = "Wakes the Tag Policy Engine ${var.name}"
  schedule_expression = var.schedule_expression
  state               = local.state_of_rules
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "schedule" {
  count = local.has_schedule ? 1 : 0

  rule      = aws_cloudwatch_event_rule.schedule[0].name
  target_id = "function"
  arn       = aws_lambda_function.this.arn

  # The first run wants its tables, its rules and its topic.
  depends_on = [
    aws_dynamodb_table.state,
    aws_dynamodb_table_item.table_owned,
    aws_dynamodb_table_item.terraform_owned,
    aws_lambda_permission.schedule,
    aws_sns_topic.this,
  ]
}

resource "aws_lambda_permission" "schedule" {
  count = local.has_schedule ? 1 : 0

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[0].arn
}

# Events

resource "aws_cloudwatch_event_rule" "event" {
  for_each = local.event_rules

  name          = "${var.name}-${each.key}"
  description   = "Tells the Tag Policy Engine ${var.name} of instances at once"
  event_pattern = jsonencode(local.event_patterns[each.key])
  state         = local.state_of_rules
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "event" {
  for_each = local.event_rules

  rule      = aws_cloudwatch_event_rule.event[each.key].name
  target_id = "queue"
  arn       = aws_sqs_queue.events[0].arn

  # What EventBridge cannot put into the queue waits there, too.
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

# AWS Config

resource "aws_config_config_rule" "this" {
  count = var.config_rule != "off" ? 1 : 0

  name        = var.name
  description = "Whether instances are tagged as the rules of the Tag Policy Engine ${var.name} say"
  tags        = var.tags

  scope {
    compliance_resource_types = ["AWS::EC2::Instance"]
  }

  source {
    owner             = "CUSTOM_LAMBDA"
    source_identifier = aws_lambda_function.this.arn

    dynamic "source_detail" {
      for_each = toset(["ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification"])

      content {
        message_type = source_detail.value
      }
    }

    source_detail {
      message_type                = "ScheduledNotification"
      maximum_execution_frequency = "TwentyFour_Hours"
    }
  }

  depends_on = [aws_lambda_permission.config]
}

resource "aws_lambda_permission" "config" {
  count = var.config_rule != "off" ? 1 : 0

  statement_id   = "config"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "config.amazonaws.com"
  source_account = local.account_id

  # As with the role: not known behind a depends_on, and never another.
  lifecycle {
    ignore_changes = [source_account]
  }
}
