# The rules table and its seeded items.

locals {
  rules_owner = coalesce(try(var.rules_table.owner, null), "terraform")
  rules_table_name = (
    local.creates_table ? "${var.name}-rules"
    : local.gives_table_arn ? element(split("/", var.rules_table.arn), 1)
    : var.rules_table.name
  )

  seeded_items = local.creates_table ? {
    for id, rule in local.rules : id => jsonencode(merge(
      {
        RuleId   = { N = id }
        TagKey   = { S = rule.tag_key }
        Action   = { S = rule.action }
        Required = { S = rule.required ? "Y" : "N" }
      },
      rule.default == null ? {} : { Default = { S = rule.default } },
      rule.when == null ? {} : { When = { M = { for fact, patterns in rule.when : fact => { L = [for pattern in patterns : { S = pattern }] } } } },
      rule.resource_types == null ? {} : { ResourceTypes = { L = [for type in rule.resource_types : { S = type }] } },
      rule.aliases == null ? {} : { Aliases = { L = [for alias in rule.aliases : { S = alias }] } },
      rule.rename ? { Rename = { S = "Y" } } : {},
      rule.from == null ? {} : { From = { L = [for source in rule.from : { S = source }] } },
      rule.normalize == null ? {} : { Normalize = { L = [for step in rule.normalize : { S = step }] } },
      rule.synonyms == null ? {} : { Synonyms = { M = { for right, patterns in rule.synonyms : right => { L = [for pattern in patterns : { S = pattern }] } } } },
      rule.replace_invalid ? { ReplaceInvalid = { S = "Y" } } : {},
      rule.allowed_values == null ? {} : { AllowedValues = { L = [for value in rule.allowed_values : { S = value }] } },
      rule.allowed_pattern == null ? {} : { AllowedPattern = { S = rule.allowed_pattern } },
      rule.expires ? { Expires = { S = "Y" } } : {},
      rule.max_lifetime == null ? {} : { MaxLifetime = { S = rule.max_lifetime } },
      rule.escalate == null ? {} : { Escalate = { M = { for end, after in rule.escalate : end => { S = after } } } },
      rule.note == null ? {} : { Note = { S = rule.note } },
    ))
  } : {}
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV2_AWS_16:On demand by choice; autoscaling is for provisioned tables.
  count = local.creates_table ? 1 : 0

  name                        = local.rules_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "RuleId"
  deletion_protection_enabled = tobool(coalesce(try(var.rules_table.deletion_protection, null), false))

  attribute {
    name = "RuleId"
    type = "N"
  }

  point_in_time_recovery {
    enabled = true
  }

  # Without a key of the user's: the key that AWS manages for DynamoDB in the account.
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}

# An item is one or the other, because Terraform decides on ignore_changes before it reads a variable.

resource "aws_dynamodb_table_item" "terraform_owned" {
  for_each = local.rules_owner == "terraform" ? local.seeded_items : {}

  table_name = aws_dynamodb_table.this[0].name
  hash_key   = "RuleId"
  item       = each.value
}

resource "aws_dynamodb_table_item" "table_owned" {
  for_each = local.rules_owner == "table" ? local.seeded_items : {}

  table_name = aws_dynamodb_table.this[0].name
  hash_key   = "RuleId"
  item       = each.value

  lifecycle {
    ignore_changes = [item]
  }
}
