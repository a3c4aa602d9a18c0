# The bucket that reports are kept in, if there is to be one: numbers and findings for Athena, and a
# page to read for each run.

locals {
  # The names of all accounts' buckets are one list: account and region keep ours apart.
  bucket_name   = replace(lower("${var.name}-reports"), "_", "-")
  made_bucket   = "${length(local.bucket_name) <= 35 ? local.bucket_name : "${substr(local.bucket_name, 0, 26)}-${substr(sha1(var.name), 0, 8)}"}-${local.account_id}-${local.region}"
  report_bucket = local.creates_bucket ? local.made_bucket : try(var.report_bucket.name, null)
  report_prefix = try(coalesce(var.report_bucket.prefix), "")

  # What encrypts the reports: the key of the given bucket, or that of all that is made.
  report_kms_key_arn = local.creates_bucket ? var.kms_key_arn : try(var.report_bucket.kms_key_arn, null)

  # What the engine writes is below these keys, and nothing else is; reporting/archive.py has them too.
  report_keys = {
    for kind in ["runs", "findings", "pages", "history"] :
    kind => "${local.report_prefix}${kind}/account=${local.account_id}/region=${local.region}/engine=${var.name}/"
  }
}

resource "aws_s3_bucket" "reports" {
  #checkov:skip=CKV_AWS_18:Access logs want another bucket; CloudTrail's data events do it for whoever needs them.
  #checkov:skip=CKV_AWS_144:Reports of a region are of no use in another.
  #checkov:skip=CKV_AWS_145:S3 encrypts by itself; kms_key_arn adds the user's key.
  #checkov:skip=CKV2_AWS_62:Whoever wants to be told of a report subscribes to the topic.
  count = local.creates_bucket ? 1 : 0

  bucket = local.made_bucket
  tags   = var.tags

  # Behind a depends_on of the whole module, account and region are known only after apply, and a
  # name that is not known would make it anew. Its name changes with var.name, as the table's does.
  lifecycle {
    ignore_changes       = [bucket]
    replace_triggered_by = [aws_dynamodb_table.state.name]
  }
}

resource "aws_s3_bucket_public_access_block" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.reports[0].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.reports[0].bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.reports[0].bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.reports[0].bucket

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.reports[0].bucket

  rule {
    id     = "reports-are-kept-for-a-while"
    status = "Enabled"

    filter {}

    expiration {
      days = coalesce(try(var.report_bucket.retention_days, null), 365)
    }

    # The history and the latest page are written anew by each sweep.
    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.reports]
}

resource "aws_s3_bucket_policy" "reports" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.reports[0].bucket
  policy = data.aws_iam_policy_document.reports[0].json

  depends_on = [aws_s3_bucket_public_access_block.reports]
}

data "aws_iam_policy_document" "reports" {
  count = local.creates_bucket ? 1 : 0

  statement {
    sid       = "NothingUnencrypted"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arns.bucket, "${local.arns.bucket}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
