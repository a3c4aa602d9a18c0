# The engine at its shortest: one VPC, the three default rules, a report by e-mail.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  vpc_ids             = [var.vpc_id]
  untagged_action     = var.untagged_action
  grace_period        = var.grace_period
  email_subscriptions = var.email_subscriptions
}
