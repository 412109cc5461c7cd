//! Flows that wait for the inventory: as their records name them, counted, until everything was read and their ends can be told.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::Replay;
use crate::access::evidence::Evidence;
use crate::access::flow::{Flow, Passage, Passages, resolve};
use crate::access::identity::{Home, Identity};
use crate::access::inventory::Inventory;
use crate::access::observation::Outcome;
use crate::access::request::Request;
use crate::policy::network;
use crate::policy::set::Documents;

type Outcomes = BTreeMap<Outcome, (u64, Evidence)>;
type Seen = IndexMap<(Identity, Flow), Outcomes>;

/// Distinct flows, by the network that they passed.
#[derive(Debug, Default)]
pub(super) struct Flows {
    seen: Seen,
}

impl Flows {
    pub(super) fn insert(&mut self, identity: &Identity, flow: &Flow, outcome: Outcome, count: u64, seen: &Evidence) {
        let outcomes = self.seen.entry((identity.clone(), flow.clone())).or_default();
        let (counted, evidence) = outcomes.entry(outcome).or_default();
        *counted = counted.saturating_add(count);
        evidence.merge(seen);
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
        let mut seen = std::mem::take(&mut self.flows).seen;
        self.settle(&mut seen);
        for ((identity, flow), outcomes) in seen {
            let Home::Cluster(cluster) = &identity.home else { continue };
            let Ok(resolved) = resolve(&flow, cluster, inventory) else {
                let count = outcomes.values().fold(0_u64, |sum, (count, _)| sum.saturating_add(*count));
                self.undecided = self.undecided.saturating_add(count);
                continue;
            };
            for flow in resolved.iter().flat_map(|flow| flow.where_told(&self.around.config.network.api_server)) {
                let key = (identity.clone(), flow.clone());
                match outcomes.get(&Outcome::Unknown).filter(|_| outcomes.len() == 1) {
                    Some((count, _)) => *silent.entry(key).or_default() += count,
                    None => drop(answered.insert(key)),
                }
                let concerned = match self.around.policies.policies.get(&identity).map(|policy| &policy.documents) {
                    Some(Documents::Network(policies)) => network::concerns(policies, &flow),
                    Some(Documents::Iam(_) | Documents::Rbac(_) | Documents::PodSecurity(_)) | None => true,
                };
                let request = Request::Flow(Box::new(flow));
                for (outcome, (count, evidence)) in &outcomes {
                    if (concerned || *outcome != Outcome::Refused)
                        && let Some(kept) = self.judge(&identity, &[], &request, *outcome, *count)
                    {
                        kept.to_mut().merge(evidence);
                    }
                }
            }
        }
        let silent = silent.into_iter().filter(|(key, _)| !answered.contains(key));
        self.undecided = silent.fold(self.undecided, |sum, (_, count)| sum.saturating_add(count));
    }
    /// What an interface let out and the server's end rejected was refused, whatever the first record says; where it cannot be told whether
    /// that is so, it is undecided.
    fn settle(&mut self, seen: &mut Seen) {
        let has = |outcomes: &Outcomes, outcome| outcomes.contains_key(&outcome);
        let networks: BTreeSet<Identity> = seen.keys().map(|(identity, _)| identity.clone()).collect();
        let mut passages = Vec::new();
        for network in &networks {
            let own = seen.iter().filter(|((identity, _), _)| identity == network);
            let told =
                own.clone().map(|((_, flow), outcomes)| (flow, has(outcomes, Outcome::Allowed), has(outcomes, Outcome::Refused)));
            let all = Passages::of(told);
            let passed = own.filter(|(_, outcomes)| has(outcomes, Outcome::Allowed));
            passages.extend(passed.map(|(key, _)| (key.clone(), all.of_allowed(&key.1))));
        }
        for (key, passage) in passages.into_iter().filter(|(_, passage)| *passage != Passage::Made) {
            let Some(outcomes) = seen.get_mut(&key) else { continue };
            let Some((count, evidence)) = outcomes.remove(&Outcome::Allowed) else { continue };
            if passage == Passage::Untold {
                self.undecided = self.undecided.saturating_add(count);
                continue;
            }
            let (counted, kept) = outcomes.entry(Outcome::Refused).or_default();
            *counted = counted.saturating_add(count);
            kept.merge(&evidence);
        }
    }
}
