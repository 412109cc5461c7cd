//! What flows may not show and workloads need all the same: names, the API server, what configuration declares. Assumed, each with why.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::mentions::Links;
use super::observed::{Flows, Setting, Side, Units, families, insert, is_assumed, sides, who_peer};
use super::reach::{API_SERVER_PORTS, Anywhere, Far, HTTPS, Peers, every_pod, reaches};
use super::rules::{DNS, NAMES, ports};
use super::selectors::Who;
use super::topology::{Node, Topology};
use crate::access::flow::{End, Flow, Labels, Reserved, Transport};
use crate::access::pod::Workload;
use crate::finding::Finding;
use crate::policy::grant::Reason;
use crate::policy::network::{Cidr, Direction, Peer, Port, PortRef};
use crate::policy::rbac::LabelSelector;

/// A peer that answers for names, and over what it was reached.
type Resolvers = BTreeMap<Peer, Resolver>;

#[derive(Default)]
struct Resolver {
    /// The pods behind it, where it is pods.
    who: Option<Who>,
    /// Whether those ask it too that were not seen to: an address outside is the choice of whoever asked it.
    of_all: bool,
    transports: BTreeSet<Transport>,
}

/// Where Amazon's name service answers on every machine.
const AMAZON_NAMES: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// Pods of one selector on one port in one direction.
pub(super) type Gate = (String, LabelSelector, Direction, (Transport, u16));

/// For whom a gate was opened to others than known pods, and why.
pub(super) type Opened = BTreeMap<Gate, BTreeMap<Far, String>>;

/// The flows of each selector's pods, each from the side of the pods.
type Seen<'f> = BTreeMap<(String, LabelSelector), Vec<(&'f Flow, Side<'f>)>>;

/// Adds to `units` what each workload of the namespaces needs beside its flows.
pub(super) fn add(
    units: &mut Units,
    flows: &Flows,
    topology: &Topology<'_>,
    links: &Links<'_>,
    (setting, findings): (&Setting<'_>, &mut Vec<Finding>),
) -> Opened {
    // By what policies select: workloads with the same labels share a policy, and what flows show of one they show of all.
    let mut seen = Seen::new();
    for flow in flows.granted.keys() {
        for side in sides(flow, setting.namespaces) {
            seen.entry(written(&side.who, setting)).or_default().push((flow, side));
        }
    }
    let resolvers = resolvers(flows, setting);
    let workloads: Vec<Who> = setting.pods.all().filter(|who| setting.namespaces.contains(&who.namespace)).cloned().collect();
    for who in &workloads {
        let own = seen.get(&written(who, setting)).map(Vec::as_slice).unwrap_or_default();
        add_names(units, who, own, &resolvers, setting);
    }
    add_links(units, topology, links, &seen, setting);
    let opened = add_reaches(units, flows, topology, &seen, (setting, findings));
    drop_among_every_pod(units, setting);
    opened
}

fn written(who: &Who, setting: &Setting<'_>) -> (String, LabelSelector) {
    (who.namespace.clone(), setting.pods.selector(who))
}

/// Connections that configuration names, if one of the ends was in no flow at all.
fn add_links(units: &mut Units, topology: &Topology<'_>, links: &Links<'_>, seen: &Seen<'_>, setting: &Setting<'_>) {
    for ((client, place), link) in links {
        let (Some(client), Some(front)) = (topology.workloads.get(*client), topology.services.get(*place)) else { continue };
        for server in front.nodes.iter().filter_map(|index| topology.workloads.get(*index)) {
            let ends = [who_of(client), who_of(server)];
            if client.cluster != setting.cluster || ends.iter().all(|end| seen.contains_key(&written(end, setting))) {
                continue;
            }
            let why = format!("inferred: {}", link.why("the client's", place));
            let named: Vec<i64> = link.ports.iter().copied().collect();
            for port in ports(front, &named, server).iter().filter_map(number) {
                both(units, &ends, port, &why, setting);
            }
        }
    }
}

/// Who comes in by configuration, and the API server and AWS, where no flow shows that they were reached or came.
fn add_reaches(
    units: &mut Units,
    flows: &Flows,
    topology: &Topology<'_>,
    seen: &Seen<'_>,
    (setting, findings): (&Setting<'_>, &mut Vec<Finding>),
) -> Opened {
    let families = families(flows, setting);
    let peers = Peers { network: &setting.config.network, families: &families };
    let shut = shut(flows, setting);
    let (mut opened, mut anywhere) = (Opened::new(), Anywhere::default());
    for (index, node) in topology.workloads.iter().enumerate() {
        let who = who_of(node);
        let held = node.cluster == setting.cluster && !node.pod.spec.host_network;
        if !held || !setting.namespaces.contains(&who.namespace) {
            continue;
        }
        let key = written(&who, setting);
        let own = seen.get(&key).map(Vec::as_slice).unwrap_or_default();
        for mut reach in reaches(index, node, topology, &peers) {
            reach.ports.retain(|port| {
                number(port).is_some_and(|port| !(reach.anywhere && is_shown(&reach.far, reach.direction, port, own)))
            });
            for port in reach.ports.iter().filter_map(number) {
                let gate = (key.0.clone(), key.1.clone(), reach.direction, port);
                // Where a pod was refused, pods that nothing names are not let in.
                let is_shut = shut.contains(&gate);
                for peer in reach.peers.iter().filter(|peer| !is_shut || **peer != every_pod()) {
                    let reason = Reason::Assumed { why: reach.why.clone() };
                    insert(units, &who, reach.direction, peer.clone(), port, (reason, None), setting);
                }
                let why = opened.entry(gate).or_default().entry(reach.far).or_default();
                if why.is_empty() || reach.why < *why {
                    why.clone_from(&reach.why);
                }
            }
            if !reach.ports.is_empty() {
                anywhere.add(node, &reach);
            }
        }
    }
    anywhere.say(setting.cluster, findings);
    opened
}

/// Whether flows of the pods show this need met, so that their recorder is trusted to have shown all of it.
fn is_shown(far: &Far, direction: Direction, port: (Transport, u16), own: &[(&Flow, Side<'_>)]) -> bool {
    own.iter().filter(|(_, side)| side.direction == direction).any(|(flow, side)| match direction {
        // Whichever of the need's ports it was: those of production may be others.
        Direction::Egress => may_meet(*far, flow, side.other),
        Direction::Ingress => {
            let pod = side.other.pod().filter(|pod| !pod.host_network);
            let may_be = pod.is_none_or(|pod| *far == Far::Unnamed && pod.namespace != side.who.namespace);
            (flow.transport, flow.port) == port && may_be
        }
    })
}

/// Whether a way out may be one to the API server, or to AWS. What goes elsewhere, such as to a node's name service, says nothing of them.
fn may_meet(far: Far, flow: &Flow, other: &End) -> bool {
    let is_on = |ports: &[u16]| flow.transport == Transport::Tcp && ports.contains(&flow.port);
    match (far, other) {
        (Far::ApiServer, End::Reserved(Reserved::KubeApiserver)) => true,
        (Far::ApiServer, End::Pod(pod)) => pod.host_network && is_on(API_SERVER_PORTS),
        (Far::ApiServer, End::Address { .. } | End::Reserved(_)) => is_on(API_SERVER_PORTS),
        (_, End::Address { .. } | End::Reserved(Reserved::World)) => is_on(HTTPS),
        (_, End::Pod(_) | End::Reserved(_)) => false,
    }
}

/// Where pods were refused.
fn shut(flows: &Flows, setting: &Setting<'_>) -> BTreeSet<Gate> {
    let mut shut = BTreeSet::new();
    for flow in &flows.refused {
        for side in sides(flow, setting.namespaces).into_iter().filter(|side| side.other.pod().is_some()) {
            let (namespace, pods) = written(&side.who, setting);
            shut.insert((namespace, pods, side.direction, (flow.transport, flow.port)));
        }
    }
    shut
}

/// Where every pod is let in on a port, one by one would say nothing more; but for those that flows show: they stay when that rule is narrowed.
fn drop_among_every_pod(units: &mut Units, setting: &Setting<'_>) {
    let every = every_pod();
    let mut open: BTreeMap<_, BTreeSet<LabelSelector>> = BTreeMap::new();
    for unit in units.keys().filter(|unit| unit.peer.as_ref() == Some(&every)) {
        let gate = (unit.namespace.clone(), unit.direction, unit.port.clone());
        open.entry(gate).or_default().insert(unit.pods.clone());
    }
    units.retain(|unit, (reason, _)| {
        let names_pods = is_assumed(reason) && unit.peer.as_ref().is_some_and(|peer| peer.ip_block.is_none() && *peer != every);
        let gate = (unit.namespace.clone(), unit.direction, unit.port.clone());
        let Some(open) = open.get(&gate).filter(|_| names_pods) else { return true };
        let is_open = open.contains(&unit.pods)
            || setting.pods.wider(&unit.namespace, &unit.pods).into_iter().any(|wider| open.contains(wider));
        !is_open
    });
}

/// A connection between two workloads, at whichever ends policies are written.
fn both(units: &mut Units, [client, server]: &[Who; 2], port: (Transport, u16), why: &str, setting: &Setting<'_>) {
    for (own, other, direction) in [(client, server, Direction::Egress), (server, client, Direction::Ingress)] {
        if setting.namespaces.contains(&own.namespace)
            && let (Some(_), Some((peer, wider))) = (setting.pods.labels(own), who_peer(other, setting))
        {
            insert(units, own, direction, peer, port, (Reason::Assumed { why: why.to_owned() }, wider), setting);
        }
    }
}

/// A port by number; one that a pod declares under no name leads nowhere.
fn number(port: &Port) -> Option<(Transport, u16)> {
    match (Transport::of_name(&port.protocol), &port.port) {
        (Some(transport), Some(PortRef::Number(number))) => Some((transport, *number)),
        _ => None,
    }
}

fn who_of(node: &Node<'_>) -> Who {
    Who::of_workload(node.namespace, &Workload { kind: node.kind.to_owned(), name: node.name.to_owned() })
}

/// Who was asked for names in this cluster; by convention too where no pod, and no address on the node, was seen to be.
fn resolvers(flows: &Flows, setting: &Setting<'_>) -> Resolvers {
    let mut resolvers = Resolvers::new();
    for flow in flows.granted.keys().filter(|flow| flow.port == NAMES && flow.client.pod().is_some()) {
        let (peer, who, of_all) = match &flow.server {
            End::Address { address, .. } => (Peer::addresses(Cidr::host(*address)), None, is_on_node(*address)),
            End::Pod(pod) if !pod.host_network => match Who::of(pod).and_then(|who| Some((who_peer(&who, setting)?.0, who))) {
                Some((peer, who)) => (peer, Some(who), true),
                None => continue,
            },
            End::Pod(_) | End::Reserved(_) => continue,
        };
        let resolver = resolvers.entry(peer).or_default();
        resolver.who = who;
        resolver.of_all = of_all;
        resolver.transports.insert(flow.transport);
    }
    if !resolvers.values().any(|resolver| resolver.of_all) {
        let (namespace, label, value) = DNS;
        let peer = Peer::pods(namespace, &Labels::from([(label.to_owned(), value.to_owned())]));
        let transports = BTreeSet::from([Transport::Udp]);
        resolvers.insert(peer, Resolver { who: None, of_all: true, transports });
    }
    resolvers
}

/// Whether a name server at this address is one that each node has for its pods, and not Amazon's, which pods ask with `dnsPolicy: Default`.
/// <https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>, <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
fn is_on_node(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local() && address != AMAZON_NAMES,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Name service for a workload. Where it was seen to ask over UDP it may have to ask over TCP for what does not fit.
/// <https://www.rfc-editor.org/rfc/rfc7766#section-5>
fn add_names(units: &mut Units, who: &Who, own: &[(&Flow, Side<'_>)], resolvers: &Resolvers, setting: &Setting<'_>) {
    let asked: BTreeSet<Peer> = own
        .iter()
        .filter(|(flow, side)| side.direction == Direction::Egress && flow.port == NAMES)
        .filter_map(|(_, side)| match side.other {
            End::Address { address, .. } => Some(Peer::addresses(Cidr::host(*address))),
            End::Pod(pod) => Some(who_peer(&Who::of(pod)?, setting)?.0),
            End::Reserved(_) => None,
        })
        .collect();
    let asks_unnamed = own.iter().any(|(flow, side)| {
        let named = matches!(side.other, End::Address { .. }) || side.other.pod().is_some_and(|pod| !pod.host_network);
        side.direction == Direction::Egress && flow.port == NAMES && !named
    });
    if asks_unnamed {
        return;
    }
    for (peer, resolver) in resolvers {
        let why = match (asked.is_empty(), asked.contains(peer)) {
            (_, true) => "names that do not fit into an answer over UDP are asked for again over TCP",
            (true, false) if resolver.of_all => "every pod resolves names, and not every recording shows it",
            (_, false) => continue,
        };
        let mut transports = resolver.transports.clone();
        if transports.contains(&Transport::Udp) {
            transports.insert(Transport::Tcp);
        }
        for transport in transports {
            let reason = Reason::Assumed { why: why.to_owned() };
            insert(units, who, Direction::Egress, peer.clone(), (transport, NAMES), (reason.clone(), None), setting);
            let served = resolver.who.as_ref().filter(|server| setting.namespaces.contains(&server.namespace));
            if let (Some(server), Some((client, wider))) = (served, who_peer(who, setting)) {
                insert(units, server, Direction::Ingress, client, (transport, NAMES), (reason, wider), setting);
            }
        }
    }
}
