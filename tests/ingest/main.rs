//! Ingest from the outside: every wrapper, compression, duplicates and stages in any order, bad input, and the real logs.

#![cfg(test)]

mod arguments;
mod bad;
mod field;
mod memo;
mod names;
mod once;
mod wrappers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use tightfit::access::coverage::Sighting;
use tightfit::access::inventory::Fact;
use tightfit::access::ledger::FileFault;
use tightfit::access::observation::{Record, Sink};
use tightfit::access::times::Times;
use tightfit::catalog::Catalog;
use tightfit::config::Pattern;
use tightfit::ingest::{IngestError, Input, InputKind, Inputs, Options, Reading, discover, read};

/// What a sink saw, as text: one line per call.
#[derive(Default)]
struct Seen {
    observed: Vec<String>,
    /// Records by observation.
    observed_counts: BTreeMap<String, u64>,
    ends: BTreeMap<String, u64>,
    calls: Vec<String>,
    sightings: u64,
    clusters: BTreeMap<String, bool>,
}

impl Seen {
    fn end(&mut self, end: String, count: u64) {
        self.calls.push(format!("{end} {count}"));
        *self.ends.entry(end).or_default() += count;
    }

    fn count(&self, end: &str) -> u64 {
        self.ends.get(end).copied().unwrap_or(0)
    }

    fn records(&self) -> u64 {
        self.ends.values().sum()
    }
}

impl Sink for Seen {
    fn record(&mut self, record: &Record<'_>) {
        match record {
            Record::Observed { observations, count } => {
                assert!(!observations.is_empty());
                for seen in observations {
                    assert_eq!(seen.times.count, *count);
                    let line = format!("{} {} {:?} {:?}", seen.identity, seen.request.key(), seen.outcome, seen.basis);
                    let context = seen.request.context();
                    *self.observed_counts.entry(format!("{line} {context:?} {}", seen.issued_to)).or_default() += count;
                    self.observed.push(line);
                }
                self.end("observed".to_owned(), *count);
            }
            Record::Undecided { why, count, .. } => self.end(format!("undecided {why:?}"), *count),
            Record::Skipped { skip, count } => self.end(format!("skipped {skip:?}"), *count),
            Record::Rejected { reject, .. } => self.end(format!("rejected {reject:?}"), 1),
        }
    }

    fn fact(&mut self, fact: &Fact) {
        self.calls.push(format!("{fact:?}"));
    }

    fn sighting(&mut self, sighting: &Sighting, times: &Times) {
        self.sightings += times.count;
        if let Sighting::Audit(sighting) = sighting {
            self.clusters.insert(sighting.cluster.clone(), sighting.cluster_named);
        }
    }
}

fn options() -> Options<'static> {
    Options { jobs: 2, ..Options::new(Catalog::embedded()) }
}

fn read_all(inputs: &Inputs, options: &Options<'_>) -> (Seen, Reading) {
    let mut seen = Seen::default();
    let reading = read(&inputs.inputs, options, &mut seen, &|_, _| {});
    assert_eq!(seen.records(), reading.records, "every record ends exactly once");
    assert_eq!(reading.files.values().map(|file| file.records).sum::<u64>(), reading.records);
    (seen, reading)
}

fn arguments(paths: &[&Path]) -> Vec<String> {
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn found(paths: &[&Path]) -> Inputs {
    discover(&arguments(paths), &mut std::io::empty()).expect("inputs")
}

/// Reads bytes as one file.
fn read_bytes(bytes: &[u8], options: &Options<'_>) -> (Seen, Reading) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    fs::write(&path, bytes).expect("write");
    read_all(&found(&[&path]), options)
}

fn fault(reading: &Reading) -> Option<FileFault> {
    reading.files.values().find_map(|file| file.fault.clone())
}

fn event(id: &str, verb: &str, stage: &str, code: u16) -> String {
    let (resource, name) = ("pods", if verb == "get" { "web-0" } else { "" });
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"{stage}","requestURI":"/api/v1/namespaces/shop/{resource}/{name}","verb":"{verb}","user":{{"username":"system:serviceaccount:shop:web","groups":["system:authenticated"]}},"objectRef":{{"resource":"{resource}","namespace":"shop","name":"{name}","apiVersion":"v1"}},"responseStatus":{{"code":{code}}},"requestReceivedTimestamp":"2026-11-20T10:00:00.000000Z","annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#
    )
}

fn get(id: &str) -> String {
    event(id, "get", "ResponseComplete", 200)
}

fn text(json: &str) -> String {
    serde_json::Value::String(json.to_owned()).to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn subscription(message_type: &str, events: &[String]) -> String {
    let events: Vec<String> =
        events.iter().map(|event| format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, text(event))).collect();
    format!(
        r#"{{"messageType":"{message_type}","owner":"1","logGroup":"/aws/eks/prod-1/cluster","logStream":"kube-apiserver-audit-1","subscriptionFilters":["f"],"logEvents":[{}]}}"#,
        events.join(",")
    )
}
