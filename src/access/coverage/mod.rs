//! Coverage: what the recording can show, and so what it could not have shown.
//!
//! Invariant: adding sightings in any order, and merging any split, gives the same coverage.

mod audit;
mod trail;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::aws::Arn;
use super::days::Days;
use super::times::Times;
pub use audit::{AuditCoverage, AuditSighting, Bodies, Reach, Wrote};
pub use trail::{Aggregated, Capped, Counts, Touch, TrailChange, TrailCoverage, TrailSighting};

/// What a record says about the recording itself, its time aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sighting {
    /// A CloudTrail event.
    Trail(Box<TrailSighting>),
    /// A CloudTrail aggregated event: how many data events of a service five minutes held.
    Aggregated {
        /// The account; may be empty.
        account: String,
        /// The IAM prefix of the service, or the event source where none is known.
        service: String,
        /// By what the events were counted, such as `eventName`: one event stands in the counts of several dimensions.
        dimension: String,
        /// How many events.
        count: u64,
    },
    /// A Kubernetes audit event.
    Audit(Box<AuditSighting>),
    /// A record of a flow log.
    Flow {
        /// The cluster.
        cluster: String,
        /// Whether the wrapper or an option named the cluster.
        cluster_named: bool,
        /// Which kind of flow log, such as `hubble`.
        source: String,
        /// How many records or events it says were lost; 0 for a record of a flow.
        lost: u64,
    },
}

/// What was seen of one cluster's flow logs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowCoverage {
    /// Whether any record's cluster was named.
    pub named: bool,
    /// Whether any record named none.
    pub unnamed: bool,
    /// Records by kind of flow log.
    pub sources: BTreeMap<String, u64>,
    /// What they say was lost, by kind of flow log.
    pub lost: BTreeMap<String, u64>,
    /// When.
    pub span: Span,
}

/// First and last time, and the days on which anything was seen. Empty means nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// The earliest event.
    pub first: Option<Timestamp>,
    /// The latest event.
    pub last: Option<Timestamp>,
    /// The days with events.
    pub days: Days,
}

/// What the recording shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// CloudTrail, by account; the empty account is a record that names none.
    pub trails: BTreeMap<String, TrailCoverage>,
    /// Kubernetes audit, by cluster.
    pub audits: BTreeMap<String, AuditCoverage>,
    /// Flow logs, by cluster.
    #[serde(default)]
    pub flows: BTreeMap<String, FlowCoverage>,
    /// Accounts that ARNs of CloudTrail requests name, with the number of records.
    #[serde(default)]
    pub accounts_mentioned: Capped<u64>,
    /// Regions that ARNs of CloudTrail requests name, with the number of records.
    #[serde(default)]
    pub regions_mentioned: Capped<u64>,
    /// Requests whose response was never recorded, by cluster.
    pub response_missing: BTreeMap<String, u64>,
    /// Ids that stood twice with different content, up to a few; the rest is in the count.
    pub duplicate_ids: BTreeSet<String>,
    /// How many such ids.
    pub duplicate_id_count: u64,
}

impl Span {
    /// Adds the moments of some events.
    pub fn insert_times(&mut self, times: &Times) {
        self.insert(times.first);
        self.insert(times.last);
        self.days.merge(&times.days);
    }

    /// Adds one moment.
    pub fn insert(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        self.days.insert(day_of(time));
    }

    /// Adds another span.
    pub fn merge(&mut self, other: &Span) {
        for time in other.first.iter().chain(&other.last) {
            self.insert(*time);
        }
        self.days.merge(&other.days);
    }
}

/// The day of a moment, in UTC.
#[must_use]
pub fn day_of(time: Timestamp) -> i32 {
    i32::try_from(time.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}

impl Coverage {
    /// Takes in what some records say, all the same.
    pub fn insert(&mut self, sighting: &Sighting, times: &Times) {
        let records = times.count;
        match sighting {
            Sighting::Trail(sighting) => {
                self.mention(&sighting.arns, records);
                slot(&mut self.trails, &sighting.account).insert(sighting, times);
            }
            Sighting::Aggregated { account, service, dimension, count } => {
                slot(&mut self.trails, account).insert_aggregated(times, service, dimension, *count);
            }
            Sighting::Audit(sighting) => slot(&mut self.audits, &sighting.cluster).insert(sighting, times),
            Sighting::Flow { cluster, cluster_named, source, lost } => {
                let flows = slot(&mut self.flows, cluster);
                flows.named |= *cluster_named;
                flows.unnamed |= !*cluster_named;
                if *lost > 0 {
                    let sum = slot(&mut flows.lost, source);
                    *sum = sum.saturating_add(lost.saturating_mul(records));
                } else {
                    *slot(&mut flows.sources, source) += records;
                }
                flows.span.insert_times(times);
            }
        }
    }

    /// Accounts and regions that the ARNs of one record name, each once.
    fn mention(&mut self, arns: &[Arn], records: u64) {
        let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = |text: &&str| {
            let parts: Vec<&str> = text.split('-').collect();
            let place = |part: &str| !part.is_empty() && part.len() <= 12 && part.bytes().all(|byte| byte.is_ascii_lowercase());
            matches!(parts.as_slice(), [places @ .., number] if places.len() >= 2
                && places.iter().all(|part| place(part)) && number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let accounts: BTreeSet<&str> = arns.iter().filter_map(|arn| arn.account.as_literal()).filter(is_account).collect();
        let regions: BTreeSet<&str> = arns.iter().filter_map(|arn| arn.region.as_literal()).filter(is_region).collect();
        accounts.into_iter().for_each(|account| self.accounts_mentioned.update(account, |count| *count += records));
        regions.into_iter().for_each(|region| self.regions_mentioned.update(region, |count| *count += records));
    }

    /// First, last and days over everything.
    #[must_use]
    pub fn span(&self) -> Span {
        let mut span = Span::default();
        let kubernetes = self.audits.values().map(|audit| &audit.span).chain(self.flows.values().map(|flows| &flows.span));
        for part in self.trails.values().map(|trail| &trail.span).chain(kubernetes) {
            span.merge(part);
        }
        span
    }

    /// Takes in another coverage.
    pub fn merge(&mut self, other: &Coverage) {
        for (account, trail) in &other.trails {
            slot(&mut self.trails, account).merge(trail);
        }
        self.accounts_mentioned.merge(&other.accounts_mentioned, |mine, theirs| *mine += theirs);
        self.regions_mentioned.merge(&other.regions_mentioned, |mine, theirs| *mine += theirs);
        for (cluster, audit) in &other.audits {
            slot(&mut self.audits, cluster).merge(audit);
        }
        for (cluster, flows) in &other.flows {
            let mine = slot(&mut self.flows, cluster);
            mine.named |= flows.named;
            mine.unnamed |= flows.unnamed;
            add_counts(&mut mine.sources, &flows.sources);
            add_counts(&mut mine.lost, &flows.lost);
            mine.span.merge(&flows.span);
        }
        add_counts(&mut self.response_missing, &other.response_missing);
        self.duplicate_ids.extend(other.duplicate_ids.iter().cloned());
        while self.duplicate_ids.len() > DUPLICATE_IDS_MAX {
            self.duplicate_ids.pop_last();
        }
        self.duplicate_id_count += other.duplicate_id_count;
    }
}

/// How many forged or repeated ids are kept by name.
pub const DUPLICATE_IDS_MAX: usize = 5;

/// The value of a key, made when it is missing; the key is copied only then.
fn slot<'a, K: Ord + Clone, V: Default>(map: &'a mut BTreeMap<K, V>, key: &K) -> &'a mut V {
    if !map.contains_key(key) {
        map.insert(key.clone(), V::default());
    }
    map.entry(key.clone()).or_default()
}

fn add_counts(to: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (key, count) in from {
        let sum = slot(to, key);
        *sum = sum.saturating_add(*count);
    }
}
