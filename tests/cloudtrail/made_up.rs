//! Made-up records, and what is asked in them.

use serde_json::{Value, json};
use tightfit::access::aws::Resource;
use tightfit::access::request::Request;
use tightfit::catalog::Catalog;
use tightfit::ingest::cloudtrail::decode;
use tightfit::ingest::decoded::{Asked, Decoded, End};

/// A record of a role's session; `more` overrides fields.
pub(super) fn record(source: &str, event: &str, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": "2026-01-02T03:04:05Z", "eventID": "e1", "eventType": "AwsApiCall",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": event, "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "requestParameters": null, "responseElements": null,
        "userIdentity": {"type": "AssumedRole", "principalId": "AROA:s", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/svc/app",
                "accountId": "111122223333", "userName": "app"}}}
    });
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

pub(super) fn decoded(record: &Value) -> Decoded {
    decode(record.to_string().as_bytes(), Catalog::embedded()).expect("a CloudTrail record")
}

pub(super) fn asked(record: &Value) -> Vec<Asked> {
    match decoded(record).end {
        End::Observed(asked) => asked,
        other @ (End::Undecided { .. } | End::Skipped(_) | End::Rejected { .. }) => panic!("not observed: {other:?}"),
    }
}

/// `action resource` per request, in order; `*` for no resource level, `?` for not built.
pub(super) fn lines(record: &Value) -> Vec<String> {
    asked(record).iter().map(line).collect()
}

pub(super) fn line(asked: &Asked) -> String {
    let Request::Aws(request) = &asked.request else { panic!("no AWS request") };
    let resource = match &request.key.resource {
        Resource::Arn(arn) => arn.to_policy(),
        Resource::NoResourceLevel => "*".to_owned(),
        Resource::NotBuilt => "?".to_owned(),
    };
    format!("{} {resource}", request.key.action)
}
