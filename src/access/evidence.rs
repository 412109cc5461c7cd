//! Evidence: which events stand behind a claim; bounded, order-blind and mergeable.
//!
//! Invariant: merging any split of the events, in any order, gives the same evidence.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many events are kept beside the first and the last.
pub const SAMPLE_MAX: usize = 5;

/// One event, so that a person can find it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventRef {
    /// When the event happened.
    pub time: Timestamp,
    /// eventID or auditID; empty where the record has none. Chosen by the client for Kubernetes: hostile text.
    pub id: String,
    /// The input as named by the user (standard input is `-`).
    pub file: String,
    /// The record's number in that file, from 1.
    pub record: u64,
}

/// What decides which events are kept: a hash of the id.
#[must_use]
pub fn rank_of(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let (start, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*start)
}

impl EventRef {
    /// The hash of the id, or of the place where there is none.
    #[must_use]
    pub fn rank(&self) -> u64 {
        if self.id.is_empty() { rank_of(&format!("{}\n{}", self.file, self.record)) } else { rank_of(&self.id) }
    }
}

/// The first, the last, and the [`SAMPLE_MAX`] events smallest by hash of their id. Empty means no event. One event may be several of
/// these: it is kept once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Evidence {
    first: Option<Arc<EventRef>>,
    last: Option<Arc<EventRef>>,
    /// Each behind its rank, in order.
    sample: Vec<(u64, Arc<EventRef>)>,
}

/// As it is written: ranks follow from ids.
#[derive(Serialize, Deserialize)]
struct Stored {
    first: Option<Arc<EventRef>>,
    last: Option<Arc<EventRef>>,
    sample: Vec<Arc<EventRef>>,
}

impl From<Stored> for Evidence {
    fn from(stored: Stored) -> Self {
        let mut sample: Vec<_> = stored.sample.into_iter().map(|event| (event.rank(), event)).collect();
        sample.sort();
        sample.dedup();
        sample.truncate(SAMPLE_MAX);
        let evidence = Evidence { first: None, last: None, sample };
        let shared = |event: Option<Arc<EventRef>>| event.map(|event| evidence.shared(&event));
        let (first, last) = (shared(stored.first), shared(stored.last));
        Evidence { first, last, ..evidence }
    }
}

impl From<Evidence> for Stored {
    fn from(evidence: Evidence) -> Self {
        let sample = evidence.sample.into_iter().map(|(_, event)| event).collect();
        Stored { first: evidence.first, last: evidence.last, sample }
    }
}

impl Evidence {
    /// Whether it holds no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.last.is_none() && self.sample.is_empty()
    }

    /// Adds one event.
    pub fn insert(&mut self, event: &EventRef) {
        let event = Arc::new(event.clone());
        self.insert_end(&event);
        self.insert_sample(event.rank(), &event);
    }

    /// Adds the first or the last of some events, or one between them; it is no part of the sample by that.
    pub fn insert_end(&mut self, event: &Arc<EventRef>) {
        if self.first.as_ref().is_none_or(|first| event < first) {
            self.first = Some(self.shared(event));
        }
        if self.last.as_ref().is_none_or(|last| event > last) {
            self.last = Some(self.shared(event));
        }
    }

    /// The rank above which no event comes into the sample any more.
    #[must_use]
    pub fn rank_max(&self) -> u64 {
        self.sample.last().filter(|_| self.sample.len() == SAMPLE_MAX).map_or(u64::MAX, |(rank, _)| *rank)
    }

    /// Adds one event, whose rank is known, to the sample alone.
    pub fn insert_sample(&mut self, rank: u64, event: &Arc<EventRef>) {
        if let Err(place) = self.sample.binary_search_by(|(known, kept)| known.cmp(&rank).then_with(|| kept.cmp(event)))
            && place < SAMPLE_MAX
        {
            self.sample.insert(place, (rank, self.shared(event)));
            self.sample.truncate(SAMPLE_MAX);
        }
    }

    /// The event as it is kept already, or itself.
    fn shared(&self, event: &Arc<EventRef>) -> Arc<EventRef> {
        let sample = self.sample.iter().map(|(_, kept)| kept);
        let alike = self.first.iter().chain(&self.last).chain(sample).find(|kept| *kept == event);
        Arc::clone(alike.unwrap_or(event))
    }

    /// Adds all events of another evidence.
    pub fn merge(&mut self, other: &Evidence) {
        other.first.iter().chain(&other.last).for_each(|event| self.insert_end(event));
        other.sample.iter().for_each(|(rank, event)| self.insert_sample(*rank, event));
    }

    /// The times of the first and the last event; `None` where there is none.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.first.as_ref()?.time, self.last.as_ref()?.time))
    }

    /// The events kept, by time, each once.
    #[must_use]
    pub fn events(&self) -> Vec<&EventRef> {
        let sample = self.sample.iter().map(|(_, event)| event);
        let mut events: Vec<&EventRef> = self.first.iter().chain(&self.last).chain(sample).map(Arc::as_ref).collect();
        events.sort();
        events.dedup();
        events
    }
}
