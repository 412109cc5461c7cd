//! Reading the fast way gives what serde_json and the slow way give, on logs that are valid, damaged and twisted. The same judge runs
//! for hours in `benches/fuzz`.
#![cfg(test)]

#[path = "../benches/fuzz/judge.rs"]
mod judge;
#[path = "../benches/fuzz/mutate.rs"]
mod mutate;

use std::fs;
use std::path::Path;

fn logs(folder: &Path) -> Vec<Vec<u8>> {
    let mut logs: Vec<Vec<u8>> = Vec::new();
    for file in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten().filter(|file| file.file_type().is_file())
    {
        logs.push(fs::read(file.path()).expect("log"));
    }
    logs
}

#[test]
fn the_fast_way_reads_what_the_slow_way_reads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("log");
    let mut whole = logs(&root.join("benches/fuzz/corpus"));
    for sample in fs::read_dir(root.join("samples")).expect("samples").flatten() {
        whole.extend(logs(&sample.path().join("log")));
    }
    for log in &whole {
        assert_eq!(judge::difference(log, &file), None);
    }
    let mut rng = fastrand::Rng::with_seed(20_261_121);
    for _ in 0..1500 {
        let (log, other) = (&whole[rng.usize(..whole.len())], &whole[rng.usize(..whole.len())]);
        let start = rng.usize(..log.len().max(1));
        let part = &log[start..(start + 4000).min(log.len())];
        let log = if rng.bool() { part } else { log.get(..6000).unwrap_or(log) };
        let log = mutate::mutated(&mut rng, log, other);
        if let Some(found) = judge::difference(&log, &file) {
            panic!("{found}\n{}", String::from_utf8_lossy(&log));
        }
    }
}
