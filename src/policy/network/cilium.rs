//! CiliumNetworkPolicies: what a NetworkPolicy cannot say — names for addresses, and words for nodes, the API server and the world.
//! <https://docs.cilium.io/en/stable/security/policy/language/>

use serde::Serialize;

use crate::policy::rbac::{LabelSelector, ObjectMeta};

/// The label by which Cilium knows a pod's namespace.
pub const CILIUM_NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";

/// The policies of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiliumProposal {
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The default deny, then one for each selector.
    pub policies: Vec<CommentedCilium>,
}

/// A policy with what no flow stands behind in it, or what is wider than what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentedCilium {
    /// The manifest.
    pub policy: CiliumNetworkPolicy,
    /// One line each; hostile text inside. Empty where all of it was observed.
    pub comments: Vec<String>,
}

/// A manifest of `cilium.io/v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumNetworkPolicy {
    api_version: &'static str,
    kind: &'static str,
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: CiliumSpec,
}

/// What a CiliumNetworkPolicy says. A direction with rules denies whatever none of them names; an empty rule names nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumSpec {
    /// The pods it holds for; empty means all of the namespace.
    pub endpoint_selector: LabelSelector,
    /// What may come in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<CiliumIngress>,
    /// What may go out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<CiliumEgress>,
}

/// What may come in: from one kind of peer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumIngress {
    /// Pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from_endpoints: Vec<LabelSelector>,
    /// Blocks of addresses outside of the cluster.
    #[serde(rename = "fromCIDR", skip_serializing_if = "Vec::is_empty")]
    pub from_cidr: Vec<String>,
    /// Words for who has no labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from_entities: Vec<String>,
    /// On which ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_ports: Vec<CiliumPorts>,
}

/// What may go out: to one kind of peer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumEgress {
    /// Pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_endpoints: Vec<LabelSelector>,
    /// Blocks of addresses outside of the cluster.
    #[serde(rename = "toCIDR", skip_serializing_if = "Vec::is_empty")]
    pub to_cidr: Vec<String>,
    /// Words for who has no labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_entities: Vec<String>,
    /// DNS names; Cilium learns their addresses from answers that a DNS rule lets it see.
    #[serde(rename = "toFQDNs", skip_serializing_if = "Vec::is_empty")]
    pub to_fqdns: Vec<CiliumName>,
    /// On which ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_ports: Vec<CiliumPorts>,
}

/// A DNS name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumName {
    /// The whole name.
    pub match_name: String,
}

/// Ports, and for name servers the questions that may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CiliumPorts {
    /// Ports.
    pub ports: Vec<CiliumPort>,
    /// Absent where any traffic may use them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<CiliumDns>,
}

/// A port by number; Cilium writes it as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CiliumPort {
    /// The number.
    pub port: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// Which names may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CiliumDns {
    /// Patterns.
    pub dns: Vec<CiliumPattern>,
}

/// A pattern of DNS names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CiliumPattern {
    /// `*` is every name.
    pub match_pattern: String,
}

impl CiliumNetworkPolicy {
    /// A manifest.
    #[must_use]
    pub fn new(metadata: ObjectMeta, spec: CiliumSpec) -> Self {
        CiliumNetworkPolicy { api_version: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata, spec }
    }
}
