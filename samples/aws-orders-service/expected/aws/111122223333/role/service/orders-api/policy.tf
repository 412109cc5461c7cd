# Written by tightfit from what arn:aws:iam::111122223333:role/service/orders-api was seen to do.
# The policy is spelled whole in policy.json; this file says the same for Terraform.

variable "role_service-orders-api_63c81eb546639be0_name" {
  type        = string
  default     = "orders-api"
  description = "Name of the role that gets the policy"
}

resource "aws_iam_policy" "role_service-orders-api_63c81eb546639be0" {
  name        = "tightfit_role_service-orders-api_63c81eb546639be0"
  description = "Least privilege by observation, written by tightfit"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "DynamodbUseOrdersStaging"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
        ]
        Resource = [
          "arn:aws:dynamodb:eu-central-1:111122223333:table/orders-staging",
        ]
      },
      {
        Sid    = "KmsWrite"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
        ]
        Resource = [
          "arn:aws:kms:eu-central-1:111122223333:key/3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
        ]
        Condition = {
          StringEquals = {
            "kms:ViaService" = [
              "secretsmanager.eu-central-1.amazonaws.com",
            ]
          }
        }
      },
      {
        Sid    = "S3ReadShopOrdersStagingObjects"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
        ]
        Resource = [
          "arn:aws:s3:::shop-orders-staging/config/pricing.json",
        ]
      },
      {
        Sid    = "S3WriteShopOrdersStagingObjects"
        Effect = "Allow"
        Action = [
          "s3:PutObject",
        ]
        Resource = [
          "arn:aws:s3:::shop-orders-staging/invoices/*/order-*.json",
        ]
      },
      {
        Sid    = "SecretsmanagerReadOrdersDb9QrX2k"
        Effect = "Allow"
        Action = [
          "secretsmanager:GetSecretValue",
        ]
        Resource = [
          "arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders/db-9QrX2k",
        ]
      },
      {
        Sid    = "SqsWriteOrdersOutboxStaging"
        Effect = "Allow"
        Action = [
          "sqs:SendMessage",
        ]
        Resource = [
          "arn:aws:sqs:eu-central-1:111122223333:orders-outbox-staging",
        ]
      },
      {
        Sid    = "NoResourceLevel"
        Effect = "Allow"
        Action = [
          "ec2:DescribeRegions",
          "sqs:ListQueues",
        ]
        Resource = [
          "*",
        ]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "role_service-orders-api_63c81eb546639be0" {
  role       = var.role_service-orders-api_63c81eb546639be0_name
  policy_arn = aws_iam_policy.role_service-orders-api_63c81eb546639be0.arn
}
