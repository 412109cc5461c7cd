//! Times the judge: `decide` alone on documents that were made ready before, as a replay asks it, and a whole replay without reading.

#![expect(clippy::expect_used, reason = "a bench that cannot make its policies has nothing to time")]

mod logs;
#[path = "logs/timed.rs"]
mod timed;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Resource};
use tightfit::access::identity::Identity;
use tightfit::access::kube::{KubeRequest, KubeResource, KubeTarget};
use tightfit::aggregate::Aggregator;
use tightfit::catalog::Catalog;
use tightfit::policy::iam::{self, PolicyDocument};
use tightfit::policy::rbac::{self, Binding, ObjectMeta, PolicyRule, RbacPolicy, Role, RoleRef, Subject};
use tightfit::synthesize;
use tightfit::verdict::VerdictBasis;
use tightfit::verify::Replay;

use logs::Log;
use timed::Timed;

/// Statements of the IAM policy, rules of the role.
const MANY: usize = 50;

/// A policy of fifty statements: a service or two each, names with wildcards, a condition in every fifth, a deny at the end.
fn document() -> PolicyDocument {
    let mut statements: Vec<serde_json::Value> = (1..MANY)
        .map(|number| {
            let (service, actions, resource) = match number % 4 {
                0 => ("s3", ["GetObject", "PutObject"], format!("arn:aws:s3:::bucket-{number}/in/*")),
                1 => ("dynamodb", ["GetItem", "Query"], format!("arn:aws:dynamodb:*:111122223333:table/table-{number}")),
                2 => ("sqs", ["SendMessage", "Receive*"], format!("arn:aws:sqs:eu-west-1:111122223333:queue-{number}-*")),
                _ => (
                    "secretsmanager",
                    ["GetSecretValue", "DescribeSecret"],
                    format!("arn:aws:secretsmanager:*:*:secret:app-{number}/*"),
                ),
            };
            let actions = actions.map(|action| format!("{service}:{action}"));
            let mut statement = json!({"Effect": "Allow", "Action": actions, "Resource": [resource]});
            if let (0, Some(fields)) = (number % 5, statement.as_object_mut()) {
                fields.insert("Condition".to_owned(), json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}));
            }
            statement
        })
        .collect();
    statements.push(json!({"Effect": "Deny", "Action": "s3:Delete*", "Resource": "arn:aws:s3:::bucket-4/*"}));
    serde_json::from_value(json!({"Version": "2012-10-17", "Statement": statements})).expect("a policy")
}

/// Requests of which three in four are allowed, by statements all over the document.
fn aws_requests() -> Vec<AwsRequest> {
    let request = |number: usize| {
        let (action, resource) = match number % 4 {
            0 => ("s3:GetObject", format!("arn:aws:s3:::bucket-{number}/in/2026/10/01/part-{number}.parquet")),
            1 => ("dynamodb:Query", format!("arn:aws:dynamodb:eu-west-1:111122223333:table/table-{number}")),
            2 => ("sqs:ReceiveMessage", format!("arn:aws:sqs:eu-west-1:111122223333:queue-{number}-dead")),
            _ => {
                ("secretsmanager:PutSecretValue", format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:app-{number}/db"))
            }
        };
        let action = Action::parse(action).expect("an action");
        let resource = Resource::Arn(Arn::literal(&resource).expect("an ARN"));
        let context = BTreeMap::from([("aws:RequestedRegion".to_owned(), vec!["eu-west-1".to_owned()])]);
        AwsRequest { key: AwsRequestKey { action, resource, via: None }, context }
    };
    (1..MANY).map(request).collect()
}

/// A role of fifty rules bound in one namespace.
fn roles(identity: &str) -> RbacPolicy {
    let rule = |number: usize| PolicyRule {
        api_groups: vec![if number.is_multiple_of(2) { "apps".to_owned() } else { String::new() }],
        resources: vec![format!("kind{number}s"), format!("kind{number}s/status")],
        resource_names: if number.is_multiple_of(3) { vec![format!("name-{number}")] } else { Vec::new() },
        verbs: vec!["get".to_owned(), "list".to_owned(), "update".to_owned()],
        ..PolicyRule::default()
    };
    let metadata = ObjectMeta { name: "bench".to_owned(), namespace: "team".to_owned(), ..ObjectMeta::default() };
    RbacPolicy {
        cluster: "bench".to_owned(),
        roles: vec![Role { metadata: metadata.clone(), rules: (0..MANY).map(rule).collect() }],
        role_bindings: vec![Binding {
            metadata,
            role_ref: RoleRef { kind: "Role".to_owned(), name: "bench".to_owned(), ..RoleRef::default() },
            subjects: vec![Subject::service_account("team", identity)],
        }],
        ..RbacPolicy::default()
    }
}

/// Requests of which three in four are allowed.
fn kube_requests() -> Vec<KubeRequest> {
    let request = |number: usize| KubeRequest {
        verb: if number.is_multiple_of(4) { "delete" } else { "update" }.to_owned(),
        target: KubeTarget::Resource(KubeResource {
            api_group: if number.is_multiple_of(2) { "apps".to_owned() } else { String::new() },
            resource: format!("kind{number}s"),
            subresource: if number.is_multiple_of(5) { "status".to_owned() } else { String::new() },
            namespace: "team".to_owned(),
            name: format!("name-{number}"),
        }),
    };
    (0..MANY).map(request).collect()
}

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let documents = [document()];
    let requests = aws_requests();
    let allowed = requests.iter().filter(|request| iam::decide(&documents, request).is_allow()).count();
    assert!(allowed * 2 > requests.len() && allowed < requests.len(), "{allowed} of {} are allowed", requests.len());
    let mut turn = requests.iter().cycle();
    group.bench_function("iam-50-statements", |bencher| {
        let compiled = iam::compiled::Compiled::of(&documents);
        bencher.iter(|| black_box(&compiled).decide(black_box(turn.next().expect("a cycle"))));
    });
    let (policy, requests) = (roles("service"), kube_requests());
    let identity = Identity::kube_user("bench", "system:serviceaccount:team:service");
    let groups = ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"].map(str::to_owned);
    let allowed = requests.iter().filter(|request| rbac::decide(&policy, &identity, &groups, request).is_allow()).count();
    assert!(allowed * 2 > requests.len() && allowed < requests.len(), "{allowed} of {} are allowed", requests.len());
    let mut turn = requests.iter().cycle();
    group.bench_function("rbac-50-rules", |bencher| {
        let compiled = rbac::compiled::Compiled::of(&policy, &identity, &groups);
        bencher.iter(|| black_box(&compiled).decide(black_box(turn.next().expect("a cycle"))));
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(20);
    for log in Log::both() {
        let mut aggregator = Aggregator::default();
        log.read(&mut aggregator);
        let profile = aggregator.finish().expect("a profile");
        let (policies, _) = synthesize::policies(&profile, &log.config, Catalog::embedded(), None);
        group.throughput(Throughput::Bytes(log.bytes));
        group.bench_function(log.name, |bencher| {
            bencher.iter_custom(|runs| {
                let mut spent = Duration::ZERO;
                for _ in 0..runs {
                    let mut replay = Replay::new(&policies, &log.config);
                    let mut timed = Timed { sink: &mut replay, spent: Duration::ZERO };
                    log.read(&mut timed);
                    spent += timed.spent;
                    let begun = Instant::now();
                    replay.resolve(&profile.inventory);
                    black_box(replay.verdict(VerdictBasis::Log, Vec::new()));
                    spent += begun.elapsed();
                }
                spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decide, replay);
criterion_main!(benches);
