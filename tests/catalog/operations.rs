//! What the embedded catalog says of operations, against what AWS documents.

use std::time::Instant;

use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::catalog::operation::{Operation, Origin};
use tightfit::catalog::rules::{Confidence, Mapping};

fn operation(prefix: &str, name: &str) -> &'static Operation {
    Catalog::embedded().operation(prefix, name).unwrap_or_else(|| panic!("{prefix} {name}"))
}

fn slots(prefix: &str, name: &str, kind: &str) -> String {
    let slots = operation(prefix, name).slots.iter().filter(|slot| slot.kind == kind);
    slots.map(|slot| format!("{}={}", slot.slot, slot.path)).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_operation_names_only_what_the_reference_knows() {
    let catalog = Catalog::embedded();
    let mut count = 0;
    for prefix in catalog.prefixes() {
        for operation in catalog.operations(prefix) {
            count += 1;
            assert!(!operation.permissionless || operation.actions.is_empty(), "{prefix} {}", operation.name);
            assert_eq!(operation.origin == Origin::Nothing, !operation.permissionless && operation.actions.is_empty());
            let mut kinds = Vec::new();
            for (action, _) in &operation.actions {
                let definition = catalog.action(action).unwrap_or_else(|| panic!("{prefix} {}: {action}", operation.name));
                assert_eq!(definition.name, action.name);
                kinds.extend(catalog.types_for(action));
            }
            for slot in &operation.slots {
                let of_kind = kinds.iter().filter(|(kind, _)| kind.name == slot.kind);
                let known =
                    of_kind.clone().any(|(kind, _)| slot.slot.is_empty() || kind.format.slots().any(|name| name == slot.slot));
                assert!(known, "{prefix} {} {slot:?}", operation.name);
            }
        }
    }
    assert!(count > 19_000, "{count}");
    for line in catalog.prefixes().flat_map(|prefix| catalog.lines(prefix).1.lines().map(move |line| (prefix, line))) {
        let fields: Vec<&str> = line.1.split('\t').collect();
        match fields.as_slice() {
            ["operation", name, ..] => assert!(catalog.operation(line.0, name).is_some(), "{line:?}"),
            ["forward", name, action, _] => {
                assert!(catalog.action(&Action::parse(action).unwrap()).is_some(), "{line:?}");
                let by = Action { service: line.0.to_owned(), name: (*name).to_owned() };
                assert!(!catalog.forwarded(&by).is_empty(), "{line:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Each from the API's own page.
#[test]
fn resources_stand_where_the_api_says() {
    for (prefix, name, kind, expected) in [
        ("dynamodb", "GetItem", "table", "TableName=TableName"),
        ("lambda", "CreateFunction", "function", "FunctionName=FunctionName"),
        ("s3", "GetObject", "object", "BucketName=Bucket ObjectName=Key"),
        ("ec2", "TerminateInstances", "instance", "InstanceId=InstanceIds.[]"),
        ("ec2", "CreateVolume", "volume", "VolumeId=<VolumeId?any"),
        ("ecs", "UpdateService", "service", "ClusterName=cluster ServiceName=service"),
        ("elasticloadbalancing", "DeleteListener", "listener/app", "=ListenerArn"),
        ("sqs", "SendMessage", "queue", "QueueName=QueueUrl"),
        ("sns", "Publish", "topic", "=TopicArn"),
        ("kms", "ReEncrypt", "key", "KeyId=DestinationKeyId KeyId=SourceKeyId"),
        ("iam", "AttachRolePolicy", "role", "RoleNameWithPath=RoleName"),
        ("secretsmanager", "GetSecretValue", "Secret", "SecretId=SecretId"),
        ("eks", "DescribeNodegroup", "nodegroup", "ClusterName=clusterName NodegroupName=nodegroupName"),
        ("networkmanager", "AssociateLink", "device", "GlobalNetworkId=GlobalNetworkId ResourceId=DeviceId"),
        ("cloudformation", "DeleteStack", "stack", "StackName=StackName"),
        ("config", "DeleteConfigRule", "ConfigRule", ""),
    ] {
        let found = slots(prefix, name, kind);
        let mut sorted: Vec<&str> = found.split(' ').collect();
        sorted.sort_unstable();
        assert_eq!(sorted.join(" "), expected, "{prefix} {name} {kind}");
    }
    assert!(slots("ec2", "RunInstances", "subnet").contains("SubnetId=NetworkInterfaces.[].SubnetId"));
}

#[test]
fn passed_roles_are_known() {
    for (prefix, name, path) in [
        ("lambda", "CreateFunction", "Role"),
        ("ecs", "RegisterTaskDefinition", "taskRoleArn"),
        ("ecs", "RegisterTaskDefinition", "executionRoleArn"),
        ("eks", "CreateCluster", "roleArn"),
        ("states", "CreateStateMachine", "roleArn"),
        ("glue", "CreateJob", "Role"),
        ("sagemaker", "CreateTrainingJob", "RoleArn"),
    ] {
        let passes = &operation(prefix, name).passes;
        assert!(passes.iter().any(|known| known.to_string() == path), "{prefix} {name}: {passes:?}");
    }
    assert!(operation("sts", "AssumeRole").passes.is_empty(), "a role that is assumed is not passed");
    assert!(operation("s3", "GetObject").passes.is_empty());
}

#[test]
fn sources_are_told_apart() {
    for (prefix, name, origin, action) in [
        ("apigateway", "CreateRestApi", Origin::HttpVerb, "apigateway:POST"),
        ("apigateway", "GetApis", Origin::HttpVerb, "apigateway:GET"),
        ("access-analyzer", "GetFindingV2", Origin::VersionCut, "access-analyzer:GetFinding"),
        ("deadline", "BatchGetJob", Origin::Batch, "deadline:GetJob"),
        ("dynamodb", "GetItem", Origin::SameName, "dynamodb:GetItem"),
        ("neptune-db", "ExecuteFastReset", Origin::Rule, "neptune-db:ResetDatabase"),
        ("sso", "ListAccounts", Origin::Unsigned, ""),
        ("glue", "CreateGlossary", Origin::Nothing, ""),
    ] {
        let operation = operation(prefix, name);
        let named = operation.actions.iter().map(|(action, _)| action.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!((operation.origin, named.as_str()), (origin, action), "{prefix} {name}");
    }
    let catalog = Catalog::embedded();
    assert_eq!(catalog.map("glue.amazonaws.com", "CreateGlossary", |_| false), Mapping::Unknown);
    assert_eq!(catalog.map("sso.amazonaws.com", "ListAccounts", |_| false), Mapping::Permissionless);
    assert_eq!(catalog.map("sso.amazonaws.com", "Logout", |_| false), Mapping::ServiceEvent, "the hand-written row counts first");
    // The trap: its own page names an action that the reference does not list, and another one that only denies.
    assert_eq!(catalog.map("cognito-idp.amazonaws.com", "DescribeTermsByClient", |_| false), Mapping::Unknown);
    assert!(Confidence::Exact < Confidence::Derived && Confidence::Derived < Confidence::Assumed);
}

#[test]
fn forwarded_calls_are_known() {
    let forwarded = Catalog::embedded().forwarded(&Action::parse("s3:GetObject").unwrap());
    let named: Vec<String> = forwarded.iter().map(|call| format!("{} {}", call.action, call.via)).collect();
    assert_eq!(named, ["kms:Decrypt s3.amazonaws.com"]);
    assert!(Catalog::embedded().forwarded(&Action::parse("s3:ListBucket").unwrap()).is_empty());
}

/// A debug build is some twenty times slower than what users start.
#[test]
fn opening_reads_no_service() {
    let catalog = Catalog::embedded();
    let start = Instant::now();
    let again = Catalog::from_bytes(include_bytes!("../../src/catalog/aws/catalog.txt.zst")).unwrap();
    let opened = start.elapsed();
    assert_eq!(again.date(), catalog.date());
    eprintln!("opening the catalog: {opened:?}");
    assert!(opened.as_secs() < 2, "{opened:?}");
}
