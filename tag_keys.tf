# Which tag keys there are: those of the rules, those that follow from the inputs, the engine's own;
# and of which types of resources.

locals {
  # Rules that only the table knows may look users up too, and so may those of rules_table.writable_tag_keys.
  table_knows_more = !local.creates_table || local.rules_owner == "table"

  resource_types = setunion(
    ["instance"],
    flatten([for rule in values(local.rules) : rule.resource_types if rule.resource_types != null]),
    try([for type in var.rules_table.resource_types : tostring(type)], []),
  )

  rule_tag_keys = setunion([for rule in values(local.rules) : rule.tag_key], local.table_tag_keys.writable, local.table_tag_keys.changeable)

  # What a rule may delete: a tag that is not to be used, and other spellings of a key.
  removable_tag_keys = setunion(
    [for rule in values(local.rules) : rule.tag_key if rule.action == "Remove"],
    flatten([for rule in values(local.rules) : rule.aliases if rule.rename && rule.aliases != null]),
    local.table_tag_keys.removable,
  )
  # Whatever has one of these is not untagged.
  guarding_tag_keys = setunion(local.rule_tag_keys, local.removable_tag_keys)

  lookup_tag_keys  = toset([for rule in values(local.rules) : rule.tag_key if rule.action == "UserLookup"])
  creator_tag_keys = local.table_knows_more ? local.rule_tag_keys : setunion(local.lookup_tag_keys, local.table_tag_keys.writable)
  detail_tag_keys  = [for key in local.creator_tag_keys : "${key}${local.detail_suffix}" if local.detail_suffix != ""]

  # The function has them too: DETAIL_SUFFIX in creators/tag_value.py.
  detail_suffix = { off = "", event_id = ":event-id", event_time = ":event-time" }[local.creator.details]

  # Rules that may write over a value: as it is spelt, or because it is not allowed; and those that
  # take one over from another spelling of the key, which may differ in case, for IAM the same key.
  changed_tag_keys = setunion(
    [for rule in values(local.rules) : rule.tag_key if rule.normalize != null || rule.synonyms != null || rule.replace_invalid || rule.aliases != null],
    local.table_tag_keys.changeable,
  )

  # A rule that only checks writes nothing, so that the role may not either.
  written_tag_keys  = setunion([for rule in values(local.rules) : rule.tag_key if !contains(["Check", "Remove"], rule.action)], local.changed_tag_keys, local.table_tag_keys.writable)
  filled_tag_keys   = setunion(local.written_tag_keys, local.detail_tag_keys)
  known_tag_keys    = setunion(local.rule_tag_keys, local.detail_tag_keys)
  writable_tag_keys = setunion(local.filled_tag_keys, local.ends_anything ? [var.marker_tag_key] : [])

  # Most rules fill what is missing or empty, and may not change a value. The mark changes.
  locked_tag_keys = local.enforces ? sort(setsubtract(local.filled_tag_keys, local.changed_tag_keys)) : []

  own_tag_keys = concat([var.marker_tag_key, var.exempt_tag_key], tolist(var.former_marker_tag_keys))

  # Keys that IAM takes for one, because they differ in case alone: of the rules, and of the engine.
  keys_alike = [
    for keys in values({ for key in local.known_tag_keys : lower(key) => key... }) : keys
    if length(keys) > 1
  ]
  own_keys_alike = [
    for folded, keys in { for key in concat(local.own_tag_keys, local.names, tolist(local.known_tag_keys)) : lower(key) => key... } : keys
    if length(keys) > 1 && contains([for key in local.own_tag_keys : lower(key)], folded)
  ]

  # A mark in the tag "Name" would take its place; an exemption there is strange, and works.
  names = lower(var.exempt_tag_key) == "name" ? [] : ["Name"]
}
