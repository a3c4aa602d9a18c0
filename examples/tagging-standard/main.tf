# A whole tagging standard: which tags there are, which values are right, where a missing one comes
# from, and whom to ask. What has no value of its own is reported; the engine writes nothing there.

provider "aws" {
  region = var.region
}

locals {
  handbook = "see https://wiki.example.org/tags"

  rules = {
    # One of a list. "Production" and " PROD" are written "prod"; what nobody can guess is reported.
    10 = {
      tag_key        = "Environment"
      normalize      = ["trim", "lower"]
      synonyms       = { prod = ["production", "live"] }
      allowed_values = ["prod", "test", "dev", "sandbox-*"]
      note           = local.handbook
    }

    # In the form of the finance department: two letters and four digits. Under an old key: taken over,
    # and the old key deleted. Missing: taken from the group, the subnet, or the VPC.
    20 = {
      tag_key         = "CostCenter"
      aliases         = ["cost-center", "cc"]
      rename          = true
      action          = "Update"
      from            = ["auto_scaling_group", "subnet", "vpc"]
      allowed_pattern = "^[A-Z]{2}-[0-9]{4}$"
      note            = "ask finance@example.org"
    }

    # What Terraform knows about this VPC.
    25 = { tag_key = "Team", action = "Update", from = ["fact:team"] }

    # An address of either domain.
    30 = { tag_key = "Contact", allowed_pattern = "^[a-z0-9._+-]+@(example\\.org|apps\\.example\\.org)$", note = local.handbook }

    # Missing: written. Another value than these: reported, and left as it is.
    40 = { tag_key = "Backup", action = "Update", default = "daily", allowed_values = ["daily", "weekly", "none"] }

    # Whoever launched it.
    50 = { tag_key = "CreatedBy", action = "UserLookup", default = "platform-team" }

    # Need not be there. Where it is, it is a date that is not past, and at most half a year away; a
    # week after people were told that it is past, the instance is stopped.
    60 = {
      tag_key      = "Expires"
      required     = false
      expires      = true
      max_lifetime = "6m"
      escalate     = { stop = "7d" }
      note         = "write a later date, or end it"
    }

    # Need not be there. Where it is, it is a list of pages.
    70 = { tag_key = "Runbook", required = false, allowed_pattern = "^https://[^ ,]+(, ?https://[^ ,]+)*$" }
  }
}

module "tag_policy" {
  source = "../.."

  name    = "tag-policy-standard"
  vpc_ids = [var.vpc_id]
  mode    = var.mode
  rules   = local.rules
  facts   = { team = var.team }

  # How far rules may go with instances that have tags.
  max_escalation = "stop"

  email_subscriptions = var.email_subscriptions
}
