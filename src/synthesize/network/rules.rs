//! The policies of one namespace: deny everything, names, and per workload what it serves and what it calls.

use std::collections::BTreeMap;

use crate::access::identity::{Identity, is_object_name};
use crate::access::inventory::{Caller, Entrance, Place};
use crate::finding::{Code, Finding};
use crate::policy::network::{
    Certainty, Direction, EgressRule, IngressRule, NetworkPolicy, NetworkPolicySpec, NetworkProposal, Peer, Port, ProposedPolicy,
    RuleBasis, selector,
};
use crate::policy::rbac::ObjectMeta;

use super::mentions::Links;
use super::topology::{Front, Labels, Node, Topology, target_port};

/// Where the cluster's name service runs, and its pods' label: so in kubeadm, EKS, GKE, AKS and kind.
/// <https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/>
pub(super) const DNS: (&str, &str, &str) = ("kube-system", "k8s-app", "kube-dns");

/// The proposal of one namespace.
pub(super) fn proposal(
    cluster: &str,
    namespace: &str,
    topology: &Topology<'_>,
    links: &Links<'_>,
    findings: &mut Vec<Finding>,
) -> NetworkProposal {
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
        policies.extend(of_workload(index, node, topology, links));
    }
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
    let egress = vec![EgressRule { to, ports: vec![Port::number("UDP", 53), Port::number("TCP", 53)] }];
    let spec = NetworkPolicySpec { policy_types: vec![Direction::Egress], egress, ..NetworkPolicySpec::default() };
    let basis = RuleBasis {
        rule: format!("egress to {system}, pods {label}={value}, port 53"),
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
fn of_workload(index: usize, node: &Node<'_>, topology: &Topology<'_>, links: &Links<'_>) -> Option<ProposedPolicy> {
    let mut draft = Draft::default();
    for front in topology.services.values().filter(|front| front.nodes.contains(&index)) {
        serve(&mut draft, node, front, topology, links);
    }
    for ((_, place), named) in links.iter().filter(|((client, _), _)| *client == index) {
        if let Some(front) = topology.services.get(*place) {
            call(&mut draft, front, named.iter().copied().collect::<Vec<_>>().as_slice(), topology);
        }
    }
    call_platform(&mut draft, node);
    scraped(&mut draft, node);
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
    let service = &front.place.name;
    if let Some(ingress) = front.ingress {
        let ports = ports(front, &[], node);
        if !ports.is_empty() {
            let basis = RuleBasis {
                rule: format!("ingress from anywhere on {}", listed(&ports)),
                certainty: Certainty::Assumed,
                why: format!(
                    "Ingress {ingress} sends traffic to Service {service}; where its controller runs is not known here: narrow `from`"
                ),
            };
            draft.ingress(IngressRule { from: Vec::new(), ports }, basis);
        }
    }
    for entrance in &front.entrances {
        let ports = ports(front, entrance.port.as_slice(), node);
        if !ports.is_empty() {
            let basis = RuleBasis {
                rule: format!("ingress from anywhere on {}", listed(&ports)),
                certainty: Certainty::Assumed,
                why: entered(entrance, service),
            };
            draft.ingress(IngressRule { from: Vec::new(), ports }, basis);
        }
    }
    for ((client, _), named) in links.iter().filter(|((_, place), _)| **place == *front.place) {
        let Some(caller) = topology.workloads.get(*client).filter(|caller| can_be_peer(caller)) else { continue };
        let ports = ports(front, &named.iter().copied().collect::<Vec<_>>(), node);
        if ports.is_empty() {
            continue;
        }
        let basis = RuleBasis {
            rule: format!("ingress from {}/{} in {} on {}", caller.kind, caller.name, caller.namespace, listed(&ports)),
            certainty: Certainty::Inferred,
            why: format!("its containers name Service {service} in {}", front.place.namespace),
        };
        draft.ingress(IngressRule { from: vec![Peer::pods(caller.namespace, &caller.selector)], ports }, basis);
    }
}

/// Why a Service is entered from elsewhere.
pub(super) fn entered(entrance: &Entrance, service: &str) -> String {
    let by = &entrance.by;
    match entrance.caller {
        Caller::World => format!("Service {service} is open to anyone by {by}: narrow `from` to who is meant"),
        Caller::Gateway => {
            format!("{by} sends traffic to Service {service}; where its gateway runs is not known here: narrow `from`")
        }
        Caller::ApiServer => {
            format!("the API server calls Service {service} for {by}; its address is production's: narrow `from`")
        }
    }
}

/// Metrics that the pod's annotations offer; by convention of Prometheus, whose pods nothing names.
fn scraped(draft: &mut Draft, node: &Node<'_>) {
    let annotations = &node.pod.metadata.annotations;
    let annotation = |name: &str| annotations.get(&format!("prometheus.io/{name}")).map(String::as_str);
    let port = annotation("port").and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
    if let (Some("true"), Some(port)) = (annotation("scrape"), port) {
        let basis = RuleBasis {
            rule: format!("ingress from anywhere on TCP {port}"),
            certainty: Certainty::Assumed,
            why: "its annotations ask to be scraped; where Prometheus runs is not known here: narrow `from`".to_owned(),
        };
        draft.ingress(IngressRule { from: Vec::new(), ports: vec![Port::number("TCP", port)] }, basis);
    }
}

/// What may go out to one Service.
fn call(draft: &mut Draft, front: &Front<'_>, named: &[i64], topology: &Topology<'_>) {
    let Place { namespace, name, .. } = front.place;
    for server in front.nodes.iter().filter_map(|index| topology.workloads.get(*index)).filter(|server| can_be_peer(server)) {
        let ports = ports(front, named, server);
        if ports.is_empty() {
            continue;
        }
        let basis = RuleBasis {
            rule: format!("egress to {}/{} in {namespace} on {}", server.kind, server.name, listed(&ports)),
            certainty: Certainty::Inferred,
            why: format!("its own containers name Service {name} in {namespace}"),
        };
        draft.egress(EgressRule { to: vec![Peer::pods(namespace, &server.selector)], ports }, basis);
    }
}

/// Whether a selector of pods finds it: pods on the node's network have the node's address.
fn can_be_peer(node: &Node<'_>) -> bool {
    !node.selector.is_empty() && !node.pod.spec.host_network
}

/// What may go out to the API server and to AWS, whose addresses are production's.
fn call_platform(draft: &mut Draft, node: &Node<'_>) {
    if node.calls_api_server {
        let basis = RuleBasis {
            rule: "egress to any address on TCP 443, TCP 6443".to_owned(),
            certainty: Certainty::Assumed,
            why: "its service account calls the API server, whose address is production's: narrow it with an ipBlock".to_owned(),
        };
        draft.egress(EgressRule { to: Vec::new(), ports: vec![Port::number("TCP", 443), Port::number("TCP", 6443)] }, basis);
    }
    if node.calls_aws {
        let basis = RuleBasis {
            rule: "egress to any address on TCP 443".to_owned(),
            certainty: Certainty::Assumed,
            why: "its service account has an AWS role, and AWS is reached over HTTPS: narrow it to VPC endpoints".to_owned(),
        };
        draft.egress(EgressRule { to: Vec::new(), ports: vec![Port::number("TCP", 443)] }, basis);
    }
}
