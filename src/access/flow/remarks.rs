//! What is worth knowing of the flows of a recording: whose ends, and whose directions, are not known.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Flow, Passage, Passages, Unresolved, is_served, is_unknown_private, resolve};
use crate::access::identity::{Home, Name};
use crate::access::inventory::{Inventory, Place};
use crate::access::observation::{Outcome, Skip};
use crate::access::profile::{Profile, Seen};
use crate::finding::{Code, Finding};

/// How many ends are named in one finding.
const NAMED_MAX: usize = 5;

/// The records and the ends behind one finding.
#[derive(Default)]
struct Tallied {
    count: u64,
    ends: BTreeSet<String>,
}

/// Findings about the flows of a profile.
#[must_use]
pub fn remarks(profile: &Profile) -> Vec<Finding> {
    let mut found: BTreeMap<(String, Code, &'static str), Tallied> = BTreeMap::new();
    let mut ends_of: BTreeMap<(String, Flow), (bool, u64)> = BTreeMap::new();
    for (identity, part) in profile.identities.iter().filter(|(identity, _)| identity.name == Name::Network) {
        let Home::Cluster(cluster) = &identity.home else { continue };
        let mut add = |code: Code, note: &'static str, end: String, count: u64| {
            let tallied = found.entry((cluster.clone(), code, note)).or_default();
            tallied.count = tallied.count.saturating_add(count);
            tallied.ends.insert(end);
        };
        let flows = part.flows();
        let allowed = |seen: &Seen| seen.count(Outcome::Allowed) > 0;
        let passages = Passages::of(flows.iter().map(|(flow, seen)| (*flow, allowed(seen), seen.count(Outcome::Refused) > 0)));
        for (raw, seen) in flows {
            let count = seen.outcomes.values().fold(0_u64, |sum, tally| sum.saturating_add(tally.times.count));
            let resolved = match resolve(raw, cluster, &profile.inventory) {
                Ok(resolved) => resolved,
                Err(why) => {
                    let (code, note, end) = spelled(why);
                    add(code, note, end, count);
                    continue;
                }
            };
            let untold = allowed(seen) && passages.of_allowed(raw) == Passage::Untold;
            for flow in resolved {
                if untold {
                    add(Code::FlowOutcomeUnknown, UNTOLD, flow.to_string(), seen.count(Outcome::Allowed));
                }
                let (answered, all) = ends_of.entry((cluster.clone(), flow.clone())).or_default();
                *answered |= seen.outcomes.keys().any(|outcome| *outcome != Outcome::Unknown);
                *all = all.saturating_add(count);
                if seen.is_assumed() && !is_served(&flow, cluster, &profile.inventory) {
                    add(Code::FlowDirectionUnknown, ASSUMED, flow.to_string(), count);
                }
                for (raw, end) in [(&raw.client, &flow.client), (&raw.server, &flow.server)] {
                    if is_disowned(raw, end, cluster, &profile.inventory) {
                        add(Code::FlowLabelsDiffer, DISOWNED, end.to_string(), count);
                    }
                }
                let of_a_pod = flow.client.pod().is_some() || flow.server.pod().is_some();
                for end in [&flow.client, &flow.server].into_iter().filter(|end| of_a_pod && is_unknown_private(end)) {
                    add(Code::FlowOwnerUnknown, PRIVATE, end.to_string(), count);
                }
            }
        }
    }
    for ((cluster, flow), (_, count)) in ends_of.into_iter().filter(|(_, (answered, _))| !answered) {
        let tallied = found.entry((cluster, Code::FlowOutcomeUnknown, SILENT)).or_default();
        tallied.count = tallied.count.saturating_add(count);
        tallied.ends.insert(flow.to_string());
    }
    let mut remarks: Vec<Finding> = found
        .into_iter()
        .map(|((cluster, code, note), tallied)| {
            let named: Vec<&str> = tallied.ends.iter().take(NAMED_MAX).map(String::as_str).collect();
            let more = tallied.ends.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Finding::new(code, format!("cluster {cluster}"), format!("{note}: {}{more}", named.join("; "))).counted(tallied.count)
        })
        .collect();
    if let Some(count) = profile.ledger.skipped.get(&Skip::OtherProtocol) {
        let note = "flows of protocols that no NetworkPolicy can name (ICMP and others) were passed over: what becomes of them is up to the network plugin";
        remarks.push(Finding::new(Code::FlowProtocol, "the log", note).counted(*count));
    }
    remarks
}

const SILENT: &str = "no record says whether these connections were made, so nothing is written for them, and they are undecided: record the flows of every node and interface";
const DISOWNED: &str = "these pods name an owner whose pods bear other labels; policies are written for the labels that they bear, not for that owner: label them as their owner's template does, or take the owner's name from them";
const UNTOLD: &str = "one interface let these connections through and one rejected them, no answer was seen, and the records do not say at which end either stood, so nothing is written for them, and they are undecided: add `flow-direction` to the format of the flow logs";
const ASSUMED: &str = "the records do not say who opened these connections and nothing seen declares the port; the lower port was taken as the server's (`evidence.assumed`)";
const PRIVATE: &str = "ends of flows are private addresses that the audit log ties to no pod, node or Service; they are taken as machines beside the cluster: record pods, pods/status, nodes and endpointslices at RequestResponse if they are not";

/// Whether something names an owner of this pod and its labels say otherwise.
fn is_disowned(raw: &End, end: &End, cluster: &str, inventory: &Inventory) -> bool {
    let Some(pod) = end.pod().filter(|pod| pod.workload.is_none()) else { return false };
    let place = Place { cluster: cluster.to_owned(), namespace: pod.namespace.clone(), name: pod.pod.clone() };
    raw.pod().is_some_and(|raw| raw.workload.is_some()) || inventory.pod_owners.contains_key(&place)
}

fn spelled(why: Unresolved) -> (Code, &'static str, String) {
    match why {
        Unresolved::OwnerUnknown(end) => {
            (Code::FlowOwnerUnknown, "the owner of these ends is not known, so nothing is written from their flows", end)
        }
        Unresolved::ServiceUnknown(end) => {
            (Code::FlowOwnerUnknown, "the pods behind these Services are not known, so nothing is written from their flows", end)
        }
        Unresolved::OwnerAmbiguous(end) => {
            (Code::FlowOwnerAmbiguous, "two owners could be meant, so nothing is written from these ends' flows", end)
        }
    }
}
