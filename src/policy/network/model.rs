//! The documents of `networking.k8s.io/v1`, as manifests spell them.
//! <https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/>
//!
//! Invariant: reading is strict: an unknown field is an error, since a misspelt `podSelector` would mean every pod.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::access::cidr::Cidr;
use crate::policy::rbac::{LabelSelector, ObjectMeta};

const API_VERSION: &str = "networking.k8s.io/v1";
const KIND: &str = "NetworkPolicy";

/// The label that every namespace has and that holds its name.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Kubernetes' decoder takes `null` for what is absent.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A manifest of `networking.k8s.io/v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    api_version: &'static str,
    kind: &'static str,
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: NetworkPolicySpec,
}

/// A manifest before its kind is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "null_is_default")]
    spec: NetworkPolicySpec,
}

impl<'de> Deserialize<'de> for NetworkPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Manifest { api_version, kind, metadata, spec } = Manifest::deserialize(deserializer)?;
        if (api_version.as_str(), kind.as_str()) != (API_VERSION, KIND) {
            let found = format!("a `{kind}` of apiVersion `{api_version}`, expected a `{KIND}` of `{API_VERSION}`");
            return Err(serde::de::Error::custom(found));
        }
        Ok(NetworkPolicy::new(metadata, spec))
    }
}

/// What a NetworkPolicy says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicySpec {
    /// The pods it holds for; empty means all of the namespace.
    #[serde(default, deserialize_with = "null_is_default")]
    pub pod_selector: LabelSelector,
    /// The directions in which anything that no rule allows is denied. Empty means `Ingress`, and `Egress` where there are egress
    /// rules: see [`NetworkPolicySpec::holds`].
    #[serde(default, deserialize_with = "null_is_default")]
    pub policy_types: Vec<Direction>,
    /// What may come in.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<IngressRule>,
    /// What may go out.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressRule>,
}

/// A direction of traffic, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Into the pod.
    Ingress,
    /// Out of the pod.
    Egress,
}

/// What may come in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngressRule {
    /// From whom; empty means from anywhere.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Peer>,
    /// On which ports; empty means on all.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// What may go out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressRule {
    /// To whom; empty means to anywhere.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Peer>,
    /// On which ports; empty means on all.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// The other end: a block of addresses, or pods by their namespace's labels and by their own, both of which must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    /// Addresses outside of the cluster; beside it neither selector may stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_block: Option<IpBlock>,
    /// Absent means the policy's own namespace; empty means every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Absent means every pod of those namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
}

/// A block of addresses without some parts of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpBlock {
    /// The block.
    pub cidr: Cidr,
    /// What is left out of it.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Cidr>,
}

/// Ports of the pod that is reached (never of a Service: rules are checked after a Service's address is resolved).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// `TCP`, `UDP` or `SCTP`; `TCP` where a manifest says nothing.
    #[serde(default = "tcp", deserialize_with = "null_is_tcp")]
    pub protocol: String,
    /// Its number or name; absent means every port of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<PortRef>,
    /// The last number of a range that begins with `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
}

fn tcp() -> String {
    "TCP".to_owned()
}

fn null_is_tcp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_else(tcp))
}

/// A port by number, or by the name that the container gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PortRef {
    /// From 1 to 65535.
    Number(u16),
    /// Where the number was not seen.
    Name(String),
}

impl NetworkPolicy {
    /// A manifest.
    #[must_use]
    pub fn new(metadata: ObjectMeta, spec: NetworkPolicySpec) -> Self {
        NetworkPolicy { api_version: API_VERSION, kind: KIND, metadata, spec }
    }

    /// Where it stands: a manifest that names no namespace goes into `default`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        if self.metadata.namespace.is_empty() { "default" } else { &self.metadata.namespace }
    }
}

impl NetworkPolicySpec {
    /// Whether it isolates its pods in this direction, by `policyTypes` or by the API server's default for it.
    /// <https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/#NetworkPolicySpec>
    #[must_use]
    pub fn holds(&self, direction: Direction) -> bool {
        if self.policy_types.is_empty() {
            return direction == Direction::Ingress || !self.egress.is_empty();
        }
        self.policy_types.contains(&direction)
    }
}

impl Peer {
    /// Pods with these labels in the namespace of that name.
    #[must_use]
    pub fn pods(namespace: &str, labels: &BTreeMap<String, String>) -> Self {
        let name = BTreeMap::from([(NAMESPACE_NAME.to_owned(), namespace.to_owned())]);
        Peer { ip_block: None, namespace_selector: Some(selector(name)), pod_selector: Some(selector(labels.clone())) }
    }

    /// A block of addresses.
    #[must_use]
    pub fn addresses(cidr: Cidr) -> Self {
        Peer { ip_block: Some(IpBlock { cidr, except: Vec::new() }), namespace_selector: None, pod_selector: None }
    }
}

impl Port {
    /// A port by number.
    #[must_use]
    pub fn number(protocol: &str, port: u16) -> Self {
        Port { protocol: protocol.to_owned(), port: Some(PortRef::Number(port)), end_port: None }
    }

    /// A port by name.
    #[must_use]
    pub fn named(protocol: &str, name: &str) -> Self {
        Port { protocol: protocol.to_owned(), port: Some(PortRef::Name(name.to_owned())), end_port: None }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.port, self.end_port) {
            (None, _) => write!(f, "every {} port", self.protocol),
            (Some(PortRef::Number(number)), None) => write!(f, "{} {number}", self.protocol),
            (Some(PortRef::Number(number)), Some(last)) => write!(f, "{} {number}-{last}", self.protocol),
            (Some(PortRef::Name(name)), _) => write!(f, "{} {name}", self.protocol),
        }
    }
}

/// A selector of labels alone.
#[must_use]
pub fn selector(match_labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels, match_expressions: Vec::new() }
}
