variable "region" {
  description = "The region of the VPC."
  type        = string
  default     = "eu-west-1"
}

variable "event_driven_vpc_id" {
  description = "The VPC whose instances are kept tagged."
  type        = string
}
