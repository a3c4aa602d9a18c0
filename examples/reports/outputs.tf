output "dashboard_url" {
  description = "Where to look."
  value       = module.tag_policy.dashboard_url
}

output "queue_urls" {
  description = "The queues of those who hear of a part of the reports."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "tag_policy" {
  description = "Everything that the module tells."
  value       = module.tag_policy
}
