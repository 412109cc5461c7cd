//! The inventory: what exists, as the log itself showed it — workloads, services, who owns what, which account runs as which role.
//!
//! Invariant: filling it in any order, and merging any split, gives the same inventory; resolving against it is pure.

use std::collections::{BTreeMap, BTreeSet};

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::mention::{CONFIG_HOSTS_MAX, ConfigHost};
use super::pod::{Pod, PodBasis, Workload};
use wire::addresses;
pub(super) use wire::pairs;

mod wire;

/// How many long-lived keys are kept by identity: IAM allows two at a time, a recording may see them rotated.
pub const ACCESS_KEYS_MAX: usize = 8;

/// How many violations are kept by namespace: one of each kind, of which a cluster's own versions of the checks give fewer.
pub const POD_VIOLATIONS_MAX: usize = 256;

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

/// Something that a record showed to exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// A workload's pods look like this.
    Workload {
        /// Cluster and namespace.
        cluster: String,
        /// Its namespace.
        namespace: String,
        /// The owner of the pods.
        workload: Workload,
        /// A pod of it or its template.
        pod: Box<Pod>,
        /// Where `pod` was read from.
        basis: PodBasis,
    },
    /// A pod belongs to a workload.
    PodOwner {
        /// The pod.
        place: Place,
        /// What owns it in the end.
        workload: Workload,
    },
    /// A pod with an owner bears these labels, those that replicas and rollouts change left out.
    PodLabels {
        /// The pod.
        place: Place,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A cron job and when it is due.
    Schedule {
        /// The cron job.
        place: Place,
        /// Its schedule as written; hostile text.
        schedule: String,
    },
    /// A Service.
    Service {
        /// Where it stands.
        place: Place,
        /// What pods it selects; empty selects none.
        selector: BTreeMap<String, String>,
        /// Its ports.
        ports: Vec<ServicePort>,
    },
    /// An Ingress sends traffic to these Services of its namespace.
    Ingress {
        /// Where it stands.
        place: Place,
        /// Names of Services.
        services: BTreeSet<String>,
    },
    /// A way into a Service.
    Entrance {
        /// Where the Service stands.
        place: Place,
        /// Who comes in, and by what.
        entrance: Entrance,
    },
    /// A ConfigMap names hosts.
    ConfigMap {
        /// Where it stands.
        place: Place,
        /// What may be Services.
        hosts: BTreeSet<ConfigHost>,
    },
    /// A namespace and its labels.
    Namespace {
        /// The cluster.
        cluster: String,
        /// The name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A Kubernetes service account assumed this role (IRSA, EKS Pod Identity), by AWS's word or by its annotation.
    ServiceAccountRole {
        /// Namespace of the service account.
        namespace: String,
        /// Its name.
        name: String,
        /// The role's ARN.
        role_arn: String,
    },
    /// The API server wrote that a pod violates the level that its namespace audits: evidence even without a body.
    PodViolation {
        /// The cluster.
        cluster: String,
        /// The namespace.
        namespace: String,
        /// The annotation's text, such as `would violate PodSecurity "restricted:latest": ...`; hostile text inside.
        violation: String,
    },
    /// Who had an address at a time.
    Address {
        /// The cluster.
        cluster: String,
        /// The address.
        address: IpAddr,
        /// Whose it was.
        holder: Holder,
        /// When it was seen to be so.
        time: Timestamp,
        /// Whether it gave the address back then.
        ended: bool,
    },
    /// A long-lived access key was used.
    AccessKey {
        /// Whose: a user, or root.
        identity: Identity,
        /// The beginning and the end of its id; the middle is left out.
        key: String,
    },
    /// A KMS alias names a key.
    KeyAlias {
        /// `arn:...:alias/NAME`.
        alias_arn: String,
        /// `arn:...:key/ID`.
        key_arn: String,
    },
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
}

/// A workload, as best seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSeen {
    /// The most trustworthy spec seen; among equals the greatest in order, so that order of reading doesn't matter.
    pub pod: Pod,
    /// Where it was read from.
    pub basis: PodBasis,
}

/// Everything that was seen to exist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Workloads. A list of pairs on the wire, since JSON keys are texts.
    #[serde(with = "pairs")]
    pub workloads: BTreeMap<(Place, String), WorkloadSeen>,
    /// Pods and what owns them; a name that was used again keeps the first owner in order.
    #[serde(default, with = "pairs")]
    pub pod_owners: BTreeMap<Place, BTreeSet<Workload>>,
    /// Pods with an owner and the labels that they bear; of several sets the greatest in order.
    #[serde(default, with = "pairs")]
    pub pod_labels: BTreeMap<Place, BTreeMap<String, String>>,
    /// Cron jobs that are not suspended, and when they are due; of several schedules the first in order.
    #[serde(default, with = "pairs")]
    pub schedules: BTreeMap<Place, String>,
    /// Services: selector and ports.
    #[serde(with = "pairs")]
    pub services: BTreeMap<Place, (BTreeMap<String, String>, Vec<ServicePort>)>,
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
                let seen = WorkloadSeen { pod: (**pod).clone(), basis: *basis };
                keep_greatest(&mut self.workloads, (place, workload.kind.clone()), seen, |seen| (seen.basis, seen.pod.clone()));
            }
            Fact::PodOwner { place, workload } => {
                self.pod_owners.entry(place.clone()).or_default().insert(workload.clone());
            }
            Fact::PodLabels { place, labels } => {
                keep_greatest(&mut self.pod_labels, place.clone(), labels.clone(), Clone::clone);
            }
            Fact::Schedule { place, schedule } => {
                keep_greatest(&mut self.schedules, place.clone(), schedule.clone(), |text| std::cmp::Reverse(text.clone()));
            }
            Fact::Service { place, selector, ports } => {
                keep_greatest(&mut self.services, place.clone(), (selector.clone(), ports.clone()), Clone::clone);
            }
            Fact::Ingress { place, services } => {
                self.ingresses.entry(place.clone()).or_default().extend(services.iter().cloned());
            }
            Fact::Entrance { place, entrance } => {
                self.entrances.entry(place.clone()).or_default().insert(entrance.clone());
            }
            Fact::ConfigMap { place, hosts } => {
                let kept = self.config_maps.entry(place.clone()).or_default();
                kept.extend(hosts.iter().cloned());
                while kept.len() > CONFIG_HOSTS_MAX {
                    kept.pop_last();
                }
            }
            Fact::Namespace { cluster, name, labels } => {
                self.namespaces.entry((cluster.clone(), name.clone())).or_default().extend(labels.clone());
            }
            Fact::ServiceAccountRole { namespace, name, role_arn } => {
                let roles = self.service_account_roles.entry((namespace.clone(), name.clone())).or_default();
                roles.insert(role_arn.clone());
            }
            Fact::PodViolation { cluster, namespace, violation } => {
                let violations = self.pod_violations.entry((cluster.clone(), namespace.clone())).or_default();
                let kind = violation_kind(violation);
                let alike = violations.iter().find(|kept| violation_kind(kept) == kind).cloned();
                if alike.as_ref().is_none_or(|alike| violation < alike) {
                    if let Some(alike) = &alike {
                        violations.remove(alike);
                    }
                    violations.insert(violation.clone());
                }
                while violations.len() > POD_VIOLATIONS_MAX {
                    violations.pop_last();
                }
            }
            Fact::Address { cluster, address, holder, time, ended } => {
                let holders = self.addresses.entry((cluster.clone(), *address)).or_default();
                let held = holders.entry(holder.clone()).or_insert(Held { first: *time, last: *time, ended: None });
                held.first = held.first.min(*time);
                held.last = held.last.max(*time);
                held.ended = held.ended.max(ended.then_some(*time));
            }
            Fact::AccessKey { identity, key } => {
                let keys = self.access_keys.entry(identity.clone()).or_default();
                keys.insert(key.clone());
                while keys.len() > ACCESS_KEYS_MAX {
                    keys.pop_last();
                }
            }
            Fact::KeyAlias { alias_arn, key_arn } => {
                self.key_aliases.entry(alias_arn.clone()).or_default().insert(key_arn.clone());
            }
        }
    }

    /// Every fact, in a fixed order; inserting them all gives this inventory again.
    pub fn facts(&self) -> impl Iterator<Item = Fact> {
        let workloads = self.workloads.iter().map(|((place, kind), seen)| Fact::Workload {
            cluster: place.cluster.clone(),
            namespace: place.namespace.clone(),
            workload: Workload { kind: kind.clone(), name: place.name.clone() },
            pod: Box::new(seen.pod.clone()),
            basis: seen.basis,
        });
        let schedules =
            self.schedules.iter().map(|(place, schedule)| Fact::Schedule { place: place.clone(), schedule: schedule.clone() });
        let services = self.services.iter().map(|(place, (selector, ports))| Fact::Service {
            place: place.clone(),
            selector: selector.clone(),
            ports: ports.clone(),
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
                };
                [at(held.first, false), at(held.last, false)].into_iter().chain(held.ended.map(|ended| at(ended, true)))
            })
        })
    }

    fn pods(&self) -> impl Iterator<Item = Fact> {
        let owners = self.pod_owners.iter().flat_map(|(place, workloads)| {
            workloads.iter().map(|workload| Fact::PodOwner { place: place.clone(), workload: workload.clone() })
        });
        let labels = self.pod_labels.iter();
        owners.chain(labels.map(|(place, labels)| Fact::PodLabels { place: place.clone(), labels: labels.clone() }))
    }

    /// Takes in another inventory.
    pub fn merge(&mut self, other: &Inventory) {
        for fact in other.facts() {
            self.insert(&fact);
        }
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
