# One set of rules, kept in the table by the people who own it, for two engines.
#
# Terraform seeds the items once; what is edited in the table stays.

provider "aws" {
  region = var.region
}

module "production" {
  source = "../.."

  name            = "shared-rules-production"
  vpc_ids         = [var.production_vpc_id]
  untagged_action = "notify"

  rules_owner = "table"
  # A key that only the table knows has to be named here before the role may write it.
  writable_tag_keys = var.further_tag_keys
}

module "sandbox" {
  source = "../.."

  name            = "shared-rules-sandbox"
  vpc_ids         = [var.sandbox_vpc_id]
  untagged_action = "stop"

  rules_table_name  = module.production.rules_table_name
  writable_tag_keys = var.further_tag_keys

  topic_arn           = module.production.topic_arn
  create_topic        = false # the topic is made in this apply
  schedule_expression = "cron(0 19 * * ? *)"
}
