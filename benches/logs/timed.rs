//! A sink that takes the time of another.

use std::time::{Duration, Instant};

use tightfit::access::coverage::Sighting;
use tightfit::access::inventory::Fact;
use tightfit::access::observation::{Record, Sink};
use tightfit::access::times::Times;

/// Passes everything on; what reading costs is left out.
pub(crate) struct Timed<'a> {
    pub(crate) sink: &'a mut dyn Sink,
    pub(crate) spent: Duration,
}

impl Timed<'_> {
    fn time(&mut self, push: impl FnOnce(&mut dyn Sink)) {
        let begun = Instant::now();
        push(self.sink);
        self.spent += begun.elapsed();
    }
}

impl Sink for Timed<'_> {
    fn record(&mut self, record: &Record<'_>) {
        self.time(|sink| sink.record(record));
    }

    fn fact(&mut self, fact: &Fact) {
        self.time(|sink| sink.fact(fact));
    }

    fn sighting(&mut self, sighting: &Sighting, times: &Times) {
        self.time(|sink| sink.sighting(sighting, times));
    }
}
