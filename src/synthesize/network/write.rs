//! Units as documents: for each namespace a default deny, then one policy for each selector, with as few rules as say exactly that.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{Setting, Units};
use super::rules::{default_deny, metadata, object_name};
use crate::config::Cni;
use crate::policy::network::{Direction, EgressRule, IngressRule, NetworkPermit, NetworkPolicy, NetworkPolicySpec, Peer, Port};
use crate::policy::rbac::LabelSelector;

/// The most ports of one peer that Amazon's VPC CNI takes in one policy.
/// <https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html#cni-network-policy-considerations>
pub(super) const VPC_PORTS_MAX: usize = 24;

/// The rules of one direction: ports by peer; `None` for anyone.
type Rules = BTreeMap<Option<Peer>, BTreeSet<Port>>;

/// The policies of every namespace, by namespace and name.
pub(super) fn policies(units: &Units, setting: &Setting<'_>) -> Vec<NetworkPolicy> {
    let mut by_selector: BTreeMap<(&str, &LabelSelector), Vec<&NetworkPermit>> = BTreeMap::new();
    for permit in units.keys() {
        by_selector.entry((&permit.namespace, &permit.pods)).or_default().push(permit);
    }
    let names = names(setting);
    let mut policies: Vec<NetworkPolicy> = setting.namespaces.iter().map(|namespace| default_deny(namespace).policy).collect();
    for ((namespace, pods), permits) in by_selector {
        let name = names.get(&(namespace.to_owned(), pods.clone())).cloned().unwrap_or_else(|| digest_name(pods));
        let rules = |direction| rules(permits.iter().filter(|permit| permit.direction == direction));
        let (ingress, egress) = (parts(&rules(Direction::Ingress), setting), parts(&rules(Direction::Egress), setting));
        for place in 0..ingress.len().max(egress.len()) {
            let part = |parts: &[Rules]| arranged(parts.get(place).unwrap_or(&Rules::new()));
            let ingress: Vec<_> = part(&ingress).into_iter().map(|(from, ports)| IngressRule { from, ports }).collect();
            let egress: Vec<_> = part(&egress).into_iter().map(|(to, ports)| EgressRule { to, ports }).collect();
            let mut policy_types = Vec::new();
            policy_types.extend((!ingress.is_empty()).then_some(Direction::Ingress));
            policy_types.extend((!egress.is_empty()).then_some(Direction::Egress));
            let name = if place == 0 { name.clone() } else { format!("{name}-{}", place + 1) };
            let spec = NetworkPolicySpec { pod_selector: pods.clone(), policy_types, ingress, egress };
            policies.push(NetworkPolicy::new(metadata(namespace, name), spec));
        }
    }
    policies.sort_by(|a, b| (a.namespace(), &a.metadata.name).cmp(&(b.namespace(), &b.metadata.name)));
    policies
}

/// The first workload of each selector gives the policy its name.
pub(super) fn names(setting: &Setting<'_>) -> BTreeMap<(String, LabelSelector), String> {
    let mut names = BTreeMap::new();
    for who in setting.pods.all() {
        let Some(workload) = &who.workload else { continue };
        let key = (who.namespace.clone(), setting.pods.selector(who));
        names.entry(key).or_insert_with(|| object_name(&workload.kind, &workload.name));
    }
    names
}

/// A name for pods that no workload names.
pub(super) fn digest_name(pods: &LabelSelector) -> String {
    let digest = blake3::hash(format!("{pods:?}").as_bytes()).to_hex();
    format!("tightfit-pods-{}", digest.get(..16).unwrap_or_default())
}

fn rules<'a>(permits: impl Iterator<Item = &'a &'a NetworkPermit>) -> Rules {
    let mut rules = Rules::new();
    for permit in permits {
        rules.entry(permit.peer.clone()).or_default().extend(permit.port.clone());
    }
    rules
}

/// The rules of one policy, or of as many as the network plugin needs.
fn parts(rules: &Rules, setting: &Setting<'_>) -> Vec<Rules> {
    if setting.config.network.cni != Cni::Vpc {
        return if rules.is_empty() { Vec::new() } else { vec![rules.clone()] };
    }
    let mut parts: Vec<Rules> = Vec::new();
    for (peer, ports) in rules {
        let ports: Vec<&Port> = ports.iter().collect();
        for (place, chunk) in ports.chunks(VPC_PORTS_MAX).enumerate() {
            if parts.len() == place {
                parts.push(Rules::new());
            }
            if let Some(part) = parts.get_mut(place) {
                part.insert(peer.clone(), chunk.iter().map(|port| (*port).clone()).collect());
            }
        }
    }
    parts
}

/// Peers with the same ports stand in one rule: it says the same as one rule for each.
fn arranged(rules: &Rules) -> Vec<(Vec<Peer>, Vec<Port>)> {
    let mut by_ports: BTreeMap<&BTreeSet<Port>, Vec<Peer>> = BTreeMap::new();
    let mut arranged = Vec::new();
    for (peer, ports) in rules {
        match peer {
            Some(peer) => by_ports.entry(ports).or_default().push(peer.clone()),
            None => arranged.push((Vec::new(), ports.iter().cloned().collect())),
        }
    }
    arranged.extend(by_ports.into_iter().map(|(ports, peers)| (peers, ports.iter().cloned().collect())));
    arranged
}
