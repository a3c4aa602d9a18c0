# The inputs that are objects, with their defaults: what several files use. What they may hold is in
# variables.tf, where a name that is not known is refused.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  # Made of names, so that the first plan shows the role's policies and the function's environment
  # in full, and a change of tags hides nothing.
  arns = {
    function       = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}"
    log_group      = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${local.log_group_name}"
    state          = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.state_table_name}"
    rules          = local.gives_table_arn ? var.rules_table.arn : "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.rules_table_name}"
    topic          = local.creates_topic ? "arn:${local.partition}:sns:${local.region}:${local.account_id}:${local.topic_name}" : var.topic.arn
    ec2            = "arn:${local.partition}:ec2:${local.region}:${local.account_id}:"
    instances      = "arn:${local.partition}:ec2:${local.region}:${local.account_id}:instance/*"
    alarms         = "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:*"
    schedule_group = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${var.name}"
    event_rule     = "arn:${local.partition}:events:${local.region}:${local.account_id}:rule/"
    bucket         = local.keeps_reports ? "arn:${local.partition}:s3:::${local.report_bucket}" : null
  }

  creates_log_group = !contains(keys(var.function), "log_group_name")
  log_group_name    = local.creates_log_group ? "/aws/lambda/${var.name}" : var.function.log_group_name

  topic_name = "${var.name}-reports"

  rules = {
    for id, rule in var.rules : id => {
      tag_key  = tostring(rule.tag_key)
      action   = coalesce(try(rule.action, null), "Check")
      required = tobool(coalesce(try(rule.required, null), true))
      default  = try(tostring(rule.default), null)

      when            = try({ for fact, patterns in rule.when : fact => [for pattern in patterns : tostring(pattern)] }, null)
      normalize       = try([for step in rule.normalize : tostring(step)], null)
      synonyms        = try({ for right, patterns in rule.synonyms : right => [for pattern in patterns : tostring(pattern)] }, null)
      replace_invalid = tobool(coalesce(try(rule.replace_invalid, null), false))
      resource_types  = try([for type in rule.resource_types : tostring(type)], null)
      from            = try([for source in rule.from : tostring(source)], null)
      aliases         = try([for alias in rule.aliases : tostring(alias)], null)
      rename          = tobool(coalesce(try(rule.rename, null), false))
      allowed_values  = try([for value in rule.allowed_values : tostring(value)], null)
      allowed_pattern = try(tostring(rule.allowed_pattern), null)
      expires         = tobool(coalesce(try(rule.expires, null), false))
      max_lifetime    = try(tostring(rule.max_lifetime), null)
      escalate        = try(length([for after in values(rule.escalate) : after if after != null]) == 0 ? null : { for end, after in rule.escalate : end => tostring(after) if after != null }, null)
      note            = try(tostring(rule.note), null)
    }
  }

  # What rules ask for, to know whom they concern and where a value comes from.
  asked_for       = flatten([for rule in values(local.rules) : concat(rule.when == null ? [] : keys(rule.when), coalesce(rule.from, []))])
  facts_asked_for = toset([for asked in local.asked_for : trimprefix(asked, "fact:") if startswith(asked, "fact:")])

  # Tag keys of rules that only the table knows.
  table_tag_keys = {
    writable   = toset(try(tolist(var.rules_table.writable_tag_keys), []))
    changeable = toset(try(tolist(var.rules_table.changeable_tag_keys), []))
    removable  = toset(try(tolist(var.rules_table.removable_tag_keys), []))
  }

  # What is said otherwise of a VPC, without what is null.
  vpc_overrides = {
    for vpc_id, override in var.vpc_overrides : vpc_id => { for name, value in override : name => tostring(value) if value != null }
  }

  # Whether a table, a topic or a bucket is given is known at plan, because it is whether an object
  # has a name in it; what the name is may be known only after apply. (can() would wait for that.)
  gives_table_arn = contains(keys(var.rules_table), "arn")
  creates_table   = !contains(keys(var.rules_table), "name") && !local.gives_table_arn
  creates_topic   = !contains(keys(var.topic), "arn")
  keeps_reports   = length(keys(var.report_bucket)) > 0
  creates_bucket  = tobool(coalesce(try(var.report_bucket.create, null), false))

  creator = {
    format             = coalesce(try(var.creator.format, null), "name")
    details            = coalesce(try(var.creator.details, null), "off")
    delay_minutes      = coalesce(try(var.creator.delay_minutes, null), 30)
    lookups_per_second = coalesce(try(var.creator.lookups_per_second, null), 2)
    budget_seconds     = coalesce(try(var.creator.budget_seconds, null), 300)
  }

  event_triggers = {
    launch                  = tobool(coalesce(try(var.event_triggers.launch, null), false))
    state_change            = tobool(coalesce(try(var.event_triggers.state_change, null), false))
    tag_change              = tobool(coalesce(try(var.event_triggers.tag_change, null), false))
    batching_window_seconds = tonumber(coalesce(try(var.event_triggers.batching_window_seconds, null), 20))
    tries                   = tonumber(coalesce(try(var.event_triggers.tries, null), 5))
  }

  # Without a time zone a rule of EventBridge wakes the function, which knows UTC only; with one,
  # EventBridge Scheduler.
  has_schedule  = var.schedule != null
  has_time_zone = local.schedule.time_zone != null
  schedule = {
    expression = coalesce(try(var.schedule.expression, null), "rate(1 hour)")
    time_zone  = try(var.schedule.time_zone, null)
  }
  schedule_name         = "${var.name}-schedule"
  creates_schedule_role = local.has_time_zone && try(!contains(keys(var.schedule), "role_arn"), true)

  monitoring = {
    metrics             = coalesce(try(var.monitoring.metrics, null), "basic")
    dashboard           = tobool(coalesce(try(var.monitoring.dashboard, null), try(var.monitoring.metrics, "basic") == "full"))
    queries             = tobool(coalesce(try(var.monitoring.queries, null), true))
    alarm_actions       = try(tolist(var.monitoring.alarm_actions), [])
    silence_after_hours = try(tonumber(var.monitoring.silence_after_hours), null)
  }

  function = {
    runtime                 = coalesce(try(var.function.runtime, null), "python3.13")
    architecture            = coalesce(try(var.function.architecture, null), "arm64")
    memory_mb               = tonumber(coalesce(try(var.function.memory_mb, null), 256))
    timeout_seconds         = tonumber(coalesce(try(var.function.timeout_seconds, null), 900))
    log_retention_days      = tonumber(coalesce(try(var.function.log_retention_days, null), 30))
    log_level               = coalesce(try(var.function.log_level, null), "INFO")
    vpc_config              = try(var.function.vpc_config, null)
    code_signing_config_arn = try(var.function.code_signing_config_arn, null)
    log_skip_destroy        = tobool(coalesce(try(var.function.log_skip_destroy, null), false))
    reserved_concurrency    = try(tonumber(var.function.reserved_concurrency), null)
  }

  creates_role = !contains(keys(var.role), "arn")
  role = {
    name                     = coalesce(try(var.role.name, null), "${var.name}-${local.region}")
    path                     = coalesce(try(var.role.path, null), "/")
    permissions_boundary_arn = try(var.role.permissions_boundary_arn, null)
  }
}
