//! From flow logs to NetworkPolicies and back, as a user sees it: generate, verify, and what an edited folder comes to.

#![cfg(test)]

mod harness;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tightfit::verdict::VerdictState;

/// A connection as Hubble exports it. An end is `namespace/app` or an address.
fn flow(number: u64, client: &str, server: &str, port: u16, verdict: &str) -> Value {
    let end = |name: &str| match name.split_once('/') {
        Some((namespace, app)) => json!({"namespace": namespace, "pod_name": format!("{app}-5d9f8b6c5d-x2x4z"),
            "labels": [format!("k8s:app={app}"), format!("k8s:io.kubernetes.pod.namespace={namespace}")],
            "workloads": [{"name": app, "kind": "Deployment"}]}),
        None => json!({"labels": ["reserved:world"]}),
    };
    let address = |name: &str, own: &str| if name.contains('/') { own.to_owned() } else { name.to_owned() };
    json!({"flow": {
        "time": format!("2026-10-{:02}T{:02}:00:00Z", number / 24 % 28 + 1, number % 24), "uuid": format!("f-{number}"), "verdict": verdict,
        "drop_reason_desc": if verdict == "DROPPED" { "POLICY_DENIED" } else { "" },
        "IP": {"source": address(client, "10.0.0.1"), "destination": address(server, "10.0.0.2"), "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000 + number, "destination_port": port, "flags": {"SYN": true}}},
        "source": end(client), "destination": end(server), "Type": "L3_L4", "is_reply": false,
        "event_type": {"type": 4}, "trace_observation_point": "TO_ENDPOINT",
        "traffic_direction": if client.contains('/') && !server.contains('/') { "EGRESS" } else { "INGRESS" },
    }, "node_name": "n", "time": "2026-10-01T00:00:00Z"})
}

fn shop() -> Vec<Value> {
    let mut number = 0;
    let mut next = |client: &str, server: &str, port: u16, verdict: &str| {
        number += 1;
        flow(number, client, server, port, verdict)
    };
    vec![
        next("192.0.2.7", "shop/web", 8080, "FORWARDED"),
        next("shop/web", "data/db", 5432, "FORWARDED"),
        next("shop/web", "shop/cache", 6379, "FORWARDED"),
        next("shop/cache", "203.0.113.20", 443, "FORWARDED"),
        next("shop/cache", "data/db", 5432, "DROPPED"),
        next("shop/web", "data/db", 22, "DROPPED"),
    ]
}

const SETTINGS: &str = "coverage.days-min = 1\n[network]\nbasis = \"observed\"\ncalico-staged = true\ncilium = true";

fn written(folder: &Path) -> (PathBuf, PathBuf) {
    let log = harness::write_lines(folder, "flows.log", &shop());
    let settings = folder.join("settings.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let out = folder.join("out");
    let arguments = ["generate", log.to_str().unwrap(), "--out", out.to_str().unwrap(), "--config", settings.to_str().unwrap()];
    let (code, said, wrong) = harness::ended(&harness::tightfit(folder, &arguments));
    assert!(code == 0 || code == 5, "{code}\n{said}\n{wrong}");
    (log, out)
}

fn verdict(folder: &Path, log: &Path, out: &Path) -> Value {
    let arguments = ["verify", log.to_str().unwrap(), "--policies", out.to_str().unwrap(), "--json"];
    let (_, said, wrong) = harness::ended(&harness::tightfit(folder, &arguments));
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {wrong}"))
}

fn counts(verdict: &Value) -> [usize; 3] {
    let verdict = &verdict["verdict"];
    let length = |value: &Value| value.as_array().unwrap().len();
    [length(&verdict["sufficiency"]["gaps"]), length(&verdict["necessity"]["excess"]), length(&verdict["restraint"]["leaks"])]
}

fn file(out: &Path, namespace: &str) -> PathBuf {
    let found = harness::tree(out).into_iter().find(|(path, _)| path.ends_with(&format!("{namespace}/network-policy.yaml")));
    out.join(found.unwrap().0)
}

#[test]
fn what_was_observed_passes_and_an_edited_folder_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let (log, out) = written(scratch.path());
    let clean = verdict(scratch.path(), &log, &out);
    assert_eq!(counts(&clean), [0, 0, 0], "{clean:#}");
    assert_eq!(clean["verdict"]["sufficiency"]["judged"], 4, "{clean:#}");
    assert_eq!(clean["verdict"]["restraint"]["judged"], 2, "{clean:#}");

    let data = file(&out, "data");
    let whole = fs::read_to_string(&data).unwrap();
    let judged = |text: &str| {
        fs::write(&data, text).unwrap();
        let counts = counts(&verdict(scratch.path(), &log, &out));
        fs::write(&data, &whole).unwrap();
        counts
    };
    // A rule that is gone is a gap.
    assert_eq!(judged(&whole.replace("port: 5432", "port: 5433"))[0], 1);
    // A rule more is excess, and a leak where it opens what was refused.
    let more = whole.replace("port: 5432", "port: 5432\n    - protocol: TCP\n      port: 22");
    assert_ne!(more, whole);
    let counted = judged(&more);
    assert!(counted[0] == 0 && counted[1] >= 1, "{counted:?}");
    let shop = file(&out, "shop");
    let both = fs::read_to_string(&shop).unwrap();
    fs::write(&shop, both.replace("port: 5432", "port: 5432\n    - protocol: TCP\n      port: 22")).unwrap();
    assert_eq!(judged(&more), [0, 2, 1]);
    fs::write(&shop, &both).unwrap();
    // Without the default deny what no policy selects is open.
    let documents: Vec<&str> = whole.split("---\n").filter(|document| !document.contains("tightfit-default-deny")).collect();
    let counted = judged(&documents.join("---\n"));
    assert!(counted[1] >= 1, "{counted:?}");
}

#[test]
fn further_forms_and_the_basis_are_chosen() {
    let scratch = tempfile::tempdir().unwrap();
    let (log, out) = written(scratch.path());
    let staged = fs::read_to_string(file(&out, "shop").with_file_name("network-policy.calico-staged.yaml")).unwrap();
    assert!(staged.contains("kind: StagedKubernetesNetworkPolicy") && staged.contains("stagedAction: Set"), "{staged}");

    let cilium = fs::read_to_string(file(&out, "shop").with_file_name("network-policy.cilium.yaml")).unwrap();
    for part in ["kind: CiliumNetworkPolicy", "203.0.113.20/32", "k8s:io.kubernetes.pod.namespace: data", "- {}"] {
        assert!(cilium.contains(part), "{part}: {cilium}");
    }

    let config = harness::config("coverage.days-min = 1\n[network]\nbasis = \"off\"");
    let plan = harness::generate(&[&log], &config, 1);
    assert!(plan.policies.policies.is_empty() && plan.policies.network.is_empty());
    let config = harness::config("coverage.days-min = 1\n[choose]\nnamespaces = [\"data\"]");
    let plan = harness::generate(&[&log], &config, 1);
    let files: Vec<String> = harness::policies(&plan, &config).into_iter().map(|artifact| artifact.path).collect();
    assert!(files.iter().any(|file| file.ends_with("data/network-policy.yaml")), "{files:?}");
    assert!(!files.iter().any(|file| file.contains("/shop/")), "{files:?}");
    assert!(plan.verdict.sufficiency.gaps.is_empty() && plan.verdict.restraint.leaks.is_empty(), "{:#?}", plan.verdict);
    assert!(matches!(plan.verdict.state(), VerdictState::Clean | VerdictState::Incomplete), "{:#?}", plan.verdict);
}
