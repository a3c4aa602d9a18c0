# Cost centres on all that is billed: instances get theirs from their group, subnet or VPC, and hand it
# on to their volumes, interfaces, addresses and images; snapshots get that of their volume.

provider "aws" {
  region = var.region
}

locals {
  on_instances = ["volume", "network-interface", "elastic-ip", "image"]

  rules = {
    10 = { tag_key = "CostCenter", action = "Update", from = ["auto_scaling_group", "subnet", "vpc"], allowed_pattern = local.cost_center, note = local.whom_to_ask }
    11 = { tag_key = "CostCenter", resource_types = local.on_instances, action = "Update", from = ["instance"], allowed_pattern = local.cost_center, note = local.whom_to_ask }
    12 = { tag_key = "CostCenter", resource_types = ["snapshot"], action = "Update", from = ["volume", "instance"], allowed_pattern = local.cost_center, note = local.whom_to_ask }

    # Whoever launched the instance answers for what hangs off it.
    20 = { tag_key = "CreatedBy", action = "UserLookup" }
    21 = { tag_key = "CreatedBy", resource_types = concat(local.on_instances, ["snapshot"]), action = "Update", from = ["instance"] }

    # One spelling everywhere; what is missing is for people to fix.
    30 = { tag_key = "Environment", resource_types = ["instance", "volume"], normalize = ["trim", "lower"], synonyms = { prod = ["production", "live"] }, allowed_values = ["prod", "test", "dev"] }

    # What a backup plan selects volumes by.
    40 = { tag_key = "Backup", resource_types = ["volume"], action = "Update", default = "daily", allowed_values = ["daily", "weekly", "none"] }
  }

  cost_center = "^[A-Z]{2}-[0-9]{4}$"
  whom_to_ask = "ask finance@example.org"
}

module "tag_policy" {
  source = "../.."

  name    = "tag-policy-costs"
  vpc_ids = [var.vpc_id]
  mode    = var.mode
  rules   = local.rules

  email_subscriptions = var.email_subscriptions
}
