//! Whatever stands in a record, it never becomes a wildcard, a variable or a crash.

use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::access::aws::{Resource, Segment};
use tightfit::access::request::Request;
use tightfit::catalog::Catalog;
use tightfit::ingest::cloudtrail::{decode, decode_columns};
use tightfit::ingest::decoded::{Asked, End};

use super::made_up::{asked, record};

const HOSTILE: [&str; 14] =
    ["*", "?", "**", "${aws:username}", "$", "a*b", "../*", "a:b", "a/b", "\u{0}", "\"'`<>\n", "arn:aws:s3:::*", ":::*", "ü✓"];

/// Parts of the ARN that could match other text.
fn open_parts(asked: &Asked) -> usize {
    let Request::Aws(request) = &asked.request else { return 0 };
    let Resource::Arn(arn) = &request.key.resource else { return 0 };
    let fields = [&arn.partition, &arn.service, &arn.region, &arn.account, &arn.resource];
    fields.iter().flat_map(|field| field.segments()).filter(|segment| !matches!(segment, Segment::Literal(_))).count()
}

#[test]
fn observed_text_stays_literal() {
    let events: [(&str, &str, &[&str]); 14] = [
        ("s3", "GetObject", &["bucketName", "key"]),
        ("s3", "CopyObject", &["bucketName", "key", "x-amz-copy-source"]),
        ("dynamodb", "GetItem", &["tableName"]),
        ("dynamodb", "Query", &["tableName", "indexName"]),
        ("sqs", "SendMessage", &["queueUrl"]),
        ("sns", "Publish", &["topicArn"]),
        ("lambda", "Invoke", &["functionName", "qualifier"]),
        ("kms", "Encrypt", &["keyId"]),
        ("ssm", "GetParameter", &["name"]),
        ("iam", "GetRole", &["roleName"]),
        ("sts", "AssumeRole", &["roleArn"]),
        ("ecr", "BatchGetImage", &["repositoryName", "registryId"]),
        ("logs", "PutLogEvents", &["logGroupName", "logStreamName"]),
        ("kinesis", "PutRecord", &["streamName"]),
    ];
    for (source, event, parameters) in events {
        for text in HOSTILE {
            let request: Value =
                parameters.iter().map(|name| ((*name).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into();
            for more in [
                json!({"requestParameters": request, "awsRegion": text, "recipientAccountId": text}),
                json!({"requestParameters": request}),
                json!({"resources": [{"ARN": text}, {"ARN": format!("arn:aws:{source}:eu-west-1:111122223333:{text}")}]}),
            ] {
                for asked in asked(&record(source, event, more.clone())) {
                    assert_eq!(open_parts(&asked), 0, "{source} {event} {more}");
                }
            }
        }
    }
}

#[test]
fn a_named_widening_holds_the_rest_literal() {
    let secret = asked(&record("secretsmanager", "GetSecretValue", json!({"requestParameters": {"secretId": "a*${x}"}})));
    assert_eq!(open_parts(&secret[0]), 6);
    let group = asked(&record("logs", "CreateLogGroup", json!({"requestParameters": {"logGroupName": "*"}})));
    assert_eq!(open_parts(&group[0]), 1);
    let batch = asked(&record("s3", "DeleteObjects", json!({"requestParameters": {"bucketName": "*"}})));
    assert_eq!(open_parts(&batch[0]), 1);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        proptest::sample::select(HOSTILE.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z\\[\\]]{1,8}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_in_any_field_ends(
        field in proptest::sample::select(vec!["userIdentity", "requestParameters", "responseElements", "resources", "eventName",
            "eventSource", "eventTime", "errorCode", "eventContext", "addendum", "awsRegion", "recipientAccountId", "eventID"]),
        event in proptest::sample::select(vec![("s3", "CopyObject"), ("dynamodb", "TransactWriteItems"), ("ec2", "RunInstances"),
            ("kms", "ReEncrypt"), ("iam", "CreateRole"), ("events", "PutEvents"), ("sts", "AssumeRoleWithWebIdentity")]),
        value in any_json(),
    ) {
        let mut record = record(event.0, event.1, json!({}));
        record[field] = value;
        if let Some(decoded) = decode(record.to_string().as_bytes(), Catalog::embedded())
            && let End::Observed(asked) = decoded.end
        {
            prop_assert!(!asked.is_empty());
        }
    }

    #[test]
    fn any_row_ends(user in "\\PC{0,80}", request in "\\PC{0,40}", structure in "[{}=\\[\\], a-z]{0,60}") {
        for text in [&user, &structure] {
            let columns = [("eventsource", "s3.amazonaws.com"), ("eventname", "GetObject"), ("eventtime", "2026-01-02T03:04:05Z"),
                ("useridentity", text), ("requestparameters", &request)];
            let columns = columns.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
            let _ = decode_columns(&columns, Catalog::embedded());
        }
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, Catalog::embedded());
    }
}
