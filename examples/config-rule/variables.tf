variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "evaluated_vpc_id" {
  description = "The VPC whose instances are evaluated."
  type        = string
}
