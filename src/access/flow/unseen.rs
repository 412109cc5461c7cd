//! Workloads of which no flow was let through, in namespaces whose policies rest on flows: the default deny holds for them too.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Passage, Passages, resolve};
use crate::access::identity::{Home, Identity, Name};
use crate::access::observation::Outcome;
use crate::access::pod::Workload;
use crate::access::profile::{Profile, Seen};
use crate::finding::{Code, Finding};

/// How many workloads are named in one finding.
const NAMED_MAX: usize = 5;

/// One finding for each such namespace that policies are written for. Pods on their node's network are held by no policy, and left out.
#[must_use]
pub fn without_flows(profile: &Profile, judged: &dyn Fn(&Identity) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (identity, part) in profile.identities.iter().filter(|(identity, _)| identity.name == Name::Network && judged(identity)) {
        let Home::Cluster(cluster) = &identity.home else { continue };
        let flows = part.flows();
        let allowed = |seen: &Seen| seen.count(Outcome::Allowed) > 0;
        let passages = Passages::of(flows.iter().map(|(flow, seen)| (*flow, allowed(seen), seen.count(Outcome::Refused) > 0)));
        let made = flows.into_iter().filter(|(flow, seen)| allowed(seen) && passages.of_allowed(flow) == Passage::Made);
        let mut seen: BTreeMap<String, BTreeSet<Workload>> = BTreeMap::new();
        for flow in made.flat_map(|(flow, _)| resolve(flow, cluster, &profile.inventory).unwrap_or_default()) {
            for end in [flow.client, flow.server] {
                if let End::Pod(pod) = end
                    && !pod.host_network
                {
                    seen.entry(pod.namespace).or_default().extend(pod.workload);
                }
            }
        }
        let mut unseen: BTreeMap<&str, Vec<Workload>> = BTreeMap::new();
        for ((place, kind), _) in profile.inventory.workloads.iter().filter(|(_, seen)| !seen.pod.spec.host_network) {
            let workload = Workload { kind: kind.clone(), name: place.name.clone() };
            let with_flows = seen.get(&place.namespace).filter(|_| place.cluster == *cluster);
            if with_flows.is_some_and(|seen| !seen.contains(&workload)) {
                unseen.entry(&place.namespace).or_default().push(workload);
            }
        }
        for (namespace, workloads) in unseen {
            let about = Identity::namespace(cluster, namespace);
            if judged(&about) {
                findings.push(finding(&about, &workloads));
            }
        }
    }
    findings
}

fn finding(about: &Identity, workloads: &[Workload]) -> Finding {
    let names: Vec<String> = workloads.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = workloads.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let note = format!(
        "no flow of these workloads was let through, and the namespace's default deny holds for them too: {}{more}; let them do all of their work while flows are recorded, or leave the namespace out",
        names.join(", ")
    );
    let count = u64::try_from(workloads.len()).unwrap_or(u64::MAX);
    Finding::new(Code::WorkloadWithoutFlows, about.to_string(), note).counted(count)
}
