//! The same flows in Cilium's language: DNS names where records carry them, and entities in place of addresses that are not known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::assumed::Opened;
use super::observed::{Flows, Setting, Units, sides};
use super::reach::{Far, every_pod};
use super::rules::{NAMES, metadata};
use super::write::names;
use crate::access::flow::{End, Reserved, Transport};
use crate::policy::grant::Reason;
use crate::policy::network::{
    CILIUM_NAMESPACE, Cidr, CiliumDns, CiliumEgress, CiliumIngress, CiliumName, CiliumNetworkPolicy, CiliumPattern, CiliumPort,
    CiliumPorts, CiliumProposal, CiliumSpec, CommentedCilium, Direction, NAMESPACE_NAME, NetworkPermit, Peer, Port, PortRef,
};
use crate::policy::rbac::{LabelSelector, Requirement};

/// A peer as Cilium names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Endpoints(LabelSelector),
    Block(String),
    Entities(Vec<&'static str>),
    Name(String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Endpoints(_) => f.write_str("every pod"),
            Named::Block(text) | Named::Name(text) => f.write_str(text),
            Named::Entities(entities) => f.write_str(&entities.join(" and ")),
        }
    }
}

/// Ports by peer, by selector and direction.
type Rules = BTreeMap<(String, LabelSelector, Direction), BTreeMap<Named, BTreeSet<(String, u16)>>>;

/// What stands in the policies of a selector without a flow behind it, or wider than what was observed.
type Comments = BTreeMap<(String, LabelSelector), BTreeSet<String>>;

/// The policies of every namespace.
pub(super) fn proposals(units: &Units, opened: &Opened, flows: &Flows, setting: &Setting<'_>) -> Vec<CiliumProposal> {
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
    let mut comments = Comments::new();
    for (permit, (reason, wider)) in units {
        let (Some(peer), Some(port)) = (&permit.peer, &permit.port) else { continue };
        let mut comment =
            |text: String| comments.entry((permit.namespace.clone(), permit.pods.clone())).or_default().insert(text);
        // What is wider for a NetworkPolicy since it has no word for an end is exact here.
        if let Some(wider) = wider.as_ref().filter(|wider| matches!(wider.rule.as_str(), "shared-labels" | "no-labels")) {
            comment(format!("{}: {permit}; admits {}", wider.rule, wider.admits));
        }
        let (Reason::Assumed { why }, Some(PortRef::Number(number))) = (reason, &port.port) else { continue };
        if let Some(named) = assumed(peer) {
            comment(format!("assumed: {permit}; {why}"));
            let key = (permit.namespace.clone(), permit.pods.clone(), permit.direction);
            rules.entry(key).or_default().entry(named).or_default().insert((port.protocol.clone(), *number));
        }
    }
    for ((namespace, pods, direction, (transport, port)), fars) in opened {
        for (far, why) in fars {
            for named in beyond(*far, units, (namespace, pods, *direction, (*transport, *port)), setting) {
                let way = if *direction == Direction::Ingress { "from" } else { "to" };
                let comment = format!("assumed: {way} {named} on {transport} {port}; {why}");
                comments.entry((namespace.clone(), pods.clone())).or_default().insert(comment);
                let key = (namespace.clone(), pods.clone(), *direction);
                let ports = rules.entry(key).or_default().entry(named).or_default();
                ports.insert((transport.name().to_owned(), *port));
            }
        }
    }
    setting.namespaces.iter().map(|namespace| proposal(namespace, &rules, &comments, setting)).collect()
}

fn proposal(namespace: &str, rules: &Rules, comments: &Comments, setting: &Setting<'_>) -> CiliumProposal {
    let deny =
        CiliumSpec { ingress: vec![CiliumIngress::default()], egress: vec![CiliumEgress::default()], ..CiliumSpec::default() };
    let deny = CiliumNetworkPolicy::new(metadata(namespace, "tightfit-default-deny".to_owned()), deny);
    let mut policies = vec![CommentedCilium { policy: deny, comments: Vec::new() }];
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
        let comments = comments.get(&(namespace.to_owned(), pods.clone())).into_iter().flatten().cloned().collect();
        policies.push(CommentedCilium { policy: CiliumNetworkPolicy::new(metadata(namespace, name), spec), comments });
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

/// An assumed peer. What stands for no known end is none: it is named by what it was opened for.
fn assumed(peer: &Peer) -> Option<Named> {
    match &peer.ip_block {
        Some(block) => (!block.cidr.is_everything()).then(|| Named::Block(block.cidr.to_string())),
        None => (*peer != every_pod()).then(|| Named::Endpoints(endpoints(peer))),
    }
}

/// Who is meant where no known pod is. A node may put its own address in the place of a load balancer's client.
/// <https://kubernetes.io/docs/tutorials/services/source-ip/>
fn beyond(
    far: Far,
    units: &Units,
    (namespace, pods, direction, port): (&str, &LabelSelector, Direction, (Transport, u16)),
    setting: &Setting<'_>,
) -> Vec<Named> {
    let outside = Named::Entities(vec!["world", "remote-node"]);
    match far {
        Far::ApiServer => vec![Named::Entities(vec!["kube-apiserver"])],
        Far::Aws if !setting.config.network.vpc_endpoints.is_empty() => {
            setting.config.network.vpc_endpoints.iter().map(|block| Named::Block(block.to_string())).collect()
        }
        Far::Aws => vec![Named::Entities(vec!["world"])],
        Far::World => vec![outside],
        Far::Unnamed => {
            let port = Some(Port::number(port.0.name(), port.1));
            let pods = pods.clone();
            let every = NetworkPermit { namespace: namespace.to_owned(), pods, direction, peer: Some(every_pod()), port };
            let exists = Requirement { key: CILIUM_NAMESPACE.to_owned(), operator: "Exists".to_owned(), values: Vec::new() };
            let any_pod = LabelSelector { match_expressions: vec![exists], ..LabelSelector::default() };
            units.contains_key(&every).then_some(Named::Endpoints(any_pod)).into_iter().chain([outside]).collect()
        }
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
