# Written by tightfit from what {{ identity }} was seen to do.
# The policy is spelled whole in {{ json | join(sep=", ") }}; this file says the same for Terraform.
{%- if attach == "boundary" %}
# A boundary grants nothing by itself: name it as `permissions_boundary` where the {{ kind | trim }} is made.
{%- endif %}
{%- if attach == "managed" or attach == "inline" %}

variable {{ variable }} {
  type        = string
  default     = {{ attach_to }}
  description = {{ description }}
}
{%- endif %}
{%- if attach == "permission-set" %}

variable {{ variable_instance }} {
  type        = string
  description = "ARN of the Identity Center instance"
}

variable {{ variable_set }} {
  type        = string
  description = "ARN of the permission set that gets the policy; it can hold one inline policy"
}
{%- endif %}
{%- for document in documents %}
{%- if attach == "inline" %}

resource {{ inline }} {{ document.label }} {
  name = {{ document.name }}
  {{ kind | trim }} = {{ reference }}

  policy = jsonencode({{ document.policy }})
}
{%- elif attach == "permission-set" %}

resource "aws_ssoadmin_permission_set_inline_policy" {{ document.label }} {
  instance_arn       = {{ reference_instance }}
  permission_set_arn = {{ reference_set }}

  inline_policy = jsonencode({{ document.policy }})
}
{%- else %}

resource "aws_iam_policy" {{ document.label }} {
  name        = {{ document.name }}
  description = "Least privilege by observation, written by tightfit"

  policy = jsonencode({{ document.policy }})
}
{%- if attach == "managed" %}

resource {{ attachment }} {{ document.label }} {
  {{ kind }} = {{ reference }}
  policy_arn = aws_iam_policy.{{ document.reference }}.arn
}
{%- endif %}
{%- endif %}
{%- endfor %}
