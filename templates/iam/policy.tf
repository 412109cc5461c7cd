# Written by tightfit from what {{ identity }} was seen to do.
# The policy is spelled whole in {{ json | join(sep=", ") }}; this file says the same for Terraform.

variable {{ variable }} {
  type        = string
  default     = {{ attach_to }}
  description = {{ description }}
}
{%- for document in documents %}

resource "aws_iam_policy" {{ document.label }} {
  name        = {{ document.name }}
  description = "Least privilege by observation, written by tightfit"

  policy = jsonencode({{ document.policy }})
}

resource {{ attachment }} {{ document.label }} {
  {{ kind }} = {{ reference }}
  policy_arn = aws_iam_policy.{{ document.reference }}.arn
}
{%- endfor %}
