output "function_name" {
  description = "The name of the function; invoke it by this name."
  value       = module.tag_policy.function_name
}

output "tag_policy" {
  description = "Everything that the module tells."
  value       = module.tag_policy
}
