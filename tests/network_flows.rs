//! From flow logs to NetworkPolicies and back, as a user sees it: generate, verify, and what an edited folder comes to.

#![cfg(test)]

mod harness;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tightfit::finding::Code;
use tightfit::pipeline::Plan;
use tightfit::policy::set::Documents;
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

/// An end: `namespace/name` with the labels of its pod, an address, or a word of Hubble's.
type Named<'a> = (&'a str, &'a [&'a str]);

fn labelled(number: u64, client: Named<'_>, server: Named<'_>, port: u16, verdict: &str) -> Value {
    let name = |end: &str| if end.starts_with("reserved:") { "198.51.100.9".to_owned() } else { end.to_owned() };
    let mut flow = flow(number, &name(client.0), &name(server.0), port, verdict);
    for (side, (named, labels)) in [("source", client), ("destination", server)] {
        if let Some((namespace, _)) = named.split_once('/') {
            let mut all: Vec<String> = labels.iter().map(|label| format!("k8s:{label}")).collect();
            all.push(format!("k8s:io.kubernetes.pod.namespace={namespace}"));
            flow["flow"][side]["labels"] = json!(all);
        } else if named.starts_with("reserved:") {
            flow["flow"][side]["labels"] = json!([named]);
        }
    }
    flow
}

/// What `generate` writes of flows, and of workloads that the audit log shows to call the API server.
fn plan(flows: &[Value], callers: &[Named<'_>], basis: &str) -> Plan {
    let scratch = tempfile::tempdir().unwrap();
    let mut inputs = vec![harness::write_lines(scratch.path(), "flows.log", flows)];
    let mut records = Vec::new();
    for (number, (name, labels)) in (1..).zip(callers) {
        let labels: serde_json::Map<String, Value> =
            labels.iter().filter_map(|label| label.split_once('=')).map(|(key, value)| (key.to_owned(), json!(value))).collect();
        let object =
            json!({"resource": "deployments", "apiGroup": "apps", "apiVersion": "v1", "namespace": "shop", "name": name});
        let mut made = harness::audit(2 * number, "admin", "create", &object, 201);
        made["level"] = json!("RequestResponse");
        made["requestObject"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"serviceAccountName": name, "containers": [{"name": "c", "image": "i"}]}}}});
        made["responseObject"] = made["requestObject"].clone();
        records.push(made);
        let user = format!("system:serviceaccount:shop:{name}");
        let object = json!({"resource": "configmaps", "apiVersion": "v1", "namespace": "shop", "name": "c"});
        records.push(harness::audit(2 * number + 1, &user, "get", &object, 200));
    }
    if !records.is_empty() {
        inputs.push(harness::write_lines(scratch.path(), "audit.log", &records));
    }
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let config = harness::config(&format!("coverage.days-min = 1\n[network]\nbasis = \"{basis}\""));
    harness::generate(&inputs, &config, 1)
}

fn clean(plan: &Plan) {
    let verdict = &plan.verdict;
    assert!(verdict.sufficiency.gaps.is_empty() && verdict.sufficiency.judged > 0, "{verdict:#?}");
    assert!(verdict.necessity.excess.is_empty(), "{:#?}", verdict.necessity);
}

/// The NetworkPolicies, as text, and the rules that widened some of their units.
fn network(plan: &Plan) -> (String, Vec<String>) {
    let (mut text, mut rules) = (String::new(), Vec::new());
    for policy in plan.policies.policies.values() {
        if let Documents::Network(policies) = &policy.documents {
            text.extend(policies.iter().map(|policy| serde_json::to_string(policy).unwrap() + "\n"));
            rules.extend(policy.grants.iter().filter_map(|grant| Some(grant.generalization.as_ref()?.rule.clone())));
        }
    }
    (text, rules)
}

#[test]
fn a_policy_that_workloads_share_is_not_excess() {
    let cart: &[&str] = &["app=cart"];
    let flows = [
        labelled(1, ("shop/cart", cart), ("93.184.216.34", &[]), 443, "FORWARDED"),
        labelled(2, ("shop/cart", cart), ("data/db", &["app=db"]), 5432, "FORWARDED"),
    ];
    let shared = plan(&flows, &[("cart", cart), ("canary", cart)], "inferred");
    clean(&shared);
    let (text, rules) = network(&shared);
    assert!(text.contains("93.184.216.34/32") && !text.contains("0.0.0.0/0"), "{text}");
    assert!(rules.contains(&"shared-labels".to_owned()), "{rules:?}");
    // With labels of its own the canary needs the API server, and no flow shows where.
    let apart = plan(&flows, &[("cart", cart), ("canary", &["app=canary"])], "inferred");
    clean(&apart);
    let (text, rules) = network(&apart);
    assert!(text.contains("93.184.216.34/32") && text.contains("0.0.0.0/0"), "{text}");
    assert!(!rules.contains(&"shared-labels".to_owned()), "{rules:?}");
}

#[test]
fn what_a_wider_selector_allows_is_not_written_again() {
    let flows = [
        labelled(1, ("shop/bare", &[]), ("data/db", &["app=db"]), 5432, "FORWARDED"),
        labelled(2, ("shop/web", &["app=web"]), ("data/db", &["app=db"]), 5432, "FORWARDED"),
        labelled(3, ("shop/web", &["app=web"]), ("data/db", &["app=db"]), 5433, "FORWARDED"),
    ];
    for basis in ["observed", "inferred"] {
        let plan = plan(&flows, &[], basis);
        clean(&plan);
        let (text, rules) = network(&plan);
        assert!(text.contains("5433") && rules.contains(&"no-labels".to_owned()), "{text} {rules:?}");
    }
}

#[test]
fn workloads_with_the_same_labels_are_told() {
    let same: &[&str] = &["app=x"];
    let flows = [
        labelled(1, ("shop/web", same), ("data/db", &["app=db"]), 5432, "FORWARDED"),
        labelled(2, ("shop/worker", same), ("data/q", &["app=q"]), 5672, "FORWARDED"),
    ];
    let plan = plan(&flows, &[], "observed");
    clean(&plan);
    let (_, rules) = network(&plan);
    assert_eq!(rules, ["shared-labels"; 4], "both workloads, as client and as the peer of each server");
    let told: Vec<&str> =
        plan.findings.iter().filter(|finding| finding.code == Code::Generalized).map(|finding| finding.note.as_str()).collect();
    assert!(told.iter().any(|note| note.contains("Deployment/worker in shop") && note.contains("shared-labels")), "{told:?}");
}

#[test]
fn no_label_is_asked_to_be_absent_that_own_pods_carry() {
    let flows = |beyond: &[&str]| {
        [
            labelled(1, ("shop/web", &["app=x", "canary=1"]), ("data/db", &["app=db"]), 5432, "FORWARDED"),
            labelled(2, ("shop/web", &["app=x"]), ("data/db", &["app=db"]), 5432, "FORWARDED"),
            labelled(3, ("shop/worker", beyond), ("data/q", &["app=q"]), 5672, "FORWARDED"),
        ]
    };
    // Another label tells them apart.
    let apart = plan(&flows(&["app=x", "canary=1", "tier=back"]), &[], "observed");
    clean(&apart);
    let (text, rules) = network(&apart);
    let absent = |key: &str| text.contains(&format!("\"key\":\"{key}\",\"operator\":\"DoesNotExist\""));
    assert!(absent("tier") && !absent("canary") && rules.is_empty(), "{text} {rules:?}");
    // None does.
    let shared = plan(&flows(&["app=x", "canary=1"]), &[], "observed");
    clean(&shared);
    let (text, rules) = network(&shared);
    assert!(!text.contains("DoesNotExist") && rules.contains(&"shared-labels".to_owned()), "{text} {rules:?}");
}

#[test]
fn a_refused_address_is_left_out_of_every_address() {
    let web: &[&str] = &["app=web"];
    let refused = labelled(1, ("shop/web", web), ("203.0.113.66", &[]), 443, "DROPPED");
    let assumed = [labelled(2, ("shop/web", web), ("data/db", &["app=db"]), 5432, "FORWARDED"), refused.clone()];
    let plan_of = |flows: &[Value]| plan(flows, &[("web", web)], "inferred");
    let spared = plan_of(&assumed);
    clean(&spared);
    assert!(spared.verdict.restraint.leaks.is_empty(), "{:#?}", spared.verdict.restraint);
    let (text, _) = network(&spared);
    assert!(text.contains(r#""cidr":"0.0.0.0/0","except":["203.0.113.66/32"]"#), "{text}");
    // So are they where a word stands for some address; but a private one may be what the word stands for: nothing observed is denied,
    // and the doubt is told.
    let word = labelled(3, ("shop/web", web), ("reserved:remote-node", &[]), 443, "FORWARDED");
    let worded = plan_of(&[word.clone(), refused]);
    clean(&worded);
    assert!(worded.verdict.restraint.leaks.is_empty(), "{:#?}", worded.verdict.restraint);
    let (text, _) = network(&worded);
    assert!(text.contains(r#""cidr":"0.0.0.0/0","except":["203.0.113.66/32"]"#), "{text}");
    let doubtful = plan_of(&[word, labelled(1, ("shop/web", web), ("10.7.7.7", &[]), 443, "DROPPED")]);
    clean(&doubtful);
    let (text, _) = network(&doubtful);
    assert!(text.contains("0.0.0.0/0") && !text.contains("except"), "{text}");
    assert!(doubtful.findings.iter().any(|finding| finding.code == Code::RefusedFlowAllowed), "{:#?}", doubtful.findings);
}
