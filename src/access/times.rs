//! Times: how often and when the same thing was seen, and which records show it.
//!
//! Invariant: merging any split of the events, in any order, gives the same times.

use jiff::Timestamp;

use super::coverage::day_of;
use super::days::Days;
use super::evidence::{EventRef, Evidence};

/// At least one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// How many events.
    pub count: u64,
    /// The earliest.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// The days it was seen on, in UTC.
    pub days: Days,
    /// Which records.
    pub evidence: Evidence,
}

impl Times {
    /// One event.
    #[must_use]
    pub fn once(event: &EventRef) -> Self {
        let mut evidence = Evidence::default();
        evidence.insert(event);
        Times { count: 1, first: event.time, last: event.time, days: Days::of(day_of(event.time)), evidence }
    }

    /// Adds one event.
    pub fn insert(&mut self, event: &EventRef) {
        self.count += 1;
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
        self.days.insert(day_of(event.time));
        self.evidence.insert(event);
    }

    /// Takes in other times of the same thing.
    pub fn merge(&mut self, other: &Times) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.days.merge(&other.days);
        self.evidence.merge(&other.evidence);
    }
}
