//! What the inventory declares, arranged for network rules: workloads with a selector of their own, services with the ports of their pods.

use std::collections::BTreeMap;

use crate::access::identity::{Home, Identity, Name};
use crate::access::inventory::{Entrance, Place, ServicePort};
use crate::access::pod::{Container, Pod};
use crate::access::profile::Profile;
use crate::access::request::RequestKey;
use crate::config::Config;
use crate::policy::network::{Port, PortRef};

use crate::synthesize::rbac::is_label;

pub(super) type Labels = BTreeMap<String, String>;

/// A workload whose pods were seen.
pub(super) struct Node<'a> {
    pub(super) cluster: &'a str,
    pub(super) namespace: &'a str,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) pod: &'a Pod,
    /// The labels that select its pods; empty where it has none that Kubernetes would take.
    pub(super) selector: Labels,
    /// Whether its service account asked the API server for anything.
    pub(super) calls_api_server: bool,
    /// Whether its service account has an AWS role.
    pub(super) calls_aws: bool,
}

/// A Service with its pods.
pub(super) struct Front<'a> {
    pub(super) place: &'a Place,
    pub(super) ports: &'a [ServicePort],
    /// Indices of the workloads that it selects.
    pub(super) nodes: Vec<usize>,
    /// The Ingress that sends traffic to it, if any does.
    pub(super) ingress: Option<&'a str>,
    /// Other ways into it.
    pub(super) entrances: Vec<&'a Entrance>,
}

/// Everything that rules are made of.
pub(super) struct Topology<'a> {
    pub(super) workloads: Vec<Node<'a>>,
    pub(super) services: BTreeMap<&'a Place, Front<'a>>,
}

impl<'a> Topology<'a> {
    /// Arranges the inventory.
    pub(super) fn of(profile: &'a Profile, config: &Config) -> Self {
        let inventory = &profile.inventory;
        let mut workloads: Vec<Node<'a>> = Vec::new();
        for ((place, kind), seen) in &inventory.workloads {
            let account = match seen.pod.spec.service_account_name.as_str() {
                "" => "default",
                named => named,
            };
            let key = (place.namespace.clone(), account.to_owned());
            workloads.push(Node {
                cluster: &place.cluster,
                namespace: &place.namespace,
                kind,
                name: &place.name,
                pod: &seen.pod,
                selector: Labels::new(),
                calls_api_server: asks_api_server(profile, config, &place.cluster, &place.namespace, account),
                calls_aws: inventory.service_account_roles.contains_key(&key),
            });
        }
        let mut neighbours: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, node) in workloads.iter().enumerate() {
            neighbours.entry((node.cluster, node.namespace)).or_default().push(index);
        }
        let neighbours_of =
            |cluster: &str, namespace: &str| -> Vec<usize> { neighbours.get(&(cluster, namespace)).cloned().unwrap_or_default() };
        let nodes_at =
            |indices: &[usize]| -> Vec<&Node<'a>> { indices.iter().filter_map(|index| workloads.get(*index)).collect() };
        let selector_of = |node: &Node<'a>| {
            let neighbours = nodes_at(&neighbours_of(node.cluster, node.namespace));
            let others = neighbours.iter().filter(|other| (other.kind, other.name) != (node.kind, node.name));
            let others: Vec<&Labels> = others.map(|other| &other.pod.metadata.labels).collect();
            own_selector(node.namespace, &node.pod.metadata.labels, &others)
        };
        let selectors: Vec<Labels> = workloads.iter().map(selector_of).collect();
        let ingress_of = |place: &Place| {
            let same = |at: &Place| at.cluster == place.cluster && at.namespace == place.namespace;
            let fronting = inventory.ingresses.iter().find(|(at, services)| same(at) && services.contains(&place.name));
            fronting.map(|(at, _)| at.name.as_str())
        };
        let services = inventory.services.iter().map(|(place, (selector, ports))| {
            let selected = |node: &Node<'_>| !selector.is_empty() && matches(selector, &node.pod.metadata.labels);
            let mut nodes = neighbours_of(&place.cluster, &place.namespace);
            nodes.retain(|index| workloads.get(*index).is_some_and(selected));
            let entrances = inventory.entrances.get(place).into_iter().flatten().collect();
            (place, Front { place, ports, nodes, ingress: ingress_of(place), entrances })
        });
        let services = services.collect();
        for (node, selector) in workloads.iter_mut().zip(selectors) {
            node.selector = selector;
        }
        Topology { workloads, services }
    }
}

/// Whether a service account's requests are evidence that its pods call the API server.
fn asks_api_server(profile: &Profile, config: &Config, cluster: &str, namespace: &str, account: &str) -> bool {
    let identity = Identity {
        home: Home::Cluster(cluster.to_owned()),
        name: Name::ServiceAccount { namespace: namespace.to_owned(), name: account.to_owned() },
    };
    profile.identities.get(&identity).is_some_and(|seen| {
        seen.requests.iter().any(|(key, seen)| matches!(key, RequestKey::Kube(_)) && seen.is_evidence(config.failed_is_evidence))
    })
}

pub(super) fn matches(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Label sets that name a workload by convention, best first.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>
const CONVENTIONS: &[(&str, &[&str])] =
    &[("app.kubernetes.io/name", &["app.kubernetes.io/instance", "app.kubernetes.io/component"]), ("app", &[]), ("k8s-app", &[])];

/// The fewest labels that select a workload's pods and none of a seen neighbour; all of them where convention does not do.
/// Empty where there are none, or where Kubernetes would not take them.
pub(super) fn own_selector(namespace: &str, labels: &Labels, neighbours: &[&Labels]) -> Labels {
    if !is_label(namespace) || !labels.iter().all(|(key, value)| is_label_key(key) && is_label_value(value)) {
        return Labels::new();
    }
    for (main, further) in CONVENTIONS {
        let Some(value) = labels.get(*main) else { continue };
        let mut selector = Labels::from([((*main).to_owned(), value.clone())]);
        selector.extend(further.iter().filter_map(|key| labels.get(*key).map(|value| ((*key).to_owned(), value.clone()))));
        if !neighbours.iter().any(|other| matches(&selector, other)) {
            return selector;
        }
    }
    labels.clone()
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && bytes.iter().all(inside) && edge(bytes.first()) && edge(bytes.last())
}

pub(super) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(crate::access::identity::is_object_name)
}

/// A protocol as rules spell it; `None` for one that is no protocol of Kubernetes. Empty means TCP.
fn protocol(text: &str) -> Option<String> {
    let text = if text.is_empty() { "TCP" } else { text };
    ["TCP", "UDP", "SCTP"].contains(&text).then(|| text.to_owned())
}

fn number(port: i64) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port > 0)
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.containers.iter().chain(&pod.spec.init_containers)
}

/// The port of a pod that a Service's port leads to; by name where the pod declares no such name. `None` where it makes no sense.
pub(super) fn target_port(port: &ServicePort, pod: &Pod) -> Option<Port> {
    let protocol = protocol(&port.protocol)?;
    let target =
        if port.target_port.is_empty() || port.target_port == "0" { port.port.to_string() } else { port.target_port.clone() };
    if let Ok(target) = target.parse::<i64>() {
        return Some(Port::number(&protocol, number(target)?));
    }
    let declared = containers(pod).flat_map(|container| &container.ports).find(|declared| declared.name == target);
    if let Some(declared) = declared {
        return Some(Port::number(&protocol, number(declared.container_port)?));
    }
    // A port name is an IANA service name: https://kubernetes.io/docs/reference/networking/service-protocols/
    let is_name =
        target.len() <= 15 && target.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_name.then(|| Port::named(&protocol, &target))
}

/// The number of the pod's port that a Service's port leads to, where the pod tells it.
pub(super) fn target_number(port: &ServicePort, pod: &Pod) -> Option<u16> {
    match target_port(port, pod)?.port? {
        PortRef::Number(number) => Some(number),
        PortRef::Name(_) => None,
    }
}

/// The words in which a pod's containers may name services: environment values, commands and arguments. The second part says
/// whether the word is a value (of a variable or an option) and not a command.
pub(super) fn words(pod: &Pod) -> Vec<(&str, bool)> {
    let mut words = Vec::new();
    for container in containers(pod) {
        words.extend(container.env.iter().map(|variable| (variable.value.as_str(), true)));
        for list in [&container.command, &container.args] {
            let mut after_option = false;
            for word in list {
                words.push((word.as_str(), after_option));
                after_option = word.starts_with('-') && !word.contains('=');
            }
        }
    }
    words
}
