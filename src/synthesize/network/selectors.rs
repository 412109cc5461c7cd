//! The pods of a cluster as selectors name them: each workload that the inventory or a flow shows, and the fewest labels that tell it
//! from its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::flow::{Labels, PodEnd, is_stable_label};
use crate::access::inventory::Inventory;
use crate::access::pod::Workload;
use crate::policy::network::selector;
use crate::policy::rbac::{LabelSelector, Requirement};

use super::observed::EXAMPLES_MAX;
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

/// The labels of one group's pods.
#[derive(Debug, Default)]
struct Carried {
    /// Those that every pod of it was seen with.
    all: Labels,
    /// Every value that some pod of it was seen with.
    some: BTreeMap<String, BTreeSet<String>>,
}

impl Carried {
    fn new(labels: &Labels) -> Self {
        let some = labels.iter().map(|(key, value)| (key.clone(), BTreeSet::from([value.clone()])));
        Carried { all: labels.clone(), some: some.collect() }
    }

    fn add(&mut self, labels: Labels) {
        self.all.retain(|key, value| labels.get(key) == Some(value));
        for (key, value) in labels {
            self.some.entry(key).or_default().insert(value);
        }
    }

    /// Whether every pod of the group is among those of a selector.
    fn is_taken_whole(&self, selector: &LabelSelector) -> bool {
        selector.match_labels.iter().all(|(key, value)| self.all.get(key) == Some(value))
            && selector.match_expressions.iter().all(|absent| !self.some.contains_key(&absent.key))
    }

    /// Whether a pod of the group may be among those of a selector.
    fn is_touched(&self, selector: &LabelSelector) -> bool {
        let has = |(key, value): (&String, &String)| self.some.get(key).is_some_and(|values| values.contains(value));
        selector.match_labels.iter().all(has)
            && selector.match_expressions.iter().all(|absent| !self.all.contains_key(&absent.key))
    }
}

/// The other workloads that a selector takes in too.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How many.
    pub(super) count: u64,
    /// The first of them.
    pub(super) examples: Vec<String>,
}

/// Every group of pods with the labels that its pods carry.
#[derive(Debug, Default)]
pub(super) struct Pods {
    groups: BTreeMap<Who, Carried>,
    selectors: BTreeMap<Who, LabelSelector>,
    shared: BTreeMap<Who, Shared>,
    /// The groups of each selector of a namespace.
    selected: BTreeMap<String, BTreeMap<LabelSelector, Vec<Who>>>,
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
        pods.select();
        pods
    }

    /// Chooses the selectors, now that every neighbour is known.
    fn select(&mut self) {
        let mut neighbours: BTreeMap<&str, Vec<(&Who, &Carried)>> = BTreeMap::new();
        for (who, carried) in &self.groups {
            neighbours.entry(&who.namespace).or_default().push((who, carried));
        }
        for (who, carried) in &self.groups {
            let all = neighbours.get(who.namespace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let others: Vec<&Labels> = all.iter().filter(|(other, _)| *other != who).map(|(_, carried)| &carried.all).collect();
            let selector = exact(&who.namespace, carried, &others);
            let shared = shared(who, &selector, all);
            if shared.count > 0 {
                self.shared.insert(who.clone(), shared);
            }
            let selected = self.selected.entry(who.namespace.clone()).or_default();
            selected.entry(selector.clone()).or_default().push(who.clone());
            self.selectors.insert(who.clone(), selector);
        }
    }

    /// Of one group all labels, and those that every pod of it was seen with.
    fn insert(&mut self, who: Who, labels: Labels) {
        match self.groups.entry(who) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Carried::new(&labels));
            }
            std::collections::btree_map::Entry::Occupied(mut kept) => kept.get_mut().add(labels),
        }
    }

    /// Every group.
    pub(super) fn all(&self) -> impl Iterator<Item = &Who> {
        self.groups.keys()
    }

    /// What selects the group; empty, which is every pod of the namespace, where it has no labels that Kubernetes would take.
    pub(super) fn selector(&self, who: &Who) -> LabelSelector {
        self.selectors.get(who).cloned().unwrap_or_default()
    }

    /// The labels of the group.
    pub(super) fn labels(&self, who: &Who) -> Option<&Labels> {
        self.groups.get(who).map(|carried| &carried.all)
    }

    /// The other workloads whose pods the group's selector takes in; `None` where it takes in none.
    pub(super) fn shared(&self, who: &Who) -> Option<&Shared> {
        self.shared.get(who)
    }

    /// The selectors of other groups that take in every pod that this one was chosen for.
    pub(super) fn wider(&self, namespace: &str, selector: &LabelSelector) -> Vec<&LabelSelector> {
        let Some(selected) = self.selected.get(namespace) else { return Vec::new() };
        let Some(groups) = selected.get(selector) else { return Vec::new() };
        let takes = |wider: &&LabelSelector| {
            *wider != selector
                && groups.iter().filter_map(|who| self.groups.get(who)).all(|carried| carried.is_taken_whole(wider))
        };
        selected.keys().filter(takes).collect()
    }
}

/// The fewest labels, and where all of a group's labels are found on a neighbour too, the absence of what that one has beyond them. A label
/// that some pods of the group carry is never asked to be absent: those pods would be left out.
fn exact(namespace: &str, own: &Carried, others: &[&Labels]) -> LabelSelector {
    let chosen = own_selector(namespace, &own.all, others);
    if chosen.is_empty() {
        return LabelSelector::default();
    }
    let is_taken = |other: &&&Labels| chosen.iter().all(|(key, value)| other.get(key) == Some(value));
    let beyond = |other: &&Labels| other.keys().find(|key| !own.some.contains_key(*key) && is_label_key(key)).cloned();
    let keys: BTreeSet<String> = others.iter().filter(is_taken).filter_map(beyond).collect();
    let absent = |key: String| Requirement { key, operator: "DoesNotExist".to_owned(), values: Vec::new() };
    LabelSelector { match_expressions: keys.into_iter().map(absent).collect(), ..selector(chosen) }
}

/// The other workloads that a group's selector takes in. Pods whose owner is not known may be those of the one workload with their labels.
fn shared(who: &Who, selector: &LabelSelector, all: &[(&Who, &Carried)]) -> Shared {
    let mut shared = Shared::default();
    for (other, _) in all.iter().filter(|(other, carried)| *other != who && carried.is_touched(selector)) {
        if other.workload.is_some() {
            shared.count = shared.count.saturating_add(1);
            if shared.examples.len() < EXAMPLES_MAX {
                shared.examples.push(other.shown());
            }
        }
    }
    let is_same = who.workload.is_none() && shared.count == 1;
    if is_same { Shared::default() } else { shared }
}
