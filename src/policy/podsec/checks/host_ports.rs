//! hostPorts: a container must not take a port of the node.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "hostPorts";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in containers(pod) {
        for port in place.container.ports.iter().filter(|port| port.host_port != 0) {
            let field = place.field(&format!("ports[{}].hostPort", port.container_port));
            violations.push(Violation { check: ID, field, detail: format!("must not be {}", port.host_port) });
        }
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    let ports = containers(pod).flat_map(|place| &place.container.ports);
    ports.filter(|port| port.host_port != 0).for_each(|port| uses.add("port", &port.host_port.to_string()));
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let ports = std::iter::once("0").chain(uses.values("port")).collect::<Vec<_>>().join(", ");
    Some(cel::everywhere(&format!("c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) in [{ports}])")))
}
