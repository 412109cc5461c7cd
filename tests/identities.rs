//! How identities are used, end to end: shared roles, long-lived keys, permission sets, federated sessions, pod identities.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests")]

mod harness;

use harness::{ACCOUNT, artifacts, config, event, generate, role, write_lines};
use serde_json::{Value, json};
use tightfit::access::identity::{Identity, Name};
use tightfit::finding::Code;
use tightfit::pipeline::Plan;

const QUIET: &str = "[coverage]\ndays-min = 0\n[choose]\nclasses = [\"human\"]\n";

fn run(records: &[Value]) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let log = write_lines(folder.path(), "log.jsonl", records);
    generate(&[&log], &config(QUIET), 1)
}

fn notes(plan: &Plan, code: Code) -> Vec<String> {
    plan.findings.iter().filter(|finding| finding.code == code).map(|finding| finding.note.clone()).collect()
}

fn read(number: u64, who: &Value, table: &str) -> Value {
    event(number, who, "dynamodb", "DescribeTable", &json!({"tableName": table}), None)
}

#[test]
fn a_shared_role_is_proposed_to_be_split() {
    let on = |function: &str| {
        let mut who = role("app", function);
        let arn = format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:{function}");
        who["inScopeOf"] = json!({"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": arn});
        who
    };
    let (a, b) = (on("a"), on("b"));
    let plan = run(&[read(1, &a, "orders"), read(2, &b, "orders"), read(3, &b, "stock")]);
    assert_eq!(plan.verdict.necessity.excess, []);
    assert_eq!(notes(&plan, Code::SharedRole).len(), 1);
    let files = artifacts(&plan, &config(QUIET));
    let body = |name: &str| {
        let start = format!("aws/{ACCOUNT}/role/app/split/arn_aws_lambda_eu-central-1_{ACCOUNT}_function_{name}~");
        files.iter().find(|file| file.path.starts_with(&start)).map(|file| file.body.clone()).unwrap()
    };
    assert!(body("a").contains("table/orders") && !body("a").contains("table/stock"));
    assert!(body("b").contains("table/orders") && body("b").contains("table/stock"));

    let one = run(&[read(1, &a, "orders"), read(2, &a, "stock")]);
    assert!(notes(&one, Code::SharedRole).is_empty() && one.policies.splits.is_empty());
}

#[test]
fn keys_that_do_not_expire_are_named_without_their_middle() {
    let user = |key: &str| json!({"type": "IAMUser", "userName": "bot", "accountId": ACCOUNT, "accessKeyId": key, "arn": format!("arn:aws:iam::{ACCOUNT}:user/bot")});
    let plan = run(&[read(1, &user("AKIAMADEUPMADEUP1234"), "t"), read(2, &user("ASIAMADEUPMADEUP5678"), "t")]);
    let notes = notes(&plan, Code::LongLivedKey);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("AKIA...1234") && !notes[0].contains("MADEUP") && !notes[0].contains("5678"), "{}", notes[0]);
}

#[test]
fn a_permission_sets_role_says_where_its_policy_belongs() {
    let plan = run(&[read(1, &role("AWSReservedSSO_Ops_0123456789abcdef", "ann@example.com"), "t")]);
    assert!(notes(&plan, Code::PermissionSet)[0].contains("`Ops`"));
}

#[test]
fn a_federated_session_needs_what_its_user_has() {
    let federated = json!({
        "type": "FederatedUser", "accountId": ACCOUNT, "arn": format!("arn:aws:sts::{ACCOUNT}:federated-user/ann"),
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "userName": "broker", "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/broker")}},
    });
    let plan = run(&[read(1, &federated, "t")]);
    let broker = Identity::aws("aws", ACCOUNT, Name::User("broker".to_owned()));
    assert_eq!(plan.policies.policies.keys().collect::<Vec<_>>(), [&broker]);
}

#[test]
fn pod_identity_ties_a_role_to_its_service_account() {
    let pods = json!({"type": "AWSService", "invokedBy": "pods.eks.amazonaws.com"});
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/web");
    let tags =
        [tag("kubernetes-namespace", "shop"), tag("kubernetes-service-account", "web"), tag("kubernetes-pod-name", "web-1")];
    let parameters = json!({"roleArn": role_arn, "roleSessionName": "eks-c-web", "tags": tags});
    let plan = run(&[event(1, &pods, "sts", "AssumeRole", &parameters, None)]);
    let account = ("shop".to_owned(), "web".to_owned());
    assert_eq!(plan.profile.inventory.service_account_roles[&account].iter().collect::<Vec<_>>(), [&role_arn]);
    let statement = &serde_json::to_value(&plan.policies.trust[0].document).unwrap()["Statement"][0];
    assert_eq!(statement["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
}

#[test]
fn one_name_in_many_accounts_folds_into_one_document() {
    let in_account = |number: u64, account: &str, table: &str| {
        let record = read(number, &role("app", "s"), table);
        serde_json::from_str::<Value>(&record.to_string().replace(ACCOUNT, account)).unwrap()
    };
    let other = "444455556666";
    let refused = event(9, &role("app", "s"), "dynamodb", "DescribeTable", &json!({"tableName": "secret"}), Some("AccessDenied"));
    let records = [in_account(1, ACCOUNT, "orders"), in_account(2, other, "orders"), in_account(3, other, "stock"), refused];
    let settings = config(&format!("{QUIET}[documents]\nfold-accounts = true\n"));
    let folder = tempfile::tempdir().unwrap();
    let log = write_lines(folder.path(), "log.jsonl", &records);
    let plan = generate(&[&log], &settings, 1);
    assert_eq!(plan.verdict.sufficiency.gaps, []);
    assert_eq!(plan.verdict.restraint.leaks, []);
    assert_eq!(plan.verdict.necessity.excess, []);
    let files = artifacts(&plan, &settings);
    let policies: Vec<_> = files.iter().filter(|file| file.path.ends_with("policy.json")).collect();
    assert_eq!(policies.len(), 1);
    assert_eq!(policies[0].path, "aws/all-accounts/role/app/policy.json");
    let statement = &serde_json::from_str::<Value>(&policies[0].body).unwrap()["Statement"][0];
    assert_eq!(statement["Condition"], json!({"StringEquals": {"aws:ResourceAccount": ["${aws:PrincipalAccount}"]}}));
    let tables = ["orders", "stock"].map(|table| format!("arn:aws:dynamodb:eu-central-1:*:table/{table}"));
    assert_eq!(statement["Resource"], json!(tables));
    let manifest = files.iter().find(|file| file.path == "manifest.json").unwrap();
    let manifest: Value = serde_json::from_str(&manifest.body).unwrap();
    let reasons = |account: usize| {
        manifest["policies"][account]["grants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|grant| grant["reason"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(manifest["policies"].as_array().unwrap().len(), 2);
    assert!(reasons(0).contains(&json!("declared")) && reasons(0).contains(&json!("observed")));
    assert_eq!(reasons(1), [json!("observed"), json!("observed")]);

    // Read back, the folder says the same.
    let out = folder.path().join("out");
    for file in &files {
        let path = out.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.body).unwrap();
    }
    let code = harness::ended(&harness::tightfit(folder.path(), &["verify", "log.jsonl", "--policies", "out"])).0;
    assert_eq!(code, 5, "clean, but a day is a short recording");
}
