//! Holes of a Kubernetes audit log, by cluster, and whether an audit policy would close them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::coverage::AuditCoverage;
use super::super::identity::Identity;
use super::super::inventory::{Inventory, Place, WorkloadSeen};
use super::super::kube::pod_of;
use super::super::pod::PodBasis;
use crate::finding::{Code, Finding};

/// How many pods, and how many cron jobs, a finding names.
const NAMES_MAX: usize = 3;

/// The labels by which a namespace asks for its pods to be checked.
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces>
const MODES: &[&str] = &["enforce", "audit", "warn"];

/// Whether an audit policy of the cluster's API server closes holes of this kind.
pub(super) fn policy_closes(code: Code) -> bool {
    matches!(code, Code::ReadsMissing | Code::BodiesMissing | Code::BodiesTruncated | Code::ResponseMissing | Code::PodsOlder)
}

/// What one cluster's log could not have shown.
pub(super) fn holes(cluster: &str, audit: &AuditCoverage, inventory: &Inventory) -> Vec<Finding> {
    let mut holes = Vec::new();
    let about = format!("cluster {cluster}");
    let mut say = |code: Code, note: &str, count: u64| holes.push(Finding::new(code, about.clone(), note).counted(count));
    if let Some(note) = reads_missing(audit) {
        say(Code::ReadsMissing, note, 0);
    }
    let bodiless = audit.pod_writes.saturating_sub(audit.pod_specs);
    if bodiless > 0 {
        let note = "writes of pods and controllers were recorded without their bodies: record pods, workloads, services and namespaces at level RequestResponse";
        say(Code::BodiesMissing, note, bodiless);
    }
    if audit.pod_writes == 0 && is_metadata(audit) {
        let note = "every event was recorded at level Metadata: pods, services and what Pod Security and network rules need are invisible; record pods, workloads, services and namespaces at level RequestResponse";
        say(Code::BodiesMissing, note, 0);
    }
    if audit.rights_without_body > 0 {
        let note = "roles, bindings or approvals of certificates were written without their bodies: what must be held to write them (each rule of the role, `bind`, `approve`) is unknown and not granted; record rbac.authorization.k8s.io and certificates.k8s.io at level RequestResponse";
        say(Code::BodiesMissing, note, audit.rights_without_body);
    }
    if audit.truncated > 0 {
        let note = "the backend cut bodies of large events: raise its size limit or exclude the noisy resources";
        say(Code::BodiesTruncated, note, audit.truncated);
    }
    if audit.left_out > 0 {
        let note = "the platform left bodies out for their size (`skipped-too-big-size-object`): no setting brings them back; hand in the objects that are missing by `--snapshot`";
        say(Code::BodiesLeftOut, note, audit.left_out);
    }
    holes.extend(older(cluster, audit, inventory));
    holes.extend(not_run(cluster, inventory));
    holes.extend(hidden(cluster, audit, inventory));
    holes
}

/// What is missing of reads, and where to switch it on.
fn reads_missing(audit: &AuditCoverage) -> Option<&'static str> {
    match (audit.reads, audit.watches) {
        (0, _) if audit.levels.keys().eq([""]) => Some(
            "no get, list or watch was recorded: what workloads read is unknown; switch the Data Access audit logs of the Kubernetes Engine API on (DATA_READ, ADMIN_READ)",
        ),
        (0, _) => Some(
            "no get, list or watch was recorded: what workloads read is unknown; on GKE switch Data Access logs on, on AKS use kube-audit",
        ),
        (reads, watches) if reads == watches => Some(
            "no get or list was recorded, only watches: what workloads read is unknown; on AKS take the category kube-audit, for kube-audit-admin leaves get and list out",
        ),
        _ => None,
    }
}

fn is_metadata(audit: &AuditCoverage) -> bool {
    !audit.levels.is_empty() && audit.levels.keys().all(|level| level == "Metadata")
}

/// A few names and how many more, for a person.
fn some_of(names: &[String], more: bool) -> String {
    let mut shown = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    let left = names.len().saturating_sub(NAMES_MAX);
    if left > 0 || more {
        shown.push_str(&format!(" and {}{left} more", if more { "at least " } else { "" }));
    }
    shown
}

/// Pods that act and that no record shows. Where no pod at all could be seen, missing bodies are the reason, not age.
fn older(cluster: &str, audit: &AuditCoverage, inventory: &Inventory) -> Option<Finding> {
    if is_metadata(audit) || (audit.pod_specs == 0 && audit.pod_writes > 0) {
        return None;
    }
    let unknown = |(pod, _): &(&String, &u64)| {
        let Some((namespace, name)) = pod_of(pod) else { return false };
        let place = Place { cluster: cluster.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() };
        !inventory.pod_owners.contains_key(&place)
    };
    let unseen: Vec<(&String, &u64)> = audit.pods.kept.iter().filter(unknown).collect();
    let names: Vec<String> = unseen.iter().map(|(pod, _)| pod.trim_start_matches("pod/").to_owned()).collect();
    let count = unseen.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(**count));
    (!names.is_empty()).then(|| {
        let note = format!(
            "pods acted that were made before the recording began, so neither their owner nor their spec is in it: {}; restart them while recording, or hand in what the cluster holds now: `kubectl get pods,deployments,statefulsets,daemonsets,jobs,cronjobs,services,nodes,namespaces -A -o yaml > DIR/cluster.yaml` and `--snapshot DIR`",
            some_of(&names, audit.pods.more)
        );
        Finding::new(Code::PodsOlder, format!("cluster {cluster}"), note).counted(count)
    })
}

/// Cron jobs of which no pod was seen: what they do is not in the log.
fn not_run(cluster: &str, inventory: &Inventory) -> Option<Finding> {
    let owned = inventory.pod_owners.iter().flat_map(|(pod, owners)| owners.iter().map(move |owner| (pod, owner)));
    let owners = owned.map(|(pod, owner)| (&pod.cluster, &pod.namespace, &owner.kind, &owner.name));
    let workloads = inventory.workloads.iter().filter(|(_, seen)| seen.basis > PodBasis::Template);
    let workloads = workloads.map(|((place, kind), _)| (&place.cluster, &place.namespace, kind, &place.name));
    let ran: BTreeSet<(&String, &String, &String)> = owners
        .chain(workloads)
        .filter(|(_, _, kind, _)| *kind == "CronJob")
        .map(|(cluster, namespace, _, name)| (cluster, namespace, name))
        .collect();
    let idle = inventory
        .schedules
        .iter()
        .filter(|(place, _)| place.cluster == cluster && !ran.contains(&(&place.cluster, &place.namespace, &place.name)));
    let names: Vec<String> = idle.map(|(place, schedule)| format!("{}/{} (`{schedule}`)", place.namespace, place.name)).collect();
    (!names.is_empty()).then(|| {
        let note = format!(
            "no pod of these cron jobs was seen, so what they do is not in the log: {}; record until they are due, or run each with `kubectl create job --from=cronjob/NAME` while recording",
            some_of(&names, false)
        );
        let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
        Finding::new(Code::CronNotRun, format!("cluster {cluster}"), note).counted(count)
    })
}

/// Namespaces whose pods no body shows and no label has checked: then not even an annotation tells what they violate.
fn hidden(cluster: &str, audit: &AuditCoverage, inventory: &Inventory) -> Vec<Finding> {
    let none = BTreeMap::new();
    let is_hidden = |(namespace, _): &(&String, &u64)| {
        let key = (cluster.to_owned(), (*namespace).clone());
        let labels = inventory.namespaces.get(&key).unwrap_or(&none);
        let level = |mode: &&str| labels.get(&format!("pod-security.kubernetes.io/{mode}"));
        let checked = MODES.iter().filter_map(level).any(|level| level != "privileged");
        let seen = |((place, _), seen): (&(Place, String), &WorkloadSeen)| {
            place.cluster == cluster && place.namespace == **namespace && seen.basis > PodBasis::Template
        };
        !checked && !inventory.pod_violations.contains_key(&key) && !inventory.workloads.iter().any(seen)
    };
    let find = |(namespace, count): (&String, &u64)| {
        let note = "pods were written without bodies, and no label of the namespace has them checked: label it `pod-security.kubernetes.io/audit=restricted` in staging, then events say even at level Metadata what each pod violates";
        Finding::new(Code::ViolationsHidden, Identity::namespace(cluster, namespace).to_string(), note).counted(*count)
    };
    audit.without_spec.kept.iter().filter(is_hidden).map(find).collect()
}
