# Saved queries, in the console under CloudWatch, Logs Insights, Queries.

locals {
  queries = {
    "What was isolated, stopped or terminated, and why" = <<-EOT
      fields @timestamp, result, resource_id, resource_name, vpc_id, rule_id, reason, old_value
      | filter result in ["terminated", "stopped", "isolated"] and mode = "enforce"
      | sort @timestamp desc
      | limit 1000
    EOT

    "What is due, and when" = <<-EOT
      fields @timestamp, resource_id, resource_name, vpc_id, due
      | filter result = "marked" and mode = "enforce"
      | sort @timestamp desc
      | limit 1000
    EOT

    # "marked" was told; "deferred" was not, or could not be marked, and is announced anew.
    "Who was told of what" = <<-EOT
      fields @timestamp, result, resource_id, resource_name, vpc_id, owner, due, error_code, detail
      | filter remedy = "mark" and mode = "enforce"
      | sort @timestamp desc
      | limit 1000
    EOT

    # Told by every run, until somebody has decided: each is listed once.
    "What somebody has to decide" = <<-EOT
      fields @timestamp, resource_id, resource_name, vpc_id, owner, code, tag_key, reason
      | filter result = "left"
      | sort @timestamp desc
      | dedup resource_id, code, tag_key
      | limit 1000
    EOT

    # Told by every run, until somebody has mended it: each is listed once.
    "What people have to fix" = <<-EOT
      fields @timestamp, resource_id, resource_name, vpc_id, owner, code, tag_key, old_value, reason, note
      | filter result = "reported"
      | sort @timestamp desc
      | dedup resource_id, code, tag_key
      | limit 1000
    EOT

    "What AWS refused" = <<-EOT
      filter result = "failed"
      | stats count(*) as findings, count_distinct(resource_id) as resources by error_code, remedy, tag_key
      | sort findings desc
    EOT

    "Who launches instances without the tags" = <<-EOT
      filter remedy in ["tag", "report"] and code = "missing" and resource_type = "instance" and ispresent(owner)
      | stats count_distinct(resource_id) as instances by owner
      | sort instances desc
    EOT

    "Which tags are missing or wrong" = <<-EOT
      filter remedy in ["tag", "report"] or remedy = "remove" and code = "not-allowed"
      | stats count_distinct(resource_id) as resources by resource_type, tag_key, code
      | sort resources desc
    EOT

    "What happened to an instance (put in its id)" = <<-EOT
      fields @timestamp, mode, result, code, tag_key, old_value, new_value, source, due, reason, error_code, detail, event_id
      | filter resource_id = "i-0123456789abcdef0"
      | sort @timestamp desc
    EOT

    "Runs" = <<-EOT
      fields @timestamp, summary.trigger, summary.mode, summary.instances, summary.compliant, summary.violations, summary.seconds, summary.complete
      | filter message = "summary"
      | sort @timestamp desc
      | limit 200
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = { for name, query in local.queries : name => query if local.monitoring.queries }

  name            = "${var.name}/${each.key}"
  log_group_names = [local.made_log_group_name]
  query_string    = trimspace(each.value)
}
