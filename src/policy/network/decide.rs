//! What NetworkPolicies answer to a flow: out of the client and into the server, both of which must be open.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation>
//!
//! Where Kubernetes leaves it to the network plugin, the strictest reading that every plugin keeps is taken: an `ipBlock` matches
//! addresses outside of the cluster and never a pod; what is known by no address is matched by an `ipBlock` of every address alone.

use super::Cidr;
use super::model::{Direction, IpBlock, NAMESPACE_NAME, NetworkPolicy, Peer, Port, PortRef};
use super::unit::NetworkPermit;
use crate::access::flow::{End, Family, Flow, Labels, PodEnd, Reserved};
use crate::policy::decision::{Decision, Layer};
use crate::policy::rbac::LabelSelector;

/// How one end of a flow answers.
enum Gate<'a> {
    /// No policy isolates this end in this direction.
    Open,
    /// A rule lets it pass: the policy and the number of its rule, from 1.
    Passed(&'a NetworkPolicy, usize),
    /// It is isolated, and no rule lets it pass.
    Shut,
}

/// What the policies answer to a flow whose ends are resolved.
#[must_use]
pub fn decide(policies: &[NetworkPolicy], flow: &Flow) -> Decision {
    // A node can always reach the pods that run on it, and they it.
    if [&flow.client, &flow.server].into_iter().any(|end| matches!(end, End::Reserved(Reserved::Host))) {
        return Decision::Allow { by: "the rule that a pod and its own node always reach each other".to_owned() };
    }
    let mut not_understood = Vec::new();
    let mut by = Vec::new();
    for direction in [Direction::Egress, Direction::Ingress] {
        match gate(policies, direction, flow, &mut not_understood) {
            Gate::Open => {}
            Gate::Passed(policy, rule) => {
                let way = if direction == Direction::Egress { "egress" } else { "ingress" };
                by.push(format!("{way} rule {rule} of {}/{}", policy.namespace(), policy.metadata.name));
            }
            Gate::Shut => return Decision::ImplicitDeny { layer: Layer::Own, not_understood },
        }
    }
    if by.is_empty() {
        by.push("the rule that pods which no policy selects are open".to_owned());
    }
    Decision::Allow { by: by.join(" and ") }
}

/// Whether some policy isolates an end of the flow, so that the policies say anything about it.
#[must_use]
pub fn concerns(policies: &[NetworkPolicy], flow: &Flow) -> bool {
    [Direction::Egress, Direction::Ingress].into_iter().any(|direction| {
        let Some(pod) = held(flow, direction) else { return false };
        policies.iter().any(|policy| policy.spec.holds(direction) && selects(policy, pod) != Some(false))
    })
}

fn gate<'a>(policies: &'a [NetworkPolicy], direction: Direction, flow: &Flow, not_understood: &mut Vec<String>) -> Gate<'a> {
    let Some(pod) = held(flow, direction) else { return Gate::Open };
    let mut isolated = false;
    for policy in policies.iter().filter(|policy| policy.spec.holds(direction)) {
        match selects(policy, pod) {
            Some(false) => {}
            Some(true) => {
                isolated = true;
                if let Some(rule) = passing(policy, direction, flow) {
                    return Gate::Passed(policy, rule);
                }
            }
            // It may isolate the pod; its rules are not taken.
            None => {
                isolated = true;
                not_understood.push(format!("the pod selector of {}/{}", policy.namespace(), policy.metadata.name));
            }
        }
    }
    if isolated { Gate::Shut } else { Gate::Open }
}

/// The pod whose policies are asked; `None` where none hold for it: no pod, or one with the node's own network.
fn held(flow: &Flow, direction: Direction) -> Option<&PodEnd> {
    let end = match direction {
        Direction::Egress => &flow.client,
        Direction::Ingress => &flow.server,
    };
    end.pod().filter(|pod| !pod.host_network)
}

/// `None` where the selector is not understood.
fn selects(policy: &NetworkPolicy, pod: &PodEnd) -> Option<bool> {
    if policy.namespace() == pod.namespace { matches(&policy.spec.pod_selector, &pod.labels) } else { Some(false) }
}

/// The number, from 1, of the first rule that lets the flow pass.
fn passing(policy: &NetworkPolicy, direction: Direction, flow: &Flow) -> Option<usize> {
    let passes = |peers: &[Peer], ports: &[Port]| {
        let peer = peers.is_empty() || peers.iter().any(|peer| is_peer(peer, policy.namespace(), direction, flow));
        peer && (ports.is_empty() || ports.iter().any(|port| is_port(port, flow)))
    };
    let place = match direction {
        Direction::Ingress => policy.spec.ingress.iter().position(|rule| passes(&rule.from, &rule.ports)),
        Direction::Egress => policy.spec.egress.iter().position(|rule| passes(&rule.to, &rule.ports)),
    };
    place.map(|place| place + 1)
}

/// Whether this unit alone lets the flow pass on its side.
#[must_use]
pub fn covers(permit: &NetworkPermit, flow: &Flow) -> bool {
    let Some(pod) = held(flow, permit.direction) else { return false };
    pod.namespace == permit.namespace
        && matches(&permit.pods, &pod.labels) == Some(true)
        && permit.peer.as_ref().is_none_or(|peer| is_peer(peer, &permit.namespace, permit.direction, flow))
        && permit.port.as_ref().is_none_or(|port| is_port(port, flow))
}

fn is_peer(peer: &Peer, namespace: &str, direction: Direction, flow: &Flow) -> bool {
    let end = match direction {
        Direction::Ingress => &flow.client,
        Direction::Egress => &flow.server,
    };
    if let Some(block) = &peer.ip_block {
        return peer.pod_selector.is_none() && peer.namespace_selector.is_none() && is_in(block, end, flow.family);
    }
    // Neither a block nor a selector: the API server takes no such peer.
    if peer.pod_selector.is_none() && peer.namespace_selector.is_none() {
        return false;
    }
    let Some(pod) = end.pod().filter(|pod| !pod.host_network) else { return false };
    let in_namespace = match &peer.namespace_selector {
        None => pod.namespace == namespace,
        Some(selector) => matches(selector, &namespace_labels(pod)) == Some(true),
    };
    in_namespace && peer.pod_selector.as_ref().is_none_or(|selector| matches(selector, &pod.labels) == Some(true))
}

/// The labels of the pod's namespace; its name is always among them, whatever was seen.
fn namespace_labels(pod: &PodEnd) -> Labels {
    let mut labels = pod.namespace_labels.clone();
    labels.insert(NAMESPACE_NAME.to_owned(), pod.namespace.clone());
    labels
}

fn is_in(block: &IpBlock, end: &End, family: Option<Family>) -> bool {
    // What is known by no address may be any of its family, where the record told that much.
    let is_every = || is_everything(block) && family.is_none_or(|family| family == block.cidr.family());
    match end {
        End::Address { address, .. } => {
            block.cidr.contains(*address) && !block.except.iter().any(|except| except.contains(*address))
        }
        // A pod with the node's network has the node's address, which the flow does not name.
        End::Pod(pod) => pod.host_network && is_every(),
        End::Reserved(Reserved::Host) => true,
        End::Reserved(Reserved::RemoteNode | Reserved::KubeApiserver | Reserved::World) => is_every(),
    }
}

/// Whether a block holds an end of which only a word is known. That a single address outside of private networks is left out of every
/// address does not keep the word from being in it: nodes and API servers have others.
fn is_everything(block: &IpBlock) -> bool {
    block.cidr.is_everything() && block.except.iter().all(Cidr::is_public_host)
}

fn is_port(port: &Port, flow: &Flow) -> bool {
    if port.protocol != flow.transport.name() {
        return false;
    }
    match (&port.port, port.end_port) {
        (None, None) => true,
        (Some(PortRef::Number(number)), None) => *number == flow.port,
        (Some(PortRef::Number(first)), Some(last)) => (*first..=last).contains(&flow.port),
        // Of the pod that is reached; an address has no names for its ports.
        (Some(PortRef::Name(name)), None) => flow.server.pod().is_some_and(|pod| {
            pod.ports.iter().any(|named| named.name == *name && named.transport == flow.transport && named.port == flow.port)
        }),
        // The API server takes an `endPort` beside a number only.
        (None | Some(PortRef::Name(_)), Some(_)) => false,
    }
}

/// Whether labels satisfy a selector; `None` where a requirement is none that Kubernetes knows.
fn matches(selector: &LabelSelector, labels: &Labels) -> Option<bool> {
    selector.matches(labels)
}
