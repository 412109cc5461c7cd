//! The policies of one namespace: deny everything, names, and per workload what it serves and what it calls.

use std::collections::BTreeMap;

use crate::access::identity::{Identity, is_object_name};
use crate::access::inventory::Place;
use crate::finding::{Code, Finding};
use crate::policy::network::{
    Certainty, Direction, EgressRule, IngressRule, NetworkPolicy, NetworkPolicySpec, NetworkProposal, Peer, Port, ProposedPolicy,
    RuleBasis, selector,
};
use crate::policy::rbac::ObjectMeta;

use super::mentions::{Link, Links};
use super::reach::{Anywhere, Far, Peers, Reach, reaches};
use super::topology::{Front, Labels, Node, Topology, target_port};

/// Where the cluster's name service runs, and its pods' label: so in kubeadm, EKS, GKE, AKS and kind.
/// <https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/>
pub(super) const DNS: (&str, &str, &str) = ("kube-system", "k8s-app", "kube-dns");

/// The port of name servers. <https://www.iana.org/assignments/service-names-port-numbers/>
pub(super) const NAMES: u16 = 53;

/// The proposal of one namespace.
pub(super) fn proposal(
    cluster: &str,
    namespace: &str,
    topology: &Topology<'_>,
    links: &Links<'_>,
    (peers, findings): (&Peers<'_>, &mut Vec<Finding>),
) -> NetworkProposal {
    let mut anywhere = Anywhere::default();
    let mut policies = vec![default_deny(namespace), dns(namespace)];
    let here = |(_, node): &(usize, &Node<'_>)| node.cluster == cluster && node.namespace == namespace;
    for (index, node) in topology.workloads.iter().enumerate().filter(here) {
        let about = format!("{} {}/{}", Identity::namespace(cluster, namespace), node.kind, node.name);
        if node.pod.spec.host_network {
            let note = "its pods share the node's network: no NetworkPolicy holds for them, and peers see the node's address";
            findings.push(Finding::new(Code::NetworkInferred, about, note));
            continue;
        }
        if node.selector.is_empty() {
            let note = "its pods have no labels that a selector can name: only the default deny holds for them";
            findings.push(Finding::new(Code::NameNotCarried, about, note));
            continue;
        }
        policies.extend(of_workload(index, topology, links, (peers, &mut anywhere)));
    }
    anywhere.say(cluster, findings);
    NetworkProposal { cluster: cluster.to_owned(), namespace: namespace.to_owned(), policies }
}

pub(super) fn metadata(namespace: &str, name: String) -> ObjectMeta {
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "tightfit".to_owned())]);
    ObjectMeta { name, namespace: namespace.to_owned(), labels, annotations: BTreeMap::new() }
}

pub(super) fn default_deny(namespace: &str) -> ProposedPolicy {
    let spec = NetworkPolicySpec { policy_types: vec![Direction::Ingress, Direction::Egress], ..NetworkPolicySpec::default() };
    ProposedPolicy {
        policy: NetworkPolicy::new(metadata(namespace, "tightfit-default-deny".to_owned()), spec),
        basis: Vec::new(),
    }
}

fn dns(namespace: &str) -> ProposedPolicy {
    let (system, label, value) = DNS;
    let to = vec![Peer::pods(system, &Labels::from([(label.to_owned(), value.to_owned())]))];
    let egress = vec![EgressRule { to, ports: vec![Port::number("UDP", NAMES), Port::number("TCP", NAMES)] }];
    let spec = NetworkPolicySpec { policy_types: vec![Direction::Egress], egress, ..NetworkPolicySpec::default() };
    let basis = RuleBasis {
        rule: format!("egress to {system}, pods {label}={value}, port {NAMES}"),
        certainty: Certainty::Assumed,
        why: "every pod resolves names; a node-local resolver or another DNS needs a rule of its own".to_owned(),
    };
    ProposedPolicy { policy: NetworkPolicy::new(metadata(namespace, "tightfit-dns".to_owned()), spec), basis: vec![basis] }
}

/// A policy in the making.
#[derive(Default)]
struct Draft {
    ingress: Vec<IngressRule>,
    egress: Vec<EgressRule>,
    basis: Vec<RuleBasis>,
}

impl Draft {
    fn ingress(&mut self, rule: IngressRule, basis: RuleBasis) {
        self.ingress.push(rule);
        self.basis.push(basis);
    }

    fn egress(&mut self, rule: EgressRule, basis: RuleBasis) {
        self.egress.push(rule);
        self.basis.push(basis);
    }
}

/// The policy of one workload; `None` where nothing is declared for it and the default deny says it all.
fn of_workload(
    index: usize,
    topology: &Topology<'_>,
    links: &Links<'_>,
    (peers, anywhere): (&Peers<'_>, &mut Anywhere),
) -> Option<ProposedPolicy> {
    let node = topology.workloads.get(index)?;
    let mut draft = Draft::default();
    for front in topology.services.values().filter(|front| front.nodes.contains(&index)) {
        serve(&mut draft, node, front, topology, links);
    }
    for ((_, place), link) in links.iter().filter(|((client, _), _)| *client == index) {
        if let Some(front) = topology.services.get(*place) {
            call(&mut draft, front, link, topology);
        }
    }
    for need in reaches(index, node, topology, peers) {
        anywhere.add(node, &need);
        reach(&mut draft, need);
    }
    if draft.basis.is_empty() {
        return None;
    }
    draft.ingress.sort();
    draft.ingress.dedup();
    draft.egress.sort();
    draft.egress.dedup();
    draft.basis.sort();
    draft.basis.dedup();
    let mut policy_types = Vec::new();
    policy_types.extend((!draft.ingress.is_empty()).then_some(Direction::Ingress));
    policy_types.extend((!draft.egress.is_empty()).then_some(Direction::Egress));
    let spec = NetworkPolicySpec {
        pod_selector: selector(node.selector.clone()),
        policy_types,
        ingress: draft.ingress,
        egress: draft.egress,
    };
    let policy = NetworkPolicy::new(metadata(node.namespace, object_name(node.kind, node.name)), spec);
    Some(ProposedPolicy { policy, basis: draft.basis })
}

/// `tightfit-deployment-web`; with a digest where the parts cannot stand in a name.
pub(super) fn object_name(kind: &str, name: &str) -> String {
    let (owner, kind) = (name, kind.to_ascii_lowercase());
    let name = format!("tightfit-{kind}-{owner}");
    if is_object_name(&name) && !name.ends_with(['-', '.']) {
        return name;
    }
    let digest = blake3::hash(format!("{kind}\n{owner}").as_bytes()).to_hex();
    format!("tightfit-{}", digest.get(..16).unwrap_or_default())
}

/// The ports of a Service that a client named, or all of them where it named none of them.
pub(super) fn ports(front: &Front<'_>, named: &[i64], node: &Node<'_>) -> Vec<Port> {
    let chosen = |wanted: bool| {
        let ports = front.ports.iter().filter(|port| !wanted || named.contains(&port.port));
        let mut ports: Vec<Port> = ports.filter_map(|port| target_port(port, node.pod)).collect();
        ports.sort();
        ports.dedup();
        ports
    };
    Some(chosen(true)).filter(|ports| !ports.is_empty()).unwrap_or_else(|| chosen(false))
}

fn listed(ports: &[Port]) -> String {
    let ports: Vec<String> = ports.iter().map(Port::to_string).collect();
    ports.join(", ")
}

/// What may come in through one Service.
fn serve(draft: &mut Draft, node: &Node<'_>, front: &Front<'_>, topology: &Topology<'_>, links: &Links<'_>) {
    for ((client, _), link) in links.iter().filter(|((_, place), _)| **place == *front.place) {
        let Some(caller) = topology.workloads.get(*client).filter(|caller| can_be_peer(caller)) else { continue };
        let ports = ports(front, &link.ports.iter().copied().collect::<Vec<_>>(), node);
        if ports.is_empty() {
            continue;
        }
        let basis = RuleBasis {
            rule: format!("ingress from {}/{} in {} on {}", caller.kind, caller.name, caller.namespace, listed(&ports)),
            certainty: Certainty::Inferred,
            why: link.why("the client's", front.place),
        };
        draft.ingress(IngressRule { from: vec![Peer::pods(caller.namespace, &caller.selector)], ports }, basis);
    }
}

/// What may go out to one Service.
fn call(draft: &mut Draft, front: &Front<'_>, link: &Link, topology: &Topology<'_>) {
    let Place { namespace, .. } = front.place;
    let named: Vec<i64> = link.ports.iter().copied().collect();
    for server in front.nodes.iter().filter_map(|index| topology.workloads.get(*index)).filter(|server| can_be_peer(server)) {
        let ports = ports(front, &named, server);
        if ports.is_empty() {
            continue;
        }
        let basis = RuleBasis {
            rule: format!("egress to {}/{} in {namespace} on {}", server.kind, server.name, listed(&ports)),
            certainty: Certainty::Inferred,
            why: link.why("its", front.place),
        };
        draft.egress(EgressRule { to: vec![Peer::pods(namespace, &server.selector)], ports }, basis);
    }
}

/// Whether a selector of pods finds it: pods on the node's network have the node's address.
fn can_be_peer(node: &Node<'_>) -> bool {
    !node.selector.is_empty() && !node.pod.spec.host_network
}

/// A need beyond known pods.
fn reach(draft: &mut Draft, reach: Reach) {
    let blocks: Vec<String> =
        reach.peers.iter().filter_map(|peer| peer.ip_block.as_ref()).map(|block| block.cidr.to_string()).collect();
    let other = match (reach.far, reach.anywhere) {
        (Far::Unnamed, _) => "anywhere".to_owned(),
        (_, true) => "any address".to_owned(),
        (_, false) => blocks.join(", "),
    };
    let ports = listed(&reach.ports);
    let basis = |rule: String| RuleBasis { rule, certainty: Certainty::Assumed, why: reach.why };
    match reach.direction {
        Direction::Ingress => {
            let rule = IngressRule { from: reach.peers, ports: reach.ports };
            draft.ingress(rule, basis(format!("ingress from {other} on {ports}")));
        }
        Direction::Egress => {
            let rule = EgressRule { to: reach.peers, ports: reach.ports };
            draft.egress(rule, basis(format!("egress to {other} on {ports}")));
        }
    }
}
