//! Flows that wait for the inventory: as their records name them, counted, until everything was read and their ends can be told.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::Replay;
use crate::access::evidence::{EventRef, Evidence};
use crate::access::flow::{Flow, resolve};
use crate::access::identity::{Home, Identity};
use crate::access::inventory::Inventory;
use crate::access::observation::Outcome;
use crate::access::request::Request;
use crate::policy::network;
use crate::policy::set::Documents;

/// Distinct flows, by the network that they passed.
#[derive(Debug, Default)]
pub(super) struct Flows {
    seen: IndexMap<(Identity, Flow), BTreeMap<Outcome, (u64, Evidence)>>,
}

impl Flows {
    pub(super) fn insert(&mut self, identity: &Identity, flow: &Flow, outcome: Outcome, count: u64, events: &[&EventRef]) {
        let outcomes = self.seen.entry((identity.clone(), flow.clone())).or_default();
        let (counted, evidence) = outcomes.entry(outcome).or_default();
        *counted = counted.saturating_add(count);
        events.iter().for_each(|event| evidence.insert(event));
    }

    /// How many records wait.
    pub(super) fn count(&self) -> u64 {
        self.seen.values().flat_map(BTreeMap::values).fold(0, |sum, (count, _)| sum.saturating_add(*count))
    }
}

impl Replay<'_> {
    /// Judges every flow that was seen, now that the inventory says whose its ends are. Those whose ends it cannot tell are undecided;
    /// a refused one between ends that no policy holds for says nothing about the policies.
    ///
    /// A flow of which no record says how it ended is undecided too: policies that do not name it would deny it.
    pub fn resolve(&mut self, inventory: &Inventory) {
        let mut silent: BTreeMap<(Identity, Flow), u64> = BTreeMap::new();
        let mut answered: BTreeSet<(Identity, Flow)> = BTreeSet::new();
        for ((identity, flow), outcomes) in std::mem::take(&mut self.flows).seen {
            let Home::Cluster(cluster) = &identity.home else { continue };
            let Ok(resolved) = resolve(&flow, cluster, inventory) else {
                let count = outcomes.values().fold(0_u64, |sum, (count, _)| sum.saturating_add(*count));
                self.undecided = self.undecided.saturating_add(count);
                continue;
            };
            for flow in resolved {
                let key = (identity.clone(), flow.clone());
                match outcomes.get(&Outcome::Unknown).filter(|_| outcomes.len() == 1) {
                    Some((count, _)) => *silent.entry(key).or_default() += count,
                    None => drop(answered.insert(key)),
                }
                let concerned = match self.policies.policies.get(&identity).map(|policy| &policy.documents) {
                    Some(Documents::Network(policies)) => network::concerns(policies, &flow),
                    Some(Documents::Iam(_) | Documents::Rbac(_) | Documents::PodSecurity(_)) | None => true,
                };
                let request = Request::Flow(Box::new(flow));
                for (outcome, (count, evidence)) in &outcomes {
                    if concerned || *outcome != Outcome::Refused {
                        self.judge(&identity, &[], &request, *outcome, *count, &evidence.events());
                    }
                }
            }
        }
        let silent = silent.into_iter().filter(|(key, _)| !answered.contains(key));
        self.undecided = silent.fold(self.undecided, |sum, (_, count)| sum.saturating_add(count));
    }
}
