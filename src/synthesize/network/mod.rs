//! NetworkPolicies: from flows, enforceable; from declared topology alone, a proposal that is never enforced by default.
//!
//! ```text
//! flows --observed, assumed--> units --write--> policies
//! inventory --topology--> workloads, services --mentions--> who calls whom --rules--> proposals
//! ```
//!
//! Invariant: every rule has a reason or a basis; what nothing shows or declares is said, not allowed in silence.

mod assumed;
mod blocks;
mod cilium;
mod cni;
mod mentions;
mod narrow;
mod observed;
mod reach;
mod rules;
mod selectors;
mod topology;
mod write;

use std::collections::BTreeSet;

use crate::access::flow::Family;
use crate::access::identity::{Home, Identity, Name};
use crate::access::profile::{IdentityProfile, Profile};
use crate::config::{Config, NetworkBasis};
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Permit};
use crate::policy::network::{CiliumProposal, NetworkProposal, decide};
use crate::policy::set::{Documents, Policy};

use super::rbac::is_label;
use observed::{Flows, Setting, Units};
use reach::Peers;
use selectors::Pods;
use topology::Topology;

/// The NetworkPolicies of a cluster, for every chosen namespace in which flows were let through; `None` where there is none. What the same is
/// in Cilium's language goes to `cilium`, where it was asked for.
pub fn policy(
    identity: &Identity,
    seen: &IdentityProfile,
    profile: &Profile,
    config: &Config,
    (cilium, findings): (&mut Vec<CiliumProposal>, &mut Vec<Finding>),
) -> Option<Policy> {
    let Home::Cluster(cluster) = &identity.home else { return None };
    if config.network.basis == NetworkBasis::Off {
        return None;
    }
    let inventory = &profile.inventory;
    let flows = Flows::of(cluster, seen, inventory, config);
    let namespaces = flows.namespaces(cluster, config);
    if namespaces.is_empty() {
        return None;
    }
    let pods = Pods::of(cluster, inventory, flows.pods());
    let setting = Setting { cluster, inventory, config, pods: &pods, namespaces: &namespaces };
    let mut units = observed::units(&flows, &setting);
    let mut opened = assumed::Opened::new();
    if config.network.basis == NetworkBasis::Inferred && config.assumed {
        let topology = Topology::of(profile, config);
        let links = mentions::links(&topology, inventory);
        opened = assumed::add(&mut units, &flows, &topology, &links, (&setting, findings));
    }
    narrow::drop_covered(&mut units, &setting);
    narrow::spare_refused(&mut units, &flows);
    say_generalized(identity, &units, findings);
    if config.network.cilium {
        cilium.extend(cilium::proposals(&units, &opened, &flows, &setting));
    }
    cni::remarks(&units, &opened, (&flows, &setting), findings);
    let policies = write::policies(&units, &setting);
    for flow in flows.refused.iter().filter(|flow| !observed::sides(flow, &namespaces).is_empty()) {
        if flow.where_told(&config.network.api_server).iter().any(|flow| decide(&policies, flow).is_allow()) {
            let note = format!("{flow}: was only ever refused, and what other flows need allows it too; find out which is meant");
            findings.push(Finding::new(Code::RefusedFlowAllowed, identity.to_string(), note));
        }
    }
    let grants = units.into_iter().map(|(permit, (reason, generalization))| Grant {
        permit: Permit::Network(Box::new(permit)),
        reason,
        generalization,
    });
    Some(Policy { grants: grants.collect(), documents: Documents::Network(policies) })
}

/// Pods that policies hold for, or name, without a flow that shows it, since nothing tells them from others.
fn say_generalized(identity: &Identity, units: &Units, findings: &mut Vec<Finding>) {
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    for widening in units.values().filter_map(|(_, widening)| widening.as_ref()) {
        let by_labels = matches!(widening.rule.as_str(), "shared-labels" | "no-labels");
        if by_labels && told.insert((&widening.rule, &widening.admits)) {
            let note = format!("a policy allows {} ({})", widening.admits, widening.rule);
            findings.push(Finding::new(Code::Generalized, identity.to_string(), note).counted(widening.names));
        }
    }
}

/// The namespaces whose policies stand on flows.
fn with_flows(profile: &Profile, config: &Config) -> BTreeSet<(String, String)> {
    let networks = profile.identities.iter().filter(|(identity, _)| identity.name == Name::Network);
    let mut namespaces = BTreeSet::new();
    for (identity, seen) in networks.filter(|(identity, _)| config.left_out(identity).is_none()) {
        if let Home::Cluster(cluster) = &identity.home {
            let flows = Flows::of(cluster, seen, &profile.inventory, config);
            namespaces.extend(flows.namespaces(cluster, config).into_iter().map(|namespace| (cluster.clone(), namespace)));
        }
    }
    namespaces
}

/// Forms that were asked for, and of what no form can be.
fn say_not_written(config: &Config, findings: &mut Vec<Finding>) {
    let forms = [("cilium", config.network.cilium), ("calico-staged", config.network.calico_staged)];
    for (form, _) in forms.into_iter().filter(|(_, wanted)| *wanted) {
        let note =
            "it is a form of NetworkPolicies from flows, and no flow of a chosen namespace was let through: nothing is written";
        findings.push(Finding::new(Code::FormNotWritten, format!("network.{form}"), note));
    }
}

/// Proposals for every chosen namespace whose workloads were seen and of which no flow was; none where only flows count.
pub fn proposals(profile: &Profile, config: &Config, findings: &mut Vec<Finding>) -> Vec<NetworkProposal> {
    if config.network.basis == NetworkBasis::Off {
        return Vec::new();
    }
    let observed = with_flows(profile, config);
    if observed.is_empty() {
        say_not_written(config, findings);
    }
    if config.network.basis != NetworkBasis::Inferred {
        return Vec::new();
    }
    let topology = Topology::of(profile, config);
    let links = mentions::links(&topology, &profile.inventory);
    let namespaces: BTreeSet<(&str, &str)> =
        topology.workloads.iter().map(|workload| (workload.cluster, workload.namespace)).collect();
    let mut proposals = Vec::new();
    for (cluster, namespace) in namespaces {
        let identity = Identity::namespace(cluster, namespace);
        if config.left_out(&identity).is_some() || observed.contains(&(cluster.to_owned(), namespace.to_owned())) {
            continue;
        }
        if !is_label(namespace) {
            let note = "no network policy is written: no namespace can have this name";
            findings.push(Finding::new(Code::NameNotCarried, identity.to_string(), note));
            continue;
        }
        let families = blocks::every_address(blocks::own_addresses(&profile.inventory, cluster).map(Family::of));
        let peers = Peers { network: &config.network, families: &families };
        let proposal = rules::proposal(cluster, namespace, &topology, &links, (&peers, findings));
        let count = proposal.policies.iter().map(|policy| policy.basis.len()).sum::<usize>();
        let note = "network policies are a proposal from declared topology: no flow was read, so clients that nothing declares, and \
                    addresses outside the cluster, are missing from it; try it in staging before enforcing it";
        let finding = Finding::new(Code::NetworkInferred, identity.to_string(), note);
        findings.push(finding.counted(u64::try_from(count).unwrap_or(u64::MAX)));
        proposals.push(proposal);
    }
    proposals
}
