variable "region" {
  description = "The region of the VPCs."
  type        = string
  default     = "eu-west-1"
}

variable "vpc_tags" {
  description = "The tags of the VPCs whose instances are kept tagged."
  type        = map(string)
  default     = { TagPolicy = "on" }
}

variable "mode" {
  description = "What holds of a VPC of which nothing else is said: `audit` reports and changes nothing; `enforce` acts."
  type        = string
  default     = "audit"
}

variable "vpc_overrides" {
  description = "What is otherwise in some of the VPCs: `mode`, `untagged_action`."
  type        = any
  default     = {}
}

variable "email_subscriptions" {
  description = "Who gets the report by e-mail."
  type        = set(string)
  default     = []
}
