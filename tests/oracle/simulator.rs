//! The simulator as a process: cases in, verdicts out, differences counted by feature.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::policy::decision::Decision;
use tightfit::policy::iam::{Caller, Level, PolicyDocument, Stack, Who, authorize, decide};

use super::language::Asked;

/// The account of every caller and, where nothing else is said, of every resource.
pub(super) const ACCOUNT: &str = "111122223333";

/// One setup and what is asked of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// What it exercises.
    pub(super) feature: &'static str,
    /// As `judge.mjs` takes it, requests aside.
    pub(super) setup: Value,
    /// Each with the owner of its resource.
    pub(super) requests: Vec<(Asked, String)>,
}

impl Case {
    /// Identity policies of a role alone.
    pub(super) fn identity(feature: &'static str, policy: &Value, requests: Vec<Asked>) -> Case {
        let setup = json!({"principal": format!("arn:aws:iam::{ACCOUNT}:role/app"), "identity": [policy]});
        Case { feature, setup, requests: requests.into_iter().map(|asked| (asked, ACCOUNT.to_owned())).collect() }
    }

    fn line(&self) -> String {
        let mut case = self.setup.clone();
        let request = |(asked, owner): &(Asked, String)| json!({"action": asked.action, "resource": asked.resource, "owner": owner, "context": asked.context});
        case["requests"] = self.requests.iter().map(request).collect();
        format!("{case}\n")
    }
}

/// The folder that has the simulator; `None` is said.
pub(super) fn folder() -> Option<OsString> {
    let folder = std::env::var_os("TIGHTFIT_IAM_ORACLE").filter(|folder| Path::new(folder).join("node_modules").is_dir());
    if folder.is_none() {
        println!("skipped: TIGHTFIT_IAM_ORACLE names no folder with node_modules (tests/oracle/install.sh makes one)");
    }
    folder
}

/// The simulator's verdicts, one text a case.
pub(super) fn judged(folder: &OsString, cases: &[Case]) -> Vec<String> {
    let lines: String = cases.iter().map(Case::line).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/judge.mjs");
    let mut judge = Command::new("node").arg(script).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let verdicts: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), cases.len());
    verdicts
}

/// `count` values of a strategy, the same in every run.
pub(super) fn sampled<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let config = Config { cases: 1, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn request(asked: &Asked) -> AwsRequest {
    let resource = Arn::literal(&asked.resource).map_or(Resource::NoResourceLevel, Resource::Arn);
    let key = AwsRequestKey { action: Action::parse(&asked.action).unwrap(), resource, via: None };
    AwsRequest { key, context: asked.context.clone() }
}

fn letter(decision: &Decision) -> char {
    match decision {
        Decision::Allow { .. } => 'a',
        Decision::ExplicitDeny { .. } => 'd',
        Decision::ImplicitDeny { .. } => 'i',
    }
}

/// What `decide` says of one identity policy.
pub(super) fn decided(policy: &Value, asked: &Asked) -> char {
    let document: PolicyDocument = serde_json::from_value(policy.clone()).unwrap();
    letter(&decide(&[document], &request(asked)))
}

/// A principal's ARN, or an AWS service's name, as a caller.
pub(super) fn caller(principal: &str) -> Caller {
    let fields: Vec<&str> = principal.splitn(6, ':').collect();
    let &[_, partition, _, _, account, name] = fields.as_slice() else {
        return Caller { partition: "aws".into(), account: String::new(), who: Who::Service(principal.into()) };
    };
    let (kind, name) = name.split_once('/').unwrap_or((name, ""));
    let who = match (kind, name.split_once('/')) {
        ("root", _) => Who::Root,
        ("user", _) => Who::User(name.into()),
        ("assumed-role", Some((role, session))) => Who::Role { name: role.into(), session: Some(session.into()) },
        ("role", _) => Who::Role { name: name.into(), session: None },
        ("federated-user", _) => Who::FederatedUser(name.into()),
        other => panic!("{other:?}"),
    };
    Caller { partition: partition.into(), account: account.into(), who }
}

fn documents(value: &Value) -> Vec<PolicyDocument> {
    value.as_array().into_iter().flatten().map(|one| serde_json::from_value(one.clone()).unwrap()).collect()
}

fn levels(value: &Value) -> Vec<Level> {
    let level = |(number, documents_of): (usize, &Value)| Level { name: number.to_string(), documents: documents(documents_of) };
    value.as_array().into_iter().flatten().enumerate().map(level).collect()
}

/// What `authorize` says of one case.
pub(super) fn authorized(case: &Case) -> Vec<Decision> {
    let setup = &case.setup;
    let caller = caller(setup["principal"].as_str().unwrap());
    let given = |name: &str| setup.get(name).filter(|value| !value.is_null());
    let (identity, boundary) = (documents(&setup["identity"]), given("boundary").map(documents));
    let session: Option<PolicyDocument> = given("session").map(|one| serde_json::from_value(one.clone()).unwrap());
    let resource: Option<PolicyDocument> = given("resource").map(|one| serde_json::from_value(one.clone()).unwrap());
    let (scps, rcps) = (levels(&setup["scps"]), levels(&setup["rcps"]));
    let stack = Stack {
        identity: &identity,
        boundary: boundary.as_deref(),
        session: session.as_ref().map(std::slice::from_ref),
        scps: &scps,
        rcps: &rcps,
        endpoint: None,
        resource: resource.as_ref(),
    };
    case.requests.iter().map(|(asked, owner)| authorize(&stack, &caller, owner, &request(asked))).collect()
}

/// The same as letters.
pub(super) fn decisions(case: &Case) -> Vec<char> {
    authorized(case).iter().map(letter).collect()
}

/// Compares every pair and prints the counts by feature; differences that `is_explained` knows are counted apart.
pub(super) fn compare(
    folder: &OsString,
    cases: &[Case],
    is_explained: impl Fn(&Case, &Asked, &str, char, char) -> bool,
) -> usize {
    #[derive(Default)]
    struct Counts {
        pairs: usize,
        ours: BTreeMap<char, usize>,
        explained: usize,
        unexplained: usize,
    }
    let mut by_feature: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut differences = Vec::new();
    for (case, theirs) in cases.iter().zip(judged(folder, cases)) {
        let counts = by_feature.entry(case.feature).or_default();
        assert_eq!(theirs.len(), case.requests.len());
        for ((decision, theirs), (asked, owner)) in authorized(case).iter().zip(theirs.chars()).zip(&case.requests) {
            let ours = letter(decision);
            counts.pairs += 1;
            *counts.ours.entry(ours).or_default() += 1;
            if ours == theirs {
                continue;
            }
            if is_explained(case, asked, owner, ours, theirs) {
                counts.explained += 1;
            } else {
                counts.unexplained += 1;
                differences.push(format!(
                    "{}: ours {ours} ({decision}), theirs {theirs}: {} {asked:?} owner {owner}",
                    case.feature, case.setup
                ));
            }
        }
    }
    let mut pairs = 0;
    for (feature, counts) in &by_feature {
        pairs += counts.pairs;
        println!(
            "{feature}: {} pairs, ours {:?}, {} explained differences, {} unexplained",
            counts.pairs, counts.ours, counts.explained, counts.unexplained
        );
    }
    println!("compared {pairs} pairs, {} unexplained differences", differences.len());
    assert!(differences.is_empty(), "{}", differences.iter().take(12).cloned().collect::<Vec<_>>().join("\n"));
    pairs
}

/// A context from pairs.
pub(super) fn context(pairs: Vec<(&str, Option<Vec<String>>)>) -> Context {
    pairs.into_iter().filter_map(|(key, values)| values.map(|values| (key.to_owned(), values))).collect()
}
