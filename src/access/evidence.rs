//! Evidence: which events stand behind a claim; bounded, order-blind and mergeable.
//!
//! Invariant: merging any split of the events, in any order, gives the same evidence.

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

impl EventRef {
    /// What decides which events are kept: a hash of the id, or of the place where there is none.
    fn rank(&self) -> ([u8; 8], &EventRef) {
        let hash = if self.id.is_empty() {
            blake3::hash(format!("{}\n{}", self.file, self.record).as_bytes())
        } else {
            blake3::hash(self.id.as_bytes())
        };
        let mut rank = [0_u8; 8];
        for (to, from) in rank.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        (rank, self)
    }
}

/// The first, the last, and the [`SAMPLE_MAX`] events smallest by hash of their id. Empty means no event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    first: Option<EventRef>,
    last: Option<EventRef>,
    sample: Vec<EventRef>,
}

impl Evidence {
    /// Adds one event.
    pub fn insert(&mut self, event: &EventRef) {
        if self.first.as_ref().is_none_or(|first| event < first) {
            self.first = Some(event.clone());
        }
        if self.last.as_ref().is_none_or(|last| event > last) {
            self.last = Some(event.clone());
        }
        if let Err(place) = self.sample.binary_search_by(|kept| kept.rank().cmp(&event.rank()))
            && place < SAMPLE_MAX
        {
            self.sample.insert(place, event.clone());
            self.sample.truncate(SAMPLE_MAX);
        }
    }

    /// Adds all events of another evidence.
    pub fn merge(&mut self, other: &Evidence) {
        for event in other.events() {
            self.insert(event);
        }
    }

    /// The events kept, by time, each once.
    #[must_use]
    pub fn events(&self) -> Vec<&EventRef> {
        let mut events: Vec<&EventRef> = self.first.iter().chain(&self.last).chain(&self.sample).collect();
        events.sort();
        events.dedup();
        events
    }
}
