variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "vpc_id" {
  description = "The VPC of the instances whose costs are allocated."
  type        = string
}

variable "mode" {
  description = "`audit` reports and changes nothing; `enforce` writes the tags."
  type        = string
  default     = "audit"
}

variable "email_subscriptions" {
  description = "Who gets the report by e-mail."
  type        = set(string)
  default     = []
}
