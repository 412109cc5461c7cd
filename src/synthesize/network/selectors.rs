//! The pods of a cluster as selectors name them: each workload that the inventory or a flow shows, and the fewest labels that tell it
//! from its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::flow::{Labels, PodEnd, is_stable_label};
use crate::access::inventory::Inventory;
use crate::access::pod::Workload;
use crate::policy::network::selector;
use crate::policy::rbac::{LabelSelector, Requirement};

use super::topology::{is_label_key, own_selector};

/// Pods that a policy is written for: those of one workload, or those with the same labels where the owner is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) namespace: String,
    pub(super) workload: Option<Workload>,
    /// Empty where the workload is known.
    labels: Labels,
}

impl Who {
    /// `None` for a pod that shares its node's network: no policy holds for it, and no selector finds it.
    pub(super) fn of(pod: &PodEnd) -> Option<Self> {
        let labels = if pod.workload.is_some() { Labels::new() } else { pod.labels.clone() };
        (!pod.host_network).then(|| Who { namespace: pod.namespace.clone(), workload: pod.workload.clone(), labels })
    }

    /// The pods of a workload.
    pub(super) fn of_workload(namespace: &str, workload: &Workload) -> Self {
        Who { namespace: namespace.to_owned(), workload: Some(workload.clone()), labels: Labels::new() }
    }

    /// The workload, or the labels, for a person.
    pub(super) fn shown(&self) -> String {
        match &self.workload {
            Some(workload) => format!("{workload} in {}", self.namespace),
            None => format!("pods with the labels of {} in {}", self.label(), self.namespace),
        }
    }

    fn label(&self) -> String {
        self.labels.iter().next().map_or_else(String::new, |(key, value)| format!("{key}={value}"))
    }
}

/// Every group of pods with the labels that all of its pods carry.
#[derive(Debug, Default)]
pub(super) struct Pods {
    labels: BTreeMap<Who, Labels>,
    selectors: BTreeMap<Who, LabelSelector>,
}

impl Pods {
    /// Those of the inventory and those at the ends of flows.
    pub(super) fn of<'a>(cluster: &str, inventory: &Inventory, ends: impl Iterator<Item = &'a PodEnd>) -> Self {
        let mut pods = Pods::default();
        for pod in ends {
            if let Some(who) = Who::of(pod) {
                pods.insert(who, pod.labels.clone());
            }
        }
        for ((place, kind), seen) in inventory.workloads.iter().filter(|((place, _), _)| place.cluster == cluster) {
            if !seen.pod.spec.host_network {
                let workload = Workload { kind: kind.clone(), name: place.name.clone() };
                let mut labels = seen.pod.metadata.labels.clone();
                labels.retain(|name, _| is_stable_label(name));
                pods.insert(Who::of_workload(&place.namespace, &workload), labels);
            }
        }
        let mut neighbours: BTreeMap<&str, Vec<(&Who, &Labels)>> = BTreeMap::new();
        for (who, labels) in &pods.labels {
            neighbours.entry(&who.namespace).or_default().push((who, labels));
        }
        let mut selectors = BTreeMap::new();
        for (who, labels) in &pods.labels {
            let all = neighbours.get(who.namespace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let others: Vec<&Labels> = all.iter().filter(|(other, _)| *other != who).map(|(_, labels)| *labels).collect();
            selectors.insert(who.clone(), exact(&who.namespace, labels, &others));
        }
        pods.selectors = selectors;
        pods
    }

    /// Of one group only the labels that every pod of it was seen with.
    fn insert(&mut self, who: Who, labels: Labels) {
        match self.labels.entry(who) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(labels);
            }
            std::collections::btree_map::Entry::Occupied(mut kept) => {
                kept.get_mut().retain(|key, value| labels.get(key) == Some(value));
            }
        }
    }

    /// Every group.
    pub(super) fn all(&self) -> impl Iterator<Item = &Who> {
        self.labels.keys()
    }

    /// What selects the group; empty, which is every pod of the namespace, where it has no labels that Kubernetes would take.
    pub(super) fn selector(&self, who: &Who) -> LabelSelector {
        self.selectors.get(who).cloned().unwrap_or_default()
    }

    /// The labels of the group.
    pub(super) fn labels(&self, who: &Who) -> Option<&Labels> {
        self.labels.get(who)
    }
}

/// The fewest labels, and where all of a group's labels are found on a neighbour too, the absence of what that one has beyond them.
fn exact(namespace: &str, labels: &Labels, others: &[&Labels]) -> LabelSelector {
    let chosen = own_selector(namespace, labels, others);
    if chosen.is_empty() {
        return LabelSelector::default();
    }
    let is_taken = |other: &&&Labels| chosen.iter().all(|(key, value)| other.get(key) == Some(value));
    let beyond = |other: &&Labels| other.keys().find(|key| !labels.contains_key(*key) && is_label_key(key)).cloned();
    let keys: BTreeSet<String> = others.iter().filter(is_taken).filter_map(beyond).collect();
    let absent = |key: String| Requirement { key, operator: "DoesNotExist".to_owned(), values: Vec::new() };
    LabelSelector { match_expressions: keys.into_iter().map(absent).collect(), ..selector(chosen) }
}
