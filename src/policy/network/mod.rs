//! Kubernetes NetworkPolicies, as a proposal: what the documents say, and on what each rule rests.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>

use std::collections::BTreeMap;

use serde::Serialize;

use super::rbac::{LabelSelector, ObjectMeta};

/// Proposed policies of one namespace. Nothing in them was seen on a network: every rule says what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkProposal {
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// In the order in which they are written: deny, names, then one per workload.
    pub policies: Vec<ProposedPolicy>,
}

/// A policy with the basis of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedPolicy {
    /// The manifest.
    pub policy: NetworkPolicy,
    /// One per rule, sorted; empty where the policy has none.
    pub basis: Vec<RuleBasis>,
}

/// On what a rule rests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleBasis {
    /// The rule in a few words; hostile text inside.
    pub rule: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// Why it is there; hostile text inside.
    pub why: String,
}

/// How sure a network rule is. There is no `observed`: no flow was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It follows from what objects of the cluster declare.
    Inferred,
    /// Needed in all likelihood; nothing declares it.
    Assumed,
}

impl Certainty {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Certainty::Inferred => "inferred",
            Certainty::Assumed => "assumed",
        }
    }
}

/// A manifest of `networking.k8s.io/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    api_version: &'static str,
    kind: &'static str,
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: NetworkPolicySpec,
}

/// What a NetworkPolicy says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// The pods it holds for; empty means all of the namespace.
    pub pod_selector: LabelSelector,
    /// The directions in which anything that no rule allows is denied.
    pub policy_types: Vec<Direction>,
    /// What may come in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<IngressRule>,
    /// What may go out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressRule>,
}

/// A direction of traffic, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Direction {
    /// Into the pod.
    Ingress,
    /// Out of the pod.
    Egress,
}

/// What may come in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct IngressRule {
    /// From whom; empty means from anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Peer>,
    /// On which ports; empty means on all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// What may go out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct EgressRule {
    /// To whom; empty means to anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Peer>,
    /// On which ports; empty means on all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// The other end: pods by their namespace's labels and by their own, both of which must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Absent means the policy's own namespace; empty means every namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Absent means every pod of those namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
}

/// A port of the pod that is reached (never of a Service: rules are checked after a Service's address is resolved).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Its number or name.
    pub port: PortRef,
}

/// A port by number, or by the name that the container gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
        NetworkPolicy { api_version: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec }
    }
}

impl Peer {
    /// Pods with these labels in the namespace of that name. Every namespace carries its name as a label.
    /// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
    #[must_use]
    pub fn pods(namespace: &str, labels: &BTreeMap<String, String>) -> Self {
        let name = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())]);
        Peer { namespace_selector: Some(selector(name)), pod_selector: Some(selector(labels.clone())) }
    }
}

impl Port {
    /// A port by number.
    #[must_use]
    pub fn number(protocol: &str, port: u16) -> Self {
        Port { protocol: protocol.to_owned(), port: PortRef::Number(port) }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.port {
            PortRef::Number(number) => write!(f, "{} {number}", self.protocol),
            PortRef::Name(name) => write!(f, "{} {name}", self.protocol),
        }
    }
}

/// A selector of labels alone.
#[must_use]
pub fn selector(match_labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels, match_expressions: Vec::new() }
}
