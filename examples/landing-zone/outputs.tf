output "engines" {
  description = "Everything that the module tells, by VPC."
  value       = module.tag_policy
}
