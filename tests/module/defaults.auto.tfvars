# What the inputs are in every run of these tests that says nothing else.

vpc_ids = ["vpc-0a1b2c3d4e5f67890"]
mode    = "enforce"

grace_period = "0s"

rules = {
  1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
  2 = { tag_key = "CreatedBy", action = "UserLookup" }
  3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
}
