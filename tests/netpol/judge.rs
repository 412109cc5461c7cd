//! netpol-analyzer as a process of its own: folders of manifests in, allowed connections out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// What it says of one folder.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) connections: Vec<Connection>,
    pub(super) peers: Vec<String>,
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Connection {
    src: String,
    dst: String,
    all: bool,
    ports: BTreeMap<String, Vec<(i64, i64)>>,
}

/// The program; `None` where it is not there, which fails where judges are required.
pub(super) fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TIGHTFIT_NETPOL_ANALYZER").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let program = named.or_else(|| cache.map(|cache| cache.join("tightfit/netpol-analyzer/judge"))).filter(|path| path.is_file());
    if program.is_none() {
        assert!(
            std::env::var_os("TIGHTFIT_REQUIRE_SHARED").is_none(),
            "netpol-analyzer is required and absent: run tests/netpol/install.sh, set TIGHTFIT_NETPOL_ANALYZER"
        );
        println!("skipped: netpol-analyzer is absent (tests/netpol/install.sh)");
    }
    program
}

/// Asks about every folder, in order.
pub(super) fn ask(program: &Path, folders: &[PathBuf]) -> Vec<Answer> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = folders.iter().map(|folder| format!("{}\n", folder.display())).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<Answer> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), folders.len());
    answers
}

/// Writes manifests as the files of a folder.
pub(super) fn write(folder: &Path, manifests: &[serde_json::Value]) {
    fs::create_dir_all(folder).unwrap();
    for (place, manifest) in manifests.iter().enumerate() {
        fs::write(folder.join(format!("{place:04}.json")), manifest.to_string()).unwrap();
    }
}

/// An end as netpol-analyzer names it, or an address, which it groups into ranges.
fn is_end(named: &str, end: &str) -> bool {
    let Ok(address) = end.parse::<Ipv4Addr>() else { return named == end };
    named.split(',').any(|range| match range.trim().split_once('-') {
        Some((first, last)) => match (first.parse::<Ipv4Addr>(), last.parse::<Ipv4Addr>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&address),
            _ => false,
        },
        None => match range.trim().split_once('/') {
            Some((block, prefix)) => match (block.parse::<Ipv4Addr>(), prefix.parse::<u32>()) {
                (Ok(block), Ok(prefix)) => {
                    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                    u32::from(block) & mask == u32::from(address) & mask
                }
                _ => false,
            },
            None => range.trim().parse() == Ok(address),
        },
    })
}

impl Answer {
    /// Whether a connection is allowed by netpol-analyzer's word.
    pub(super) fn allows(&self, src: &str, dst: &str, transport: &str, port: u16) -> bool {
        let asked = |connection: &&Connection| is_end(&connection.src, src) && is_end(&connection.dst, dst);
        let port = i64::from(port);
        self.connections.iter().filter(asked).any(|connection| {
            let ranges = connection.ports.get(transport).into_iter().flatten();
            connection.all || ranges.clone().any(|(first, last)| (*first..=*last).contains(&port))
        })
    }
}
