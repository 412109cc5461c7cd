//! The same flows in Cilium's language: DNS names where records carry them, and entities in place of addresses that are not known.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{Flows, Setting, Units, sides};
use super::rules::metadata;
use super::write::names;
use crate::access::flow::{End, Reserved};
use crate::policy::grant::Reason;
use crate::policy::network::{
    CILIUM_NAMESPACE, Cidr, CiliumDns, CiliumEgress, CiliumIngress, CiliumName, CiliumNetworkPolicy, CiliumPattern, CiliumPort,
    CiliumPorts, CiliumProposal, CiliumSpec, Direction, NAMESPACE_NAME, Peer, PortRef,
};
use crate::policy::rbac::LabelSelector;

/// The port of name servers.
const NAMES: u16 = 53;

/// A peer as Cilium names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Endpoints(LabelSelector),
    Block(String),
    Entities(Vec<&'static str>),
    Name(String),
}

/// Ports by peer, by selector and direction.
type Rules = BTreeMap<(String, LabelSelector, Direction), BTreeMap<Named, BTreeSet<(String, u16)>>>;

/// The policies of every namespace.
pub(super) fn proposals(units: &Units, flows: &Flows, setting: &Setting<'_>) -> Vec<CiliumProposal> {
    let mut rules = Rules::new();
    for flow in flows.granted.keys() {
        for side in sides(flow, setting.namespaces) {
            let key = (side.who.namespace.clone(), setting.pods.selector(&side.who), side.direction);
            for named in ends(side.other, side.direction, setting) {
                let port = (flow.transport.name().to_owned(), flow.port);
                rules.entry(key.clone()).or_default().entry(named).or_default().insert(port);
            }
        }
    }
    for (permit, (reason, _)) in units {
        let (Some(peer), Some(port)) = (&permit.peer, &permit.port) else { continue };
        if let (Reason::Assumed { .. }, Some(PortRef::Number(number))) = (reason, &port.port) {
            let key = (permit.namespace.clone(), permit.pods.clone(), permit.direction);
            let named = rules.entry(key).or_default().entry(assumed(peer)).or_default();
            named.insert((port.protocol.clone(), *number));
        }
    }
    setting.namespaces.iter().map(|namespace| proposal(namespace, &rules, setting)).collect()
}

fn proposal(namespace: &str, rules: &Rules, setting: &Setting<'_>) -> CiliumProposal {
    let deny =
        CiliumSpec { ingress: vec![CiliumIngress::default()], egress: vec![CiliumEgress::default()], ..CiliumSpec::default() };
    let mut policies = vec![CiliumNetworkPolicy::new(metadata(namespace, "tightfit-default-deny".to_owned()), deny)];
    let names = names(setting);
    let mut specs: BTreeMap<&LabelSelector, CiliumSpec> = BTreeMap::new();
    for ((_, pods, direction), peers) in rules.iter().filter(|((own, ..), _)| own == namespace) {
        let spec = specs.entry(pods).or_insert_with(|| CiliumSpec { endpoint_selector: pods.clone(), ..CiliumSpec::default() });
        for (named, ports) in peers {
            match direction {
                Direction::Ingress => spec.ingress.push(ingress(named, ports)),
                Direction::Egress => spec.egress.push(egress(named, ports)),
            }
        }
    }
    for (pods, spec) in specs {
        let name = names.get(&(namespace.to_owned(), pods.clone())).cloned().unwrap_or_else(|| super::write::digest_name(pods));
        policies.push(CiliumNetworkPolicy::new(metadata(namespace, name), spec));
    }
    CiliumProposal { cluster: setting.cluster.to_owned(), namespace: namespace.to_owned(), policies }
}

/// One end as Cilium names it: a DNS name can stand for an address only on the way out.
fn ends(other: &End, direction: Direction, setting: &Setting<'_>) -> Vec<Named> {
    match other {
        End::Pod(pod) if !pod.host_network => {
            let peer = super::observed::pod_peer(pod, setting);
            peer.map(|(peer, _)| Named::Endpoints(endpoints(&peer))).into_iter().collect()
        }
        End::Address { names, .. } if direction == Direction::Egress && !names.is_empty() => {
            names.iter().cloned().map(Named::Name).collect()
        }
        End::Address { address, .. } => vec![Named::Block(Cidr::host(*address).to_string())],
        End::Reserved(Reserved::KubeApiserver) => vec![Named::Entities(vec!["kube-apiserver"])],
        End::Reserved(Reserved::World) => vec![Named::Entities(vec!["world"])],
        End::Pod(_) | End::Reserved(Reserved::Host | Reserved::RemoteNode) => vec![Named::Entities(vec!["host", "remote-node"])],
    }
}

/// What is assumed at any address can be the world or the API server, which is none of it.
fn assumed(peer: &Peer) -> Named {
    match &peer.ip_block {
        Some(block) if block.cidr.is_everything() => Named::Entities(vec!["world", "kube-apiserver"]),
        Some(block) => Named::Block(block.cidr.to_string()),
        None => Named::Endpoints(endpoints(peer)),
    }
}

/// Both selectors of a peer in one: Cilium has the namespace's name as a label of the pod.
fn endpoints(peer: &Peer) -> LabelSelector {
    let mut selector = peer.pod_selector.clone().unwrap_or_default();
    let namespace = peer.namespace_selector.as_ref().and_then(|selector| selector.match_labels.get(NAMESPACE_NAME));
    if let Some(namespace) = namespace {
        selector.match_labels.insert(CILIUM_NAMESPACE.to_owned(), namespace.clone());
    }
    selector
}

fn to_ports(named: &Named, ports: &BTreeSet<(String, u16)>) -> Vec<CiliumPorts> {
    let spelled = |asks: bool| -> Vec<CiliumPort> {
        let ports = ports.iter().filter(|(protocol, port)| asks == asks_for_names(named, protocol, *port));
        ports.map(|(protocol, port)| CiliumPort { port: port.to_string(), protocol: protocol.clone() }).collect()
    };
    let every = CiliumDns { dns: vec![CiliumPattern { match_pattern: "*".to_owned() }] };
    let parts = [(spelled(false), None), (spelled(true), Some(every))];
    parts.into_iter().filter(|(ports, _)| !ports.is_empty()).map(|(ports, rules)| CiliumPorts { ports, rules }).collect()
}

/// Questions to name servers go through Cilium's DNS proxy, from which `toFQDNs` learns.
fn asks_for_names(named: &Named, protocol: &str, port: u16) -> bool {
    port == NAMES && protocol != "SCTP" && matches!(named, Named::Endpoints(_) | Named::Block(_))
}

fn ingress(named: &Named, ports: &BTreeSet<(String, u16)>) -> CiliumIngress {
    let all = ports.iter().map(|(protocol, port)| CiliumPort { port: port.to_string(), protocol: protocol.clone() });
    let mut rule =
        CiliumIngress { to_ports: vec![CiliumPorts { ports: all.collect(), rules: None }], ..CiliumIngress::default() };
    match named {
        Named::Endpoints(selector) => rule.from_endpoints.push(selector.clone()),
        Named::Block(block) => rule.from_cidr.push(block.clone()),
        Named::Entities(entities) => rule.from_entities.extend(entities.iter().map(|entity| (*entity).to_owned())),
        // A name stands for an address on the way out only.
        Named::Name(_) => {}
    }
    rule
}

fn egress(named: &Named, ports: &BTreeSet<(String, u16)>) -> CiliumEgress {
    let mut rule = CiliumEgress { to_ports: to_ports(named, ports), ..CiliumEgress::default() };
    match named {
        Named::Endpoints(selector) => rule.to_endpoints.push(selector.clone()),
        Named::Block(block) => rule.to_cidr.push(block.clone()),
        Named::Entities(entities) => rule.to_entities.extend(entities.iter().map(|entity| (*entity).to_owned())),
        Named::Name(name) => rule.to_fqdns.push(CiliumName { match_name: name.clone() }),
    }
    rule
}
