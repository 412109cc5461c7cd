# Written by tightfit from what arn:aws:iam::111122223333:role/checkout-staging was seen to do.
# The policy is spelled whole in policy.json; this file says the same for Terraform.

variable "role_checkout-staging_name" {
  type        = string
  default     = "checkout-staging"
  description = "Name of the role that gets the policy"
}

resource "aws_iam_policy" "role_checkout-staging" {
  name        = "tightfit_role_checkout-staging"
  description = "Least privilege by observation, written by tightfit"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "KmsWrite"
        Effect = "Allow"
        Action = [
          "kms:GenerateDataKey",
        ]
        Resource = [
          "arn:aws:kms:eu-central-1:111122223333:key/3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
        ]
      },
      {
        Sid    = "S3ReadCheckoutReceiptsStaging"
        Effect = "Allow"
        Action = [
          "s3:ListBucket",
        ]
        Resource = [
          "arn:aws:s3:::checkout-receipts-staging",
        ]
      },
      {
        Sid    = "S3WriteCheckoutReceiptsStagingObjects"
        Effect = "Allow"
        Action = [
          "s3:PutObject",
        ]
        Resource = [
          "arn:aws:s3:::checkout-receipts-staging/receipts/*.pdf",
        ]
      },
      {
        Sid    = "S3ReadCheckoutReceiptsStagingObjects"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
        ]
        Resource = [
          "arn:aws:s3:::checkout-receipts-staging/receipts/missing.pdf",
        ]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "role_checkout-staging" {
  role       = var.role_checkout-staging_name
  policy_arn = aws_iam_policy.role_checkout-staging.arn
}
