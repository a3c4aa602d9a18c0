# The role: what the function may do, one statement per purpose.
#
# It follows the inputs. Where no VPC is enforced there is no statement that changes EC2, and only an
# untagged_action of "terminate" or "stop" brings the statement that ends anything that way. Even then the
# role is a second lock: it can end instances only that carry this engine's mark and none of the
# tags that it knows, and never an exempt one. What ends an instance that has tags is a statement of
# its own, where max_escalation and a rule ask for it, and wants a mark that names a rule.
# value_lock.tf has the other lock: what it may not
# overwrite. "ec2:Vpc" is no condition key for instances, so that the VPC is enforced in code.

locals {
  # What holds of a VPC of which nothing else is said, and of each of the others.
  choices = concat(
    [{ mode = var.mode, untagged_action = var.untagged_action }],
    [for override in values(local.vpc_overrides) : {
      mode            = try(override.mode, var.mode)
      untagged_action = try(override.untagged_action, var.untagged_action)
    }],
  )
  mode               = contains(local.choices[*].mode, "enforce") ? "enforce" : "audit"
  enforces           = local.mode == "enforce"
  ends               = sort(setintersection(["terminate", "stop", "isolate"], [for choice in local.choices : choice.untagged_action if choice.mode == "enforce"]))
  judges_what_to_end = length(setintersection(["terminate", "stop", "isolate"], local.choices[*].untagged_action)) > 0 || length(local.escalations) > 0

  # What rules may do to an instance that has tags: what they ask for, and where only the table
  # knows them, whatever they may ask for.
  escalations_allowed = slice(["isolate", "stop", "terminate"], 0, { none = 0, isolate = 1, stop = 2, terminate = 3 }[var.max_escalation])
  escalations = [
    for end in local.escalations_allowed : end
    if local.table_knows_more || contains(flatten([for rule in values(local.rules) : keys(rule.escalate) if rule.escalate != null]), end)
  ]
  # Refused in main.tf.
  too_far = flatten([
    for id, rule in local.rules : [for end in setsubtract(try(keys(rule.escalate), []), local.escalations_allowed) : "rule ${id} would ${end}"]
  ])
  ends_what_is_tagged = local.enforces ? local.escalations : []
  ends_anything       = length(local.ends) + length(local.ends_what_is_tagged) > 0
  isolates            = contains(concat(local.ends, local.ends_what_is_tagged), "isolate")

  calls = {
    isolate   = "ec2:ModifyNetworkInterfaceAttribute"
    stop      = "ec2:StopInstances"
    terminate = "ec2:TerminateInstances"
  }

  # Where instances are isolated, and with which group: not in a VPC that is only audited.
  isolation_groups = {
    for vpc_id, group in var.isolation_security_groups : vpc_id => group
    if try(local.vpc_overrides[vpc_id].mode, var.mode) == "enforce" && (
      try(local.vpc_overrides[vpc_id].untagged_action, var.untagged_action) == "isolate" || contains(local.ends_what_is_tagged, "isolate")
    )
  }

  # What rules/mark.py writes about an untagged instance, and nothing longer: "?" is one character,
  # so that neither a mark that names a rule nor anybody's own words fit. "announcing …", which is
  # written before people were told, is no mark. Where there is a grace period, only a mark that was
  # announced lets an instance be ended.
  mark_time    = "????-??-??T??:??:??Z"
  has_no_grace = can(regex("^0+[smhd]$", var.grace_period))
  untagged_marks = {
    for end in local.ends : end => [
      for reason in concat(
        ["untagged, announced ${local.mark_time}"],
        local.has_no_grace ? ["untagged, no grace period"] : [],
      ) : "${var.name}: ${end} at ${local.mark_time}: ${reason}"
    ]
  }

  # The same about an instance that a rule concerns, whatever it says.
  rule_marks = {
    for end in local.ends_what_is_tagged : end => "${var.name}: ${end} at ${local.mark_time}: rule * (????????), announced ${local.mark_time}"
  }

  # What an engine of this name has written, or one of a version that did not say its name.
  own_marks = ["${var.name}: *", "announcing ${var.name}: *", "stop at *", "terminate at *"]

  # Whatever has one of these tags is not untagged. Condition keys are compared without regard to case, so
  # that "Name" stands for "name" and "NAME", too, and each has one entry.
  keys_of_the_tagged = {
    for folded, keys in { for key in setunion(local.guarding_tag_keys, ["Name"]) : lower(key) => key... } : folded => keys[0]
  }

  # What rules take values from, which has to be read.
  sources = distinct(flatten([for rule in values(local.rules) : [for source in rule.from : split(":", source)[0]] if rule.from != null]))
  reads_tags_of_parents = compact([
    local.table_knows_more || contains(local.sources, "auto_scaling_group") ? "autoscaling:DescribeTags" : "",
    local.table_knows_more || length(setintersection(local.sources, ["subnet", "vpc", "image", "launch_template"])) > 0 ? "ec2:DescribeTags" : "",
  ])

  # What rules are about beside instances, and how it is listed: snapshots by their volumes.
  hanging_types = sort(setsubtract(local.resource_types, ["instance"]))
  listed_types  = sort(setunion(local.hanging_types, contains(local.hanging_types, "snapshot") ? ["volume"] : []))
  describe = {
    volume            = "ec2:DescribeVolumes"
    network-interface = "ec2:DescribeNetworkInterfaces"
    snapshot          = "ec2:DescribeSnapshots"
    image             = "ec2:DescribeImages"
    elastic-ip        = "ec2:DescribeAddresses"
  }

  # The ARNs of snapshots and images have no account in them.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
  tagged_arns = [
    for type in concat(["instance"], local.hanging_types) :
    "${contains(["snapshot", "image"], type) ? replace(local.arns.ec2, local.account_id, "") : local.arns.ec2}${type}/*"
  ]
  marks_apart = local.ends_anything && length(local.hanging_types) > 0

  looks_users_up = local.table_knows_more || length(local.creator_tag_keys) > 0
}

locals {
  vpc_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]

  given_keys = {
    dynamodb = {
      sid     = "UseTheKeyOfTheRulesTable"
      key_arn = try(var.rules_table.kms_key_arn, null)
      actions = ["kms:Decrypt"]
    }
    sns = {
      sid     = "UseTheKeyOfTheTopic"
      key_arn = try(var.topic.kms_key_arn, null)
      actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    }
  }
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

# What is made, or what is given: a role of the organisation's, which has to hold the same.
locals {
  made_role_arn  = local.creates_role ? aws_iam_role.this[0].arn : var.role.arn
  made_role_name = local.creates_role ? aws_iam_role.this[0].name : element(reverse(split("/", var.role.arn)), 0)
}

resource "aws_iam_role" "this" {
  count = local.creates_role ? 1 : 0

  # Roles are global: the region keeps two regions of one account apart.
  name                 = local.role.name
  description          = "What the Tag Policy Engine ${var.name} may do (${local.mode})"
  path                 = local.role.path
  assume_role_policy   = data.aws_iam_policy_document.assume_role.json
  permissions_boundary = local.role.permissions_boundary_arn
  tags                 = var.tags

  # Behind a depends_on of the whole module, account and region are known only after apply, and a
  # name that is not known would make it anew. It is made anew where the inputs name it otherwise.
  lifecycle {
    ignore_changes       = [name]
    replace_triggered_by = [terraform_data.role_name]
  }
}

# What the inputs call the role, known at each plan.
resource "terraform_data" "role_name" {
  input = coalesce(try(var.role.name, null), var.name)
}

resource "aws_iam_role_policy" "this" {
  count = local.creates_role ? 1 : 0

  name   = "tag-policy-engine"
  role   = aws_iam_role.this[0].id
  policy = data.aws_iam_policy_document.this.json

  # What may not be overwritten is locked before anything may be written.
  depends_on = [aws_iam_role_policy_attachment.value_lock]

  lifecycle {
    precondition {
      condition     = local.keys_that_fit >= length(local.locked_tag_keys) && local.inline_policy_room >= 0
      error_message = "The role has ${length(local.locked_tag_keys)} tag keys that it may write and must never overwrite (rules, rules_table.writable_tag_keys, and what creator.details adds), ${length(local.unlocked_tag_keys)} more that it has to name, and ${length(local.deleted_tag_keys)} that it may delete${local.isolates ? ", and it may isolate in ${length(local.isolation_groups)} VPCs" : ""}; its policies have room for ${local.keys_that_fit} of the first beside them. Use shorter keys, fewer rules, fewer aliases with rename, or fewer VPCs in isolation_security_groups, or give some of the rules to a second engine with another name, such as \"${var.name}-2\"."
    }
  }
}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_356:The actions on "*" cannot be scoped to a resource; each says so.
  statement {
    sid       = "ReadTheRules"
    actions   = ["dynamodb:Scan"]
    resources = [local.arns.rules]
  }

  # In audit mode, too: what was told is remembered, whoever acts on it.
  statement {
    sid = "RememberWhatWasTold"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
    ]
    resources = [local.arns.state]
  }

  statement {
    sid = "ListInstancesAndVpcs"
    actions = compact(concat([
      "ec2:DescribeInstances",
      local.judges_what_to_end ? "ec2:DescribeSpotInstanceRequests" : "", # a persistent one launches anew what was ended
      "ec2:DescribeVpcs",
    ], [for type in local.listed_types : local.describe[type]]))
    resources = ["*"] # Describe actions of EC2 have no resource level.
  }

  dynamic "statement" {
    for_each = length(local.reads_tags_of_parents) > 0 ? ["this"] : []

    content {
      sid       = "ReadWhereValuesComeFrom"
      actions   = local.reads_tags_of_parents
      resources = ["*"] # These have no resource level either.
    }
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
    for_each = local.enforces && length(local.marks_apart ? local.filled_tag_keys : local.writable_tag_keys) > 0 ? ["this"] : []

    content {
      sid       = "WriteTheTagsOfTheRules"
      actions   = ["ec2:CreateTags"]
      resources = local.tagged_arns

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = local.marks_apart ? local.filled_tag_keys : local.writable_tag_keys
      }

      # ForAllValues is true of no keys at all, too.
      condition {
        test     = "Null"
        variable = "aws:TagKeys"
        values   = ["false"]
      }
    }
  }

  # Nothing is marked but instances.
  dynamic "statement" {
    for_each = local.marks_apart ? ["this"] : []

    content {
      sid       = "MarkInstances"
      actions   = ["ec2:CreateTags"]
      resources = [local.arns.instances]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = [var.marker_tag_key]
      }

      condition {
        test     = "Null"
        variable = "aws:TagKeys"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.ends_anything ? ["this"] : []

    content {
      sid       = "LeaveWordsAndMarksOfOthers"
      effect    = "Deny"
      actions   = ["ec2:CreateTags"]
      resources = ["*"]

      condition {
        test     = "ForAnyValue:StringEquals"
        variable = "aws:TagKeys"
        values   = [var.marker_tag_key]
      }

      # Without it, StringNotLike would be true of what has no such tag.
      condition {
        test     = "Null"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = ["false"]
      }

      condition {
        test     = "StringNotLike"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = local.own_marks
      }
    }
  }

  dynamic "statement" {
    for_each = local.enforces ? ["this"] : []

    content {
      sid       = "TakeBackTheMark"
      actions   = ["ec2:DeleteTags"]
      resources = [local.arns.instances]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = setunion([var.marker_tag_key], var.former_marker_tag_keys)
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
    for_each = length(local.deleted_tag_keys) > 0 ? ["this"] : []

    content {
      sid       = "DeleteTagsThatAreNotToBeUsed"
      actions   = ["ec2:DeleteTags"]
      resources = local.tagged_arns

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "aws:TagKeys"
        values   = local.deleted_tag_keys
      }

      # No keys at all would be all tags of the instance.
      condition {
        test     = "Null"
        variable = "aws:TagKeys"
        values   = ["false"]
      }

      condition {
        test     = "Null"
        variable = "aws:ResourceTag/${var.exempt_tag_key}"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.untagged_marks

    content {
      sid       = "${title(statement.key)}MarkedUntaggedInstances"
      actions   = [local.calls[statement.key]]
      resources = [local.arns.instances]

      condition {
        test     = "StringLike"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = statement.value
      }

      dynamic "condition" {
        for_each = local.keys_of_the_tagged

        content {
          test     = "Null"
          variable = "aws:ResourceTag/${condition.value}"
          values   = ["true"]
        }
      }
    }
  }

  dynamic "statement" {
    for_each = local.rule_marks

    content {
      sid       = "${title(statement.key)}WhatARuleHasMarked"
      actions   = [local.calls[statement.key]]
      resources = [local.arns.instances]

      condition {
        test     = "StringLike"
        variable = "aws:ResourceTag/${var.marker_tag_key}"
        values   = [statement.value]
      }
    }
  }

  # To isolate, IAM is asked about the network interface, about the group that it gets, and about the
  # instance, of which the statements above say when. AWS's reference names all three; a VPC that is
  # shared is of another account.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
  dynamic "statement" {
    for_each = local.isolates && length(local.isolation_groups) > 0 ? ["this"] : []

    content {
      sid       = "IsolateInTheVpcsOfTheGroups"
      actions   = [local.calls["isolate"]]
      resources = ["${local.arns.ec2}network-interface/*"]

      condition {
        test     = "ArnLike"
        variable = "ec2:Vpc"
        values   = [for vpc_id in keys(local.isolation_groups) : "arn:${local.partition}:ec2:${local.region}:*:vpc/${vpc_id}"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.isolates && length(local.isolation_groups) > 0 ? ["this"] : []

    content {
      sid       = "IsolateWithTheGroups"
      actions   = [local.calls["isolate"]]
      resources = [for group in toset(values(local.isolation_groups)) : "${local.arns.ec2}security-group/${group}"]
    }
  }

  dynamic "statement" {
    for_each = local.ends_anything ? ["this"] : []

    content {
      sid    = "NeverEndAnExemptInstance"
      effect = "Deny"
      actions = compact([
        local.isolates ? local.calls["isolate"] : "",
        local.calls["stop"],
        local.calls["terminate"],
      ])
      resources = [local.arns.instances]

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
    for_each = var.config_rule != "off" ? ["this"] : []

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
      resources = [for keys in local.report_keys : "${local.arns.bucket}/${keys}*"]
    }
  }

  dynamic "statement" {
    for_each = local.keeps_reports ? ["this"] : []

    content {
      sid       = "ReadTheNumbersOfEarlierRuns"
      actions   = ["s3:GetObject"]
      resources = ["${local.arns.bucket}/${local.report_keys.history}history.json"]
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
      resources = [local.arns.bucket]
    }
  }

  # The keys of what is given. Whoever gives them has to let this role use them, in their policies.
  dynamic "statement" {
    for_each = { for name, given in local.given_keys : name => given if given.key_arn != null }

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = [statement.value.key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["${statement.key}.${local.region}.amazonaws.com"]
      }
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

  # Lambda puts the function into the VPC with the function's own role; the function itself may not.
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
  dynamic "statement" {
    for_each = local.function.vpc_config == null ? [] : ["this"]

    content {
      sid       = "LetLambdaPutTheFunctionIntoTheVpc"
      actions   = local.vpc_actions
      resources = ["*"] # The Describe actions have no resource level, and Lambda names the interfaces.
    }
  }

  dynamic "statement" {
    for_each = local.function.vpc_config == null ? [] : ["this"]

    content {
      sid       = "ButNotTheFunctionItself"
      effect    = "Deny"
      actions   = local.vpc_actions
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.arns.function]
      }
    }
  }

  statement {
    sid       = "PublishTheReport"
    actions   = ["sns:Publish"]
    resources = [local.arns.topic]
  }

  statement {
    sid = "WriteTheLog"
    actions = [
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]
    resources = ["${local.arns.log_group}:*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid = "UseTheKeyOfTablesTopicQueueAndBucket"
      actions = [
        "kms:Decrypt",         # to use the tables, to read the queue and the history, and to publish
        "kms:GenerateDataKey", # to publish, and to write into the bucket
      ]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values = [
          for service in compact(["dynamodb", "sns", local.has_events ? "sqs" : "", local.keeps_reports ? "s3" : ""]) :
          "${service}.${local.region}.amazonaws.com"
        ]
      }
    }
  }
}
