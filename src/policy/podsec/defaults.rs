//! The API server's defaults, applied before a pod is judged: admission sees the pod after defaulting, a log may show it before.

use std::borrow::Cow;

use crate::access::pod::{Container, Pod};

/// The pod with the one default that a check depends on: under `hostNetwork`, a port of a container or init container is the same
/// port of the node. (A volume without a source becomes an `emptyDir`; no check objects to either.)
/// <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container> (`ports.hostPort`)
pub(super) fn defaulted(pod: &Pod) -> Cow<'_, Pod> {
    if !pod.spec.host_network {
        return Cow::Borrowed(pod);
    }
    let mut pod = pod.clone();
    publish_ports(&mut pod.spec.containers);
    publish_ports(&mut pod.spec.init_containers);
    Cow::Owned(pod)
}

fn publish_ports(containers: &mut [Container]) {
    for port in containers.iter_mut().flat_map(|container| &mut container.ports) {
        if port.host_port == 0 {
            port.host_port = port.container_port;
        }
    }
}
