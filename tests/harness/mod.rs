//! What the black-box tests share: the binary, scratch folders, the pipeline in one call, made-up records.
#![cfg(test)]
#![expect(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tightfit::access::days::Days;
use tightfit::access::evidence::Evidence;
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::profile::{Seen, Tally};
use tightfit::access::times::Times;
use tightfit::artifact::Artifact;
use tightfit::catalog::Catalog;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::ingest;
use tightfit::ingest::audit::decode;
use tightfit::ingest::decoded::{Decoded, Surround};
use tightfit::pipeline::{self, Plan, Source};
use tightfit::render::Templates;
use tightfit::render::redact::Detail;

/// An account of made-up records.
pub const ACCOUNT: &str = "111122223333";

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The real logs beside the project, or `None` with a word about it; where they are required their absence fails.
pub fn shared() -> Option<PathBuf> {
    let folder = root().join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("TIGHTFIT_REQUIRE_SHARED").is_none(), "../shared/data is required and absent");
    eprintln!("skipped: ../shared/data is absent");
    None
}

/// Runs the binary in `folder`.
pub fn tightfit(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tightfit")).current_dir(folder).args(arguments).output().unwrap()
}

/// Exit code, standard output and standard error.
pub fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Settings that make no recording short.
pub fn config(text: &str) -> Config {
    UncheckedConfig::parse("test", text).unwrap().check().unwrap()
}

/// The whole job over files or folders.
pub fn generate(inputs: &[&Path], config: &Config, jobs: usize) -> Plan {
    let names: Vec<String> = inputs.iter().map(|path| path.display().to_string()).collect();
    let inputs = ingest::discover(&names, &mut std::io::empty()).unwrap();
    let source =
        Source { inputs: &inputs.inputs, config, catalog: Catalog::embedded(), snapshot: None, jobs, progress: &|_, _| {} };
    pipeline::generate(&source).unwrap()
}

/// The files of a plan.
pub fn artifacts(plan: &Plan, config: &Config) -> Vec<Artifact> {
    let templates = Templates::new(None).unwrap();
    pipeline::artifacts(plan, config, Catalog::embedded(), &templates, Detail::Redacted).unwrap()
}

/// The files that are policies: what must not depend on order, splitting, repetition or compression.
pub fn policies(plan: &Plan, config: &Config) -> Vec<Artifact> {
    let notes = ["report.md", "evidence.json", "verdict.json", "manifest.json"];
    artifacts(plan, config).into_iter().filter(|artifact| !notes.contains(&artifact.path.as_str())).collect()
}

/// Every file below a folder, by relative path.
pub fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for listed in fs::read_dir(&next).unwrap() {
            let path = listed.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push((path.strip_prefix(folder).unwrap().display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// A session of a role, as CloudTrail names it.
pub fn role(name: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole", "principalId": format!("AROAMADEUP:{session}"), "accountId": ACCOUNT,
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "accountId": ACCOUNT, "userName": name}},
    })
}

/// One CloudTrail record; `number` makes id and time.
pub fn event(number: u64, identity: &Value, service: &str, name: &str, parameters: &Value, error: Option<&str>) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "userIdentity": identity, "eventTime": format!("2026-10-{:02}T{:02}:00:00Z", number / 24 % 28 + 1, number % 24),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.1",
        "userAgent": "made-up", "requestParameters": parameters, "responseElements": null, "requestID": format!("r-{number}"),
        "eventID": format!("e-{number}"), "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "managementEvent": true, "eventCategory": "Management",
    });
    if let Some(error) = error {
        record["errorCode"] = json!(error);
    }
    record
}

/// One audit event; `number` makes id and time.
pub fn audit(number: u64, user: &str, verb: &str, object: &Value, code: u16) -> Value {
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let decision = if code == 403 { "forbid" } else { "allow" };
    let time = format!("2026-10-{:02}T{:02}:00:00.000000Z", number / 24 % 28 + 1, number % 24);
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("a-{number}"), "stage": "ResponseComplete",
        "requestURI": format!("/api/v1/namespaces/{}/{}/{}", field("namespace"), field("resource"), field("name")), "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]}, "sourceIPs": ["192.0.2.2"], "userAgent": "made-up",
        "objectRef": object, "responseStatus": {"metadata": {}, "code": code}, "requestReceivedTimestamp": time, "stageTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": ""},
    })
}

/// Records as JSON lines in a file of `folder`.
pub fn write_lines(folder: &Path, name: &str, records: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(&path, text).unwrap();
    path
}

/// An audit event with bodies, of a service account `NAMESPACE:NAME`: verb, URI, what else is said.
pub fn audit_of(account: &str, verb: &str, uri: &str, more: Value) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "id", "stage": "ResponseComplete",
        "requestURI": uri, "verb": verb,
        "user": {"username": format!("system:serviceaccount:{account}"), "groups": ["system:serviceaccounts", "system:authenticated"]},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

/// What an audit event is read as.
pub fn decoded(event: &Value) -> Decoded {
    decode(event.to_string().as_bytes(), &Surround::default()).expect("an audit event")
}

/// One record, on the first of all days.
pub fn tally() -> Box<Tally> {
    let time = jiff::Timestamp::UNIX_EPOCH;
    let times = Times { count: 1, first: time, last: time, days: Days::of(0), evidence: Evidence::default() };
    Box::new(Tally { times, context: Default::default(), issued_to: Default::default() })
}

/// One record of each outcome, that the log states.
pub fn seen(outcomes: &[Outcome]) -> Seen {
    Seen { outcomes: outcomes.iter().map(|outcome| (*outcome, tally())).collect(), bases: [Basis::Stated].into() }
}
