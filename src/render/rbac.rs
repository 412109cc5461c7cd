//! RBAC artifacts: one file of manifests per service account or user, advice on splits, and granted versus used.

use serde::Serialize;
use serde_json::Value;

use crate::access::identity::Identity;
use crate::artifact::{self, Artifact};
use crate::policy::rbac::{ClusterUse, Kind, RbacPolicy, Use};

use super::markdown::{code, words};
use super::redact::Detail;
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
    manifests(format!("{}/rbac.yaml", artifact::folder(identity)), &identity.to_string(), policy, templates)
}

/// `split/KIND-NAME.advice.yaml` in the folder of a service account: the roles that this workload would need with one of its own.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policy.
pub fn split_artifacts(
    shared: &Identity,
    workload: &str,
    policy: &RbacPolicy,
    templates: &Templates,
) -> Result<Vec<Artifact>, RenderError> {
    let file = artifact::path(&["split", &workload.replacen('/', "-", 1)]);
    let of = format!("{workload} of {shared}");
    manifests(format!("{}/{file}.advice.yaml", artifact::folder(shared)), &of, policy, templates)
}

/// `granted-versus-used/CLUSTER.json`: what production's bindings give, rule by rule, against what the recording used.
///
/// # Errors
/// When it cannot be spelled.
pub fn use_artifact(granted: &ClusterUse, detail: Detail) -> Result<Artifact, RenderError> {
    let path = format!("{}.json", artifact::path(&["granted-versus-used", &granted.cluster]));
    let spell = |error: serde_json::Error| RenderError::Spell { path: path.clone(), detail: error.to_string() };
    let mut body = detail.show_json(serde_json::to_value(granted).map_err(spell)?);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("schema".to_owned(), USE_SCHEMA_VERSION.into());
    }
    super::json(&path, &body)
}

/// One row for each binding that is not the platform's own: those that give too much first.
pub(super) fn use_rows(granted: &[ClusterUse], detail: Detail) -> Vec<Vec<String>> {
    let mut rows: Vec<(u8, Vec<String>)> = Vec::new();
    for cluster in granted {
        for binding in cluster.bindings.iter().filter(|binding| !binding.platform) {
            let rank = match binding.used {
                Use::WiderThanUsed => 0,
                Use::Unused => 1,
                Use::Used => 2,
            };
            let number = |wanted: Use| binding.rules.iter().filter(|rule| rule.used == wanted).count();
            let rules = format!("{} / {} / {}", number(Use::Used), number(Use::WiderThanUsed), number(Use::Unused));
            let cells = vec![
                code(&detail.show(&format!("{}/{}", cluster.cluster, binding.binding))),
                code(&detail.show(&binding.role)),
                binding.used.name().to_owned(),
                rules,
                binding.requests.to_string(),
                binding.named_by_authorizer.to_string(),
                words(&detail.show(binding.keeper.as_deref().unwrap_or_default())),
            ];
            rows.push((rank, cells));
        }
    }
    rows.sort();
    rows.into_iter().map(|(_, cells)| cells).collect()
}

/// The version of the layout of `granted-versus-used`.
const USE_SCHEMA_VERSION: u32 = 1;

fn manifests(path: String, whose: &str, policy: &RbacPolicy, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let documents: Vec<String> = policy.objects().map(|object| yaml::document(&object)).collect::<Result<_, _>>()?;
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let body = templates.render("rbac/rbac.yaml", &View { identity: yaml::comment(whose), documents })?;
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
