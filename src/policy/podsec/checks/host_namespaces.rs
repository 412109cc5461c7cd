//! hostNamespaces: a pod must not share the node's network, processes or IPC.

use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "hostNamespaces";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let namespaces = [("hostNetwork", pod.spec.host_network), ("hostPID", pod.spec.host_p_i_d), ("hostIPC", pod.spec.host_i_p_c)];
    let shared = namespaces.into_iter().filter(|(_, shared)| *shared);
    shared
        .map(|(field, _)| Violation { check: ID, field: format!("spec.{field}"), detail: "must not be true".to_owned() })
        .collect()
}
