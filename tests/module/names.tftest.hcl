# A name that is not known is refused at plan. Terraform itself drops what the type of an object does
# not name, so that { requird = false } would leave a required rule, without a word.

mock_provider "aws" {
  source = "./tests/module/mocks"
}

run "refuses_rules_with_requird" {
  command = plan

  variables {
    rules = { 10 = { tag_key = "Team", action = "Update", requird = false, default = "none" } }
  }

  expect_failures = [var.rules]
}

run "refuses_rules_with__efault_in_capitals" {
  command = plan

  variables {
    rules = { 10 = { tag_key = "Team", action = "Update", default = "none" }, 20 = { tag_key = "Owner", action = "UserLookup", Default = "x" } }
  }

  expect_failures = [var.rules]
}

run "refuses_rules_with_tagkey" {
  command = plan

  variables {
    rules = { 10 = { tagkey = "Team", action = "Update", default = "none" } }
  }

  expect_failures = [var.rules]
}

run "refuses_rules_with_a_list_of_keys" {
  command = plan

  variables {
    rules = ["Team"]
  }

  expect_failures = [var.rules]
}

run "refuses_rules_with_a_text_for_a_rule" {
  command = plan

  variables {
    rules = { 10 = "Team" }
  }

  expect_failures = [var.rules]
}

run "refuses_rules_with_a_required_that_is_no_bool" {
  command = plan

  variables {
    rules = { 10 = { tag_key = "Team", action = "Update", default = "none", required = "no" } }
  }

  expect_failures = [var.rules]
}

run "refuses_schedule_with_timezone" {
  command = plan

  variables {
    schedule = { timezone = "Europe/Berlin" }
  }

  expect_failures = [var.schedule]
}

run "refuses_rules_table_with_ower" {
  command = plan

  variables {
    rules_table = { ower = "table" }
  }

  expect_failures = [var.rules_table]
}

run "refuses_topic_with_topic_arn" {
  command = plan

  variables {
    topic = { topic_arn = "arn:aws:sns:eu-west-1:123456789012:reports" }
  }

  expect_failures = [var.topic]
}

run "refuses_creator_with_lookups_per_secund" {
  command = plan

  variables {
    creator = { lookups_per_secund = 0.5 }
  }

  expect_failures = [var.creator]
}

run "refuses_event_triggers_with_lauch" {
  command = plan

  variables {
    event_triggers = { lauch = true }
  }

  expect_failures = [var.event_triggers]
}

run "refuses_event_triggers_with_a_launch_that_is_no_bool" {
  command = plan

  variables {
    event_triggers = { launch = "yes" }
  }

  expect_failures = [var.event_triggers]
}

run "refuses_monitoring_with_alarm_action" {
  command = plan

  variables {
    monitoring = { alarm_action = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  }

  expect_failures = [var.monitoring]
}

run "refuses_monitoring_with_an_action_that_is_no_arn" {
  command = plan

  variables {
    monitoring = { alarm_actions = ["on-call"] }
  }

  expect_failures = [var.monitoring]
}

run "refuses_monitoring_with_unknown_metrics" {
  command = plan

  variables {
    monitoring = { metrics = "all" }
  }

  expect_failures = [var.monitoring]
}

run "refuses_report_bucket_with_retention" {
  command = plan

  variables {
    report_bucket = { create = true, retention = 30 }
  }

  expect_failures = [var.report_bucket]
}

run "refuses_function_with_memry_mb" {
  command = plan

  variables {
    function = { memry_mb = 512 }
  }

  expect_failures = [var.function]
}

run "refuses_function_with_memory_that_is_no_number" {
  command = plan

  variables {
    function = { memory_mb = "lots" }
  }

  expect_failures = [var.function]
}

run "refuses_function_with_a_number_for_an_object" {
  command = plan

  variables {
    function = 256
  }

  expect_failures = [var.function]
}

run "refuses_package_with_file" {
  command = plan

  variables {
    function = { package = { file = "dist/tag_policy.zip" } }
  }

  expect_failures = [var.function]
}

run "refuses_role_with_permission_boundary_arn" {
  command = plan

  variables {
    role = { permission_boundary_arn = "arn:aws:iam::123456789012:policy/boundary" }
  }

  expect_failures = [var.role]
}

run "accepts_the_neighbours_that_are_right" {
  command = plan

  variables {
    rules_table    = { owner = "table", deletion_protection = true }
    topic          = { arn = "arn:aws:sns:eu-west-1:123456789012:reports" }
    creator        = { lookups_per_second = "0.5" }
    event_triggers = { launch = "true" }
    monitoring     = { alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
    report_bucket  = { create = true, retention_days = 30 }
    function       = { package = { filename = "dist/tag_policy.zip" }, memory_mb = "512", log_retention_days = 0 }
    role           = { permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary" }
    rules          = { 10 = { tag_key = "Team", action = "Update", required = "false", default = 5 } }
  }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.table_owned["10"].item) == { RuleId = { N = "10" }, TagKey = { S = "Team" }, Action = { S = "Update" }, Required = { S = "N" }, Default = { S = "5" } }
    error_message = "A number and a bool in quotes are not taken for what they are."
  }

  assert {
    condition     = aws_lambda_function.this.memory_size == 512 && aws_cloudwatch_log_group.this[0].retention_in_days == 0
    error_message = "The function is not as it was asked for."
  }
}

run "accepts_rules_of_one_type" {
  command = plan

  variables {
    rules = tomap({ 10 = { tag_key = "Team", action = "UserLookup", default = tostring(null), required = tobool(null) }, 20 = { tag_key = "Tier", action = "Update", default = "none", required = false } })
  }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.terraform_owned["10"].item) == { RuleId = { N = "10" }, TagKey = { S = "Team" }, Action = { S = "UserLookup" }, Required = { S = "Y" } }
    error_message = "What is null is not as what is left out."
  }
}

run "refuses_an_override_with_mod" {
  command = plan

  variables {
    vpc_overrides = { "vpc-0a1b2c3d4e5f67890" = { mod = "audit" } }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_an_override_with_untagged_actoin_beside_a_good_one" {
  command = plan

  variables {
    vpc_overrides = { "vpc-0a1b2c3d4e5f67890" = { mode = "audit", untagged_actoin = "notify" } }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_an_override_of_no_vpc" {
  command = plan

  variables {
    vpc_overrides = { mode = "audit" }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_an_override_of_a_misspelt_vpc" {
  command = plan

  variables {
    vpc_overrides = { "vpc_0123456789abcdef0" = { mode = "audit" } }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_an_override_of_a_vpc_that_is_none_of_vpc_ids" {
  command = plan

  variables {
    vpc_overrides = { "vpc-0aaaaaaaaaaaaaaa0" = { mode = "audit" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_an_override_with_another_mode" {
  command = plan

  variables {
    vpc_overrides = { "vpc-0a1b2c3d4e5f67890" = { mode = "Audit" } }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_an_override_with_another_untagged_action" {
  command = plan

  variables {
    vpc_overrides = { "vpc-0a1b2c3d4e5f67890" = { untagged_action = "kill" } }
  }

  expect_failures = [var.vpc_overrides]
}

run "refuses_a_table_by_name_and_by_arn" {
  command = plan

  variables {
    rules       = {}
    rules_table = { name = "shared", arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/shared", writable_tag_keys = ["Owner"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_name_for_the_arn_of_a_table" {
  command = plan

  variables {
    rules       = {}
    rules_table = { arn = "shared", writable_tag_keys = ["Owner"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_table_of_another_region" {
  command = plan

  variables {
    rules       = {}
    rules_table = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/shared", writable_tag_keys = ["Owner"] }
  }

  expect_failures = [aws_lambda_function.this]
}
