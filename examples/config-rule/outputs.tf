output "tag_policy" {
  description = "Everything that the module tells."
  value       = module.tag_policy
}
