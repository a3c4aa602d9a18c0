# What it watches, and what it may do

variable "vpc_ids" {
  description = "The VPCs whose instances are kept tagged, such as `[\"vpc-0a1b2c3d4e5f67890\"]`. Instances outside them are never touched."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.vpc_ids) > 0
    error_message = "vpc_ids is empty; give at least one VPC id, such as [\"vpc-0a1b2c3d4e5f67890\"]."
  }

  validation {
    condition     = length(var.vpc_ids) <= 100
    error_message = "vpc_ids has more than 100 VPCs, which do not fit into the environment of one function; use an engine for each 100."
  }

  validation {
    condition     = alltrue([for id in var.vpc_ids : can(regex("^vpc-[0-9a-f]{8,17}$", id))])
    error_message = "Each of vpc_ids must be the id of a VPC, such as \"vpc-0a1b2c3d4e5f67890\"."
  }
}

variable "untagged_action" {
  description = "What happens to an instance that has no tags at all: `terminate`, `stop`, `notify` (report it, touch nothing) or `remediate` (apply the rules to it). Required, so that nobody terminates instances by leaving a field out."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["terminate", "stop", "notify", "remediate"], var.untagged_action)
    error_message = "untagged_action must be \"terminate\", \"stop\", \"notify\" or \"remediate\"; \"notify\" is the safe one to start with."
  }
}

variable "mode" {
  description = "`enforce` acts; `audit` decides and reports everything, changes nothing, and gets a role that could not."
  type        = string
  default     = "enforce"
  nullable    = false

  validation {
    condition     = contains(["enforce", "audit"], var.mode)
    error_message = "mode must be \"enforce\" or \"audit\"."
  }
}

variable "name" {
  description = "Prefix of every name. Two instantiations with different names live side by side in one account and region."
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
    The rules, by RuleId; they apply in ascending order.

    - `tag_key`: the tag that the rule is about. Tag keys are case-sensitive.
    - `action`: `Update` (set `default`), `UserLookup` (set the user who launched the instance) or `Function` (set what `default` computes: `today()`).
    - `required`: whether a missing tag is a violation. An `Update` that is not required leaves a missing tag alone.
    - `default`: for `Update` the value, for `Function` the call, for `UserLookup` what is set when nobody is found (when absent: `Undefined`).
  EOT
  type = map(object({
    tag_key  = string
    action   = string
    required = optional(bool, true)
    default  = optional(string)
  }))
  default = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }
  nullable = false

  validation {
    condition     = alltrue([for id in keys(var.rules) : can(regex("^[1-9][0-9]{0,14}$", id))])
    error_message = "Each key of rules is a RuleId, a positive whole number, such as 10."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : contains(["Update", "UserLookup", "Function"], rule.action)])
    error_message = "Each rule's action must be \"Update\", \"UserLookup\" or \"Function\"."
  }

  validation {
    condition     = length(distinct([for rule in values(var.rules) : rule.tag_key])) == length(var.rules)
    error_message = "Each tag_key may have one rule only; a second one would never apply. Give every rule its own tag_key, such as \"ProjectCode\"."
  }

  # Characters are counted as EC2 counts them: length() takes a letter and its accents for one.
  validation {
    condition = alltrue([
      for rule in values(var.rules) :
      length(regexall("(?s:.)", rule.tag_key)) <= 127 && trimspace(rule.tag_key) != "" && !startswith(lower(rule.tag_key), "aws:")
    ])
    error_message = "Each rule's tag_key must have 1 to 127 characters and not start with \"aws:\", which AWS keeps for itself; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : !can(regex("[\\pC\\pZ]", replace(rule.tag_key, " ", "")))])
    error_message = "A rule's tag_key holds a character that nobody would see, such as a line break or one without a width; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : !can(regex("^[ \\x{2800}\\x{3164}]|[ \\x{2800}\\x{3164}]$", rule.tag_key))])
    error_message = "A rule's tag_key begins or ends with a blank, which nobody would see; write it without, such as \"ProjectCode\"."
  }

  # IAM would put something else in the place of a variable; so would Terraform, for "&{". What
  # becomes of a wildcard in the name of a condition's key, no page of AWS's says.
  validation {
    condition     = alltrue([for rule in values(var.rules) : !can(regex("[*?]|[$&]\\{", rule.tag_key))])
    error_message = "A rule's tag_key must be one tag key, without \"*\" and \"?\", and without a brace behind a dollar sign or an ampersand, which IAM takes for a variable; \"ProjectCode\" would do."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.action != "Update" || rule.default != null])
    error_message = "A rule with action \"Update\" needs the value to set as its default, such as \"Proj007\"."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.action != "Function" || can(regex("^today\\(\\)$", rule.default))])
    error_message = "A rule with action \"Function\" needs a call of a known function as its default: \"today()\"."
  }

  # As rules/table.py counts, and as model/tag_text.py says what cannot be seen.
  validation {
    condition = alltrue([
      for rule in values(var.rules) : rule.default == null || try(
        length(regexall("(?s:.)", rule.default)) <= 256 && can(regex("[^\\s\\pZ\\p{Cc}\\p{Cf}\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{e0100}-\\x{e01ef}]", rule.default)),
        false
      )
    ])
    error_message = "Each rule's default must have 1 to 256 characters that are not all blank, such as \"Proj007\"; leave it out of a \"UserLookup\" for \"Undefined\"."
  }
}

variable "rules_owner" {
  description = "`terraform`: Terraform restores an item that someone edited. `table`: Terraform seeds each item once, and edits in the table stay."
  type        = string
  default     = "terraform"
  nullable    = false

  validation {
    condition     = contains(["terraform", "table"], var.rules_owner)
    error_message = "rules_owner must be \"terraform\" or \"table\"."
  }
}

variable "rules_table_name" {
  description = "The name of an existing rules table in this account and region, such as another instantiation's output `rules_table_name`. Then no table is made and no item is seeded."
  type        = string
  default     = null

  validation {
    condition     = var.rules_table_name == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.rules_table_name))
    error_message = "rules_table_name must be the name of a DynamoDB table, not its ARN, such as \"tag-policy-rules\"."
  }
}

variable "writable_tag_keys" {
  description = "Tag keys that the role may write, beside those of `rules`. Needed for keys that only the table knows: with `rules_table_name`, or `rules_owner = \"table\"`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for key in var.writable_tag_keys :
      length(key) <= 127 && trimspace(key) != "" && !startswith(lower(key), "aws:")
    ])
    error_message = "Each of writable_tag_keys must have 1 to 127 characters and not start with \"aws:\", such as \"CostCenter\"."
  }

  validation {
    condition     = alltrue([for key in var.writable_tag_keys : !can(regex("[*?]|[$&]\\{", key))])
    error_message = "Each of writable_tag_keys must be one tag key, without wildcards or variables, such as \"CostCenter\"."
  }

  validation {
    condition     = alltrue([for key in var.writable_tag_keys : trimspace(key) == key])
    error_message = "One of writable_tag_keys begins or ends with a blank, which nobody would see; write it without, such as \"CostCenter\"."
  }
}

# Nothing destructive by accident

variable "grace_period" {
  description = "How long before an untagged instance is stopped or terminated it is marked and announced, such as `\"24h\"` or `\"30m\"`. With `\"0s\"` it happens in the run that finds it."
  type        = string
  default     = "0s"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,6}[smhd]$", var.grace_period))
    error_message = "grace_period must be a whole number with s, m, h or d behind it, such as \"24h\"."
  }
}

variable "minimum_age" {
  description = "An instance younger than this is not judged to have no tags, because many tools tag after launch."
  type        = string
  default     = "15m"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,6}[smhd]$", var.minimum_age))
    error_message = "minimum_age must be a whole number with s, m, h or d behind it, such as \"15m\"."
  }
}

variable "marker_tag_key" {
  description = "The tag that says what will happen to an instance, and when. The role can end no instance without it. Whoever changes it names the old one in `former_marker_tag_keys`."
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
  description = "Tag keys that were `marker_tag_key` before, such as `[\"tag-policy:due\"]`. The engine's marks that are still there are taken back; without this, they stay for ever. At most ten."
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
  description = "An instance that carries this tag is left alone. A date as its value, such as `2026-12-31`, is the last day of that."
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
  description = "Whether instances that an AWS service manages are only reported, never stopped or terminated: ending them makes their owner start another."
  type        = bool
  default     = true
  nullable    = false
}

variable "limits" {
  description = <<-EOT
    How many instances a run may stop or terminate. Over either limit it ends none at all, does everything else, and reports which are due.

    - `max_destructive`: at most so many.
    - `max_destructive_percent`: at most this share of the instances that it looks at; no such limit when left out.
  EOT
  type = object({
    max_destructive         = optional(number, 10)
    max_destructive_percent = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.max_destructive >= 0 && var.limits.max_destructive <= 1000000 && floor(var.limits.max_destructive) == var.limits.max_destructive
    error_message = "limits.max_destructive must be a whole number from 0, such as 10."
  }

  validation {
    condition     = var.limits.max_destructive_percent == null || try(var.limits.max_destructive_percent >= 0 && var.limits.max_destructive_percent <= 100, false)
    error_message = "limits.max_destructive_percent must be from 0 to 100, such as 5, or left out."
  }
}

# Who launched an instance

variable "creator_format" {
  description = "How a `UserLookup` rule writes who launched an instance: `name` (`jane@example.com`), `role/name` (`Deploy/jane@example.com`) or `arn` (the ARN that CloudTrail recorded). Whoever may assume a role names the session; `role/name` and `arn` also say which role that was."
  type        = string
  default     = "name"
  nullable    = false

  validation {
    condition     = contains(["name", "role/name", "arn"], var.creator_format)
    error_message = "creator_format must be \"name\", \"role/name\" or \"arn\"."
  }
}

variable "attribution_details" {
  description = "What is written next to a creator, in a tag of its own, so that an auditor finds the launch in CloudTrail: `event_id` (in `CreatedBy:event-id`, for a rule about `CreatedBy`), `event_time` (in `CreatedBy:event-time`) or `off`. The log and the JSON of the report name the event in any case."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "event_id", "event_time"], var.attribution_details)
    error_message = "attribution_details must be \"off\", \"event_id\" or \"event_time\"."
  }
}

variable "attribution" {
  description = <<-EOT
    How CloudTrail is asked.

    - `delay_minutes`: 5 to 1440. How long after a launch its event may still be on its way. Until then an instance without one is left for the next run; after that nobody launched it, and the rule's `default` is written.
    - `lookups_per_second`: 0.1 to 2. CloudTrail allows 2 calls a second to an account and region. Give each engine its share where there are several, or where others look events up too.
    - `budget_seconds`: 10 to 600. How much of a run may go into looking up, and never more than half of what is left of it after listing (with the longest `function.timeout_seconds`, some 390). What does not fit is left for the next run; the oldest instances come first.
  EOT
  type = object({
    delay_minutes      = optional(number, 30)
    lookups_per_second = optional(number, 2)
    budget_seconds     = optional(number, 300)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.attribution.delay_minutes >= 5 && var.attribution.delay_minutes <= 1440
    error_message = "attribution.delay_minutes must be from 5 to 1440, such as 30; CloudTrail takes about 5 minutes on average."
  }

  validation {
    condition     = var.attribution.lookups_per_second >= 0.1 && var.attribution.lookups_per_second <= 2
    error_message = "attribution.lookups_per_second must be from 0.1 to 2, such as 1; CloudTrail throttles whoever asks more often."
  }

  validation {
    condition     = var.attribution.budget_seconds >= 10 && var.attribution.budget_seconds <= 600
    error_message = "attribution.budget_seconds must be from 10 to 600, such as 300."
  }
}

# Who is told

variable "topic_arn" {
  description = "An existing SNS topic for the reports, instead of making one. Its policy must let CloudWatch alarms publish, for the alarm on errors."
  type        = string
  default     = null

  validation {
    condition     = var.topic_arn == null || can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a standard SNS topic, such as \"arn:aws:sns:eu-west-1:123456789012:reports\"."
  }
}

variable "create_topic" {
  description = "Whether the module makes the topic. By default it does where `topic_arn` is null. Say `false` where the topic of `topic_arn` is made in the same apply, because Terraform has to know at plan how many topics there are."
  type        = bool
  default     = null
}

variable "email_subscriptions" {
  description = "E-mail addresses that are subscribed to the topic that is made; each has to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.email_subscriptions : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "Each of email_subscriptions must be an e-mail address, such as \"cloud-admins@example.com\"."
  }
}

variable "report_unchanged" {
  description = "How often a report lists what is as it was when people were last told of it, such as an instance without tags that is not to be touched: `daily`, `every_run`, or `never`. In between it is only counted, and a sweep that finds nothing new sends nothing. Log and bucket have everything in any case."
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
    A bucket that keeps each report: numbers and findings as JSON for Athena, and a page for a browser, which the message links to. None by default.

    - `create`: `true` makes a bucket: private, encrypted, versioned.
    - `name`: an existing bucket instead; it may serve many engines, accounts and regions.
    - `prefix`: what all keys begin with, such as `"tag-policy/"`.
    - `kms_key_arn`: the key that encrypts the existing bucket, where it has one of its own.
    - `retention_days`: how long the bucket that is made keeps a report.
  EOT
  type = object({
    create         = optional(bool, false)
    name           = optional(string)
    prefix         = optional(string, "")
    kms_key_arn    = optional(string)
    retention_days = optional(number, 365)
  })
  default = null

  validation {
    condition     = var.report_bucket == null || try(var.report_bucket.create != (var.report_bucket.name != null), false)
    error_message = "report_bucket must be either { create = true } or { name = \"my-reports\" }."
  }

  validation {
    condition     = try(var.report_bucket.name, null) == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.report_bucket.name))
    error_message = "report_bucket.name must be the name of a bucket, not its ARN, such as \"my-reports\"."
  }

  validation {
    condition     = try(var.report_bucket.kms_key_arn, null) == null || try(var.report_bucket.name != null && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.report_bucket.kms_key_arn)), false)
    error_message = "report_bucket.kms_key_arn goes with report_bucket.name, and must be the ARN of a key, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; the bucket that is made is encrypted with kms_key_arn."
  }

  validation {
    condition     = can(regex("^([a-zA-Z0-9!_.'()=-]+/)*$", try(var.report_bucket.prefix, ""))) && length(try(var.report_bucket.prefix, "")) <= 100
    error_message = "report_bucket.prefix must be empty, or parts that each end in a slash, such as \"tag-policy/\", and have at most 100 characters."
  }

  validation {
    condition     = var.report_bucket == null || try(var.report_bucket.retention_days >= 1 && floor(var.report_bucket.retention_days) == var.report_bucket.retention_days, false)
    error_message = "report_bucket.retention_days must be a whole number from 1, such as 365."
  }
}

# How it is watched

variable "create_metrics" {
  description = "Whether CloudWatch makes metrics of the log: instances, compliant, violations, what was done and what failed. Without them there is no dashboard, and of the alarms there are only those on errors and on dead letters."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_dashboard" {
  description = "Whether there is a CloudWatch dashboard: compliance over time, what was done, what failed, how long it took, the last findings."
  type        = bool
  default     = true
  nullable    = false
}

variable "silence_after_hours" {
  description = "After how many hours without a finished sweep an alarm rings, 1 to 168. By default after two periods of a `rate(…)` or of a `cron(…)` of every hour, and the time that a run may take; after 48 hours for a `cron(…)` of every day. For other crons, and rates of more than three days, there is no such alarm unless this says when."
  type        = number
  default     = null

  validation {
    condition     = var.silence_after_hours == null || try(var.silence_after_hours >= 1 && var.silence_after_hours <= 168 && floor(var.silence_after_hours) == var.silence_after_hours, false)
    error_message = "silence_after_hours must be a whole number from 1 to 168, such as 48, or left out."
  }
}

# When it runs

variable "schedule_expression" {
  description = "When every instance is looked at, as EventBridge writes it: `rate(…)` or `cron(…)`, in UTC. Null for no schedule; instances without any tags are then left alone."
  type        = string
  default     = "rate(1 hour)"

  validation {
    condition = var.schedule_expression == null || can(regex(
      "^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)|cron\\(\\S+( \\S+){5}\\))$",
      var.schedule_expression
    ))
    error_message = "schedule_expression must be a rate such as \"rate(1 hour)\" or \"rate(30 minutes)\", a cron of six fields such as \"cron(0 6 * * ? *)\", or null for no schedule."
  }
}

variable "event_triggers" {
  description = <<-EOT
    Events on which an instance is put right in seconds. They fill tags, and take marks back; an instance without any tags is left to the schedule. Events may be late or lost, so that the schedule stays.

    - `launch`: `RunInstances`, by way of CloudTrail; who launched the instance is in the event. Needs a trail that logs management events in this account and region.
    - `state_change`: an instance has started. Needs no trail. The creator is written by a later run of the schedule.
    - `tag_change`: an instance's tags have changed.
  EOT
  type = object({
    launch       = optional(bool, false)
    state_change = optional(bool, false)
    tag_change   = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "event_queue" {
  description = <<-EOT
    The queue in which the events of `event_triggers` wait.

    - `batching_window_seconds`: 1 to 300. How long events are gathered for one invocation. Shorter is sooner, longer is fewer invocations and fewer reports.
    - `tries`: 3 to 100. How often an event is tried before it goes to the queue of dead letters, which an alarm watches.
  EOT
  type = object({
    batching_window_seconds = optional(number, 20)
    tries                   = optional(number, 5)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.event_queue.batching_window_seconds >= 1 && var.event_queue.batching_window_seconds <= 300 && floor(var.event_queue.batching_window_seconds) == var.event_queue.batching_window_seconds
    error_message = "event_queue.batching_window_seconds must be a whole number from 1 to 300, such as 20."
  }

  validation {
    condition     = var.event_queue.tries >= 3 && var.event_queue.tries <= 100 && floor(var.event_queue.tries) == var.event_queue.tries
    error_message = "event_queue.tries must be a whole number from 3 to 100, such as 5."
  }
}

variable "config_rule" {
  description = "Whether an AWS Config rule shows which instances are tagged as `rules` say: when one has changed, and once a day for all. Needs a configuration recorder that records EC2 instances."
  type        = bool
  default     = false
  nullable    = false
}

variable "config_rule_remediates" {
  description = "Whether the AWS Config rule also has instances put right: one that has changed as by `event_triggers`, and all of them, once a day, as by the schedule. By default it only evaluates."
  type        = bool
  default     = false
  nullable    = false
}

# How it is built

variable "function" {
  description = <<-EOT
    The Lambda function.

    - `runtime`: a Python runtime of Lambda, 3.11 or newer.
    - `architecture`: `arm64` or `x86_64`.
    - `memory_mb`: 128 to 10240.
    - `timeout_seconds`: 300 to 900. What does not fit into one run is done by the next.
    - `log_retention_days`: as CloudWatch Logs accepts; 0 keeps the log for ever.
    - `log_level`: `INFO` or `DEBUG`; nothing less, because the log holds every finding.
    - `reserved_concurrency`: none by default, because new accounts cannot reserve; 1 keeps two runs from overlapping. With `event_triggers` at least 3.
  EOT
  type = object({
    runtime              = optional(string, "python3.13")
    architecture         = optional(string, "arm64")
    memory_mb            = optional(number, 256)
    timeout_seconds      = optional(number, 900)
    log_retention_days   = optional(number, 30)
    log_level            = optional(string, "INFO")
    reserved_concurrency = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^python3\\.(1[1-9]|[2-9][0-9])$", var.function.runtime))
    error_message = "function.runtime must be a Python runtime of Lambda, 3.11 or newer, such as \"python3.13\"."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "function.architecture must be \"arm64\" or \"x86_64\"."
  }

  validation {
    condition     = var.function.memory_mb >= 128 && var.function.memory_mb <= 10240 && floor(var.function.memory_mb) == var.function.memory_mb
    error_message = "function.memory_mb must be a whole number from 128 to 10240, such as 256."
  }

  validation {
    condition     = var.function.timeout_seconds >= 300 && var.function.timeout_seconds <= 900 && floor(var.function.timeout_seconds) == var.function.timeout_seconds
    error_message = "function.timeout_seconds must be a whole number from 300 to 900, such as 900; a run keeps two minutes for its last call and its report."
  }

  validation {
    condition = contains(
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.function.log_retention_days
    )
    error_message = "function.log_retention_days must be one that CloudWatch Logs accepts, such as 30, 90 or 365; 0 keeps the log for ever."
  }

  validation {
    condition     = contains(["INFO", "DEBUG"], var.function.log_level)
    error_message = "function.log_level must be \"INFO\" or \"DEBUG\"; with less, the log would not hold every finding."
  }

  validation {
    condition     = var.function.reserved_concurrency == null || try(var.function.reserved_concurrency >= 1 && floor(var.function.reserved_concurrency) == var.function.reserved_concurrency, false)
    error_message = "function.reserved_concurrency must be a whole number from 1, such as 1, or left out for none."
  }
}

variable "package" {
  description = <<-EOT
    Another package than the one shipped, for an organisation that builds or signs its own. Either

    - `filename`: a zip on this machine, or
    - `s3_bucket`, `s3_key` and `source_code_hash` (the base64 of its SHA-256): a zip in S3.
  EOT
  type = object({
    filename         = optional(string)
    s3_bucket        = optional(string)
    s3_key           = optional(string)
    source_code_hash = optional(string)
  })
  default = null

  validation {
    condition = var.package == null || try(
      var.package.filename != null
      ? var.package.s3_bucket == null && var.package.s3_key == null && var.package.source_code_hash == null
      : var.package.s3_bucket != null && var.package.s3_key != null && var.package.source_code_hash != null,
      false
    )
    error_message = "package must be either { filename = \"build/tag_policy.zip\" } or { s3_bucket = \"my-packages\", s3_key = \"tag_policy.zip\", source_code_hash = \"<base64 of the SHA-256>\" }."
  }

  validation {
    condition     = try(var.package.filename, null) == null || try(fileexists(var.package.filename), false)
    error_message = "package.filename names no file; build it first, or write the path from the root module, such as \"$${path.root}/build/tag_policy.zip\"."
  }
}

variable "kms_key_arn" {
  description = "A KMS key that encrypts the tables, the topic, the queues, the log group and the bucket that is made. Its key policy must let CloudWatch Logs, CloudWatch alarms and EventBridge use it (see docs/operations.md)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias, such as \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"."
  }
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the role, where the organisation demands one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, such as \"arn:aws:iam::123456789012:policy/boundary\"."
  }
}

variable "iam_path" {
  description = "The IAM path of the role and of its policies."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-.0-~]+/)*$", var.iam_path))
    error_message = "iam_path must begin and end with a slash, such as \"/\" or \"/tag-policy/\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can have them."
  type        = map(string)
  default     = {}
  nullable    = false
}
