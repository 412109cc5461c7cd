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
        let mut here: BTreeMap<(&str, &str), ByLabel<'a>> = BTreeMap::new();
        for (index, node) in workloads.iter().enumerate() {
            here.entry((node.cluster, node.namespace)).or_default().insert(index, &node.pod.metadata.labels);
        }
        let none = ByLabel::default();
        let selected = |cluster: &str, namespace: &str, selector: &Labels| -> Vec<usize> {
            let candidates = here.get(&(cluster, namespace)).unwrap_or(&none).candidates(selector).iter().copied();
            let is_selected = |node: &Node<'_>| matches(selector, &node.pod.metadata.labels);
            candidates.filter(|index| workloads.get(*index).is_some_and(is_selected)).collect()
        };
        let selector_of = |(own, node): (usize, &Node<'a>)| {
            let is_taken = |selector: &Labels| selected(node.cluster, node.namespace, selector).iter().any(|index| *index != own);
            own_selector(node.namespace, &node.pod.metadata.labels, &is_taken)
        };
        let selectors: Vec<Labels> = workloads.iter().enumerate().map(selector_of).collect();
        let ingress_of = |place: &Place| {
            let from = Place { name: String::new(), ..place.clone() };
            let same = |at: &Place| at.cluster == place.cluster && at.namespace == place.namespace;
            let mut ingresses = inventory.ingresses.range(from..).take_while(|(at, _)| same(at));
            ingresses.find(|(_, services)| services.contains(&place.name)).map(|(at, _)| at.name.as_str())
        };
        let services = inventory.services.iter().map(|(place, (selector, ports))| {
            let nodes = selected(&place.cluster, &place.namespace, selector);
            let entrances = inventory.entrances.get(place).into_iter().flatten().collect();
            (place, Front { place, ports, nodes, ingress: ingress_of(place), entrances })
        });
        let services: BTreeMap<_, _> = services.collect();
        for (node, selector) in workloads.iter_mut().zip(selectors) {
            node.selector = selector;
        }
        Topology { workloads, services }
    }
}

/// Which of many objects carry each label, by their numbers.
#[derive(Debug, Default)]
pub(super) struct ByLabel<'a> {
    carriers: BTreeMap<&'a str, BTreeMap<&'a str, Vec<usize>>>,
}

impl<'a> ByLabel<'a> {
    pub(super) fn insert(&mut self, number: usize, labels: impl IntoIterator<Item = (&'a String, &'a String)>) {
        for (key, value) in labels {
            self.carriers.entry(key).or_default().entry(value).or_default().push(number);
        }
    }

    /// Who carries the one of these labels that the fewest do: whoever carries them all is among them. None for no labels.
    pub(super) fn candidates<'l>(&self, labels: impl IntoIterator<Item = (&'l String, &'l String)>) -> &[usize] {
        let carriers = labels.into_iter().map(|(key, value)| {
            let values = self.carriers.get(key.as_str());
            values.and_then(|values| values.get(value.as_str())).map(Vec::as_slice).unwrap_or_default()
        });
        carriers.min_by_key(|carriers| carriers.len()).unwrap_or_default()
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

/// The fewest labels that select a workload's pods and none of a neighbour, of which `is_taken` says whether some are selected; all of them where convention does not do.
/// Empty where there are none, or where Kubernetes would not take them.
pub(super) fn own_selector(namespace: &str, labels: &Labels, is_taken: &dyn Fn(&Labels) -> bool) -> Labels {
    if !is_label(namespace) || !labels.iter().all(|(key, value)| is_label_key(key) && is_label_value(value)) {
        return Labels::new();
    }
    for (main, further) in CONVENTIONS {
        let Some(value) = labels.get(*main) else { continue };
        let mut selector = Labels::from([((*main).to_owned(), value.clone())]);
        selector.extend(further.iter().filter_map(|key| labels.get(*key).map(|value| ((*key).to_owned(), value.clone()))));
        if !is_taken(&selector) {
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
