//! What Kubernetes audit events say about the recording: by cluster, how much was seen of what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::trail::Capped;
use super::{Span, add_counts};
use crate::access::times::Times;

/// A Kubernetes audit event, its time aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditSighting {
    /// The cluster.
    pub cluster: String,
    /// Whether the wrapper or an option named the cluster.
    pub cluster_named: bool,
    /// The audit level; empty where the form carries none (GKE).
    pub level: String,
    /// Whether it read or wrote.
    pub reach: Reach,
    /// What became of the bodies on their way.
    pub bodies: Bodies,
    /// What it wrote, where that matters.
    pub wrote: Wrote,
    /// The pod whose credentials it carried, as `pod/NAMESPACE/NAME`; empty where nothing says so.
    pub pod: String,
}

/// Whether an event read or wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Reads once: get, list.
    Read,
    /// Reads on and on: watch.
    Watch,
    /// Writes.
    Write,
}

/// What became of an event's bodies between the API server and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bodies {
    /// They are as the audit level has them.
    AsLevel,
    /// The backend cut them off (`audit.k8s.io/truncated`).
    Cut,
    /// The platform left them out for their size (AKS).
    LeftOut,
}

/// What an event wrote, as far as what can be told from a recording depends on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrote {
    /// Nothing, or nothing of these.
    Other,
    /// A new pod or controller, with its spec.
    Pod,
    /// A new pod or controller whose spec the event does not carry, in this namespace.
    PodWithoutSpec(String),
    /// A role, a binding, an approval, without the body that says what must be held to write it.
    RightsWithoutBody,
}

/// What was seen of one cluster's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditCoverage {
    /// Whether any record's cluster was named (by its wrapper or by `--cluster`).
    pub named: bool,
    /// Whether any record named none.
    pub unnamed: bool,
    /// Events by audit level; the empty level is a form that carries none.
    pub levels: BTreeMap<String, u64>,
    /// Events that read, watches among them.
    pub reads: u64,
    /// Watches.
    #[serde(default)]
    pub watches: u64,
    /// Events that write.
    pub writes: u64,
    /// Events whose bodies the backend cut.
    pub truncated: u64,
    /// Events whose bodies the platform left out for their size.
    #[serde(default)]
    pub left_out: u64,
    /// Writes of pods and controllers.
    pub pod_writes: u64,
    /// Those that carried a spec.
    pub pod_specs: u64,
    /// Those that did not, by namespace.
    #[serde(default)]
    pub without_spec: Capped<u64>,
    /// Writes of roles, bindings and approvals without the body that says what they take.
    #[serde(default)]
    pub rights_without_body: u64,
    /// Events by the pod whose credentials they carried.
    #[serde(default)]
    pub pods: Capped<u64>,
    /// When.
    pub span: Span,
}

impl AuditCoverage {
    pub(super) fn insert(&mut self, sighting: &AuditSighting, times: &Times) {
        let records = times.count;
        self.named |= sighting.cluster_named;
        self.unnamed |= !sighting.cluster_named;
        match self.levels.get_mut(&sighting.level) {
            Some(count) => *count += records,
            None => drop(self.levels.insert(sighting.level.clone(), records)),
        }
        *(if sighting.reach == Reach::Write { &mut self.writes } else { &mut self.reads }) += records;
        let counted = |told: bool| if told { records } else { 0 };
        self.watches += counted(sighting.reach == Reach::Watch);
        self.truncated += counted(sighting.bodies == Bodies::Cut);
        self.left_out += counted(sighting.bodies == Bodies::LeftOut);
        match &sighting.wrote {
            Wrote::Other => {}
            Wrote::Pod => {
                self.pod_writes += records;
                self.pod_specs += records;
            }
            Wrote::PodWithoutSpec(namespace) => {
                self.pod_writes += records;
                self.without_spec.update(namespace, |count| *count += records);
            }
            Wrote::RightsWithoutBody => self.rights_without_body += records,
        }
        if !sighting.pod.is_empty() {
            self.pods.update(&sighting.pod, |count| *count += records);
        }
        self.span.insert_times(times);
    }

    pub(super) fn merge(&mut self, other: &AuditCoverage) {
        self.named |= other.named;
        self.unnamed |= other.unnamed;
        add_counts(&mut self.levels, &other.levels);
        self.reads += other.reads;
        self.watches += other.watches;
        self.writes += other.writes;
        self.truncated += other.truncated;
        self.left_out += other.left_out;
        self.pod_writes += other.pod_writes;
        self.pod_specs += other.pod_specs;
        self.without_spec.merge(&other.without_spec, |mine, theirs| *mine += theirs);
        self.rights_without_body += other.rights_without_body;
        self.pods.merge(&other.pods, |mine, theirs| *mine += theirs);
        self.span.merge(&other.span);
    }
}
