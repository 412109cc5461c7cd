//! restrictedVolumes: a pod may mount only kinds of volumes that don't reach the node or a storage system directly.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "restrictedVolumes";

const ALLOWED: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];

/// Every other source that the API knows, `hostPath` aside.
const FORBIDDEN: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

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

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    use_host_paths(pod, uses);
    let sources = pod.spec.volumes.iter().flat_map(|volume| volume.sources.keys()).map(String::as_str);
    sources.filter(|source| !ALLOWED.contains(source) && *source != "hostPath").for_each(|source| uses.add("volume", source));
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    // A source becomes a part of the expression itself. One that the API server does not know it drops before admission.
    let beyond = FORBIDDEN.iter().copied().filter(|kind| uses.values("volume").any(|used| used == *kind));
    let kinds = ALLOWED.iter().copied().chain(beyond);
    let mut held: Vec<String> = kinds.map(|kind| format!("has(v.{kind})")).collect();
    if uses.has(PATH) {
        held.push(format!("has(v.hostPath) && {}", host_paths(uses)));
    }
    let volumes = format!("object.spec.?volumes.orValue([]).all(v, {})", held.join(" || "));
    Some(if uses.has(PATH) { format!("{volumes} && {}", read_only_mounts(uses)) } else { volumes })
}

const PATH: &str = "hostPath";
const WRITTEN: &str = "writes to hostPath";

/// The node's paths that are mounted, and those of them that are mounted to be written.
pub(super) fn use_host_paths(pod: &Pod, uses: &mut Uses) {
    for volume in &pod.spec.volumes {
        let Some(source) = volume.sources.get("hostPath") else { continue };
        let source: serde_json::Value = serde_json::from_str(source).unwrap_or_default();
        let path = source.get("path").and_then(serde_json::Value::as_str).unwrap_or_default();
        uses.add(PATH, path);
        let mut mounts = containers(pod).flat_map(|place| &place.container.volume_mounts);
        if mounts.any(|mount| mount.name == volume.name && !mount.read_only) {
            uses.add(WRITTEN, path);
        }
    }
}

/// The condition that the volume `v` mounts no other path of the node.
pub(super) fn host_paths(uses: &Uses) -> String {
    format!("v.?hostPath.?path.orValue('') in {}", cel::texts(uses.values(PATH)))
}

/// The condition that whatever was only read is mounted to be read.
fn read_only_mounts(uses: &Uses) -> String {
    let written = cel::texts(uses.values(WRITTEN));
    let of_node = format!("v.name == m.name && has(v.hostPath) && !(v.?hostPath.?path.orValue('') in {written})");
    cel::everywhere(&format!(
        "c.?volumeMounts.orValue([]).all(m, m.?readOnly.orValue(false) || !object.spec.?volumes.orValue([]).exists(v, {of_node}))"
    ))
}
