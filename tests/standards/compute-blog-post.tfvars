# What the AWS Compute Blog post names, in so far as it is a matter of tags
rules = {
  10 = { tag_key = "CostCenter", action = "Update", from = ["auto_scaling_group", "subnet", "vpc"], aliases = ["cost-center", "cc"], default = "unassigned" }
  11 = { tag_key = "CostCenter", resource_types = ["volume", "network-interface", "elastic-ip"], action = "Update", from = ["instance", "vpc"], default = "unassigned" }
  12 = { tag_key = "CostCenter", resource_types = ["snapshot"], action = "Update", from = ["volume", "instance"], default = "unassigned" }
  20 = { tag_key = "CreatedBy", action = "UserLookup" }
  30 = { tag_key = "Expires", action = "Function", default = "today(+30d)", when = { "tag:Environment" = ["sandbox"] }, expires = true, max_lifetime = "90d", escalate = { stop = "1d", terminate = "14d" } }
  40 = { tag_key = "Schedule", action = "Update", default = "office-hours", when = { "tag:Environment" = ["!prod"], auto_scaling_group = ["!*"] }, allowed_values = ["office-hours", "always-on", "weekends-off"], replace_invalid = true }
  50 = { tag_key = "PatchGroup", action = "Update", from = ["tag:Environment"], synonyms = { "patch-late" = ["prod"], "patch-early" = ["*"] } }
  60 = { tag_key = "DataClassification", when = { public_ip = ["true"] }, allowed_values = ["public"], escalate = { isolate = "1d" } }
  70 = { tag_key = "Retain", resource_types = ["snapshot"], when = { age = [">180d"], attached = ["false"] }, allowed_values = ["yes"], escalate = { delete = "14d" } }
  80 = { tag_key = "RegionApproval", when = { region = ["!eu-*"] }, allowed_values = ["CHG*"], escalate = { stop = "1h", terminate = "7d" } }
}
