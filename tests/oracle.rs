//! Our `decide` against evaluators that share nothing with it: a literal reading of IAM's rules (below), and a simulator that
//! nobody here wrote (`tests/oracle/install.sh`, then `TIGHTFIT_IAM_ORACLE=FOLDER`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::policy::iam::{PolicyDocument, decide};
use tightfit::policy::set::Decision;

/// A request as both evaluators take it.
#[derive(Debug, Clone)]
struct Asked {
    action: String,
    /// An ARN, or `*` for an action without a resource level.
    resource: String,
    context: Context,
}

// -- The literal reading: characters and recursion, straight from the page on each element. -----------------------------------

/// A character of a pattern: itself, `*` or `?`.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Char(char),
    Many,
    One,
}

/// Characters of a policy text; `None` where a variable has no value.
fn marks(text: &str, context: &Context) -> Option<Vec<Mark>> {
    let all: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let closing = all[at..].iter().position(|character| *character == '}').map(|length| at + length);
        match (all[at], all.get(at + 1), closing) {
            ('$', Some('{'), Some(end)) => {
                let name: String = all[at + 2..end].iter().collect();
                match name.as_str() {
                    "*" | "?" | "$" => out.extend(name.chars().map(Mark::Char)),
                    name => {
                        let (_, values) = context.iter().find(|(key, _)| key.to_lowercase() == name.to_lowercase())?;
                        match values.as_slice() {
                            [value] => out.extend(value.chars().map(Mark::Char)),
                            _ => return None,
                        }
                    }
                }
                at = end + 1;
                continue;
            }
            ('*', _, _) => out.push(Mark::Many),
            ('?', _, _) => out.push(Mark::One),
            (plain, _, _) => out.push(Mark::Char(plain)),
        }
        at += 1;
    }
    Some(out)
}

fn glob(pattern: &[Mark], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(Mark::Many), None) => glob(&pattern[1..], text),
        (Some(Mark::Many), Some(_)) => glob(&pattern[1..], text) || glob(pattern, &text[1..]),
        (Some(_), None) => false,
        (Some(Mark::One), Some(_)) => glob(&pattern[1..], &text[1..]),
        (Some(Mark::Char(wanted)), Some(character)) => wanted == character && glob(&pattern[1..], &text[1..]),
    }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn action_matches(pattern: &str, action: &str) -> bool {
    glob(&marks(&pattern.to_lowercase(), &Context::new()).unwrap(), &chars(&action.to_lowercase()))
}

fn resource_matches(pattern: &str, asked: &Asked) -> bool {
    if pattern == "*" || asked.resource == "*" {
        return pattern == "*";
    }
    // No generated variable holds a colon outside its own name, so protect those before cutting at colons.
    let guarded = pattern.replace("${aws:username}", "${user}").replace("${aws:nothing}", "${nothing}");
    let fields: Vec<&str> = guarded.splitn(6, ':').collect();
    let wanted: Vec<&str> = asked.resource.splitn(6, ':').collect();
    let context: Context =
        asked.context.iter().map(|(key, values)| (key.replace("aws:username", "user"), values.clone())).collect();
    fields.iter().zip(wanted).all(|(field, wanted)| marks(field, &context).is_some_and(|marks| glob(&marks, &chars(wanted))))
}

fn condition_holds(operator: &str, key: &str, wanted: &[&str], context: &Context) -> bool {
    let values = context.get(key);
    let like = |value: &str, text: &str| match marks(text, context) {
        Some(marks) if operator.contains("Like") => glob(&marks, &chars(value)),
        Some(marks) => {
            let literal: Vec<Mark> = marks
                .iter()
                .map(|mark| match mark {
                    Mark::Many => Mark::Char('*'),
                    Mark::One => Mark::Char('?'),
                    plain => *plain,
                })
                .collect();
            glob(&literal, &chars(value))
        }
        None => false,
    };
    let any = |value: &String| wanted.iter().any(|text| like(value, text));
    match (operator, values) {
        ("Null", values) => values.is_none() == (wanted == ["true"]),
        ("StringEquals" | "StringLike", values) => values.is_some_and(|values| any(&values[0])),
        ("StringNotEquals" | "StringNotLike", values) => values.is_none_or(|values| !any(&values[0])),
        ("StringEqualsIfExists", values) => values.is_none_or(|values| any(&values[0])),
        ("ForAllValues:StringLike", values) => values.is_none_or(|values| values.iter().all(any)),
        ("ForAnyValue:StringLike", values) => values.is_some_and(|values| values.iter().any(any)),
        other => panic!("{other:?}"),
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// `a`, `d` or `i`, as the simulator's script writes them.
fn literal_reading(policy: &Value, asked: &Asked) -> char {
    let mut verdict = 'i';
    for statement in policy["Statement"].as_array().unwrap() {
        let action = match statement.get("Action") {
            Some(all) => texts(all).iter().any(|pattern| action_matches(pattern, &asked.action)),
            None => !texts(&statement["NotAction"]).iter().any(|pattern| action_matches(pattern, &asked.action)),
        };
        let resource = match statement.get("Resource") {
            Some(all) => texts(all).iter().any(|pattern| resource_matches(pattern, asked)),
            None => !texts(&statement["NotResource"]).iter().any(|pattern| resource_matches(pattern, asked)),
        };
        let empty = Map::new();
        let conditions = statement.get("Condition").and_then(Value::as_object).unwrap_or(&empty);
        let condition = conditions.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, wanted)| condition_holds(operator, key, &texts(wanted), &asked.context))
        });
        match (action && resource && condition, statement["Effect"].as_str()) {
            (true, Some("Deny")) => return 'd',
            (true, _) => verdict = 'a',
            (false, _) => {}
        }
    }
    verdict
}

fn ours(policy: &Value, asked: &Asked) -> char {
    let document: PolicyDocument = serde_json::from_value(policy.clone()).unwrap();
    let resource = Arn::literal(&asked.resource).map_or(Resource::NoResourceLevel, Resource::Arn);
    let key = AwsRequestKey { action: Action::parse(&asked.action).unwrap(), resource, via: None };
    match decide(&[document], &AwsRequest { key, context: asked.context.clone() }) {
        Decision::Allow { .. } => 'a',
        Decision::ExplicitDeny { .. } => 'd',
        Decision::ImplicitDeny { .. } => 'i',
    }
}

// -- What both are asked. Small alphabets, so that patterns and names meet often. ---------------------------------------------

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["a", "b", "ab", "/", ":", "-", ".", "(", "+"][..])
}

fn pattern_text() -> impl Strategy<Value = String> {
    let wild = proptest::sample::select(&["*", "?", "${*}", "${?}", "${$}", "${aws:username}", "${aws:nothing}"][..]);
    proptest::collection::vec(prop_oneof![3 => piece(), 2 => wild], 1..6).prop_map(|pieces| pieces.concat())
}

fn resource_pattern() -> impl Strategy<Value = String> {
    let region = proptest::sample::select(&["eu-west-1", "eu-*", "*", "eu-west-?"][..]);
    let account = proptest::sample::select(&["111122223333", "*", "1111*"][..]);
    let arn = (
        proptest::sample::select(&["aws", "*"][..]),
        proptest::sample::select(&["sqs", "s3"][..]),
        region,
        account,
        pattern_text(),
    )
        .prop_map(|(partition, service, region, account, text)| match service {
            "s3" => format!("arn:{partition}:s3:::{text}"),
            service => format!("arn:{partition}:{service}:{region}:{account}:{text}"),
        });
    prop_oneof![1 => Just("*".to_owned()), 8 => arn]
}

const ACTIONS: &[&str] = &["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject", "sqs:SendMessage", "sqs:ReceiveMessage"];

fn action_pattern() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(
        &["*", "s3:*", "s3:Get*", "S3:getobject", "sqs:?endMessage", "sqs:SendMessage", "s3:*Object", "s3:G*t*t"][..],
    )
}

fn condition() -> impl Strategy<Value = Value> {
    let single = (
        proptest::sample::select(&["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists"][..]),
        proptest::sample::select(&["aws:username", "aws:PrincipalTag/team"][..]),
        proptest::collection::vec(proptest::sample::select(&["a", "a*", "?", "b", "${*}", "ab"][..]), 1..3),
    );
    let set = (
        proptest::sample::select(&["ForAllValues:StringLike", "ForAnyValue:StringLike"][..]),
        Just("aws:TagKeys"),
        proptest::collection::vec(proptest::sample::select(&["a", "b*", "c"][..]), 1..3),
    );
    let null = (
        Just("Null"),
        proptest::sample::select(&["aws:TagKeys", "aws:PrincipalTag/team"][..]),
        proptest::sample::select(&["true", "false"][..]),
    )
        .prop_map(|(operator, key, value)| (operator, key, vec![value]));
    prop_oneof![
        4 => Just(Value::Null),
        3 => prop_oneof![single, set, null].prop_map(|(operator, key, values)| json!({ operator: { key: values } })),
    ]
}

fn statement() -> impl Strategy<Value = Value> {
    let actions = proptest::collection::vec(action_pattern(), 1..3);
    let resources = proptest::collection::vec(resource_pattern(), 1..4);
    (
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.15),
        proptest::bool::weighted(0.15),
        actions,
        resources,
        condition(),
    )
        .prop_map(|(deny, not_action, not_resource, actions, resources, condition)| {
            let mut statement = Map::new();
            statement.insert("Effect".to_owned(), json!(if deny { "Deny" } else { "Allow" }));
            statement.insert(if not_action { "NotAction" } else { "Action" }.to_owned(), json!(actions));
            // What a NotResource with an unresolved variable leaves out is not documented: not compared.
            let resolved: Vec<String> =
                resources.iter().map(|text| text.replace("${aws:nothing}", "a").replace("${aws:username}", "b")).collect();
            let (name, texts) = if not_resource { ("NotResource", resolved) } else { ("Resource", resources) };
            statement.insert(name.to_owned(), json!(texts));
            if !condition.is_null() {
                statement.insert("Condition".to_owned(), condition);
            }
            Value::Object(statement)
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    // A `*` or `?` in a request is a pattern to the simulator; our own laws test those names.
    let name = proptest::collection::vec(prop_oneof![8 => piece(), 1 => Just("$")], 1..6).prop_map(|pieces| pieces.concat());
    let arn = (proptest::sample::select(&["s3", "sqs"][..]), proptest::sample::select(&["eu-west-1", "us-east-1"][..]), name)
        .prop_map(|(service, region, name)| match service {
            "s3" => format!("arn:aws:s3:::{name}"),
            service => format!("arn:aws:{service}:{region}:111122223333:{name}"),
        });
    let resource = prop_oneof![9 => arn, 1 => Just("*".to_owned())];
    let value = || proptest::sample::select(&["a", "b", "ab"][..]).prop_map(|value| vec![value.to_owned()]);
    let several = proptest::collection::vec(proptest::sample::select(&["a", "b", "c"][..]), 2..4)
        .prop_map(|values| values.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let context = (proptest::option::of(value()), proptest::option::of(value()), proptest::option::of(several)).prop_map(
        |(user, team, tags)| {
            let all = [("aws:username", user), ("aws:PrincipalTag/team", team), ("aws:TagKeys", tags)];
            all.into_iter().filter_map(|(key, values)| values.map(|values| (key.to_owned(), values))).collect::<Context>()
        },
    );
    (proptest::sample::select(ACTIONS), resource, context).prop_map(|(action, resource, context)| Asked {
        action: action.to_owned(),
        resource,
        context,
    })
}

fn case() -> impl Strategy<Value = (Value, Vec<Asked>)> {
    let policy = proptest::collection::vec(statement(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}));
    (policy, proptest::collection::vec(asked(), 8))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn a_literal_reading_agrees((policy, requests) in case()) {
        for asked in requests {
            prop_assert_eq!(ours(&policy, &asked), literal_reading(&policy, &asked), "{} {:?}", policy, asked);
        }
    }
}

/// How many policies are compared, with eight requests each.
const POLICIES: usize = 1_000;

#[test]
fn the_simulator_agrees() {
    let Some(folder) = std::env::var_os("TIGHTFIT_IAM_ORACLE").filter(|folder| Path::new(folder).join("node_modules").is_dir())
    else {
        println!("skipped: TIGHTFIT_IAM_ORACLE names no folder with node_modules (tests/oracle/install.sh makes one)");
        return;
    };
    let config = Config { cases: 1, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha));
    let cases: Vec<(Value, Vec<Asked>)> = (0..POLICIES).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
    let lines: String = cases
        .iter()
        .map(|(policy, requests)| {
            let requests: Vec<Value> = requests
                .iter()
                .map(|asked| json!({"action": asked.action, "resource": asked.resource, "context": asked.context}))
                .collect();
            format!("{}\n", json!({"policy": policy, "requests": requests}))
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/judge.mjs");
    let mut judge = Command::new("node").arg(script).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), POLICIES);
    let mut compared = 0;
    let mut counts = std::collections::BTreeMap::new();
    let mut differences = Vec::new();
    for ((policy, requests), line) in cases.iter().zip(theirs.lines()) {
        for (asked, theirs) in requests.iter().zip(line.chars()) {
            let ours = ours(policy, asked);
            compared += 1;
            *counts.entry(ours).or_insert(0) += 1;
            if ours != theirs {
                differences.push(format!("ours {ours}, theirs {theirs}: {policy} {asked:?}"));
            }
        }
    }
    println!("compared {compared} pairs, by our verdict {counts:?}, {} differences", differences.len());
    assert!(compared >= 2_000 && counts.values().all(|count| *count > 100) && counts.len() == 3);
    assert!(differences.is_empty(), "{}", differences.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
}
