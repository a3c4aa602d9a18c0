# The topic that the reports and the alarm go to, its policy, its subscriptions.

locals {
  # Not coalesce(): it would ask for topic_arn, which may be known only after apply.
  creates_topic = var.create_topic == null ? var.topic_arn == null : var.create_topic
  topic_arn     = local.creates_topic ? aws_sns_topic.this[0].arn : var.topic_arn
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:AWS's own SNS key would shut out CloudWatch alarms; kms_key_arn encrypts the topic.
  count = local.creates_topic ? 1 : 0

  name              = "${var.name}-reports"
  display_name      = "Tag policy"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "this" {
  count = local.creates_topic ? 1 : 0

  arn    = aws_sns_topic.this[0].arn
  policy = data.aws_iam_policy_document.topic[0].json
}

data "aws_iam_policy_document" "topic" {
  count = local.creates_topic ? 1 : 0

  statement {
    # Of any alarm of this account and region, so that engines may share the topic.
    sid       = "AlarmsTellTheTopic"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this[0].arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:cloudwatch:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:alarm:*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  statement {
    sid       = "NothingUnencrypted"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this[0].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_subscription" "email" {
  for_each = local.creates_topic ? var.email_subscriptions : []

  topic_arn = aws_sns_topic.this[0].arn
  protocol  = "email"
  endpoint  = each.value
}
