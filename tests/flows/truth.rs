//! The same truth from each format; where a format cannot carry something, what is missing is stated here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use polars::prelude::{Column, DataFrame, ParquetCompression, ParquetWriter};
use tightfit::access::flow::{End, Flow, is_served};
use tightfit::access::profile::Profile;
use tightfit::config::VpcFormat;
use tightfit::ingest::Options;

use crate::forms;
use crate::read::{Behind, profile, profile_with, resolved};
use crate::shop;

const SEED: u64 = 4711;

/// Like a flow prints itself, names of outside addresses left out.
fn spelled(flow: &Flow) -> String {
    let plain = |end: &End| match end {
        End::Address { address, .. } => End::address(*address),
        End::Pod(_) | End::Reserved(_) => end.clone(),
    };
    Flow { client: plain(&flow.client), server: plain(&flow.server), ..flow.clone() }.to_string()
}

struct Found {
    profile: Profile,
    flows: BTreeMap<Flow, Behind>,
}

impl Found {
    fn of(files: &[(&str, &[u8])], options: Option<&Options<'_>>) -> Found {
        let audit = shop::audit_log();
        let mut all: Vec<(&str, &[u8])> = vec![("audit.log", audit.as_bytes())];
        all.extend(files);
        let profile = options.map_or_else(|| profile(&all), |options| profile_with(&all, options));
        assert_eq!(profile.ledger.rejected_count(), 0, "{:?}", profile.ledger.rejected);
        let (flows, unresolved) = resolved(&profile);
        assert_eq!(unresolved, Vec::<String>::new());
        Found { profile, flows }
    }

    fn spelled(&self, wanted: impl Fn(&Behind) -> bool) -> BTreeSet<String> {
        self.flows.iter().filter(|(_, behind)| wanted(behind)).map(|(flow, _)| spelled(flow)).collect()
    }

    fn allowed(&self) -> BTreeSet<String> {
        self.spelled(|behind| behind.allowed > 0)
    }

    fn refused(&self) -> BTreeSet<String> {
        self.spelled(|behind| behind.refused > 0)
    }
}

fn replaced(flows: BTreeSet<String>, from: &str, to: &str) -> BTreeSet<String> {
    flows.into_iter().map(|flow| flow.replace(from, to)).collect()
}

#[test]
fn hubble_carries_all_of_it() {
    let happened = shop::happened(SEED);
    let found = Found::of(&[("hubble.json", forms::hubble(&happened).as_bytes())], None);
    assert_eq!(found.allowed(), shop::flows(true));
    assert_eq!(found.refused(), shop::flows(false));
    let named = found.flows.keys().filter_map(|flow| match &flow.server {
        End::Address { names, .. } => names.first().cloned(),
        End::Pod(_) | End::Reserved(_) => None,
    });
    assert_eq!(named.collect::<Vec<_>>(), ["api.pay.example"]);
    // One observation of each connection is an answer; what is on its way to a pod is no evidence yet.
    assert!(found.profile.ledger.skipped_count() > 0);
    assert!(found.flows.values().all(|behind| behind.stated));
}

#[test]
fn vpc_flow_logs_carry_all_of_it_and_say_who_opened_for_tcp() {
    let lines = forms::vpc(&shop::happened(SEED));
    let headed = format!("{}\n{}\n", forms::VPC_FIELDS, lines.join("\n"));
    let bare = lines.join("\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(headed.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let fields: Vec<String> = forms::VPC_FIELDS.split(' ').map(|field| format!("${{{field}}}")).collect();
    let format = VpcFormat::parse(&fields.join(" ")).unwrap();
    let given = Options { vpc_format: Some(&format), ..Options::new(tightfit::catalog::Catalog::embedded()) };
    let objects: String = lines.iter().map(|line| object(line) + "\n").collect();
    for (name, bytes, options) in [
        ("header", headed.as_bytes(), None),
        ("gzip", packed.as_slice(), None),
        ("--vpc-format", bare.as_bytes(), Some(&given)),
        ("parquet", &parquet(&lines), None),
        ("objects", objects.as_bytes(), None),
    ] {
        let found = Found::of(&[("flows", bytes)], options);
        assert_eq!(found.allowed(), shop::flows(true), "{name}");
        assert_eq!(found.refused(), shop::flows(false), "{name}");
        // UDP has no opening: the lower port is the server's by assumption, and here the inventory declares it.
        for (flow, behind) in &found.flows {
            assert_eq!(behind.stated, flow.transport.name() == "TCP", "{name}: {flow}");
            assert!(behind.stated || is_served(flow, "cluster", &found.profile.inventory), "{name}: {flow}");
        }
    }
}

/// A line as collectors turn it into JSON.
fn object(line: &str) -> String {
    let pairs = forms::VPC_FIELDS.split(' ').zip(line.split(' '));
    serde_json::Value::Object(pairs.map(|(name, text)| (name.replace('-', "_"), text.into())).collect()).to_string()
}

/// The lines as AWS's Parquet has them: numbers as numbers, underscores for dashes.
pub(crate) fn parquet(lines: &[String]) -> Vec<u8> {
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    let columns = forms::VPC_FIELDS.split(' ').enumerate().map(|(place, name)| {
        let texts: Vec<&str> = rows.iter().map(|row| row[place]).collect();
        let name = name.replace('-', "_");
        match texts.iter().map(|text| text.parse::<i64>()).collect::<Result<Vec<i64>, _>>() {
            Ok(numbers) => Column::new(name.into(), numbers),
            Err(_) => Column::new(name.into(), texts),
        }
    });
    let mut frame = DataFrame::new(rows.len(), columns.collect()).unwrap();
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy).with_row_group_size(Some(100));
    writer.finish(&mut frame).unwrap();
    bytes
}

#[test]
fn goldmane_carries_all_but_outside_addresses() {
    let found = Found::of(&[("goldmane.json", forms::goldmane(&shop::happened(SEED)).as_bytes())], None);
    let world = |flows| replaced(replaced(flows, shop::PAY, "the world"), shop::BROWSER, "the world");
    assert_eq!(found.allowed(), world(shop::flows(true)));
    assert_eq!(found.refused(), world(shop::flows(false)));
}

#[test]
fn calico_enterprise_carries_all_of_it() {
    let found = Found::of(&[("enterprise.json", forms::enterprise(&shop::happened(SEED)).as_bytes())], None);
    assert_eq!(found.allowed(), shop::flows(true));
    assert_eq!(found.refused(), shop::flows(false));
}

#[test]
fn istio_sees_what_passes_a_proxy() {
    let found = Found::of(&[("istio.log", forms::istio(&shop::happened(SEED)).as_bytes())], None);
    // UDP passes no proxy, and neither does a connection between two ends outside of the mesh.
    let outside =
        |flow: &String| flow.contains(" on UDP ") || (flow.contains("Deployment/prom") && flow.contains("another node"));
    let seen: BTreeSet<String> = shop::flows(true).into_iter().filter(|flow| !outside(flow)).collect();
    assert_eq!(found.allowed(), seen);
    // A connection that a NetworkPolicy stops looks like any that failed: unknown, and only where the client has a proxy.
    assert_eq!(found.refused(), BTreeSet::new());
    let failed: BTreeSet<String> = shop::flows(false).into_iter().filter(|flow| !flow.contains("Deployment/prom")).collect();
    assert_eq!(found.spelled(|behind| behind.unknown > 0 && behind.allowed == 0), failed);
}

#[test]
fn ipfix_carries_what_was_let_through_and_never_who_opened_it() {
    let found = Found::of(&[("ipfix.json", forms::ipfix(&shop::happened(SEED)).as_bytes())], None);
    assert_eq!(found.allowed(), shop::flows(true));
    assert_eq!(found.refused(), BTreeSet::new());
    assert!(found.flows.values().all(|behind| !behind.stated));
    let remarks = tightfit::access::flow::remarks(&found.profile);
    let unserved = remarks.iter().find(|remark| remark.code.name() == "flow-direction-unknown").expect("told");
    assert!(unserved.note.contains("203.0.113.10"), "{}", unserved.note);
}

#[test]
fn flows_carry_stable_labels_named_ports_and_namespaces_and_are_the_same_from_each_format() {
    let happened = shop::happened(SEED);
    let ends = |found: &Found| -> BTreeSet<End> {
        let ends = found.flows.keys().flat_map(|flow| [flow.client.clone(), flow.server.clone()]);
        ends.filter(|end| end.pod().is_some()).collect()
    };
    let hubble = ends(&Found::of(&[("a", forms::hubble(&happened).as_bytes())], None));
    assert_eq!(hubble.len(), shop::OWNERS.len());
    for end in &hubble {
        let pod = end.pod().unwrap();
        let labels: Vec<&str> = pod.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, ["app", "tier"]);
        assert_eq!(pod.namespace_labels.get("kubernetes.io/metadata.name"), Some(&pod.namespace));
        assert_eq!(pod.namespace_labels.get("team").map(String::as_str), Some("a"));
        assert_eq!(pod.pod, "");
        if pod.labels.get("app").map(String::as_str) == Some("db") {
            assert_eq!(pod.ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["metrics", "pg"]);
        }
    }
    let vpc = format!("{}\n{}\n", forms::VPC_FIELDS, forms::vpc(&happened).join("\n"));
    assert_eq!(ends(&Found::of(&[("a", vpc.as_bytes())], None)), hubble);
    assert_eq!(ends(&Found::of(&[("a", forms::goldmane(&happened).as_bytes())], None)), hubble);
    assert_eq!(ends(&Found::of(&[("a", forms::enterprise(&happened).as_bytes())], None)), hubble);
    assert_eq!(ends(&Found::of(&[("a", forms::ipfix(&happened).as_bytes())], None)), hubble);
}
