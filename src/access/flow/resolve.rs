//! Resolving: a flow as its record names it, and the inventory, give flows between workloads, nodes and addresses outside.
//!
//! ```text
//! address --who had it in that hour--> pod --owner--> workload --its template--> labels, named ports
//!                                  `-> Service --selector, target port--> each workload behind it
//! ```
//!
//! The rules, each where the platform defines it:
//! - A node's address is the node's, whatever pods share its network: NetworkPolicies do not hold for those.
//!   <https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods>
//!   Which node the other end runs on is not known here, so it is another node: the stricter case.
//! - A connection to a Service reaches one of the pods that it selects, on the target port.
//!   <https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports>
//! - Every namespace has the label `kubernetes.io/metadata.name`.
//!   <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
//! - A pod's name begins with its owner's; the name alone proves an owner only where the inventory holds that owner.
//! - Policies select a pod by the labels that it bears. One that bears other naming labels than its owner's pods stands for itself,
//!   whatever it says of its owner.
//!
//! Invariant: pure, and total: the same flow and inventory give the same answer, and what is not known is said, never guessed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{End, Flow, NamedPort, PodEnd, Point, Reserved, Transport};
use crate::access::inventory::{Held, Holder, Inventory, Place, ServicePort, WorkloadSeen};
use crate::access::pod::{Pod, Workload};
use crate::access::shape::kube_stem;

/// The label that every namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Seconds of an hour.
const HOUR_SECONDS: i64 = 3600;

/// Ports at which an API server listens where nothing else is known of it.
const APISERVER_PORTS: [u16; 2] = [443, 6443];

/// The labels by which pods are told apart. <https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>
const NAMING_LABELS: [&str; 5] =
    ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component", "app", "k8s-app"];

/// Why a flow's ends cannot be told. The texts name the end; hostile text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unresolved {
    /// The inventory does not know whose the end is.
    OwnerUnknown(String),
    /// Two could be meant.
    OwnerAmbiguous(String),
    /// A Service's address, but its pods, or the port behind its port, are not known.
    ServiceUnknown(String),
}

/// The flow with both ends resolved: several where it went to a Service's address with several workloads behind it.
/// In each result `hour` is `None`, `point` is [`Point::Whole`], and an [`End::Address`] belongs to nothing of the cluster that the inventory knows.
///
/// # Errors
/// When an end is one of the cluster's but its owner cannot be told.
pub fn resolve(flow: &Flow, cluster: &str, inventory: &Inventory) -> Result<Vec<Flow>, Unresolved> {
    let scene = Scene { cluster, inventory };
    let client = scene.client(&flow.client, flow.hour)?;
    let servers = scene.servers(flow)?;
    let resolved = servers.into_iter().map(|(server, port)| Flow {
        family: flow.told_family().filter(|_| client.lacks_address() || server.lacks_address()),
        client: client.clone(),
        server,
        transport: flow.transport,
        port,
        hour: None,
        point: Point::Whole,
    });
    Ok(resolved.collect())
}

/// Whether a resolved end is an address of a private network that the inventory does not know: of a machine beside the cluster,
/// or of a pod that the recording did not show. RFC 1918, RFC 6598, RFC 4193.
#[must_use]
pub fn is_unknown_private(end: &End) -> bool {
    end.known_address().is_some_and(is_private)
}

/// Whether an address is one of a private network, so that it names a machine there and nothing outside.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => four.is_private() || (four.octets()[0] == 100 && (64..128).contains(&four.octets()[1])),
        IpAddr::V6(six) => six.is_unique_local(),
    }
}

/// Whether the inventory says that the server of a resolved flow listens on the flow's port: a container declares it, or a Service
/// sends to it. Stands behind a direction that the record itself did not say.
#[must_use]
pub fn is_served(flow: &Flow, cluster: &str, inventory: &Inventory) -> bool {
    let End::Pod(server) = &flow.server else { return flow.server == End::Reserved(Reserved::KubeApiserver) };
    let Some(workload) = &server.workload else { return false };
    let scene = Scene { cluster, inventory };
    let Some(pod) = scene.template(&server.namespace, workload) else { return false };
    let declared = container_ports(pod).any(|(_, transport, port)| (transport, port) == (flow.transport, flow.port));
    let services = inventory.services.range(scene.place(&server.namespace, "")..);
    let services = services.take_while(|(place, _)| scene.is_in(place, &server.namespace));
    let services = services.filter(|(_, (selector, _))| selects(selector, pod));
    let mut targets = services.flat_map(|(_, (_, ports))| ports);
    declared || targets.any(|port| transport_of(port) == Some(flow.transport) && target(port, pod) == Some(flow.port))
}

struct Scene<'a> {
    cluster: &'a str,
    inventory: &'a Inventory,
}

impl Scene<'_> {
    fn client(&self, end: &End, hour: Option<i64>) -> Result<End, Unresolved> {
        match end {
            End::Pod(pod) => self.pod(pod),
            End::Reserved(_) => Ok(end.clone()),
            End::Address { address, .. } => {
                let holders = self.holders(*address, hour)?;
                Ok(self.owner(*address, &holders)?.unwrap_or_else(|| end.clone()))
            }
        }
    }

    /// Where a flow went, and on which port there.
    fn servers(&self, flow: &Flow) -> Result<Vec<(End, u16)>, Unresolved> {
        let End::Address { address, .. } = &flow.server else {
            return Ok(vec![(self.client(&flow.server, flow.hour)?, flow.port)]);
        };
        let holders = self.holders(*address, flow.hour)?;
        let services = holders.iter().filter_map(|holder| match holder {
            Holder::Service { namespace, name } => Some((namespace.as_str(), name.as_str())),
            Holder::Pod { .. } | Holder::Node(_) => None,
        });
        let mut unknown = None;
        for (namespace, name) in services {
            if (namespace, name) == ("default", "kubernetes") {
                if self.is_apiserver_port(flow) {
                    return Ok(vec![(End::Reserved(Reserved::KubeApiserver), flow.port)]);
                }
                continue;
            }
            match self.behind(namespace, name, flow.transport, flow.port) {
                Ok(found) => return Ok(found),
                Err(why) => unknown = Some(why),
            }
        }
        match (self.owner(*address, &holders)?, unknown) {
            (Some(end), _) => Ok(vec![(end, flow.port)]),
            (None, Some(why)) => Err(why),
            (None, None) => Ok(vec![(flow.server.clone(), flow.port)]),
        }
    }

    /// The API server's addresses may be those of a node, on which more listens.
    fn is_apiserver_port(&self, flow: &Flow) -> bool {
        let place = self.place("default", "kubernetes");
        let known = self.inventory.services.get(&place).into_iter().flat_map(|(_, ports)| ports);
        let mut known = known.filter_map(|port| Some([u16::try_from(port.port).ok()?, port.target_port.parse().ok()?]));
        flow.transport == Transport::Tcp
            && (APISERVER_PORTS.contains(&flow.port) || known.any(|ports| ports.contains(&flow.port)))
    }

    /// Who had an address in an hour: those that were seen with it within the hour, else the last before it, unless
    /// it was seen to give the address back. Where it was only ever seen later, the one that had it alone, unless it is known to
    /// have begun to exist after that hour.
    fn holders(&self, address: IpAddr, hour: Option<i64>) -> Result<Vec<&Holder>, Unresolved> {
        let Some(holders) = self.inventory.addresses.get(&(self.cluster.to_owned(), address)) else { return Ok(Vec::new()) };
        let Some(start) = hour.map(|hour| hour.saturating_mul(HOUR_SECONDS)) else { return Ok(holders.keys().collect()) };
        let end = start.saturating_add(HOUR_SECONDS);
        let within = |held: &Held| held.first.as_second() < end && held.last.as_second() >= start;
        let mut found: Vec<&Holder> = holders.iter().filter(|(_, held)| within(held)).map(|(holder, _)| holder).collect();
        if found.is_empty() {
            let before = holders.iter().filter(|(_, held)| held.last.as_second() < start);
            let last = before.clone().map(|(_, held)| held.last).max();
            let mut latest = before.filter(|(_, held)| Some(held.last) == last).peekable();
            let gave_back = |(_, held): &(&Holder, &Held)| held.ended.is_some_and(|ended| ended >= held.last);
            if latest.peek().is_some() && latest.clone().all(|held| gave_back(&held)) {
                return Err(Unresolved::OwnerUnknown(format!("{address}, after whoever had it gave it back")));
            }
            found.extend(latest.map(|(holder, _)| holder));
        }
        let began_later = |held: &Held| held.began.is_some_and(|began| began <= held.first && began.as_second() >= end);
        if found.is_empty() && holders.values().all(began_later) {
            return Err(Unresolved::OwnerUnknown(format!("{address}, before whoever has it began")));
        }
        match (found.is_empty(), holders.len()) {
            (false, _) => Ok(found),
            (true, 1) => Ok(holders.keys().collect()),
            (true, _) => Err(Unresolved::OwnerAmbiguous(format!("{address}, before anyone was seen with it"))),
        }
    }

    /// Whose an address is, Services aside; `None` where only Services have it, or nobody.
    fn owner(&self, address: IpAddr, holders: &[&Holder]) -> Result<Option<End>, Unresolved> {
        if holders.iter().any(|holder| matches!(holder, Holder::Node(_))) {
            return Ok(Some(End::Reserved(Reserved::RemoteNode)));
        }
        let mut owners = BTreeSet::new();
        for holder in holders {
            if let Holder::Pod { namespace, pod } = holder {
                owners.insert(self.pod(&PodEnd { namespace: namespace.clone(), pod: pod.clone(), ..PodEnd::default() })?);
            }
        }
        match (owners.len(), owners.pop_first()) {
            (2.., Some(one)) => {
                let other = owners.pop_first().map_or_else(String::new, |other| other.to_string());
                Err(Unresolved::OwnerAmbiguous(format!("{address}: {one} or {other}")))
            }
            (_, one) => Ok(one),
        }
    }

    /// The workloads behind a Service's port, and the ports there.
    fn behind(&self, namespace: &str, name: &str, transport: Transport, port: u16) -> Result<Vec<(End, u16)>, Unresolved> {
        let unknown = |what: &str| Unresolved::ServiceUnknown(format!("Service/{name} in {namespace}: {what}"));
        let service = self.inventory.services.get(&self.place(namespace, name));
        let (selector, ports) = service.ok_or_else(|| unknown("it was never seen whole"))?;
        let same = |own: &&ServicePort| own.port == i64::from(port) && transport_of(own) == Some(transport);
        let own = ports.iter().find(same).ok_or_else(|| unknown("it has no such port"))?;
        let behind =
            |selector: &super::Labels| self.workloads(namespace).filter(|(_, seen)| selects(selector, &seen.pod)).collect();
        let workloads: Vec<_> = behind(selector);
        let mut others = self.inventory.changed_selectors.get(&self.place(namespace, name)).into_iter().flatten();
        if others.any(|other| behind(other) != workloads) {
            return Err(Unresolved::OwnerAmbiguous(format!(
                "Service/{name} in {namespace}: it selected other pods at another time"
            )));
        }
        let mut found = BTreeSet::new();
        for ((place, kind), seen) in workloads {
            let port = target(own, &seen.pod).ok_or_else(|| unknown("a pod behind it does not declare the named port"))?;
            let workload = Workload { kind: kind.clone(), name: place.name.clone() };
            found.insert((self.known(namespace, workload, PodEnd::default()), port));
        }
        if found.is_empty() { Err(unknown("no workload that it selects was seen")) } else { Ok(found.into_iter().collect()) }
    }

    /// A pod with its owner, and what the inventory knows of that.
    fn pod(&self, end: &PodEnd) -> Result<End, Unresolved> {
        if let Some(workload) = &end.workload {
            return Ok(self.owned(workload.clone(), end));
        }
        let key = self.place(&end.namespace, &end.pod);
        let owners = self.inventory.pod_owners.get(&key).map(|owners| (**owners).clone()).unwrap_or_default();
        let borne = self.inventory.pod_labels.get(&key).filter(|_| end.labels.is_empty());
        let borne = borne.and_then(|sets| self.standing_labels(end, &owners, sets));
        let end = &PodEnd { labels: borne.unwrap_or(&end.labels).clone(), ..end.clone() };
        let owners = if owners.is_empty() { self.by_name(end) } else { owners };
        let owners = if owners.is_empty() { self.by_labels(end) } else { owners };
        let named = || format!("Pod/{} in {}", end.pod, end.namespace);
        match (owners.len(), owners.into_iter().next()) {
            (1, Some(workload)) => Ok(self.owned(workload, end)),
            (0, _) if end.labels.is_empty() => Err(Unresolved::OwnerUnknown(named())),
            // Labels are what policies select by: they do without an owner.
            (0, _) => Ok(self.labelled(&end.namespace, end.clone())),
            _ => Err(Unresolved::OwnerAmbiguous(named())),
        }
    }

    /// The labels that a pod stands for: of several that it bore those of its owner's pods, which its successors will bear. When it
    /// bore which, is not kept.
    fn standing_labels<'s>(
        &self,
        end: &PodEnd,
        owners: &BTreeSet<Workload>,
        sets: &'s BTreeSet<super::Labels>,
    ) -> Option<&'s super::Labels> {
        let pods = || owners.iter().filter_map(|owner| self.template(&end.namespace, owner));
        let bearing = |labels: &super::Labels| PodEnd { labels: labels.clone(), ..PodEnd::default() };
        let of_owner = |labels: &&super::Labels| pods().any(|pod| bears_labels_of(&bearing(labels), pod));
        sets.iter().find(of_owner).or_else(|| sets.last())
    }

    /// Workloads of the inventory whose pods have such a name. A `*` at the end stands for what was generated.
    fn by_name(&self, end: &PodEnd) -> BTreeSet<Workload> {
        let generated = kube_stem(&end.pod).is_some();
        let stem = match end.pod.strip_suffix('*') {
            Some(stem) => stem,
            None => end.pod.rsplit_once('-').and_then(|(front, _)| end.pod.get(..=front.len())).unwrap_or(&end.pod),
        };
        let aggregated = end.pod.ends_with('*');
        let rest_is = |pod: &str| pod.strip_prefix(stem).is_some_and(|rest| !rest.is_empty() && !rest.contains('-'));
        let named = self.inventory.pod_owners.range(self.place(&end.namespace, stem)..).take_while(|_| aggregated);
        let named = named.take_while(|(pod, _)| self.is_in(pod, &end.namespace) && pod.name.starts_with(stem));
        let siblings = named.filter(|(pod, _)| rest_is(&pod.name));
        let mut owners: BTreeSet<Workload> = siblings.flat_map(|(_, owners)| owners.iter().cloned()).collect();
        if !owners.is_empty() {
            return owners;
        }
        let (front, ordinal) = (stem.trim_end_matches('-'), end.pod.strip_prefix(stem).unwrap_or_default());
        let is_ordinal = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
        // A pod is named after its owner, or after its owner's revision.
        let unrevised = front.rsplit_once('-').map_or(front, |(name, _)| name);
        let names = BTreeSet::from([end.pod.as_str(), front, unrevised]);
        for ((place, kind), seen) in names.into_iter().flat_map(|name| self.workloads_named(&end.namespace, name)) {
            let fits = match kind.as_str() {
                "Pod" => place.name == end.pod,
                "StatefulSet" => (aggregated || is_ordinal) && place.name == front,
                "Deployment" | "CronJob" => (aggregated || generated) && is_revision(front, &place.name, kind == "CronJob"),
                _ => (aggregated || generated) && place.name == front,
            };
            if fits && bears_labels_of(end, &seen.pod) {
                owners.insert(Workload { kind: kind.clone(), name: place.name.clone() });
            }
        }
        owners
    }

    /// Workloads of the inventory whose pods carry exactly these labels.
    fn by_labels(&self, end: &PodEnd) -> BTreeSet<Workload> {
        let same = self.workloads(&end.namespace).filter(|(_, seen)| {
            let labels = &seen.pod.metadata.labels;
            !labels.is_empty() && *labels == end.labels
        });
        same.map(|((place, kind), _)| Workload { kind: kind.clone(), name: place.name.clone() }).collect()
    }

    /// The workloads of a namespace.
    fn workloads<'s>(&'s self, namespace: &'s str) -> impl Iterator<Item = (&'s (Place, String), &'s WorkloadSeen)> {
        let from = (self.place(namespace, ""), String::new());
        self.inventory.workloads.range(from..).take_while(move |((place, _), _)| self.is_in(place, namespace))
    }

    /// The workloads of one name.
    fn workloads_named<'s>(
        &'s self,
        namespace: &'s str,
        name: &'s str,
    ) -> impl Iterator<Item = (&'s (Place, String), &'s WorkloadSeen)> {
        let from = (self.place(namespace, name), String::new());
        let named = self.inventory.workloads.range(from..);
        named.take_while(move |((place, _), _)| self.is_in(place, namespace) && place.name == name)
    }

    fn is_in(&self, place: &Place, namespace: &str) -> bool {
        place.cluster == self.cluster && place.namespace == namespace
    }

    fn place(&self, namespace: &str, name: &str) -> Place {
        Place { cluster: self.cluster.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn template(&self, namespace: &str, workload: &Workload) -> Option<&Pod> {
        let key = (self.place(namespace, &workload.name), workload.kind.clone());
        self.inventory.workloads.get(&key).map(|seen| &*seen.pod)
    }

    /// A pod whose owner something names: as one of that owner's where its labels do not gainsay it, else by its own labels.
    fn owned(&self, workload: Workload, end: &PodEnd) -> End {
        let fits = self.template(&end.namespace, &workload).is_none_or(|pod| bears_labels_of(end, pod));
        if fits {
            self.known(&end.namespace, workload, end.clone())
        } else {
            self.labelled(&end.namespace, PodEnd { workload: None, ..end.clone() })
        }
    }

    fn known(&self, namespace: &str, workload: Workload, end: PodEnd) -> End {
        let mut end = PodEnd { namespace: namespace.to_owned(), pod: String::new(), ..end };
        if let Some(pod) = self.template(namespace, &workload) {
            let shared = pod.metadata.labels.iter().filter(|(name, _)| super::is_stable_label(name));
            let mut labels: super::Labels = shared.map(|(name, value)| (name.clone(), value.clone())).collect();
            labels.append(&mut end.labels);
            end.labels = labels;
            end.host_network = pod.spec.host_network;
            let named = container_ports(pod).filter(|(name, _, _)| !name.is_empty());
            end.ports = named.map(|(name, transport, port)| NamedPort { name: name.to_owned(), transport, port }).collect();
        }
        end.workload = Some(workload);
        self.labelled(namespace, end)
    }

    /// The pod with its namespace's labels.
    fn labelled(&self, namespace: &str, mut end: PodEnd) -> End {
        if let Some(labels) = self.inventory.namespaces.get(&(self.cluster.to_owned(), namespace.to_owned())) {
            end.namespace_labels.clone_from(labels);
        }
        end.namespace_labels.insert(NAMESPACE_NAME.to_owned(), namespace.to_owned());
        End::Pod(Box::new(end))
    }
}

/// Whether nothing that a pod bears speaks against its being one of a workload's: each naming label of those, or where they have none
/// each label, is its own too. One that the record leaves out says nothing: networks keep only some labels.
fn bears_labels_of(end: &PodEnd, pod: &Pod) -> bool {
    let stable = |name: &&String| super::is_stable_label(name);
    let naming = pod.metadata.labels.keys().filter(|name| NAMING_LABELS.contains(&name.as_str()));
    let asked: Vec<&String> = naming.collect();
    let asked = if asked.is_empty() { pod.metadata.labels.keys().filter(stable).collect() } else { asked };
    asked.into_iter().all(|name| end.labels.get(name).is_none_or(|value| pod.metadata.labels.get(name) == Some(value)))
}

/// Whether `front` is the owner's name and the revision's hash (a Deployment's ReplicaSet) or minute (a CronJob's Job).
fn is_revision(front: &str, owner: &str, by_minute: bool) -> bool {
    let Some(revision) = front.strip_prefix(owner).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let is_minute = revision.len() >= 8 && revision.bytes().all(|byte| byte.is_ascii_digit());
    let is_hash = (8..=10).contains(&revision.len()) && kube_stem(&format!("o-{revision}-bcdfg")) == Some("o-");
    if by_minute { is_minute } else { is_hash }
}

fn selects(selector: &super::Labels, pod: &Pod) -> bool {
    !selector.is_empty() && selector.iter().all(|(name, value)| pod.metadata.labels.get(name) == Some(value))
}

fn transport_of(port: &ServicePort) -> Option<Transport> {
    Transport::of_name(&port.protocol)
}

/// Name, protocol and number of every declared port.
fn container_ports(pod: &Pod) -> impl Iterator<Item = (&str, Transport, u16)> {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    containers.flat_map(|container| &container.ports).filter_map(|port| {
        Some((port.name.as_str(), Transport::of_name(&port.protocol)?, u16::try_from(port.container_port).ok()?))
    })
}

/// The port of a pod that a Service's port sends to.
fn target(port: &ServicePort, pod: &Pod) -> Option<u16> {
    match port.target_port.as_str() {
        "" => u16::try_from(port.port).ok(),
        text => text.parse().ok().or_else(|| {
            let transport = transport_of(port)?;
            container_ports(pod).find(|(name, own, _)| (*name, *own) == (text, transport)).map(|(_, _, port)| port)
        }),
    }
}
