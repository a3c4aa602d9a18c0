# The value lock: what somebody wrote into a tag is not overwritten, whatever the code does.
#
# A statement for each tag key refuses to write it on whatever has a value for it. The key of the
# request and that of the resource have to be the same, so that two keys cannot share a statement.
# They are too many for the role's own policy, and stand in up to three policies beside it.

locals {
  # No sid, and "*", which is every type of resource: each character is one less for keys.
  # Nothing here depends on a data source or a resource, so that a plan always knows the number of
  # policies, behind a depends_on as well.
  # White space is a value here: IAM cannot tell. The engine reports what is refused for it.
  value_locks = [
    for key in local.locked_tag_keys : jsonencode({
      Effect   = "Deny"
      Action   = "ec2:CreateTags"
      Resource = "*"
      Condition = {
        "ForAnyValue:StringEquals" = { "aws:TagKeys" = key }
        StringLike                 = { "aws:ResourceTag/${key}" = "?*" }
      }
    })
  ]

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
  managed_policy_characters = 6144
  inline_policy_characters  = 10240

  # What the role's own policy takes without the tag keys, at most, as measured by
  # tests/integration/test_role_table.py.
  inline_policy_overhead = sum([
    5800,
    300 * length([for given in [var.rules_table, var.topic] : given if contains(keys(given), "kms_key_arn")]),
    local.function.vpc_config == null ? 0 : 900,
    800 * max(0, length(local.ends) - 1),
    500 * length(local.rule_marks),
    local.isolates ? 700 + 160 * length(local.isolation_groups) : 0,
    length(local.deleted_tag_keys) > 0 ? 420 : 0,
    length(local.reads_tags_of_parents) > 0 ? 20 : 0,
    length(local.hanging_types) > 0 ? 330 + 150 * length(local.hanging_types) : 0,
  ])

  # How many characters the first locks take, commas included: of none, of one, of two …
  value_lock_room = local.managed_policy_characters - length(jsonencode({ Version = "2012-10-17", Statement = [] }))
  value_lock_sums = [
    for taken in range(length(local.value_locks) + 1) :
    sum(concat([0], [for lock in slice(local.value_locks, 0, taken) : length(lock) + 1]))
  ]

  # Where each policy ends: with the last lock for which it has room.
  ends_of_1 = length([for sum in local.value_lock_sums : sum if sum <= local.value_lock_room]) - 1
  ends_of_2 = length([for sum in local.value_lock_sums : sum if sum <= local.value_lock_sums[local.ends_of_1] + local.value_lock_room]) - 1
  ends_of_3 = length([for sum in local.value_lock_sums : sum if sum <= local.value_lock_sums[local.ends_of_2] + local.value_lock_room]) - 1

  value_lock_policies = {
    for number, locks in {
      "1" = slice(local.value_locks, 0, local.ends_of_1)
      "2" = slice(local.value_locks, local.ends_of_1, local.ends_of_2)
      "3" = slice(local.value_locks, local.ends_of_2, local.ends_of_3)
    } :
    number => jsonencode({ Version = "2012-10-17", Statement = [for lock in locks : jsondecode(lock)] })
    if length(locks) > 0
  }

  # Keys without a lock: what may be written over, and what is only checked, which is named where
  # something may be ended, because what has it is not untagged.
  unlocked_tag_keys = setsubtract(local.known_tag_keys, local.locked_tag_keys)
  inline_policy_of_unlocked = !local.enforces ? 0 : sum(concat([0], [
    for key in local.unlocked_tag_keys :
    (contains(local.filled_tag_keys, key) ? length(jsonencode(key)) + 1 : 0)
    + (contains(local.rule_tag_keys, key) ? length(local.ends) * length(jsonencode({ "aws:ResourceTag/${key}" = "true" })) : 0)
  ]))

  # What may be deleted is named there, and, where something may be ended, once for each end.
  deleted_tag_keys = local.enforces ? local.removable_tag_keys : []
  inline_policy_of_deleted = length(local.ends) * sum(concat([0], [
    for key in setsubtract(local.deleted_tag_keys, local.rule_tag_keys) : length(jsonencode({ "aws:ResourceTag/${key}" = "true" }))
  ]))

  # The role's own policy names the keys, too: those that may be written, and those that an instance
  # without tags has not.
  inline_policy_room = local.inline_policy_characters - local.inline_policy_overhead - sum([
    for key in concat([var.exempt_tag_key], [for use in range(5 + max(1, length(local.ends)) + length(local.rule_marks)) : var.marker_tag_key], tolist(var.former_marker_tag_keys), length(local.deleted_tag_keys) > 0 ? [var.exempt_tag_key] : [], tolist(local.deleted_tag_keys)) :
    length(jsonencode(key)) + 1
  ]) - local.inline_policy_of_unlocked - local.inline_policy_of_deleted
  inline_policy_uses = [
    for key in local.locked_tag_keys :
    length(jsonencode(key)) + 1 + (
      contains(local.rule_tag_keys, key) ? length(local.ends) * length(jsonencode({ "aws:ResourceTag/${key}" = "true" })) : 0
    )
  ]
  inline_policy_fits = length([
    for last in range(length(local.locked_tag_keys)) : last
    if sum(slice(local.inline_policy_uses, 0, last + 1)) <= local.inline_policy_room
  ])

  keys_that_fit = min(local.ends_of_3, local.inline_policy_fits)
}

resource "aws_iam_policy" "value_lock" {
  for_each = local.creates_role ? local.value_lock_policies : {}

  # Policies are global, as roles are: the region keeps two regions of one account apart.
  name        = "${local.role.name}-value-lock-${each.key}"
  description = "The tag values that the Tag Policy Engine ${var.name} may not overwrite"
  path        = local.role.path
  policy      = each.value
  tags        = var.tags

  # As with the role: not known behind a depends_on.
  lifecycle {
    ignore_changes       = [name]
    replace_triggered_by = [terraform_data.role_name]
  }
}

resource "aws_iam_role_policy_attachment" "value_lock" {
  for_each = local.creates_role ? local.value_lock_policies : {}

  role       = aws_iam_role.this[0].name
  policy_arn = aws_iam_policy.value_lock[each.key].arn
}
