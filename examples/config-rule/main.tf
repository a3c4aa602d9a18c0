# AWS Config shows which instances are tagged as the rules say, and since when.
#
# Needs a configuration recorder that records EC2 instances, as landing zones have it. Nothing is
# changed: the engine only audits, and the Config rule only evaluates.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  name    = "tag-policy-config"
  vpc_ids = [var.evaluated_vpc_id]
  mode    = "audit"

  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }

  config_rule = "evaluate"
  schedule    = null
  monitoring  = { metrics = "full" }
}
