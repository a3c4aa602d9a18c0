# The topic that the reports and the alarm go to, its policy, its subscriptions.

locals {
  # For what AWS lets be made only when the topic is there.
  made_topic_arn = local.creates_topic ? aws_sns_topic.this[0].arn : var.topic.arn
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:AWS's own SNS key would shut out CloudWatch alarms; kms_key_arn encrypts the topic.
  count = local.creates_topic ? 1 : 0

  name              = local.topic_name
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
    resources = [local.arns.topic]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.arns.alarms]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "NothingUnencrypted"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.arns.topic]

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
