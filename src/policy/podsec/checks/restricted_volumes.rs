//! restrictedVolumes: a pod may mount only kinds of volumes that don't reach the node or a storage system directly.

use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "restrictedVolumes";

const ALLOWED: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];

/// A volume without a source passes: the API server makes it an `emptyDir`, which a manifest or a request doesn't show yet.
/// A source that is not known here counts as forbidden: what is not understood is never taken for safe.
pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    for volume in &pod.spec.volumes {
        for source in volume.sources.keys().filter(|source| !ALLOWED.contains(&source.as_str())) {
            let field = format!("spec.volumes[{}].{source}", volume.name);
            violations.push(Violation { check: ID, field, detail: "kind of volume is not allowed".to_owned() });
        }
    }
    violations
}
