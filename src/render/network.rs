//! NetworkPolicy artifacts: one file of proposed manifests per namespace, each rule with its basis in a comment.

use serde::Serialize;

use crate::access::identity::Identity;
use crate::artifact::{self, Artifact};
use crate::policy::network::{NetworkProposal, ProposedPolicy};

use super::{RenderError, Templates, yaml};

/// What the template sees. All of it is safe to place in YAML.
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

/// The proposal of one namespace: `kubernetes/CLUSTER/NAMESPACE/network-policy.proposal.yaml`. No file where nothing is proposed.
///
/// # Errors
/// When the template fails, or when what it made does not read back as the policies.
pub fn artifacts(proposal: &NetworkProposal, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    if proposal.policies.is_empty() {
        return Ok(Vec::new());
    }
    let documents: Vec<DocumentView> = proposal.policies.iter().map(document).collect::<Result<_, _>>()?;
    let identity = Identity::namespace(&proposal.cluster, &proposal.namespace);
    let path = format!("{}/network-policy.proposal.yaml", artifact::folder(&identity));
    let view = View { namespace: yaml::comment(&proposal.namespace), documents };
    let body = templates.render("network/network-policy.yaml", &view)?;
    if !reads_back(&body, proposal) {
        return Err(RenderError::ReadBack { path });
    }
    Ok(vec![Artifact { path, body }])
}

fn document(proposed: &ProposedPolicy) -> Result<DocumentView, RenderError> {
    let comment = |line: String| yaml::comment(&line);
    let lines = proposed.basis.iter().map(|basis| format!("{}: {}; {}", basis.certainty.name(), basis.rule, basis.why));
    Ok(DocumentView { comments: lines.map(comment).collect(), body: yaml::document(&proposed.policy)? })
}

fn reads_back(body: &str, proposal: &NetworkProposal) -> bool {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 2_000_000, max_events: 8_000_000 },
        with_snippet: false,
    };
    let read: Result<Vec<serde_json::Value>, _> = serde_saphyr::from_multiple_with_options(body, options);
    let meant: Result<Vec<_>, _> = proposal.policies.iter().map(|proposed| serde_json::to_value(&proposed.policy)).collect();
    matches!((read, meant), (Ok(read), Ok(meant)) if read == meant)
}
