//! Properties of the whole job over generated logs: sufficiency, necessity, restraint, monotone, order-blind, merge.
#![cfg(test)]

mod harness;

use std::fs;
use std::io::Write;
use std::path::Path;

use harness::{audit, config, event, generate, policies, role, write_lines};
use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::config::Config;
use tightfit::pipeline::Plan;

/// One record: who, what, on which name, with what answer.
#[derive(Debug, Clone)]
struct Step {
    who: u8,
    what: u8,
    name: u8,
    answer: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..2_u8, 0..10_u8, 0..14_u8, 0..6_u8).prop_map(|(who, what, name, answer)| Step { who, what, name, answer });
    prop::collection::vec(step, 1..120)
}

/// Limits low enough that generated logs reach every widening.
const EAGER: &str = "generalize.object-keys-min = 2\ngeneralize.generated-names-min = 2\ngeneralize.kube-names-min = 2";

fn records(steps: &[Step]) -> Vec<Value> {
    steps.iter().enumerate().map(|(number, step)| record(u64::try_from(number).unwrap(), step)).collect()
}

fn record(number: u64, step: &Step) -> Value {
    let Step { who, what, name, answer } = step;
    let error = match answer {
        0 => Some("AccessDenied"),
        1 => Some("ResourceNotFoundException"),
        2 => Some("ThrottlingException"),
        _ => None,
    };
    let caller = role(&format!("app-{who}"), &format!("session-{number}"));
    let table = json!({"tableName": format!("table-{name}")});
    let object = json!({"bucketName": format!("bucket-{}", name % 2), "key": format!("in/{}/{name}*x", name % 3)});
    let code = match answer {
        0 => 403,
        1 => 404,
        2 => 500,
        _ => 200,
    };
    let user = format!("system:serviceaccount:ns{}:sa{who}", who % 2);
    let named = json!({"resource": "configmaps", "namespace": format!("ns{}", name % 2), "name": format!("c-{name}"), "apiVersion": "v1"});
    let listed = json!({"resource": "pods", "namespace": format!("ns{}", name % 2), "apiVersion": "v1"});
    let node = json!({"resource": "nodes", "name": format!("node-{name}"), "apiVersion": "v1"});
    match what {
        0 => event(number, &caller, "dynamodb", "PutItem", &table, error),
        1 => event(number, &caller, "dynamodb", "GetItem", &table, error),
        2 => event(number, &caller, "s3", "GetObject", &object, error),
        3 => event(number, &caller, "s3", "PutObject", &object, error),
        4 => event(number, &caller, "ec2", "DescribeInstances", &json!({}), error),
        5 => event(
            number,
            &caller,
            "sns",
            "Publish",
            &json!({"topicArn": format!("arn:aws:sns:eu-central-1:111122223333:t-0f8fad5b-d9cb-469f-a165-7086772895{name:02x}")}),
            error,
        ),
        6 => audit(number, &user, "get", &named, code),
        7 => audit(number, &user, "list", &listed, code),
        8 => audit(number, &user, "delete", &named, code),
        _ => audit(number, &user, "get", &node, code),
    }
}

fn plan(folder: &Path, records: &[Value], config: &Config) -> Plan {
    let file = write_lines(folder, "log.jsonl", records);
    generate(&[&file], config, 1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_observed_is_denied_nothing_refused_is_granted_nothing_is_idle(steps in steps(), exact in any::<bool>()) {
        let scratch = tempfile::tempdir().unwrap();
        let plan = plan(scratch.path(), &records(&steps), &config(&format!("generalize.exact = {exact}\n{EAGER}")));
        prop_assert!(plan.verdict.sufficiency.gaps.is_empty(), "{:?}", plan.verdict.sufficiency.gaps);
        prop_assert!(plan.verdict.restraint.leaks.is_empty(), "{:?}", plan.verdict.restraint.leaks);
        prop_assert!(plan.verdict.necessity.excess.is_empty(), "{:?}", plan.verdict.necessity.excess);
        prop_assert_eq!(plan.profile.ledger.records(), u64::try_from(steps.len()).unwrap());
        let widened = plan.policies.policies.values().flat_map(|policy| &policy.grants).any(|grant| grant.generalization.is_some());
        prop_assert!(!exact || !widened);
    }

    #[test]
    fn more_log_never_takes_a_granted_request_away(steps in steps(), cut in 0..120_usize) {
        let scratch = tempfile::tempdir().unwrap();
        let config = config(EAGER);
        let all = records(&steps);
        let part = plan(scratch.path(), all.get(..cut.min(all.len())).unwrap(), &config);
        let whole = plan(scratch.path(), &all, &config);
        for (identity, seen) in &part.profile.identities {
            for key in seen.requests.iter().filter(|(_, seen)| seen.is_evidence(true)).map(|(key, _)| key) {
                let request = key.to_request(std::collections::BTreeMap::new());
                let policy = whole.policies.policies.get(identity);
                let granted = policy.is_some_and(|policy| policy.documents.decide(identity, &[], &request).is_allow());
                prop_assert!(granted, "{identity} lost {key}");
            }
        }
    }

    #[test]
    fn order_splitting_repetition_and_compression_change_nothing(steps in steps(), seed in any::<u64>()) {
        let scratch = tempfile::tempdir().unwrap();
        let config = config(EAGER);
        let all = records(&steps);
        let plain = policies(&plan(scratch.path(), &all, &config), &config);
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|record| blake3::hash(format!("{seed}{record}").as_bytes()).to_hex().to_string());
        let (front, back) = shuffled.split_at(shuffled.len() / 2);
        let split = tempfile::tempdir().unwrap();
        write_lines(split.path(), "a", front);
        let mut gz = flate2::write::GzEncoder::new(fs::File::create(split.path().join("b")).unwrap(), flate2::Compression::fast());
        let twice: Vec<Value> = back.iter().chain(front).cloned().collect();
        gz.write_all(serde_json::to_string_pretty(&twice).unwrap().as_bytes()).unwrap();
        gz.finish().unwrap();
        let other = generate(&[split.path()], &config, 2);
        prop_assert_eq!(policies(&other, &config), plain);
        prop_assert_eq!(other.profile.ledger.observed, plan(scratch.path(), &all, &config).profile.ledger.observed);
    }

    #[test]
    fn a_stored_profile_gives_the_same_policies(steps in steps()) {
        let scratch = tempfile::tempdir().unwrap();
        let config = config(EAGER);
        let plan = plan(scratch.path(), &records(&steps), &config);
        let stored = scratch.path().join("p.parquet");
        tightfit::aggregate::write(&plan.profile, "p", fs::File::create(&stored).unwrap()).unwrap();
        let again = generate(&[&stored], &config, 1);
        prop_assert_eq!(policies(&again, &config), policies(&plan, &config));
        prop_assert_eq!(again.verdict.basis, tightfit::verdict::VerdictBasis::Profile);
        prop_assert_ne!(again.verdict.state(), tightfit::verdict::VerdictState::Clean);
    }
}
