//! What a call asks for beside its own action: roles that it hands over, keys that its service uses; and where a refusal belongs.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tightfit::access::aws::{Action, AwsRequest};
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::request::Request;
use tightfit::catalog::{Catalog, side};
use tightfit::ingest::decoded::Asked;

use super::made_up::{asked, line, record};
use super::resources::{check, with};

const ROLE: &str = "arn:aws:iam::111122223333:role/svc/r";

fn aws(asked: &Asked) -> &AwsRequest {
    let Request::Aws(request) = &asked.request else { panic!("no AWS request") };
    request
}

fn passed(record: &Value) -> Vec<Asked> {
    asked(record).into_iter().filter(|asked| line(asked).starts_with("iam:PassRole ")).collect()
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
#[test]
fn a_role_that_travels_is_passed() {
    let target = json!({"targets": [{"roleArn": ROLE, "arn": "arn:aws:sqs:eu-west-1:111122223333:q"}]});
    for (source, event, request, to) in [
        ("lambda", "CreateFunction20150331", json!({"functionName": "f", "role": ROLE}), Some("lambda.amazonaws.com")),
        ("ecs", "RegisterTaskDefinition", json!({"family": "f", "taskRoleArn": ROLE}), Some("ecs-tasks.amazonaws.com")),
        ("ecs", "RunTask", json!({"cluster": "c", "overrides": {"executionRoleArn": ROLE}}), Some("ecs-tasks.amazonaws.com")),
        ("states", "CreateStateMachine", json!({"name": "m", "roleArn": ROLE}), Some("states.amazonaws.com")),
        ("glue", "CreateJob", json!({"name": "j", "role": ROLE}), Some("glue.amazonaws.com")),
        ("cloudformation", "CreateStack", json!({"stackName": "s", "roleARN": ROLE}), Some("cloudformation.amazonaws.com")),
        ("codepipeline", "CreatePipeline", json!({"pipeline": {"roleArn": ROLE}}), Some("codepipeline.amazonaws.com")),
        ("events", "PutTargets", target, Some("events.amazonaws.com")),
        ("s3", "PutBucketReplication", json!({"bucketName": "b", "ReplicationConfiguration": {"Role": ROLE}}), None),
        ("rds", "CreateDBInstance", json!({"dBInstanceIdentifier": "d", "monitoringRoleArn": ROLE}), None),
    ] {
        let passed = passed(&record(source, event, with(request)));
        assert_eq!(passed.iter().map(line).collect::<Vec<_>>(), [format!("iam:PassRole {ROLE}")], "{source} {event}");
        assert!(matches!(&passed[0].basis, Basis::Implied(why) if why.contains("handed to a service")));
        let context = &aws(&passed[0]).context;
        assert_eq!(context.get("iam:PassedToService").map(|to| to[0].as_str()), to, "{source} {event}");
    }
}

#[test]
fn a_role_that_cannot_be_passed_is_not() {
    for role in ["arn:aws:iam::444455556666:role/r", "arn:aws:iam::111122223333:user/r", "arn:aws:s3:::b", "a b", "", "r*"] {
        let request = json!({"functionName": "f", "role": role});
        assert!(passed(&record("lambda", "CreateFunction20150331", with(request))).is_empty(), "{role}");
    }
    let request = json!({"functionName": "f", "role": ROLE});
    let refused = json!({"requestParameters": request, "errorCode": "AccessDenied"});
    assert!(passed(&record("lambda", "CreateFunction20150331", refused)).is_empty());
    let failed = json!({"requestParameters": request, "errorCode": "ResourceConflictException"});
    assert!(passed(&record("lambda", "CreateFunction20150331", failed)).is_empty());
}

#[test]
fn an_instance_profile_is_taken_to_hold_the_role_of_its_name() {
    let launch = json!({"instancesSet": {"items": [{"imageId": "ami-1"}]},
        "iamInstanceProfile": {"arn": "arn:aws:iam::111122223333:instance-profile/team/p"}});
    let passed_role = passed(&record("ec2", "RunInstances", with(launch.clone())));
    assert_eq!(line(&passed_role[0]), "iam:PassRole arn:aws:iam::111122223333:role/team/p");
    assert!(matches!(&passed_role[0].basis, Basis::Assumed(_)));
    assert_eq!(aws(&passed_role[0]).context["iam:PassedToService"], ["ec2.amazonaws.com"]);
    let failed = json!({"requestParameters": launch, "errorCode": "Client.InsufficientInstanceCapacity"});
    assert!(passed(&record("ec2", "RunInstances", failed)).is_empty(), "an assumed request is of allowed calls alone");
    let associated = json!({"AssociateIamInstanceProfileRequest": {"InstanceId": "i-1", "IamInstanceProfile": {"Name": "p"}}});
    assert_eq!(
        line(&passed(&record("ec2", "AssociateIamInstanceProfile", with(associated)))[0]),
        "iam:PassRole arn:aws:iam::111122223333:role/p"
    );
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
#[test]
fn a_named_key_is_used_by_the_service() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let header = "x-amz-server-side-encryption-aws-kms-key-id";
    let upload = json!({"bucketName": "b", "key": "k", header: key});
    let of_kms = |source: &str, event: &str, more: Value| -> Vec<String> {
        let kms: Vec<Asked> =
            asked(&record(source, event, more)).into_iter().filter(|asked| line(asked).starts_with("kms:")).collect();
        for one in &kms {
            let service = format!("{source}.amazonaws.com");
            assert!(matches!(&one.basis, Basis::Assumed(_)) && one.outcome == Outcome::Allowed);
            assert_eq!(aws(one).key.via.as_deref(), Some(service.as_str()));
            assert_eq!(aws(one).context["kms:ViaService"], [format!("{source}.eu-west-1.amazonaws.com")]);
        }
        kms.iter().map(line).collect()
    };
    assert_eq!(of_kms("s3", "PutObject", with(upload.clone())), [format!("kms:GenerateDataKey {key}")]);
    let parts = [format!("kms:GenerateDataKey {key}"), format!("kms:Decrypt {key}")];
    assert_eq!(of_kms("s3", "CreateMultipartUpload", with(upload.clone())), parts);
    let answered = json!({"requestParameters": {"bucketName": "b", "key": "k"}, "responseElements": {header: key}});
    assert_eq!(of_kms("s3", "PutObject", answered), [format!("kms:GenerateDataKey {key}")]);
    let id = json!({"name": "s", "kmsKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"});
    assert_eq!(of_kms("secretsmanager", "CreateSecret", with(id)), parts);
    for none in ["alias/aws/s3", "arn:aws:kms:eu-west-1:111122223333:alias/aws/s3", "alias/app", "nonsense", ""] {
        assert!(of_kms("s3", "PutObject", with(json!({"bucketName": "b", "key": "k", header: none}))).is_empty(), "{none}");
    }
    for error in ["AccessDenied", "NoSuchBucket", "SlowDown"] {
        let failed = json!({"requestParameters": upload.clone(), "errorCode": error});
        assert!(of_kms("s3", "PutObject", failed).is_empty(), "{error}");
    }
    assert!(of_kms("s3", "PutObject", with(json!({"bucketName": "b", "key": "k"}))).is_empty());
}

/// The messages are as AWS writes them: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[test]
fn a_refusal_belongs_to_the_action_that_it_names() {
    let user = "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform";
    let refused = |request: Value, message: &str| json!({"requestParameters": request, "errorCode": "AccessDenied", "errorMessage": message});
    let outcomes = |source: &str, event: &str, more: Value| -> Vec<(String, Outcome)> {
        asked(&record(source, event, more)).iter().map(|asked| (line(asked), asked.outcome)).collect()
    };
    let function = "lambda:CreateFunction arn:aws:lambda:eu-west-1:111122223333:function:f";
    let request = json!({"functionName": "f", "role": ROLE});
    let message =
        format!("{user}: iam:PassRole on resource: {ROLE} because no identity-based policy allows the iam:PassRole action");
    assert_eq!(
        outcomes("lambda", "CreateFunction20150331", refused(request.clone(), &message)),
        [(function.to_owned(), Outcome::Unknown), (format!("iam:PassRole {ROLE}"), Outcome::Refused)]
    );
    let of_another = message.replace("app/s", "other/s");
    assert_eq!(
        outcomes("lambda", "CreateFunction20150331", refused(request, &of_another)),
        [(function.to_owned(), Outcome::Refused)]
    );
    let acl = json!({"bucketName": "b", "key": "k", "x-amz-acl": "private"});
    let message = format!("{user}: s3:PutObjectAcl on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows it");
    assert_eq!(
        outcomes("s3", "PutObject", refused(acl, &message)),
        [
            ("s3:PutObject arn:aws:s3:::b/k".to_owned(), Outcome::Unknown),
            ("s3:PutObjectAcl arn:aws:s3:::b/k".to_owned(), Outcome::Refused)
        ]
    );
    for (message, resource) in [
        (format!("{user}: iam:GetRole on resource: role r because no identity-based policy allows"), "role/r"),
        (format!("{user}: iam:GetRole on resource: {ROLE}"), "role/svc/r"),
        (format!("{user}: iam:Action on resource: {ROLE}"), "role/svc/r"),
    ] {
        let found = outcomes("iam", "GetRole", refused(Value::Null, &message));
        assert_eq!(found, [(format!("iam:GetRole arn:aws:iam::111122223333:{resource}"), Outcome::Refused)], "{message}");
    }
}

#[test]
fn resources_that_no_parameter_names() {
    check(
        "rds",
        &[
            // As in the refusals that users quote: awslabs/pireporter 8, aws/neptune-export 120.
            ("DescribeDBInstances", json!({}), &["rds:DescribeDBInstances arn:aws:rds:HERE:db:*"]),
            ("DescribeDBClusters", json!({}), &["rds:DescribeDBClusters arn:aws:rds:HERE:cluster:*"]),
            (
                "DescribeDBInstances",
                with(json!({"dBInstanceIdentifier": "d"})),
                &["rds:DescribeDBInstances arn:aws:rds:HERE:db:d"],
            ),
            // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_id-based-policy-examples-create-and-modify-examples.html
            (
                "CreateDBInstance",
                json!({"requestParameters": {"dBInstanceIdentifier": "d"}, "responseElements": {"dBInstanceIdentifier": "d",
                    "optionGroupMemberships": [{"optionGroupName": "default:mysql-8-0"}],
                    "dBParameterGroups": [{"dBParameterGroupName": "default.mysql8.0"}],
                    "dBSubnetGroup": {"dBSubnetGroupName": "default"}}}),
                &[
                    "rds:CreateDBInstance arn:aws:rds:HERE:db:d",
                    "rds:CreateDBInstance arn:aws:rds:HERE:og:default:mysql-8-0",
                    "rds:CreateDBInstance arn:aws:rds:HERE:pg:default.mysql8.0",
                    "rds:CreateDBInstance arn:aws:rds:HERE:subgrp:default",
                ],
            ),
            (
                "DeleteDBCluster",
                json!({"requestParameters": {"dBClusterIdentifier": "c", "skipFinalSnapshot": true},
                    "responseElements": {"dBClusterIdentifier": "c", "dBClusterParameterGroup": "default.aurora"}}),
                &["rds:DeleteDBCluster arn:aws:rds:HERE:cluster:c"],
            ),
        ],
    );
    check(
        "athena",
        &[
            (
                "StartQueryExecution",
                with(json!({"queryString": "x"})),
                &["athena:StartQueryExecution arn:aws:athena:HERE:workgroup/primary"],
            ),
            (
                "StartQueryExecution",
                with(json!({"queryString": "x", "workGroup": "w"})),
                &["athena:StartQueryExecution arn:aws:athena:HERE:workgroup/w"],
            ),
        ],
    );
    check("monitoring", &[("DescribeAlarms", json!({}), &["cloudwatch:DescribeAlarms arn:aws:cloudwatch:HERE:alarm:*"])]);
    check(
        "organizations",
        &[(
            "DescribeAccount",
            with(json!({"accountId": "444455556666"})),
            &["organizations:DescribeAccount arn:aws:organizations::*:account/o-*/444455556666"],
        )],
    );
}

/// An older map that others made: every method that it says passes a role which the call names is in our table.
#[test]
fn passed_roles_agree_with_an_older_map() {
    let catalog = Catalog::embedded();
    for (action, _) in side::all_passed_roles() {
        assert!(catalog.action(&action).is_some_and(|known| known.name == action.name), "{action}");
    }
    for (action, needed) in side::all_unrecorded() {
        let known = |action: &Action| catalog.action(action).is_some_and(|known| known.name == action.name);
        assert!(known(&action) && needed.iter().all(|one| known(&one.action)), "{action}");
    }
    for (action, keys) in side::all_named_keys() {
        assert!(catalog.action(&action).is_some_and(|known| known.name == action.name), "{action}");
        assert!(keys.iter().flat_map(|key| &key.actions).all(|action| catalog.action(action).is_some()), "{action}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/reference/iam-dataset-map-2022-08-19.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the map of ../shared/data/reference is absent");
        return;
    };
    let map: Value = serde_json::from_str(&text).unwrap();
    let ours: BTreeSet<String> = side::all_passed_roles().map(|(action, _)| action.to_string().to_ascii_lowercase()).collect();
    let (mut agreed, mut missing) = (0, Vec::new());
    for (method, rows) in map["sdk_method_iam_mappings"].as_object().unwrap() {
        let (sdk, operation) = method.split_once('.').unwrap();
        let lower = sdk.to_ascii_lowercase();
        let prefix = map["sdk_service_mappings"][sdk].as_str().unwrap_or(&lower);
        let rows = rows.as_array().unwrap();
        let passes =
            rows.iter().filter(|row| row["action"].as_str().is_some_and(|action| action.eq_ignore_ascii_case("iam:passrole")));
        if passes.count() == 0 {
            continue;
        }
        let actions = rows.iter().filter_map(|row| row["action"].as_str().map(str::to_ascii_lowercase));
        let own = actions.chain([format!("{prefix}:{operation}").to_ascii_lowercase()]).any(|action| ours.contains(&action));
        if own { agreed += 1 } else { missing.push(method.as_str()) }
    }
    eprintln!("roles: {agreed} methods of the older map agree, {} have no parameter here: {missing:?}", missing.len());
    assert!(agreed > 300, "{agreed}: {missing:?}");
}

#[test]
fn the_model_says_where_a_call_names_its_resource() {
    // No hand-written row knows these.
    check(
        "amplify",
        &[(
            "GetBranch",
            with(json!({"appId": "d1", "branchName": "main"})),
            &["amplify:GetBranch arn:aws:amplify:HERE:apps/d1/branches/main"],
        )],
    );
}
