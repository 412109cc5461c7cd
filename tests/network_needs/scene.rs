//! A made-up cluster: objects as the audit log shows them, connections as Hubble exports them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tightfit::config::Config;
use tightfit::finding::Code;
use tightfit::pipeline::Plan;
use tightfit::policy::network::NetworkPolicy;
use tightfit::policy::set::Documents;

use crate::harness;

/// An object that was created, as the API server answered.
pub(crate) fn made(group: &str, resource: &str, place: (&str, &str), body: &Value) -> Value {
    let (namespace, name) = place;
    let mut object = body.clone();
    object["metadata"]["name"] = json!(name);
    object["metadata"]["namespace"] = json!(namespace);
    let number = blake3::hash(format!("{resource}{namespace}{name}").as_bytes()).as_bytes()[..2]
        .iter()
        .fold(0_u64, |sum, byte| sum * 256 + u64::from(*byte));
    let reference = json!({"resource": resource, "apiGroup": group, "apiVersion": "v1", "namespace": namespace, "name": name});
    let mut event = harness::audit(number, "admin", "create", &reference, 201);
    event["auditID"] = json!(format!("{resource}-{namespace}-{name}"));
    event["level"] = json!("RequestResponse");
    event["requestObject"] = object.clone();
    event["responseObject"] = object;
    event
}

/// A Deployment whose pods have the label `app` and the service account of its name.
pub(crate) fn deployment(place: (&str, &str), annotations: &Value, pod: &Value) -> Value {
    let labels = json!({"app": place.1});
    let mut spec = json!({"serviceAccountName": place.1, "containers": [{"name": "c", "image": "i"}]});
    for (key, value) in pod.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let template = json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": spec});
    made(
        "apps",
        "deployments",
        place,
        &json!({"kind": "Deployment", "spec": {"selector": {"matchLabels": labels}, "template": template}}),
    )
}

/// A Service of the Deployment `app`.
pub(crate) fn service(place: (&str, &str), kind: &str, ports: &[(u16, u16)]) -> Value {
    let ports: Vec<Value> =
        ports.iter().map(|(port, target)| json!({"name": format!("p{port}"), "port": port, "targetPort": target})).collect();
    made("", "services", place, &json!({"kind": "Service", "spec": {"type": kind, "selector": {"app": place.1}, "ports": ports}}))
}

/// A call of a service account.
pub(crate) fn called(namespace: &str, account: &str) -> Value {
    let object = json!({"resource": "configmaps", "apiVersion": "v1", "namespace": namespace, "name": "c"});
    let mut event = harness::audit(7, &format!("system:serviceaccount:{namespace}:{account}"), "get", &object, 200);
    event["auditID"] = json!(format!("called-{namespace}-{account}"));
    event
}

/// A connection. An end is `namespace/app`, an address, or a word of Hubble's (`reserved:..`).
pub(crate) fn flow(number: u64, client: &str, server: &str, port: u16, verdict: &str) -> Value {
    let end = |name: &str| match name.split_once('/') {
        Some((namespace, app)) => json!({"namespace": namespace, "pod_name": format!("{app}-5d9f8b6c5d-x2x4z"),
            "labels": [format!("k8s:app={app}"), format!("k8s:io.kubernetes.pod.namespace={namespace}")],
            "workloads": [{"name": app, "kind": "Deployment"}]}),
        None if name.starts_with("reserved:") => json!({"labels": [name]}),
        None => json!({"labels": ["reserved:world"]}),
    };
    let address = |name: &str, own: &str| if name.contains(['/', 'r']) { own.to_owned() } else { name.to_owned() };
    let addresses =
        json!({"source": address(client, "10.0.0.1"), "destination": address(server, "10.0.0.2"), "ipVersion": "IPv4"});
    json!({"flow": {
        "time": format!("2026-10-{:02}T{:02}:00:00Z", number / 24 % 28 + 1, number % 24), "uuid": format!("f-{number}"), "verdict": verdict,
        "drop_reason_desc": if verdict == "DROPPED" { "POLICY_DENIED" } else { "" }, "IP": addresses,
        "l4": {"TCP": {"source_port": 40000, "destination_port": port, "flags": {"SYN": true}}},
        "source": end(client), "destination": end(server), "Type": "L3_L4", "is_reply": false,
        "event_type": {"type": 4}, "trace_observation_point": "TO_ENDPOINT",
        "traffic_direction": if client.contains('/') && !server.contains('/') { "EGRESS" } else { "INGRESS" },
    }, "node_name": "n", "time": "2026-10-01T00:00:00Z"})
}

/// Flows and objects in files of a folder.
pub(crate) fn inputs(folder: &Path, flows: &[Value], objects: &[Value]) -> Vec<PathBuf> {
    let files = [("flows.log", flows), ("audit.log", objects)];
    files
        .into_iter()
        .filter(|(_, records)| !records.is_empty())
        .map(|(name, records)| harness::write_lines(folder, name, records))
        .collect()
}

pub(crate) fn settings(text: &str) -> Config {
    harness::config(&format!("coverage.days-min = 1\n{text}"))
}

/// What `generate` comes to, and its files.
pub(crate) fn plan(flows: &[Value], objects: &[Value], text: &str) -> (Plan, Vec<(String, String)>) {
    let scratch = tempfile::tempdir().unwrap();
    let inputs = inputs(scratch.path(), flows, objects);
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let config = settings(text);
    let plan = harness::generate(&inputs, &config, 1);
    let files = harness::policies(&plan, &config).into_iter().map(|file| (file.path, file.body)).collect();
    (plan, files)
}

/// The file of this name and namespace.
pub(crate) fn file<'f>(files: &'f [(String, String)], end: &str) -> &'f str {
    files
        .iter()
        .find(|(path, _)| path.ends_with(end))
        .map(|(_, body)| body.as_str())
        .unwrap_or_else(|| panic!("no {end} in {files:#?}"))
}

/// Policies from flows, or the proposed ones where there are none.
pub(crate) fn policies(plan: &Plan) -> Vec<NetworkPolicy> {
    let enforced = plan.policies.policies.values().filter_map(|policy| match &policy.documents {
        Documents::Network(policies) => Some(policies.clone()),
        Documents::Iam(_) | Documents::Rbac(_) | Documents::PodSecurity(_) => None,
    });
    let enforced: Vec<NetworkPolicy> = enforced.flatten().collect();
    if enforced.is_empty() {
        plan.policies
            .network
            .iter()
            .flat_map(|proposal| proposal.policies.iter().map(|proposed| proposed.policy.clone()))
            .collect()
    } else {
        enforced
    }
}

/// One line for each peer and port of each policy: `app way peer port`, where the peer is a block, `app`, or `*` for every pod.
pub(crate) fn lines(policies: &[NetworkPolicy]) -> Vec<String> {
    let mut lines = Vec::new();
    for policy in policies {
        let policy = serde_json::to_value(policy).unwrap();
        let own = policy["spec"]["podSelector"]["matchLabels"]["app"].as_str().unwrap_or("*").to_owned();
        for (way, key, far) in [("in", "ingress", "from"), ("out", "egress", "to")] {
            for rule in policy["spec"][key].as_array().into_iter().flatten() {
                for peer in rule[far].as_array().into_iter().flatten() {
                    let block = peer["ipBlock"]["cidr"].as_str();
                    let app = peer["podSelector"]["matchLabels"]["app"].as_str();
                    let peer = block.or(app).unwrap_or(if peer["podSelector"].is_null() { "*" } else { "dns" });
                    lines.extend(
                        rule["ports"].as_array().into_iter().flatten().map(|port| format!("{own} {way} {peer} {}", port["port"])),
                    );
                }
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

pub(crate) fn notes(plan: &Plan, code: Code) -> Vec<String> {
    plan.findings
        .iter()
        .filter(|finding| finding.code == code)
        .map(|finding| format!("{}: {}", finding.about, finding.note))
        .collect()
}

/// Nothing observed is denied, nothing is there without a reason, nothing refused is allowed.
pub(crate) fn clean(plan: &Plan) {
    let verdict = &plan.verdict;
    assert!(verdict.sufficiency.gaps.is_empty() && verdict.sufficiency.judged > 0, "{verdict:#?}");
    assert!(verdict.necessity.excess.is_empty(), "{:#?}", verdict.necessity);
    assert!(verdict.restraint.leaks.is_empty(), "{:#?}", verdict.restraint);
}
