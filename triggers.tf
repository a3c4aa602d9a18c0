# What wakes the function: the schedule, events of instances by way of a queue (queue.tf), and AWS
# Config.

locals {
  # While it is paused, the queue does not fill either.
  state_of_rules = var.enabled ? "ENABLED" : "DISABLED"

  # Events that other accounts and regions forward to this bus are none of ours.
  event_origin = {
    account = [local.account_id]
    region  = [local.region]
  }

  # CloudTrail tells EventBridge of calls only where the account has a trail.
  launch = {
    eventSource = ["ec2.amazonaws.com"]
    eventName   = ["RunInstances"]
    errorCode   = [{ exists = false }]
  }

  # The record of a launch says in which VPC each instance is, unless it is too large for CloudTrail.
  # Fields of objects in an array match like an array of values.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
  launch_in_vpcs = merge(local.launch, {
    "$or" = [
      for vpc_ids in [tolist(sort(var.vpc_ids)), [{ exists = false }]] :
      { responseElements = { instancesSet = { items = { vpcId = vpc_ids } } } }
    ]
  })

  # What each trigger asks EventBridge for; what cannot matter is filtered out there.
  event_patterns = {
    launch = (
      length(var.vpc_ids) > 0 && length(local.launch_patterns[1]) <= local.event_pattern_most
      ? local.launch_patterns[1] : local.launch_patterns[0]
    )
    state-change = jsonencode(merge(local.event_origin, {
      source      = ["aws.ec2"]
      detail-type = ["EC2 Instance State-change Notification"]
      detail      = { state = ["running"] }
    }))
    # These do not say who changed the tags: the engine's own changes come back once, and find
    # everything in order.
    tag-change = jsonencode(merge(local.event_origin, {
      source      = ["aws.tag"]
      detail-type = ["Tag Change on Resource"]
      detail = {
        service       = ["ec2"]
        resource-type = ["instance"]
      }
    }))
  }
  launch_patterns = [
    for detail in [local.launch, local.launch_in_vpcs] :
    jsonencode(merge(local.event_origin, {
      source      = ["aws.ec2"]
      detail-type = ["AWS API Call via CloudTrail"]
      detail      = detail
    }))
  ]

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
  event_pattern_most = 2048

  # By name: a conditional would want all patterns to be of one type.
  event_rules = toset(compact([
    local.event_triggers.launch ? "launch" : "",
    local.event_triggers.state_change ? "state-change" : "",
    local.event_triggers.tag_change ? "tag-change" : "",
  ]))
}

# The schedule, in UTC

resource "aws_cloudwatch_event_rule" "schedule" {
  count = local.has_schedule && !local.has_time_zone ? 1 : 0

  name                = local.schedule_name
  description         = "Wakes the Tag Policy Engine ${var.name}"
  schedule_expression = local.schedule.expression
  state               = local.state_of_rules
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "schedule" {
  count = local.has_schedule && !local.has_time_zone ? 1 : 0

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
  count = local.has_schedule && !local.has_time_zone ? 1 : 0

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[0].arn
}

# The schedule, in a time zone

# A group of its own, because it is what the role can be told to trust, and has the tags that a
# schedule cannot have.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
resource "aws_scheduler_schedule_group" "this" {
  count = local.has_time_zone ? 1 : 0

  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  count = local.has_time_zone ? 1 : 0

  #checkov:skip=CKV_AWS_297:What it sends is no secret: that it is time.
  name                         = local.schedule_name
  group_name                   = aws_scheduler_schedule_group.this[0].name
  description                  = "Wakes the Tag Policy Engine ${var.name}"
  schedule_expression          = local.schedule.expression
  schedule_expression_timezone = local.schedule.time_zone
  state                        = local.state_of_rules

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = local.creates_schedule_role ? aws_iam_role.schedule[0].arn : var.schedule.role_arn

    # It sends what it is told to send: triggers/schedule.py knows it by that.
    input = jsonencode({ source = "aws.scheduler", detail-type = "Scheduled Event" })
  }

  # The first run wants its tables, its rules and its topic, and the Scheduler its role.
  depends_on = [
    aws_dynamodb_table.state,
    aws_dynamodb_table_item.table_owned,
    aws_dynamodb_table_item.terraform_owned,
    aws_iam_role_policy.schedule,
    aws_sns_topic.this,
  ]
}

data "aws_iam_policy_document" "schedule_assume_role" {
  count = local.creates_schedule_role ? 1 : 0

  statement {
    sid     = "SchedulerAssumesTheRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    # For the schedules of this engine only, and not for somebody else's.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.arns.schedule_group]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  count = local.creates_schedule_role ? 1 : 0

  statement {
    sid       = "WakeTheFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.arns.function]
  }
}

resource "aws_iam_role" "schedule" {
  count = local.creates_schedule_role ? 1 : 0

  name                 = "${local.role.name}-schedule"
  description          = "Lets EventBridge Scheduler wake the Tag Policy Engine ${var.name}"
  path                 = local.role.path
  assume_role_policy   = data.aws_iam_policy_document.schedule_assume_role[0].json
  permissions_boundary = local.role.permissions_boundary_arn
  tags                 = var.tags

  # As with the function's role: its name is not known behind a depends_on.
  lifecycle {
    ignore_changes       = [name]
    replace_triggered_by = [terraform_data.role_name]
  }
}

resource "aws_iam_role_policy" "schedule" {
  count = local.creates_schedule_role ? 1 : 0

  name   = "wake-the-function"
  role   = aws_iam_role.schedule[0].id
  policy = data.aws_iam_policy_document.schedule[0].json
}

# Events

resource "aws_cloudwatch_event_rule" "event" {
  for_each = local.event_rules

  name          = "${var.name}-${each.key}"
  description   = "Tells the Tag Policy Engine ${var.name} of instances at once"
  event_pattern = local.event_patterns[each.key]
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
