//! IAM: every element of a statement, well formed or not, against requests that meet it often.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource, Text};
use tightfit::policy::decision::Decision;
use tightfit::policy::iam::compiled::{Answer, Compiled};
use tightfit::policy::iam::{PolicyDocument, decide};

const CASES: u32 = 2_000;
const REQUESTS: usize = 8;

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    select(words).prop_map(str::to_owned)
}

fn action() -> impl Strategy<Value = String> {
    words(&[
        "s3:GetObject",
        "s3:GetObject",
        "S3:getobject",
        "s3:PutObject",
        "sqs:SendMessage",
        "s3:Get*",
        "s3:*",
        "s3:g*T*t",
        "sqs:?endMessage",
        "s3:**",
        "*",
        "*:*",
        "s3*",
        "s*:GetObject",
        "s3:",
        "nothing",
    ])
}

fn name() -> impl Strategy<Value = String> {
    let pieces = words(&[
        "a",
        "b",
        "ab",
        "/",
        ":",
        "é",
        "*",
        "?",
        "**",
        "${*}",
        "${$}",
        "${aws:username}",
        "${AWS:UserName}",
        "${aws:nothing}",
        "${aws:nothing, 'ab'}",
        "${aws:TagKeys, 'a'}",
    ]);
    vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

fn resource() -> impl Strategy<Value = String> {
    let plain = words(&["a", "b", "ab", "a/b", "a:b"]);
    let region = words(&["eu-west-1", "eu-west-1", "*", "eu-*", "${aws:nothing}", ""]);
    let account = words(&["111122223333", "111122223333", "*", "", "${aws:username}"]);
    let arn = (words(&["aws", "aws", "a*"]), words(&["s3", "sqs", "*"]), region, account, prop_oneof![plain.clone(), name()])
        .prop_map(|(partition, service, region, account, name)| format!("arn:{partition}:{service}:{region}:{account}:{name}"));
    prop_oneof![
        1 => Just("*".to_owned()),
        1 => words(&["", "a/*", "arn:aws:s3", "arn:aws:s3:*", "arn:*", "**", "${*}"]),
        4 => plain.prop_map(|name| format!("arn:aws:s3:eu-west-1:111122223333:{name}")),
        6 => arn,
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let operator = (words(&["", "", "", "ForAllValues:", "ForAnyValue:"]), operator(), words(&["", "", "IfExists"]))
        .prop_map(|(set, name, if_exists)| format!("{set}{name}{if_exists}"));
    let key = words(&["aws:username", "AWS:UserName", "aws:TagKeys", "aws:n", "aws:SourceIp", "aws:PrincipalArn", "aws:nothing"]);
    let value = prop_oneof![
        4 => words(&["a", "A", "b", "a*", "?", "${*}", "${aws:username}", "${aws:nothing}", "${aws:n}", "é", "É", "true", "FALSE"]),
        3 => words(&["1", "1.0", "2", "nan", "1970-01-01", "1970-01-01T00:00:01Z", "QQ==", "no base64!", "10.0.0.0/8", "10.0.0.0/40"]),
        2 => words(&["arn:aws:iam::1:role/a", "arn:aws:iam::*:role/${aws:username}", "arn:*:iam::1:role/*", "arn:aws:*", "role/a"]),
    ];
    vec((operator, key, vec(value, 0..4)), 0..3).prop_map(|all| {
        let mut condition = Map::new();
        for (operator, key, values) in all {
            let keys = condition.entry(operator).or_insert_with(|| json!({}));
            keys.as_object_mut().unwrap().insert(key, json!(values));
        }
        Value::Object(condition)
    })
}

fn operator() -> impl Strategy<Value = String> {
    words(&[
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "ArnLike",
        "ArnNotEquals",
        "Bool",
        "BinaryEquals",
        "NumericEquals",
        "NumericLessThan",
        "NumericNotEquals",
        "DateGreaterThanEquals",
        "DateNotEquals",
        "IpAddress",
        "NotIpAddress",
        "Null",
        "Odd",
    ])
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![4 => Just("Allow"), 1 => Just("Deny")];
    let actions = (prop_oneof![6 => Just("Action"), 1 => Just("NotAction")], vec(action(), 1..4));
    let resources = (
        prop_oneof![8 => Just("Resource"), 2 => Just("NotResource"), 1 => Just("")],
        prop_oneof![6 => vec(resource(), 1..4), 1 => vec(resource(), 8..20)],
    );
    let condition = prop_oneof![3 => Just(json!({})), 2 => condition()];
    (effect, actions, resources, condition, any::<bool>(), proptest::bool::weighted(0.05)).prop_map(
        |(effect, (actions_as, actions), (resources_as, resources), condition, sid, principal)| {
            let mut statement = json!({"Effect": effect, actions_as: actions});
            let parts = [
                (!resources_as.is_empty(), resources_as, json!(resources)),
                (condition != json!({}), "Condition", condition),
                (sid, "Sid", json!("Named")),
                (principal, "Principal", json!("*")),
            ];
            for (_, name, part) in parts.into_iter().filter(|(there, ..)| *there) {
                statement.as_object_mut().unwrap().insert(name.to_owned(), part);
            }
            statement
        },
    )
}

fn document() -> impl Strategy<Value = PolicyDocument> {
    let version = prop_oneof![6 => Just(Some("2012-10-17")), 1 => Just(Some("2008-10-17")), 1 => Just(None)];
    (version, vec(statement(), 0..7))
        .prop_map(|(version, statements)| serde_json::from_value(json!({"Version": version, "Statement": statements})).unwrap())
}

/// A text in two pieces, as no log gives one; a stored profile could.
fn in_pieces(text: &str) -> Text {
    let (first, second) = text.split_at(text.char_indices().nth(1).map_or(text.len(), |(at, _)| at));
    serde_json::from_value(json!([{"Literal": first}, {"Literal": second}])).unwrap()
}

fn asked() -> impl Strategy<Value = Resource> {
    let plain = words(&["a", "b", "ab", "a/b", "a:b", "aab", "éb", "*", "a*", "${aws:username}", ""]);
    let region = || words(&["eu-west-1", "eu-west-1", "us-east-1", ""]);
    let account = || words(&["111122223333", "111122223333", "a", ""]);
    let service = || words(&["s3", "s3", "sqs"]);
    let literal = (service(), region(), account(), plain).prop_map(|(service, region, account, name)| {
        Arn::literal(&format!("arn:aws:{service}:{region}:{account}:{name}")).unwrap()
    });
    let wild = (service(), words(&["eu-west-1", "*"]), account(), name())
        .prop_filter_map("an ARN", |(service, region, account, name)| {
            Arn::from_policy(&format!("arn:aws:{service}:{region}:{account}:{name}"))
        });
    let broken =
        literal.clone().prop_map(|arn| Arn { resource: in_pieces(arn.resource.as_literal().unwrap_or_default()), ..arn });
    prop_oneof![
        1 => Just(Resource::NoResourceLevel),
        1 => Just(Resource::NotBuilt),
        10 => literal.prop_map(Resource::Arn),
        3 => wild.prop_map(Resource::Arn),
        1 => broken.prop_map(Resource::Arn),
    ]
}

fn context() -> impl Strategy<Value = Context> {
    let one = |values: &'static [&'static str]| proptest::option::of(words(values).prop_map(|value| vec![value]));
    (
        one(&["a", "A", "b", "ab", "*", "é", "true"]),
        proptest::option::of(vec(words(&["a", "b", "A"]), 0..3)),
        one(&["1", "2", "0.5", "1970-01-01T00:00:01Z", "QQ==", "x"]),
        one(&["10.1.2.3", "11.1.2.3", "2001:db8::1", "lambda.amazonaws.com"]),
        one(&["arn:aws:iam::1:role/a", "arn:aws:iam::2:role/b", "role/a"]),
        any::<bool>(),
    )
        .prop_map(|(user, tags, number, address, arn, odd_case)| {
            let user_key = if odd_case { "AWS:USERNAME" } else { "aws:username" };
            let all = [
                (user_key, user),
                ("aws:TagKeys", tags),
                ("aws:n", number),
                ("aws:SourceIp", address),
                ("aws:PrincipalArn", arn),
            ];
            all.into_iter().filter_map(|(key, values)| Some((key.to_owned(), values?))).collect()
        })
}

pub(super) fn request() -> impl Strategy<Value = AwsRequest> {
    let action = prop_oneof![
        12 => words(&["s3:GetObject", "s3:GetObject", "s3:PutObject", "s3:getobject", "sqs:SendMessage", "S3:GetObject"]),
        1 => words(&["s3:*", "kms:Decrypt", "s3:Gé", "x:aVeryLongNameThatNoServiceHasButThatALogMayHoldAllTheSameSoThatItIsLowerCasedOnTheHeapAsLongNamesAre"]),
    ];
    (action, asked(), context()).prop_map(|(action, resource, context)| AwsRequest {
        key: AwsRequestKey { action: Action::parse(&action).unwrap(), resource, via: None },
        context,
    })
}

thread_local! {
    /// How often each answer came: a test in which all are denied shows nothing.
    static ANSWERS: Cell<[u32; 4]> = const { Cell::new([0; 4]) };
}

#[test]
fn ready_policies_answer_as_plain_ones() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    proptest!(config, |(documents in vec(document(), 1..4), requests in vec(request(), REQUESTS))| {
        let compiled = Compiled::of(&documents);
        for request in &requests {
            let plain = decide(&documents, request);
            let answer = compiled.decide(request);
            prop_assert_eq!(compiled.spell(answer, request), plain.clone(), "{:?}", request);
            let kind = match (answer, &plain) {
                (Answer::Allow { .. }, _) => 0,
                (Answer::ExplicitDeny { .. }, _) => 1,
                (Answer::ImplicitDeny { understood: true }, _) => 2,
                (Answer::ImplicitDeny { understood: false }, Decision::ImplicitDeny { not_understood, .. }) => {
                    prop_assert!(!not_understood.is_empty(), "all of it was understood: {:?}", request);
                    3
                }
                (Answer::ImplicitDeny { .. }, other) => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            ANSWERS.with(|answers| {
                let mut counts = answers.get();
                counts[kind] += 1;
                answers.set(counts);
            });
        }
    });
    let counts = ANSWERS.with(Cell::get);
    println!(
        "{} decisions: {} allowed, {} denied, {} by nothing, {} not understood",
        counts.iter().sum::<u32>(),
        counts[0],
        counts[1],
        counts[2],
        counts[3]
    );
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
}
