//! hostProbesAndHostLifecycle: a probe or hook must connect to its own pod, so that nobody makes a node's kubelet call elsewhere.

use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "hostProbesAndHostLifecycle";

pub(super) fn since_34(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in containers(pod) {
        let container = place.container;
        let handlers = [
            ("livenessProbe", &container.liveness_probe),
            ("readinessProbe", &container.readiness_probe),
            ("startupProbe", &container.startup_probe),
            ("lifecycle.postStart", &container.lifecycle.post_start),
            ("lifecycle.preStop", &container.lifecycle.pre_stop),
        ];
        for (name, handler) in handlers {
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
