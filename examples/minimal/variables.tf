variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "vpc_id" {
  description = "The VPC whose instances are kept tagged."
  type        = string
}

variable "untagged_action" {
  description = "What happens to an instance that has no tags at all."
  type        = string
  default     = "notify"
}

variable "email_subscriptions" {
  description = "Who gets the report by e-mail."
  type        = set(string)
  default     = []
}
