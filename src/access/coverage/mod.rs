//! Coverage: what the recording can show, and so what it could not have shown.
//!
//! Invariant: adding sightings in any order, and merging any split, gives the same coverage.

mod trail;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::aws::Arn;
use super::days::Days;
pub use trail::{Aggregated, Capped, Counts, Touch, TrailChange, TrailCoverage, TrailSighting};

/// What one record says about the recording itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sighting {
    /// A CloudTrail event.
    Trail(Box<TrailSighting>),
    /// A CloudTrail aggregated event: how many data events of a service five minutes held.
    Aggregated {
        /// When the five minutes began.
        time: Timestamp,
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
    Audit {
        /// When.
        time: Timestamp,
        /// The cluster.
        cluster: String,
        /// Whether the wrapper or an option named the cluster.
        cluster_named: bool,
        /// The audit level; empty where the form carries none (GKE).
        level: String,
        /// Whether the verb reads (get, list, watch).
        read: bool,
        /// Whether the backend cut the bodies.
        truncated: bool,
        /// Whether it is an RBAC-relevant request that created or changed a pod or a controller.
        pod_write: bool,
        /// Whether that one carried a pod spec.
        pod_spec: bool,
    },
}

/// What was seen of one cluster's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditCoverage {
    /// Whether any record's cluster was named (by its wrapper or by `--cluster`).
    pub named: bool,
    /// Whether any record named none.
    pub unnamed: bool,
    /// Events by audit level; the empty level is a form that carries none.
    pub levels: BTreeMap<String, u64>,
    /// Events that read.
    pub reads: u64,
    /// Events that write.
    pub writes: u64,
    /// Events whose bodies the backend cut.
    pub truncated: u64,
    /// Writes of pods and controllers.
    pub pod_writes: u64,
    /// Those that carried a spec.
    pub pod_specs: u64,
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
    /// Takes in what one record says.
    pub fn insert(&mut self, sighting: &Sighting) {
        match sighting {
            Sighting::Trail(sighting) => {
                self.mention(&sighting.arns);
                slot(&mut self.trails, &sighting.account).insert(sighting);
            }
            Sighting::Aggregated { time, account, service, dimension, count } => {
                slot(&mut self.trails, account).insert_aggregated(*time, service, dimension, *count);
            }
            Sighting::Audit { time, cluster, cluster_named, level, read, truncated, pod_write, pod_spec } => {
                let audit = self.audits.entry(cluster.clone()).or_default();
                audit.named |= *cluster_named;
                audit.unnamed |= !*cluster_named;
                *audit.levels.entry(level.clone()).or_default() += 1;
                *(if *read { &mut audit.reads } else { &mut audit.writes }) += 1;
                audit.truncated += u64::from(*truncated);
                audit.pod_writes += u64::from(*pod_write);
                audit.pod_specs += u64::from(*pod_write && *pod_spec);
                audit.span.insert(*time);
            }
        }
    }

    /// Accounts and regions that the ARNs of one record name, each once.
    fn mention(&mut self, arns: &[Arn]) {
        let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = |text: &&str| {
            let parts: Vec<&str> = text.split('-').collect();
            let place = |part: &str| !part.is_empty() && part.len() <= 12 && part.bytes().all(|byte| byte.is_ascii_lowercase());
            matches!(parts.as_slice(), [places @ .., number] if places.len() >= 2
                && places.iter().all(|part| place(part)) && number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let accounts: BTreeSet<&str> = arns.iter().filter_map(|arn| arn.account.as_literal()).filter(is_account).collect();
        let regions: BTreeSet<&str> = arns.iter().filter_map(|arn| arn.region.as_literal()).filter(is_region).collect();
        accounts.into_iter().for_each(|account| self.accounts_mentioned.update(account, |count| *count += 1));
        regions.into_iter().for_each(|region| self.regions_mentioned.update(region, |count| *count += 1));
    }

    /// First, last and days over everything.
    #[must_use]
    pub fn span(&self) -> Span {
        let mut span = Span::default();
        for part in self.trails.values().map(|trail| &trail.span).chain(self.audits.values().map(|audit| &audit.span)) {
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
            let mine = self.audits.entry(cluster.clone()).or_default();
            mine.named |= audit.named;
            mine.unnamed |= audit.unnamed;
            add_counts(&mut mine.levels, &audit.levels);
            mine.reads += audit.reads;
            mine.writes += audit.writes;
            mine.truncated += audit.truncated;
            mine.pod_writes += audit.pod_writes;
            mine.pod_specs += audit.pod_specs;
            mine.span.merge(&audit.span);
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
