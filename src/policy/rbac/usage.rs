//! Granted versus used: of every binding that production has, which rules a recording used, and which it did not.
//!
//! Invariant: it is about one recording; what it did not show unused may be needed on another day.

use serde::Serialize;

use super::model::PolicyRule;
use crate::policy::grant::Permit;

/// How much of a grant was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// All of it, as wide as it is.
    Used,
    /// Some of it, or all of it by less than it says: fewer names, fewer namespaces, no need of a wildcard.
    WiderThanUsed,
    /// None of it.
    Unused,
}

impl Use {
    /// As reports name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Use::Used => "used",
            Use::WiderThanUsed => "wider than used",
            Use::Unused => "unused",
        }
    }
}

/// One rule of an existing binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleUse {
    /// As the role has it.
    pub rule: PolicyRule,
    /// How much of it was used.
    #[serde(rename = "use")]
    pub used: Use,
    /// Units that were used as wide as they are.
    pub exact: Vec<Permit>,
    /// Units of which only a part was used.
    pub wider: Vec<WideUnit>,
    /// Units that nothing used.
    pub unused: Vec<Permit>,
}

/// A unit that says more than was used of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WideUnit {
    /// As the role has it.
    pub unit: Permit,
    /// The narrowest units that still cover what was used of it.
    pub used_as: Vec<Permit>,
}

/// One existing binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BindingUse {
    /// `ClusterRoleBinding/NAME` or `RoleBinding/NAMESPACE/NAME`.
    pub binding: String,
    /// `ClusterRole/NAME` or `Role/NAME`.
    pub role: String,
    /// Whom it binds: `ServiceAccount NAMESPACE/NAME`, `User NAME`, `Group NAME`.
    pub subjects: Vec<String>,
    /// Identities of the recording that it binds, by name or through a group.
    pub seen: Vec<String>,
    /// Who keeps it or its role as it is, where a label or annotation says so.
    pub keeper: Option<String>,
    /// Whether it is the platform's own, made again at every start.
    pub platform: bool,
    /// How much of it was used.
    #[serde(rename = "use")]
    pub used: Use,
    /// Different requests that it covers and that were made.
    pub requests: u64,
    /// Those of them for which the authorizer named this very binding; the first that allows is named, so another may cover the same.
    pub named_by_authorizer: u64,
    /// Its rules; empty where the role is not in the snapshot.
    pub rules: Vec<RuleUse>,
}

/// Every binding of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterUse {
    /// The cluster, as the log names it.
    pub cluster: String,
    /// Cluster-wide ones first, then by namespace and name.
    pub bindings: Vec<BindingUse>,
}
