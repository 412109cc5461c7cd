//! A pod without what makes each replica unique, and the workload that it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::access::flow::is_stable_label;
use crate::access::pod::{Metadata, OwnerReference, Pod, Volume, Workload};
use crate::access::shape::kube_stem;

/// Annotations that decide something: profiles as they were written before they were fields, and who scrapes metrics.
const DECIDING_ANNOTATIONS: &[&str] = &[
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "prometheus.io/",
];

/// Reads a pod or a template; `None` where it has no spec, or a known field of it has the wrong type.
pub(super) fn read(object: &Value) -> Option<Pod> {
    let spec = object.get("spec")?.as_object()?;
    let mut pod = Pod::from_json(object).ok()?;
    // The account's older name; where both are set, the newer one wins.
    // <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec>
    if pod.spec.service_account_name.is_empty()
        && let Some(account) = spec.get("serviceAccount").and_then(Value::as_str)
    {
        account.clone_into(&mut pod.spec.service_account_name);
    }
    (!pod.spec.containers.is_empty()).then_some(pod)
}

/// The pod without names, owners, and what controllers and admission add to each replica.
pub(super) fn normal(mut pod: Pod) -> Pod {
    let deciding = |name: &str| DECIDING_ANNOTATIONS.iter().any(|prefix| name.starts_with(prefix));
    let Metadata { labels, annotations, .. } = pod.metadata;
    pod.metadata = Metadata {
        labels: labels.into_iter().filter(|(name, _)| is_stable_label(name)).collect(),
        annotations: annotations.into_iter().filter(|(name, _)| deciding(name)).collect(),
        ..Metadata::default()
    };
    keep_mounts_of_the_node(&mut pod);
    pod.spec.volumes.iter_mut().for_each(normal_volume);
    pod.spec.volumes.sort();
    pod
}

/// Where else volumes are mounted decides nothing, and names an injected token.
fn keep_mounts_of_the_node(pod: &mut Pod) {
    let spec = &mut pod.spec;
    let of_node: BTreeSet<&str> =
        spec.volumes.iter().filter(|volume| volume.sources.contains_key("hostPath")).map(|volume| volume.name.as_str()).collect();
    for container in [&mut spec.containers, &mut spec.init_containers, &mut spec.ephemeral_containers].into_iter().flatten() {
        container.volume_mounts.retain(|mount| of_node.contains(mount.name.as_str()));
    }
}

/// Volumes that are named for one replica lose that name: an injected token, a claim of a stateful set.
fn normal_volume(volume: &mut Volume) {
    let projected = volume.sources.contains_key("projected");
    if projected && volume.name.starts_with("kube-api-access-") {
        volume.name = "kube-api-access".to_owned();
    }
    let stem = kube_stem(&volume.name).filter(|stem| stem.ends_with("-token-"));
    if let Some(stem) = stem.map(|stem| stem.trim_end_matches('-').to_owned())
        && volume.sources.contains_key("secret")
    {
        volume.name = stem;
        volume.sources = BTreeMap::from([("secret".to_owned(), "{}".to_owned())]);
    }
    if let Some(claim) = volume.sources.get_mut("persistentVolumeClaim") {
        *claim = "{}".to_owned();
    }
}

/// The workload that a pod belongs to, as far as the pod itself says.
pub(super) fn workload_of(metadata: &Metadata) -> Option<Workload> {
    let owners = &metadata.owner_references;
    let owner = owners.iter().find(|owner| owner.controller).or_else(|| owners.first());
    let named = |kind: &str, name: &str| Some(Workload { kind: kind.to_owned(), name: name.to_owned() });
    let Some(OwnerReference { kind, name, .. }) = owner else {
        let name = if metadata.generate_name.is_empty() { &metadata.name } else { &metadata.generate_name };
        let name = name.trim_end_matches('-');
        return if name.is_empty() { None } else { named("Pod", name) };
    };
    match kind.as_str() {
        "ReplicaSet" => {
            let hash = metadata.labels.get("pod-template-hash").filter(|hash| !hash.is_empty());
            match hash.and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-')) {
                Some(deployment) => named("Deployment", deployment),
                None => named("ReplicaSet", name),
            }
        }
        // A cron job names its jobs by the scheduled minute.
        "Job" => match name.rsplit_once('-') {
            Some((cron, minute)) if minute.len() >= 8 && minute.bytes().all(|byte| byte.is_ascii_digit()) => {
                named("CronJob", cron)
            }
            _ => named("Job", name),
        },
        // A static pod carries its node's name.
        "Node" => {
            named("Pod", metadata.name.strip_suffix(name.as_str()).map_or(&metadata.name, |stem| stem.trim_end_matches('-')))
        }
        kind => named(kind, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_name_of_the_account_and_mounts_of_the_node_are_read() {
        let read = |spec: &str| read(&serde_json::from_str(&format!(r#"{{"spec":{spec}}}"#)).expect(spec)).map(normal);
        let account = |spec: &str| read(spec).map(|pod| pod.spec.service_account_name).unwrap_or_default();
        assert_eq!(account(r#"{"containers":[{}],"serviceAccount":"old"}"#), "old");
        assert_eq!(account(r#"{"containers":[{}],"serviceAccount":"old","serviceAccountName":"new"}"#), "new");
        let mounts = r#"{"containers":[{"volumeMounts":[{"name":"token"},{"name":"logs","readOnly":true}]}],
            "volumes":[{"name":"token","projected":{}},{"name":"logs","hostPath":{"path":"/var/log"}}]}"#;
        let pod = read(mounts).expect("a pod");
        let kept: Vec<_> =
            pod.spec.containers[0].volume_mounts.iter().map(|mount| (mount.name.as_str(), mount.read_only)).collect();
        assert_eq!(kept, [("logs", true)]);
        // A field of the wrong type could look safe if it were left out.
        assert_eq!(read(r#"{"containers":[{}],"hostNetwork":"true"}"#), None);
    }

    #[test]
    fn owners_become_workloads() {
        let table = [
            (
                r#"{"ownerReferences":[{"kind":"ReplicaSet","name":"web-7f5","controller":true}],"labels":{"pod-template-hash":"7f5"}}"#,
                "Deployment/web",
            ),
            (r#"{"ownerReferences":[{"kind":"ReplicaSet","name":"bare"}]}"#, "ReplicaSet/bare"),
            (r#"{"ownerReferences":[{"kind":"Job","name":"nightly-29920321"}]}"#, "CronJob/nightly"),
            (r#"{"ownerReferences":[{"kind":"Job","name":"migrate-2"}]}"#, "Job/migrate-2"),
            (r#"{"ownerReferences":[{"kind":"Node","name":"n1"}],"name":"etcd-n1"}"#, "Pod/etcd"),
            (r#"{"ownerReferences":[{"kind":"Rollout","name":"r"}]}"#, "Rollout/r"),
            (r#"{"name":"one"}"#, "Pod/one"),
            (r#"{"generateName":"run-","name":"run-x2x7k"}"#, "Pod/run"),
        ];
        for (json, expected) in table {
            let metadata: Metadata = serde_json::from_str(json).expect(json);
            assert_eq!(workload_of(&metadata).map(|workload| workload.to_string()).as_deref(), Some(expected), "{json}");
        }
        assert_eq!(workload_of(&Metadata::default()), None);
    }
}
