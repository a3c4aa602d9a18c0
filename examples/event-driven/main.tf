# Instances are put right seconds after their launch, or after somebody has removed a tag.
#
# "launch" needs a trail that logs management events in this account and region, as landing zones
# have it; without one, leave it out, and the creator is looked up by the schedule.

provider "aws" {
  region = var.region
}

module "tag_policy" {
  source = "../.."

  name    = "tag-policy-events"
  vpc_ids = [var.event_driven_vpc_id]
  mode    = "enforce"

  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }

  event_triggers = {
    launch       = true
    state_change = true
    tag_change   = true
    tries        = 3
  }

  # What events missed, and instances without any tags.
  schedule   = { expression = "rate(1 day)" }
  monitoring = { metrics = "full" }
}
