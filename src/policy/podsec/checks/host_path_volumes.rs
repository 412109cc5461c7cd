//! hostPathVolumes: a pod must not mount the node's files.

use super::super::cel::Uses;
use super::{Violation, restricted_volumes};
use crate::access::pod::Pod;

pub(super) const ID: &str = "hostPathVolumes";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let mounted = pod.spec.volumes.iter().filter(|volume| volume.sources.contains_key("hostPath"));
    mounted
        .map(|volume| Violation {
            check: ID,
            field: format!("spec.volumes[{}].hostPath", volume.name),
            detail: "must not be set".to_owned(),
        })
        .collect()
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    restricted_volumes::use_host_paths(pod, uses);
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let held = restricted_volumes::host_paths(uses);
    Some(format!("object.spec.?volumes.orValue([]).all(v, !has(v.hostPath) || {held})"))
}
