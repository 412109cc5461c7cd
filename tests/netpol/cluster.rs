//! Manifests as the ends of flows: pods with labels and named ports, their namespaces, and the policies among them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tightfit::access::flow::{End, Labels, NamedPort, PodEnd, Transport};
use tightfit::access::pod::Workload;
use tightfit::policy::network::NetworkPolicy;

/// The objects of a folder.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) policies: Vec<NetworkPolicy>,
    /// By the name that netpol-analyzer gives them: `namespace/name[Kind]`.
    pub(super) ends: BTreeMap<String, End>,
    /// Kinds that say more about connections than NetworkPolicies do.
    pub(super) foreign: BTreeSet<String>,
    /// Policies that cannot be read, with the reason.
    pub(super) unread: Vec<String>,
    namespaces: BTreeMap<String, Labels>,
}

const FOREIGN: [&str; 7] = [
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "MultiNetworkPolicy",
    "NetworkAttachmentDefinition",
    "UserDefinedNetwork",
    "ClusterUserDefinedNetwork",
    "VirtualMachine",
];

impl Cluster {
    pub(super) fn of(documents: &[Value]) -> Self {
        let mut cluster = Cluster::default();
        let objects: Vec<&Value> = documents.iter().flat_map(flat).collect();
        for object in &objects {
            if object["kind"] == "Namespace" {
                cluster.namespaces.insert(text(&object["metadata"]["name"]), labels(&object["metadata"]["labels"]));
            }
        }
        for object in objects {
            cluster.insert(object);
        }
        cluster
    }

    fn insert(&mut self, object: &Value) {
        let kind = text(&object["kind"]);
        let template = match kind.as_str() {
            "Pod" => object,
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
                &object["spec"]["template"]
            }
            "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
            "NetworkPolicy" => {
                match serde_json::from_value(object.clone()) {
                    Ok(policy) => self.policies.push(policy),
                    Err(error) => self.unread.push(error.to_string()),
                }
                return;
            }
            _ => {
                if FOREIGN.contains(&kind.as_str()) {
                    self.foreign.insert(kind);
                }
                return;
            }
        };
        let named = |value: &Value| Some(text(value)).filter(|text| !text.is_empty());
        let namespace = named(&object["metadata"]["namespace"]).unwrap_or_else(|| "default".to_owned());
        let owner = object["metadata"]["ownerReferences"].as_array().into_iter().flatten().next();
        let (kind, name) = match owner.filter(|_| kind == "Pod") {
            Some(owner) => (text(&owner["kind"]), text(&owner["name"])),
            None => (kind, text(&object["metadata"]["name"])),
        };
        let pod = PodEnd {
            pod: String::new(),
            workload: Some(Workload { kind: kind.clone(), name: name.clone() }),
            labels: labels(&template["metadata"]["labels"]),
            namespace_labels: self.namespaces.get(&namespace).cloned().unwrap_or_default(),
            ports: ports(&template["spec"]),
            host_network: template["spec"]["hostNetwork"] == true,
            namespace: namespace.clone(),
        };
        self.ends.insert(format!("{namespace}/{name}[{kind}]"), End::Pod(Box::new(pod)));
    }
}

fn flat(document: &Value) -> Vec<&Value> {
    match document["items"].as_array() {
        Some(items) => items.iter().flat_map(flat).collect(),
        None => vec![document],
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn labels(value: &Value) -> Labels {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

pub(super) fn transport(text: &str) -> Transport {
    match text {
        "UDP" => Transport::Udp,
        "SCTP" => Transport::Sctp,
        _ => Transport::Tcp,
    }
}

fn ports(spec: &Value) -> BTreeSet<NamedPort> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    ports
        .filter(|port| port["name"].is_string())
        .map(|port| NamedPort {
            name: text(&port["name"]),
            transport: transport(port["protocol"].as_str().unwrap_or("TCP")),
            port: u16::try_from(port["containerPort"].as_u64().unwrap_or_default()).unwrap(),
        })
        .collect()
}
