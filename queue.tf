# The queue between EventBridge and the function: it gathers events, so that a burst of launches is
# a few invocations; it keeps them while the function cannot take them; and what fails again and
# again ends in the queue of dead letters, where an alarm sees it.

locals {
  has_events = length(local.event_rules) > 0

  queue_names = { events = "${var.name}-events", dead_letters = "${var.name}-dead-letters" }
  queue_arns = {
    for key, name in local.queue_names :
    key => "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${name}"
  }

  queue_url = "https://sqs.${local.region}.${data.aws_partition.current.dns_suffix}/${local.account_id}/${local.queue_names.events}"

  # Six times as long as a run may take, and the time of gathering, as Lambda's guide advises. The
  # function brings back what failed sooner.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout = min(6 * local.function.timeout_seconds + local.event_triggers.batching_window_seconds, 43200)
}

resource "aws_sqs_queue" "events" {
  count = local.has_events ? 1 : 0

  name                       = local.queue_names.events
  message_retention_seconds  = 4 * 24 * 3600
  visibility_timeout_seconds = local.visibility_timeout
  kms_master_key_id          = var.kms_key_arn
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  policy                     = data.aws_iam_policy_document.queue["events"].json
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = local.event_triggers.tries
  })
}

resource "aws_sqs_queue" "dead_letters" {
  count = local.has_events ? 1 : 0

  name                      = local.queue_names.dead_letters
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  policy                    = data.aws_iam_policy_document.queue["dead_letters"].json
  tags                      = var.tags
}

data "aws_iam_policy_document" "queue" {
  for_each = local.has_events ? local.queue_arns : {}

  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for trigger in local.event_rules : "${local.arns.event_rule}${var.name}-${trigger}"]
    }
  }

  # An event says who launched an instance, and is believed. Nobody but EventBridge may put one into the queue,
  # whatever the policies of users and roles allow.
  statement {
    sid       = "AndNobodyElse"
    effect    = "Deny"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:SourceArn"
      values   = [for trigger in local.event_rules : "${local.arns.event_rule}${var.name}-${trigger}"]
    }
  }
}

resource "aws_lambda_event_source_mapping" "events" {
  count = local.has_events ? 1 : 0

  event_source_arn                   = aws_sqs_queue.events[0].arn
  function_name                      = aws_lambda_function.this.arn
  batch_size                         = 1000
  maximum_batching_window_in_seconds = local.event_triggers.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  # The least that Lambda takes: few large batches are what is wanted.
  scaling_config {
    maximum_concurrency = 2
  }

  depends_on = [aws_iam_role_policy.this]
}
