# The role: what the function may do, one statement per purpose.
#
# It follows the inputs. In audit mode there is no statement that changes EC2, and only an
# untagged_action of "terminate" or "stop" brings the statement that allows it. Even then the role
# is a second lock: it can end marked instances only, and never an exempt one. "ec2:Vpc" is no
# condition key for instances, so that the VPC is enforced in code.

locals {
  enforces   = var.mode == "enforce"
  terminates = local.enforces && var.untagged_action == "terminate"
  stops      = local.enforces && var.untagged_action == "stop"
  ends       = local.terminates ? "terminate" : local.stops ? "stop" : null

  # Rules that only the table knows may look users up too, and so may those of writable_tag_keys.
  table_knows_more = !local.creates_table || var.rules_owner == "table"

  rule_tag_keys    = setunion([for rule in values(var.rules) : rule.tag_key], var.writable_tag_keys)
  lookup_tag_keys  = toset([for rule in values(var.rules) : rule.tag_key if rule.action == "UserLookup"])
  creator_tag_keys = local.table_knows_more ? local.rule_tag_keys : setunion(local.lookup_tag_keys, var.writable_tag_keys)
  detail_tag_keys  = [for key in local.creator_tag_keys : "${key}${local.detail_suffix}" if local.detail_suffix != ""]

  # The function has them too: DETAIL_SUFFIX in creators/tag_value.py.
  detail_suffix = { off = "", event_id = ":event-id", event_time = ":event-time" }[var.attribution_details]

  writable_tag_keys = setunion(local.rule_tag_keys, local.detail_tag_keys, local.ends == null ? [] : [var.marker_tag_key])

  looks_users_up = local.table_knows_more || length(local.creator_tag_keys) > 0

  instance_arns = "arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:instance/*"
}

data "aws_iam_policy_document" "assume_role" {
  statement {
    sid     = "LambdaAssumesTheRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  # Roles are global: the region keeps two regions of one account apart.
  name                 = "${var.name}-${data.aws_region.current.id}"
  description          = "What the Tag Policy Engine ${var.name} may do (${var.mode})"
  path                 = var.iam_path
  assume_role_policy   = data.aws_iam_policy_document.assume_role.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "tag-policy-engine"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_356:The actions on "*" cannot be scoped to a resource; each says so.
  statement {
    sid       = "ReadTheRules"
    actions   = ["dynamodb:Scan"]
    resources = [local.rules_table_arn]
  }

  statement {
    sid = "ListInstancesAndVpcs"
    actions = [
      "ec2:DescribeInstances",
      "ec2:DescribeVpcs",
    ]
    resources = ["*"] # Describe actions of EC2 have no resource level.
  }

  dynamic "statement" {
    for_each = local.looks_users_up ? ["this"] : []

    content {
      sid       = "LookUpWhoLaunchedAnInstance"
      actions   = ["cloudtrail:LookupEvents"]
      resources = ["*"] # LookupEvents has no resource level.
    }
  }

  dynamic "statement" {
    for_each = local.enforces ? ["this"] : []

    content {
      sid       = "WriteTheTagsOfTheRules"
      actions   = ["ec2:CreateTags"]
      resources = [local.instance_arns]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = local.writable_tag_keys
      }

      # ForAllValues is true of no keys at all, too.
      condition {
        test     = "Null"
        variable = "aws:TagKeys"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.enforces ? ["this"] : []

    content {
      sid       = "TakeBackTheMark"
      actions   = ["ec2:DeleteTags"]
      resources = [local.instance_arns]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = [var.marker_tag_key]
      }

      # No keys at all would be all tags of the instance.
      condition {
        test     = "Null"
        variable = "aws:TagKeys"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.terminates ? ["this"] : []

    content {
      sid       = "TerminateMarkedInstances"
      actions   = ["ec2:TerminateInstances"]
      resources = [local.instance_arns]

      condition {
        test     = "StringLike"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = ["terminate at *"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.stops ? ["this"] : []

    content {
      sid       = "StopMarkedInstances"
      actions   = ["ec2:StopInstances"]
      resources = [local.instance_arns]

      condition {
        test     = "StringLike"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = ["stop at *"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.ends == null ? [] : ["this"]

    content {
      sid    = "NeverEndAnExemptInstance"
      effect = "Deny"
      actions = [
        "ec2:StopInstances",
        "ec2:TerminateInstances",
      ]
      resources = [local.instance_arns]

      condition {
        test     = "Null"
        variable = "aws:ResourceTag/${var.exempt_tag_key}"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_events ? ["this"] : []

    content {
      sid = "TakeEventsFromTheQueue"
      actions = [
        "sqs:ChangeMessageVisibility", # by the function itself; the others by Lambda, on its behalf
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
      ]
      resources = [local.queue_arns.events]
    }
  }

  dynamic "statement" {
    for_each = var.config_rule ? ["this"] : []

    content {
      sid       = "TellAwsConfig"
      actions   = ["config:PutEvaluations"]
      resources = ["*"] # PutEvaluations has no resource level.
    }
  }

  dynamic "statement" {
    for_each = local.keeps_reports ? ["this"] : []

    content {
      sid       = "KeepTheReport"
      actions   = ["s3:PutObject"]
      resources = [for keys in local.report_keys : "${local.report_bucket_arn}/${keys}*"]
    }
  }

  dynamic "statement" {
    for_each = local.keeps_reports ? ["this"] : []

    content {
      sid       = "ReadTheNumbersOfEarlierRuns"
      actions   = ["s3:GetObject"]
      resources = ["${local.report_bucket_arn}/${local.report_keys.history}history.json"]
    }
  }

  # Whoever may not list a bucket is told that a missing object is denied, so that the first run
  # could not tell the one from the other.
  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
  dynamic "statement" {
    for_each = local.keeps_reports ? ["this"] : []

    content {
      sid       = "SeeThatThereAreNone"
      actions   = ["s3:ListBucket"]
      resources = [local.report_bucket_arn]
    }
  }

  dynamic "statement" {
    for_each = try(var.report_bucket.kms_key_arn, null) == null ? [] : [var.report_bucket.kms_key_arn]

    content {
      sid = "UseTheKeyOfTheBucket"
      actions = [
        "kms:Decrypt",         # to read the history
        "kms:GenerateDataKey", # to write
      ]
      resources = [statement.value]

      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["s3.*.amazonaws.com"] # the bucket may be in another region
      }
    }
  }

  statement {
    sid       = "PublishTheReport"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
  }

  statement {
    sid = "WriteTheLog"
    actions = [
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid = "UseTheKeyOfTableTopicQueueAndBucket"
      actions = [
        "kms:Decrypt",         # to read the table, the queue and the history, and to publish
        "kms:GenerateDataKey", # to publish, and to write into the bucket
      ]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values = [
          for service in compact(["dynamodb", "sns", local.has_events ? "sqs" : "", local.keeps_reports ? "s3" : ""]) :
          "${service}.${data.aws_region.current.id}.amazonaws.com"
        ]
      }
    }
  }
}
