//! Times aggregation: what a log shows, pushed into the counting table (without reading), grouped, stored and read again.

#![expect(clippy::expect_used, reason = "a bench that cannot aggregate has nothing to time")]

mod logs;
#[path = "logs/timed.rs"]
mod timed;

use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tightfit::aggregate::{self, Aggregator};

use logs::Log;
use timed::Timed;

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    group.sample_size(20);
    for log in Log::both() {
        group.throughput(Throughput::Bytes(log.bytes));
        group.bench_function(log.name, |bencher| {
            bencher.iter_custom(|runs| {
                let mut spent = Duration::ZERO;
                for _ in 0..runs {
                    let mut aggregator = Aggregator::default();
                    let mut timed = Timed { sink: &mut aggregator, spent: Duration::ZERO };
                    log.read(&mut timed);
                    spent += timed.spent;
                    let begun = Instant::now();
                    aggregator.finish().expect("a profile");
                    spent += begun.elapsed();
                }
                spent
            });
        });
    }
    group.finish();
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("profile");
    group.sample_size(20);
    for log in Log::both() {
        let mut aggregator = Aggregator::default();
        log.read(&mut aggregator);
        let profile = aggregator.finish().expect("a profile");
        let mut stored = Vec::new();
        aggregate::write(&profile, "bench", &mut stored).expect("room for a profile");
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&stored).expect("room for a profile");
        group.throughput(Throughput::Bytes(u64::try_from(stored.len()).expect("a length")));
        group.bench_function(format!("{}-write", log.name), |bencher| {
            bencher.iter(|| aggregate::write(&profile, "bench", std::io::sink()).expect("a profile"));
        });
        group.bench_function(format!("{}-read", log.name), |bencher| {
            bencher.iter(|| aggregate::read("bench", file.path()).expect("a profile"));
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate, store);
criterion_main!(benches);
