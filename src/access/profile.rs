//! The profile: everything seen, aggregated by identity and request; what synthesis writes policies from.
//!
//! Invariant: merging any split of a log, in any order, gives the profile of the whole log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::aws::Context;
use super::coverage::Coverage;
use super::flow::Flow;
use super::folded;
use super::identity::Identity;
use super::inventory::Inventory;
use super::ledger::Ledger;
use super::observation::{Basis, Outcome};
use super::request::{Request, RequestKey};
use super::times::Times;

/// How often and when one request ended in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// How many records, when, and which.
    pub times: Times,
    /// Values of condition keys in these records.
    pub context: BTreeMap<String, Values>,
    /// To what the platform issued the credentials of these records, where it says so.
    pub issued_to: Values,
}

/// The most contexts that a tally is spelled out in.
const CONTEXTS_MAX: usize = 64;

impl Tally {
    /// The values of a condition key that every record carried; `None` where one did not, or where not all values were kept.
    #[must_use]
    pub fn always(&self, key: &str) -> Option<&BTreeSet<String>> {
        let values = self.context.get(key)?;
        (values.present == self.times.count && !values.more && !values.values.is_empty()).then_some(&values.values)
    }

    /// One of [`Tally::contexts`], the first: every key with the smallest of its values.
    #[must_use]
    pub fn example(&self) -> Context {
        let first = |values: &Values| values.values.first().cloned().into_iter().collect::<Vec<String>>();
        self.context.iter().map(|(key, values)| (key.clone(), first(values))).collect()
    }

    /// Contexts of records as far as the tally remembers them: every value of every key stands in one of them, and a key that some
    /// records did not carry is absent from one. At least one context; which values stood side by side is not remembered.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context> {
        let whole = self.example();
        let mut contexts = vec![whole.clone()];
        for (key, values) in &self.context {
            let absent = (values.present < self.times.count).then_some(None);
            for value in absent.into_iter().chain(values.values.iter().skip(1).map(Some)) {
                if contexts.len() >= CONTEXTS_MAX {
                    return contexts;
                }
                let mut other = whole.clone();
                match value {
                    Some(value) => drop(other.insert(key.clone(), vec![value.clone()])),
                    None => drop(other.remove(key)),
                }
                contexts.push(other);
            }
        }
        contexts
    }

    /// What the same observations say at times: nothing of their context yet.
    #[must_use]
    pub fn of(times: Times) -> Self {
        Tally { times, context: BTreeMap::new(), issued_to: Values::default() }
    }

    /// Takes in another tally of the same request and outcome.
    pub fn merge(&mut self, other: &Tally) {
        self.times.merge(&other.times);
        for (key, values) in &other.context {
            self.context.entry(key.clone()).or_default().merge(values);
        }
        self.issued_to.merge(&other.issued_to);
    }
}

/// How many values are kept per condition key.
pub const VALUES_MAX: usize = 16;

/// The values of one condition key over all records of one outcome of a request, capped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Values {
    /// The smallest [`VALUES_MAX`] values, in order.
    pub values: BTreeSet<String>,
    /// Whether there were more than are kept.
    pub more: bool,
    /// How many records carried the key.
    pub present: u64,
}

impl Values {
    /// What so many records carry, all of them the same.
    pub fn of(values: impl IntoIterator<Item = String>, present: u64) -> Self {
        let mut all = Values { values: values.into_iter().collect(), more: false, present };
        all.cap();
        all
    }

    /// Takes in the values of another part.
    pub fn merge(&mut self, other: &Values) {
        self.values.extend(other.values.iter().cloned());
        self.more |= other.more;
        self.present += other.present;
        self.cap();
    }

    fn cap(&mut self) {
        while self.values.len() > VALUES_MAX {
            self.values.pop_last();
            self.more = true;
        }
    }
}

/// Everything seen of one request of one identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// By outcome; an outcome that is absent was never seen. Most requests end in one way, and a map has room for eleven.
    pub outcomes: BTreeMap<Outcome, Box<Tally>>,
    /// How the request follows from its records.
    pub bases: BTreeSet<Basis>,
}

impl Seen {
    /// Records of an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).map_or(0, |tally| tally.times.count)
    }

    /// Whether this is evidence for a grant: allowed, or failed after authorization where `failed_is_evidence`.
    #[must_use]
    pub fn is_evidence(&self, failed_is_evidence: bool) -> bool {
        self.count(Outcome::Allowed) > 0 || (failed_is_evidence && self.count(Outcome::Failed) > 0)
    }

    /// The request in every context that is remembered of it, whatever its outcome; see [`Tally::contexts`].
    #[must_use]
    pub fn requests(&self, key: &RequestKey) -> Vec<Request> {
        self.outcomes.values().flat_map(|tally| tally.contexts()).map(|context| key.to_request(context)).collect()
    }

    /// Whether the record itself states the request.
    #[must_use]
    pub fn is_stated(&self) -> bool {
        self.bases.contains(&Basis::Stated)
    }

    /// Whether no record shows the request: it is only assumed to have been made.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        !self.bases.is_empty() && self.bases.iter().all(|basis| matches!(basis, Basis::Assumed(_)))
    }

    /// Takes in another part of the same request.
    pub fn merge(&mut self, other: &Seen) {
        for (outcome, tally) in &other.outcomes {
            match self.outcomes.entry(*outcome) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(tally.clone());
                }
                std::collections::btree_map::Entry::Occupied(mut kept) => kept.get_mut().merge(tally),
            }
        }
        self.bases.extend(other.bases.iter().cloned());
    }
}

/// One identity's part of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityProfile {
    /// Kubernetes groups that its requests carried; empty for AWS.
    pub groups: BTreeSet<String>,
    /// What it asked for.
    pub requests: BTreeMap<RequestKey, Seen>,
}

impl IdentityProfile {
    /// What was seen of connections, as the records name their ends.
    #[must_use]
    pub fn flows(&self) -> Vec<(&Flow, &Seen)> {
        let flows = self.requests.iter().filter_map(|(key, seen)| match key {
            RequestKey::Flow(flow) => Some((&**flow, seen)),
            RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) => None,
        });
        flows.collect()
    }
}

/// Everything seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// By identity.
    pub identities: BTreeMap<Identity, IdentityProfile>,
    /// What exists.
    pub inventory: Inventory,
    /// What the recording can show.
    pub coverage: Coverage,
    /// How every record ended.
    pub ledger: Ledger,
}

impl Profile {
    /// Folds names of which there are more than the ledger's limit, see [`folded`]. Merging comes before it: what is folded of a part is
    /// folded of the whole.
    pub fn fold_names(&mut self) {
        let names_max = self.ledger.names_max;
        for part in self.identities.values_mut().filter(|_| names_max > 0) {
            part.requests = folded::fold(std::mem::take(&mut part.requests), names_max);
        }
    }

    /// Takes in another profile.
    pub fn merge(&mut self, other: &Profile) {
        for (identity, part) in &other.identities {
            let mine = self.identities.entry(identity.clone()).or_default();
            mine.groups.extend(part.groups.iter().cloned());
            for (key, seen) in &part.requests {
                mine.requests.entry(key.clone()).or_default().merge(seen);
            }
        }
        self.inventory.merge(&other.inventory);
        self.coverage.merge(&other.coverage);
        self.ledger.merge(&other.ledger);
    }
}
