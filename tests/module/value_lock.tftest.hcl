# The locks: how many keys fit, what stands in which policy, and which keys IAM could not tell apart.

mock_provider "aws" {
  source = "./tests/module/mocks"
}

run "each_key_of_a_rule_is_locked" {
  command = apply

  variables {
    name        = "prod"
    creator     = { details = "event_id" }
    rules_table = { writable_tag_keys = ["Owner"] }
    tags        = { Owner = "platform" }
    role        = { path = "/governance/" }
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.value_lock["1"].policy).Statement : statement] == [
      for key in ["CreatedBy", "CreatedBy:event-id", "Expires", "Owner", "Owner:event-id", "ProjectCode"] : {
        Effect   = "Deny"
        Action   = "ec2:CreateTags"
        Resource = "*"
        Condition = {
          "ForAnyValue:StringEquals" = { "aws:TagKeys" = key }
          StringLike                 = { "aws:ResourceTag/${key}" = "?*" }
        }
      }
    ]
    error_message = "Not every key is locked, or something else is."
  }

  assert {
    condition = alltrue([
      length(aws_iam_policy.value_lock) == 1,
      aws_iam_policy.value_lock["1"].name == "prod-eu-west-1-value-lock-1",
      aws_iam_policy.value_lock["1"].path == "/governance/",
      aws_iam_policy.value_lock["1"].tags == tomap({ Owner = "platform" }),
      aws_iam_role_policy_attachment.value_lock["1"].role == "prod-eu-west-1",
      aws_iam_role_policy_attachment.value_lock["1"].policy_arn == aws_iam_policy.value_lock["1"].arn,
      output.value_lock_policy_jsons == [aws_iam_policy.value_lock["1"].policy],
    ])
    error_message = "The policy is not named, placed, tagged, attached or put out as it should be."
  }
}

run "in_audit_mode_there_is_nothing_to_lock" {
  command = plan

  variables {
    mode = "audit"
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) == 0 && length(output.value_lock_policy_jsons) == 0
    error_message = "There is a policy that locks what nobody may write."
  }
}

run "the_table_of_what_was_told_is_made_in_audit_mode_too" {
  command = plan

  variables {
    name = "prod"
    mode = "audit"
    tags = { Owner = "platform" }
  }

  assert {
    condition = alltrue([
      aws_dynamodb_table.state.name == "prod-state",
      aws_dynamodb_table.state.billing_mode == "PAY_PER_REQUEST",
      aws_dynamodb_table.state.hash_key == "Key",
      aws_dynamodb_table.state.attribute == toset([{ name = "Key", type = "S" }]),
      aws_dynamodb_table.state.ttl[0].attribute_name == "ExpiresAt" && aws_dynamodb_table.state.ttl[0].enabled,
      aws_dynamodb_table.state.point_in_time_recovery[0].enabled,
      aws_dynamodb_table.state.server_side_encryption[0].enabled,
      aws_dynamodb_table.state.tags == tomap({ Owner = "platform" }),
      aws_lambda_function.this.environment[0].variables.TAG_POLICY_STATE_TABLE == "prod-state",
      output.state_table_name == "prod-state",
    ])
    error_message = "The table is not what it should be, or the function is not told of it."
  }
}

run "former_keys_of_the_mark_are_told_as_json" {
  command = apply

  variables {
    former_marker_tag_keys = ["tag-policy:old", "due"]
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables.TAG_POLICY_FORMER_MARKER_TAG_KEYS == "[\"due\",\"tag-policy:old\"]"
    error_message = "The function is not told where the marks of earlier deployments are."
  }
}

# How many keys fit. tests/integration/test_role_table.py has what is rendered at these limits.

run "ninety_nine_keys_of_twelve_characters_fill_three_policies" {
  command = plan

  variables {
    rules       = {}
    rules_table = { writable_tag_keys = [for number in range(99) : format("key-%08d", number)] }
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) == 3 && sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 99
    error_message = "A lock is missing."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.value_lock : length(policy.policy) <= 6144 && length(policy.policy) > 5900])
    error_message = "A policy is longer than IAM takes, or wastes room."
  }
}

run "refuses_one_more" {
  command = plan

  variables {
    rules       = {}
    rules_table = { writable_tag_keys = [for number in range(100) : format("key-%08d", number)] }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "keys_of_different_lengths_are_all_locked" {
  command = plan

  variables {
    rules = {}
    rules_table = { writable_tag_keys = [
      for number in range(60) : format("%03d%s", number, join("", [for i in range((number * 37) % 100) : "k"]))
    ] }
  }

  assert {
    condition = sort(flatten([
      for policy in aws_iam_policy.value_lock : [
        for statement in jsondecode(policy.policy).Statement : statement.Condition["ForAnyValue:StringEquals"]["aws:TagKeys"]
      ]
    ])) == sort(var.rules_table.writable_tag_keys)
    error_message = "A lock is missing, or there twice."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.value_lock : length(policy.policy) <= 6144])
    error_message = "A policy is longer than IAM takes."
  }
}

run "where_instances_are_ended_the_policy_of_the_role_is_the_limit" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(79) : format("key-%08d", number)] }
  }

  assert {
    condition     = sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 79
    error_message = "A lock is missing."
  }
}

run "refuses_one_more_there" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(80) : format("key-%08d", number)] }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "fifteen_of_the_longest_keys_fit_wherever_instances_are_ended" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(15) : format("%0127d", number)] }
  }

  assert {
    condition     = sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 15
    error_message = "A lock is missing."
  }
}

run "the_keys_of_a_given_table_and_topic_take_some_of_the_room" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { name = "shared", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", writable_tag_keys = [for number in range(13) : format("%0127d", number)] }
    topic           = { arn = "arn:aws:sns:eu-west-1:123456789012:reports", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) > 0
    error_message = "A lock is missing."
  }
}

run "refuses_one_more_beside_them" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { name = "shared", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", writable_tag_keys = [for number in range(14) : format("%0127d", number)] }
    topic           = { arn = "arn:aws:sns:eu-west-1:123456789012:reports", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "refuses_sixteen" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(16) : format("%0127d", number)] }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "forty_six_creators_and_their_details_fit" {
  command = plan

  variables {
    untagged_action = "terminate"
    creator         = { details = "event_time" }
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(46) : format("key-%08d", number)] }
  }

  assert {
    condition     = sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 92
    error_message = "A lock is missing."
  }
}

run "refuses_forty_seven" {
  command = plan

  variables {
    untagged_action = "terminate"
    creator         = { details = "event_time" }
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(47) : format("key-%08d", number)] }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "audit_takes_any_number" {
  command = plan

  variables {
    mode        = "audit"
    rules       = {}
    rules_table = { writable_tag_keys = [for number in range(500) : format("key-%08d", number)] }
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) == 0
    error_message = "There is a policy that locks what nobody may write."
  }
}

# What IAM could not tell apart.

run "refuses_a_writable_key_that_is_a_rules_in_another_case" {
  command = plan

  variables {
    mode        = "audit"
    rules_table = { writable_tag_keys = ["PROJECTCODE"] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_detail_that_is_another_key_in_another_case" {
  command = plan

  variables {
    creator     = { details = "event_id" }
    rules_table = { writable_tag_keys = ["createdby:EVENT-ID"] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_mark_and_an_exemption_that_differ_in_case_alone" {
  command = plan

  variables {
    exempt_tag_key = "Tag-Policy:Due"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_writable_key_that_is_the_exemption_in_another_case" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = ["TAG-POLICY:EXEMPT"] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_mark_in_the_tag_of_the_name" {
  command = plan

  variables {
    marker_tag_key = "name"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_former_key_that_is_still_in_use" {
  command = plan

  variables {
    former_marker_tag_keys = ["TAG-POLICY:due"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_former_key_that_is_the_exemption" {
  command = plan

  variables {
    former_marker_tag_keys = ["tag-policy:exempt"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_former_key_that_a_rule_is_about" {
  command = plan

  variables {
    former_marker_tag_keys = ["expires"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_to_delete_names" {
  command = plan

  variables {
    former_marker_tag_keys = ["Name"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_rule_may_be_about_the_name" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = { 1 = { tag_key = "Name", action = "Update", default = "unnamed" } }
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) == 1
    error_message = "The name is not locked."
  }
}

run "refuses_a_key_that_iam_cannot_read" {
  command = plan

  variables {
    rules = { 1 = { tag_key = "所有者", action = "UserLookup" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "audit_takes_it" {
  command = plan

  variables {
    mode  = "audit"
    rules = { 1 = { tag_key = "所有者", action = "UserLookup" } }
  }

  assert {
    condition     = length(aws_iam_policy.value_lock) == 0
    error_message = "There is a policy that locks what nobody may write."
  }
}

# What nobody would see, and what IAM would read as something else.

run "refuses_a_writable_key_with_a_blank_before_it" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = [" Owner"] }
  }

  expect_failures = [var.rules_table]
}

run "refuses_a_mark_with_a_blank_at_its_end" {
  command = plan

  variables {
    marker_tag_key = "tag-policy:due "
  }

  expect_failures = [var.marker_tag_key]
}

run "refuses_an_exemption_with_a_blank_before_it" {
  command = plan

  variables {
    exempt_tag_key = " keep"
  }

  expect_failures = [var.exempt_tag_key]
}

run "refuses_a_former_key_with_a_blank_at_its_end" {
  command = plan

  variables {
    former_marker_tag_keys = ["due "]
  }

  expect_failures = [var.former_marker_tag_keys]
}

run "refuses_a_former_key_of_aws" {
  command = plan

  variables {
    former_marker_tag_keys = ["aws:due"]
  }

  expect_failures = [var.former_marker_tag_keys]
}

run "refuses_eleven_former_keys" {
  command = plan

  variables {
    former_marker_tag_keys = [for number in range(11) : "due-${number}"]
  }

  expect_failures = [var.former_marker_tag_keys]
}

run "refuses_a_writable_key_that_becomes_one" {
  command = plan

  variables {
    rules_table = { writable_tag_keys = ["&{aws:username}"] }
  }

  expect_failures = [var.rules_table]
}

run "twenty_one_fit_where_one_vpc_is_ended_otherwise_and_the_function_is_in_a_vpc" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(21) : format("key-%08d", number)] }
    creator         = { details = "event_time" }
    vpc_overrides   = { "vpc-0a1b2c3d4e5f67890" = { untagged_action = "stop" } }
    function        = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  assert {
    condition     = sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 42
    error_message = "A lock is missing."
  }
}

run "refuses_twenty_two" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { writable_tag_keys = [for number in range(22) : format("key-%08d", number)] }
    creator         = { details = "event_time" }
    vpc_overrides   = { "vpc-0a1b2c3d4e5f67890" = { untagged_action = "stop" } }
    function        = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "four_of_the_longest_fit_there" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { name = "shared", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", writable_tag_keys = [for number in range(4) : format("%0127d", number)] }
    topic           = { arn = "arn:aws:sns:eu-west-1:123456789012:reports", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
    vpc_overrides   = { "vpc-0a1b2c3d4e5f67890" = { untagged_action = "stop" } }
    function        = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  assert {
    condition     = sum([for policy in aws_iam_policy.value_lock : length(jsondecode(policy.policy).Statement)]) == 4
    error_message = "A lock is missing."
  }
}

run "refuses_five" {
  command = plan

  variables {
    untagged_action = "terminate"
    rules           = {}
    rules_table     = { name = "shared", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", writable_tag_keys = [for number in range(5) : format("%0127d", number)] }
    topic           = { arn = "arn:aws:sns:eu-west-1:123456789012:reports", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
    vpc_overrides   = { "vpc-0a1b2c3d4e5f67890" = { untagged_action = "stop" } }
    function        = { vpc_config = { subnet_ids = ["subnet-0a1b2c3d4e5f67890"], security_group_ids = ["sg-0a1b2c3d4e5f67890"] } }
  }

  expect_failures = [aws_iam_role_policy.this]
}
