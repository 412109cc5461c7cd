//! What CloudTrail events say about the recording: by account, and by identity and service, how much was seen of what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Span, add_counts};
use crate::access::aws::{Action, Arn};
use crate::access::identity::Identity;
use crate::access::times::Times;

/// How many named resources are kept for one identity and service, and how many accounts and regions that ARNs mention.
const NAMES_MAX: usize = 64;

/// How many changes of the trails are kept by account, the earliest first.
const CHANGES_MAX: usize = 50;

/// A CloudTrail event, its time aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrailSighting {
    /// The account in whose trail it stood; may be empty.
    pub account: String,
    /// The region; may be empty.
    pub region: String,
    /// The IAM prefix of the service that was called, or the event source where none is known.
    pub service: String,
    /// Whether this was a data event.
    pub data: bool,
    /// Who called, where that is known.
    pub identity: Option<Identity>,
    /// The actions that IAM was asked; empty where the event stands for none.
    pub actions: Vec<Action>,
    /// The resources that they were asked on, as far as the record names them.
    pub arns: Vec<Arn>,
    /// The parts of them whose use data events record, as (service, ARN): a bucket, a table, a queue.
    pub holders: Vec<(String, String)>,
    /// For a call of KMS that another service made for the caller: the service whose data was used.
    pub through: Option<String>,
    /// What it changed of the trails themselves.
    pub change: Option<TrailChange>,
}

/// A call that changed what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrailChange {
    /// When.
    pub time: Timestamp,
    /// The event, such as `StopLogging`.
    pub event: String,
    /// The trail as the caller named it; hostile text.
    pub trail: String,
    /// Who called, for a person; may be empty.
    pub by: String,
    /// What the trail records from then on, as the record says it; may be empty.
    pub says: String,
}

/// Events of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Management events.
    pub management: u64,
    /// Data events.
    pub data: u64,
}

/// Values by name: the first names in order are kept, so that the same ones stay whatever the order they were seen in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capped<V> {
    /// By name.
    pub kept: BTreeMap<String, V>,
    /// Whether there were more names.
    pub more: bool,
}

impl<V: Default + Clone> Capped<V> {
    /// Changes the value of a name. A name that is once dropped never comes back: as many before it stay.
    pub fn update(&mut self, name: &str, change: impl FnOnce(&mut V)) {
        if let Some(value) = self.kept.get_mut(name) {
            return change(value);
        }
        let full = self.kept.len() >= NAMES_MAX;
        self.more |= full;
        if full && self.kept.last_key_value().is_some_and(|(last, _)| last.as_str() < name) {
            return;
        }
        let mut value = V::default();
        change(&mut value);
        self.kept.insert(name.to_owned(), value);
        while self.kept.len() > NAMES_MAX {
            self.kept.pop_last();
        }
    }

    /// Takes in another part.
    pub fn merge(&mut self, other: &Capped<V>, add: impl Fn(&mut V, &V)) {
        self.more |= other.more;
        for (name, theirs) in &other.kept {
            self.update(name, |mine| add(mine, theirs));
        }
    }
}

/// What was seen of one identity's use of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Touch {
    /// Events by region.
    pub regions: BTreeMap<String, Counts>,
    /// Calls of KMS that the service made for the identity, and that succeeded: each stands for the use of its data.
    pub through: u64,
    /// Names of the actions that were asked.
    pub actions: BTreeSet<String>,
    /// Buckets, tables, queues that the records name.
    pub holders: Capped<()>,
}

impl Touch {
    /// Events over all regions.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let sum = |field: fn(&Counts) -> u64| self.regions.values().map(field).sum();
        Counts { management: sum(|counts| counts.management), data: sum(|counts| counts.data) }
    }

    fn merge(&mut self, other: &Touch) {
        for (region, counts) in &other.regions {
            let mine = super::slot(&mut self.regions, region);
            mine.management += counts.management;
            mine.data += counts.data;
        }
        self.through += other.through;
        self.actions.extend(other.actions.iter().cloned());
        self.holders.merge(&other.holders, |(), ()| ());
    }
}

/// Data events that were only counted, by the dimension they were counted by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Aggregated {
    /// Events by dimension.
    pub dimensions: BTreeMap<String, u64>,
    /// When.
    pub span: Span,
}

impl Aggregated {
    /// How many events: by name each one is counted once; without that dimension the smallest count of the others.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.dimensions.get("eventName").or_else(|| self.dimensions.values().min()).copied().unwrap_or_default()
    }
}

/// What was seen of one account's trail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrailCoverage {
    /// Events by region.
    pub regions: BTreeMap<String, u64>,
    /// Management events by service.
    pub management: BTreeMap<String, u64>,
    /// Data events by service.
    pub data: BTreeMap<String, u64>,
    /// Data events that were only counted, by service.
    #[serde(default)]
    pub aggregated: BTreeMap<String, Aggregated>,
    /// By identity, then by service.
    #[serde(default)]
    pub identities: BTreeMap<Identity, BTreeMap<String, Touch>>,
    /// What changed of the trails, the earliest first.
    #[serde(default)]
    pub changes: BTreeSet<TrailChange>,
    /// When.
    pub span: Span,
}

impl TrailCoverage {
    pub(super) fn insert(&mut self, sighting: &TrailSighting, times: &Times) {
        let records = times.count;
        *super::slot(&mut self.regions, &sighting.region) += records;
        let services = if sighting.data { &mut self.data } else { &mut self.management };
        *super::slot(services, &sighting.service) += records;
        self.span.insert_times(times);
        if let Some(change) = &sighting.change {
            self.changes.insert(change.clone());
            self.cap_changes();
        }
        let Some(identity) = &sighting.identity else { return };
        let touched = super::slot(&mut self.identities, identity);
        let counts = super::slot(&mut super::slot(touched, &sighting.service).regions, &sighting.region);
        *(if sighting.data { &mut counts.data } else { &mut counts.management }) += records;
        for action in &sighting.actions {
            let actions = &mut super::slot(touched, &action.service).actions;
            if !actions.contains(&action.name) {
                actions.insert(action.name.clone());
            }
        }
        for (service, holder) in &sighting.holders {
            super::slot(touched, service).holders.update(holder, |()| ());
        }
        if let Some(service) = &sighting.through {
            super::slot(touched, service).through += records;
        }
    }

    pub(super) fn insert_aggregated(&mut self, times: &Times, service: &String, dimension: &String, count: u64) {
        let aggregated = super::slot(&mut self.aggregated, service);
        let sum = super::slot(&mut aggregated.dimensions, dimension);
        *sum = sum.saturating_add(count.saturating_mul(times.count));
        aggregated.span.insert_times(times);
    }

    pub(super) fn merge(&mut self, other: &TrailCoverage) {
        add_counts(&mut self.regions, &other.regions);
        add_counts(&mut self.management, &other.management);
        add_counts(&mut self.data, &other.data);
        for (service, theirs) in &other.aggregated {
            let mine = super::slot(&mut self.aggregated, service);
            add_counts(&mut mine.dimensions, &theirs.dimensions);
            mine.span.merge(&theirs.span);
        }
        for (identity, services) in &other.identities {
            let mine = super::slot(&mut self.identities, identity);
            for (service, touch) in services {
                super::slot(mine, service).merge(touch);
            }
        }
        self.changes.extend(other.changes.iter().cloned());
        self.cap_changes();
        self.span.merge(&other.span);
    }

    fn cap_changes(&mut self) {
        while self.changes.len() > CHANGES_MAX {
            self.changes.pop_last();
        }
    }
}
