# What it watches, and what it may do

variable "vpc_ids" {
  description = "The VPCs whose instances are kept tagged, such as `[\"vpc-0a1b2c3d4e5f67890\"]`. Instances outside them are never touched. One of `vpc_ids`, `vpc_tags` and `all_vpcs` is required."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.vpc_ids : can(regex("^vpc-[0-9a-f]{8,17}$", id))])
    error_message = "Each of vpc_ids must be the id of a VPC, such as \"vpc-0a1b2c3d4e5f67890\"."
  }
}

variable "vpc_tags" {
  description = "Tags of the VPCs whose instances are kept tagged, such as `{ Stage = \"prod\" }`: each run finds the VPCs of this account and region that have all of them, and the report names new ones. Whoever may tag a VPC can include it. Values must match exactly; there are no wildcards."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.vpc_tags) <= 50 && alltrue([for key, value in var.vpc_tags : key != "" && length(key) <= 128 && value != null])
    error_message = "vpc_tags must be at most 50 tags with a key and a value, such as { Stage = \"prod\" }."
  }
}

variable "all_vpcs" {
  description = "Whether the instances of all VPCs of this account and region are kept tagged. Each run finds the VPCs, and the report names new ones."
  type        = bool
  default     = false
  nullable    = false
}

variable "untagged_action" {
  description = "What happens to an instance that has no tags at all: `notify` (report it, touch nothing), `remediate` (apply the rules to it), `isolate`, `stop` or `terminate`."
  type        = string
  default     = "notify"
  nullable    = false

  validation {
    condition     = contains(["terminate", "stop", "isolate", "notify", "remediate"], var.untagged_action)
    error_message = "untagged_action must be \"notify\", \"remediate\", \"isolate\", \"stop\" or \"terminate\"; \"notify\" is the safe one to start with."
  }
}

variable "mode" {
  description = "`audit` decides and reports everything, changes nothing, and has a role that could not, unless `vpc_overrides` enforces a VPC; `enforce` acts."
  type        = string
  default     = "audit"
  nullable    = false

  validation {
    condition     = contains(["enforce", "audit"], var.mode)
    error_message = "mode must be \"enforce\" or \"audit\"."
  }
}

variable "vpc_overrides" {
  description = <<-EOT
    Different settings for some of the VPCs, by VPC id, such as `{ "vpc-0a1b2c3d4e5f67890" = { mode = "audit" } }`. The role may do what the most dangerous of them needs; the function keeps them apart. A run that finds the VPCs itself ends nothing while an override matches none of them, because its id may be misspelt. Each is an object:

    - `mode` (string): like the input `mode`. If any VPC is enforced, the others are reported as audited, in the same report.
    - `untagged_action` (string): like the input `untagged_action`.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.vpc_overrides)) && alltrue([for override in try(values(var.vpc_overrides), []) : can(keys(override))])
    error_message = "vpc_overrides must be a map of objects, such as { \"vpc-0a1b2c3d4e5f67890\" = { mode = \"audit\" } }."
  }

  validation {
    condition     = alltrue([for id in try(keys(var.vpc_overrides), []) : can(regex("^vpc-[0-9a-f]{8,17}$", id))])
    error_message = "Each key of vpc_overrides must be the id of a VPC, such as \"vpc-0a1b2c3d4e5f67890\"; what applies to all VPCs is in the inputs of the same names."
  }

  validation {
    condition = alltrue(flatten([
      for override in try(values(var.vpc_overrides), []) : [for name in try(keys(override), []) : contains(["mode", "untagged_action"], name)]
    ]))
    error_message = "No override has ${join(", ", flatten([
      for id in try(keys(var.vpc_overrides), []) : [for name in setsubtract(try(keys(var.vpc_overrides[id]), []), ["mode", "untagged_action"]) : "${name} (${id})"]
    ]))}. One takes mode, untagged_action; such as { \"vpc-0a1b2c3d4e5f67890\" = { untagged_action = \"stop\" } }."
  }

  validation {
    condition     = alltrue([for override in try(values(var.vpc_overrides), []) : try(override.mode, null) == null || try(contains(["enforce", "audit"], override.mode), false)])
    error_message = "The mode of each of vpc_overrides must be \"enforce\" or \"audit\"."
  }

  validation {
    condition     = alltrue([for override in try(values(var.vpc_overrides), []) : try(override.untagged_action, null) == null || try(contains(["terminate", "stop", "isolate", "notify", "remediate"], override.untagged_action), false)])
    error_message = "The untagged_action of each of vpc_overrides must be \"notify\", \"remediate\", \"isolate\", \"stop\" or \"terminate\"."
  }
}

variable "enabled" {
  description = "`false` pauses the engine: no run begins, whatever triggers it, and nothing is forgotten. Events that happen meanwhile are not kept; the first sweep afterwards looks at every instance."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "Prefix of every name. Two instantiations with different names can coexist in one account and region."
  type        = string
  default     = "tag-policy"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{0,39}$", var.name))
    error_message = "name must start with a letter, hold only letters, digits, hyphens and underscores, and have at most 40 characters, such as \"tag-policy\"."
  }
}

# The rules

variable "rules" {
  description = <<-EOT
    The rules, by RuleId; they apply in ascending order. An unknown attribute is refused. Each rule is an object:

    - `tag_key` (string, required): the tag that the rule is about. Tag keys are case-sensitive.
    - `action` (string, `Check`): `Check` (write nothing: report what is missing or not allowed), `Update` (set `default`), `UserLookup` (set the user who launched the instance), `Function` (set what `default` computes: `today()`, `launched()` or `end_of_month()`, each with an optional offset such as `+30d`, `-1w` or `+6m`) or `Remove` (the tag must not be used: it is deleted, unless it is the last one).
    - `resource_types` (list of strings, `["instance"]`): what the rule is about: `instance`, and what hangs off the instances of the VPCs: `volume`, `network-interface`, `elastic-ip`, `image`, and `snapshot` of such a volume. `escalate` and `untagged_action` are about instances only.
    - `required` (bool, `true`): whether a missing tag is a violation. An `Update` or `Check` that is not required leaves a missing tag alone.
    - `default` (string): for `Update` the value, for `Function` the call, for `UserLookup` the value to set when nobody is found (when absent: `Undefined`). An `Update` with `from` needs none; `Check` and `Remove` have none.
    - `from` (list of strings): where a missing value comes from, before `default`; the first source with an allowed value is used: the tag with the same key on the `auto_scaling_group`, `subnet`, `vpc`, `image` or `launch_template`, or with another key (`vpc:CostCenter`), `tag:Key` (another tag of the resource), `fact:name` (of `facts`), `public_ip` (`true` or `false`); for what hangs off an instance also `instance`, and for a snapshot `volume`. A source that a type does not have is passed over.
    - `aliases` (list of strings): other spellings of the key, whose value is taken over. If any are listed, keys that differ only in case, blanks, `_` and `-` count, too.
    - `rename` (bool, `false`): deletes the listed `aliases` once the right tag has their value.
    - `when` (map of lists of strings): which resources the rule concerns: facts, and the patterns that each must match, such as `{ "tag:Stage" = ["prod*"] }`. Facts are `tag:Key`, `vpc`, `region`, `account`, `state`, `age` (`>30d`), `subnet`, `availability_zone`, `instance_type`, `image`, `lifecycle` (`spot`), `platform` (`Linux/UNIX`), `public_ip` (`true` or `false`), `instance_profile`, `auto_scaling_group`, `managed_by`, `attached` (`true` or `false`; not of instances) and `fact:name`; `!x` is not x, `*` any value, `!*` none. A key may have several rules; the first that concerns the resource counts.
    - `allowed_values` (list of strings): the values that are right, matched exactly, including case and blanks; `*` stands for anything. Any other value is reported, and left as it is.
    - `allowed_pattern` (string): a regular expression that the value must match, as in Terraform's `regex`: write `^` and `$`. With `allowed_values`, both must hold. docs/rules.md says what a pattern may contain.
    - `normalize` (list of strings): how a value is written: `trim`, `lower`, `upper`, `spaces-to-hyphens`, `spaces-to-underscores`. A value that is written differently is overwritten.
    - `synonyms` (map of lists of strings): right values, and what means the same, such as `{ prod = ["production", "live*"] }`; `*` alone is everything else. A synonym is overwritten with the right value.
    - `replace_invalid` (bool, `false`): replaces a value that is not allowed with what `from` and `default` give.
    - `expires` (bool, `false`): the value is a date such as `2026-12-31`, the last valid day. A past date, or anything that is not a date, is reported.
    - `max_lifetime` (string), with `expires`: how far ahead the date may be, such as `90d`, `2w` or `6m`.
    - `escalate` (map of strings): what happens if the tag stays wrong, and how long after the announcement: `{ isolate = "1d", stop = "7d", terminate = "14d" }`, in hours (`h`) or days (`d`); no more than `max_escalation` allows. Nothing that has tags is terminated within `24h`, or isolated or stopped within `1h`.
    - `note` (string): is shown next to the rule's findings: whom to ask, where to read more.
  EOT
  type        = any
  nullable    = false

  validation {
    condition     = can(keys(var.rules)) && alltrue([for rule in try(values(var.rules), []) : can(keys(rule))])
    error_message = "rules must be a map of rules, such as { 10 = { tag_key = \"ProjectCode\", action = \"Update\", default = \"Proj007\" } }."
  }

  # Terraform drops what an object's type does not name, without a word: hence "any", and this.
  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [for name in try(keys(rule), []) : contains(["tag_key", "resource_types", "action", "required", "default", "when", "aliases", "rename", "normalize", "synonyms", "allowed_values", "allowed_pattern", "replace_invalid", "from", "expires", "max_lifetime", "escalate", "note"], name)]
    ]))
    error_message = "No rule has ${join(", ", flatten([
      for id in try(keys(var.rules), []) : [for name in setsubtract(try(keys(var.rules[id]), []), ["tag_key", "resource_types", "action", "required", "default", "when", "aliases", "rename", "normalize", "synonyms", "allowed_values", "allowed_pattern", "replace_invalid", "from", "expires", "max_lifetime", "escalate", "note"]) : "${name} (rule ${id})"]
    ]))}. A rule has tag_key, resource_types, action, required, default, when, aliases, rename, normalize, synonyms, allowed_values, allowed_pattern, replace_invalid, from, expires, max_lifetime, escalate and note, such as { tag_key = \"Stage\", allowed_values = [\"prod\", \"dev\"] }."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.tag_key, null) != null && can(tostring(rule.tag_key)) && alltrue([
        for name in ["action", "default", "allowed_pattern", "max_lifetime", "note"] : try(rule[name], null) == null || can(tostring(rule[name]))
      ])
    ])
    error_message = "Each rule needs a tag_key, and its action, default, allowed_pattern, max_lifetime and note must be strings, such as { tag_key = \"ProjectCode\", action = \"Update\", default = \"Proj007\" }."
  }

  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [for name in ["required", "expires", "replace_invalid", "rename"] : try(rule[name], null) == null || can(tobool(rule[name]))]
    ]))
    error_message = "A rule's required, expires, replace_invalid and rename must be true or false."
  }

  validation {
    condition     = alltrue([for id in try(keys(var.rules), []) : can(regex("^[1-9][0-9]{0,14}$", id))])
    error_message = "Each key of rules is a RuleId, a positive whole number, such as 10."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : try(rule.action, null) == null || try(contains(["Check", "Update", "UserLookup", "Function", "Remove"], rule.action), true)])
    error_message = "Each rule's action must be \"Check\", \"Update\", \"UserLookup\", \"Function\" or \"Remove\"."
  }

  validation {
    condition = alltrue([
      for id in try(keys(var.rules), []) : length(setsubtract(
        try([for type in var.rules[id].resource_types : tostring(type)], ["instance"]),
        flatten([
          for other in try(keys(var.rules), []) : try([for type in var.rules[other].resource_types : tostring(type)], ["instance"])
          if try(tonumber(other) < tonumber(id) && tostring(var.rules[other].tag_key) == tostring(var.rules[id].tag_key), false) && try(var.rules[other].when, null) == null
        ]),
      )) > 0 || try(length(var.rules[id].resource_types) == 0, false)
    ])
    error_message = "After a rule that concerns every instance, or all of its resource_types, a rule with the same tag_key would never apply. Give every rule its own tag_key, such as \"ProjectCode\", or a when to all but the last of a key."
  }

  # Characters are counted as EC2 counts them: length() takes a letter and its accents for one.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) :
      try(length(regexall("(?s:.)", rule.tag_key)) <= 127 && trimspace(rule.tag_key) != "" && !startswith(lower(rule.tag_key), "aws:"), true)
    ])
    error_message = "Each rule's tag_key must have 1 to 127 characters and not start with \"aws:\", which AWS keeps for itself; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : !can(regex("[\\pC\\pZ]", replace(rule.tag_key, " ", "")))])
    error_message = "A rule's tag_key holds a character that nobody would see, such as a line break or one without a width; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : !can(regex("^[ \\x{2800}\\x{3164}]|[ \\x{2800}\\x{3164}]$", rule.tag_key))])
    error_message = "A rule's tag_key begins or ends with a blank, which nobody would see; write it without, such as \"ProjectCode\"."
  }

  # IAM would put something else in the place of a variable; so would Terraform, for "&{". What
  # becomes of a wildcard in the name of a condition's key, no page of AWS's says.
  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : !can(regex("[*?]|[$&]\\{", rule.tag_key))])
    error_message = "A rule's tag_key must be one tag key, without \"*\" and \"?\", and without a brace after a dollar sign or an ampersand, which IAM takes for a variable; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : try(rule.action, "") != "Update" || try(rule.default, null) != null || try(rule.from, null) != null])
    error_message = "A rule with action \"Update\" needs the value to set as its default, such as \"Proj007\", or from, which says where it comes from, such as [\"vpc\"]."
  }

  validation {
    condition = alltrue([for rule in try(values(var.rules), []) : try(rule.action, "") != "Function" || try(
      can(regex("^(today|launched|end_of_month)\\(([+-][1-9][0-9]{0,3}[dwm])?\\)$", rule.default)) &&
      tonumber(coalesce(replace(rule.default, "/[^0-9]/", ""), "0")) * { d = 1, w = 7, m = 30, "(" = 0 }[substr(rule.default, -2, 1)] <= 3660,
      false
    )])
    error_message = "A rule with action \"Function\" needs a call of a known function as its default: \"today()\", \"launched()\", \"end_of_month()\", each with an offset or none, such as \"today(+30d)\", up to ten years."
  }

  # As rules/item.py counts, and as model/tag_text.py says what cannot be seen.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.default, null) == null || try(
        length(regexall("(?s:.)", rule.default)) <= 256 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", rule.default)),
        false
      )
    ])
    error_message = "Each rule's default must have 1 to 256 characters that are not all blank, such as \"Proj007\"; leave it out of a \"UserLookup\" for \"Undefined\"."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.when, null) == null || try(
        length(keys(rule.when)) >= 1 && length(flatten(values(rule.when))) <= 100 && alltrue([
          for patterns in values(rule.when) : length(patterns) >= 1 && alltrue([
            for pattern in patterns : length(regexall("(?s:.)", pattern)) <= 257 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", trimprefix(pattern, "!")))
          ])
        ]),
        false
      )
    ])
    error_message = "A rule's when must be a map of facts to lists of patterns, one at least and 100 at most, none of them blank, such as { \"tag:Stage\" = [\"prod\", \"test-*\"] }."
  }

  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for fact in try(keys(rule.when), []) : can(regex("^(tag:[^\\pC]{1,127}|fact:[A-Za-z0-9_.:/-]{1,127}|vpc|region|account|state|age|auto_scaling_group|managed_by|subnet|availability_zone|instance_type|image|lifecycle|platform|public_ip|instance_profile|attached)$", fact))
      ]
    ]))
    error_message = "A rule's when asks for a fact that is not known. Known are tag:Key, fact:name, vpc, subnet, availability_zone, region, account, state, age, instance_type, image, auto_scaling_group, managed_by, lifecycle, platform, public_ip, instance_profile and attached, such as { \"tag:Stage\" = [\"prod\"] }."
  }

  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for pattern in try(rule.when["age"], []) : try(
          can(regex("^!?[<>][1-9][0-9]{0,3}[dwm]$", pattern)) && tonumber(trim(pattern, "!<>dwm")) * { d = 1, w = 7, m = 30 }[substr(pattern, -1, 1)] <= 3660,
          false
        )
      ]
    ]))
    error_message = "A rule's when has an invalid age; it must be such as \">30d\", \"<2w\" or \"!>6m\", up to ten years."
  }

  # It would say another thing in the next run.
  validation {
    condition = alltrue(flatten([
      for id in try(keys(var.rules), []) : [
        for asked in concat(try(keys(var.rules[id].when), []), try([for source in var.rules[id].from : tostring(source)], [])) : [
          for other in try(keys(var.rules), []) : try(tonumber(other) < tonumber(id), true) || !try(contains([
            for key in concat(
              !contains(["Check", "Remove"], coalesce(try(var.rules[other].action, null), "Check")) || try(var.rules[other].normalize, null) != null || try(var.rules[other].synonyms, null) != null || try(var.rules[other].aliases, null) != null ? [var.rules[other].tag_key] : [],
            ) : "tag:${lower(key)}"
          ], lower(asked)), false)
        ]
      ]
    ]))
    error_message = "A rule's when or from asks for a tag that it, or a rule after it, may write, so the answer would change in the next run; give the rule that asks a higher id than the one that writes, such as 20 after 10."
  }

  validation {
    condition = length(setintersection(
      flatten([for rule in try(values(var.rules), []) : concat(
        try([for fact in keys(rule.when) : lower(fact)], []),
        try([for source in rule.from : lower(source)], []),
      )]),
      flatten([for rule in try(values(var.rules), []) : concat(
        try(rule.action == "Remove" ? ["tag:${lower(rule.tag_key)}"] : [], []),
        try(tobool(rule.rename) ? [for alias in rule.aliases : "tag:${lower(alias)}"] : [], []),
      )]),
    )) == 0
    error_message = "A rule's when or from asks for a tag that a rule deletes (the action Remove, or aliases with rename), so the answer would change in the next run; ask for the tag that replaces it, such as \"tag:CostCenter\"."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.from, null) == null || try(
        can(rule.from[0]) && length(rule.from) >= 1 && length(rule.from) <= 20 && length(distinct(rule.from)) == length(rule.from) && alltrue([
          for source in rule.from :
          can(regex("^(public_ip|(auto_scaling_group|subnet|vpc|image|launch_template|instance|volume)(:(?s:.){1,127})?|tag:(?s:.){1,127}|fact:[A-Za-z0-9_.:/-]{1,127})$", source)) &&
          !can(regex("[\\pC\\pZ]", replace(source, " ", ""))) && (!strcontains(source, ":") || can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", replace(source, "/^[^:]*:/", "")))) && source != "tag:${rule.tag_key}"
        ]),
        false
      )
    ])
    error_message = "A rule's from must be a list of 1 to 20 different sources: auto_scaling_group, subnet, vpc, image, launch_template, instance, volume, each for its tag of the same key, or of another one such as \"vpc:CostCenter\"; \"tag:Key\" for another tag of the resource; \"fact:name\"; or public_ip."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : coalesce(try(rule.action, null), "Check") != "Check" || try(rule.from, null) == null])
    error_message = "A rule with action \"Check\", which is the default, writes no value that it does not find in the tag: leave its from out, or give it the action \"Update\"."
  }

  # Blanks at an edge may be what the other spelling is about.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.aliases, null) == null || try(
        length(rule.aliases) >= 1 && length(rule.aliases) <= 50 && length(distinct(rule.aliases)) == length(rule.aliases) && alltrue([
          for alias in rule.aliases : length(regexall("(?s:.)", alias)) <= 127 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", alias)) && !startswith(lower(alias), "aws:") && !can(regex("[\\pC\\pZ]", replace(alias, " ", ""))) && tostring(alias) != tostring(rule.tag_key)
        ]),
        false
      )
    ])
    error_message = "A rule's aliases must be a list of 1 to 50 different tag keys of 1 to 127 characters that can be seen, none of which is its tag_key or starts with \"aws:\", such as [\"cost-center\", \"cc\"]."
  }

  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for alias in try([for alias in rule.aliases : tostring(alias)], []) : !coalesce(try(tobool(rule.rename), null), false) || !can(regex("[*?]|[$&]\\{", alias))
      ]
    ]))
    error_message = "One of the aliases that a rule renames has a \"*\" or \"?\", or a brace after a dollar sign or an ampersand, which IAM takes for a wildcard or a variable; leave it out of aliases, or rename out of the rule."
  }

  validation {
    condition = alltrue(flatten([
      for id in try(keys(var.rules), []) : [
        for alias in try([for alias in var.rules[id].aliases : lower(alias)], []) : [
          for other in try(values(var.rules), []) : try(lower(other.tag_key) == lower(var.rules[id].tag_key) || lower(other.tag_key) != alias, true)
        ]
      ]
    ]))
    error_message = "One of a rule's aliases is the tag_key of another rule; a tag has one meaning, so drop it from aliases, such as \"cc\"."
  }

  # Where two rules have aliases, no tag may be another spelling of both their keys.
  validation {
    condition = length(distinct(flatten([
      for rule in try(values(var.rules), []) : try([for spelling in distinct(concat([rule.tag_key], rule.aliases)) : "${lower(rule.tag_key)}\n${lower(replace(spelling, "/[ _-]/", ""))}"], []) if try(rule.aliases, null) != null
      ]))) == length(distinct(flatten([
      for rule in try(values(var.rules), []) : try([for spelling in concat([rule.tag_key], rule.aliases) : lower(replace(spelling, "/[ _-]/", ""))], []) if try(rule.aliases, null) != null
    ])))
    error_message = "Two rules with aliases have a spelling in common: of their tag_key and aliases, two differ only in case, blanks, \"_\" and \"-\". A tag has one meaning, so drop one of them, such as \"cc\" from the second."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : !coalesce(try(tobool(rule.rename), null), false) || try(rule.aliases, null) != null])
    error_message = "A rule with rename = true needs aliases, which say what to rename, such as [\"cost-center\", \"cc\"]."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.action, "") != "Remove" || length(setsubtract(
        setsubtract(try([for name, value in rule : name if value != null], []), [for flag in ["expires", "replace_invalid", "rename"] : flag if !coalesce(try(tobool(rule[flag]), null), false)]),
        ["tag_key", "action", "required", "when", "note", "resource_types"],
      )) == 0
    ])
    error_message = "A rule with action \"Remove\" says that a tag must not be used; only resource_types, when and note may go with it, such as { tag_key = \"Old\", action = \"Remove\" }."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.resource_types, null) == null || try(
        length(rule.resource_types) >= 1 && length(distinct(rule.resource_types)) == length(rule.resource_types) && length(setsubtract(rule.resource_types, ["instance", "volume", "network-interface", "snapshot", "image", "elastic-ip"])) == 0,
        false
      )
    ])
    error_message = "A rule's resource_types must be a list of different types, from instance, volume, network-interface, snapshot, image and elastic-ip, such as [\"instance\", \"volume\"]."
  }

  # What a fact or a source is known of; all others are known of every type.
  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for asked in concat(try([for fact in keys(rule.when) : "when ${fact}"], []), try([for source in rule.from : "from ${split(":", source)[0]}"], [])) :
        length(setintersection(try([for type in rule.resource_types : tostring(type)], ["instance"]), lookup({
          "when state"              = ["instance", "volume", "network-interface", "snapshot", "image"]
          "when age"                = ["instance", "volume", "snapshot", "image"]
          "when subnet"             = ["instance", "network-interface"]
          "when availability_zone"  = ["instance", "volume", "network-interface"]
          "when public_ip"          = ["instance", "network-interface"]
          "when auto_scaling_group" = ["instance"]
          "when instance_type"      = ["instance"]
          "when image"              = ["instance"]
          "when lifecycle"          = ["instance"]
          "when platform"           = ["instance"]
          "when instance_profile"   = ["instance"]
          "when attached"           = ["volume", "network-interface", "snapshot", "elastic-ip"]
          "from auto_scaling_group" = ["instance"]
          "from subnet"             = ["instance", "network-interface"]
          "from image"              = ["instance"]
          "from launch_template"    = ["instance"]
          "from public_ip"          = ["instance", "network-interface"]
          "from instance"           = ["volume", "network-interface", "snapshot", "image", "elastic-ip"]
          "from volume"             = ["snapshot"]
        }, asked, ["instance", "volume", "network-interface", "snapshot", "image", "elastic-ip"]))) > 0
      ]
    ]))
    error_message = "A rule's when or from asks for something that none of its resource_types has, such as the platform of a volume, or from = [\"instance\"] in a rule about instances; name the types that have it, such as resource_types = [\"volume\"]."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : try(rule.escalate, null) == null || contains(try([for type in rule.resource_types : tostring(type)], ["instance"]), "instance")])
    error_message = "A rule's escalate says what becomes of instances, and none of its resource_types is \"instance\"; leave escalate out."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : try(rule.action, "") != "UserLookup" || length(setsubtract(try([for type in rule.resource_types : tostring(type)], ["instance"]), ["instance"])) == 0])
    error_message = "A rule with action \"UserLookup\" finds who launched an instance; for what hangs off instances, give the key a second rule, such as { tag_key = \"Owner\", resource_types = [\"volume\"], action = \"Update\", from = [\"instance\"] }."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : try(rule.action != "Function" || !startswith(rule.default, "launched") || length(setintersection(try([for type in rule.resource_types : tostring(type)], ["instance"]), ["network-interface", "elastic-ip"])) == 0, true)])
    error_message = "A rule's default is launched(), but EC2 does not say when a network interface or an address came to be; use \"today()\", or leave them out of its resource_types."
  }

  validation {
    condition     = alltrue([for rule in try(values(var.rules), []) : coalesce(try(rule.action, null), "Check") != "Check" || try(rule.default, null) == null])
    error_message = "A rule with action \"Check\", which is the default, writes no value: leave its default out, or give it the action \"Update\"."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.allowed_values, null) == null || try(
        length(rule.allowed_values) >= 1 && length(rule.allowed_values) <= 500 && length(distinct(rule.allowed_values)) == length(rule.allowed_values) && alltrue([
          for value in rule.allowed_values : length(regexall("(?s:.)", value)) <= 256 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", value))
        ]),
        false
      )
    ])
    error_message = "A rule's allowed_values must be a list of 1 to 500 different values of 1 to 256 characters, none of them blank, such as [\"prod\", \"dev\", \"test-*\"]; for more, use allowed_pattern."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.normalize, null) == null || try(
        length(rule.normalize) >= 1 && length(distinct(rule.normalize)) == length(rule.normalize) &&
        length(setsubtract(rule.normalize, ["trim", "lower", "upper", "spaces-to-hyphens", "spaces-to-underscores"])) == 0 &&
        length(setintersection(rule.normalize, ["lower", "upper"])) < 2 && length(setintersection(rule.normalize, ["spaces-to-hyphens", "spaces-to-underscores"])) < 2,
        false
      )
    ])
    error_message = "A rule's normalize must be a list of trim, lower or upper, spaces-to-hyphens or spaces-to-underscores, such as [\"trim\", \"lower\"]."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.synonyms, null) == null || try(
        length(keys(rule.synonyms)) >= 1 && length(concat(keys(rule.synonyms), flatten(values(rule.synonyms)))) <= 500 &&
        length(distinct(concat(keys(rule.synonyms), flatten(values(rule.synonyms))))) == length(concat(keys(rule.synonyms), flatten(values(rule.synonyms)))) &&
        alltrue([for patterns in values(rule.synonyms) : length(patterns) >= 1]) &&
        alltrue([for value in concat(keys(rule.synonyms), flatten(values(rule.synonyms))) : length(regexall("(?s:.)", value)) <= 256 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", value))]) &&
        alltrue([for right in keys(rule.synonyms) : !strcontains(right, "*")]),
        false
      )
    ])
    error_message = "A rule's synonyms must be a map of right values, without \"*\", to lists of what means the same, each said once and none blank, 500 in all at most, such as { prod = [\"production\", \"live*\"] }."
  }

  # What is changed by none of the steps is changed by none of their orders.
  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for value in concat(
          try(coalescelist(rule.allowed_values), []), try(keys(rule.synonyms), []), try(flatten(values(rule.synonyms)), []),
          try(rule.action, "") == "Function" ? [] : [for value in [try(rule.default, null), try(rule.action, "") == "UserLookup" && try(rule.default, null) == null ? "Undefined" : null] : tostring(value) if value != null],
        ) :
        try(alltrue([
          for step in try(coalesce(rule.normalize), []) :
          { trim = trimspace(value), lower = lower(value), upper = upper(value), "spaces-to-hyphens" = replace(value, " ", "-"), "spaces-to-underscores" = replace(value, " ", "_") }[step] == value
        ]), true)
      ]
    ]))
    error_message = "A rule's allowed_values, synonyms and default must be written as its normalize makes them, such as \"prod\" with normalize = [\"lower\"]; otherwise no value would be one of them."
  }

  validation {
    condition = alltrue(flatten([
      for rule in try(values(var.rules), []) : [
        for right in try(keys(rule.synonyms), []) :
        (try(rule.allowed_values, null) == null || try(anytrue([
          for value in rule.allowed_values : can(regex("^(?s:${join(".*", [for part in split("*", value) : "\\Q${replace(part, "\\E", "\\E\\\\E\\Q")}\\E"])})$", right))
        ]), true)) && (try(rule.allowed_pattern, null) == null || can(regex(rule.allowed_pattern, right)))
      ]
    ]))
    error_message = "The right values of a rule's synonyms must be allowed by it, such as \"prod\" with allowed_values = [\"prod\", \"dev\"]."
  }

  # Where nothing else says which values are right, the right values of the synonyms are.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.synonyms, null) == null || try(rule.allowed_values, null) != null || try(rule.allowed_pattern, null) != null ||
      !contains(["Update", "UserLookup"], coalesce(try(rule.action, null), "Check")) || (try(rule.action, "") == "Update" && try(rule.default, null) == null) || try(
        contains(keys(rule.synonyms), coalesce(try(rule.default, null), "Undefined")) || !anytrue([
          for pattern in flatten(values(rule.synonyms)) : can(regex("^(?s:${join(".*", [for part in split("*", pattern) : "\\Q${replace(part, "\\E", "\\E\\\\E\\Q")}\\E"])})$", coalesce(try(rule.default, null), "Undefined")))
        ]),
        true
      )
    ])
    error_message = "A rule's default is one of its synonyms, and would be written otherwise; give the right value, such as \"prod\" with synonyms = { prod = [\"production\"] }."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : !coalesce(try(tobool(rule.replace_invalid), null), false) || (
        coalesce(try(rule.action, null), "Check") != "Check" && !coalesce(try(tobool(rule.expires), null), false) &&
        (try(rule.allowed_values, null) != null || try(rule.allowed_pattern, null) != null)
      )
    ])
    error_message = "A rule with replace_invalid = true needs a value to write, must say which are allowed, and must not have expires = true, such as { tag_key = \"Backup\", action = \"Update\", default = \"daily\", allowed_values = [\"daily\", \"none\"], replace_invalid = true }."
  }

  # regex() fails where there is no match, too; regexall() only where the pattern is none.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.allowed_pattern, null) == null || try(
        rule.allowed_pattern != "" && length(regexall("(?s:.)", rule.allowed_pattern)) <= 512 && can(regexall(rule.allowed_pattern, "")),
        false
      )
    ])
    error_message = "A rule's allowed_pattern must be a regular expression of 1 to 512 characters, such as \"^[a-z]+@example\\\\.org$\"."
  }

  # What RE2 and Python read differently, or one of them not at all: rules/pattern.py says it in full.
  # The first without escaped signs that a class might begin or end with, the others without any.
  validation {
    condition = alltrue([
      for pattern in [for rule in try(values(var.rules), []) : replace(try(coalesce(rule.allowed_pattern), ""), "/\\\\[\\\\\\]\\[]/", "x")] :
      !can(regex("\\\\[^dDwWsSnrtfvax\\x{20}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{60}\\x{7b}-\\x{7e}]|\\\\x[^0-9A-Fa-f]|\\[\\^?\\]?[^\\]]*\\\\[dDwWsS]-[^\\]]", pattern))
    ])
    error_message = "A rule's allowed_pattern has a backslash before what is not read the same everywhere, such as \\b, \\z, \\pL, \\1, \\x{61}, or a range that begins with a class, as in [\\w-z]; \\d, \\w, \\s, \\n, \\t and signs may follow one: docs/rules.md."
  }

  validation {
    condition = alltrue([
      for pattern in [for rule in try(values(var.rules), []) : try(coalesce(rule.allowed_pattern), "")] :
      !can(regex("\\pC|[^\\PZ ]", pattern))
    ])
    error_message = "A rule's allowed_pattern has a character that nobody sees, such as a line break or a blank of no width; write \\n, \\t or \\s, as in \"^[a-z]+\\s[a-z]+$\"."
  }

  validation {
    condition = alltrue([
      for pattern in [for rule in try(values(var.rules), []) : replace(try(coalesce(rule.allowed_pattern), ""), "/\\\\(?s:.)/", "x")] :
      !can(regex("\\(\\?[^:]|\\[\\^?\\]?[^\\]]*(\\[|&&|~~|--|\\|\\||[^\\]^]-[^\\]]-[^\\]])", pattern))
    ])
    error_message = "A rule's allowed_pattern has a group that begins with \"(?\" and is not \"(?:\", or in a class a \"[\", a sign twice, or a \"-\" after a range, which are not read the same everywhere; write (?:a|b), [\\[a-z0-9_.-]: docs/rules.md."
  }

  # Without classes and repetitions by number.
  validation {
    condition = alltrue([
      for pattern in [for rule in try(values(var.rules), []) : replace(replace(try(coalesce(rule.allowed_pattern), ""), "/\\\\(?s:.)/", "x"), "/\\[\\^?\\]?[^\\]]*\\]/", "x")] :
      !can(regex("\\{|[$^][*+?]", replace(pattern, "/([^$^])\\{(0|[1-9][0-9]{0,3})(,(0|[1-9][0-9]{0,3})?)?\\}/", "$1")))
    ])
    error_message = "A rule's allowed_pattern has a \"{\" that does not begin a repetition such as {2}, {2,} or {2,4}: write \\{; or it repeats ^ or $: write them once."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.allowed_values == null || rule.allowed_pattern == null || anytrue([
        for value in rule.allowed_values : strcontains(value, "*") || can(regex(rule.allowed_pattern, value))
      ]), true)
    ])
    error_message = "None of a rule's allowed_values matches its allowed_pattern, so no value would be right; [\"prod\"] and \"^[a-z]+$\" would do."
  }

  # A glob becomes a pattern: each part between its asterisks is quoted, \\Q to \\E.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.default, null) == null || try(rule.action, "") == "Function" || try(rule.allowed_values, null) == null || try(anytrue([
        for value in rule.allowed_values : can(regex("^(?s:${join(".*", [for part in split("*", value) : "\\Q${replace(part, "\\E", "\\E\\\\E\\Q")}\\E"])})$", rule.default))
      ]), true)
    ])
    error_message = "A rule's default must be one of its allowed_values, such as \"prod\" with [\"prod\", \"dev\"]: the engine does not write what the rule forbids."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.default, null) == null || try(rule.action, "") == "Function" || try(rule.allowed_pattern, null) == null || can(regex(rule.allowed_pattern, rule.default))
    ])
    error_message = "A rule's default must match its allowed_pattern, such as \"P-1\" with \"^P-[0-9]+$\": the engine does not write what the rule forbids."
  }

  # Undefined is what a UserLookup writes where nobody is found and it has no default.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.action, "") != "UserLookup" || try(rule.default, null) != null || (
        (try(rule.allowed_values, null) == null || try(anytrue([for value in rule.allowed_values : can(regex("^(?s:${join(".*", [for part in split("*", value) : "\\Q${replace(part, "\\E", "\\E\\\\E\\Q")}\\E"])})$", "Undefined"))]), true)) &&
        (try(rule.allowed_pattern, null) == null || can(regex(rule.allowed_pattern, "Undefined")))
      )
    ])
    error_message = "A rule with action \"UserLookup\" that says which values are allowed needs a default that is one of them, for instances whose creator nobody knows."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.max_lifetime, null) == null || try(
        tobool(rule.expires) && can(regex("^[1-9][0-9]{0,3}[dwm]$", rule.max_lifetime)) &&
        tonumber(trim(rule.max_lifetime, "dwm")) * { d = 1, w = 7, m = 30 }[substr(rule.max_lifetime, -1, 1)] <= 3660,
        false
      )
    ])
    error_message = "A rule's max_lifetime goes with expires = true, and is a length of time up to ten years, such as \"90d\", \"2w\" or \"6m\"."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : !coalesce(try(tobool(rule.expires), null), false) || coalesce(try(rule.action, null), "Check") != "UserLookup" && (
        try(rule.action, "Check") != "Function" || can(regex("\\(\\+|^end_of_month\\(\\)", rule.default))
        ) && (
        coalesce(try(rule.action, null), "Check") != "Update" || (try(rule.default, null) == null && try(rule.from, null) != null) || can(regex("^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$", rule.default)) && can(timeadd("${rule.default}T00:00:00Z", "0s"))
      )
    ])
    error_message = "A rule with expires = true is about a date: its action is \"Check\", \"Update\" with a default such as \"2026-12-31\", or \"Function\" with one that lasts, such as \"today(+30d)\"."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.escalate, null) == null || try(
        length(rule.escalate) > 0 && alltrue([for end, after in rule.escalate : contains(["isolate", "stop", "terminate"], end) && (after == null || can(regex("^[1-9][0-9]{0,3}[hd]$", after)))]),
        false
      )
    ])
    error_message = "A rule's escalate says how long after the announcement \"isolate\", \"stop\" or \"terminate\" follows, in hours or days, such as { stop = \"7d\", terminate = \"14d\" }."
  }

  # Where the shape is wrong, the validation above says so.
  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.escalate, null) == null || try(alltrue([
        for end, after in rule.escalate :
        tonumber(trim(after, "hd")) * { h = 1, d = 24 }[substr(after, -1, 1)] >= { isolate = 1, stop = 1, terminate = 24 }[end] &&
        tonumber(trim(after, "hd")) * { h = 1, d = 24 }[substr(after, -1, 1)] <= 2160
        if after != null
      ]), true)
    ])
    error_message = "A rule's escalate may isolate or stop an instance at the earliest 1h after the announcement, terminate it at the earliest after 24h, and do each at the latest after 90d, such as { stop = \"7d\", terminate = \"14d\" }."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : alltrue([
        for pair in [["isolate", "stop"], ["isolate", "terminate"], ["stop", "terminate"]] : try(
          tonumber(trim(rule.escalate[pair[0]], "hd")) * { h = 1, d = 24 }[substr(rule.escalate[pair[0]], -1, 1)] <
          tonumber(trim(rule.escalate[pair[1]], "hd")) * { h = 1, d = 24 }[substr(rule.escalate[pair[1]], -1, 1)],
          true
        )
      ])
    ])
    error_message = "In a rule's escalate, the gentler step has to come first, such as { stop = \"7d\", terminate = \"14d\" }."
  }

  validation {
    condition = alltrue([
      for rule in try(values(var.rules), []) : try(rule.note, null) == null || try(
        length(regexall("(?s:.)", rule.note)) <= 200 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", rule.note)) && !can(regex("[\\pC]|[^\\PZ ]", rule.note)),
        false
      )
    ])
    error_message = "A rule's note must be one line of 1 to 200 characters, such as \"ask ops@example.org\"."
  }
}

variable "rules_table" {
  description = <<-EOT
    The DynamoDB table of the rules. By default the module makes one, `<name>-rules`. An object:

    - `owner` (string, `"terraform"`): with `terraform`, Terraform restores an item that someone edited. With `table`, Terraform seeds each item once, and edits in the table stay.
    - `name` (string): an existing table in this account and region, such as another instantiation's output `rules_table_name`. Then no table is made and no item is seeded.
    - `arn` (string), instead of `name`: the ARN of an existing table in this region; it may be in another account, if one table holds the rules of an organisation. That table's policy has to allow the engine's role `dynamodb:Scan`.
    - `kms_key_arn` (string): the key that encrypts the existing table, if it has one of its own.
    - `deletion_protection` (bool, `false`): whether DynamoDB refuses to delete the table that the module makes; for rules that people edit.
    - `writable_tag_keys` (list of strings): tag keys that the role may write, in addition to those of `rules`. Needed for keys that only the table knows: with `name` or `arn`, or `owner = "table"`.
    - `changeable_tag_keys` (list of strings): tag keys whose values the role may overwrite, in addition to those of `rules` with `normalize`, `synonyms`, `replace_invalid` or `aliases`. Needed for such rules that only the table knows.
    - `removable_tag_keys` (list of strings): tag keys that the role may delete from instances, in addition to those of `rules` with the action `Remove`, and of `aliases` with `rename`. Needed for such rules that only the table knows. A blank at an edge counts.
    - `resource_types` (list of strings): types of resources that rules may be about, in addition to those of `rules`. Needed for types that only the table knows.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.rules_table)) && length(setsubtract(try(keys(var.rules_table), []), ["owner", "name", "arn", "kms_key_arn", "deletion_protection", "writable_tag_keys", "changeable_tag_keys", "removable_tag_keys", "resource_types"])) == 0
    error_message = "rules_table has no ${join(", ", setsubtract(try(keys(var.rules_table), ["such form"]), ["owner", "name", "arn", "kms_key_arn", "deletion_protection", "writable_tag_keys", "changeable_tag_keys", "removable_tag_keys", "resource_types"]))}. It takes owner, name, arn, kms_key_arn, deletion_protection, writable_tag_keys, changeable_tag_keys, removable_tag_keys, resource_types; such as rules_table = { owner = \"table\" }."
  }

  validation {
    condition     = try(contains(["terraform", "table"], coalesce(try(var.rules_table.owner, null), "terraform")), false)
    error_message = "rules_table.owner must be \"terraform\" or \"table\"."
  }

  validation {
    condition     = !can(var.rules_table.name) || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.rules_table.name))
    error_message = "rules_table.name must be the name of a DynamoDB table, not its ARN, such as \"tag-policy-rules\"; leave it out where the module is to make the table, as in merge(var.table == null ? {} : { name = var.table }, { owner = \"table\" })."
  }

  validation {
    condition     = !can(var.rules_table.arn) || can(regex("^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}$", var.rules_table.arn))
    error_message = "rules_table.arn must be the ARN of a DynamoDB table, such as \"arn:aws:dynamodb:eu-west-1:123456789012:table/tag-policy-rules\"; leave it out where the module is to make the table."
  }

  validation {
    condition     = !(can(var.rules_table.name) && can(var.rules_table.arn))
    error_message = "rules_table has both a name and an arn; give only one of them: rules_table = { name = \"tag-policy-rules\" }."
  }

  validation {
    condition     = !can(var.rules_table.kms_key_arn) || try((can(var.rules_table.name) || can(var.rules_table.arn)) && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.rules_table.kms_key_arn)), false)
    error_message = "rules_table.kms_key_arn goes with rules_table.name or rules_table.arn, and must be the ARN of a key, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; the table that is made is encrypted with kms_key_arn."
  }

  validation {
    condition     = can(tobool(coalesce(try(var.rules_table.deletion_protection, null), false)))
    error_message = "rules_table.deletion_protection must be true or false."
  }

  validation {
    condition = alltrue([
      for name in ["writable_tag_keys", "changeable_tag_keys", "removable_tag_keys"] :
      try(var.rules_table[name], null) == null || can([for key in var.rules_table[name] : length(key)])
    ])
    error_message = "rules_table.writable_tag_keys, changeable_tag_keys and removable_tag_keys must be lists of tag keys, such as [\"CostCenter\"]."
  }

  validation {
    condition     = try(var.rules_table.resource_types, null) == null || try(length(setsubtract(var.rules_table.resource_types, ["instance", "volume", "network-interface", "snapshot", "image", "elastic-ip"])) == 0, false)
    error_message = "rules_table.resource_types must be a list from instance, volume, network-interface, snapshot, image and elastic-ip, such as [\"instance\", \"volume\"]."
  }

  validation {
    condition = alltrue(flatten([
      for name in ["writable_tag_keys", "changeable_tag_keys", "removable_tag_keys"] : [
        for key in try(tolist(var.rules_table[name]), []) :
        length(key) <= 127 && trimspace(key) != "" && !startswith(lower(key), "aws:")
      ]
    ]))
    error_message = "Each of rules_table.writable_tag_keys, changeable_tag_keys and removable_tag_keys must have 1 to 127 characters and not start with \"aws:\", such as \"CostCenter\"."
  }

  validation {
    condition = alltrue(flatten([
      for name in ["writable_tag_keys", "changeable_tag_keys", "removable_tag_keys"] : [
        for key in try(tolist(var.rules_table[name]), []) : !can(regex("[*?]|[$&]\\{", key))
      ]
    ]))
    error_message = "Each of rules_table.writable_tag_keys, changeable_tag_keys and removable_tag_keys must be one tag key, without wildcards or variables, such as \"CostCenter\"."
  }

  validation {
    condition = alltrue(flatten([
      for name in ["writable_tag_keys", "changeable_tag_keys"] : [for key in try(tolist(var.rules_table[name]), []) : trimspace(key) == key]
    ]))
    error_message = "One of rules_table.writable_tag_keys or changeable_tag_keys begins or ends with a blank, which nobody would see; write it without, such as \"CostCenter\"."
  }
}

variable "facts" {
  description = "What Terraform knows about these VPCs or this account, by name, for rules with `from = [\"fact:team\"]` or `when = { \"fact:stage\" = [\"prod\"] }`, such as `{ team = \"platforms\" }`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.facts) : can(regex("^[A-Za-z0-9_.:/-]{1,127}$", name))])
    error_message = "Each name of facts must have 1 to 127 letters, digits, and _ . : / -, such as { team = \"platforms\" }."
  }

  # As model/tag_text.py says what cannot be seen.
  validation {
    condition = alltrue([
      for value in values(var.facts) : try(
        length(regexall("(?s:.)", value)) <= 256 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", value)),
        false
      )
    ])
    error_message = "Each of facts must have 1 to 256 characters that are not all blank, such as { team = \"platforms\" }."
  }
}

# Nothing destructive by accident

variable "max_escalation" {
  description = "How far a rule's `escalate` may go with an instance that has tags: `none`, `isolate`, `stop` or `terminate`. The role follows it. A rule that goes further is refused as a whole, at plan and in the table. It does not affect `untagged_action`."
  type        = string
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "isolate", "stop", "terminate"], var.max_escalation)
    error_message = "max_escalation must be \"none\", \"isolate\", \"stop\" or \"terminate\"; \"none\" is the safe one to start with."
  }
}

variable "isolation_security_groups" {
  description = "The security group that replaces those of an isolated instance's network interfaces, by VPC, such as `{ \"vpc-0a1b2c3d4e5f67890\" = \"sg-0a1b2c3d4e5f67890\" }`: one without rules lets nothing through. In a VPC without one here, instances to be isolated are only reported."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for vpc_id, group in var.isolation_security_groups : can(regex("^vpc-[0-9a-f]{8,17}$", vpc_id)) && can(regex("^sg-[0-9a-f]{8,17}$", group))])
    error_message = "isolation_security_groups must have the id of a security group for each id of a VPC, such as { \"vpc-0a1b2c3d4e5f67890\" = \"sg-0a1b2c3d4e5f67890\" }."
  }
}

variable "grace_period" {
  description = "How long before an untagged instance is isolated, stopped or terminated it is marked and announced, such as `\"24h\"` or `\"30m\"`. With `\"0s\"` it happens in the run that finds it."
  type        = string
  default     = "24h"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,6}[smhd]$", var.grace_period))
    error_message = "grace_period must be a whole number with s, m, h or d behind it, such as \"24h\"."
  }
}

variable "minimum_age" {
  description = "An instance younger than this is not judged to be untagged, because many tools tag after launch."
  type        = string
  default     = "15m"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,6}[smhd]$", var.minimum_age))
    error_message = "minimum_age must be a whole number with s, m, h or d behind it, such as \"15m\"."
  }
}

variable "marker_tag_key" {
  description = "The tag that says what will happen to an instance, and when. The role can end no instance without it. If you change it, name the old one in `former_marker_tag_keys`."
  type        = string
  default     = "tag-policy:due"
  nullable    = false

  validation {
    condition     = length(var.marker_tag_key) <= 127 && can(regex("^[\\w .:/=+@-]+$", var.marker_tag_key)) && trimspace(var.marker_tag_key) != "" && !startswith(lower(var.marker_tag_key), "aws:")
    error_message = "marker_tag_key must be a tag key of its own with at most 127 letters, digits and characters of \" _.:/=+-@\", such as \"tag-policy:due\"."
  }

  validation {
    condition     = trimspace(var.marker_tag_key) == var.marker_tag_key
    error_message = "marker_tag_key begins or ends with a blank, which nobody would see; write it without, such as \"tag-policy:due\"."
  }
}

variable "former_marker_tag_keys" {
  description = "Earlier values of `marker_tag_key`, such as `[\"tag-policy:due\"]`. The engine removes its marks that are still there; without this, they stay for ever. At most ten."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.former_marker_tag_keys) <= 10
    error_message = "former_marker_tag_keys has more than 10 keys; leave out those whose marks are gone."
  }

  validation {
    condition = alltrue([
      for key in var.former_marker_tag_keys :
      length(key) <= 127 && can(regex("^[\\w .:/=+@-]+$", key)) && trimspace(key) == key && key != "" && !startswith(lower(key), "aws:")
    ])
    error_message = "Each of former_marker_tag_keys must be a tag key with at most 127 letters, digits and characters of \" _.:/=+-@\", without blanks at its edges, such as \"tag-policy:due\"."
  }
}

variable "exempt_tag_key" {
  description = "An instance that carries this tag is left alone. If its value is a date, such as `2026-12-31`, that is the last day of the exemption."
  type        = string
  default     = "tag-policy:exempt"
  nullable    = false

  validation {
    condition     = length(var.exempt_tag_key) <= 127 && can(regex("^[\\w .:/=+@-]+$", var.exempt_tag_key)) && trimspace(var.exempt_tag_key) != "" && !startswith(lower(var.exempt_tag_key), "aws:")
    error_message = "exempt_tag_key must be a tag key of its own with at most 127 letters, digits and characters of \" _.:/=+-@\", such as \"tag-policy:exempt\"."
  }

  validation {
    condition     = trimspace(var.exempt_tag_key) == var.exempt_tag_key
    error_message = "exempt_tag_key begins or ends with a blank, which nobody would see; write it without, such as \"tag-policy:exempt\"."
  }
}

variable "protect_managed" {
  description = "Whether instances that an AWS service manages are only reported, never isolated, stopped or terminated: ending them makes their owner start another."
  type        = bool
  default     = true
  nullable    = false
}

variable "max_destructive" {
  description = "How many instances a run may isolate, stop or terminate. Above that it ends none at all, does everything else, and reports which are due. With `0` it never ends one."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_destructive >= 0 && var.max_destructive <= 1000000 && floor(var.max_destructive) == var.max_destructive
    error_message = "max_destructive must be a whole number from 0, such as 10."
  }
}

variable "max_destructive_percent" {
  description = "What percentage of the instances that it looks at a run may isolate, stop or terminate, from 0 to 100. Above that it ends none at all, as with `max_destructive`. No such limit by default."
  type        = number
  default     = null

  validation {
    condition     = var.max_destructive_percent == null || try(var.max_destructive_percent >= 0 && var.max_destructive_percent <= 100, false)
    error_message = "max_destructive_percent must be from 0 to 100, such as 5, or left out."
  }
}

# Who launched an instance

variable "creator" {
  description = <<-EOT
    How a `UserLookup` rule writes who launched an instance, and how CloudTrail is asked. An object:

    - `format` (string, `"name"`): `name` (`jane@example.com`), `role/name` (`Deploy/jane@example.com`) or `arn` (the ARN that CloudTrail recorded). Whoever may assume a role names the session; `role/name` and `arn` also say which role that was.
    - `details` (string, `"off"`): what is written next to a creator, in a separate tag, so that an auditor can find the launch in CloudTrail: `event_id` (in `CreatedBy:event-id`, for a rule about `CreatedBy`), `event_time` (in `CreatedBy:event-time`) or `off`. The log and the JSON of the report name the event in any case.
    - `delay_minutes` (number, `30`): 5 to 1440. How long after a launch its event may still be on its way. Until then an instance without one is left for the next run; after that it counts as launched by nobody, and the rule's `default` is written.
    - `lookups_per_second` (number, `2`): 0.1 to 2. CloudTrail allows 2 calls a second per account and region. If there are several engines, or if others look up events too, give each engine its share.
    - `budget_seconds` (number, `300`): 10 to 600. How much of a run look-ups may take, and never more than half of the time left after listing (with the longest `function.timeout_seconds`, some 390). What does not fit is left for the next run; the oldest instances come first.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.creator)) && length(setsubtract(try(keys(var.creator), []), ["format", "details", "delay_minutes", "lookups_per_second", "budget_seconds"])) == 0
    error_message = "creator has no ${join(", ", setsubtract(try(keys(var.creator), ["such form"]), ["format", "details", "delay_minutes", "lookups_per_second", "budget_seconds"]))}. It takes format, details, delay_minutes, lookups_per_second, budget_seconds; such as creator = { format = \"role/name\" }."
  }

  validation {
    condition     = try(contains(["name", "role/name", "arn"], coalesce(try(var.creator.format, null), "name")), false)
    error_message = "creator.format must be \"name\", \"role/name\" or \"arn\"."
  }

  validation {
    condition     = try(contains(["off", "event_id", "event_time"], coalesce(try(var.creator.details, null), "off")), false)
    error_message = "creator.details must be \"off\", \"event_id\" or \"event_time\"."
  }

  validation {
    condition     = try(var.creator.delay_minutes, null) == null || try(var.creator.delay_minutes >= 5 && var.creator.delay_minutes <= 1440, false)
    error_message = "creator.delay_minutes must be from 5 to 1440, such as 30; CloudTrail takes about 5 minutes on average."
  }

  validation {
    condition     = try(var.creator.lookups_per_second, null) == null || try(var.creator.lookups_per_second >= 0.1 && var.creator.lookups_per_second <= 2, false)
    error_message = "creator.lookups_per_second must be from 0.1 to 2, such as 1; CloudTrail throttles whoever asks more often."
  }

  validation {
    condition     = try(var.creator.budget_seconds, null) == null || try(var.creator.budget_seconds >= 10 && var.creator.budget_seconds <= 600, false)
    error_message = "creator.budget_seconds must be from 10 to 600, such as 300."
  }
}

# Who is told

variable "topic" {
  description = <<-EOT
    The SNS topic of the reports. By default the module makes one, `<name>-reports`. An object:

    - `arn` (string): an existing topic instead, in this region; it may be made in the same apply. Its policy must let CloudWatch alarms publish.
    - `kms_key_arn` (string): the key that encrypts the existing topic, if it has one.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.topic)) && length(setsubtract(try(keys(var.topic), []), ["arn", "kms_key_arn"])) == 0
    error_message = "topic has no ${join(", ", setsubtract(try(keys(var.topic), ["such form"]), ["arn", "kms_key_arn"]))}. It takes arn, kms_key_arn; such as topic = { arn = aws_sns_topic.reports.arn }."
  }

  validation {
    condition     = !can(var.topic.arn) || can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic.arn))
    error_message = "topic.arn must be the ARN of a standard SNS topic, such as \"arn:aws:sns:eu-west-1:123456789012:reports\"; leave it out where the module is to make the topic, as in var.topic_arn == null ? {} : { arn = var.topic_arn }."
  }

  validation {
    condition     = !can(var.topic.kms_key_arn) || try(can(var.topic.arn) && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.topic.kms_key_arn)), false)
    error_message = "topic.kms_key_arn goes with topic.arn, and must be the ARN of a key, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; the topic that is made is encrypted with kms_key_arn."
  }
}

variable "email_subscriptions" {
  description = "E-mail addresses to subscribe to the topic that the module makes; each has to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.email_subscriptions : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "Each of email_subscriptions must be an e-mail address, such as \"cloud-admins@example.com\"."
  }
}

variable "report_unchanged" {
  description = "How often a report lists findings that have not changed since people were last told of them, such as an instance without tags that is not to be touched: `daily`, `every_run`, or `never`. In between they are only counted, and a sweep that finds nothing new sends nothing. Log and bucket have everything in any case."
  type        = string
  default     = "daily"
  nullable    = false

  validation {
    condition     = contains(["every_run", "daily", "never"], var.report_unchanged)
    error_message = "report_unchanged must be \"daily\", \"every_run\" or \"never\"."
  }
}

variable "report_bucket" {
  description = <<-EOT
    A bucket that keeps each report: numbers and findings as JSON for Athena, and a page for a browser, linked from the message. None by default. An object:

    - `create` (bool, `false`): `true` makes a bucket: private, encrypted, versioned.
    - `name` (string): an existing bucket instead; it may serve many engines, accounts and regions.
    - `prefix` (string, `""`): the prefix of all keys, such as `"tag-policy/"`.
    - `kms_key_arn` (string): the key that encrypts the existing bucket, if it has one of its own.
    - `retention_days` (number, `365`): how long the bucket that the module makes keeps a report.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.report_bucket)) && length(setsubtract(try(keys(var.report_bucket), []), ["create", "name", "prefix", "kms_key_arn", "retention_days"])) == 0
    error_message = "report_bucket has no ${join(", ", setsubtract(try(keys(var.report_bucket), ["such form"]), ["create", "name", "prefix", "kms_key_arn", "retention_days"]))}. It takes create, name, prefix, kms_key_arn, retention_days; such as report_bucket = { create = true }."
  }

  validation {
    condition     = length(try(keys(var.report_bucket), [])) == 0 || try(tobool(coalesce(try(var.report_bucket.create, null), false)) != can(var.report_bucket.name), false)
    error_message = "report_bucket must be either { create = true } or { name = \"my-reports\" }."
  }

  validation {
    condition     = !can(var.report_bucket.name) || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.report_bucket.name))
    error_message = "report_bucket.name must be the name of a bucket, not its ARN, such as \"my-reports\"."
  }

  validation {
    condition     = try(var.report_bucket.kms_key_arn, null) == null || try(can(var.report_bucket.name) && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.report_bucket.kms_key_arn)), false)
    error_message = "report_bucket.kms_key_arn goes with report_bucket.name, and must be the ARN of a key, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; the bucket that is made is encrypted with kms_key_arn."
  }

  validation {
    condition     = try(var.report_bucket.prefix, null) == null || try(can(regex("^([a-zA-Z0-9!_.'()=-]+/)*$", var.report_bucket.prefix)) && length(var.report_bucket.prefix) <= 100, false)
    error_message = "report_bucket.prefix must be empty, or parts that each end in a slash, such as \"tag-policy/\", and have at most 100 characters."
  }

  validation {
    condition     = try(var.report_bucket.retention_days, null) == null || try(var.report_bucket.retention_days >= 1 && floor(var.report_bucket.retention_days) == tonumber(var.report_bucket.retention_days), false)
    error_message = "report_bucket.retention_days must be a whole number from 1, such as 365."
  }
}

# How it is watched

variable "monitoring" {
  description = <<-EOT
    What CloudWatch monitors, which is nearly all that an idle engine costs ([prices](docs/operations.md#what-it-costs)). There is always an alarm on failed runs, and one on dead letters if there is a queue. An object:

    - `metrics` (string, `"basic"`): `off`; `basic`, those that the alarms on broken rules, refusals, limits and silence use; `full`, also how many instances are compliant, by VPC too, and what was done.
    - `dashboard` (bool, `true` with `full`): a dashboard: compliance over time, what was done, what failed, how long it took, the last findings. Needs `full`.
    - `queries` (bool, `true`): saved queries for Logs Insights. They cost nothing until somebody runs them.
    - `alarm_actions` (set of strings): ARNs that alarms notify in addition to the topic, such as another topic's.
    - `silence_after_hours` (number): after how many hours without a finished sweep an alarm rings, 1 to 168. By default after two periods of a `rate(…)` or an hourly `cron(…)`, plus the time that a run may take; after 48 hours for a daily `cron(…)`. For other crons, and rates of more than three days, there is no such alarm unless you set this.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.monitoring)) && length(setsubtract(try(keys(var.monitoring), []), ["metrics", "dashboard", "queries", "alarm_actions", "silence_after_hours"])) == 0
    error_message = "monitoring has no ${join(", ", setsubtract(try(keys(var.monitoring), ["such form"]), ["metrics", "dashboard", "queries", "alarm_actions", "silence_after_hours"]))}. It takes metrics, dashboard, queries, alarm_actions, silence_after_hours; such as monitoring = { metrics = \"full\" }."
  }

  validation {
    condition     = try(contains(["off", "basic", "full"], coalesce(try(var.monitoring.metrics, null), "basic")), false)
    error_message = "monitoring.metrics must be \"off\", \"basic\" or \"full\"."
  }

  validation {
    condition     = try(tobool(coalesce(try(var.monitoring.dashboard, null), false)) ? try(var.monitoring.metrics, "basic") == "full" : true, false)
    error_message = "monitoring.dashboard must be true or false, and true goes with monitoring.metrics = \"full\": a dashboard shows all of the metrics."
  }

  validation {
    condition     = can(tobool(coalesce(try(var.monitoring.queries, null), true)))
    error_message = "monitoring.queries must be true or false."
  }

  validation {
    condition     = try(var.monitoring.alarm_actions, null) == null || try(alltrue([for arn in var.monitoring.alarm_actions : can(regex("^arn:[^:]+:[^:]+:", arn))]), false)
    error_message = "Each of monitoring.alarm_actions must be the ARN of what an alarm should notify, such as [\"arn:aws:sns:eu-west-1:123456789012:on-call\"]."
  }

  validation {
    condition     = try(var.monitoring.silence_after_hours, null) == null || try(var.monitoring.silence_after_hours >= 1 && var.monitoring.silence_after_hours <= 168 && floor(var.monitoring.silence_after_hours) == tonumber(var.monitoring.silence_after_hours), false)
    error_message = "monitoring.silence_after_hours must be a whole number from 1 to 168, such as 48, or left out."
  }
}

# When it runs

variable "schedule" {
  description = <<-EOT
    When every instance is looked at. Null for no schedule; instances without any tags are then left alone. An object:

    - `expression` (string, `"rate(1 hour)"`): in EventBridge syntax, `rate(…)` or `cron(…)`, such as `cron(0 6 * * ? *)`.
    - `time_zone` (string): the time zone of a cron's hours, such as `Europe/Berlin`. It also applies to days: those that rules compute, and the last days of `expires` and of exemptions. The default is UTC, also without a schedule; another zone moves all those last days. With a time zone, EventBridge Scheduler starts the function, through a role made for this only, `<role>-schedule`; a permissions boundary has to allow it `lambda:InvokeFunction`.
    - `role_arn` (string), with `time_zone`: an existing role instead of that one, which trusts `scheduler.amazonaws.com` and may `lambda:InvokeFunction` the function. Required with `role.arn`.
  EOT
  type        = any
  default     = {}

  validation {
    condition     = var.schedule == null || (can(keys(var.schedule)) && length(setsubtract(try(keys(var.schedule), []), ["expression", "time_zone", "role_arn"])) == 0)
    error_message = "schedule has no ${join(", ", setsubtract(try(keys(var.schedule), ["such form"]), ["expression", "time_zone", "role_arn"]))}. It takes expression, time_zone, role_arn; such as schedule = { expression = \"rate(1 hour)\" }; or it is null."
  }

  validation {
    condition = try(var.schedule.expression, null) == null || can(regex(
      "^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)|cron\\(\\S+( \\S+){5}\\))$",
      var.schedule.expression
    ))
    error_message = "schedule.expression must be a rate such as \"rate(1 hour)\" or \"rate(30 minutes)\", or a cron of six fields such as \"cron(0 6 * * ? *)\"; schedule = null is no schedule."
  }

  validation {
    condition     = try(var.schedule.time_zone, null) == null || can(regex("^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$", var.schedule.time_zone))
    error_message = "schedule.time_zone must be the name of a time zone, such as \"Europe/Berlin\" or \"America/New_York\"; an abbreviation would not know summer time."
  }

  validation {
    condition     = try(!contains(keys(var.schedule), "role_arn"), true) || (try(var.schedule.time_zone, null) != null && can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", var.schedule.role_arn)))
    error_message = "schedule.role_arn goes with schedule.time_zone, and must be the ARN of a role, such as \"arn:aws:iam::123456789012:role/tag-policy-schedule\". Leave it out, null included, where the module is to make the role, and without a time zone."
  }
}

variable "event_triggers" {
  description = <<-EOT
    Events after which an instance is fixed in seconds. Event runs fill tags, and remove marks; an instance without any tags is left to the schedule. Events may be late or lost, so keep the schedule. An object:

    - `launch` (bool, `false`): `RunInstances`, through CloudTrail; the event says who launched the instance. Needs a trail that logs management events in this account and region.
    - `state_change` (bool, `false`): an instance has started. Needs no trail. A later run of the schedule writes the creator.
    - `tag_change` (bool, `false`): an instance's tags have changed.
    - `batching_window_seconds` (number, `20`): 1 to 300. How long events are gathered for one invocation. Shorter is sooner, longer means fewer invocations and fewer reports.
    - `tries` (number, `5`): 3 to 100. How often an event is tried before it goes to the dead-letter queue, which an alarm watches.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.event_triggers)) && length(setsubtract(try(keys(var.event_triggers), []), ["launch", "state_change", "tag_change", "batching_window_seconds", "tries"])) == 0
    error_message = "event_triggers has no ${join(", ", setsubtract(try(keys(var.event_triggers), ["such form"]), ["launch", "state_change", "tag_change", "batching_window_seconds", "tries"]))}. It takes launch, state_change, tag_change, batching_window_seconds, tries; such as event_triggers = { launch = true, tag_change = true }."
  }

  validation {
    condition = alltrue([
      for value in [try(var.event_triggers.launch, null), try(var.event_triggers.state_change, null), try(var.event_triggers.tag_change, null)] :
      value == null || can(tobool(value))
    ])
    error_message = "event_triggers.launch, state_change and tag_change must be true or false."
  }

  validation {
    condition     = try(var.event_triggers.batching_window_seconds, null) == null || try(var.event_triggers.batching_window_seconds >= 1 && var.event_triggers.batching_window_seconds <= 300 && floor(var.event_triggers.batching_window_seconds) == tonumber(var.event_triggers.batching_window_seconds), false)
    error_message = "event_triggers.batching_window_seconds must be a whole number from 1 to 300, such as 20."
  }

  validation {
    condition     = try(var.event_triggers.tries, null) == null || try(var.event_triggers.tries >= 3 && var.event_triggers.tries <= 100 && floor(var.event_triggers.tries) == tonumber(var.event_triggers.tries), false)
    error_message = "event_triggers.tries must be a whole number from 3 to 100, such as 5."
  }
}

variable "config_rule" {
  description = "An AWS Config rule that shows which instances are tagged as `rules` say: when one has changed, and once a day for all. `off`; `evaluate`; or `remediate`, which also has instances fixed: a changed one as by `event_triggers`, and all of them, once a day, as by the schedule. Needs a configuration recorder that records EC2 instances."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "evaluate", "remediate"], var.config_rule)
    error_message = "config_rule must be \"off\", \"evaluate\" or \"remediate\"."
  }
}

# How it is built

variable "function" {
  description = <<-EOT
    The Lambda function. An object:

    - `runtime` (string, `"python3.13"`): a Python runtime of Lambda, 3.11 or newer.
    - `architecture` (string, `"arm64"`): `arm64` or `x86_64`.
    - `memory_mb` (number, `256`): 128 to 10240.
    - `timeout_seconds` (number, `900`): 300 to 900. What does not fit into one run is done by the next.
    - `log_retention_days` (number, `30`): a value that CloudWatch Logs accepts; 0 keeps the log for ever.
    - `log_level` (string, `"INFO"`): `INFO` or `DEBUG`; nothing less, because the log holds every finding.
    - `log_group_name` (string): an existing log group, such as one that the organisation makes. Then the module makes none, and the two other inputs about it must be left out. Several engines may share it.
    - `vpc_config` (object): `subnet_ids` and `security_group_ids` (lists of strings), if your organisation requires functions to run in a VPC. From there the function has to reach EC2, DynamoDB, SNS, CloudTrail and whatever else you use, through a NAT gateway or endpoints.
    - `package` (object): a package other than the one shipped, if your organisation builds or signs its own: either `filename` (string), a zip on this machine, or `s3_bucket`, `s3_key` and `source_code_hash` (strings; the base64 of its SHA-256), a zip in S3.
    - `code_signing_config_arn` (string): the code signing configuration that the package has to meet, if your organisation requires one; `package` must then be one that you have signed.
    - `log_skip_destroy` (bool, `false`): whether the log group stays when the engine is destroyed.
    - `reserved_concurrency` (number): none by default, because new accounts cannot reserve; 1 keeps two runs from overlapping. With `event_triggers` at least 3.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.function)) && length(setsubtract(try(keys(var.function), []), ["runtime", "architecture", "memory_mb", "timeout_seconds", "log_retention_days", "log_level", "log_group_name", "log_skip_destroy", "vpc_config", "package", "code_signing_config_arn", "reserved_concurrency"])) == 0
    error_message = "function has no ${join(", ", setsubtract(try(keys(var.function), ["such form"]), ["runtime", "architecture", "memory_mb", "timeout_seconds", "log_retention_days", "log_level", "log_group_name", "log_skip_destroy", "vpc_config", "package", "code_signing_config_arn", "reserved_concurrency"]))}. It takes runtime, architecture, memory_mb, timeout_seconds, log_retention_days, log_level, log_group_name, log_skip_destroy, vpc_config, package, code_signing_config_arn, reserved_concurrency; such as function = { memory_mb = 512 }."
  }

  validation {
    condition     = try(var.function.runtime, null) == null || can(regex("^python3\\.(1[1-9]|[2-9][0-9])$", var.function.runtime))
    error_message = "function.runtime must be a Python runtime of Lambda, 3.11 or newer, such as \"python3.13\"."
  }

  validation {
    condition     = try(contains(["arm64", "x86_64"], coalesce(try(var.function.architecture, null), "arm64")), false)
    error_message = "function.architecture must be \"arm64\" or \"x86_64\"."
  }

  validation {
    condition     = try(var.function.memory_mb, null) == null || try(var.function.memory_mb >= 128 && var.function.memory_mb <= 10240 && floor(var.function.memory_mb) == tonumber(var.function.memory_mb), false)
    error_message = "function.memory_mb must be a whole number from 128 to 10240, such as 256."
  }

  validation {
    condition     = try(var.function.timeout_seconds, null) == null || try(var.function.timeout_seconds >= 300 && var.function.timeout_seconds <= 900 && floor(var.function.timeout_seconds) == tonumber(var.function.timeout_seconds), false)
    error_message = "function.timeout_seconds must be a whole number from 300 to 900, such as 900; a run keeps two minutes for its last call and its report."
  }

  validation {
    condition = try(contains(
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      tonumber(coalesce(try(var.function.log_retention_days, null), 30))
    ), false)
    error_message = "function.log_retention_days must be one that CloudWatch Logs accepts, such as 30, 90 or 365; 0 keeps the log for ever."
  }

  validation {
    condition     = try(contains(["INFO", "DEBUG"], coalesce(try(var.function.log_level, null), "INFO")), false)
    error_message = "function.log_level must be \"INFO\" or \"DEBUG\"; with less, the log would not hold every finding."
  }

  validation {
    condition     = try(var.function.code_signing_config_arn, null) == null || can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:code-signing-config:csc-[0-9a-z]+$", var.function.code_signing_config_arn))
    error_message = "function.code_signing_config_arn must be the ARN of a code signing configuration, such as \"arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0\"."
  }

  validation {
    condition     = !can(var.function.log_group_name) || can(regex("^[\\w./#-]{1,512}$", var.function.log_group_name))
    error_message = "function.log_group_name must be the name of a log group, such as \"/org/tag-policy\"; leave it out where the module is to make the group."
  }

  validation {
    condition     = !can(var.function.log_group_name) || (try(var.function.log_retention_days, null) == null && try(var.function.log_skip_destroy, null) == null)
    error_message = "function.log_retention_days and function.log_skip_destroy are for the log group that the module makes; leave them out, as in function = { log_group_name = \"/org/tag-policy\" }, and set them where that group is declared."
  }

  validation {
    condition = try(var.function.vpc_config, null) == null || try(
      join(" ", sort(keys(var.function.vpc_config))) == "security_group_ids subnet_ids" &&
      length(var.function.vpc_config.subnet_ids) > 0 && length(var.function.vpc_config.security_group_ids) > 0,
      false
    )
    error_message = "function.vpc_config must have subnet_ids and security_group_ids, and nothing else, such as { subnet_ids = [\"subnet-0a1b2c3d4e5f67890\"], security_group_ids = [\"sg-0a1b2c3d4e5f67890\"] }."
  }

  validation {
    condition = try(var.function.package, null) == null || try(contains(
      ["", "filename", "s3_bucket s3_key source_code_hash"],
      join(" ", sort([for name in keys(var.function.package) : name if var.function.package[name] != null]))
    ), false)
    error_message = "function.package must be either { filename = \"build/tag_policy.zip\" } or { s3_bucket = \"my-packages\", s3_key = \"tag_policy.zip\", source_code_hash = \"<base64 of the SHA-256>\" }, and has no other name."
  }

  validation {
    condition     = try(var.function.package.filename, null) == null || try(fileexists(var.function.package.filename), false)
    error_message = "function.package.filename names no file; build it first, or write the path from the root module, such as \"$${path.root}/build/tag_policy.zip\"."
  }

  validation {
    condition     = can(tobool(coalesce(try(var.function.log_skip_destroy, null), false)))
    error_message = "function.log_skip_destroy must be true or false."
  }

  validation {
    condition     = try(var.function.reserved_concurrency, null) == null || try(var.function.reserved_concurrency >= 1 && floor(var.function.reserved_concurrency) == tonumber(var.function.reserved_concurrency), false)
    error_message = "function.reserved_concurrency must be a whole number from 1, such as 1, or left out for none."
  }
}

variable "kms_key_arn" {
  description = "A KMS key that encrypts the tables, the topic, the queues, the log group and the bucket that the module makes. Its key policy must let CloudWatch Logs, CloudWatch alarms and EventBridge use it (see docs/operations.md)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"."
  }
}

variable "role" {
  description = <<-EOT
    The function's role. An object:

    - `name` (string, `<name>-<region>`): the name of the role, and the prefix of its policies' names and of the role for `schedule.time_zone`.
    - `path` (string, `"/"`): the IAM path of these roles and policies.
    - `permissions_boundary_arn` (string): the permissions boundary of these roles, if your organisation requires one.
    - `arn` (string): an existing role instead of the other three, if your organisation makes all roles. Then no role and no policy is made: that role has to trust `lambda.amazonaws.com`, and to hold the outputs `role_policy_json` and `value_lock_policy_jsons` in full. With less, runs fail; with more, the locks in IAM are gone, and only the code protects instances.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.role)) && length(setsubtract(try(keys(var.role), []), ["name", "path", "permissions_boundary_arn", "arn"])) == 0
    error_message = "role has no ${join(", ", setsubtract(try(keys(var.role), ["such form"]), ["name", "path", "permissions_boundary_arn", "arn"]))}. It takes name, path, permissions_boundary_arn, arn; such as role = { path = \"/tag-policy/\" }."
  }

  validation {
    condition     = !can(var.role.arn) || can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", var.role.arn))
    error_message = "role.arn must be the ARN of a role, such as \"arn:aws:iam::123456789012:role/tag-policy\"; leave it out where the module is to make the role."
  }

  validation {
    condition     = !can(var.role.arn) || length(keys(var.role)) == 1
    error_message = "role.arn names an existing role; leave out name, path and permissions_boundary_arn, as in role = { arn = \"arn:aws:iam::123456789012:role/tag-policy\" }."
  }

  validation {
    condition     = try(var.role.name, null) == null || can(regex("^[\\w+=,.@-]{1,50}$", var.role.name))
    error_message = "role.name must have at most 50 letters, digits and characters of \"_+=,.@-\", such as \"tag-policy\"."
  }

  validation {
    condition     = try(var.role.path, null) == null || can(regex("^/([!-.0-~]+/)*$", var.role.path))
    error_message = "role.path must begin and end with a slash, such as \"/\" or \"/tag-policy/\"."
  }

  validation {
    condition     = try(var.role.permissions_boundary_arn, null) == null || can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.role.permissions_boundary_arn))
    error_message = "role.permissions_boundary_arn must be the ARN of an IAM policy, such as \"arn:aws:iam::123456789012:policy/boundary\"."
  }
}

variable "tags" {
  description = "Tags for every resource that can have them."
  type        = map(string)
  default     = {}
  nullable    = false
}
