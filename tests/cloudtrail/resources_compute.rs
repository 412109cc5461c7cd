//! Which resources a record shows: compute, containers, logs, streams, workflows, databases.

use serde_json::json;
use tightfit::access::observation::Basis;

use super::made_up::{asked, record};
use super::resources::{check, with};

#[test]
fn ec2() {
    let here = "arn:aws:ec2:HERE";
    check(
        "ec2",
        &[
            (
                "StopInstances",
                with(json!({"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}})),
                &[&format!("ec2:StopInstances {here}:instance/i-1"), &format!("ec2:StopInstances {here}:instance/i-2")],
            ),
            (
                "AttachVolume",
                with(json!({"instanceId": "i-1", "volumeId": "vol-1"})),
                &[&format!("ec2:AttachVolume {here}:instance/i-1"), &format!("ec2:AttachVolume {here}:volume/vol-1")],
            ),
            (
                "CreateSnapshot",
                with(json!({"volumeId": "vol-1"})),
                &["ec2:CreateSnapshot arn:aws:ec2:eu-west-1::snapshot/*", &format!("ec2:CreateSnapshot {here}:volume/vol-1")],
            ),
            (
                "DeleteSnapshot",
                with(json!({"snapshotId": "snap-1"})),
                &["ec2:DeleteSnapshot arn:aws:ec2:eu-west-1::snapshot/snap-1"],
            ),
            ("DeregisterImage", with(json!({"imageId": "ami-1"})), &["ec2:DeregisterImage arn:aws:ec2:eu-west-1::image/ami-1"]),
            (
                "AuthorizeSecurityGroupIngress",
                with(json!({"groupId": "sg-1"})),
                &[&format!("ec2:AuthorizeSecurityGroupIngress {here}:security-group/sg-1")],
            ),
            (
                "DescribeInstances",
                with(json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}})),
                &["ec2:DescribeInstances *"],
            ),
        ],
    );
    let made = asked(&record("ec2", "CreateVolume", json!({"responseElements": {"volumeId": "vol-1"}})));
    assert!(matches!(&made[0].basis, Basis::Implied(_)));
}

#[test]
fn containers_logs_and_streams() {
    check(
        "ecr",
        &[
            (
                "BatchGetImage",
                with(json!({"repositoryName": "team/app", "registryId": "444455556666"})),
                &["ecr:BatchGetImage arn:aws:ecr:eu-west-1:444455556666:repository/team/app"],
            ),
            ("GetAuthorizationToken", json!({}), &["ecr:GetAuthorizationToken *"]),
        ],
    );
    check(
        "logs",
        &[
            (
                "PutLogEvents",
                with(json!({"logGroupName": "/g", "logStreamName": "a/[$LATEST]b"})),
                &["logs:PutLogEvents arn:aws:logs:HERE:log-group:/g:log-stream:a/[${$}LATEST]b"],
            ),
            ("CreateLogGroup", with(json!({"logGroupName": "/g"})), &["logs:CreateLogGroup arn:aws:logs:HERE:log-group:/g:*"]),
            (
                "DeleteLogGroup",
                json!({"resources": [{"ARN": "arn:aws:logs:eu-west-1:111122223333:log-group:/g:*"}]}),
                &["logs:DeleteLogGroup arn:aws:logs:HERE:log-group:/g:*"],
            ),
            (
                "TagResource",
                with(json!({"resourceArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/g"})),
                &["logs:TagResource arn:aws:logs:HERE:log-group:/g"],
            ),
        ],
    );
    check(
        "kinesis",
        &[
            ("PutRecord", with(json!({"streamName": "s"})), &["kinesis:PutRecord arn:aws:kinesis:HERE:stream/s"]),
            (
                "GetRecords",
                with(json!({"streamARN": "arn:aws:kinesis:eu-west-1:2:stream/s"})),
                &["kinesis:GetRecords arn:aws:kinesis:eu-west-1:2:stream/s"],
            ),
        ],
    );
}

#[test]
fn workflows_events_and_databases() {
    check(
        "states",
        &[
            (
                "StartExecution",
                with(json!({"stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m"})),
                &["states:StartExecution arn:aws:states:eu-west-1:1:stateMachine:m"],
            ),
            (
                "DescribeExecution",
                with(json!({"executionArn": "arn:aws:states:eu-west-1:1:execution:m:x"})),
                &["states:DescribeExecution arn:aws:states:eu-west-1:1:execution:m:x"],
            ),
        ],
    );
    check(
        "events",
        &[
            (
                "PutEvents",
                with(json!({"entries": [{"eventBusName": "bus"}, {"source": "x"}]})),
                &["events:PutEvents arn:aws:events:HERE:event-bus/bus", "events:PutEvents arn:aws:events:HERE:event-bus/default"],
            ),
            ("PutRule", with(json!({"name": "r"})), &["events:PutRule arn:aws:events:HERE:rule/r"]),
            ("PutRule", with(json!({"name": "r", "eventBusName": "bus"})), &["events:PutRule arn:aws:events:HERE:rule/bus/r"]),
            (
                "PutTargets",
                with(json!({"rule": "r", "eventBusName": "default"})),
                &["events:PutTargets arn:aws:events:HERE:rule/r"],
            ),
            ("CreateEventBus", with(json!({"name": "bus"})), &["events:CreateEventBus arn:aws:events:HERE:event-bus/bus"]),
        ],
    );
    let rds = "arn:aws:rds:HERE";
    check(
        "rds",
        &[
            ("StopDBInstance", with(json!({"dBInstanceIdentifier": "d"})), &[&format!("rds:StopDBInstance {rds}:db:d")]),
            ("StartDBCluster", with(json!({"dBClusterIdentifier": "c"})), &[&format!("rds:StartDBCluster {rds}:cluster:c")]),
            (
                "DeleteDBSnapshot",
                with(json!({"dBSnapshotIdentifier": "s"})),
                &[&format!("rds:DeleteDBSnapshot {rds}:snapshot:s")],
            ),
            (
                "DeleteDBParameterGroup",
                with(json!({"dBParameterGroupName": "p"})),
                &[&format!("rds:DeleteDBParameterGroup {rds}:pg:p")],
            ),
            (
                "CreateDBSnapshot",
                with(json!({"dBInstanceIdentifier": "d", "dBSnapshotIdentifier": "s"})),
                &[&format!("rds:CreateDBSnapshot {rds}:db:d"), &format!("rds:CreateDBSnapshot {rds}:snapshot:s")],
            ),
            (
                "AddTagsToResource",
                with(json!({"resourceName": "arn:aws:rds:eu-west-1:111122223333:db:d"})),
                &[&format!("rds:AddTagsToResource {rds}:db:d")],
            ),
        ],
    );
}

#[test]
fn newer_calls_keep_their_parameters_in_one() {
    let here = "arn:aws:ec2:HERE";
    let delete = json!({"DeleteTrafficMirrorTargetRequest": {"TrafficMirrorTargetId": "tmt-1"}});
    let session = json!({"CreateTrafficMirrorSessionRequest": {"NetworkInterfaceId": "eni-1", "TrafficMirrorTargetId": "tmt-1",
        "TrafficMirrorFilterId": "tmf-1"}});
    check(
        "ec2",
        &[
            (
                "DeleteTrafficMirrorTarget",
                with(delete),
                &[&format!("ec2:DeleteTrafficMirrorTarget {here}:traffic-mirror-target/tmt-1")],
            ),
            (
                "CreateTrafficMirrorSession",
                with(session),
                &[
                    &format!("ec2:CreateTrafficMirrorSession {here}:network-interface/eni-1"),
                    &format!("ec2:CreateTrafficMirrorSession {here}:traffic-mirror-filter/tmf-1"),
                    &format!("ec2:CreateTrafficMirrorSession {here}:traffic-mirror-session/*"),
                    &format!("ec2:CreateTrafficMirrorSession {here}:traffic-mirror-target/tmt-1"),
                ],
            ),
        ],
    );
}

#[test]
fn everything_that_is_tagged_is_named() {
    let here = "arn:aws:ec2:HERE";
    let tags = json!({"resourcesSet": {"items": [{"resourceId": "i-1"}, {"resourceId": "tgw-*"}]}});
    let expected = [format!("ec2:CreateTags {here}:*/tgw-${{*}}"), format!("ec2:CreateTags {here}:instance/i-1")];
    check("ec2", &[("CreateTags", with(tags), &expected.each_ref().map(String::as_str))]);
}

#[test]
fn a_model_is_not_asked_beside_the_marketplace() {
    let model = "arn:aws:bedrock:eu-west-1::foundation-model/m";
    check("bedrock", &[("InvokeModel", with(json!({"modelId": "m"})), &[&format!("bedrock:InvokeModel {model}")])]);
}

#[test]
fn scaling_of_other_services_has_its_own_prefix() {
    for (request, prefix) in [
        (json!({"serviceNamespace": "ecs", "policyName": "p"}), "application-autoscaling:"),
        (json!({"autoScalingGroupName": "g", "policyName": "p"}), "autoscaling:"),
    ] {
        let found = super::made_up::lines(&super::made_up::record("autoscaling", "PutScalingPolicy", with(request)));
        assert!(!found.is_empty() && found.iter().all(|line| line.starts_with(prefix)), "{found:?}");
    }
}
