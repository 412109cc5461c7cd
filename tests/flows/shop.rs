//! A shop in a cluster, with known truth: who connects to whom, over hours in which replicas come, go, and pass their addresses on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// 2026-11-20T00:00:00Z.
pub(crate) const START: i64 = 1_795_132_800;

/// How long the recording is.
pub(crate) const HOURS: i64 = 6;

/// A workload: namespace, kind, name, its declared ports (name, protocol, number).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) namespace: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) ports: &'static [(&'static str, &'static str, u16)],
    /// Whether a proxy of the mesh stands beside it.
    pub(crate) mesh: bool,
}

pub(crate) const OWNERS: &[Owner] = &[
    Owner {
        namespace: "shop",
        kind: "Deployment",
        name: "web",
        ports: &[("http", "TCP", 8080), ("metrics", "TCP", 9100)],
        mesh: true,
    },
    Owner {
        namespace: "shop",
        kind: "Deployment",
        name: "api",
        ports: &[("grpc", "TCP", 9000), ("metrics", "TCP", 9100)],
        mesh: true,
    },
    Owner {
        namespace: "shop",
        kind: "StatefulSet",
        name: "db",
        ports: &[("pg", "TCP", 5432), ("metrics", "TCP", 9100)],
        mesh: true,
    },
    Owner { namespace: "shop", kind: "Deployment", name: "cache", ports: &[("", "TCP", 6379)], mesh: true },
    Owner { namespace: "shop", kind: "CronJob", name: "nightly", ports: &[], mesh: true },
    Owner { namespace: "monitoring", kind: "Deployment", name: "prom", ports: &[("web", "TCP", 9090)], mesh: false },
    Owner { namespace: "kube-system", kind: "Deployment", name: "coredns", ports: &[("dns", "UDP", 53)], mesh: false },
];

pub(crate) const WEB: usize = 0;
pub(crate) const API: usize = 1;
pub(crate) const DB: usize = 2;
pub(crate) const CACHE: usize = 3;
pub(crate) const NIGHTLY: usize = 4;
pub(crate) const PROM: usize = 5;
pub(crate) const DNS: usize = 6;

/// One end of a true connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Pod(usize),
    Node,
    Apiserver,
    Outside(&'static str),
}

/// A pod of an owner, and when it was there, in seconds after [`START`].
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) owner: usize,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// A connection as it happened.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) at: i64,
    pub(crate) client: Party,
    pub(crate) server: Party,
    pub(crate) client_pod: String,
    pub(crate) server_pod: String,
    pub(crate) client_address: String,
    pub(crate) server_address: String,
    pub(crate) client_port: u16,
    pub(crate) port: u16,
    pub(crate) udp: bool,
    pub(crate) allowed: bool,
}

pub(crate) const PAY: &str = "203.0.113.10";
pub(crate) const BROWSER: &str = "198.51.100.7";
const NODE: &str = "10.0.1.2";
const APISERVER: &str = "10.0.1.10";

/// Who connects to whom on what: (client, server, port, UDP, allowed).
pub(crate) fn truth() -> Vec<(Party, Party, u16, bool, bool)> {
    use Party::{Apiserver, Node, Outside, Pod};
    let mut truth = vec![
        (Outside(BROWSER), Pod(WEB), 8080, false, true),
        (Pod(WEB), Pod(API), 9000, false, true),
        (Pod(API), Pod(DB), 5432, false, true),
        (Pod(API), Pod(CACHE), 6379, false, true),
        (Pod(NIGHTLY), Pod(DB), 5432, false, true),
        (Pod(API), Apiserver, 6443, false, true),
        (Pod(API), Outside(PAY), 443, false, true),
        (Pod(PROM), Pod(WEB), 9100, false, true),
        (Pod(PROM), Pod(API), 9100, false, true),
        (Pod(PROM), Pod(DB), 9100, false, true),
        (Pod(PROM), Node, 10250, false, true),
        (Pod(PROM), Pod(DB), 5432, false, false),
        (Pod(WEB), Pod(DB), 5432, false, false),
        (Pod(WEB), Pod(CACHE), 6379, false, false),
    ];
    truth.extend([WEB, API, DB, NIGHTLY, PROM].map(|owner| (Pod(owner), Pod(DNS), 53, true, true)));
    truth
}

/// A party as the resolved flow prints it.
pub(crate) fn spelled(party: Party) -> String {
    match party {
        Party::Pod(owner) => {
            OWNERS.get(owner).map_or_else(String::new, |own| format!("{}/{} in {}", own.kind, own.name, own.namespace))
        }
        Party::Node => "another node".to_owned(),
        Party::Apiserver => "the API server".to_owned(),
        Party::Outside(address) => address.to_owned(),
    }
}

/// The true flows as text, those that were allowed or those that were refused.
pub(crate) fn flows(allowed: bool) -> BTreeSet<String> {
    let wanted = truth().into_iter().filter(|(.., own)| *own == allowed);
    wanted
        .map(|(client, server, port, udp, _)| {
            format!("connect {} to {} on {} {port}", spelled(client), spelled(server), if udp { "UDP" } else { "TCP" })
        })
        .collect()
}

/// A generator of numbers that is the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Pods: two for each owner, replaced at the third hour; a job's pod takes the address that a web pod had.
pub(crate) fn replicas() -> Vec<Replica> {
    let hour = 3600;
    let mut replicas = Vec::new();
    for (owner, own) in OWNERS.iter().enumerate() {
        for generation in 0..2_i64 {
            for number in 0..2_usize {
                let hash = ["6d4b9c5f7d", "7f8b6c9d4b"][usize::try_from(generation).unwrap()];
                let word = [["x2x4z", "b7k9m"], ["q5w8t", "zz7n2"]][usize::try_from(generation).unwrap()][number];
                let name = match own.kind {
                    "StatefulSet" => format!("{}-{number}", own.name),
                    "CronJob" => format!("{}-2992032{generation}-{word}", own.name),
                    _ => format!("{}-{hash}-{word}", own.name),
                };
                let fresh = format!("10.244.{owner}.{}", 10 + 10 * generation + i64::try_from(number).unwrap());
                // Web's first addresses pass on to the job's second generation, an hour after web left them.
                let address = if owner == NIGHTLY && generation == 1 { format!("10.244.{WEB}.{}", 10 + number) } else { fresh };
                let (from, to) = match (own.kind, generation) {
                    ("CronJob", 1) => (4 * hour, HOURS * hour),
                    (_, 0) => (0, 3 * hour),
                    _ => (3 * hour, HOURS * hour),
                };
                replicas.push(Replica { owner, name, address, from, to });
            }
        }
    }
    replicas
}

/// Connections, each true flow several times from and to several replicas.
pub(crate) fn happened(seed: u64) -> Vec<Happened> {
    let mut dice = Dice(seed);
    let replicas = replicas();
    let mut all = Vec::new();
    for (client, server, port, udp, allowed) in truth() {
        for _ in 0..24 {
            let at = i64::try_from(dice.roll(u64::try_from(HOURS * 3600).unwrap())).unwrap();
            let mut pick = |party: Party| {
                let there: Vec<&Replica> = match party {
                    Party::Pod(owner) => {
                        replicas.iter().filter(|one| one.owner == owner && one.from <= at && at < one.to).collect()
                    }
                    Party::Node | Party::Apiserver | Party::Outside(_) => Vec::new(),
                };
                match (party, there.len()) {
                    (Party::Pod(_), 0) => None,
                    (Party::Pod(_), count) => {
                        let one = there[usize::try_from(dice.roll(u64::try_from(count).unwrap())).unwrap()];
                        Some((one.name.clone(), one.address.clone()))
                    }
                    (Party::Node, _) => Some((String::new(), NODE.to_owned())),
                    (Party::Apiserver, _) => Some((String::new(), APISERVER.to_owned())),
                    (Party::Outside(address), _) => Some((String::new(), address.to_owned())),
                }
            };
            let (Some((client_pod, client_address)), Some((server_pod, server_address))) = (pick(client), pick(server)) else {
                continue;
            };
            let client_port = 32768 + u16::try_from(dice.roll(28000)).unwrap();
            all.push(Happened {
                at,
                client,
                server,
                client_pod,
                server_pod,
                client_address,
                server_address,
                client_port,
                port,
                udp,
                allowed,
            });
        }
    }
    all.sort_by_key(|one| one.at);
    all
}

pub(crate) fn event(verb: &str, uri: &str, object: Value, at: i64, response: Value) -> String {
    let time = jiff::Timestamp::from_second(START + at).unwrap().to_string();
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": format!("{uri} {at} {verb}"), "verb": verb, "requestURI": uri, "objectRef": object,
        "user": {"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": "allow"}, "responseObject": response,
    })
    .to_string()
}

/// The body of a pod, as the API server answers it.
pub(crate) fn pod(replica: &Replica) -> Value {
    let own = OWNERS[replica.owner];
    let mut labels = json!({"app": own.name, "tier": "t"});
    let (kind, owner) = match own.kind {
        "Deployment" => {
            let hash = replica.name.split('-').nth(1).unwrap();
            labels["pod-template-hash"] = json!(hash);
            ("ReplicaSet", format!("{}-{hash}", own.name))
        }
        "CronJob" => {
            labels["batch.kubernetes.io/job-name"] = json!("x");
            ("Job", replica.name.rsplit_once('-').unwrap().0.to_owned())
        }
        kind => {
            labels["statefulset.kubernetes.io/pod-name"] = json!(replica.name);
            (kind, own.name.to_owned())
        }
    };
    let ports: Vec<Value> = own
        .ports
        .iter()
        .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "containerPort": port}))
        .collect();
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": replica.name, "namespace": own.namespace, "labels": labels,
            "ownerReferences": [{"kind": kind, "name": owner, "controller": true}]},
        "spec": {"nodeName": "n1", "serviceAccountName": own.name, "containers": [{"name": "main", "image": own.name, "ports": ports}]},
        "status": {"phase": "Running", "hostIP": "10.0.1.1", "podIP": replica.address, "podIPs": [{"ip": replica.address}]},
    })
}

/// The audit log that shows all this to exist.
pub(crate) fn audit_log() -> String {
    let mut lines = Vec::new();
    for replica in replicas() {
        let namespace = OWNERS[replica.owner].namespace;
        let uri = format!("/api/v1/namespaces/{namespace}/pods/{}/status", replica.name);
        let object = json!({"resource": "pods", "namespace": namespace, "name": replica.name, "apiVersion": "v1", "subresource": "status"});
        lines.push(event("patch", &uri, object, replica.from + 5, pod(&replica)));
        let object = json!({"resource": "pods", "namespace": namespace, "name": replica.name, "apiVersion": "v1"});
        lines.push(event("get", &uri.replace("/status", ""), object, replica.to - 5, pod(&replica)));
    }
    let nodes: Vec<Value> = [("n1", "10.0.1.1"), ("n2", NODE), ("cp", APISERVER)]
        .iter()
        .map(|(name, address)| json!({"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}))
        .collect();
    let list = json!({"kind": "NodeList", "items": nodes});
    lines.push(event("list", "/api/v1/nodes", json!({"resource": "nodes", "apiVersion": "v1"}), 60, list));
    let slice = json!({"kind": "EndpointSlice", "metadata": {"name": "kubernetes", "namespace": "default",
        "labels": {"kubernetes.io/service-name": "kubernetes"}}, "endpoints": [{"addresses": [APISERVER]}], "ports": [{"port": 6443}]});
    let object = json!({"resource": "endpointslices", "namespace": "default", "name": "kubernetes", "apiGroup": "discovery.k8s.io", "apiVersion": "v1"});
    lines.push(
        event("update", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes", object, 60, slice)
            .replace("system:node:n1", "system:apiserver"),
    );
    for namespace in ["shop", "monitoring", "kube-system"] {
        let body = json!({"kind": "Namespace", "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace, "team": "a"}}});
        let object = json!({"resource": "namespaces", "name": namespace, "apiVersion": "v1"});
        lines.push(event("get", &format!("/api/v1/namespaces/{namespace}"), object, 61, body));
    }
    lines.join("\n") + "\n"
}
