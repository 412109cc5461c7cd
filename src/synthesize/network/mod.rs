//! NetworkPolicy proposals from declared topology: inferred or assumed, never enforced by default.
//!
//! ```text
//! inventory --topology--> workloads, services --mentions--> who calls whom --rules--> proposals
//! ```
//!
//! Invariant: every rule has a basis; what nothing declares is said, not allowed in silence.

mod mentions;
mod rules;
mod topology;

use std::collections::BTreeSet;

use crate::access::identity::Identity;
use crate::access::profile::Profile;
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::network::NetworkProposal;

use super::rbac::is_label;
use topology::Topology;

/// Proposals for every chosen namespace whose workloads were seen.
pub fn proposals(profile: &Profile, config: &Config, findings: &mut Vec<Finding>) -> Vec<NetworkProposal> {
    let topology = Topology::of(profile, config);
    let links = mentions::links(&topology);
    let namespaces: BTreeSet<(&str, &str)> =
        topology.workloads.iter().map(|workload| (workload.cluster, workload.namespace)).collect();
    let mut proposals = Vec::new();
    for (cluster, namespace) in namespaces {
        let identity = Identity::namespace(cluster, namespace);
        if config.left_out(&identity).is_some() {
            continue;
        }
        if !is_label(namespace) {
            let note = "no network policy is written: no namespace can have this name";
            findings.push(Finding::new(Code::NameNotCarried, identity.to_string(), note));
            continue;
        }
        let proposal = rules::proposal(cluster, namespace, &topology, &links, findings);
        let count = proposal.policies.iter().map(|policy| policy.basis.len()).sum::<usize>();
        let note = "network policies are a proposal from declared topology: no flow was read, so clients that nothing declares, and \
                    addresses outside the cluster, are missing from it; try it in staging before enforcing it";
        let finding = Finding::new(Code::NetworkInferred, identity.to_string(), note);
        findings.push(finding.counted(u64::try_from(count).unwrap_or(u64::MAX)));
        proposals.push(proposal);
    }
    proposals
}
