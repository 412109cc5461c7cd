//! Calico's staged form of a NetworkPolicy: it shows in flow logs what the policy would do, and enforces nothing.
//! <https://docs.tigera.io/calico/latest/reference/resources/stagedkubernetesnetworkpolicy>

use serde::Serialize;

use super::model::{NetworkPolicy, NetworkPolicySpec};
use crate::policy::rbac::ObjectMeta;

/// A manifest of `projectcalico.org/v3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedNetworkPolicy {
    api_version: &'static str,
    kind: &'static str,
    /// Name and namespace: those of the policy that it stages.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: StagedSpec,
}

/// What a staged policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedSpec {
    staged_action: &'static str,
    /// What the staged policy says.
    #[serde(flatten)]
    pub spec: NetworkPolicySpec,
}

impl StagedNetworkPolicy {
    /// The policy, staged to be set.
    #[must_use]
    pub fn of(policy: &NetworkPolicy) -> Self {
        StagedNetworkPolicy {
            api_version: "projectcalico.org/v3",
            kind: "StagedKubernetesNetworkPolicy",
            metadata: policy.metadata.clone(),
            spec: StagedSpec { staged_action: "Set", spec: policy.spec.clone() },
        }
    }
}
