//! A snapshot of production: how it is read, what it makes of a replay, and what other accounts' owners are asked to add.

#![cfg(test)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::{ACCOUNT, ended, event, role, tightfit, write_lines};
use serde_json::{Value, json};
use tightfit::access::identity::Identity;
use tightfit::load::snapshot;

const OTHER: &str = "999988887777";

fn allow(actions: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

/// The answer of `get-account-authorization-details` with one role, a boundary and a group.
fn details(boundary: &Value) -> Value {
    let policy = |name: &str, document: &Value| {
        json!({"Arn": format!("arn:aws:iam::{ACCOUNT}:policy/{name}"), "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": false, "Document": {}}, {"VersionId": "v2", "IsDefaultVersion": true, "Document": document}]})
    };
    let attached = |name: &str| json!([{"PolicyName": name, "PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/{name}")}]);
    json!({
        "UserDetailList": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:user/team/bob"), "GroupList": ["ops"], "UserPolicyList": []}],
        "GroupDetailList": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:group/g/ops"), "GroupPolicyList":
            [{"PolicyName": "inline", "PolicyDocument": allow(&json!("s3:*"))}], "AttachedManagedPolicies": attached("read")}],
        "RoleDetailList": [{
            "Arn": format!("arn:aws:iam::{ACCOUNT}:role/app"),
            // As the API answers it.
            "AssumeRolePolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D",
            "RolePolicyList": [], "AttachedManagedPolicies": [],
            "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": format!("arn:aws:iam::{ACCOUNT}:policy/limit")},
        }],
        "Policies": [policy("limit", boundary), policy("read", &allow(&json!("sqs:*")))],
    })
}

fn organization(deny: &Value) -> Value {
    let statement = json!({"Sid": "Guard", "Effect": "Deny", "Action": deny, "Resource": "*"});
    json!({
        "management_account": "123412341234",
        "targets": {
            "r-root": {"policies": ["p-FullAWSAccess"]},
            "ou-prod": {"parent": "r-root", "policies": ["p-FullAWSAccess", "p-guard"]},
            ACCOUNT: {"parent": "ou-prod", "policies": ["p-FullAWSAccess"]},
        },
        "policies": {"p-guard": {"type": "SERVICE_CONTROL_POLICY", "document": {"Version": "2012-10-17", "Statement": [statement]}}},
    })
}

fn folder_of(files: &[(&str, &Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        fs::write(folder.path().join(name), value.to_string()).unwrap();
    }
    folder
}

/// Generates within the snapshot; the gaps' notes by request, and the exit code.
fn gaps(records: &[Value], files: &[(&str, &Value)]) -> (i32, BTreeMap<String, String>) {
    let work = tempfile::tempdir().unwrap();
    let snapshot = folder_of(files);
    write_lines(work.path(), "log.json", records);
    let place = snapshot.path().display().to_string();
    let (code, out, err) = ended(&tightfit(
        work.path(),
        &["generate", "log.json", "--out", "out", "--snapshot", &place, "--json", "--class", "human"],
    ));
    let document: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let all = document["verdict"]["sufficiency"]["gaps"].as_array().unwrap();
    let text = |gap: &Value, name: &str| gap[name].as_str().unwrap().to_owned();
    (code, all.iter().map(|gap| (text(gap, "request"), text(gap, "note"))).collect())
}

fn decrypt(number: u64) -> Value {
    let mut record = event(number, &role("app", "s"), "kms", "Decrypt", &json!({"keyId": "k"}), None);
    record["resources"] =
        json!([{"ARN": format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/k"), "accountId": ACCOUNT, "type": "AWS::KMS::Key"}]);
    record
}

#[test]
fn a_gap_names_the_layer_that_would_deny() {
    let records = [event(1, &role("app", "s"), "sqs", "ListQueues", &json!({}), None), decrypt(2)];
    let open = details(&allow(&json!("*")));
    assert_eq!(gaps(&records, &[("iam.json", &open)]).1, BTreeMap::new());
    let note = |files: &[(&str, &Value)], action: &str| {
        let (code, gaps) = gaps(&records, files);
        assert_eq!(code, 3);
        let found: Vec<String> =
            gaps.iter().filter(|(request, _)| request.starts_with(action)).map(|(_, note)| note.clone()).collect();
        assert!(found.len() == 1 && gaps.len() == 1, "{gaps:?}");
        found[0].clone()
    };
    let bounded = details(&allow(&json!("kms:*")));
    assert!(note(&[("iam.json", &bounded)], "sqs:ListQueues").contains("its permissions boundary would not let it through"));
    let guarded = organization(&json!("sqs:*"));
    let denied = note(&[("iam.json", &open), ("organization.json", &guarded)], "sqs:ListQueues");
    assert!(denied.contains("service control policies of ou-prod would deny it") && denied.contains("Guard"), "{denied}");
    let key = |principal: Value| {
        json!({"arn": format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/k"), "policy": {"Policy":
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}]}).to_string()}})
    };
    let shut = key(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/else")}));
    assert!(note(&[("iam.json", &open), ("key.json", &shut)], "kms:Decrypt").contains("the resource policy of arn:aws:kms"));
    // A key policy that names the account enables its identity policies.
    let enabled = key(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}));
    assert_eq!(gaps(&records, &[("iam.json", &open), ("key.json", &enabled)]).1, BTreeMap::new());
}

#[test]
fn assumptions_are_judged_by_the_trust_policy() {
    let assume = |number, service: &str| {
        let who = json!({"type": "AWSService", "invokedBy": service});
        event(
            number,
            &who,
            "sts",
            "AssumeRole",
            &json!({"roleArn": format!("arn:aws:iam::{ACCOUNT}:role/app"), "roleSessionName": "s"}),
            None,
        )
    };
    let open = details(&allow(&json!("*")));
    let used = event(9, &role("app", "s"), "sqs", "ListQueues", &json!({}), None);
    assert_eq!(gaps(&[assume(1, "lambda.amazonaws.com"), used.clone()], &[("iam.json", &open)]).1, BTreeMap::new());
    let (code, gaps) = gaps(&[assume(1, "ec2.amazonaws.com"), used], &[("iam.json", &open)]);
    let notes: Vec<&String> = gaps.values().collect();
    assert!(code == 3 && notes.len() == 1 && notes[0].contains("the trust policy of"), "{gaps:?}");
}

#[test]
fn other_accounts_get_companions() {
    let work = tempfile::tempdir().unwrap();
    let queue = |number, account: &str, name: &str| {
        let url = format!("https://sqs.eu-central-1.amazonaws.com/{account}/q");
        event(number, &role(name, "s"), "sqs", "SendMessage", &json!({"queueUrl": url}), None)
    };
    let records = [queue(1, OTHER, "app"), queue(2, OTHER, "web"), queue(3, ACCOUNT, "app")];
    write_lines(work.path(), "log.json", &records);
    let (_, out, err) = ended(&tightfit(work.path(), &["generate", "log.json", "--out", "out", "--json"]));
    let file = work.path().join(format!("out/companions/{OTHER}/sqs/eu-central-1/q.advice.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error} {err} {out}"));
    let roles = ["app", "web"].map(|name| format!("arn:aws:iam::{ACCOUNT}:role/{name}"));
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "Companion1", "Effect": "Allow", "Principal": {"AWS": roles},
            "Action": ["sqs:SendMessage"], "Resource": [format!("arn:aws:sqs:eu-central-1:{OTHER}:q")]}]})
    );
    assert!(
        out.contains("companion-needed")
            && fs::read_to_string(work.path().join("out/report.md")).unwrap().contains("companions/ACCOUNT/")
    );
    assert_eq!(fs::read_dir(work.path().join("out/companions")).unwrap().count(), 1);
}

#[test]
fn a_snapshot_is_read_whole() {
    let open = details(&allow(&json!("*")));
    let described = json!({"Policy": {"PolicySummary": {"Id": "p-guard", "Type": "SERVICE_CONTROL_POLICY"}, "Content": allow(&json!("*")).to_string()}});
    let mut organization = organization(&json!("sqs:*"));
    organization["policies"] = json!({});
    let folder = folder_of(&[
        ("iam.json", &open),
        ("org.json", &organization),
        ("p-guard.json", &described),
        ("other.json", &json!({"x": 1})),
    ]);
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    let (read, findings) = snapshot::folder(folder.path(), &[]).unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    let bob = &read.principals[&Identity::parse(&format!("arn:aws:iam::{ACCOUNT}:user/team/bob")).unwrap()];
    assert_eq!((bob.documents.len(), bob.boundary.is_none()), (2, true));
    let app = &read.principals[&Identity::parse(&format!("arn:aws:iam::{ACCOUNT}:role/app")).unwrap()];
    assert!(app.boundary.is_some() && app.trust.is_some());
}

#[test]
fn what_is_wrong_with_a_snapshot_is_said() {
    let open = details(&allow(&json!("*")));
    let error = |files: &[(&str, &Value)]| {
        let mut error: &dyn std::error::Error = &snapshot::folder(folder_of(files).path(), &[]).unwrap_err();
        let mut text = error.to_string();
        while let Some(source) = error.source() {
            text = format!("{text}: {source}");
            error = source;
        }
        text
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = open.clone();
        change(&mut changed);
        error(&[("iam.json", &changed)])
    };
    let missing = with(&|all| all["Policies"] = json!([]));
    assert!(missing.contains("iam.json") && missing.contains("which no file holds"), "{missing}");
    assert!(with(&|all| all["IsTruncated"] = json!(true)).contains("one page of several"));
    assert!(with(&|all| all["RoleDetailList"][0]["AssumeRolePolicyDocument"] = json!("%7")).contains("trust policy of"));
    assert!(with(&|all| all["UserDetailList"] = json!("x")).contains("is not as it answers"));
    assert!(error(&[("x.json", &json!({}))]).contains("get-account-authorization-details > DIR/iam.json"));
    assert!(snapshot::folder(Path::new("/nowhere"), &[]).unwrap_err().to_string().contains("is no folder"));
    let targets = |change: &dyn Fn(&mut Value)| {
        let mut changed = organization(&json!("x"));
        change(&mut changed);
        error(&[("org.json", &changed)])
    };
    assert!(targets(&|org| org["targets"]["r-root"]["parent"] = json!(ACCOUNT)).contains("stands below itself"));
    assert!(targets(&|org| org["targets"]["ou-prod"]["parent"] = json!("r-x")).contains("is named as a parent but not listed"));
    assert!(targets(&|org| org["policies"] = json!({})).contains("describe-policy --policy-id p-guard"));
    assert!(targets(&|org| org["targets"][ACCOUNT]["policies"] = json!([])).contains("has no service control policy"));
    assert!(targets(&|org| org["extra"] = json!(1)).contains("unknown field `extra`"));
    let key = json!({"arn": "arn:aws:kms:r:1:key/k", "policy": null});
    assert!(error(&[("a.json", &key), ("b.json", &key)]).contains("stands twice"));
    assert!(error(&[("a.json", &json!({"arn": "k", "policy": null}))]).contains("is no ARN"));
}

#[test]
fn grants_that_leave_no_event_are_kept() {
    let work = tempfile::tempdir().unwrap();
    write_lines(work.path(), "log.json", &[decrypt(1)]);
    let database = format!("arn:aws:rds-db:eu-central-1:{ACCOUNT}:dbuser:db-1/app");
    let statement = |actions: &Value, resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    let existing = json!({"Version": "2012-10-17", "Statement": [
        statement(&json!(["rds-db:*", "s3:GetObject"]), &database),
        statement(&json!("*"), "*"),
    ]});
    let mut all = details(&allow(&json!("*")));
    all["RoleDetailList"][0]["RolePolicyList"] = json!([{"PolicyName": "old", "PolicyDocument": existing}]);
    let snapshot = folder_of(&[("a.json", &all)]);
    let place = snapshot.path().display().to_string();
    let output = tightfit(work.path(), &["generate", "log.json", "--out", "out", "--snapshot", &place]);
    let (_, _, errors) = ended(&output);
    let read = |path: &str| fs::read_to_string(work.path().join("out").join(path)).unwrap_or_else(|_| panic!("{path}: {errors}"));
    let policy: Value = serde_json::from_str(&read(&format!("aws/{ACCOUNT}/role/app/policy.json"))).unwrap();
    let kept: Vec<&Value> =
        policy["Statement"].as_array().unwrap().iter().filter(|one| one["Action"] != json!(["kms:Decrypt"])).collect();
    assert_eq!(kept.len(), 1, "{policy}");
    assert_eq!((&kept[0]["Action"], &kept[0]["Resource"]), (&json!(["rds-db:connect"]), &json!([database])));
    assert!(read("manifest.json").contains(r#""reason": "unobservable""#));
    let verdict: Value = serde_json::from_str(&read("verdict.json")).unwrap();
    assert_eq!(verdict["verdict"]["necessity"]["excess"], json!([]));
}
