//! Conditions from evidence, end to end: records in, the condition in the document, the verdict clean; and each switch.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests"
)]

mod harness;

use harness::{ACCOUNT, config, event, generate, role, write_lines};
use serde_json::{Value, json};
use tightfit::access::identity::{Identity, Name};
use tightfit::pipeline::Plan;
use tightfit::policy::set::Documents;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const QUIET: &str = "[coverage]\ndays-min = 0\n";

fn run(records: &[Value], settings: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let log = write_lines(folder.path(), "log.jsonl", records);
    generate(&[&log], &config(settings), 1)
}

/// Action, resource and condition of every statement of `app` that allows.
fn written(plan: &Plan) -> Vec<Value> {
    let identity = Identity::aws("aws", ACCOUNT, Name::Role("app".to_owned()));
    let Some(policy) = plan.policies.policies.get(&identity) else { return Vec::new() };
    let Documents::Iam(documents) = &policy.documents else { return Vec::new() };
    let documents: Vec<Value> = documents.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
    let statements = documents.iter().flat_map(|one| one["Statement"].as_array().unwrap().clone());
    statements.filter(|one| one["Effect"] == "Allow").collect()
}

fn clean(plan: &Plan) {
    let verdict = &plan.verdict;
    assert_eq!(verdict.sufficiency.gaps, [], "gaps");
    assert_eq!(verdict.necessity.excess, [], "excess");
    assert_eq!(verdict.restraint.leaks, [], "leaks");
    assert_eq!(verdict.restraint.contested, [], "contested");
}

fn with(mut record: Value, path: &str, value: Value) -> Value {
    record["userIdentity"][path] = value;
    record
}

/// Decrypts with one key, in the name of a service where one is given.
fn decrypt(number: u64, who: &Value, via: Option<&str>, error: Option<&str>) -> Value {
    let mut record = event(number, who, "kms", "Decrypt", &json!({"keyId": KEY}), error);
    record["resources"] = json!([{"ARN": KEY, "accountId": ACCOUNT, "type": "AWS::KMS::Key"}]);
    match via {
        Some(service) => with(record, "invokedBy", json!(service)),
        None => record,
    }
}

/// `caller` takes on `app`.
fn assume(number: u64, caller: &Value) -> Value {
    let parameters = json!({"roleArn": format!("arn:aws:iam::{ACCOUNT}:role/app"), "roleSessionName": "s"});
    event(number, caller, "sts", "AssumeRole", &parameters, None)
}

fn list(number: u64, who: &Value, prefix: Option<&str>, error: Option<&str>) -> Value {
    let parameters = match prefix {
        Some(prefix) => json!({"bucketName": "orders", "prefix": prefix}),
        None => json!({"bucketName": "orders"}),
    };
    event(number, who, "s3", "ListObjects", &parameters, error)
}

#[test]
fn what_a_service_did_is_granted_through_that_service_alone() {
    let app = role("app", "s");
    let lambda = json!({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"});
    let through = "s3.amazonaws.com";
    let refused_alone = [assume(1, &lambda), decrypt(2, &app, Some(through), None), decrypt(3, &app, None, Some("AccessDenied"))];
    let plan = run(&refused_alone, QUIET);
    clean(&plan);
    let statements = written(&plan);
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0]["Condition"], json!({"StringEquals": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com"]}}));

    // Used directly too: no condition, and one unit only.
    let plan = run(&[assume(1, &lambda), decrypt(2, &app, Some(through), None), decrypt(3, &app, None, None)], QUIET);
    clean(&plan);
    assert_eq!(written(&plan).iter().map(|one| one["Condition"].clone()).collect::<Vec<_>>(), [Value::Null]);

    // Switched off: what was refused without the service leaks, and the verdict says so.
    let plan = run(&refused_alone, &format!("{QUIET}[conditions]\nvia-service = false\n"));
    assert_eq!(plan.verdict.restraint.leaks.len(), 1);
}

#[test]
fn a_service_that_took_on_the_role_itself_is_no_forward_access() {
    let app = role("app", "s");
    let cloudformation = json!({"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"});
    let own = decrypt(2, &app, Some("cloudformation.amazonaws.com"), None);
    for records in [vec![assume(1, &cloudformation), own.clone()], vec![own.clone()]] {
        let plan = run(&records, QUIET);
        clean(&plan);
        assert_eq!(written(&plan)[0]["Condition"], Value::Null);
    }
    let lambda = json!({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"});
    let plan = run(&[assume(1, &lambda), own], QUIET);
    clean(&plan);
    let called = json!({"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}});
    assert_eq!(written(&plan)[0]["Condition"], called);
}

#[test]
fn listings_keep_to_their_prefixes_only_where_every_listing_had_one() {
    let app = role("app", "s");
    let refused = list(9, &app, Some("secret/"), Some("AccessDenied"));
    let plan = run(&[list(1, &app, Some("in/"), None), list(2, &app, Some("out/*"), None), refused], QUIET);
    clean(&plan);
    assert_eq!(written(&plan)[0]["Condition"], json!({"StringEquals": {"s3:prefix": ["in/", "out/${*}"]}}));

    for bare in [None, Some("")] {
        let plan = run(&[list(1, &app, Some("in/"), None), list(2, &app, bare, None)], QUIET);
        clean(&plan);
        assert_eq!(written(&plan)[0]["Condition"], Value::Null, "{bare:?}");
    }

    let days: Vec<Value> = (1..9).map(|day| list(day, &app, Some(&format!("logs/2026/11/0{day}/")), None)).collect();
    let plan = run(&days, QUIET);
    clean(&plan);
    assert_eq!(written(&plan)[0]["Condition"], json!({"StringLike": {"s3:prefix": ["logs/2026/11/*"]}}));
    let exact = run(&days, &format!("{QUIET}[generalize]\nexact = true\n"));
    clean(&exact);
    assert_eq!(written(&exact)[0]["Condition"]["StringEquals"]["s3:prefix"].as_array().map(Vec::len), Some(8));
}

#[test]
fn a_perimeter_is_written_only_when_asked_for() {
    let app = role("app", "s");
    let mut record = event(1, &app, "sqs", "ListQueues", &json!({}), None);
    record["vpcEndpointId"] = json!("vpce-1");
    record["userIdentity"]["sessionContext"]["attributes"] = json!({"mfaAuthenticated": "true"});
    assert_eq!(written(&run(&[record.clone()], QUIET))[0]["Condition"], Value::Null);
    let all = format!("{QUIET}[conditions]\nsource-vpce = true\nrequested-region = true\nmfa = true\n");
    let plan = run(&[record], &all);
    clean(&plan);
    let wanted = json!({
        "Bool": {"aws:MultiFactorAuthPresent": ["true"]},
        "StringEquals": {"aws:RequestedRegion": ["eu-central-1"], "aws:SourceVpce": ["vpce-1"]},
    });
    assert_eq!(written(&plan)[0]["Condition"], wanted);
}

#[test]
fn what_leaves_no_record_is_assumed_unless_switched_off() {
    let parameters = json!({"logGroupName": "/app", "logStreamName": "main"});
    let records = [event(1, &role("app", "s"), "logs", "CreateLogStream", &parameters, None)];
    let actions = |settings: &str| {
        let plan = run(&records, settings);
        clean(&plan);
        let statements = written(&plan);
        let of = |one: &Value| one["Action"].as_array().unwrap().clone();
        statements.iter().flat_map(of).map(|action| action.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(actions(QUIET).len(), 2);
    assert!(actions(QUIET).contains(&"logs:PutLogEvents".to_owned()));
    assert_eq!(actions(&format!("{QUIET}[evidence]\nassumed = false\n")), ["logs:CreateLogStream"]);
    let refused = [event(1, &role("app", "s"), "logs", "CreateLogStream", &parameters, Some("AccessDenied"))];
    assert!(written(&run(&refused, QUIET)).is_empty());
}

#[test]
fn what_is_no_forward_access_carries_no_such_condition() {
    let alice = json!({"type": "IAMUser", "userName": "alice", "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/alice")});
    for service in ["signin.amazonaws.com", "AWS Internal", "unheard-of.amazonaws.com"] {
        let plan = run(&[decrypt(1, &alice, Some(service), None)], QUIET);
        clean(&plan);
        let policy = plan.policies.policies.values().next().unwrap();
        assert!(policy.grants.iter().all(|grant| !grant.permit.to_string().contains(" where ")), "{service}");
    }
}

#[test]
fn listings_do_not_fold_over_a_refused_or_sensitive_prefix() {
    let app = role("app", "s");
    let mut records: Vec<Value> = (1..9).map(|day| list(day, &app, Some(&format!("logs/2026/11/0{day}/")), None)).collect();
    records.push(list(9, &app, Some("logs/2026/11/ledger/"), Some("AccessDenied")));
    let plan = run(&records, QUIET);
    clean(&plan);
    assert_eq!(written(&plan)[0]["Condition"]["StringEquals"]["s3:prefix"].as_array().map(Vec::len), Some(8));
    records.pop();
    records.push(list(9, &app, Some("logs/2026/11/my-secrets/"), None));
    let plan = run(&records, QUIET);
    clean(&plan);
    assert_eq!(written(&plan)[0]["Condition"]["StringEquals"]["s3:prefix"].as_array().map(Vec::len), Some(9));
}

#[test]
fn a_refusals_message_never_denies_what_was_allowed_without_a_name() {
    let app = role("app", "s");
    let parameters = json!({"keyId": "alias/app"});
    let mut refused = event(1, &app, "kms", "Encrypt", &parameters, Some("AccessDenied"));
    let who = app["arn"].as_str().unwrap();
    refused["errorMessage"] = json!(format!(
        "User: {who} is not authorized to perform: kms:Encrypt on resource: {KEY} because no identity-based policy allows the kms:Encrypt action"
    ));
    let plan = run(&[refused, event(2, &app, "kms", "Encrypt", &parameters, None)], QUIET);
    let policy = plan.policies.policies.values().next().unwrap();
    let Documents::Iam(documents) = &policy.documents else { panic!("{policy:?}") };
    assert!(!serde_json::to_string(documents).unwrap().contains("Deny"));
    assert_eq!(plan.verdict.restraint.leaks, []);
    assert_eq!(plan.verdict.restraint.contested.len(), 1);
}

#[test]
fn what_a_client_wrote_is_no_grant_of_its_own() {
    let app = role("app", "s");
    let machine = format!("arn:aws:states:eu-central-1:{ACCOUNT}:stateMachine:");
    let table = format!("arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/");
    for (service, name, parameters, error, never) in [
        (
            "s3",
            "CopyObject",
            json!({"bucketName": "orders", "key": "a", "x-amz-copy-source": "nonsense"}),
            Some("InvalidArgument"),
            "s3:GetObject",
        ),
        (
            "lambda",
            "CreateFunction20150331",
            json!({"functionName": "f", "role": format!("arn:aws:iam::{ACCOUNT}:role/Admin")}),
            Some("InvalidParameterValueException"),
            "iam:PassRole",
        ),
        (
            "states",
            "StartExecution",
            json!({"stateMachineArn": format!("{machine}orders"), "name": format!("{machine}payroll")}),
            None,
            "payroll",
        ),
        (
            "dynamodb",
            "UntagResource",
            json!({"resourceArn": format!("{table}orders"), "tagKeys": [format!("{table}payroll")]}),
            None,
            "payroll",
        ),
    ] {
        let plan = run(&[event(1, &app, service, name, &parameters, error)], QUIET);
        assert_eq!(plan.verdict.sufficiency.gaps, [], "{name}");
        let written = written(&plan);
        assert!(!written.is_empty() && !Value::Array(written).to_string().contains(&format!("{never}\"")), "{name}");
    }
}
