//! NetworkPolicy artifacts: one file per namespace of policies from flows, or of proposed ones; what is not observed stands in a comment.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::access::identity::{Home, Identity};
use crate::artifact::{self, Artifact};
use crate::config::Network;
use crate::policy::grant::{Grant, Permit, Reason};
use crate::policy::network::{CiliumProposal, NetworkPolicy, NetworkProposal, ProposedPolicy, StagedNetworkPolicy};

use super::{RenderError, Templates, yaml};

/// The file of a namespace's policies.
pub(super) const FILE: &str = "network-policy.yaml";

/// What the templates see. All of it is safe to place in YAML.
#[derive(Serialize)]
struct View {
    /// For a comment.
    namespace: String,
    /// In order.
    documents: Vec<DocumentView>,
}

/// One manifest with the lines of comment above it.
#[derive(Serialize)]
struct DocumentView {
    /// One line each.
    comments: Vec<String>,
    /// Ends in a newline.
    body: String,
}

/// The policies of a cluster: `kubernetes/CLUSTER/NAMESPACE/network-policy.yaml`, and beside each the further forms that were asked for.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policies.
pub fn policies(
    identity: &Identity,
    policies: &[NetworkPolicy],
    grants: &[Grant],
    further: &Network,
    templates: &Templates,
) -> Result<Vec<Artifact>, RenderError> {
    let Home::Cluster(cluster) = &identity.home else { return Ok(Vec::new()) };
    let mut by_namespace: BTreeMap<&str, Vec<&NetworkPolicy>> = BTreeMap::new();
    for policy in policies {
        by_namespace.entry(policy.namespace()).or_default().push(policy);
    }
    let mut artifacts = Vec::new();
    for (namespace, policies) in by_namespace {
        let folder = artifact::folder(&Identity::namespace(cluster, namespace));
        let file = |name: &str, documents: Vec<DocumentView>, meant: Result<Vec<serde_json::Value>, serde_json::Error>| {
            let view = View { namespace: yaml::comment(namespace), documents };
            written(format!("{folder}/{name}"), &format!("network/{name}"), &view, meant, templates)
        };
        let documents = policies.iter().map(|policy| document(policy, comments(policy, grants))).collect::<Result<_, _>>()?;
        artifacts.push(file(FILE, documents, policies.iter().map(serde_json::to_value).collect())?);
        if further.calico_staged {
            let staged: Vec<StagedNetworkPolicy> = policies.iter().map(|policy| StagedNetworkPolicy::of(policy)).collect();
            let commented = staged.iter().zip(&policies);
            let documents =
                commented.map(|(staged, policy)| document(staged, comments(policy, grants))).collect::<Result<_, _>>()?;
            let meant = staged.iter().map(serde_json::to_value).collect();
            artifacts.push(file("network-policy.calico-staged.yaml", documents, meant)?);
        }
    }
    Ok(artifacts)
}

/// The policies of one namespace in Cilium's language: `kubernetes/CLUSTER/NAMESPACE/network-policy.cilium.yaml`.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policies.
pub fn cilium(proposal: &CiliumProposal, templates: &Templates) -> Result<Artifact, RenderError> {
    let folder = artifact::folder(&Identity::namespace(&proposal.cluster, &proposal.namespace));
    let documents = proposal.policies.iter().map(|one| document(&one.policy, one.comments.clone())).collect::<Result<_, _>>()?;
    let view = View { namespace: yaml::comment(&proposal.namespace), documents };
    let meant = proposal.policies.iter().map(|one| serde_json::to_value(&one.policy)).collect();
    written(format!("{folder}/network-policy.cilium.yaml"), "network/network-policy.cilium.yaml", &view, meant, templates)
}

/// What stands in a policy without a flow behind it, or wider than what was observed.
fn comments(policy: &NetworkPolicy, grants: &[Grant]) -> Vec<String> {
    let of_policy = |grant: &&Grant| match &grant.permit {
        Permit::Network(permit) => permit.namespace == policy.namespace() && permit.pods == policy.spec.pod_selector,
        Permit::Iam { .. } | Permit::Rbac { .. } | Permit::NonResource { .. } | Permit::PodSecurity { .. } => false,
    };
    let line = |grant: &Grant| {
        let why = match &grant.reason {
            Reason::Observed => None,
            Reason::Derived { rule } => Some(format!("derived: {}; {rule}", grant.permit)),
            Reason::Assumed { why } | Reason::Unobservable { why } => Some(format!("assumed: {}; {why}", grant.permit)),
            Reason::Declared { by } => Some(format!("declared: {}; by {by}", grant.permit)),
        };
        let wider = grant.generalization.as_ref();
        let wider = wider.map(|wider| format!("{}: {}; admits {}", wider.rule, grant.permit, wider.admits));
        why.into_iter().chain(wider).collect::<Vec<String>>()
    };
    grants.iter().filter(of_policy).flat_map(line).collect()
}

/// The proposal of one namespace: `kubernetes/CLUSTER/NAMESPACE/network-policy.proposal.yaml`. No file where nothing is proposed.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policies.
pub fn artifacts(proposal: &NetworkProposal, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    if proposal.policies.is_empty() {
        return Ok(Vec::new());
    }
    let documents: Vec<DocumentView> = proposal.policies.iter().map(proposed).collect::<Result<_, _>>()?;
    let identity = Identity::namespace(&proposal.cluster, &proposal.namespace);
    let path = format!("{}/network-policy.proposal.yaml", artifact::folder(&identity));
    let view = View { namespace: yaml::comment(&proposal.namespace), documents };
    let meant = proposal.policies.iter().map(|proposed| serde_json::to_value(&proposed.policy)).collect();
    Ok(vec![written(path, "network/network-policy.proposal.yaml", &view, meant, templates)?])
}

fn proposed(proposed: &ProposedPolicy) -> Result<DocumentView, RenderError> {
    let lines = proposed.basis.iter().map(|basis| format!("{}: {}; {}", basis.certainty.name(), basis.rule, basis.why));
    document(&proposed.policy, lines.collect())
}

fn document(manifest: &impl Serialize, lines: Vec<String>) -> Result<DocumentView, RenderError> {
    let comments = lines.iter().map(|line| yaml::comment(line)).collect();
    Ok(DocumentView { comments, body: yaml::document(manifest)? })
}

fn written(
    path: String,
    template: &str,
    view: &View,
    meant: Result<Vec<serde_json::Value>, serde_json::Error>,
    templates: &Templates,
) -> Result<Artifact, RenderError> {
    let body = templates.render(template, view)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 2_000_000, max_events: 8_000_000 },
        with_snippet: false,
    };
    let read: Result<Vec<serde_json::Value>, _> = serde_saphyr::from_multiple_with_options(&body, options);
    if matches!((read, meant), (Ok(read), Ok(meant)) if read == meant) {
        Ok(Artifact { path, body })
    } else {
        Err(RenderError::ReadBack { path })
    }
}
