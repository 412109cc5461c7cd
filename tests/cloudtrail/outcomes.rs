//! What error codes say, which records are passed over, and what else a record tells.

use serde_json::json;
use tightfit::access::coverage::Sighting;
use tightfit::access::observation::{Basis, Outcome, Reject, Skip};
use tightfit::catalog::Catalog;
use tightfit::ingest::cloudtrail::decode;
use tightfit::ingest::decoded::{End, Stage};

use super::made_up::{asked, decoded, line, record};

#[test]
fn codes_have_their_outcome() {
    use Outcome::{Allowed, Failed, Refused, Unknown};
    for (code, outcome) in [
        ("", Allowed),
        ("Client.DryRunOperation", Allowed),
        ("AccessDenied", Refused),
        ("AccessDeniedException", Refused),
        ("UnauthorizedOperation", Refused),
        ("Client.UnauthorizedOperation", Refused),
        ("UnauthorizedAccess", Refused),
        ("AuthorizationError", Refused),
        ("NotAuthorized", Refused),
        ("NotAuthorizedException", Refused),
        ("OrganizationAccessDeniedException", Refused),
        ("VpceAccessDenied", Refused),
        ("Throttling", Unknown),
        ("ThrottlingException", Unknown),
        ("ThrottledException", Unknown),
        ("RequestLimitExceeded", Unknown),
        ("Client.RequestLimitExceeded", Unknown),
        ("TooManyRequestsException", Unknown),
        ("SlowDown", Unknown),
        ("ProvisionedThroughputExceededException", Unknown),
        ("ExpiredTokenException", Unknown),
        ("InvalidClientTokenId", Unknown),
        ("Client.AuthFailure", Unknown),
        ("InternalFailure", Unknown),
        ("Server.InternalError", Unknown),
        ("ServiceUnavailable", Unknown),
        ("503", Unknown),
        ("ForbiddenException", Unknown),
        ("UnauthorizedClientException", Unknown),
        ("InsufficientPrivilegesException", Unknown),
        ("PermissionDeniedException", Unknown),
        ("OperationNotPermittedFault", Refused),
        ("OperationNotPermitted", Failed),
        ("NoSuchKey", Failed),
        ("ResourceNotFoundException", Failed),
        ("ConditionalCheckFailedException", Failed),
        ("ValidationException", Failed),
        ("Client.InvalidInstanceID.NotFound", Failed),
        ("BucketAlreadyExists", Failed),
    ] {
        assert_eq!(asked(&record("s3", "ListBuckets", json!({"errorCode": code})))[0].outcome, outcome, "{code}");
    }
    let words = record("s3", "ListBuckets", json!({"errorMessage": "User: x is not authorized to perform: s3:ListAllMyBuckets"}));
    assert_eq!(asked(&words)[0].outcome, Refused);
    let words =
        json!({"errorCode": "ClientException", "errorMessage": "User: x is not authorized to perform: s3:ListAllMyBuckets"});
    assert_eq!(asked(&record("s3", "ListBuckets", words))[0].outcome, Unknown);
}

#[test]
fn a_missing_object_tells_of_the_bucket() {
    for event in ["GetObject", "HeadObject"] {
        let missing =
            record("s3", event, json!({"errorCode": "NoSuchKey", "requestParameters": {"bucketName": "b", "key": "k"}}));
        let asked = asked(&missing);
        assert_eq!(asked.iter().map(line).collect::<Vec<_>>(), ["s3:GetObject arn:aws:s3:::b/k", "s3:ListBucket arn:aws:s3:::b"]);
        assert_eq!((asked[0].outcome, asked[1].outcome), (Outcome::Failed, Outcome::Allowed));
        assert!(matches!(asked[1].basis, Basis::Implied(_)));
    }
    let refused =
        record("s3", "GetObject", json!({"errorCode": "AccessDenied", "requestParameters": {"bucketName": "b", "key": "k"}}));
    assert_eq!(asked(&refused).len(), 1);
}

#[test]
fn records_that_are_no_call_are_passed_over() {
    for (more, skip) in [
        (json!({"eventType": "AwsServiceEvent"}), Skip::ServiceEvent),
        (json!({"eventType": "AwsConsoleSignIn"}), Skip::ServiceEvent),
        (json!({"eventType": "AwsConsoleAction", "eventName": "ViewThing"}), Skip::ServiceEvent),
        (json!({"eventType": "AwsVpceEvent"}), Skip::NetworkActivity),
        (json!({"eventCategory": "NetworkActivity"}), Skip::NetworkActivity),
        (json!({"eventType": "AwsCloudTrailInsight"}), Skip::Insight),
        (json!({"eventCategory": "Insight"}), Skip::Insight),
        (json!({"eventCategory": "Aggregated"}), Skip::Aggregated),
        (json!({"eventSource": "sts.amazonaws.com", "eventName": "GetCallerIdentity"}), Skip::Permissionless),
    ] {
        let decoded = decoded(&record("s3", "ListBuckets", more.clone()));
        assert_eq!(decoded.end, End::Skipped(skip), "{more}");
        assert_eq!(decoded.id, "e1");
    }
    let updated = record("s3", "ListBuckets", json!({"addendum": {"reason": "UPDATED_DATA", "originalEventID": "e0"}}));
    assert_eq!((decoded(&updated).id.as_str(), decoded(&updated).stage, asked(&updated).len()), ("e0", Stage::Updated, 1));
    let late = record("s3", "ListBuckets", json!({"addendum": {"reason": "DELIVERY_DELAY"}}));
    assert_eq!(asked(&late).len(), 1);
    let whole = |text: &str| decode(text.as_bytes(), Catalog::embedded()).map(|decoded| decoded.end);
    assert_eq!(whole(r#"{"digestStartTime":"x","awsAccountId":"1"}"#), Some(End::Skipped(Skip::Digest)));
    assert_eq!(whole(r#"{"eventType":"AwsAggregatedEvent","eventId":"a"}"#), Some(End::Skipped(Skip::Aggregated)));
    assert_eq!(whole(r#"{"eventType":"AwsCloudTrailInsight","insightDetails":{}}"#), Some(End::Skipped(Skip::Insight)));
}

#[test]
fn what_is_no_record_is_none_and_what_is_broken_is_rejected() {
    for text in ["", "[]", "7", "{}", "{\"kind\":\"Event\"}", "not json", "{\"eventName\":\"x\"}"] {
        assert_eq!(decode(text.as_bytes(), Catalog::embedded()), None, "{text}");
    }
    let deep = format!("{{\"eventSource\":\"s3\",\"eventName\":\"x\",\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let reject = |text: &str| match decode(text.as_bytes(), Catalog::embedded()).map(|decoded| decoded.end) {
        Some(End::Rejected { reject, .. }) => reject,
        other => panic!("{other:?}"),
    };
    assert_eq!(reject(&deep), Reject::TooDeep);
    assert_eq!(reject("{\"eventSource\":\"s3\",\"eventName\":\"x\""), Reject::Malformed);
    for (field, value) in [
        ("eventTime", json!(null)),
        ("eventTime", json!("yesterday")),
        ("eventTime", json!(1)),
        ("eventName", json!(1)),
        ("resources", json!({})),
        ("resources", json!(["x"])),
        ("resources", json!([{"ARN": 1}])),
        ("requestParameters", json!([1])),
        ("errorCode", json!(403)),
        ("managementEvent", json!("maybe")),
        ("recipientAccountId", json!(111)),
    ] {
        let end = decoded(&record("s3", "ListBuckets", json!({field: value}))).end;
        assert!(matches!(end, End::Rejected { reject: Reject::Field, .. }), "{field}={value}: {end:?}");
    }
}

#[test]
fn the_time_may_stand_where_logstash_puts_it() {
    let moved = record("s3", "ListBuckets", json!({"eventTime": null, "@timestamp": "2020-09-14T00:44:23.000Z"}));
    assert_eq!(decoded(&moved).time.unwrap().to_string(), "2020-09-14T00:44:23Z");
}

#[test]
fn a_record_says_whether_it_is_a_data_event() {
    for (event, more, expected) in [
        ("GetObject", json!({}), true),
        ("GetBucketAcl", json!({}), false),
        ("GetObject", json!({"managementEvent": true}), false),
        ("GetBucketAcl", json!({"managementEvent": false}), true),
        ("GetBucketAcl", json!({"eventCategory": "Data", "managementEvent": true}), true),
    ] {
        let Some(Sighting::Trail(seen)) = decoded(&record("s3", event, more.clone())).sighting else { panic!("no sighting") };
        assert_eq!(
            (seen.service.as_str(), seen.account.as_str(), seen.region.as_str(), seen.data),
            ("s3", "111122223333", "eu-west-1", expected),
            "{event} {more}"
        );
    }
}
