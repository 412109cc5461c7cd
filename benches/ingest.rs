//! Times framing and decoding: a CloudTrail file and a Kubernetes audit file, read into a sink that only counts.

mod logs;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tightfit::access::coverage::Sighting;
use tightfit::access::inventory::Fact;
use tightfit::access::observation::{Record, Sink};
use tightfit::access::times::Times;

use logs::Log;

/// A sink that counts what it is told.
#[derive(Debug, Default)]
struct Counted {
    observations: usize,
    rest: usize,
}

impl Sink for Counted {
    fn record(&mut self, record: &Record<'_>) {
        match record {
            Record::Observed { observations, .. } => self.observations += observations.len(),
            Record::Undecided { .. } | Record::Skipped { .. } | Record::Rejected { .. } => self.rest += 1,
        }
    }

    fn fact(&mut self, _: &Fact) {
        self.rest += 1;
    }

    fn sighting(&mut self, _: &Sighting, _: &Times) {
        self.rest += 1;
    }
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(20);
    for log in Log::both() {
        group.throughput(Throughput::Bytes(log.bytes));
        group.bench_function(log.name, |bencher| {
            bencher.iter(|| {
                let mut counted = Counted::default();
                log.read(&mut counted);
                assert!(counted.observations > 0, "the generated log shows nothing");
                counted
            });
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
