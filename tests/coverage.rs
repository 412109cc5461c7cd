//! What a recording could not show: blind identities, the selectors that end it, gaps, changes of the trail, last-accessed data.
#![cfg(test)]

mod harness;

use std::fs;
use std::path::Path;

use harness::{ACCOUNT, artifacts, config, ended, event, generate, role, tightfit, write_lines};
use serde_json::{Value, json};
use tightfit::finding::{Code, Finding, Severity};
use tightfit::pipeline::Plan;
use tightfit::verdict::VerdictState;

const ROLE: &str = "arn:aws:iam::111122223333:role/orders-api";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A call of KMS that a service made for the caller.
fn kms(number: u64, caller: &Value, by: &str, context: &Value) -> Value {
    let mut caller = caller.clone();
    caller["invokedBy"] = json!(by);
    let parameters = json!({"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    let mut record = event(number, &caller, "kms", "Decrypt", &parameters, None);
    record["resources"] = json!([{"ARN": KEY, "accountId": ACCOUNT, "type": "AWS::KMS::Key"}]);
    record
}

fn data(mut record: Value) -> Value {
    record["eventCategory"] = json!("Data");
    record["managementEvent"] = json!(false);
    record
}

/// Management events only, of a role that used data of S3 and DynamoDB, over 28 days.
fn management_only() -> Vec<Value> {
    let caller = role("orders-api", "i-0a1b");
    let bucket = json!({"aws:s3:arn": "arn:aws:s3:::orders-archive/2026/10/a.csv"});
    let table = json!({"aws:dynamodb:tableName": "orders", "aws:dynamodb:subscriberId": ACCOUNT});
    let mut records = vec![
        event(0, &caller, "s3", "GetBucketLocation", &json!({"bucketName": "orders-archive"}), None),
        event(1, &caller, "dynamodb", "DescribeTable", &json!({"tableName": "orders"}), None),
        event(2, &caller, "lambda", "ListFunctions20150331", &json!({}), None),
        event(3, &caller, "sts", "GetCallerIdentity", &json!({}), None),
        event(27 * 24, &caller, "s3", "GetBucketLocation", &json!({"bucketName": "orders-archive"}), None),
    ];
    records.extend((10..38).map(|number| kms(number, &caller, "s3.amazonaws.com", &bucket)));
    records.extend((40..44).map(|number| kms(number, &caller, "dynamodb.amazonaws.com", &table)));
    records
}

fn plan_of(records: &[Value], settings: &str) -> (Plan, tightfit::config::Config) {
    let scratch = tempfile::tempdir().unwrap();
    let log = write_lines(scratch.path(), "log.jsonl", records);
    let config = config(settings);
    (generate(&[&log], &config, 1), config)
}

fn of(plan: &Plan, code: Code) -> Vec<&Finding> {
    plan.verdict.coverage.iter().filter(|finding| finding.code == code).collect()
}

fn noted(plan: &Plan, code: Code) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.code == code && !plan.verdict.coverage.contains(finding)).collect()
}

#[test]
fn management_events_alone_are_incomplete_and_the_report_says_who_what_and_how() {
    let (plan, config) = plan_of(&management_only(), "");
    assert_eq!(plan.verdict.state(), VerdictState::Incomplete);
    let blind = of(&plan, Code::IdentityBlind);
    let services: Vec<(&str, &str, Severity)> =
        blind.iter().map(|finding| (finding.about.as_str(), finding.note.split(':').next().unwrap(), finding.severity)).collect();
    assert_eq!(
        services,
        [(ROLE, "dynamodb", Severity::Warning), (ROLE, "s3", Severity::Warning), (ROLE, "lambda", Severity::Note)]
    );
    assert!(
        blind[1].note.contains("2 management and 0 data events") && blind[1].note.contains("KMS calls through it: 28,"),
        "{}",
        blind[1].note
    );

    let written = artifacts(&plan, &config);
    let text = |path: &str| written.iter().find(|artifact| artifact.path == path).map(|artifact| artifact.body.as_str()).unwrap();
    let report = text("report.md");
    for part in [
        "least privilege from a recording: incomplete",
        "### who could not be seen",
        "| `arn:aws:iam::111122223333:role/orders-api` | `s3` | `111122223333` | 2 | 0 | 28 | **proven** | `arn:aws:s3:::orders-archive` | at least 5 a day, by calls of kms |",
        "| `arn:aws:iam::111122223333:role/orders-api` | `dynamodb` | `111122223333` | 1 | 0 | 4 | **proven** | `arn:aws:dynamodb:eu-central-1:111122223333:table/orders` | not known; 2 calls of kms a day |",
        "\"aws::s3::object\"",
        "\"aws::dynamodb::table\"",
        "coverage/111122223333/event-selectors.json",
    ] {
        assert!(report.to_lowercase().contains(part), "{part}\n{report}");
    }
    let fields = |selectors: &Value, kind: &str| -> Value {
        let with = |selector: &&Value| selector["FieldSelectors"][1]["Equals"] == json!([kind]);
        selectors.as_array().unwrap().iter().find(with).map(|selector| selector["FieldSelectors"].clone()).unwrap()
    };
    let session = json!({"Field": "userIdentity.arn", "StartsWith": ["arn:aws:sts::111122223333:assumed-role/orders-api/"]});
    let category = json!({"Field": "eventCategory", "Equals": ["Data"]});
    let kind = |name: &str| json!({"Field": "resources.type", "Equals": [name]});
    let whole: Value = serde_json::from_str(text("coverage/111122223333/event-selectors.json")).unwrap();
    assert_eq!(whole[0]["FieldSelectors"], json!([{"Field": "eventCategory", "Equals": ["Management"]}]));
    assert_eq!(fields(&whole, "AWS::S3::Object"), json!([category, kind("AWS::S3::Object"), session]));
    let known: Value = serde_json::from_str(text("coverage/111122223333/event-selectors.known.json")).unwrap();
    let bucket = json!({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::orders-archive/"]});
    assert_eq!(fields(&known, "AWS::S3::Object"), json!([category, kind("AWS::S3::Object"), bucket, session]));
    let table = json!({"Field": "resources.ARN", "Equals": ["arn:aws:dynamodb:eu-central-1:111122223333:table/orders"]});
    assert_eq!(fields(&known, "AWS::DynamoDB::Table"), json!([category, kind("AWS::DynamoDB::Table"), table, session]));
}

#[test]
fn the_binary_ends_with_5_doctor_agrees_and_a_profile_and_verify_know_it_too() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    write_lines(here, "log", &management_only());
    let run = |arguments: &[&str]| ended(&tightfit(here, arguments));
    let (code, said, errors) = run(&["generate", "log", "--out", "p"]);
    assert_eq!(code, 5, "{said}{errors}");
    assert!(said.contains("identity-blind"), "{said}");
    assert!(here.join("p/coverage/111122223333/event-selectors.json").is_file());
    let (_, said, _) = run(&["doctor", "log"]);
    for part in ["role/orders-api  s3 2 / 0, 28: data was used", "at least 5 a day", "role/orders-api  lambda 1 / 0, 0: data may"]
    {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let holes = |arguments: &[&str]| {
        let (_, said, _) = run(arguments);
        let document: Value = serde_json::from_str(&said).unwrap();
        document["verdict"]["coverage"].clone()
    };
    let generated = holes(&["generate", "log", "--out", "p", "--json"]);
    assert!(generated.to_string().contains("identity-blind"));
    assert_eq!(holes(&["verify", "log", "--policies", "p", "--json"]), generated);
    assert_eq!(run(&["profile", "log", "--out", "p.parquet"]).0, 0);
    assert_eq!(holes(&["generate", "p.parquet", "--out", "q", "--json"]), generated);
    let selectors = |folder: &str| fs::read(here.join(folder).join("coverage/111122223333/event-selectors.json")).unwrap();
    assert_eq!(selectors("p"), selectors("q"));
}

#[test]
fn data_events_of_the_identity_end_its_blindness() {
    let caller = role("orders-api", "s");
    let mut records = management_only();
    let object = json!({"bucketName": "orders-archive", "key": "2026/10/a.csv"});
    records.extend((100..114).map(|number| data(event(number, &caller, "s3", "GetObject", &object, None))));
    let about = |records: &[Value]| {
        let (plan, _) = plan_of(records, "");
        of(&plan, Code::IdentityBlind).iter().map(|finding| finding.note.clone()).collect::<Vec<String>>()
    };
    // 28 calls of KMS can stand for 14 events.
    assert!(about(&records).iter().all(|note| !note.starts_with("s3:")), "{:?}", about(&records));
    records.pop();
    assert!(
        about(&records).iter().any(|note| note.starts_with("s3:") && note.contains("or a part of it")),
        "{:?}",
        about(&records)
    );
    // Data events of another role show that the service is recorded: what only touched it is seen.
    let other = role("other", "s");
    let mut touched = vec![event(1, &caller, "s3", "GetBucketLocation", &json!({"bucketName": "b"}), None)];
    assert_eq!(about(&touched).len(), 1);
    touched.push(data(event(2, &other, "s3", "GetObject", &object, None)));
    assert!(about(&touched).is_empty());
}

#[test]
fn only_whom_is_written_for_is_told_and_refused_calls_prove_nothing() {
    let caller = role("orders-api", "s");
    let mut refused = kms(1, &caller, "s3.amazonaws.com", &json!({"aws:s3:arn": "arn:aws:s3:::b/k"}));
    refused["errorCode"] = json!("AccessDenied");
    let human = role("AWSReservedSSO_Admin_0123456789abcdef", "jane@example.com");
    let records = [
        refused,
        event(2, &human, "s3", "ListBuckets", &json!({}), None),
        // A function's own key is used when it starts, not when the role calls a function.
        kms(
            3,
            &caller,
            "lambda.amazonaws.com",
            &json!({"aws:lambda:FunctionArn": "arn:aws:lambda:eu-central-1:111122223333:function:f"}),
        ),
    ];
    let (plan, _) = plan_of(&records, "");
    assert!(of(&plan, Code::IdentityBlind).is_empty(), "{:?}", plan.verdict.coverage);
    assert_eq!(of(&plan, Code::DataEventsOff).len(), 1);
}

#[test]
fn aggregated_events_tell_the_cost() {
    let mut records = management_only();
    for (id, dimension, value) in [("a-1", "eventName", 1000_u64), ("a-2", "resourceARN", 1800), ("a-3", "eventName", 400)] {
        records.push(json!({
            "eventVersion": "1.0", "accountId": ACCOUNT, "eventId": id, "eventCategory": "Aggregated", "eventType": "AwsAggregatedEvent",
            "awsRegion": "eu-central-1", "eventSource": "s3.amazonaws.com",
            "timeWindow": {"windowStart": "2026-10-05T19:20:00Z", "windowEnd": "2026-10-05T19:25:00Z", "windowSize": "PT5M"},
            "summary": {"primaryDimension": {"dimension": dimension, "statistics": [{"name": "x", "value": value}], "aggregationType": "Count"}},
        }));
    }
    let (plan, config) = plan_of(&records, "");
    let report = artifacts(&plan, &config).into_iter().find(|artifact| artifact.path == "report.md").unwrap().body;
    assert!(report.contains("1400 a day, all identities, by aggregated events"), "{report}");
    assert!(of(&plan, Code::DataEventsOff)[0].note.contains("s3 1400"), "{:?}", of(&plan, Code::DataEventsOff));
    let hostile = json!({"eventCategory": "Aggregated", "summary": {"primaryDimension": {"statistics": [{"value": u64::MAX}, {"value": u64::MAX}], "dimension": "eventName"}},
        "eventSource": "s3.amazonaws.com", "timeWindow": {"windowStart": "2026-10-05T19:20:00Z"}});
    let (plan, _) = plan_of(&[records, vec![hostile.clone(), hostile]].concat(), "");
    assert_eq!(plan.verdict.state(), VerdictState::Incomplete);
}

#[test]
fn changes_of_a_trail_are_told() {
    let admin = role("admin", "s");
    let selectors = json!({"trailName": "main", "eventSelectors": [{"readWriteType": "ReadOnly", "includeManagementEvents": false, "dataResources": [{"type": "AWS::S3::Object", "values": []}]}]});
    let records = [
        event(1, &admin, "cloudtrail", "StopLogging", &json!({"name": "main"}), None),
        event(2, &admin, "cloudtrail", "StopLogging", &json!({"name": "other"}), Some("AccessDenied")),
        event(3, &admin, "cloudtrail", "PutEventSelectors", &selectors, None),
        event(4, &admin, "cloudtrail", "StartLogging", &json!({"name": "main"}), None),
    ];
    let (plan, _) = plan_of(&records, "");
    let notes: Vec<&str> = of(&plan, Code::RecordingChanged).iter().map(|finding| finding.note.as_str()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[1].contains("StopLogging of trail main at 2026-10-01T01:00:00Z by arn:aws:iam::111122223333:role/admin"),
        "{notes:?}"
    );
    assert!(notes[0].contains("no management events, data events of AWS::S3::Object (ReadOnly)"), "{notes:?}");
    let started = noted(&plan, Code::RecordingChanged);
    assert!(
        started.len() == 1 && started[0].severity == Severity::Note && started[0].note.contains("StartLogging"),
        "{started:?}"
    );
}

#[test]
fn accounts_regions_and_days_that_are_missing() {
    let caller = role("orders-api", "s");
    let topic = json!({"topicArn": "arn:aws:sns:us-west-2:444455556666:jobs"});
    let mut records = vec![event(1, &caller, "sns", "GetTopicAttributes", &topic, None)];
    let (plan, _) = plan_of(&records, "");
    let mentioned =
        |code: Code, plan: &Plan| noted(plan, code).iter().map(|finding| finding.about.clone()).collect::<Vec<String>>();
    assert_eq!(mentioned(Code::AccountMissing, &plan), ["account 444455556666"]);
    assert_eq!(mentioned(Code::RegionMissing, &plan), ["region us-west-2"]);
    assert!(of(&plan, Code::AccountMissing).is_empty());
    let settings = "[coverage]\naccounts = [\"111122223333\", \"444455556666\"]\nregions = [\"eu-central-1\", \"us-west-2\"]";
    let (plan, _) = plan_of(&records, settings);
    assert_eq!(of(&plan, Code::AccountMissing)[0].about, "account 444455556666");
    assert!(of(&plan, Code::RegionMissing)[0].note.contains("us-west-2"));
    assert!(noted(&plan, Code::AccountMissing).is_empty() && noted(&plan, Code::RegionMissing).is_empty());

    // Days 3 and 4 are empty, the others hold 120 records each.
    for day in [0_u64, 1, 4, 5] {
        records.extend((0..120).map(|nth| {
            let mut record = event(day * 24 + nth % 24, &caller, "sqs", "ListQueues", &json!({}), None);
            record["eventID"] = json!(format!("e-{day}-{nth}"));
            record
        }));
    }
    let (plan, _) = plan_of(&records, "");
    let gaps = of(&plan, Code::RecordingGap);
    assert!(gaps.len() == 1 && gaps[0].note.contains("2026-10-03 to 2026-10-04") && gaps[0].count == 2, "{gaps:?}");
    records.retain(|record| record["eventID"].as_str().unwrap().len() % 2 == 0);
    let (plan, _) = plan_of(&records, "");
    assert!(of(&plan, Code::RecordingGap).is_empty(), "few events a day leave days empty by chance");
}

#[test]
fn what_aws_remembers_and_the_log_lacks_is_a_hole() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    write_lines(here, "log", &management_only());
    let used = |service: &str, time: &str, actions: &Value| {
        json!({"ServiceName": service, "ServiceNamespace": service, "LastAuthenticated": time, "LastAuthenticatedEntity": ROLE,
        "LastAuthenticatedRegion": "eu-central-1", "TotalAuthenticatedEntities": 1, "TrackedActionsLastAccessed": actions})
    };
    let actions = json!([
        {"ActionName": "GetBucketLocation", "LastAccessedEntity": ROLE, "LastAccessedTime": "2026-10-10T00:00:00Z"},
        {"ActionName": "PutBucketPolicy", "LastAccessedEntity": ROLE, "LastAccessedTime": "2026-10-10T00:00:00Z"},
        {"ActionName": "CreateBucket", "LastAccessedEntity": ROLE, "LastAccessedTime": "2025-01-01T00:00:00Z"},
    ]);
    let answer = json!({"JobStatus": "COMPLETED", "JobType": "ACTION_LEVEL", "ServicesLastAccessed": [
        used("s3", "2026-10-10T00:00:00Z", &actions),
        used("sqs", "2026-10-11T00:00:00Z", &json!([{"ActionName": "SendMessage", "LastAccessedEntity": ROLE, "LastAccessedTime": "2026-10-11T00:00:00Z"}])),
        used("ses", "2026-09-01T00:00:00Z", &json!([])),
        {"ServiceName": "never", "ServiceNamespace": "athena", "TotalAuthenticatedEntities": 0},
    ]});
    fs::write(here.join("orders-api.json"), answer.to_string()).unwrap();
    let (code, said, errors) =
        ended(&tightfit(here, &["generate", "log", "--out", "p", "--last-accessed", "orders-api.json", "--json"]));
    assert_eq!(code, 5, "{errors}");
    let document: Value = serde_json::from_str(&said).unwrap();
    let notes = |code: &str| -> Vec<String> {
        let findings = document["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == json!(code));
        findings.map(|finding| finding["note"].as_str().unwrap().split(" was").next().unwrap().to_owned()).collect()
    };
    assert_eq!(notes("last-accessed-unseen"), ["AWS says that s3:PutBucketPolicy", "AWS says that sqs"]);
    assert_eq!(notes("last-accessed-outside"), ["AWS says that s3:CreateBucket", "AWS says that ses"]);
    fs::write(here.join("broken.json"), "{}").unwrap();
    let (code, _, errors) = ended(&tightfit(here, &["doctor", "log", "--last-accessed", "broken.json"]));
    assert!(code == 1 && errors.contains("get-service-last-accessed-details"), "{code} {errors}");
}

#[test]
fn actions_that_leave_no_event_are_named() {
    let caller = role("orders-api", "s");
    let (plan, _) = plan_of(&[event(1, &caller, "rds", "DescribeDBInstances", &json!({}), None)], "");
    let named = noted(&plan, Code::UnloggedActions);
    assert!(named.len() == 1 && named[0].about == ROLE && named[0].note.contains("rds-db:connect"), "{named:?}");
}

#[test]
fn selectors_keep_the_limit_of_a_trail() {
    let scratch = tempfile::tempdir().unwrap();
    let selectors = |roles: usize, name: &str| -> Vec<Value> {
        let records: Vec<Value> = (0..roles)
            .map(|nth| event(nth as u64, &role(&format!("role-{nth:03}"), "s"), "s3", "ListBuckets", &json!({}), None))
            .enumerate()
            .map(|(nth, mut record)| {
                record["eventID"] = json!(format!("e-{nth}"));
                record
            })
            .collect();
        let log = write_lines(scratch.path(), name, &records);
        let plan = generate(&[Path::new(&log)], &config(""), 1);
        let written = artifacts(&plan, &config(""));
        let body =
            written.iter().find(|artifact| artifact.path.ends_with("event-selectors.json")).map(|artifact| artifact.body.clone());
        serde_json::from_str(&body.unwrap()).unwrap()
    };
    let values = |selectors: &[Value]| -> usize {
        let fields = selectors.iter().flat_map(|selector| selector["FieldSelectors"].as_array().unwrap());
        fields
            .map(|field| ["Equals", "StartsWith"].iter().filter_map(|how| field[how].as_array()).map(Vec::len).sum::<usize>())
            .sum()
    };
    // Two types of S3 for each role, three values each, and the one for management events.
    for (roles, name, count, scoped) in [(83, "few", 1 + 2 * 83, true), (84, "more", 1 + 2, true), (300, "many", 1 + 2, false)] {
        let selectors = selectors(roles, name);
        assert_eq!(selectors.len(), count, "{roles}");
        assert!(values(&selectors) <= 500, "{roles}");
        assert_eq!(selectors.last().unwrap().to_string().contains("userIdentity.arn"), scoped, "{roles}");
    }
}
