//! Identity policies and requests over small alphabets, so that patterns and names meet often.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tightfit::access::aws::Context;

/// A request as both evaluators take it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) action: String,
    /// An ARN, or `*` for an action without a resource level.
    pub(super) resource: String,
    pub(super) context: Context,
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["a", "b", "ab", "/", ":", "-", ".", "(", "+"][..])
}

fn pattern_text() -> impl Strategy<Value = String> {
    let wild = proptest::sample::select(&["*", "?", "${*}", "${?}", "${$}", "${aws:username}", "${aws:nothing}"][..]);
    proptest::collection::vec(prop_oneof![3 => piece(), 2 => wild], 1..6).prop_map(|pieces| pieces.concat())
}

pub(super) fn resource_pattern() -> impl Strategy<Value = String> {
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

pub(super) fn case() -> impl Strategy<Value = (Value, Vec<Asked>)> {
    let policy = proptest::collection::vec(statement(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}));
    (policy, proptest::collection::vec(asked(), 8))
}
