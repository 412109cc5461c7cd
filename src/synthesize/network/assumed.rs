//! What flows may not show and workloads need all the same: names, the API server, what configuration declares. Assumed, each with why.

use std::collections::{BTreeMap, BTreeSet};

use super::mentions::Links;
use super::observed::{Flows, Setting, Side, Units, insert, sides, who_peer};
use super::rules::{DNS, entered, ports};
use super::selectors::Who;
use super::topology::{Front, Node, Topology};
use crate::access::flow::{End, Flow, Labels, Transport};
use crate::access::pod::Workload;
use crate::policy::grant::Reason;
use crate::policy::network::{Cidr, Direction, Peer, PortRef};
use crate::policy::rbac::LabelSelector;

/// The port of name servers. <https://www.iana.org/assignments/service-names-port-numbers/>
const NAMES: u16 = 53;

/// A peer that answers for names, and over what it was reached.
type Resolvers = BTreeMap<Peer, Resolver>;

#[derive(Default)]
struct Resolver {
    /// The pods behind it, where it is pods.
    who: Option<Who>,
    transports: BTreeSet<Transport>,
}

/// Adds to `units` what each workload of the namespaces needs beside its flows.
pub(super) fn add(units: &mut Units, flows: &Flows, topology: &Topology<'_>, links: &Links<'_>, setting: &Setting<'_>) {
    // By what policies select: workloads with the same labels share a policy, and what flows show of one they show of all.
    let written = |who: &Who| (who.namespace.clone(), setting.pods.selector(who));
    let mut seen: BTreeMap<(String, LabelSelector), Vec<(&Flow, Side<'_>)>> = BTreeMap::new();
    for flow in flows.granted.keys() {
        for side in sides(flow, setting.namespaces) {
            seen.entry(written(&side.who)).or_default().push((flow, side));
        }
    }
    let resolvers = resolvers(flows, setting);
    let workloads: Vec<Who> = setting.pods.all().filter(|who| setting.namespaces.contains(&who.namespace)).cloned().collect();
    for who in &workloads {
        let own = seen.get(&written(who)).map(Vec::as_slice).unwrap_or_default();
        add_names(units, who, own, &resolvers, setting);
        let outside = |(_, side): &&(&Flow, Side<'_>)| {
            let is_pod = side.other.pod().is_some_and(|pod| !pod.host_network);
            side.direction == Direction::Egress && !is_pod
        };
        if own.iter().find(outside).is_none()
            && let Some(node) = node_of(who, topology, setting.cluster)
        {
            add_platform(units, who, node, setting);
        }
    }
    for front in topology.services.values().filter(|front| front.place.cluster == setting.cluster) {
        for server in front.nodes.iter().filter_map(|index| topology.workloads.get(*index)) {
            let who = who_of(server);
            if !seen.contains_key(&written(&who)) && setting.namespaces.contains(&who.namespace) {
                add_entrances(units, &who, front, server, setting);
            }
        }
    }
    for ((client, place), named) in links {
        let (Some(client), Some(front)) = (topology.workloads.get(*client), topology.services.get(*place)) else { continue };
        for server in front.nodes.iter().filter_map(|index| topology.workloads.get(*index)) {
            let ends = [who_of(client), who_of(server)];
            if client.cluster != setting.cluster || ends.iter().all(|end| seen.contains_key(&written(end))) {
                continue;
            }
            let why = format!("inferred: its containers name Service {} in {}", place.name, place.namespace);
            let named: Vec<i64> = named.iter().copied().collect();
            for port in ports(front, &named, server) {
                if let (Some(transport), Some(PortRef::Number(number))) = (transport(&port.protocol), &port.port) {
                    both(units, &ends, (transport, *number), &why, setting);
                }
            }
        }
    }
}

/// Who comes into a workload of which no flow was seen other than from pods; by address, since nothing names the pods of a gateway.
fn add_entrances(units: &mut Units, who: &Who, front: &Front<'_>, server: &Node<'_>, setting: &Setting<'_>) {
    for entrance in &front.entrances {
        let why = entered(entrance, &front.place.name);
        for port in ports(front, entrance.port.as_slice(), server) {
            let (Some(transport), Some(PortRef::Number(number))) = (transport(&port.protocol), &port.port) else { continue };
            for cidr in [Cidr::ALL_V4, Cidr::ALL_V6] {
                let reason = Reason::Assumed { why: why.clone() };
                insert(units, who, Direction::Ingress, Peer::addresses(cidr), (transport, *number), (reason, None), setting);
            }
        }
    }
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

fn transport(name: &str) -> Option<Transport> {
    [Transport::Tcp, Transport::Udp, Transport::Sctp].into_iter().find(|transport| transport.name() == name)
}

fn who_of(node: &Node<'_>) -> Who {
    Who::of_workload(node.namespace, &Workload { kind: node.kind.to_owned(), name: node.name.to_owned() })
}

fn node_of<'t, 'a>(who: &Who, topology: &'t Topology<'a>, cluster: &str) -> Option<&'t Node<'a>> {
    topology.workloads.iter().find(|node| node.cluster == cluster && who_of(node) == *who)
}

/// Who was asked for names in this cluster; by convention where nobody was seen to be.
fn resolvers(flows: &Flows, setting: &Setting<'_>) -> Resolvers {
    let mut resolvers = Resolvers::new();
    for flow in flows.granted.keys().filter(|flow| flow.port == NAMES && flow.client.pod().is_some()) {
        let (peer, who) = match &flow.server {
            End::Address { address, .. } => (Peer::addresses(Cidr::host(*address)), None),
            End::Pod(pod) => match Who::of(pod).and_then(|who| Some((who_peer(&who, setting)?.0, who))) {
                Some((peer, who)) => (peer, Some(who)),
                None => continue,
            },
            End::Reserved(_) => continue,
        };
        let resolver = resolvers.entry(peer).or_default();
        resolver.who = who;
        resolver.transports.insert(flow.transport);
    }
    if resolvers.is_empty() {
        let (namespace, label, value) = DNS;
        let peer = Peer::pods(namespace, &Labels::from([(label.to_owned(), value.to_owned())]));
        let transports = BTreeSet::from([Transport::Udp]);
        resolvers.insert(peer, Resolver { who: None, transports });
    }
    resolvers
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
            (true, _) => "every pod resolves names, and not every recording shows it",
            (false, true) => "names that do not fit into an answer over UDP are asked for again over TCP",
            (false, false) => continue,
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

/// The API server and AWS, by address outside of the cluster's pods: theirs are production's.
fn add_platform(units: &mut Units, who: &Who, node: &Node<'_>, setting: &Setting<'_>) {
    let api = "its service account calls the API server, and no flow shows where: narrow it to production's address";
    let aws =
        "its service account has an AWS role, AWS is reached over HTTPS, and no flow shows where: narrow it to VPC endpoints";
    let needs = [(node.calls_api_server, 443, api), (node.calls_api_server, 6443, api), (node.calls_aws, 443, aws)];
    for (_, port, why) in needs.into_iter().filter(|(needed, ..)| *needed) {
        for cidr in [Cidr::ALL_V4, Cidr::ALL_V6] {
            let reason = Reason::Assumed { why: why.to_owned() };
            insert(units, who, Direction::Egress, Peer::addresses(cidr), (Transport::Tcp, port), (reason, None), setting);
        }
    }
}
