//! A survey: everything a reading shows besides the requests themselves — what exists, what could be seen, how records ended.

use super::coverage::{Coverage, Sighting};
use super::inventory::{Fact, Inventory};
use super::ledger::Ledger;
use super::observation::{Record, Sink};
use super::times::Times;

/// What every reading of a log yields, whatever else is done with it. As a sink it only counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// What exists.
    pub inventory: Inventory,
    /// What the recording can show.
    pub coverage: Coverage,
    /// How every record ended.
    pub ledger: Ledger,
}

impl Sink for Survey {
    fn record(&mut self, record: &Record<'_>) {
        self.ledger.insert(record);
    }

    fn fact(&mut self, fact: &Fact) {
        self.inventory.insert(fact);
    }

    fn sighting(&mut self, sighting: &Sighting, times: &Times) {
        self.coverage.insert(sighting, times);
    }
}

/// Two sinks side by side: both see everything, the first one first.
impl<A: Sink, B: Sink> Sink for (&mut A, &mut B) {
    fn record(&mut self, record: &Record<'_>) {
        self.0.record(record);
        self.1.record(record);
    }

    fn fact(&mut self, fact: &Fact) {
        self.0.fact(fact);
        self.1.fact(fact);
    }

    fn sighting(&mut self, sighting: &Sighting, times: &Times) {
        self.0.sighting(sighting, times);
        self.1.sighting(sighting, times);
    }
}
