//! Whole stacks: identity, boundary, session, control policies, resource, key and trust policies; one account and two.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::language::Asked;
use super::simulator::{ACCOUNT, Case, compare, context, folder, sampled};

const OTHER: &str = "999988887777";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s";
const USER: &str = "arn:aws:iam::111122223333:user/bob";
const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/fred";
const SERVICE: &str = "lambda.amazonaws.com";

/// What is asked: two actions of a service and a resource of an owner.
struct Place {
    feature: &'static str,
    actions: &'static [&'static str],
    resource: &'static str,
}

const PLACES: &[Place] = &[
    Place { feature: "stack: resource policy", actions: &["s3:GetObject", "s3:PutObject"], resource: "arn:aws:s3:::b/k" },
    Place {
        feature: "stack: resource policy",
        actions: &["sqs:SendMessage", "sqs:ReceiveMessage"],
        resource: "arn:aws:sqs:eu-west-1:OWNER:q",
    },
    Place {
        feature: "stack: key policy",
        actions: &["kms:Decrypt", "kms:Encrypt"],
        resource: "arn:aws:kms:eu-west-1:OWNER:key/k",
    },
    Place { feature: "stack: trust policy", actions: &["sts:AssumeRole"], resource: "arn:aws:iam::OWNER:role/target" },
    Place {
        feature: "stack: no control of resources",
        actions: &["lambda:InvokeFunction", "lambda:GetFunction"],
        resource: "arn:aws:lambda:eu-west-1:OWNER:function:f",
    },
];

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(from)
}

/// A statement without principals.
fn statement() -> impl Strategy<Value = Value> {
    let actions =
        pick(&["*", "*", "s3:*", "s3:GetObject", "sqs:*", "kms:*", "kms:Decrypt", "sts:*", "lambda:*", "lambda:Invoke*"]);
    let conditions = proptest::option::weighted(0.15, pick(&["a", "b"]));
    (proptest::bool::weighted(0.12), proptest::bool::weighted(0.1), actions, conditions).prop_map(|(deny, not, action, team)| {
        let mut statement = json!({
            "Effect": if deny { "Deny" } else { "Allow" },
            if not { "NotAction" } else { "Action" }: action,
            "Resource": "*",
        });
        if let Some(team) = team {
            statement["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": team}});
        }
        statement
    })
}

fn document(statements: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec(statements, 1..3).prop_map(|all| json!({"Version": "2012-10-17", "Statement": all}))
}

fn principal() -> impl Strategy<Value = (bool, Value)> {
    let named = prop_oneof![
        1 => Just(json!("*")),
        1 => Just(json!({"AWS": "*"})),
        8 => proptest::collection::vec(
            pick(&[
                "111122223333",
                "arn:aws:iam::111122223333:root",
                "arn:aws:iam::111122223333:role/app",
                "arn:aws:iam::111122223333:role/else",
                SESSION,
                USER,
                "arn:aws:iam::111122223333:user/eve",
                FEDERATED,
                "arn:aws:iam::999988887777:root",
                "arn:aws:sts::111122223333:assumed-role/app/t",
            ]),
            1..3
        )
        .prop_map(|all| json!({"AWS": all})),
        2 => pick(&[SERVICE, "s3.amazonaws.com"]).prop_map(|service| json!({"Service": service})),
        1 => Just(json!({"Federated": "cognito-identity.amazonaws.com"})),
    ];
    // Whom a Deny with NotPrincipal leaves out is documented only where all names of the caller are listed, or none.
    let whole = prop_oneof![
        Just(json!({"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/app", SESSION, USER, FEDERATED]})),
        Just(json!({"AWS": "arn:aws:iam::999988887777:root"})),
    ];
    prop_oneof![12 => named.prop_map(|named| (false, named)), 1 => whole.prop_map(|whole| (true, whole))]
}

/// The policy of a resource.
fn attached() -> impl Strategy<Value = Value> {
    document((statement(), principal()).prop_map(|(mut statement, (not, principal))| {
        if not {
            statement["Effect"] = json!("Deny");
        }
        statement[if not { "NotPrincipal" } else { "Principal" }] = principal;
        statement
    }))
}

fn levels(is_rcp: bool) -> impl Strategy<Value = Value> {
    let everyone = move |mut statement: Value| {
        if is_rcp {
            statement["Principal"] = json!("*");
        }
        statement
    };
    let all = everyone(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let full = json!({"Version": "2012-10-17", "Statement": [all]});
    let level = prop_oneof![
        3 => Just(json!([full])),
        2 => document(statement().prop_map(everyone)).prop_map(move |more| json!([full, more])),
        1 => document(statement().prop_map(everyone)).prop_map(|only| json!([only])),
    ];
    prop_oneof![2 => Just(Vec::new()), 2 => proptest::collection::vec(level, 1..4)].prop_map(Value::from)
}

fn case() -> impl Strategy<Value = Case> {
    let principals = pick(&[SESSION, SESSION, SESSION, USER, USER, FEDERATED, SERVICE]);
    let own = (
        proptest::collection::vec(document(statement()), 0..3),
        proptest::option::weighted(0.3, document(statement())),
        proptest::option::weighted(0.3, document(statement())),
    );
    let place = (0..PLACES.len(), proptest::bool::weighted(0.35));
    let asked = proptest::collection::vec((any::<proptest::sample::Index>(), proptest::option::of(pick(&["a", "b"]))), 6);
    (principals, own, levels(false), levels(true), (attached(), proptest::bool::weighted(0.75)), place, asked).prop_map(
        |(principal, (identity, boundary, session), scps, rcps, (resource, has_policy), (place, cross), asked)| {
            let place = &PLACES[place];
            // Every key and every role has a policy.
            let always = place.resource.contains("key/") || place.resource.contains("role/");
            let resource = (has_policy || always).then_some(resource);
            let owner = if cross { OTHER } else { ACCOUNT };
            // Users have no session policies, AWS services neither identity nor session.
            let session = session.filter(|_| principal == SESSION || principal == FEDERATED);
            let (identity, boundary) = if principal == SERVICE { (Vec::new(), None) } else { (identity, boundary) };
            let scps = if principal == SERVICE { json!([]) } else { scps };
            let setup = json!({
                "principal": principal, "identity": identity, "boundary": boundary.map(|one| vec![one]), "session": session,
                "scps": scps, "rcps": rcps, "resource": resource,
            });
            let ask = |(action, team): (proptest::sample::Index, Option<&str>)| {
                let asked = Asked {
                    action: action.get(place.actions).to_string(),
                    resource: place.resource.replace("OWNER", owner),
                    context: context(vec![("aws:PrincipalTag/team", team.map(|team| vec![team.to_owned()]))]),
                };
                (asked, owner.to_owned())
            };
            Case { feature: place.feature, setup, requests: asked.into_iter().map(ask).collect() }
        },
    )
}

#[test]
fn the_simulator_agrees_on_whole_stacks() {
    let Some(folder) = folder() else { return };
    let pairs = compare(&folder, &sampled(&case(), 5_000), super::explained::is_explained);
    assert!(pairs >= 30_000, "{pairs}");
}
