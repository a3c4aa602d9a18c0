# What the engine remembers between runs: what was told, to whom, when. Always there, in audit mode
# too. Only the engine's role writes it, and nothing that ends an instance is decided by it alone.

locals {
  state_table_name = "${var.name}-state"
}

resource "aws_dynamodb_table" "state" {
  #checkov:skip=CKV2_AWS_16:On demand by choice; autoscaling is for provisioned tables.
  name         = local.state_table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "Key"

  attribute {
    name = "Key"
    type = "S"
  }

  # DynamoDB deletes what has expired, so that the role need not delete.
  ttl {
    attribute_name = "ExpiresAt"
    enabled        = true
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
