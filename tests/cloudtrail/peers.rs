//! What other tools get wrong, each as a record of ours.

use serde_json::json;
use tightfit::access::identity::Name;
use tightfit::access::observation::{Basis, Outcome, Skip, Undecided};
use tightfit::ingest::decoded::End;

use super::made_up::{asked, decoded, lines, record};

#[test]
fn events_have_the_action_that_iam_knows() {
    for (source, event, action) in [
        ("s3", "PutBucketReplication", "s3:PutReplicationConfiguration"),
        ("s3", "DeleteBucketReplication", "s3:PutReplicationConfiguration"),
        ("lambda", "Invoke", "lambda:InvokeFunction"),
        ("iot", "ListThingPrincipalsV2", "iot:ListThingPrincipalsV2"),
        ("rds", "RestoreDBInstanceFromS3", "rds:RestoreDBInstanceFromS3"),
        ("email", "SendEmail", "ses:SendEmail"),
        ("pinpoint", "GetApps", "mobiletargeting:GetApps"),
    ] {
        let actions: Vec<String> =
            lines(&record(source, event, json!({}))).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert!(actions.iter().all(|found| found == action) && !actions.is_empty(), "{source} {event}: {actions:?}");
    }
}

#[test]
fn a_refused_call_is_refused() {
    let refused = record(
        "ec2",
        "TerminateInstances",
        json!({"errorCode": "Client.UnauthorizedOperation",
        "requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}}}),
    );
    let asked = asked(&refused);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].outcome, Outcome::Refused);
    assert_eq!(lines(&refused), ["ec2:TerminateInstances arn:aws:ec2:eu-west-1:111122223333:instance/i-1"]);
}

#[test]
fn an_object_is_not_its_bucket() {
    let both = json!({"resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}, {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}]});
    assert_eq!(lines(&record("s3", "GetObject", both.clone())), ["s3:GetObject arn:aws:s3:::b/k"]);
    assert_eq!(lines(&record("s3", "ListObjects", both)), ["s3:ListBucket arn:aws:s3:::b"]);
}

#[test]
fn a_service_that_assumes_a_role_is_the_one_that_asked() {
    let trust = record(
        "sts",
        "AssumeRole",
        json!({"userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/svc/app", "roleSessionName": "i-1"}}),
    );
    let asked = asked(&trust);
    assert_eq!(asked[0].identity.name, Name::AwsService("ec2.amazonaws.com".to_owned()));
    assert_eq!(lines(&trust), ["sts:AssumeRole arn:aws:iam::111122223333:role/svc/app"]);
}

#[test]
fn a_sign_in_is_no_action() {
    for event in ["ConsoleLogin", "CheckMfa", "ExitRole", "RenewRole", "SwitchRole"] {
        assert_eq!(decoded(&record("signin", event, json!({}))).end, End::Skipped(Skip::ServiceEvent), "{event}");
    }
}

#[test]
fn a_launch_names_what_it_uses() {
    let launch = record(
        "ec2",
        "RunInstances",
        json!({"requestParameters": {
        "instancesSet": {"items": [{"imageId": "ami-1", "keyName": "k"}]}, "subnetId": "subnet-1",
        "groupSet": {"items": [{"groupId": "sg-1"}, {"groupId": "sg-2"}]}, "iamInstanceProfile": {"name": "p"}}}),
    );
    let mut found = lines(&launch);
    found.sort();
    let here = "arn:aws:ec2:eu-west-1:111122223333";
    assert_eq!(
        found,
        [
            format!("ec2:RunInstances {here}:instance/*"),
            format!("ec2:RunInstances {here}:key-pair/k"),
            format!("ec2:RunInstances {here}:network-interface/*"),
            format!("ec2:RunInstances {here}:security-group/sg-1"),
            format!("ec2:RunInstances {here}:security-group/sg-2"),
            format!("ec2:RunInstances {here}:subnet/subnet-1"),
            format!("ec2:RunInstances {here}:volume/*"),
            "ec2:RunInstances arn:aws:ec2:eu-west-1::image/ami-1".to_owned(),
            "iam:PassRole arn:aws:iam::111122223333:role/p".to_owned(),
        ]
    );
    let asked = asked(&launch);
    assert!(matches!(&asked.last().unwrap().basis, Basis::Assumed(why) if why.contains("instance profile")));
}

#[test]
fn a_log_stream_is_made_in_its_group() {
    let stream =
        record("logs", "CreateLogStream", json!({"requestParameters": {"logGroupName": "/aws/lambda/f", "logStreamName": "s"}}));
    let arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f:log-stream:s";
    assert_eq!(lines(&stream), [format!("logs:CreateLogStream {arn}"), format!("logs:PutLogEvents {arn}")]);
    assert!(matches!(&asked(&stream)[1].basis, Basis::Assumed(_)));
}

#[test]
fn an_unknown_event_is_undecided() {
    let unknown = decoded(&record("s3", "MakeCoffee", json!({})));
    let End::Undecided { why, identity } = unknown.end else { panic!("guessed") };
    assert_eq!(why, Undecided::EventUnmapped("s3.amazonaws.com MakeCoffee".to_owned()));
    assert!(identity.is_some());
}
