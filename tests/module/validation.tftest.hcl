# Each validation refuses what it should, at plan.

mock_provider "aws" {}

variables {
  vpc_ids         = ["vpc-0a1b2c3d4e5f67890"]
  untagged_action = "notify"
}

run "refuses_no_vpc" {
  command = plan
  variables {
    vpc_ids = []
  }
  expect_failures = [var.vpc_ids]
}
