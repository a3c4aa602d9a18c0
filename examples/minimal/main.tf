# The engine at its shortest: one VPC, the three rules of the blog post that it descends from, a
# report by e-mail. It audits: apply with mode = "enforce" when the reports name nothing that
# surprises you.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  vpc_ids             = [var.vpc_id]
  email_subscriptions = var.email_subscriptions

  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }

  mode            = var.mode
  untagged_action = var.untagged_action
  grace_period    = var.grace_period
}
