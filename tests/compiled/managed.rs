//! The policies that AWS manages, as real documents: each alone and many together, asked what their own words suggest.

use std::path::Path;

use serde_json::Value;
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::policy::iam::compiled::Compiled;
use tightfit::policy::iam::{PolicyDocument, decide};

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, found)),
        Value::Object(all) => all.values().for_each(|one| texts(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn ready_managed_policies_answer_as_plain_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/policies/aws-managed-policies");
    let Ok(files) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("TIGHTFIT_REQUIRE_SHARED").is_none(), "../shared/data is required and absent");
        println!("skipped: ../shared/data/policies/aws-managed-policies is absent");
        return;
    };
    let (mut documents, mut actions, mut arns) = (Vec::new(), Vec::new(), Vec::new());
    let mut paths: Vec<_> =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    paths.sort();
    for path in paths {
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut found = Vec::new();
        texts(&whole["document"], &mut found);
        // Every third pattern of each, its wildcards filled in: enough to meet every form.
        for text in found.iter().step_by(3) {
            let text = text.replace('*', "Some");
            match Arn::literal(&text) {
                Some(arn) => arns.push(Resource::Arn(arn)),
                None => actions.extend(Action::parse(&text).filter(|_| !text.contains(' '))),
            }
        }
        let document: PolicyDocument = serde_json::from_value(whole["document"].clone()).unwrap();
        documents.push(document);
    }
    arns.truncate(300);
    arns.extend([Resource::NoResourceLevel, Resource::NotBuilt]);
    let context = Context::from([("aws:RequestedRegion".to_owned(), vec!["eu-west-1".to_owned()])]);
    let all: Vec<&[PolicyDocument]> = documents.chunks(1).chain([documents.as_slice()]).collect();
    let (mut asked, mut allowed) = (0_usize, 0_usize);
    for (number, documents) in all.into_iter().enumerate() {
        let compiled = Compiled::of(documents);
        for (place, action) in actions.iter().enumerate().skip(number % 7).step_by(7) {
            for resource in arns.iter().skip(place % 31).step_by(31) {
                let key = AwsRequestKey { action: action.clone(), resource: resource.clone(), via: None };
                let request = AwsRequest { key, context: context.clone() };
                let answer = compiled.decide(&request);
                assert_eq!(compiled.spell(answer, &request), decide(documents, &request), "{request:?}");
                asked += 1;
                allowed += usize::from(answer.is_allow());
            }
        }
    }
    println!("{asked} decisions, {allowed} allowed");
    assert!(asked > 10_000 && allowed > 1_000, "{asked} {allowed}");
}
