//! What is inferred from manifests alone, against what cluster-topology-analyzer, which nobody here wrote, infers from the same ones.

#![cfg(test)]

mod harness;

use std::fs;

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, PodEnd, Point, Transport, is_stable_label};
use tightfit::access::pod::Workload;
use tightfit::policy::network::{Direction, NetworkPolicy, Port, PortRef, decide};

/// Where a kind is served: group with version, plural.
const RESOURCES: [(&str, &str, &str, &str); 5] = [
    ("Deployment", "apps", "v1", "deployments"),
    ("ReplicaSet", "apps", "v1", "replicasets"),
    ("Service", "", "v1", "services"),
    ("Ingress", "networking.k8s.io", "v1", "ingresses"),
    ("ServiceAccount", "", "v1", "serviceaccounts"),
];

fn created(number: u64, manifest: &Value) -> Option<Value> {
    let kind = manifest["kind"].as_str()?;
    let (_, group, version, plural) = RESOURCES.iter().find(|(known, ..)| *known == kind)?;
    let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or("default");
    let object = json!({"resource": plural, "namespace": namespace, "name": manifest["metadata"]["name"], "apiGroup": group, "apiVersion": version});
    let mut event = harness::audit(number, "kubernetes-admin", "create", &object, 201);
    event["level"] = json!("RequestResponse");
    event["requestObject"] = manifest.clone();
    event["responseObject"] = manifest.clone();
    Some(event)
}

fn with_namespace(mut policy: Value) -> NetworkPolicy {
    if policy["metadata"]["namespace"].is_null() {
        policy["metadata"]["namespace"] = json!("default");
    }
    serde_json::from_value(policy).unwrap()
}

/// The ports that policies name in a direction.
fn ports(policies: &[NetworkPolicy]) -> Vec<(Transport, u16)> {
    let rules = policies.iter().flat_map(|policy| policy.spec.ingress.iter().flat_map(|rule| &rule.ports));
    let number = |port: &Port| match (&port.port, port.protocol.as_str()) {
        (Some(PortRef::Number(number)), "TCP") => Some((Transport::Tcp, *number)),
        (Some(PortRef::Number(number)), "UDP") => Some((Transport::Udp, *number)),
        _ => None,
    };
    let mut ports: Vec<_> = rules.filter_map(number).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[test]
fn at_least_what_cluster_topology_analyzer_expects_is_let_through() {
    let Some(shared) = harness::shared() else { return };
    for (story, connections_min) in [("bookinfo", 3), ("k8s_guestbook", 4)] {
        let folder = shared.join("policies/cluster-topology-analyzer/tests").join(story);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        let manifests: Vec<Value> =
            texts.flat_map(|file| serde_saphyr::from_multiple::<Value>(&fs::read_to_string(file).unwrap()).unwrap()).collect();
        let events: Vec<Value> = (0..).zip(&manifests).filter_map(|(number, manifest)| created(number, manifest)).collect();
        let scratch = tempfile::tempdir().unwrap();
        let log = harness::write_lines(scratch.path(), "audit.log", &events);
        let config = harness::config("coverage.days-min = 1");
        let plan = harness::generate(&[&log], &config, 1);
        let ours: Vec<NetworkPolicy> = plan
            .policies
            .network
            .iter()
            .flat_map(|proposal| proposal.policies.iter().map(|proposed| proposed.policy.clone()))
            .collect();
        let expected: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("expected_netpol_output.json")).unwrap()).unwrap();
        let expected: Vec<NetworkPolicy> = expected["items"].as_array().unwrap().iter().cloned().map(with_namespace).collect();
        assert!(ours.iter().any(|policy| policy.spec.holds(Direction::Ingress) && policy.spec.ingress.is_empty()));

        let pods = manifests.iter().filter(|manifest| manifest["kind"] == "Deployment" || manifest["kind"] == "ReplicaSet").map(
            |manifest| {
                let labels = manifest["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
                let labels = labels.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()));
                End::Pod(Box::new(PodEnd {
                    namespace: manifest["metadata"]["namespace"].as_str().unwrap_or("default").to_owned(),
                    workload: Some(Workload {
                        kind: "Deployment".to_owned(),
                        name: manifest["metadata"]["name"].as_str().unwrap().to_owned(),
                    }),
                    labels: labels.filter(|(key, _)| is_stable_label(key)).collect(),
                    ..PodEnd::default()
                }))
            },
        );
        let mut ends: Vec<End> = pods.collect();
        ends.push(End::address("203.0.113.9".parse().unwrap()));
        let (mut wanted, mut missing) = (0, Vec::new());
        for client in &ends {
            for server in ends.iter().filter(|server| *server != client && server.pod().is_some()) {
                for (transport, port) in ports(&expected) {
                    let flow = Flow {
                        client: client.clone(),
                        server: server.clone(),
                        transport,
                        port,
                        hour: None,
                        family: None,
                        point: Point::Whole,
                    };
                    if decide(&expected, &flow).is_allow() {
                        wanted += 1;
                        if !decide(&ours, &flow).is_allow() {
                            missing.push(flow.to_string());
                        }
                    }
                }
            }
        }
        println!("{story}: {wanted} connections that cluster-topology-analyzer expects, {} of them missing", missing.len());
        assert!(wanted >= connections_min && missing.is_empty(), "{missing:#?}");
    }
}
