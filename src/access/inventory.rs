//! The inventory: what exists, as the log itself showed it — workloads, services, who owns what, which account runs as which role.
//!
//! Invariant: filling it in any order, and merging any split, gives the same inventory; resolving against it is pure.

use std::collections::{BTreeMap, BTreeSet};

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::mention::{CONFIG_HOSTS_MAX, ConfigHost};
use super::pod::{Pod, PodBasis, Workload};
pub use fact::Fact;
use wire::addresses;
pub(super) use wire::pairs;

mod fact;
mod wire;

/// How many long-lived keys are kept by identity: IAM allows two at a time, a recording may see them rotated.
pub const ACCESS_KEYS_MAX: usize = 8;

/// How many violations are kept by namespace: one of each kind, of which a cluster's own versions of the checks give fewer.
pub const POD_VIOLATIONS_MAX: usize = 256;

/// How many sets of labels are kept of one pod: it is born with one, and few are labelled anew.
pub const POD_LABELS_MAX: usize = 8;

/// How many selectors are kept of one Service that was seen with several.
pub const SELECTORS_MAX: usize = 8;

/// Which checks a violation names, without the containers and values in parentheses, which whoever made the pod chose.
fn violation_kind(violation: &str) -> String {
    let mut depth = 0_u32;
    let outside = violation.chars().filter(|character| match character {
        '(' => {
            depth = depth.saturating_add(1);
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    outside.collect()
}

/// An object of a cluster by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The cluster.
    pub cluster: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServicePort {
    /// Empty for none.
    pub name: String,
    /// The port of the Service.
    pub port: i64,
    /// A number or a container port's name; empty means the same as `port`.
    pub target_port: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// Who comes in through an entrance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// Anyone who reaches a node or a load balancer.
    World,
    /// The pods of a gateway, which the route does not name.
    Gateway,
    /// The API server.
    ApiServer,
}

/// A way into a Service other than from a pod that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entrance {
    /// Who comes in.
    pub caller: Caller,
    /// What opens it, in a few words; hostile text.
    pub by: String,
    /// The port of the Service; `None` for all of them.
    pub port: Option<i64>,
}

/// Who has an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A pod, by namespace and name.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        pod: String,
    },
    /// A Service, by namespace and name: its cluster address, or that of its load balancer.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A node, by name.
    Node(String),
}

/// From when to when a holder was seen with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The earliest.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// When it gave the address back, the latest time that it did; `None` where no record shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When the holder began to exist, the earliest that was said; `None` where nothing says. One that was seen with the address
    /// before that is another of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
}

/// A workload, as best seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSeen {
    /// The most trustworthy spec seen, one on a network of its own before one on its node's, which no policy holds; among equals the
    /// greatest in order, so that order of reading doesn't matter. Its labels are the controller's own template's where that was seen:
    /// whoever may change a pod can give that one others.
    pub pod: Arc<Pod>,
    /// Where it was read from.
    pub basis: PodBasis,
    /// Whether the labels are a template's.
    #[serde(default)]
    pub labels_of_template: bool,
}

impl WorkloadSeen {
    /// Takes in one more sight: spec and labels each by themselves, so that order doesn't matter.
    fn join(&mut self, other: WorkloadSeen) {
        if *self == other {
            return;
        }
        let labels = |seen: &mut WorkloadSeen| {
            (seen.labels_of_template, std::mem::take(&mut Arc::make_mut(&mut seen.pod).metadata.labels))
        };
        let mut other = other;
        let (own_labels, other_labels) = (labels(self), labels(&mut other));
        let rank = |seen: &WorkloadSeen| (!seen.pod.spec.host_network, seen.basis);
        if (rank(&other), &other.pod) > (rank(self), &self.pod) {
            *self = other;
        }
        (self.labels_of_template, Arc::make_mut(&mut self.pod).metadata.labels) = own_labels.max(other_labels);
    }
}

/// Everything that was seen to exist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Workloads. A list of pairs on the wire, since JSON keys are texts.
    #[serde(with = "pairs")]
    pub workloads: BTreeMap<(Place, String), WorkloadSeen>,
    /// Pods and what owns them; a name that was used again keeps the first owner in order.
    #[serde(default, with = "pairs")]
    pub pod_owners: BTreeMap<Place, Arc<BTreeSet<Workload>>>,
    /// Pods with an owner and the sets of labels that they bore, the first [`POD_LABELS_MAX`] in order.
    #[serde(default, with = "pairs")]
    pub pod_labels: BTreeMap<Place, Arc<BTreeSet<BTreeMap<String, String>>>>,
    /// Cron jobs that are not suspended, and when they are due; of several schedules the first in order.
    #[serde(default, with = "pairs")]
    pub schedules: BTreeMap<Place, String>,
    /// Services: selector and ports.
    #[serde(with = "pairs")]
    pub services: BTreeMap<Place, (BTreeMap<String, String>, Vec<ServicePort>)>,
    /// Services that were seen with several selectors, and those, the first [`SELECTORS_MAX`] in order: which stood when, is not kept.
    #[serde(default, with = "pairs")]
    pub changed_selectors: BTreeMap<Place, BTreeSet<BTreeMap<String, String>>>,
    /// Services behind each Ingress.
    #[serde(with = "pairs")]
    pub ingresses: BTreeMap<Place, BTreeSet<String>>,
    /// Ways into each Service.
    #[serde(with = "pairs")]
    pub entrances: BTreeMap<Place, BTreeSet<Entrance>>,
    /// Hosts that ConfigMaps name, of each the first [`CONFIG_HOSTS_MAX`] in order.
    #[serde(default, with = "pairs")]
    pub config_maps: BTreeMap<Place, BTreeSet<ConfigHost>>,
    /// Namespaces and their labels.
    #[serde(with = "pairs")]
    pub namespaces: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// (namespace, service account) to role ARNs.
    #[serde(with = "pairs")]
    pub service_account_roles: BTreeMap<(String, String), BTreeSet<String>>,
    /// (cluster, namespace) to what the API server wrote of pods there: of each set of checks the first text in order.
    #[serde(with = "pairs")]
    pub pod_violations: BTreeMap<(String, String), BTreeSet<String>>,
    /// (cluster, address) to who had it, and when.
    #[serde(with = "addresses")]
    pub addresses: BTreeMap<(String, IpAddr), BTreeMap<Holder, Held>>,
    /// Users, and root, to their long-lived access keys in use, the first few in order.
    #[serde(with = "pairs")]
    pub access_keys: BTreeMap<Identity, BTreeSet<String>>,
    /// Alias ARN to key ARNs.
    pub key_aliases: BTreeMap<String, BTreeSet<String>>,
}

impl Inventory {
    /// Takes in one fact.
    pub fn insert(&mut self, fact: &Fact) {
        match fact {
            Fact::Workload { cluster, namespace, workload, pod, basis } => {
                let place = Place { cluster: cluster.clone(), namespace: namespace.clone(), name: workload.name.clone() };
                let labels_of_template = *basis == PodBasis::Template;
                let seen = WorkloadSeen { pod: Arc::clone(pod), basis: *basis, labels_of_template };
                let key = (place, workload.kind.clone());
                self.workloads.entry(key).and_modify(|kept| kept.join(seen.clone())).or_insert(seen);
            }
            Fact::PodOwner { place, workload } => {
                add_to_pod(&mut self.pod_owners, place, workload, usize::MAX);
            }
            Fact::PodLabels { place, labels } => {
                add_to_pod(&mut self.pod_labels, place, labels, POD_LABELS_MAX);
            }
            Fact::Schedule { place, schedule } => {
                keep_greatest(&mut self.schedules, place.clone(), schedule.clone(), |text| std::cmp::Reverse(text.clone()));
            }
            Fact::Service { place, selector, ports } => self.service(place, selector, ports),
            Fact::Ingress { place, services } => {
                self.ingresses.entry(place.clone()).or_default().extend(services.iter().cloned());
            }
            Fact::Entrance { place, entrance } => {
                self.entrances.entry(place.clone()).or_default().insert(entrance.clone());
            }
            Fact::ConfigMap { place, hosts } => {
                keep_first(self.config_maps.entry(place.clone()).or_default(), hosts.iter().cloned(), CONFIG_HOSTS_MAX);
            }
            Fact::Namespace { cluster, name, labels } => {
                self.namespaces.entry((cluster.clone(), name.clone())).or_default().extend(labels.clone());
            }
            Fact::ServiceAccountRole { namespace, name, role_arn } => {
                let roles = self.service_account_roles.entry((namespace.clone(), name.clone())).or_default();
                roles.insert(role_arn.clone());
            }
            Fact::PodViolation { cluster, namespace, violation } => self.violation(cluster, namespace, violation),
            Fact::Address { cluster, address, holder, time, ended, began } => {
                let holders = self.addresses.entry((cluster.clone(), *address)).or_default();
                let held = holders.entry(holder.clone()).or_insert(Held { first: *time, last: *time, ended: None, began: None });
                held.first = held.first.min(*time);
                held.last = held.last.max(*time);
                held.ended = held.ended.max(ended.then_some(*time));
                held.began = held.began.into_iter().chain(*began).min();
            }
            Fact::AccessKey { identity, key } => {
                keep_first(self.access_keys.entry(identity.clone()).or_default(), [key.clone()], ACCESS_KEYS_MAX);
            }
            Fact::KeyAlias { alias_arn, key_arn } => {
                self.key_aliases.entry(alias_arn.clone()).or_default().insert(key_arn.clone());
            }
        }
    }

    fn service(&mut self, place: &Place, selector: &BTreeMap<String, String>, ports: &[ServicePort]) {
        if let Some((kept, _)) = self.services.get(place).filter(|(kept, _)| kept != selector) {
            let selectors = self.changed_selectors.entry(place.clone()).or_default();
            keep_first(selectors, [kept.clone(), selector.clone()], SELECTORS_MAX);
        }
        keep_greatest(&mut self.services, place.clone(), (selector.clone(), ports.to_vec()), Clone::clone);
    }

    fn violation(&mut self, cluster: &str, namespace: &str, violation: &String) {
        let violations = self.pod_violations.entry((cluster.to_owned(), namespace.to_owned())).or_default();
        let kind = violation_kind(violation);
        let alike = violations.iter().find(|kept| violation_kind(kept) == kind).cloned();
        if alike.as_ref().is_none_or(|alike| violation < alike) {
            if let Some(alike) = &alike {
                violations.remove(alike);
            }
            violations.insert(violation.clone());
        }
        keep_first(violations, [], POD_VIOLATIONS_MAX);
    }

    /// Every fact, in a fixed order; inserting them all gives this inventory again.
    pub fn facts(&self) -> impl Iterator<Item = Fact> {
        let workloads = self.workloads.iter().flat_map(|((place, kind), seen)| {
            let from = |basis: PodBasis| Fact::Workload {
                cluster: place.cluster.clone(),
                namespace: place.namespace.clone(),
                workload: Workload { kind: kind.clone(), name: place.name.clone() },
                pod: Arc::clone(&seen.pod),
                basis,
            };
            // The labels of a template beside the spec of a pod.
            let template = seen.labels_of_template && seen.basis != PodBasis::Template;
            [from(seen.basis)].into_iter().chain(template.then(|| from(PodBasis::Template)))
        });
        let schedules =
            self.schedules.iter().map(|(place, schedule)| Fact::Schedule { place: place.clone(), schedule: schedule.clone() });
        let services = self.services.iter().flat_map(|(place, (kept, ports))| {
            let selectors = self.changed_selectors.get(place).into_iter().flatten().filter(move |selector| *selector != kept);
            let with = |selector: &BTreeMap<String, String>| Fact::Service {
                place: place.clone(),
                selector: selector.clone(),
                ports: ports.clone(),
            };
            [kept].into_iter().chain(selectors).map(with)
        });
        let ingresses =
            self.ingresses.iter().map(|(place, services)| Fact::Ingress { place: place.clone(), services: services.clone() });
        let entrances = self.entrances.iter().flat_map(|(place, entrances)| {
            entrances.iter().map(|entrance| Fact::Entrance { place: place.clone(), entrance: entrance.clone() })
        });
        let config_maps =
            self.config_maps.iter().map(|(place, hosts)| Fact::ConfigMap { place: place.clone(), hosts: hosts.clone() });
        let namespaces = self.namespaces.iter().map(|((cluster, name), labels)| Fact::Namespace {
            cluster: cluster.clone(),
            name: name.clone(),
            labels: labels.clone(),
        });
        let roles = self.service_account_roles.iter().flat_map(|((namespace, name), roles)| {
            roles.iter().map(|role_arn| Fact::ServiceAccountRole {
                namespace: namespace.clone(),
                name: name.clone(),
                role_arn: role_arn.clone(),
            })
        });
        let aliases = self.key_aliases.iter().flat_map(|(alias_arn, keys)| {
            keys.iter().map(|key_arn| Fact::KeyAlias { alias_arn: alias_arn.clone(), key_arn: key_arn.clone() })
        });
        let keys = self
            .access_keys
            .iter()
            .flat_map(|(identity, keys)| keys.iter().map(|key| Fact::AccessKey { identity: identity.clone(), key: key.clone() }));
        let violations = self.pod_violations.iter().flat_map(|((cluster, namespace), violations)| {
            violations.iter().map(|violation| Fact::PodViolation {
                cluster: cluster.clone(),
                namespace: namespace.clone(),
                violation: violation.clone(),
            })
        });
        let kubernetes = workloads
            .chain(services)
            .chain(ingresses)
            .chain(namespaces)
            .chain(violations)
            .chain(self.pods())
            .chain(schedules)
            .chain(self.held_addresses());
        kubernetes.chain(config_maps).chain(entrances).chain(roles).chain(keys).chain(aliases)
    }

    fn held_addresses(&self) -> impl Iterator<Item = Fact> {
        self.addresses.iter().flat_map(|((cluster, address), holders)| {
            holders.iter().flat_map(|(holder, held)| {
                let at = |time: Timestamp, ended: bool| Fact::Address {
                    cluster: cluster.clone(),
                    address: *address,
                    holder: holder.clone(),
                    time,
                    ended,
                    began: held.began,
                };
                [at(held.first, false), at(held.last, false)].into_iter().chain(held.ended.map(|ended| at(ended, true)))
            })
        })
    }

    fn pods(&self) -> impl Iterator<Item = Fact> {
        let owners = self.pod_owners.iter().flat_map(|(place, workloads)| {
            workloads.iter().map(|workload| Fact::PodOwner { place: place.clone(), workload: workload.clone() })
        });
        let labels = self
            .pod_labels
            .iter()
            .flat_map(|(place, sets)| sets.iter().map(|labels| Fact::PodLabels { place: place.clone(), labels: labels.clone() }));
        owners.chain(labels)
    }

    /// Takes in another inventory.
    pub fn merge(&mut self, other: &Inventory) {
        for fact in other.facts() {
            self.insert(&fact);
        }
    }
}

/// Adds to what is known of a pod. Of pods of one owner, which stand side by side, mostly the same is known: it is kept once.
fn add_to_pod<T: Ord + Clone>(known: &mut BTreeMap<Place, Arc<BTreeSet<T>>>, pod: &Place, one: &T, max: usize) {
    if let Some(own) = known.get_mut(pod) {
        if !own.contains(one) {
            keep_first(Arc::make_mut(own), [one.clone()], max);
        }
        return;
    }
    let neighbours = [known.range(..pod).next_back(), known.range(pod..).next()];
    let alike =
        neighbours.into_iter().flatten().map(|(_, theirs)| theirs).find(|theirs| theirs.len() == 1 && theirs.contains(one));
    let own = alike.map_or_else(|| Arc::new(BTreeSet::from([one.clone()])), Arc::clone);
    known.insert(pod.clone(), own);
}

fn keep_first<T: Ord>(set: &mut BTreeSet<T>, more: impl IntoIterator<Item = T>, max: usize) {
    set.extend(more);
    while set.len() > max {
        set.pop_last();
    }
}

fn keep_greatest<K: Ord, V, R: Ord>(map: &mut BTreeMap<K, V>, key: K, value: V, rank: impl Fn(&V) -> R) {
    match map.entry(key) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(value);
        }
        std::collections::btree_map::Entry::Occupied(mut kept) => {
            if rank(&value) > rank(kept.get()) {
                kept.insert(value);
            }
        }
    }
}
