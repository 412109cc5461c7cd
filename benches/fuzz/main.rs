//! Differential fuzzing of reading: logs made of a corpus by mutation, read the fast way, held against serde_json and the slow way.
//!
//! `cargo run --release --example fuzz-ingest -- SECONDS [SEED]`: ends with an error and the log at the first difference.

#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a fuzzer draws places of its own and says what it found")]

mod judge;
mod mutate;

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use fastrand::Rng;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let seconds = arguments.next().unwrap_or(60);
    let seed = arguments.next().unwrap_or(1);
    let corpus = corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fuzz/corpus"))?;
    let folder = tempfile::tempdir()?;
    let (mut rng, begun, mut cases) = (Rng::with_seed(seed), Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let (log, other) = (&corpus[rng.usize(..corpus.len())], &corpus[rng.usize(..corpus.len())]);
        let log = mutate::mutated(&mut rng, log, other);
        cases += 1;
        if let Some(difference) = judge::difference(&log, &folder.path().join("log")) {
            fs::write("difference.log", &log)?;
            bail!("after {cases} logs of seed {seed}, kept in difference.log: {difference}");
        }
    }
    println!("{cases} logs of seed {seed}, no difference");
    Ok(())
}

/// Every file, in pieces of few records, so that a mutation is not lost in a large log.
fn corpus(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let files = fs::read_dir(folder).with_context(|| format!("no corpus at {}", folder.display()))?;
    let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.sort();
    let mut logs = Vec::new();
    for file in files {
        let bytes = fs::read(file)?;
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        logs.extend(lines.chunks(3).map(<[_]>::concat));
    }
    Ok(logs)
}
