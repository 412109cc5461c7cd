//! The pods of a cluster as selectors name them: each workload that the inventory or a flow shows, and the fewest labels that tell it
//! from its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::flow::{Labels, PodEnd, is_stable_label};
use crate::access::inventory::Inventory;
use crate::access::pod::Workload;
use crate::policy::network::selector;
use crate::policy::rbac::{LabelSelector, Requirement};

use super::observed::EXAMPLES_MAX;
use super::topology::{ByLabel, is_label_key, matches, own_selector};

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
    /// By namespace.
    selected: BTreeMap<String, Selected>,
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
        let mut neighbours: BTreeMap<&str, Neighbours<'_>> = BTreeMap::new();
        for (who, carried) in &self.groups {
            neighbours.entry(&who.namespace).or_default().insert(who, carried);
        }
        for (namespace, all) in &neighbours {
            let selected = self.selected.entry((*namespace).to_owned()).or_default();
            for (number, (who, carried)) in all.groups.iter().enumerate() {
                let selector = exact(namespace, number, carried, all);
                let shared = shared(who, &selector, all);
                if shared.count > 0 {
                    self.shared.insert((*who).clone(), shared);
                }
                selected.groups.entry(selector.clone()).or_default().push((*who).clone());
                self.selectors.insert((*who).clone(), selector);
            }
            for selector in selected.groups.keys() {
                let rarest = selector.match_labels.iter().min_by_key(|label| all.always.candidates([*label]).len());
                let rarest = rarest.map(|(key, value)| (key.clone(), value.clone()));
                selected.by_label.entry(rarest).or_default().push(selector.clone());
            }
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
        let Some(groups) = selected.groups.get(selector) else { return Vec::new() };
        let groups: Vec<&Carried> = groups.iter().filter_map(|who| self.groups.get(who)).collect();
        let Some(first) = groups.first() else { return Vec::new() };
        let takes = |wider: &&LabelSelector| *wider != selector && groups.iter().all(|carried| carried.is_taken_whole(wider));
        // One that takes them in asks for no label but theirs.
        let labels = first.all.iter().map(|(key, value)| Some((key.clone(), value.clone()))).chain([None]);
        let candidates = labels.filter_map(|label| selected.by_label.get(&label)).flatten();
        candidates.filter(takes).collect()
    }
}

/// The selectors of a namespace.
#[derive(Debug, Default)]
struct Selected {
    /// The groups of each.
    groups: BTreeMap<LabelSelector, Vec<Who>>,
    /// Each by the one of its labels that the fewest groups carry; by none where it asks for none.
    by_label: BTreeMap<Option<(String, String)>, Vec<LabelSelector>>,
}

/// The groups of a namespace, by number, and which labels they carry.
#[derive(Debug, Default)]
struct Neighbours<'a> {
    groups: Vec<(&'a Who, &'a Carried)>,
    /// Labels that every pod of a group carries.
    always: ByLabel<'a>,
    /// Labels that some pod of a group carries.
    sometimes: ByLabel<'a>,
}

impl<'a> Neighbours<'a> {
    fn insert(&mut self, who: &'a Who, carried: &'a Carried) {
        let number = self.groups.len();
        self.always.insert(number, &carried.all);
        let some = carried.some.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        self.sometimes.insert(number, some);
        self.groups.push((who, carried));
    }

    /// The labels of the other groups that labels select.
    fn taken(&self, own: usize, labels: &Labels) -> impl Iterator<Item = &'a Labels> {
        let candidates = self.always.candidates(labels).iter().filter(move |number| **number != own);
        let carried = candidates.filter_map(|number| self.groups.get(*number)).map(|(_, carried)| &carried.all);
        carried.filter(move |all| matches(labels, all))
    }
}

/// The fewest labels, and where all of a group's labels are found on a neighbour too, the absence of what that one has beyond them. A label
/// that some pods of the group carry is never asked to be absent: those pods would be left out.
fn exact(namespace: &str, number: usize, own: &Carried, all: &Neighbours<'_>) -> LabelSelector {
    let chosen = own_selector(namespace, &own.all, &|labels| all.taken(number, labels).next().is_some());
    if chosen.is_empty() {
        return LabelSelector::default();
    }
    let beyond = |other: &Labels| other.keys().find(|key| !own.some.contains_key(*key) && is_label_key(key)).cloned();
    let keys: BTreeSet<String> = all.taken(number, &chosen).filter_map(beyond).collect();
    let absent = |key: String| Requirement { key, operator: "DoesNotExist".to_owned(), values: Vec::new() };
    LabelSelector { match_expressions: keys.into_iter().map(absent).collect(), ..selector(chosen) }
}

/// The other workloads that a group's selector takes in. Pods whose owner is not known may be those of the one workload with their labels.
fn shared(who: &Who, selector: &LabelSelector, all: &Neighbours<'_>) -> Shared {
    let everyone: Vec<usize> = if selector.match_labels.is_empty() { (0..all.groups.len()).collect() } else { Vec::new() };
    let touched = if everyone.is_empty() { all.sometimes.candidates(&selector.match_labels) } else { everyone.as_slice() };
    let touched = touched.iter().filter_map(|number| all.groups.get(*number));
    let mut shared = Shared::default();
    for (other, _) in touched.filter(|(other, carried)| *other != who && carried.is_touched(selector)) {
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
