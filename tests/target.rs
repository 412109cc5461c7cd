//! The target version decides what is granted for the same log, and writer and judge agree on it.
#![cfg(test)]

mod harness;

use harness::{audit_of, config, generate, write_lines};
use serde_json::{Value, json};
use tightfit::policy::grant::Reason;

/// A log of an old cluster: exec by websocket, and a Deployment in `extensions`.
fn log() -> Vec<Value> {
    let event = |number: u32, verb: &str, uri: &str, more: Value| {
        let mut event = audit_of("ci:build", verb, uri, more);
        event["auditID"] = json!(format!("id-{number}"));
        event
    };
    vec![
        event(1, "get", "/api/v1/namespaces/shop/pods/db-0/exec?command=true", json!({"responseStatus": {"code": 101}})),
        event(2, "get", "/apis/extensions/v1beta1/namespaces/shop/deployments/web", json!({})),
    ]
}

/// The grants of a run for this version, each with why it is there.
fn grants(settings: &str) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let log = write_lines(scratch.path(), "log.jsonl", &log());
    let plan = generate(&[&log], &config(settings), 1);
    let verdict = &plan.verdict;
    assert!(verdict.sufficiency.gaps.is_empty() && verdict.necessity.excess.is_empty(), "{settings}: {verdict:?}");
    let policies = plan.policies.policies.values().flat_map(|policy| &policy.grants);
    let why = |reason: &Reason| match reason {
        Reason::Observed => "observed",
        Reason::Derived { .. } => "derived",
        Reason::Assumed { .. } => "assumed",
        Reason::Unobservable { .. } | Reason::Declared { .. } => "other",
    };
    policies.map(|grant| format!("{}: {}", grant.permit, why(&grant.reason))).collect()
}

#[test]
fn create_of_exec_is_granted_where_the_target_asks_it() {
    let create = "create pods/exec db-0 in shop: derived".to_owned();
    for (version, granted) in [("1.34", false), ("1.35", true), ("1.36", true)] {
        let grants = grants(&format!("[kubernetes]\nversion = \"{version}\""));
        assert_eq!(grants.contains(&create), granted, "{version}: {grants:?}");
        assert!(grants.contains(&"get pods/exec db-0 in shop: observed".to_owned()), "{grants:?}");
    }
}

#[test]
fn a_group_that_the_target_does_not_serve_is_not_granted() {
    for (version, granted) in [
        ("1.15", "get deployments.extensions web in shop: observed"),
        ("1.16", "get deployments.apps web in shop: derived"),
        ("1.36", "get deployments.apps web in shop: derived"),
    ] {
        let grants = grants(&format!("[kubernetes]\nversion = \"{version}\""));
        let named: Vec<&String> = grants.iter().filter(|grant| grant.contains("deployments")).collect();
        assert_eq!(named, [granted], "{version}");
    }
}
