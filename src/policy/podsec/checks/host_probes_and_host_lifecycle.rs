//! hostProbesAndHostLifecycle: a probe or hook must connect to its own pod, so that nobody makes a node's kubelet call elsewhere.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Container, Handler, Pod};

pub(super) const ID: &str = "hostProbesAndHostLifecycle";

pub(super) fn since_34(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in containers(pod) {
        for (name, handler) in handlers(place.container) {
            for (kind, target) in [("httpGet", &handler.http_get), ("tcpSocket", &handler.tcp_socket)] {
                if !target.host.is_empty() {
                    let field = place.field(&format!("{name}.{kind}.host"));
                    violations.push(Violation { check: ID, field, detail: format!("must not be {}", target.host) });
                }
            }
        }
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    for (_, handler) in containers(pod).flat_map(|place| handlers(place.container)) {
        let hosts = [&handler.http_get.host, &handler.tcp_socket.host];
        hosts.into_iter().filter(|host| !host.is_empty()).for_each(|host| uses.add("host", host));
    }
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let hosts = cel::texts(std::iter::once("").chain(uses.values("host")));
    let handlers = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle.?postStart", "lifecycle.?preStop"];
    let target = |handler: &str, kind: &str| format!("c.?{handler}.?{kind}.?host.orValue('') in {hosts}");
    let each = handlers.iter().flat_map(|handler| ["httpGet", "tcpSocket"].map(|kind| target(handler, kind)));
    Some(cel::everywhere(&each.collect::<Vec<_>>().join(" && ")))
}

fn handlers(container: &Container) -> [(&'static str, &Handler); 5] {
    [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
        ("lifecycle.postStart", &container.lifecycle.post_start),
        ("lifecycle.preStop", &container.lifecycle.pre_stop),
    ]
}
