//! The one way to visit a pod's containers, so that no check forgets a kind of them.

use crate::access::pod::{Container, Pod};

/// A container and where it stands.
pub(super) struct Place<'a> {
    /// The container.
    pub(super) container: &'a Container,
    list: &'static str,
}

impl Place<'_> {
    /// The path of one of its fields, such as `spec.containers[web].securityContext.privileged`.
    pub(super) fn field(&self, rest: &str) -> String {
        format!("spec.{}[{}].{rest}", self.list, self.container.name)
    }
}

/// Init containers (sidecars among them), containers, ephemeral containers.
pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = Place<'_>> {
    let lists = [
        ("initContainers", &pod.spec.init_containers),
        ("containers", &pod.spec.containers),
        ("ephemeralContainers", &pod.spec.ephemeral_containers),
    ];
    lists.into_iter().flat_map(|(list, containers)| containers.iter().map(move |container| Place { container, list }))
}
