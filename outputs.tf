output "function_name" {
  description = "The name of the function; invoke it by this name."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "The ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "role_name" {
  description = "The name of the function's role, made or given."
  value       = local.made_role_name
}

output "role_arn" {
  description = "The ARN of the function's role, made or given."
  value       = local.made_role_arn
}

output "role_policy_json" {
  description = "The role's own policy, for reviewers, and for a role of yours (`role.arn`): what it may do. What it may not overwrite is in `value_lock_policy_jsons`."
  value       = data.aws_iam_policy_document.this.json
}

output "value_lock_policy_jsons" {
  description = "The policies attached to the role, for reviewers, and for a role of yours (`role.arn`): which tag values it may not overwrite. None in audit mode."
  value       = values(local.value_lock_policies)
}

output "value_lock_policy_arns" {
  description = "The ARNs of these policies."
  value       = [for policy in aws_iam_policy.value_lock : policy.arn]
}

output "ignore_tags" {
  description = "What the engine may write: `keys` for `ignore_tags` in the provider block of whoever manages these instances with Terraform, so that their next plan does not remove the tags (docs/other-terraform.md)."
  value       = { keys = sort(setunion(local.filled_tag_keys, [var.marker_tag_key], var.former_marker_tag_keys)) }
}

output "rules_table_name" {
  description = "The name of the rules table, made or given; another instantiation's `rules_table_name`."
  value       = local.rules_table_name
}

output "rules_table_arn" {
  description = "The ARN of the rules table, made or given."
  value       = local.arns.rules
}

output "state_table_name" {
  description = "The name of the table in which the engine remembers what it has told."
  value       = aws_dynamodb_table.state.name
}

output "state_table_arn" {
  description = "The ARN of the table in which the engine remembers what it has told."
  value       = aws_dynamodb_table.state.arn
}

output "topic_name" {
  description = "The name of the topic, made or given."
  value       = local.creates_topic ? local.topic_name : element(split(":", var.topic.arn), 5)
}

output "topic_arn" {
  description = "The ARN of the topic, made or given; subscribe to it."
  value       = local.made_topic_arn
}

output "log_group_name" {
  description = "The name of the log group, made or given, which holds every finding."
  value       = local.made_log_group_name
}

output "log_group_arn" {
  description = "The ARN of the log group, made or given."
  value       = local.arns.log_group
}

output "schedule_name" {
  description = "The name of the schedule: an EventBridge rule or, with a time zone, an EventBridge Scheduler schedule in the group named after the engine; null when there is none."
  value       = one(concat(aws_cloudwatch_event_rule.schedule[*].name, aws_scheduler_schedule.this[*].name))
}

output "schedule_arn" {
  description = "The ARN of the schedule; null when there is none."
  value       = one(concat(aws_cloudwatch_event_rule.schedule[*].arn, aws_scheduler_schedule.this[*].arn))
}

output "event_rule_names" {
  description = "The names of the EventBridge rules of `event_triggers`, by trigger."
  value       = { for trigger, rule in aws_cloudwatch_event_rule.event : trigger => rule.name }
}

output "event_queue_url" {
  description = "The URL of the event queue; null without `event_triggers`."
  value       = one(aws_sqs_queue.events[*].url)
}

output "event_queue_arn" {
  description = "The ARN of the event queue; null without `event_triggers`."
  value       = one(aws_sqs_queue.events[*].arn)
}

output "dead_letter_queue_url" {
  description = "The URL of the dead-letter queue; null without `event_triggers`."
  value       = one(aws_sqs_queue.dead_letters[*].url)
}

output "dead_letter_queue_arn" {
  description = "The ARN of the dead-letter queue; null without `event_triggers`."
  value       = one(aws_sqs_queue.dead_letters[*].arn)
}

output "dead_letter_alarm_arn" {
  description = "The ARN of the alarm on dead letters; null without `event_triggers`."
  value       = one(aws_cloudwatch_metric_alarm.dead_letters[*].arn)
}

output "config_rule_name" {
  description = "The name of the AWS Config rule; null with `config_rule = \"off\"`."
  value       = one(aws_config_config_rule.this[*].name)
}

output "config_rule_arn" {
  description = "The ARN of the AWS Config rule; null with `config_rule = \"off\"`."
  value       = one(aws_config_config_rule.this[*].arn)
}

output "error_alarm_name" {
  description = "The name of the alarm on failed runs."
  value       = aws_cloudwatch_metric_alarm.errors.alarm_name
}

output "error_alarm_arn" {
  description = "The ARN of the alarm on failed runs."
  value       = aws_cloudwatch_metric_alarm.errors.arn
}

output "alarm_arns" {
  description = "The ARN of each alarm, by what it is about: `errors`, `rule-errors`, `failures`, `limits`, `silence`, `dead-letters`."
  value       = local.alarm_arns
}

output "metrics_namespace" {
  description = "The CloudWatch namespace of the metrics; null with `monitoring.metrics = \"off\"`."
  value       = local.has_metrics ? local.metrics_namespace : null
}

output "dashboard_name" {
  description = "The name of the dashboard; null when there is none."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "dashboard_url" {
  description = "The URL of the dashboard, for whoever is signed in to the account; null when there is none."
  value       = local.has_dashboard ? "https://${local.region}.${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this[0].dashboard_name}" : null
}

output "report_bucket_name" {
  description = "The name of the bucket that keeps the reports, made or given; null when there is none."
  value       = local.report_bucket
}

output "report_bucket_arn" {
  description = "The ARN of the bucket that keeps the reports, made or given; null when there is none."
  value       = local.arns.bucket
}

output "report_prefixes" {
  description = "The prefixes of the keys of this engine's reports, by kind: `runs`, `findings`, `pages`, `history`."
  value       = local.keeps_reports ? local.report_keys : {}
}
