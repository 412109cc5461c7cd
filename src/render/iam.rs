//! IAM artifacts: the policy as JSON and as Terraform, and advice on trust policies.
//!
//! Invariant: a JSON body reads back as the document that it was made from, or there is an error.

use serde::Serialize;

use super::hcl as spelling;
use super::{RenderError, Templates};
use crate::access::identity::{Identity, Name};
use crate::artifact::{Artifact, folder};
use crate::config::Attach;
use crate::policy::iam::PolicyDocument;
use crate::policy::set::{Companion, TrustAdvice};

/// What `iam/policy.tf` arranges. Every text is spelled as HCL already.
#[derive(Debug, Serialize)]
struct View {
    /// For the comment at the head: one line, letters that cannot end it.
    identity: String,
    /// Names of the JSON files.
    json: Vec<String>,
    /// `managed`, `inline`, `permission-set` or `boundary`.
    attach: &'static str,
    variable: String,
    variable_instance: String,
    variable_set: String,
    attach_to: String,
    description: String,
    /// Type of the attachment block.
    attachment: &'static str,
    /// Type of the block that holds an inline policy.
    inline: &'static str,
    /// `role` or `user`, padded to the other attribute's length.
    kind: &'static str,
    reference: String,
    reference_instance: String,
    reference_set: String,
    documents: Vec<DocumentView>,
}

#[derive(Debug, Serialize)]
struct DocumentView {
    label: String,
    /// The label as part of an expression.
    reference: String,
    name: String,
    policy: String,
}

/// `policy.json` (or `policy-1.json` and on, where several are needed) and `policy.tf` in the identity's folder.
///
/// # Errors
/// When a body does not read back, or a user's template is broken.
pub fn artifacts(
    identity: &Identity,
    documents: &[PolicyDocument],
    attach: Attach,
    templates: &Templates,
) -> Result<Vec<Artifact>, RenderError> {
    let folder = folder(identity);
    let mut artifacts = Vec::new();
    let mut json_names = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let name = if documents.len() == 1 { "policy.json".to_owned() } else { format!("policy-{}.json", number + 1) };
        artifacts.push(json(format!("{folder}/{name}"), document)?);
        json_names.push(name);
    }
    if documents.is_empty() {
        return Ok(artifacts);
    }
    let path = format!("{folder}/policy.tf");
    let body = templates.render("iam/policy.tf", &view(identity, documents, attach, (json_names, &path))?)?;
    artifacts.push(Artifact { path, body });
    Ok(artifacts)
}

/// `trust-policy.advice.json` in the role's folder: statements that its trust policy must hold, beside those that it has.
///
/// # Errors
/// When the body does not read back.
pub fn trust_artifact(advice: &TrustAdvice, _templates: &Templates) -> Result<Artifact, RenderError> {
    json(format!("{}/trust-policy.advice.json", folder(&advice.role)), &advice.document)
}

/// `split/WORKLOAD.json` in the role's folder: what that workload would need of its own.
///
/// # Errors
/// When a body does not read back.
pub fn split_artifacts(role: &Identity, workload: &str, documents: &[PolicyDocument]) -> Result<Vec<Artifact>, RenderError> {
    let several = documents.len() > 1;
    let mut artifacts = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let suffix = if several { format!("-{}", number + 1) } else { String::new() };
        // A whole ARN never meets another's file name.
        let file = crate::artifact::path(&["split", workload]);
        artifacts.push(json(format!("{}/{file}{suffix}.json", folder(role)), document)?);
    }
    Ok(artifacts)
}

/// `companions/ACCOUNT/SERVICE/REGION/NAME.advice.json`: statements that the resource's own policy must hold, beside those that it has.
///
/// # Errors
/// When the body does not read back.
pub fn companion_artifact(companion: &Companion) -> Result<Artifact, RenderError> {
    let arn = &companion.resource;
    let fields = [&arn.service, &arn.region, &arn.resource].map(crate::access::aws::Text::to_policy);
    let names = ["companions", &companion.owner].into_iter().chain(fields.iter().map(String::as_str));
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    json(format!("{}.advice.json", crate::artifact::path(&names)), &companion.document)
}

fn json(path: String, document: &PolicyDocument) -> Result<Artifact, RenderError> {
    let spell = |error: serde_json::Error, path: &str| RenderError::Spell { path: path.to_owned(), detail: error.to_string() };
    let mut body = serde_json::to_string_pretty(document).map_err(|error| spell(error, &path))?;
    body.push('\n');
    let read: PolicyDocument = serde_json::from_str(&body).map_err(|error| spell(error, &path))?;
    if read != *document {
        return Err(RenderError::ReadBack { path });
    }
    Ok(Artifact { path, body })
}

fn view(
    identity: &Identity,
    documents: &[PolicyDocument],
    attach: Attach,
    (json, path): (Vec<String>, &str),
) -> Result<View, RenderError> {
    let (kind, name) = match &identity.name {
        Name::User(name) => ("user", name.clone()),
        Name::Role(name) => ("role", name.clone()),
        Name::Root
        | Name::FederatedUser(_)
        | Name::IdentityCenterUser(_)
        | Name::WebIdentity(_)
        | Name::Saml(_)
        | Name::AwsService(_)
        | Name::AwsAccount(_)
        | Name::Other(_)
        | Name::ServiceAccount { .. }
        | Name::KubeUser(_)
        | Name::Namespace(_)
        | Name::Network => ("role", identity.to_string()),
    };
    let label = spelling::label(kind, &name);
    let several = documents.len() > 1;
    let mut views = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let spell = |error: hcl::Error| RenderError::Spell { path: path.to_owned(), detail: error.to_string() };
        let policy = hcl::value::to_value(document).map_err(spell)?;
        let suffix = if several { format!("-{}", number + 1) } else { String::new() };
        let label = format!("{label}{suffix}");
        views.push(DocumentView {
            label: spelling::text(&label),
            name: spelling::text(&policy_name(&label)),
            reference: label,
            policy: spelling::value(&policy, 1),
        });
    }
    Ok(View {
        identity: one_line(&identity.to_string()),
        json,
        attach: attach.name(),
        variable: spelling::text(&format!("{label}_name")),
        variable_instance: spelling::text(&format!("{label}_instance_arn")),
        variable_set: spelling::text(&format!("{label}_permission_set_arn")),
        attach_to: spelling::text(&identity.short_name()),
        description: spelling::text(&format!("Name of the {kind} that gets the policy")),
        attachment: if kind == "user" { "\"aws_iam_user_policy_attachment\"" } else { "\"aws_iam_role_policy_attachment\"" },
        inline: if kind == "user" { "\"aws_iam_user_policy\"" } else { "\"aws_iam_role_policy\"" },
        kind: if kind == "user" { "user      " } else { "role      " },
        reference: format!("var.{label}_name"),
        reference_instance: format!("var.{label}_instance_arn"),
        reference_set: format!("var.{label}_permission_set_arn"),
        documents: views,
    })
}

/// A policy's name: at most 128 letters, digits and `+=,.@-_`; a label holds no others.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn policy_name(label: &str) -> String {
    format!("tightfit_{label}")
}

/// A name in a comment: printable ASCII, so that nothing in it can begin a new line.
fn one_line(text: &str) -> String {
    let safe = text.chars().map(|character| if character == ' ' || character.is_ascii_graphic() { character } else { '?' });
    safe.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_gets_its_policy_in_two_languages() {
        let document: PolicyDocument = serde_json::from_str(
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"S3ReadB","Effect":"Allow","Action":["s3:GetObject"],
            "Resource":["arn:aws:s3:::b/${*}"]}]}"#,
        )
        .unwrap();
        let role = Identity::aws("aws", "111122223333", Name::Role("shop-api".into()));
        let artifacts =
            artifacts(&role, std::slice::from_ref(&document), Attach::Managed, &Templates::new(None).unwrap()).unwrap();
        let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
        assert_eq!(paths, ["aws/111122223333/role/shop-api/policy.json", "aws/111122223333/role/shop-api/policy.tf"]);
        assert_eq!(serde_json::from_str::<PolicyDocument>(&artifacts[0].body).unwrap(), document);
        let expected = r#"resource "aws_iam_policy" "role_shop-api" {
  name        = "tightfit_role_shop-api"
  description = "Least privilege by observation, written by tightfit"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "S3ReadB"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
        ]
        Resource = [
          "arn:aws:s3:::b/$${*}",
        ]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "role_shop-api" {
  role       = var.role_shop-api_name
  policy_arn = aws_iam_policy.role_shop-api.arn
}
"#;
        assert!(artifacts[1].body.contains(expected), "{}", artifacts[1].body);
        for (attach, blocks) in [
            (Attach::Inline, &["variable", "aws_iam_role_policy\" \"role_shop-api", "role = var.role_shop-api_name"][..]),
            (Attach::Boundary, &["aws_iam_policy", "permissions_boundary"]),
            (
                Attach::PermissionSet,
                &["aws_ssoadmin_permission_set_inline_policy", "permission_set_arn = var.role_shop-api_permission_set_arn"],
            ),
        ] {
            let written =
                super::artifacts(&role, std::slice::from_ref(&document), attach, &Templates::new(None).unwrap()).unwrap();
            assert!(blocks.iter().all(|block| written[1].body.contains(block)), "{}", written[1].body);
            assert!(hcl::parse(&written[1].body).is_ok() && !written[1].body.contains("_attachment"), "{}", written[1].body);
        }
    }
}
