# A landing zone: one engine for each VPC, one set of rules for all of them, written here.
#
# A new VPC starts with mode = "audit": read its reports, then let it enforce.

provider "aws" {
  region = var.region
}

locals {
  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
    20 = { tag_key = "Owner", action = "UserLookup", default = "platform-team" }
    30 = { tag_key = "FirstSeen", action = "Function", required = false, default = "today()" }
  }
}

module "tag_policy" {
  source   = "../.."
  for_each = var.vpcs

  name            = "tag-policy-${each.key}"
  vpc_ids         = [each.value.vpc_id]
  mode            = each.value.mode
  untagged_action = each.value.untagged_action
  rules           = local.rules

  # What has no tags is announced a day before anything happens to it.
  grace_period    = "24h"
  max_destructive = 20

  creator = {
    details            = "event_id"                     # an auditor finds the launch by the tag "Owner:event-id"
    lookups_per_second = max(0.1, 2 / length(var.vpcs)) # CloudTrail allows an account 2: each engine has its share
  }

  topic      = { arn = aws_sns_topic.reports.arn }
  schedule   = { expression = "rate(30 minutes)" }
  monitoring = { metrics = "full" }

  tags = { Purpose = "tag-policy" }
}

# One topic for the reports of all VPCs; subscriptions may filter on the message attributes.
resource "aws_sns_topic" "reports" {
  #checkov:skip=CKV_AWS_26:AWS's own SNS key would shut out CloudWatch alarms; use a key of your own.
  name = "landing-zone-tag-reports"
}

resource "aws_sns_topic_policy" "reports" {
  arn    = aws_sns_topic.reports.arn
  policy = data.aws_iam_policy_document.reports.json
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "reports" {
  statement {
    sid       = "TheAlarmsTellTheTopic"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.reports.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}
