variable "region" {
  description = "The region of the VPCs."
  type        = string
  default     = "eu-west-1"
}

variable "reported_vpc_ids" {
  description = "The VPCs whose instances are kept tagged."
  type        = list(string)
}
