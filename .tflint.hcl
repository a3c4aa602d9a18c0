# TFLint, beside `make check`: `tflint --init && tflint --recursive --config "$PWD/.tflint.hcl"`.

tflint {
  required_version = ">= 0.50"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

plugin "aws" {
  enabled = true
  version = "0.38.0"
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
}

# The module's files are named after what they hold, and there are more than three of them.
rule "terraform_standard_module_structure" {
  enabled = false
}
