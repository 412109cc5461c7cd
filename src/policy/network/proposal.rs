//! Proposed NetworkPolicies: manifests that no flow stands behind, each rule with what it rests on instead.

use super::model::NetworkPolicy;

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
