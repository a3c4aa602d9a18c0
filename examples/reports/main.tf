# Everything that shows what the engine does: reports kept in a bucket, metrics, alarms, a dashboard,
# and messages that go to those whom they concern.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  name            = "tag-policy-reports"
  vpc_ids         = var.reported_vpc_ids
  mode            = "enforce"
  untagged_action = "terminate"
  grace_period    = "0s"

  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }

  report_bucket = { create = true, retention_days = 400 }
  monitoring    = { metrics = "full" }
}

# Who answers for machines wants to hear of those that were ended, and of nothing else.
resource "aws_sns_topic_subscription" "ended" {
  topic_arn = module.tag_policy.topic_arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.this["ended"].arn

  filter_policy = jsonencode({
    "$or" = [
      { mode = ["enforce"], terminated = [{ numeric = [">", 0] }] },
      { mode = ["enforce"], stopped = [{ numeric = [">", 0] }] },
    ]
  })
}

# Who runs the engine wants to hear of what needs action, and alarms, which have no attributes.
resource "aws_sns_topic_subscription" "needs_action" {
  topic_arn = module.tag_policy.topic_arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.this["needs-action"].arn

  filter_policy = jsonencode({
    "$or" = [
      { severity = ["error"] },
      { severity = [{ exists = false }] },
    ]
  })
}

# Who owns a VPC wants to hear of that one.
resource "aws_sns_topic_subscription" "one_vpc" {
  topic_arn = module.tag_policy.topic_arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.this["one-vpc"].arn

  filter_policy = jsonencode({ vpc_ids = [var.reported_vpc_ids[0]] })
}

locals {
  queue_names = { for who in ["ended", "needs-action", "one-vpc"] : who => "tag-policy-reports-${who}" }
}

resource "aws_sqs_queue" "this" {
  for_each = local.queue_names

  name                    = each.value
  sqs_managed_sse_enabled = true
  policy                  = data.aws_iam_policy_document.queue[each.key].json
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "queue" {
  for_each = local.queue_names

  statement {
    sid       = "TheTopicSends"
    actions   = ["sqs:SendMessage"]
    resources = ["arn:${data.aws_partition.current.partition}:sqs:${var.region}:${data.aws_caller_identity.current.account_id}:${each.value}"]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [module.tag_policy.topic_arn]
    }
  }
}
