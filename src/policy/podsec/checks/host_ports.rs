//! hostPorts: a container must not take a port of the node.

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
