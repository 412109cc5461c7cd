//! hostNamespaces: a pod must not share the node's network, processes or IPC.

use super::super::cel::Uses;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "hostNamespaces";

const FIELDS: [&str; 3] = ["hostNetwork", "hostPID", "hostIPC"];

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let namespaces = [pod.spec.host_network, pod.spec.host_p_i_d, pod.spec.host_i_p_c];
    let shared = FIELDS.iter().zip(namespaces).filter(|(_, shared)| *shared);
    shared
        .map(|(field, _)| Violation { check: ID, field: format!("spec.{field}"), detail: "must not be true".to_owned() })
        .collect()
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    let namespaces = [pod.spec.host_network, pod.spec.host_p_i_d, pod.spec.host_i_p_c];
    FIELDS.iter().zip(namespaces).filter(|(_, shared)| *shared).for_each(|(field, _)| uses.add(field, ""));
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let held = FIELDS.iter().filter(|field| !uses.has(field));
    let held: Vec<String> = held.map(|field| format!("object.spec.?{field}.orValue(false) == false")).collect();
    (!held.is_empty()).then(|| held.join(" && "))
}
