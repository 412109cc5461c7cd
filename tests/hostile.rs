//! Hostile input: nothing in a log escapes its quoting or widens a policy; bad files give a clear word and never half an output.
#![cfg(test)]

mod harness;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::{ACCOUNT, artifacts, audit, config, ended, event, generate, role, tightfit, tree, write_lines};
use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Resource};
use tightfit::access::request::Request;
use tightfit::config::Config;
use tightfit::finding::Code;
use tightfit::pipeline::Plan;

/// What a caller could put into a name.
const STRINGS: &[&str] = &[
    "\"}],\"Effect\":\"Allow\",\"x\":[{\"",
    "a\nb: c\n- d",
    "${aws:username}",
    "*",
    "?",
    "$",
    "%{ if true }",
    "`rm -rf`",
    "`<img src=x>` ``[a](b)``",
    "</td><script>alert(1)</script>",
    "&anchor *alias !!tag",
    "| pipe | cell |",
    "[link](javascript:alert(1))",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{202e}gnp.exe",
    "\u{0}nul",
    "../../etc/passwd",
    "yes",
    "0x1f",
    "<!-- --><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "--- # document",
    "\\\" \\u0041",
    "ünï¢ödé 名前",
];

/// A log in which every field that reaches an output is `text`.
fn log(text: &str) -> Vec<Value> {
    let caller = role(text, text);
    let user = json!({"type": "IAMUser", "userName": text, "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/{text}"), "accessKeyId": text});
    let object = |name: &str| json!({"resource": "configmaps", "namespace": text, "name": name, "apiVersion": "v1"});
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": text, "namespace": text, "labels": {"app": text, text: text}},
        "spec": {"serviceAccountName": text, "containers": [{"name": text, "image": text, "securityContext": {"privileged": true}, "ports": [{"containerPort": 80, "name": text}]}]}});
    let service = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": text, "namespace": text}, "spec": {"selector": {"app": text}, "ports": [{"port": 80, "name": text}]}});
    let mut pods =
        audit(9, text, "create", &json!({"resource": "pods", "namespace": text, "name": text, "apiVersion": "v1"}), 201);
    pods["responseObject"] = pod;
    pods["level"] = json!("RequestResponse");
    let mut services =
        audit(10, text, "create", &json!({"resource": "services", "namespace": text, "name": text, "apiVersion": "v1"}), 201);
    services["responseObject"] = service;
    services["level"] = json!("RequestResponse");
    let mut odd = audit(
        11,
        text,
        text,
        &json!({"resource": text, "apiGroup": text, "subresource": text, "namespace": text, "name": text}),
        200,
    );
    odd["auditID"] = json!(text);
    let mut path = audit(12, text, "get", &json!({}), 200);
    path["requestURI"] = json!(format!("/{text}"));
    path.as_object_mut().unwrap().remove("objectRef");
    let mut named = event(13, &caller, "s3", "GetObject", &json!({"bucketName": "b", "key": "k"}), Some("AccessDenied"));
    named["errorMessage"] = json!(text);
    named["userAgent"] = json!(text);
    named["sourceIPAddress"] = json!(text);
    named["eventID"] = json!(text);
    vec![
        event(1, &caller, "s3", "GetObject", &json!({"bucketName": "b", "key": text}), None),
        event(2, &caller, "s3", "PutObject", &json!({"bucketName": text, "key": "x"}), None),
        event(3, &caller, "dynamodb", "GetItem", &json!({"tableName": text}), None),
        event(
            4,
            &user,
            "sqs",
            "SendMessage",
            &json!({"queueUrl": format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/{text}")}),
            None,
        ),
        event(5, &user, text, text, &json!({text: text}), None),
        event(
            6,
            &user,
            "sts",
            "AssumeRole",
            &json!({"roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{text}"), "externalId": text}),
            None,
        ),
        audit(7, text, "get", &object(text), 200),
        audit(8, &format!("system:serviceaccount:shop:{text}"), "get", &object("settings"), 200),
        pods,
        services,
        odd,
        path,
        named,
    ]
}

/// Checks every file of an output: each parses as what it is, and no text acts.
fn check(files: &[(String, String)], text: &str) {
    for (path, body) in files {
        assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{path}");
        assert!(
            !body.chars().any(|character| character.is_control() && character != '\n'),
            "{path} holds control characters for {text:?}"
        );
        if path.ends_with(".json") {
            serde_json::from_str::<Value>(body).unwrap_or_else(|error| panic!("{path}: {error}\n{body}"));
        } else if path.ends_with(".tf") {
            hcl::parse(body).unwrap_or_else(|error| panic!("{path}: {error}\n{body}"));
        } else if path.ends_with(".yaml") {
            let documents: Vec<Value> =
                serde_saphyr::from_multiple(body).unwrap_or_else(|error| panic!("{path}: {error}\n{body}"));
            assert!(documents.iter().all(|document| document.get("kind").is_some() || path.contains("patch")), "{path}\n{body}");
        } else {
            assert!(path.ends_with(".md"), "{path}");
            inert(body);
            tables_keep_their_columns(body);
        }
        // Marks of direction and of no width would make a text lie to its reader.
        if !path.ends_with(".json") {
            let hidden = |character: char| matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}');
            assert!(!body.contains(hidden), "{path} hides characters of {text:?}");
        }
    }
}

/// Every row of a table has as many cells as the one above it: a `|` that is not escaped ends a cell, in a code span too.
fn tables_keep_their_columns(markdown: &str) {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for (above, line) in markdown.lines().zip(markdown.lines().skip(1)) {
        assert!(!above.starts_with('|') || !line.starts_with('|') || cells(above) == cells(line), "{above}\n{line}");
    }
}

/// Outside of code spans no character of HTML or links stands unescaped.
fn inert(markdown: &str) {
    let mut rest = markdown;
    let mut outside = String::new();
    while let Some(at) = rest.find('`') {
        let escaped = rest.get(..at).unwrap().ends_with('\\');
        outside.push_str(rest.get(..at).unwrap());
        let run: usize =
            if escaped { 1 } else { rest.get(at..).unwrap().chars().take_while(|character| *character == '`').count() };
        let after = rest.get(at + run..).unwrap();
        if escaped {
            rest = after;
            continue;
        }
        let fence = "`".repeat(run);
        let mut from = 0;
        let end = loop {
            let place = after
                .get(from..)
                .unwrap()
                .find(&fence)
                .unwrap_or_else(|| panic!("a code span never ends: {}", after.chars().take(200).collect::<String>()));
            let length = after.get(from + place..).unwrap().chars().take_while(|character| *character == '`').count();
            if length == run {
                break from + place;
            }
            from += place + length;
        };
        rest = after.get(end + run..).unwrap();
    }
    outside.push_str(rest);
    let plain = outside.replace("<br>", "");
    assert!(!plain.contains('<') && !plain.contains("]("), "{plain}");
    assert!(!markdown.contains("<script") || !outside.contains("<script"), "{outside}");
}

/// Settings that write for every class of identity.
const EVERYONE: &str = "choose.classes = [\"human\", \"ci\", \"break-glass\", \"system\"]";

fn plan_of(text: &str, config: &Config) -> Plan {
    let scratch = tempfile::tempdir().unwrap();
    let file = write_lines(scratch.path(), "log", &log(text));
    generate(&[&file], config, 1)
}

#[test]
fn no_string_escapes_its_quoting() {
    let config = config(EVERYONE);
    for text in STRINGS {
        let plan = plan_of(text, &config);
        // What the target cannot hold as a name is never written: a gap, and a finding says so.
        for gap in &plan.verdict.sufficiency.gaps {
            let said = plan
                .findings
                .iter()
                .any(|finding| finding.code == Code::NameNotCarried && finding.about == gap.identity.to_string());
            assert!(said, "{text:?}: {gap:?}");
        }
        assert!(plan.verdict.restraint.leaks.is_empty(), "{text:?}");
        let files: Vec<(String, String)> =
            artifacts(&plan, &config).into_iter().map(|artifact| (artifact.path, artifact.body)).collect();
        assert!(files.len() > 5, "{text:?} wrote {files:?}");
        check(&files, text);
    }
}

/// Probes beside what was observed are denied: a name never became a pattern.
#[test]
fn no_string_widens_a_policy() {
    let config = config(EVERYONE);
    let mut wrong = Vec::new();
    for text in STRINGS {
        let plan = plan_of(text, &config);
        for (identity, policy) in &plan.policies.policies {
            for action in ["s3:GetObject", "s3:PutObject", "dynamodb:GetItem", "iam:CreateUser"] {
                for resource in
                    ["arn:aws:s3:::b/secret", "arn:aws:s3:::other/x", "arn:aws:dynamodb:eu-central-1:111122223333:table/secret"]
                {
                    let key = AwsRequestKey {
                        action: Action::parse(action).unwrap(),
                        resource: Resource::Arn(Arn::literal(resource).unwrap()),
                        via: None,
                    };
                    let probe = Request::Aws(AwsRequest { key, context: std::collections::BTreeMap::new() });
                    if policy.documents.decide(identity, &[], &probe).is_allow() {
                        wrong.push(format!("{text:?} lets {identity} do {action} on {resource}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_megabyte_in_a_session_name_stays_out_of_the_way() {
    let scratch = tempfile::tempdir().unwrap();
    let long = "x".repeat(1 << 20);
    write_lines(
        scratch.path(),
        "log",
        &[event(1, &role("app", &long), "s3", "GetObject", &json!({"bucketName": "b", "key": "k"}), None)],
    );
    let (code, said, complaints) = ended(&tightfit(scratch.path(), &["generate", "log", "--out", "p"]));
    assert_eq!(code, 5, "{complaints}");
    assert!(said.len() < 10_000);
    assert!(tree(&scratch.path().join("p")).iter().all(|(_, body)| body.len() < 100_000));
}

/// Runs the whole job on one bad input beside a good one, over an old output; returns exit code and complaints.
fn beside_a_good_one(name: &str, bytes: &[u8]) -> (i32, String, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    write_lines(
        here,
        "good.jsonl",
        &[event(1, &role("app", "s"), "s3", "GetObject", &json!({"bucketName": "b", "key": "k"}), None)],
    );
    fs::write(here.join(name), bytes).unwrap();
    let (code, said, complaints) = ended(&tightfit(here, &["generate", "good.jsonl", name, "--out", "p", "--json"]));
    let document: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{name}: {error} {said} {complaints}"));
    assert!(here.join("p/aws/111122223333/role/app/policy.json").exists(), "{name}: the good file was lost: {complaints}");
    let records = &document["records"];
    let count = |field: &str| {
        records[field]
            .as_object()
            .map_or_else(|| records[field].as_u64().unwrap(), |counts| counts.values().filter_map(Value::as_u64).sum())
    };
    assert_eq!(
        count("observed") + count("undecided") + count("skipped") + count("rejected"),
        count("records"),
        "{name}: {records}"
    );
    let (lenient, _, _) = ended(&tightfit(here, &["generate", "good.jsonl", name, "--out", "p", "--lenient"]));
    assert_ne!(lenient, 1, "{name}: --lenient");
    (code, complaints, document)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bad_files_are_refused_by_name_and_the_others_go_on() {
    let line = event(2, &role("app", "s"), "s3", "GetObject", &json!({"bucketName": "b", "key": "k2"}), None).to_string();
    let whole = gzip(line.repeat(50).as_bytes());
    let noise: Vec<u8> = (0..100_000_u32).map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested = format!("{{\"eventSource\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty.json", Vec::new()),
        ("noise.bin", noise),
        ("truncated.gz", whole[..whole.len() / 2].to_vec()),
        ("cut.json", line.as_bytes()[..line.len() / 2].to_vec()),
        ("foreign.json", b"{\"hello\":\"world\"}".to_vec()),
        ("prose.txt", b"Dear log,\nhow are you?\n".to_vec()),
        ("deep.json", deep.into_bytes()),
        ("nested.json", nested.into_bytes()),
        ("types.json", b"{\"eventSource\":1,\"eventName\":[],\"userIdentity\":\"x\",\"eventTime\":{}}".to_vec()),
        ("rows.csv", b"a,b\n1,2\n".to_vec()),
    ];
    for (name, bytes) in cases {
        let (code, complaints, _) = beside_a_good_one(name, &bytes);
        assert_eq!(code, 1, "{name}: {complaints}");
        assert!(complaints.contains(name) || name == "types.json" || name.contains("nested"), "{name}: {complaints}");
    }
}

/// Runs to the end and gives the peak of resident memory in KiB beside the exit code.
fn peak(folder: &Path, arguments: &[&str]) -> (i32, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tightfit"))
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let seen = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            return (ended.code().unwrap_or(-1), peak);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_bounded_on_a_bomb_and_on_an_endless_line() {
    // A run takes about 100 MiB, whatever it reads; keeping the line alone would take 190, keeping the record more than 500.
    const KIB_MAX: u64 = 160 * 1024;
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    // 256 MiB of spaces inside one record, about a megabyte on disk. A gzip file may have many members, so one is made.
    let blanks = gzip(&vec![b' '; 1 << 20]).repeat(256);
    fs::write(here.join("bomb.gz"), [gzip(b"{\"Records\":[{\"eventName\":\""), blanks, gzip(b"\"}]}")].concat()).unwrap();
    fs::write(here.join("line.json"), vec![b'['; 100 << 20]).unwrap();
    for name in ["bomb.gz", "line.json"] {
        let (code, kib) = peak(here, &["generate", name, "--out", "p"]);
        assert_eq!(code, 1, "{name}");
        assert!(kib < KIB_MAX, "{name}: {kib} KiB");
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_output_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let caller = role("app", "s");
    write_lines(here, "old", &[event(1, &caller, "s3", "GetObject", &json!({"bucketName": "b", "key": "k"}), None)]);
    assert_eq!(ended(&tightfit(here, &["generate", "old", "--out", "p"])).0, 5);
    let before = tree(&here.join("p"));
    let many: Vec<Value> = (0..300)
        .map(|number| {
            event(number, &caller, "dynamodb", "GetItem", &json!({"tableName": format!("table-of-orders-{number}")}), None)
        })
        .collect();
    write_lines(here, "new", &many);
    // A limit on the size of a file, with its signal ignored, fails writes as a full disk does.
    let script = format!("trap '' XFSZ; ulimit -f 4; exec '{}' generate new --out p", env!("CARGO_BIN_EXE_tightfit"));
    let (code, _, complaints) = ended(&Command::new("bash").current_dir(here).args(["-c", &script]).output().unwrap());
    assert_eq!(code, 1, "{complaints}");
    assert!(complaints.contains("cannot be written") && complaints.contains("as it was"), "{complaints}");
    assert_eq!(tree(&here.join("p")), before);
    let left: Vec<String> =
        fs::read_dir(here).unwrap().map(|listed| listed.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn unreadable_and_absent_inputs_are_named() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    fs::create_dir(here.join("hollow")).unwrap();
    fs::create_dir(here.join("prose")).unwrap();
    fs::write(here.join("prose/README.md"), "no log at all").unwrap();
    for (input, word) in
        [("absent.json", "absent.json"), ("hollow", "hollow"), ("prose", "no input holds a record"), ("*.nothing", "*.nothing")]
    {
        let (code, _, complaints) = ended(&tightfit(here, &["generate", input, "--out", "p"]));
        assert_eq!(code, 1, "{input}: {complaints}");
        assert!(complaints.contains(word), "{input}: {complaints}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic_and_every_record_ends(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in any::<prop::sample::Index>()) {
        let scratch = tempfile::tempdir().unwrap();
        let good = event(1, &role("app", "s"), "s3", "GetObject", &json!({"bucketName": "b", "key": "k"}), None).to_string();
        let at = cut.index(good.len() + 1);
        let at = (0..=at).rev().find(|at| good.is_char_boundary(*at)).unwrap_or(0);
        let mut mixed = good.as_bytes()[..at].to_vec();
        mixed.extend(&bytes);
        mixed.extend(&good.as_bytes()[at..]);
        fs::write(scratch.path().join("log"), &mixed).unwrap();
        let plan = generate(&[&scratch.path().join("log")], &config(""), 1);
        let by_file: u64 = plan.profile.ledger.files.values().map(|file| file.records).sum();
        prop_assert_eq!(by_file, plan.profile.ledger.records());
    }
}
