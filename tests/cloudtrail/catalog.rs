//! What is embedded parses, the rules name only what exists, and events mean their actions. What the table of operations says is judged
//! in `tests/catalog/`.

use std::path::Path;

use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::catalog::format::Fill;
use tightfit::catalog::reference::AccessLevel;
use tightfit::catalog::rules::{Confidence, Mapping};
use tightfit::curate;

#[test]
fn the_embedded_reference_is_whole() {
    let catalog = Catalog::embedded();
    let services: Vec<&str> = catalog.prefixes().collect();
    let actions: usize = services.iter().map(|service| catalog.service(service).unwrap().actions().count()).sum();
    let types: usize = services.iter().map(|service| catalog.service(service).unwrap().types().len()).sum();
    assert_eq!((services.len(), actions, types), (460, 22_420, 2_371));
    assert_eq!(catalog.date(), "2026-10-27");
    assert_eq!(catalog.sources()[0].licence, "MIT");
    let get = catalog.action(&Action::parse("s3:getobject").unwrap()).unwrap();
    assert_eq!((get.name.as_str(), get.access), ("GetObject", AccessLevel::Read));
    assert!(get.types.iter().any(|used| used.name == "object"));
    for service in services {
        let service = catalog.service(service).unwrap();
        for action in service.actions() {
            assert_ne!(action.access, AccessLevel::Unknown, "{}", action.name);
            for used in &action.types {
                assert!(service.resource_type(&used.name).is_some(), "{} {}", action.name, used.name);
            }
        }
    }
}

#[test]
fn rules_name_only_what_exists() {
    let catalog = Catalog::embedded();
    for (host, prefixes) in catalog.rules().sources() {
        for prefix in prefixes {
            assert!(catalog.service(prefix).is_some(), "{host} -> {prefix}");
        }
    }
    for action in catalog.rules().actions() {
        let known = catalog.action(action).map(|definition| definition.name.as_str());
        assert_eq!(known, Some(action.name.as_str()), "{action}");
    }
    for (service, kind, slot) in catalog.rules().parameter_slots() {
        let resource_type = catalog.service(service).and_then(|service| service.resource_type(kind));
        let slots: Vec<&str> = resource_type.expect(kind).format.slots().collect();
        assert!(slots.contains(&slot), "{service} {kind} {slot}: {slots:?}");
    }
    for (service, action, kind) in catalog.rules().created_types() {
        let action = Action { service: service.to_owned(), name: action.to_owned() };
        let types = &catalog.action(&action).unwrap().types;
        assert!(types.iter().any(|used| used.name == kind), "{action} {kind}");
    }
    for service in catalog.rules().data_services() {
        assert!(catalog.service(service).is_some(), "{service}");
    }
}

#[test]
fn sources_mean_their_prefix() {
    let rows = "agreement-marketplace aws-marketplace,discovery-marketplace aws-marketplace,marketplacecatalog aws-marketplace,\
        reporting-marketplace aws-marketplace,management-marketplace aws-marketplace-management,amazonmq mq,\
        application-insights applicationinsights,billingconsole billing,chime-sdk-media-pipelines chime,chime-sdk-voice chime,\
        cloudcontrolapi cloudformation,contact-lens connect,participant-connect connect,migrationhub mgh,monitoring cloudwatch,\
        opensearchservice es,pinpoint mobiletargeting,pricelist pricing,qconnect wisdom,rdsdata rds-data,\
        servicecatalog-appregistry servicecatalog,tagging tag,taxconsole tax,transcribestreaming transcribe,appstream2 appstream,\
        models.lex lex,runtime.lex lex,mturk-requester mechanicalturk,streams.dynamodb dynamodb,email ses,s3 s3";
    for row in rows.split(',') {
        let (host, prefix) = row.trim().split_once(' ').unwrap();
        assert_eq!(Catalog::embedded().prefixes_of(&format!("{host}.amazonaws.com")).first(), Some(&prefix), "{host}");
    }
    assert!(Catalog::embedded().prefixes_of("nowhere.amazonaws.com").is_empty());
}

fn mapped(source: &str, event: &str) -> (Vec<String>, Option<Confidence>) {
    match Catalog::embedded().map(&format!("{source}.amazonaws.com"), event, |_| false) {
        Mapping::Actions(actions) => {
            (actions.iter().map(|mapped| mapped.action.to_string()).collect(), actions.first().map(|mapped| mapped.confidence))
        }
        Mapping::Permissionless => (vec!["-".to_owned()], None),
        Mapping::ServiceEvent => (vec!["event".to_owned()], None),
        Mapping::Unknown => (Vec::new(), None),
    }
}

#[test]
fn events_mean_their_actions() {
    let exact = Some(Confidence::Exact);
    for (source, event, actions) in [
        ("s3", "ListBuckets", "s3:ListAllMyBuckets"),
        ("s3", "HeadBucket", "s3:ListBucket"),
        ("s3", "ListParts", "s3:ListMultipartUploadParts"),
        ("s3", "DeleteBucketCors", "s3:PutBucketCORS"),
        ("s3", "PutBucketNotificationConfiguration", "s3:PutBucketNotification"),
        ("s3", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("s3express", "DeleteBucketEncryption", "s3express:PutEncryptionConfiguration"),
        ("lambda", "GetLayerVersionByArn", "lambda:GetLayerVersion"),
        ("kms", "ReEncrypt", "kms:ReEncryptFrom kms:ReEncryptTo"),
        ("sqs", "SendMessageBatch", "sqs:SendMessage"),
        ("sqs", "DeleteMessageBatch", "sqs:DeleteMessage"),
        ("budgets", "CreateSubscriber", "budgets:ModifyBudget"),
        ("budgets", "DescribeBudgets", "budgets:ViewBudget"),
        ("autoscaling", "RegisterScalableTarget", "application-autoscaling:RegisterScalableTarget"),
        ("autoscaling", "PutScheduledAction", "application-autoscaling:PutScheduledAction"),
        ("autoscaling", "CreateScalingPlan", "autoscaling-plans:CreateScalingPlan"),
        ("autoscaling", "CreateAutoScalingGroup", "autoscaling:CreateAutoScalingGroup"),
        ("api", "GetProducts", "pricing:GetProducts"),
        ("bedrock", "Converse", "bedrock:InvokeModel"),
        ("cassandra", "GetTable", "cassandra:Select"),
        ("apigatewaymanagementapi", "PostToConnection", "execute-api:ManageConnections"),
    ] {
        assert_eq!(mapped(source, event), (actions.split(' ').map(str::to_owned).collect(), exact), "{source} {event}");
    }
    let derived = Some(Confidence::Derived);
    for (source, event, action) in [
        ("lambda", "CreateFunction20150331", "lambda:CreateFunction"),
        ("lambda", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
        ("lambda", "GetFunctionConfiguration20150331v2", "lambda:GetFunctionConfiguration"),
        ("lambda", "ListVersionsByFunction20150331", "lambda:ListVersionsByFunction"),
        ("cloudfront", "CreateDistribution2015_07_27", "cloudfront:CreateDistribution"),
    ] {
        assert_eq!(mapped(source, event), (vec![action.to_owned()], derived), "{event}");
    }
    assert_eq!(mapped("apigateway", "CreateRestApi"), (vec!["apigateway:POST".to_owned()], Some(Confidence::Derived)));
    for (source, event) in [("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("dynamodb", "DescribeEndpoints")] {
        assert_eq!(mapped(source, event).0, ["-"], "{event}");
    }
    for (source, event) in [("s3", "NoSuchThing"), ("nowhere", "GetObject"), ("lambda", "20150331"), ("", "")] {
        assert_eq!(mapped(source, event).0, Vec::<String>::new(), "{source} {event}");
    }
}

#[test]
fn no_action_that_ends_in_a_digit_is_cut() {
    let catalog = Catalog::embedded();
    let mut count = 0;
    for prefix in catalog.prefixes() {
        for action in
            catalog.service(prefix).unwrap().actions().filter(|action| action.name.ends_with(|last: char| last.is_ascii_digit()))
        {
            count += 1;
            if let Mapping::Actions(mapped) = catalog.map(&format!("{prefix}.amazonaws.com"), &action.name, |_| false) {
                assert_eq!(mapped[0].action.name, action.name);
            }
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn what_a_format_makes_it_recognises() {
    let catalog = Catalog::embedded();
    let mut lost = Vec::new();
    for prefix in catalog.prefixes() {
        let service = catalog.service(prefix).unwrap();
        for resource_type in service.types().iter().filter(|resource_type| !resource_type.format.is_open()) {
            let Some(arn) = resource_type.format.make(|slot| Some(Fill::Literal(format!("{}1", slot.to_ascii_lowercase()))))
            else {
                continue;
            };
            let arn = arn.to_policy();
            if !service.types_of(&arn).iter().any(|known| known.name == resource_type.name) {
                lost.push(format!("{prefix} {} {arn}", resource_type.name));
            }
        }
    }
    // Two slots stand side by side there, so that an ARN does not say where one ends.
    assert!(lost.iter().all(|line| line.starts_with("codeartifact package-group ")), "{lost:?}");
}

/// Where an older map names actions that exist, and ours are others: why.
const OTHER_THAN_THE_OLDER_MAP: &[(&str, &str)] = &[
    ("ApiGatewayV2.TagResource", "one event name of two APIs: the decoder's routes tell them apart (gateway.rs)"),
    ("Glue.DeleteColumnStatisticsFor", "the reference has actions of their own since; AWS's pages differ among each other"),
    ("LexModelsV2.", "the reference has actions of their own since"),
    ("S3.DeletePublicAccessBlock", "told by a parameter, which this test does not give"),
    ("S3.GetPublicAccessBlock", "told by a parameter, which this test does not give"),
    ("S3.PutPublicAccessBlock", "told by a parameter, which this test does not give"),
    ("S3Control.", "the map means Outposts, whose records have their own source"),
];

/// An older map that others made: where it names actions that still exist, ours are among them, or it is said why not.
#[test]
fn an_older_map_agrees() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/reference/iam-dataset-map-2022-08-19.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the map of ../shared/data/reference is absent");
        return;
    };
    let catalog = Catalog::embedded();
    let map: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut gone, mut explained) = (0, 0, 0);
    let (mut unknown, mut unknown_to_both, mut other) = (Vec::new(), 0, Vec::new());
    for (method, rows) in map["sdk_method_iam_mappings"].as_object().unwrap() {
        let (sdk, operation) = method.split_once('.').unwrap();
        let lower = sdk.to_ascii_lowercase();
        let prefix = map["sdk_service_mappings"][sdk].as_str().unwrap_or(&lower);
        let theirs: Vec<&str> = rows.as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
        let exists = |action: &&&str| Action::parse(action).is_some_and(|action| catalog.action(&action).is_some());
        // Where the map knows no source for an SDK's client, the prefix of its actions is one.
        let of_action = theirs.iter().find_map(|action| action.split_once(':')).map_or(prefix, |(prefix, _)| prefix);
        let known = !catalog.prefixes_of(&format!("{prefix}.amazonaws.com")).is_empty();
        let (ours, _) = mapped(if known { prefix } else { of_action }, operation);
        let same = ours.iter().any(|action| theirs.iter().any(|their| their.eq_ignore_ascii_case(action)));
        let own = |their: &&&str| !their.eq_ignore_ascii_case("iam:PassRole") && !their.starts_with("organizations:");
        match ours.first() {
            None if theirs.iter().filter(exists).filter(own).count() > 0 => unknown.push(method.as_str()),
            None => unknown_to_both += 1,
            Some(first) if same || first == "-" => agreed += 1,
            Some(_) if theirs.iter().filter(exists).count() == 0 => gone += 1,
            Some(_) if OTHER_THAN_THE_OLDER_MAP.iter().any(|(begin, _)| method.starts_with(begin)) => explained += 1,
            Some(_) => other.push(format!("{method}: theirs {theirs:?}, ours {ours:?}")),
        }
    }
    eprintln!(
        "older map: {agreed} agree; {unknown_to_both} unknown here whose actions the reference does not know either; \
         {gone} differ whose actions are gone from the reference; {explained} differ for a stated reason; unknown {unknown:?}; differ {other:?}"
    );
    assert!(agreed > 11_300, "{agreed}");
    assert_eq!(other, Vec::<String>::new());
    // A service that has ended.
    assert!(unknown.iter().all(|method| method.starts_with("IoTThingsGraph.")), "{unknown:?}");
}

fn build(folder: &Path) -> Result<Vec<u8>, curate::CurateError> {
    curate::build(&curate::Inputs { iam_data: &[folder.to_owned()], botocore: None, map: None, fas: None })
}

fn small_package(folder: &Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("package.json", r#"{"name":"made-up","version":"1","updatedAt":"2026-01-01T00:00:00Z","license":"MIT"}"#);
    write("data/services.json", r#"["zeta","alpha"]"#);
    write(
        "data/actions/alpha.json",
        r#"{"geta":{"name":"GetA","accessLevel":"Read","resourceTypes":[{"name":"a","required":true}]}}"#,
    );
    write("data/actions/zeta.json", r#"{"doz":{"name":"DoZ","accessLevel":"Tagging, Write","conditionKeys":["zeta:k"]}}"#);
    write("data/resourceTypes/alpha.json", r#"{"a":{"key":"a","arn":"arn:${Partition}:alpha:::${A}"}}"#);
}

#[test]
fn curation_is_deterministic() {
    let folder = tempfile::tempdir().unwrap();
    small_package(folder.path());
    let bytes = build(folder.path()).unwrap();
    assert_eq!(bytes, build(folder.path()).unwrap());
    let catalog = Catalog::from_bytes(&bytes).unwrap();
    assert_eq!(catalog.prefixes().collect::<Vec<_>>(), ["alpha", "zeta"]);
    let tag = catalog.action(&Action::parse("zeta:DoZ").unwrap()).unwrap();
    assert_eq!((tag.access, tag.condition_keys.as_slice()), (AccessLevel::Tagging, ["zeta:k".to_owned()].as_slice()));
    std::fs::write(folder.path().join("data/services.json"), r#"["al\tpha"]"#).unwrap();
    assert!(matches!(build(folder.path()), Err(curate::CurateError::Separator { .. })));
    assert!(matches!(build(&folder.path().join("absent")), Err(curate::CurateError::Read { .. })));
}
