//! The counting table: one row for each identity, request and outcome seen, kept in place while reading.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};

use super::ProfileError;
use super::frame::{self, Row};
use crate::access::coverage::Sighting;
use crate::access::folded;
use crate::access::identity::Identity;
use crate::access::inventory::Fact;
use crate::access::kube::REASON_KEY;
use crate::access::observation::{Basis, Observation, Outcome, Record, Sink};
use crate::access::profile::{IdentityProfile, Profile, Seen, Tally, Values};
use crate::access::request::RequestKey;
use crate::access::survey::Survey;
use crate::access::times::Times;

/// Rows after which the table is handed to polars and emptied, so that memory follows the number of distinct requests.
const TABLE_ROWS_MAX: usize = 1 << 18;

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
    chunks: Vec<polars::prelude::DataFrame>,
    failed: Option<ProfileError>,
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
        let mut bases = BTreeSet::from_iter(folded::basis(observation.folded));
        if bases.is_empty() || *observation.basis != Basis::Stated {
            bases.insert(observation.basis.clone());
        }
        match self.table.entry((identity, request, observation.outcome)) {
            Entry::Vacant(place) => drop(place.insert(Cell { tally, bases })),
            Entry::Occupied(mut kept) => {
                let cell = kept.get_mut();
                cell.tally.merge(&tally);
                cell.bases.extend(bases);
            }
        }
        if self.table.len() >= TABLE_ROWS_MAX {
            self.flush();
        }
    }

    /// Hands the table to polars.
    fn flush(&mut self) {
        let mut rows = Vec::with_capacity(self.table.len());
        for ((identity, request, outcome), cell) in self.table.drain(..) {
            let (Some(identity), Some(request)) = (self.identities.get_index(identity), self.requests.get_index(request)) else {
                continue;
            };
            rows.push(Row {
                identity: identity.clone(),
                request: request.clone(),
                outcome,
                tally: cell.tally,
                bases: cell.bases,
            });
        }
        self.requests.clear();
        self.identities.clear();
        match frame::from_rows(&rows) {
            Ok(chunk) => self.chunks.push(chunk),
            Err(error) => self.failed = Some(error),
        }
    }

    /// The profile of everything that was pushed in.
    ///
    /// # Errors
    /// When the frame engine fails.
    pub fn finish(mut self) -> Result<Profile, ProfileError> {
        self.flush();
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = frame::group(self.chunks)?;
        let mut profile = Profile {
            identities: from_grouped(frame::to_rows("", &frame)?),
            inventory: self.survey.inventory,
            coverage: self.survey.coverage,
            ledger: self.survey.ledger,
        };
        for (identity, groups) in self.groups {
            profile.identities.entry(identity).or_default().groups = groups;
        }
        Ok(profile)
    }
}

/// Rows of distinct (identity, request, outcome) as profiles of identities.
pub(super) fn from_grouped(rows: Vec<Row>) -> BTreeMap<Identity, IdentityProfile> {
    let mut identities: BTreeMap<Identity, IdentityProfile> = BTreeMap::new();
    for row in rows {
        let requests = &mut identities.entry(row.identity).or_default().requests;
        let part = Seen { outcomes: BTreeMap::from([(row.outcome, row.tally)]), bases: row.bases };
        requests.entry(row.request).or_default().merge(&part);
    }
    identities
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
    use jiff::Timestamp;

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
