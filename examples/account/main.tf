# One engine for an account and region. It finds the VPCs by their tags in each run; what is
# otherwise in one of them is said here, by its id.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  name          = "tag-policy-account"
  vpc_tags      = var.vpc_tags
  vpc_overrides = var.vpc_overrides

  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
    20 = { tag_key = "Owner", action = "UserLookup", default = "platform-team" }
  }

  mode                = var.mode
  email_subscriptions = var.email_subscriptions

  # Of those that have no tags at all, a run ends no more than this, whatever the VPC.
  max_destructive         = 20
  max_destructive_percent = 5
}
