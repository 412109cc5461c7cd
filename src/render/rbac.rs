//! RBAC artifacts: one file of manifests per service account or user.

use serde::Serialize;
use serde_json::Value;

use crate::access::identity::Identity;
use crate::artifact::{self, Artifact};
use crate::policy::rbac::{Kind, RbacPolicy};

use super::{RenderError, Templates, yaml};

/// What the template sees. All of it is safe to place in YAML.
#[derive(Serialize)]
struct View {
    /// For a comment.
    identity: String,
    /// One manifest each, ending in a newline.
    documents: Vec<String>,
}

/// The manifests of one identity: `FOLDER/rbac.yaml`, cluster roles first. No file where there are no objects.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policy.
pub fn artifacts(identity: &Identity, policy: &RbacPolicy, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let documents: Vec<String> = policy.objects().map(|object| yaml::document(&object)).collect::<Result<_, _>>()?;
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("{}/rbac.yaml", artifact::folder(identity));
    let body = templates.render("rbac/rbac.yaml", &View { identity: yaml::comment(&identity.to_string()), documents })?;
    if read_back(&body).as_ref() != Some(&RbacPolicy { cluster: String::new(), ..policy.clone() }) {
        return Err(RenderError::ReadBack { path });
    }
    Ok(vec![Artifact { path, body }])
}

/// The policy that stands in the text; `None` where something else does.
fn read_back(body: &str) -> Option<RbacPolicy> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 2_000_000, max_events: 8_000_000 },
        with_snippet: false,
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(body, options).ok()?;
    let mut policy = RbacPolicy::default();
    for document in documents {
        let kind = Kind::from_name(document.get("kind")?.as_str()?)?;
        policy.insert(kind, document).ok()?;
    }
    Some(policy)
}
