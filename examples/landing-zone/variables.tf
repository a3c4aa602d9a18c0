variable "region" {
  description = "The region of the VPCs."
  type        = string
  default     = "eu-west-1"
}

variable "vpcs" {
  description = "The VPCs by a short name, each with what the engine may do there."
  type = map(object({
    vpc_id          = string
    mode            = optional(string, "audit")
    untagged_action = optional(string, "notify")
  }))
}
