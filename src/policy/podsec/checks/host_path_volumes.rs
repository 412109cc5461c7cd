//! hostPathVolumes: a pod must not mount the node's files.

use super::Violation;
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
