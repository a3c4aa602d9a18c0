variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "vpc_id" {
  description = "The VPC whose instances are kept to the standard."
  type        = string
}

variable "mode" {
  description = "`audit` reports and changes nothing; `enforce` writes the tags that have a value of their own."
  type        = string
  default     = "audit"
}

variable "team" {
  description = "Who answers for the VPC, for the tag Team of its instances."
  type        = string
  default     = "platform"
}

variable "email_subscriptions" {
  description = "Who gets the report by e-mail."
  type        = set(string)
  default     = []
}
