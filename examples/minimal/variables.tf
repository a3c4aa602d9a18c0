variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "vpc_id" {
  description = "The VPC whose instances are kept tagged."
  type        = string
}

variable "mode" {
  description = "`audit` reports and changes nothing; `enforce` acts."
  type        = string
  default     = "audit"
}

variable "untagged_action" {
  description = "What happens to an instance that has no tags at all."
  type        = string
  default     = "notify"
}

variable "grace_period" {
  description = "How long before it is stopped or terminated an instance is announced, such as \"24h\"."
  type        = string
  default     = "24h"
}

variable "email_subscriptions" {
  description = "Who gets the report by e-mail."
  type        = set(string)
  default     = []
}
