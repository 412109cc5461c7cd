//! Real and foreign logs of ../shared/data: no panic, sums, and AWS's own words about refused calls as the judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tightfit::access::aws::{Resource, Text};
use tightfit::access::observation::{Outcome, Undecided};
use tightfit::access::request::Request;
use tightfit::catalog::Catalog;
use tightfit::ingest::cloudtrail::decode;
use tightfit::ingest::decoded::{Decoded, End};

#[derive(Debug, Default)]
struct Count {
    records: usize,
    observed: usize,
    undecided: BTreeMap<String, usize>,
    skipped: BTreeMap<String, usize>,
    rejected: BTreeMap<String, usize>,
    requests: usize,
    not_built: BTreeMap<String, usize>,
    judged: usize,
    actions_differ: Vec<String>,
    arns_differ: Vec<String>,
}

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cloudtrail");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/data/cloudtrail is absent");
        return None;
    }
    Some(folder)
}

/// Records of a file, whatever wraps them here: `Records`, a list, or one per line.
fn records(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list,
        Ok(Value::Object(object)) if object.contains_key("Records") => object["Records"].as_array().cloned().unwrap_or_default(),
        Ok(other) => vec![other],
        Err(_) => {
            text.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| serde_json::from_str(line).ok()).collect()
        }
    }
}

impl Count {
    fn insert(&mut self, record: &Value, decoded: Option<Decoded>) {
        self.records += 1;
        let bump = |map: &mut BTreeMap<String, usize>, key: String| *map.entry(key).or_default() += 1;
        let Some(decoded) = decoded else { return bump(&mut self.rejected, "no CloudTrail record".to_owned()) };
        match decoded.end {
            End::Skipped(skip) => bump(&mut self.skipped, format!("{skip:?}")),
            End::Rejected { detail, .. } => bump(&mut self.rejected, detail),
            End::Undecided { why: Undecided::EventUnmapped(event), .. } => bump(&mut self.undecided, event),
            End::Undecided { why, .. } => bump(&mut self.undecided, format!("{why:?}")),
            End::Observed(asked) => {
                self.observed += 1;
                let keys: Vec<_> = asked
                    .iter()
                    .filter_map(|asked| match &asked.request {
                        Request::Aws(request) => Some((request.key.clone(), asked.outcome)),
                        Request::Kube(_) | Request::Pod(_) => None,
                    })
                    .collect();
                self.requests += keys.len();
                for (key, _) in keys.iter().filter(|(key, _)| key.resource == Resource::NotBuilt) {
                    bump(&mut self.not_built, key.action.to_string());
                }
                self.judge(record, &keys);
            }
        }
    }

    /// Compares with `is not authorized to perform: ACTION on resource: ARN`.
    fn judge(&mut self, record: &Value, keys: &[(tightfit::access::aws::AwsRequestKey, Outcome)]) {
        let message = record["errorMessage"].as_str().unwrap_or_default();
        let Some((_, after)) = message.split_once("not authorized to perform: ") else { return };
        let action = after.split([' ', '\n']).next().unwrap_or_default().trim_end_matches(['.', ',']);
        if action == "iam:Action" {
            return;
        }
        self.judged += 1;
        let same: Vec<_> = keys.iter().filter(|(key, _)| key.action.to_string() == action).collect();
        if same.is_empty() || same.iter().any(|(_, outcome)| *outcome != Outcome::Refused) {
            let ours: Vec<String> = keys.iter().map(|(key, outcome)| format!("{} {outcome:?}", key.action)).collect();
            self.actions_differ.push(format!("{} {}: AWS {action}, ours {ours:?}", record["eventName"], record["errorCode"]));
            return;
        }
        let Some((_, resource)) = after.split_once("on resource: ") else { return };
        let theirs = resource.split([' ', '\n']).next().unwrap_or_default();
        let agrees = same.iter().any(|(key, _)| match &key.resource {
            Resource::Arn(arn) => covers(&Text::from_policy(theirs), &arn.to_policy()),
            Resource::NoResourceLevel => theirs == "*",
            Resource::NotBuilt => false,
        });
        if !agrees {
            let ours: Vec<String> = same.iter().map(|(key, _)| format!("{:?}", key.resource)).collect();
            self.arns_differ.push(format!("{action}: AWS {theirs}, ours {}", ours.first().map_or("", String::as_str)));
        }
    }

    fn show(&self, name: &str) {
        let sum = |map: &BTreeMap<String, usize>| map.values().sum::<usize>();
        let not_built = sum(&self.not_built);
        eprintln!(
            "{name}: {} records, {} observed, {} undecided, {} skipped, {} rejected; {} requests, {not_built} not built",
            self.records,
            self.observed,
            sum(&self.undecided),
            sum(&self.skipped),
            sum(&self.rejected),
            self.requests,
        );
        eprintln!("  undecided {:?}\n  skipped {:?}\n  rejected {:?}", self.undecided, self.skipped, self.rejected);
        eprintln!("  not built {:?}", self.not_built);
        eprintln!(
            "  judged by AWS's words: {}, other action {}, other resource {}",
            self.judged,
            self.actions_differ.len(),
            self.arns_differ.len()
        );
        self.arns_differ.iter().for_each(|line| eprintln!("    {line}"));
        assert_eq!(self.records, self.observed + sum(&self.undecided) + sum(&self.skipped) + sum(&self.rejected), "{name}");
    }
}

/// Whether the pattern in AWS's message covers what we wrote.
fn covers(pattern: &Text, ours: &str) -> bool {
    let pattern = pattern.to_policy();
    match pattern.split_once('*') {
        Some((front, back)) => ours.starts_with(front) && ours.ends_with(back),
        None => ours == pattern,
    }
}

#[test]
fn every_folder_is_read() {
    let Some(folder) = folder() else { return };
    let mut judged = 0;
    // Beside each the most requests whose resource the record may fail to show, and the most of AWS's ARNs that are not ours:
    // anonymised copies whose account differs inside one record, and refused calls that name a resource in their message only.
    for (name, not_built_max, arns_differ_max) in
        [("trailscraper", 0, 0), ("stratus-red-team", 4, 7), ("panther-tests", 41, 4), ("otrf-cloudbreach", 2, 0)]
    {
        let mut count = Count::default();
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let is_log = file.extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
            if !is_log || file.to_string_lossy().contains(".meta.") {
                continue;
            }
            for record in records(&std::fs::read_to_string(&file).unwrap()) {
                let decoded = decode(record.to_string().as_bytes(), Catalog::embedded());
                count.insert(&record, decoded);
            }
        }
        count.show(name);
        assert!(count.records > 0, "{name} holds no record");
        assert_eq!(count.actions_differ, Vec::<String>::new(), "{name}: AWS names another action");
        assert!(count.arns_differ.len() <= arns_differ_max, "{name}: AWS names another resource: {:#?}", count.arns_differ);
        assert!(count.not_built.values().sum::<usize>() <= not_built_max, "{name}: {:?}", count.not_built);
        judged += count.judged;
    }
    assert!(judged > 50, "{judged}");
}
