variable "region" {
  description = "The region of the VPCs."
  type        = string
  default     = "eu-west-1"
}

variable "production_vpc_id" {
  description = "The VPC whose untagged instances are reported."
  type        = string
}

variable "sandbox_vpc_id" {
  description = "The VPC whose untagged instances are stopped every evening."
  type        = string
}

variable "further_tag_keys" {
  description = "Tag keys that were added to the table and may be written."
  type        = set(string)
  default     = ["CostCenter"]
}
