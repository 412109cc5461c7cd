//! Generated clusters: pods x pods and addresses x ports, under policies of every form that netpol-analyzer reads.

use std::path::PathBuf;

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, Point};
use tightfit::policy::network::decide;

use super::cluster::{Cluster, transport};
use super::judge::{self, Answer};

const FOLDERS: u64 = 300;
const CASES_MIN: usize = 5_000;
const ADDRESSES: [&str; 6] = ["10.1.2.3", "10.1.9.9", "10.200.0.1", "192.0.2.77", "192.0.2.200", "203.0.113.5"];
const PROBES: [(&str, u16); 7] =
    [("TCP", 80), ("TCP", 8080), ("TCP", 8085), ("TCP", 65535), ("UDP", 53), ("UDP", 8080), ("SCTP", 9999)];

/// A small generator of numbers, so that a failing folder can be made again.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(u64::try_from(list.len()).unwrap())).unwrap()]
    }

    fn some(&mut self, most: u64, mut one: impl FnMut(&mut Self) -> Value) -> Vec<Value> {
        (0..self.below(most + 1)).map(|_| one(self)).collect()
    }
}

const NAMESPACES: [&str; 3] = ["shop", "data", "default"];
const KEYS: [&str; 3] = ["app", "tier", "env"];
const VALUES: [&str; 3] = ["a", "b", "c"];

fn labels(dice: &mut Dice) -> Value {
    let mut labels = json!({});
    for key in KEYS {
        if dice.chance(65) {
            labels[key] = json!(dice.of(&VALUES));
        }
    }
    labels
}

fn selector(dice: &mut Dice) -> Value {
    let mut selector = json!({});
    if dice.chance(50) {
        selector["matchLabels"] = json!({ *dice.of(&KEYS): dice.of(&VALUES) });
    }
    if dice.chance(35) {
        let requirement = |dice: &mut Dice| {
            let key = dice.of(&KEYS);
            match dice.below(4) {
                0 => json!({"key": key, "operator": "In", "values": [dice.of(&VALUES), "b"]}),
                1 => json!({"key": key, "operator": "NotIn", "values": [dice.of(&VALUES)]}),
                2 => json!({"key": key, "operator": "Exists"}),
                _ => json!({"key": key, "operator": "DoesNotExist"}),
            }
        };
        selector["matchExpressions"] = json!([requirement(dice)]);
    }
    selector
}

fn port(dice: &mut Dice) -> Value {
    let mut port = json!({});
    if dice.chance(70) {
        port["protocol"] = json!(dice.of(&["TCP", "UDP", "SCTP"]));
    }
    match dice.below(5) {
        0 => {}
        1 => port["port"] = json!(dice.of(&["http", "dns", "bus", "absent"])),
        2 => {
            port["port"] = json!(dice.of(&[1, 79, 8080]));
            port["endPort"] = json!(dice.of(&[8084, 8085, 65535]));
        }
        _ => port["port"] = json!(dice.of(&[53, 80, 8080, 9999])),
    }
    port
}

fn peer(dice: &mut Dice, addresses: bool) -> Value {
    match dice.below(4) {
        0 if addresses => match dice.below(3) {
            0 => json!({"ipBlock": {"cidr": "0.0.0.0/0"}}),
            1 => json!({"ipBlock": {"cidr": dice.of(&["10.0.0.0/8", "192.0.2.0/24", "203.0.113.5/32"])}}),
            _ => {
                json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": [dice.of(&["10.1.0.0/16", "10.1.2.0/24", "10.200.0.0/13"])]}})
            }
        },
        0 | 1 => json!({"podSelector": selector(dice)}),
        2 => json!({"namespaceSelector": namespace_selector(dice)}),
        _ => json!({"namespaceSelector": namespace_selector(dice), "podSelector": selector(dice)}),
    }
}

fn namespace_selector(dice: &mut Dice) -> Value {
    if dice.chance(40) {
        return json!({"matchLabels": {"kubernetes.io/metadata.name": dice.of(&NAMESPACES)}});
    }
    selector(dice)
}

/// A rule. Named ports do not stand beside addresses: netpol-analyzer takes that for an error, the API server does not.
fn rule(dice: &mut Dice, peers: &str) -> Value {
    let mut rule = json!({});
    let ports = dice.some(2, port);
    let named = ports.iter().any(|port| port["port"].is_string());
    let list = dice.some(2, |dice| peer(dice, !named));
    if !ports.is_empty() {
        rule["ports"] = json!(ports);
    }
    let open = list.is_empty() && named && peers == "to";
    if open {
        rule[peers] = json!([{"namespaceSelector": {}}]);
    } else if !list.is_empty() {
        rule[peers] = json!(list);
    }
    rule
}

fn policy(dice: &mut Dice, place: u64) -> Value {
    let mut spec = json!({"podSelector": if dice.chance(30) { json!({}) } else { selector(dice) }});
    match dice.below(4) {
        0 => {}
        1 => spec["policyTypes"] = json!(["Ingress"]),
        2 => spec["policyTypes"] = json!(["Egress"]),
        _ => spec["policyTypes"] = json!(["Ingress", "Egress"]),
    }
    if dice.chance(65) {
        spec["ingress"] = json!(dice.some(3, |dice| rule(dice, "from")));
    }
    if dice.chance(65) {
        spec["egress"] = json!(dice.some(3, |dice| rule(dice, "to")));
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": format!("p{place}"), "namespace": dice.of(&NAMESPACES)}, "spec": spec})
}

fn folder(seed: u64) -> Vec<Value> {
    let mut dice = Dice::new(seed);
    let mut manifests: Vec<Value> = NAMESPACES
        .iter()
        .map(|name| {
            let mut labels = labels(&mut dice);
            labels["kubernetes.io/metadata.name"] = json!(name);
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        })
        .collect();
    for place in 0..4 + dice.below(3) {
        let ports = json!([{"name": "http", "containerPort": dice.of(&[80, 8080])},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "bus", "containerPort": 9999, "protocol": "SCTP"}]);
        manifests.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("pod{place}"), "namespace": dice.of(&NAMESPACES), "labels": labels(&mut dice)},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": ports}]},
            "status": {"hostIP": "192.168.49.2", "podIPs": [{"ip": format!("172.16.0.{}", place + 1)}], "podIP": format!("172.16.0.{}", place + 1)}}));
    }
    for place in 0..1 + dice.below(4) {
        manifests.push(policy(&mut dice, place));
    }
    manifests
}

/// Every pair and probe of one cluster: cases, how many are allowed, and differences in words.
pub(super) fn compare(
    cluster: &Cluster,
    answer: &Answer,
    addresses: &[String],
    probes: &[(&str, u16)],
) -> (usize, usize, Vec<String>) {
    let mut ends: Vec<(String, End)> = cluster.ends.iter().map(|(name, end)| (name.clone(), end.clone())).collect();
    ends.extend(addresses.iter().map(|address| (address.clone(), End::address(address.parse().unwrap()))));
    let (mut cases, mut allowed, mut differences) = (0, 0, Vec::new());
    for (src, client) in &ends {
        for (dst, server) in &ends {
            if src == dst || (client.pod().is_none() && server.pod().is_none()) {
                continue;
            }
            for (protocol, port) in probes {
                let (client, server) = (client.clone(), server.clone());
                let flow = Flow {
                    client,
                    server,
                    transport: transport(protocol),
                    port: *port,
                    hour: None,
                    family: None,
                    point: Point::Whole,
                };
                let decision = decide(&cluster.policies, &flow);
                let theirs = answer.allows(src, dst, protocol, *port);
                cases += 1;
                allowed += usize::from(theirs);
                if decision.is_allow() != theirs {
                    differences.push(format!("{src} -> {dst} {protocol} {port}: netpol-analyzer says {theirs}, we {decision}"));
                }
            }
        }
    }
    (cases, allowed, differences)
}

#[test]
fn generated_policies_are_decided_as_netpol_analyzer_does() {
    let Some(program) = judge::program() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let scratch = scratch.path();
    let clusters: Vec<Vec<Value>> = (0..FOLDERS).map(folder).collect();
    let folders: Vec<PathBuf> = (0..FOLDERS).map(|seed| scratch.join(seed.to_string())).collect();
    for (folder, manifests) in folders.iter().zip(&clusters) {
        judge::write(folder, manifests);
    }
    let answers = judge::ask(&program, &folders);
    let addresses: Vec<String> = ADDRESSES.iter().map(|address| (*address).to_owned()).collect();
    let (mut cases, mut allowed, mut differences) = (0, 0, Vec::new());
    for (seed, (manifests, answer)) in clusters.iter().zip(&answers).enumerate() {
        assert_eq!(answer.error, "", "folder {seed}: {}", json!(manifests));
        let cluster = Cluster::of(manifests);
        assert_eq!(cluster.unread, Vec::<String>::new());
        let (more, granted, found) = compare(&cluster, answer, &addresses, &PROBES);
        cases += more;
        allowed += granted;
        differences.extend(found.into_iter().map(|found| format!("folder {seed}: {found}")));
    }
    println!(
        "netpol-analyzer: {cases} generated cases in {FOLDERS} folders, {allowed} allowed, {} differences",
        differences.len()
    );
    assert!(cases >= CASES_MIN && allowed > cases / 10 && allowed < cases * 9 / 10, "{cases} cases, {allowed} allowed");
    assert!(differences.is_empty(), "{:#?}", &differences[..differences.len().min(20)]);
}
