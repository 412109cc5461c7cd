//! Order and splitting mean nothing: statements shuffled, spread over documents, or cut into one action and one resource each answer
//! the same.

use proptest::prelude::*;
use serde_json::Value;
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Resource};
use tightfit::policy::decision::Decision;
use tightfit::policy::iam::{PolicyDocument, decide};

use super::language::{Asked, case};

fn document(statements: &[Value]) -> PolicyDocument {
    serde_json::from_value(serde_json::json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
}

fn answer(documents: &[PolicyDocument], asked: &Asked) -> char {
    let resource = Arn::literal(&asked.resource).map_or(Resource::NoResourceLevel, Resource::Arn);
    let key = AwsRequestKey { action: Action::parse(&asked.action).unwrap(), resource, via: None };
    match decide(documents, &AwsRequest { key, context: asked.context.clone() }) {
        Decision::Allow { .. } => 'a',
        Decision::ExplicitDeny { .. } => 'd',
        Decision::ImplicitDeny { .. } => 'i',
    }
}

/// A statement as one for each action and resource; `Not` elements stay whole.
fn cut(statement: &Value) -> Vec<Value> {
    let mut parts = vec![statement.clone()];
    for element in ["Action", "Resource"] {
        parts = parts
            .iter()
            .flat_map(|part| match part[element].as_array() {
                Some(all) => all
                    .iter()
                    .map(|one| {
                        let mut part = part.clone();
                        part[element] = one.clone();
                        part
                    })
                    .collect(),
                None => vec![part.clone()],
            })
            .collect();
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn order_and_splitting_change_nothing((policy, requests) in case(), turn in 0_usize..4) {
        let statements = policy["Statement"].as_array().unwrap().clone();
        let whole = [document(&statements)];
        let mut turned = statements.clone();
        turned.rotate_left(turn % statements.len());
        turned.reverse();
        let parts: Vec<Value> = statements.iter().flat_map(cut).collect();
        let spread: Vec<PolicyDocument> = parts.iter().map(|one| document(std::slice::from_ref(one))).collect();
        for asked in requests {
            let wanted = answer(&whole, &asked);
            prop_assert_eq!(answer(&[document(&turned)], &asked), wanted, "{} {:?}", policy, asked);
            prop_assert_eq!(answer(&[document(&parts)], &asked), wanted, "{} {:?}", policy, asked);
            prop_assert_eq!(answer(&spread, &asked), wanted, "{} {:?}", policy, asked);
        }
    }
}
