output "production" {
  description = "Everything that the module tells of the engine of production."
  value       = module.production
}

output "sandbox" {
  description = "Everything that the module tells of the engine of the sandbox."
  value       = module.sandbox
}
