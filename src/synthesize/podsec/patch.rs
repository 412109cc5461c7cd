//! A workload's patch towards `restricted`: a strategic-merge document, and what it leaves to a person.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::change::Change;
use crate::access::identity::is_object_name;
use crate::access::pod::{Pod, Workload};
use crate::config::KubeVersion;
use crate::policy::podsec::{Level, Violation, strictest, violations};
use crate::policy::set::PodPatch;

/// What keeps a workload from `restricted` and how far a patch lifts it. `pods` are the specs that count, `all` those and less
/// trustworthy ones of the same workload. A container that is not in all of them was injected at admission or belongs to another
/// revision: no patch touches it.
pub(super) fn patch(
    (cluster, namespace): (&str, &str),
    workload: &Workload,
    pods: &[&Pod],
    all: &[&Pod],
    version: KubeVersion,
) -> PodPatch {
    let found = judged(pods.iter().map(|pod| violations(Level::Restricted, version, pod)));
    let change = Change::towards_restricted(pods, all, &found);
    let lifted = judged(pods.iter().map(|pod| violations(Level::Restricted, version, &change.applied(pod))));
    // A patch that lifts nothing is none.
    let shape = if change.is_empty() || lifted == found { None } else { shape(&workload.kind) };
    let strictest_of = |pod: &dyn Fn(&Pod) -> Level| pods.iter().map(|one| pod(one)).min().unwrap_or(Level::Privileged);
    let level = strictest_of(&|pod| strictest(version, pod));
    let patched = if shape.is_some() { strictest_of(&|pod| strictest(version, &change.applied(pod))) } else { level };
    let (patch, assumed_fields, remaining) = match shape {
        Some((api_version, path)) => (
            Some(document(api_version, path, namespace, workload, &change)),
            change.assumed(pods).into_iter().map(|field| format!("{}.{field}", path.join("."))).collect(),
            lifted,
        ),
        None => (None, Vec::new(), found.clone()),
    };
    PodPatch {
        cluster: cluster.to_owned(),
        namespace: namespace.to_owned(),
        workload: workload.clone(),
        level,
        patched,
        violations: found,
        patch,
        assumed_fields,
        remaining,
    }
}

/// Each violation once, in order.
fn judged(found: impl Iterator<Item = Vec<Violation>>) -> Vec<Violation> {
    found.flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The API version of a kind and where its pods' spec stands; `None` for a kind that is not known, such as a custom resource.
fn shape(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    let template: &[&str] = &["spec", "template", "spec"];
    match kind {
        "Pod" => Some(("v1", &["spec"])),
        "PodTemplate" => Some(("v1", &["template", "spec"])),
        "ReplicationController" => Some(("v1", template)),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => Some(("apps/v1", template)),
        "Job" => Some(("batch/v1", template)),
        "CronJob" => Some(("batch/v1", &["spec", "jobTemplate", "spec", "template", "spec"])),
        _ => None,
    }
}

/// The patch as a document that `kubectl patch --patch-file` and kustomize both take.
/// <https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/>
fn document(api_version: &str, path: &[&str], namespace: &str, workload: &Workload, change: &Change<'_>) -> Value {
    let spec = path.iter().rev().fold(spec(change), |inner, name| json!({ *name: inner }));
    let mut document = json!({ "apiVersion": api_version, "kind": workload.kind });
    if let (Value::Object(document), Value::Object(spec)) = (&mut document, spec) {
        // A bare pod's name may be known only by its generated stem (`web-`), which names no object.
        if is_object_name(&workload.name) && !workload.name.ends_with('-') {
            document.insert("metadata".to_owned(), json!({ "name": workload.name, "namespace": namespace }));
        }
        document.extend(spec);
    }
    document
}

fn spec(change: &Change<'_>) -> Value {
    let mut spec = Map::new();
    let of_pod = security_context(change.run_as_non_root, change.confine);
    if !of_pod.is_empty() {
        spec.insert("securityContext".to_owned(), Value::Object(of_pod));
    }
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for ((list, name), change) in &change.containers {
        let mut context = security_context(change.run_as_non_root, change.confine);
        if change.forbid_escalation {
            context.insert("allowPrivilegeEscalation".to_owned(), json!(false));
        }
        if change.drop_all {
            context.insert("capabilities".to_owned(), json!({ "drop": ["ALL"] }));
        }
        lists.entry(list).or_default().push(json!({ "name": name, "securityContext": context }));
    }
    spec.extend(lists.into_iter().map(|(list, containers)| (list.to_owned(), Value::Array(containers))));
    Value::Object(spec)
}

fn security_context(run_as_non_root: bool, confine: bool) -> Map<String, Value> {
    let mut context = Map::new();
    if run_as_non_root {
        context.insert("runAsNonRoot".to_owned(), json!(true));
    }
    if confine {
        context.insert("seccompProfile".to_owned(), json!({ "type": "RuntimeDefault" }));
    }
    context
}
