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
  mode            = "enforce"
  untagged_action = "notify"

  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }
  rules_table = {
    owner               = "table"
    deletion_protection = false # true where people keep their rules here

    # A key that only the table knows has to be named here before the role may write it.
    writable_tag_keys = var.further_tag_keys
  }
}

module "sandbox" {
  source = "../.."

  name            = "shared-rules-sandbox"
  vpc_ids         = [var.sandbox_vpc_id]
  mode            = "enforce"
  untagged_action = "stop"
  grace_period    = "0s"

  rules = {} # those of the other engine's table
  rules_table = {
    name              = module.production.rules_table_name
    writable_tag_keys = concat(["ProjectCode", "CreatedBy", "Expires"], tolist(var.further_tag_keys))
  }

  topic    = { arn = module.production.topic_arn }
  schedule = { expression = "cron(0 19 * * ? *)", time_zone = "Europe/Berlin" }
}
