//! What a network plugin makes of NetworkPolicies, where plugins differ: what it cannot hold is said.
//!
//! Amazon VPC CNI: <https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html#cni-network-policy-considerations>
//! Cilium: <https://docs.cilium.io/en/stable/security/policy/language/#ip-cidr-based>
//! Calico: <https://docs.tigera.io/calico/latest/network-policy/get-started/kubernetes-policy/kubernetes-network-policy>

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::assumed::Opened;
use super::observed::{Flows, Setting, Units, sides};
use super::reach::Far;
use crate::access::flow::{End, Flow, Reserved};
use crate::access::inventory::{Holder, Place, ServicePort};
use crate::access::pod::Pod;
use crate::config::Cni;
use crate::finding::{Code, Finding};
use crate::policy::network::{Cidr, Direction, NetworkPermit, Port, covers};

use super::topology::{matches, target_number};

/// Says what the plugin cannot hold of these units.
pub(super) fn remarks(units: &Units, opened: &Opened, (flows, setting): (&Flows, &Setting<'_>), findings: &mut Vec<Finding>) {
    nodes(flows, setting, findings);
    match setting.config.network.cni {
        Cni::Generic => api_server(units, flows, setting, findings),
        Cni::Vpc => {
            service_ports(setting, findings);
            let note = "Amazon VPC CNI lets a pod's connections pass until its policies are in place, unless NETWORK_POLICY_ENFORCING_MODE is strict";
            findings.push(Finding::new(Code::CniCannotHold, about(setting), note));
        }
        Cni::Cilium => cilium(units, opened, (flows, setting), findings),
        Cni::Calico => calico(units, flows, setting, findings),
    }
}

fn about(setting: &Setting<'_>) -> String {
    format!("cluster {}", setting.cluster)
}

fn is_everything(permit: &NetworkPermit) -> bool {
    let block = permit.peer.as_ref().and_then(|peer| peer.ip_block.as_ref());
    block.is_some_and(|block| block.cidr == Cidr::ALL_V4 || block.cidr == Cidr::ALL_V6)
}

/// Ends that are nodes, or pods with a node's network: a NetworkPolicy names them by address alone.
fn nodes(flows: &Flows, setting: &Setting<'_>, findings: &mut Vec<Finding>) {
    let mut by_end: BTreeMap<String, u64> = BTreeMap::new();
    for flow in flows.granted.keys() {
        for (own, other) in [(&flow.client, &flow.server), (&flow.server, &flow.client)] {
            let held = own.pod().is_some_and(|pod| !pod.host_network && setting.namespaces.contains(&pod.namespace));
            let is_node = match other {
                End::Pod(pod) => pod.host_network,
                End::Reserved(reserved) => *reserved == Reserved::RemoteNode,
                End::Address { .. } => false,
            };
            if held && is_node {
                *by_end.entry(format!("{own} with {other}")).or_default() += 1;
            }
        }
    }
    for (pair, count) in by_end {
        let note = format!(
            "{pair}: a node, or a pod on its network, is reached by the node's address, which is production's; every address is let through on the port until it is narrowed"
        );
        findings.push(Finding::new(Code::NodePeer, about(setting), note).counted(count));
    }
}

fn to_api_server(flows: &Flows) -> u64 {
    let asked = flows.granted.keys().filter(|flow| flow.server == End::Reserved(Reserved::KubeApiserver));
    u64::try_from(asked.count()).unwrap_or(u64::MAX)
}

fn api_server(units: &Units, flows: &Flows, setting: &Setting<'_>, findings: &mut Vec<Finding>) {
    let count = to_api_server(flows);
    if count > 0 && units.keys().any(is_everything) {
        let note = "the API server is let through by address: whether a plugin compares the Service's address or that behind it is not defined, so the port of both may be needed; name the plugin with `--cni`";
        findings.push(Finding::new(Code::CniCannotHold, about(setting), note).counted(count));
    }
}

/// A rule names the pod's port; Amazon's CNI compares the Service's.
fn service_ports(setting: &Setting<'_>, findings: &mut Vec<Finding>) {
    for (place, (selector, ports)) in &setting.inventory.services {
        if place.cluster != setting.cluster || !setting.namespaces.contains(&place.namespace) || selector.is_empty() {
            continue;
        }
        let behind = setting.inventory.workloads.iter().filter(|((at, _), seen)| {
            at.cluster == place.cluster && at.namespace == place.namespace && matches(selector, &seen.pod.metadata.labels)
        });
        let pods: Vec<&Pod> = behind.map(|(_, seen)| &*seen.pod).collect();
        let differs = |port: &&ServicePort| {
            pods.iter().any(|pod| target_number(port, pod).is_some_and(|target| i64::from(target) != port.port))
        };
        if let Some(port) = ports.iter().find(differs) {
            findings.push(unlike(place, port));
        }
    }
}

fn unlike(place: &Place, port: &ServicePort) -> Finding {
    let note = format!(
        "Amazon VPC CNI needs the Service's port to be the container's; port {} leads to another: connections through this Service are denied",
        port.port
    );
    Finding::new(Code::CniCannotHold, format!("Service/{} in {} of {}", place.name, place.namespace, place.cluster), note)
}

/// CIDR rules match neither pods nor nodes, and the API server is a node or managed outside.
fn cilium(units: &Units, opened: &Opened, (flows, setting): (&Flows, &Setting<'_>), findings: &mut Vec<Finding>) {
    let inside = |flow: &&Flow| {
        [&flow.client, &flow.server].into_iter().any(|end| match end {
            End::Reserved(Reserved::RemoteNode | Reserved::KubeApiserver) => true,
            End::Pod(pod) => pod.host_network,
            End::Reserved(Reserved::Host | Reserved::World) | End::Address { .. } => false,
        })
    };
    // Of AWS alone it is sure that it is no node.
    let assumed = opened.values().filter(|fars| fars.keys().any(|far| *far != Far::Aws)).count();
    let count = flows.granted.keys().filter(inside).count().saturating_add(assumed);
    if count > 0 && units.keys().any(|unit| unit.peer.as_ref().is_some_and(|peer| peer.ip_block.is_some())) {
        let form = if setting.config.network.cilium { "apply what `--cilium` wrote" } else { "`--cilium` writes these" };
        let note = format!(
            "Cilium's CIDR rules match neither nodes nor, on a node, the API server: these connections need `toEntities`; {form}"
        );
        findings.push(Finding::new(Code::CniCannotHold, about(setting), note).counted(u64::try_from(count).unwrap_or(u64::MAX)));
    }
}

/// Calico compares the addresses of pods with blocks too, so that a pod that was refused may come in, or be reached, by a block.
fn calico(units: &Units, flows: &Flows, setting: &Setting<'_>, findings: &mut Vec<Finding>) {
    let mut blocks: BTreeMap<(&str, Direction, Option<&Port>), Vec<&NetworkPermit>> = BTreeMap::new();
    for unit in units.keys().filter(|unit| unit.peer.as_ref().is_some_and(|peer| peer.ip_block.is_some())) {
        blocks.entry((&unit.namespace, unit.direction, unit.port.as_ref())).or_default().push(unit);
    }
    let known = pod_addresses(setting);
    for flow in &flows.refused {
        let port = Port::number(flow.transport.name(), flow.port);
        for side in sides(flow, setting.namespaces) {
            let Some(pod) = side.other.pod().filter(|pod| !pod.host_network) else { continue };
            let Some(blocks) = blocks.get(&(side.who.namespace.as_str(), side.direction, Some(&port))) else { continue };
            // As one of whom nothing is known but that it has some address, and by the addresses that pods of its namespace had.
            let ends = known.get(pod.namespace.as_str()).into_iter().flatten().map(|address| End::address(*address));
            let by_address = [End::Reserved(Reserved::World)].into_iter().chain(ends).map(|other| match side.direction {
                Direction::Ingress => Flow { client: other, ..flow.clone() },
                Direction::Egress => Flow { server: other, ..flow.clone() },
            });
            let by_address: Vec<Flow> = by_address.collect();
            if let Some(unit) = blocks.iter().find(|unit| by_address.iter().any(|flow| covers(unit, flow))) {
                let note = format!(
                    "{flow}: was only ever refused; Calico compares pods' addresses with blocks too, and lets it pass by {unit}"
                );
                findings.push(Finding::new(Code::CniCannotHold, about(setting), note));
            }
        }
    }
}

/// The addresses that the pods of each namespace were seen with.
fn pod_addresses<'a>(setting: &Setting<'a>) -> BTreeMap<&'a str, Vec<IpAddr>> {
    let mut addresses: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for ((_, address), holders) in setting.inventory.addresses.iter().filter(|((cluster, _), _)| cluster == setting.cluster) {
        for holder in holders.keys() {
            if let Holder::Pod { namespace, .. } = holder {
                addresses.entry(namespace).or_default().push(*address);
            }
        }
    }
    addresses
}
