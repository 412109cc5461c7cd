//! The counting table: one row for each identity, request and outcome seen, kept in place while reading. It becomes the profile as it
//! is: nothing is spelled before a profile is stored.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;

use super::ProfileError;
use super::frame::Row;
use crate::access::coverage::Sighting;
use crate::access::folded;
use crate::access::identity::Identity;
use crate::access::inventory::Fact;
use crate::access::kube::REASON_KEY;
use crate::access::observation::{Basis, Observation, Outcome, Record, Sink};
use crate::access::profile::{IdentityProfile, Profile, Tally, Values};
use crate::access::request::RequestKey;
use crate::access::survey::Survey;
use crate::access::times::Times;

/// How many Kubernetes groups are kept per identity.
const GROUPS_MAX: usize = 64;

/// The group whose members no authorizer is asked about.
const MASTERS: &str = "system:masters";

/// Collects observations into a profile.
#[derive(Debug, Default)]
pub struct Aggregator {
    survey: Survey,
    identities: IndexSet<Identity>,
    groups: BTreeMap<Identity, BTreeSet<String>>,
    requests: IndexSet<RequestKey>,
    table: IndexMap<(usize, usize, Outcome), Cell>,
}

#[derive(Debug, Clone)]
struct Cell {
    tally: Tally,
    bases: BTreeSet<Basis>,
}

impl Aggregator {
    fn observe(&mut self, observation: &Observation<'_>) {
        let identity = match self.identities.get_index_of(observation.identity) {
            Some(index) => index,
            None => self.identities.insert_full(observation.identity.clone()).0,
        };
        if !observation.groups.is_empty() {
            let groups = self.groups.entry(observation.identity.clone()).or_default();
            groups.extend(observation.groups.iter().cloned());
            while groups.len() > GROUPS_MAX {
                // The one group that decides by itself is never the one that is dropped.
                let last = groups.iter().rev().find(|group| *group != MASTERS).cloned();
                let Some(last) = last else { break };
                groups.remove(&last);
            }
        }
        let request = self.requests.insert_full(observation.request.key()).0;
        match self.table.entry((identity, request, observation.outcome)) {
            Entry::Vacant(place) => {
                let bases = bases(observation).cloned().collect();
                place.insert(Cell { tally: tally(observation), bases });
            }
            Entry::Occupied(mut kept) => {
                let cell = kept.get_mut();
                cell.tally.merge(&tally(observation));
                for basis in bases(observation) {
                    if !cell.bases.contains(basis) {
                        cell.bases.insert(basis.clone());
                    }
                }
            }
        }
    }

    /// The profile of everything that was pushed in.
    ///
    /// # Errors
    /// None today: a table is always a profile.
    pub fn finish(self) -> Result<Profile, ProfileError> {
        let mut parts: Vec<IdentityProfile> = self.identities.iter().map(|_| IdentityProfile::default()).collect();
        for ((identity, request, outcome), mut cell) in self.table {
            for time in [&mut cell.tally.times.first, &mut cell.tally.times.last] {
                *time = stored(*time);
            }
            let (Some(part), Some(request)) = (parts.get_mut(identity), self.requests.get_index(request)) else { continue };
            let seen = match part.requests.get_mut(request) {
                Some(seen) => seen,
                None => part.requests.entry(request.clone()).or_default(),
            };
            seen.outcomes.insert(outcome, Box::new(cell.tally));
            seen.bases.extend(cell.bases);
        }
        let mut identities: BTreeMap<Identity, IdentityProfile> = self.identities.into_iter().zip(parts).collect();
        for (identity, groups) in self.groups {
            identities.entry(identity).or_default().groups = groups;
        }
        let Survey { inventory, coverage, ledger } = self.survey;
        Ok(Profile { identities, inventory, coverage, ledger })
    }
}

/// A time as a stored profile keeps it, in microseconds: what is read back is equal.
fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// How the request follows from its records: what stands for several names is stated by none of them.
fn bases<'a>(observation: &Observation<'a>) -> impl Iterator<Item = &'a Basis> + use<'a> {
    let folded = folded::basis(observation.folded);
    let own = (folded.is_none() || *observation.basis != Basis::Stated).then_some(observation.basis);
    folded.into_iter().chain(own)
}

/// What one observation adds to its row.
fn tally(observation: &Observation<'_>) -> Tally {
    let count = observation.times.count;
    let mut tally = Tally::of(observation.times.clone());
    for (key, values) in observation.request.context().into_iter().flatten() {
        tally.context.insert(key.clone(), Values::of(values.iter().cloned(), count));
    }
    if !observation.allowed_by.is_empty() {
        tally.context.insert(REASON_KEY.to_owned(), Values::of([observation.allowed_by.to_owned()], count));
    }
    if !observation.issued_to.is_empty() {
        tally.issued_to = Values::of([observation.issued_to.to_owned()], count);
    }
    tally
}

/// Adds a row, of which several may stand for one identity, request and outcome, to profiles of identities.
pub(super) fn add_row(identities: &mut BTreeMap<Identity, IdentityProfile>, row: Row) {
    let requests = &mut identities.entry(row.identity).or_default().requests;
    let seen = requests.entry(row.request).or_default();
    match seen.outcomes.entry(row.outcome) {
        btree_map::Entry::Vacant(place) => drop(place.insert(Box::new(row.tally))),
        btree_map::Entry::Occupied(mut kept) => kept.get_mut().merge(&row.tally),
    }
    seen.bases.extend(row.bases);
}

impl Sink for Aggregator {
    fn record(&mut self, record: &Record<'_>) {
        self.survey.record(record);
        if let Record::Observed { observations, .. } = record {
            for observation in observations {
                self.observe(observation);
            }
        }
    }

    fn fact(&mut self, fact: &Fact) {
        self.survey.fact(fact);
    }

    fn sighting(&mut self, sighting: &Sighting, times: &Times) {
        self.survey.sighting(sighting, times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::evidence::EventRef;
    use crate::access::kube::{KubeRequest, KubeTarget};
    use crate::access::request::Request;

    #[test]
    fn many_groups_do_not_push_masters_out() {
        let identity = Identity::kube_user("c", "bob");
        let request = Request::Kube(KubeRequest { verb: "get".into(), target: KubeTarget::NonResource("/x".into()) });
        let mut groups: Vec<String> = (0..200).map(|number| format!("g{number:03}")).collect();
        groups.push(MASTERS.to_owned());
        let mut aggregator = Aggregator::default();
        let event = EventRef { time: Timestamp::UNIX_EPOCH, id: String::new(), file: "f".to_owned(), record: 1 };
        let observation = Observation {
            identity: &identity,
            groups: &groups,
            request: &request,
            basis: &Basis::Stated,
            outcome: Outcome::Allowed,
            issued_to: "",
            allowed_by: "",
            folded: 0,
            times: &Times::once(&event),
        };
        aggregator.record(&Record::Observed { observations: vec![observation], count: 1 });
        let profile = aggregator.finish().unwrap();
        let kept = &profile.identities.get(&identity).unwrap().groups;
        assert!(kept.len() == GROUPS_MAX && kept.contains(MASTERS) && kept.contains("g000"), "{kept:?}");
    }
}
