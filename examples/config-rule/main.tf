# AWS Config shows which instances are tagged as the rules say, and since when.
#
# Needs a configuration recorder that records EC2 instances, as landing zones have it. Nothing is
# changed: the engine only audits, and the Config rule only evaluates.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  name            = "tag-policy-config"
  vpc_ids         = [var.evaluated_vpc_id]
  untagged_action = "notify"
  mode            = "audit"

  config_rule         = true
  schedule_expression = null
}
