//! A seeded generator of realistic logs, for measuring: `generate-log cloudtrail|audit --bytes N [--callers N] --out PATH`.
//!
//! The same seed and size give the same bytes. `cloudtrail` writes a folder of `.json.gz` files as a trail delivers them (with
//! `--single` one file); `audit` writes one file of JSON lines as an API server does.

#![expect(clippy::indexing_slicing, reason = "a generator draws from tables of its own")]

mod audit;
mod cloudtrail;
mod draw;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;

use draw::Draw;

/// Writes a generated log.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which kind of log.
    kind: Kind,
    /// How much in all, in bytes before compression.
    #[arg(long, default_value_t = 200_000_000)]
    bytes: u64,
    /// How much in one file of a trail, in bytes before compression.
    #[arg(long, default_value_t = 5_000_000)]
    file_bytes: u64,
    /// A trail as one file, whatever its size.
    #[arg(long)]
    single: bool,
    /// How many identities call in a trail; each makes each of its calls (about four) at least once, where the log has room for them.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..))]
    callers: u32,
    /// Another seed, another log.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of a trail, or the file of an audit log; must not exist.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Cloudtrail,
    Audit,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.out.exists() {
        bail!("`{}` is there already", arguments.out.display());
    }
    let mut draw = Draw::new(arguments.seed);
    match arguments.kind {
        Kind::Cloudtrail => trail(&arguments, &mut draw),
        Kind::Audit => audit_lines(&arguments, &mut draw),
    }
}

fn trail(arguments: &Arguments, draw: &mut Draw) -> anyhow::Result<()> {
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make `{}`", arguments.out.display()))?;
    let file_bytes = if arguments.single { arguments.bytes } else { arguments.file_bytes };
    let mut organization = cloudtrail::Organization::new(draw, usize::try_from(arguments.callers)?);
    let (mut written, mut number) = (0, 0);
    let mut record = String::new();
    while written < arguments.bytes {
        let (account, day) = (organization.account_of(number).to_owned(), number / 8 % 28 + 1);
        let name = format!("{account}_CloudTrail_eu-west-1_202610{day:02}T0000Z_{number:06}.json.gz");
        let path = arguments.out.join(name);
        let file = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
        let mut gzip = GzEncoder::new(BufWriter::with_capacity(1 << 20, file), Compression::new(6));
        gzip.write_all(b"{\"Records\":[")?;
        let mut bytes = 0;
        while bytes < file_bytes && written < arguments.bytes {
            record.clear();
            organization.record(draw, &account, day, &mut record);
            if bytes > 0 {
                gzip.write_all(b",")?;
            }
            gzip.write_all(record.as_bytes())?;
            bytes += u64::try_from(record.len())?;
            written += u64::try_from(record.len())?;
        }
        gzip.write_all(b"]}")?;
        gzip.finish()?.flush()?;
        number += 1;
    }
    Ok(())
}

fn audit_lines(arguments: &Arguments, draw: &mut Draw) -> anyhow::Result<()> {
    let file = File::create(&arguments.out).with_context(|| format!("cannot write `{}`", arguments.out.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let cluster = audit::Cluster::new(draw);
    let (mut written, mut line) = (0, String::new());
    while written < arguments.bytes {
        line.clear();
        cluster.event(draw, &mut line);
        line.push('\n');
        out.write_all(line.as_bytes())?;
        written += u64::try_from(line.len())?;
    }
    out.flush()?;
    Ok(())
}
