//! Real and foreign logs of ../shared/data: no panic, sums, and AWS's own words about refused calls as the judge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tightfit::access::aws::{AwsRequestKey, Resource, Text};
use tightfit::access::observation::{Basis, Outcome, Undecided};
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
    /// By service, of requests whose action has a resource level: with an ARN, without one.
    levels: BTreeMap<String, (usize, usize)>,
    judged: Judged,
}

/// Refusals whose message names an action, placeholders excluded.
#[derive(Debug, Default)]
struct Judged {
    messages: usize,
    placeholders: usize,
    distinct: BTreeSet<String>,
    actions_differ: Vec<String>,
    /// Messages that name a resource which the record's own fields name too.
    arns: usize,
    /// Of those, how many agree only after the account that anonymisation left in the message is read as the record's.
    other_account: usize,
    arns_differ: Vec<String>,
    /// Where ours is taken from the message, since the record has no parameters: no judge of ours.
    from_message: usize,
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
                        Request::Aws(request) => Some((request.key.clone(), asked.outcome, asked.basis.clone())),
                        Request::Kube(_) | Request::Pod(_) | Request::Flow(_) => None,
                    })
                    .collect();
                self.requests += keys.len();
                for (key, _, _) in &keys {
                    let level = self.levels.entry(key.action.service.clone()).or_default();
                    match &key.resource {
                        Resource::Arn(_) => level.0 += 1,
                        Resource::NotBuilt => {
                            level.1 += 1;
                            bump(&mut self.not_built, key.action.to_string());
                        }
                        Resource::NoResourceLevel => {}
                    }
                }
                self.judged.judge(record, &keys);
            }
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
        eprintln!("  by service (ARN, not built) {:?}", self.levels);
        self.judged.show();
        assert_eq!(self.records, self.observed + sum(&self.undecided) + sum(&self.skipped) + sum(&self.rejected), "{name}");
    }
}

impl Judged {
    /// Compares with `User: ARN is not authorized to perform: ACTION on resource: ARN`.
    fn judge(&mut self, record: &Value, keys: &[(AwsRequestKey, Outcome, Basis)]) {
        let message = record["errorMessage"].as_str().unwrap_or_default();
        let Some((before, after)) = message.split_once("not authorized to perform: ") else { return };
        let action = after.split([' ', '\n']).next().unwrap_or_default().trim_end_matches(['.', ',']);
        if action == "iam:Action" {
            self.placeholders += 1;
            return;
        }
        self.messages += 1;
        self.distinct.insert(action.to_owned());
        let of_message = |basis: &Basis| matches!(basis, Basis::Implied(rule) if rule.contains("refusal's message names"));
        let of_action = |basis: &Basis| matches!(basis, Basis::Implied(rule) if rule.contains("message names the action"));
        let same: Vec<_> = keys.iter().filter(|(key, _, basis)| key.action.to_string() == action && !of_action(basis)).collect();
        if same.is_empty() || same.iter().any(|(_, outcome, _)| *outcome != Outcome::Refused) {
            let ours: Vec<String> = keys.iter().map(|(key, outcome, _)| format!("{} {outcome:?}", key.action)).collect();
            self.actions_differ.push(format!("{} {}: AWS {action}, ours {ours:?}", record["eventName"], record["errorCode"]));
            return;
        }
        let Some((_, resource)) = after.split_once("on resource: ") else { return };
        if same.iter().any(|(_, _, basis)| of_message(basis)) {
            self.from_message += 1;
            return;
        }
        self.arns += 1;
        let theirs = resource.split([' ', '\n']).next().unwrap_or_default();
        let agree = |theirs: &str| {
            same.iter().any(|(key, _, _)| match &key.resource {
                Resource::Arn(arn) => covers(&Text::from_policy(theirs), &arn.to_policy()),
                Resource::NoResourceLevel => theirs == "*",
                Resource::NotBuilt => false,
            })
        };
        // An anonymised copy may name one account by two numbers: the message says `User:` of the record's own principal.
        let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
        let (told, own) = (
            account(before.split("User: ").nth(1).unwrap_or_default()),
            record["recipientAccountId"].as_str().unwrap_or_default(),
        );
        let elsewhere = !told.is_empty() && told != own && agree(&theirs.replace(&told, own));
        if !agree(theirs) && elsewhere {
            self.other_account += 1;
        } else if !agree(theirs) {
            let ours: Vec<String> = same.iter().map(|(key, _, _)| format!("{:?}", key.resource)).collect();
            self.arns_differ.push(format!("{action}: AWS {theirs}, ours {ours:?}"));
        }
    }

    fn show(&self) {
        eprintln!(
            "  judged by AWS's words: {} messages, {} distinct actions, {} placeholders; other action {}; of {} ARNs {} differ, {} more agree \
             but for the account of an anonymised message; {} resources are from the message itself",
            self.messages,
            self.distinct.len(),
            self.placeholders,
            self.actions_differ.len(),
            self.arns,
            self.arns_differ.len(),
            self.other_account,
            self.from_message,
        );
        self.arns_differ.iter().for_each(|line| eprintln!("    {line}"));
    }

    fn merge(&mut self, other: Judged) {
        self.messages += other.messages;
        self.placeholders += other.placeholders;
        self.distinct.extend(other.distinct);
        self.arns += other.arns;
        self.other_account += other.other_account;
        self.arns_differ.extend(other.arns_differ);
        self.from_message += other.from_message;
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
    let mut judged = Judged::default();
    // Beside each the most requests whose resource the record may fail to show: most are edited records without parameters.
    for (name, not_built_max) in [("trailscraper", 0), ("stratus-red-team", 0), ("panther-tests", 30), ("otrf-cloudbreach", 0)] {
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
        assert_eq!(count.judged.actions_differ, Vec::<String>::new(), "{name}: AWS names another action");
        assert!(count.not_built.values().sum::<usize>() <= not_built_max, "{name}: {:?}", count.not_built);
        judged.merge(count.judged);
    }
    eprintln!("all");
    judged.show();
    assert!(judged.messages > 50 && judged.distinct.len() > 5, "{judged:?}");
    assert!(judged.arns_differ.len() * 50 <= judged.arns, "AWS names another resource: {:#?}", judged.arns_differ);
}
