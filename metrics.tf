# Metrics, from the lines that the function logs.

locals {
  has_metrics     = local.monitoring.metrics != "off"
  has_all_metrics = local.monitoring.metrics == "full"

  # One for all engines of an account and region, so that one dashboard can show any of them.
  metrics_namespace = "TagPolicy"
  of_this_engine    = { Engine = var.name }

  # The last line of a run has its numbers. What a run in another mode than the deployed one found,
  # such as an audit by hand, is no part of them; and only a run about everything knows how compliant
  # a VPC is, whatever woke it. What it says of failures and limits counts only where it was to act:
  # AWS Config may ask for no more than an evaluation. One without rules has looked at nothing. One
  # that is incomplete knows of what was refused or held back, and not that nothing was: a zero of it
  # would end an alarm although nothing was mended.
  patterns = {
    run      = "{ ($.message = \"summary\") && ($.summary.engine = \"${var.name}\") && ($.summary.mode = \"${local.mode}\") && ($.summary.rules > 0) }"
    sweep    = "{ ($.message = \"summary\") && ($.summary.engine = \"${var.name}\") && ($.summary.mode = \"${local.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) }"
    failed   = "{ ($.message = \"summary\") && ($.summary.engine = \"${var.name}\") && ($.summary.mode = \"${local.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) && (($.summary.complete IS TRUE) || ($.summary.outcomes.failed > 0)) }"
    held     = "{ ($.message = \"summary\") && ($.summary.engine = \"${var.name}\") && ($.summary.mode = \"${local.mode}\") && ($.summary.rules > 0) && ($.summary.scope = \"all\") && ($.summary.acts IS TRUE) && (($.summary.complete IS TRUE) || ($.summary.held_back > 0)) }"
    complete = "{ ($.message = \"summary\") && ($.summary.engine = \"${var.name}\") && ($.summary.mode = \"${local.mode}\") && ($.summary.complete IS TRUE) && ($.summary.scope = \"all\") }"
    vpc      = "{ ($.message = \"summary of a VPC\") && ($.vpc.engine = \"${var.name}\") && ($.vpc.mode = \"${local.mode}\") && ($.vpc.complete IS TRUE) && ($.vpc.scope = \"all\") }"
  }

  # What an audit would have done has names of its own, so that nobody takes it for done later on.
  done_prefix = local.enforces ? "" : "WouldBe"

  metrics = { for name, metric in {
    Removed    = { of = "run", value = "$.summary.outcomes.removed", prefix = local.done_prefix }
    Tagged     = { of = "run", value = "$.summary.outcomes.tagged", prefix = local.done_prefix }
    Terminated = { of = "run", value = "$.summary.outcomes.terminated", prefix = local.done_prefix }
    Isolated   = { of = "run", value = "$.summary.outcomes.isolated", prefix = local.done_prefix }
    Stopped    = { of = "run", value = "$.summary.outcomes.stopped", prefix = local.done_prefix }
    Marked     = { of = "run", value = "$.summary.outcomes.marked", prefix = local.done_prefix }
    Notified   = { of = "run", value = "$.summary.outcomes.notified", prefix = local.done_prefix }
    Reported   = { of = "run", value = "$.summary.outcomes.reported", prefix = local.done_prefix }
    Left       = { of = "run", value = "$.summary.outcomes.left", prefix = local.done_prefix }
    Deferred   = { of = "run", value = "$.summary.outcomes.deferred", prefix = local.done_prefix }
    Failed     = { of = "run", value = "$.summary.outcomes.failed", prefix = local.done_prefix }
    RuleErrors = { of = "run", value = "$.summary.rule_errors", prefix = "" }

    Sweeps      = { of = "sweep", value = "1", prefix = "" }
    SweepFailed = { of = "failed", value = "$.summary.outcomes.failed", prefix = "" }
    HeldBack    = { of = "held", value = "$.summary.held_back", prefix = "" }
    Seconds     = { of = "sweep", value = "$.summary.seconds", prefix = "" }

    Instances  = { of = "complete", value = "$.summary.instances", prefix = "" }
    Compliant  = { of = "complete", value = "$.summary.compliant", prefix = "" }
    Exempt     = { of = "complete", value = "$.summary.exempt", prefix = "" }
    Violations = { of = "complete", value = "$.summary.violations", prefix = "" }
  } : name => metric if local.has_all_metrics || (local.has_metrics && contains(local.metrics_of_alarms, name)) }

  metrics_of_alarms = concat(["Sweeps"], values(local.metric_alarms)[*].metric)

  vpc_metrics = {
    Instances  = "$.vpc.instances"
    Compliant  = "$.vpc.compliant"
    Exempt     = "$.vpc.exempt"
    Violations = "$.vpc.violations"
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.metrics

  name           = "${var.name}-${each.key}"
  log_group_name = local.made_log_group_name
  pattern        = local.patterns[each.value.of]

  metric_transformation {
    namespace = local.metrics_namespace
    name      = "${each.value.prefix}${each.key}"
    value     = each.value.value

    dimensions = { Engine = "$.summary.engine" }
  }
}

# The function writes a line for each VPC only where it has several.
resource "aws_cloudwatch_log_metric_filter" "by_vpc" {
  for_each = local.has_all_metrics ? local.vpc_metrics : {}

  name           = "${var.name}-${each.key}-by-vpc"
  log_group_name = local.made_log_group_name
  pattern        = local.patterns.vpc

  metric_transformation {
    namespace  = local.metrics_namespace
    name       = each.key
    value      = each.value
    dimensions = { Engine = "$.vpc.engine", VpcId = "$.vpc.vpc_id" }
  }
}
