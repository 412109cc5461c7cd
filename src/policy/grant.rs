//! A grant: the smallest removable unit of a policy, with its reason.
//!
//! Invariant: every grant states its reason; every widening names the generalization that caused it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// When a grant holds: condition operator to condition key to values, as the policy writes them. Empty means always.
pub type Condition = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What one grant permits, as its document writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permit {
    /// One action on one resource, both as the policy writes them (wildcards and `${*}` included).
    Iam {
        /// `service:Name`.
        action: String,
        /// An ARN pattern or `*`.
        resource: String,
        /// When.
        #[serde(default, skip_serializing_if = "Condition::is_empty")]
        condition: Condition,
    },
    /// One verb on one resource.
    Rbac {
        /// The namespace of the RoleBinding; `None` for the whole cluster.
        namespace: Option<String>,
        /// The verb.
        verb: String,
        /// The API group; empty for core.
        api_group: String,
        /// `pods` or `pods/log`.
        resource: String,
        /// The one name; `None` for every name.
        name: Option<String>,
    },
    /// One verb on one URL path.
    NonResource {
        /// The verb.
        verb: String,
        /// The path, perhaps with a trailing `*`.
        path: String,
    },
    /// Pods that need this level and no stricter one satisfies them.
    PodSecurity {
        /// The level below `restricted` that is granted.
        level: super::podsec::Level,
        /// The version whose checks say what the level means: the same pod can need another level at another version.
        version: crate::config::KubeVersion,
    },
    /// One peer of some pods, in one direction, on one port.
    Network(Box<super::network::NetworkPermit>),
}

impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Permit::Iam { action, resource, condition } => {
                write!(f, "{action} on {resource}")?;
                for (operator, key, values) in
                    condition.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)))
                {
                    write!(f, " where {key} {operator} {}", values.join(" or "))?;
                }
                Ok(())
            }
            Permit::Rbac { namespace, verb, api_group, resource, name } => {
                write!(f, "{verb} {resource}")?;
                if !api_group.is_empty() {
                    write!(f, ".{api_group}")?;
                }
                if let Some(name) = name {
                    write!(f, " {name}")?;
                }
                match namespace {
                    Some(namespace) => write!(f, " in {namespace}"),
                    None => write!(f, " in the whole cluster"),
                }
            }
            Permit::NonResource { verb, path } => write!(f, "{verb} {path}"),
            Permit::PodSecurity { level, version } => write!(f, "run pods at {level} ({version})"),
            Permit::Network(permit) => permit.fmt(f),
        }
    }
}

/// Why a grant is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// The log shows it being used.
    Observed,
    /// It follows from an observed request by a rule of the platform.
    Derived {
        /// The rule, in a few words.
        rule: String,
    },
    /// Needed in all likelihood, but no log could show it.
    Assumed {
        /// Why it is assumed.
        why: String,
    },
    /// Production has it, and no recording can show whether it is used.
    Unobservable {
        /// Why none can.
        why: String,
    },
    /// A person asked for it.
    Declared {
        /// Who or which file.
        by: String,
    },
}

/// A named widening: which rule turned several observed names into a wildcard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generalization {
    /// The rule's kebab-case name, as documented in `docs/generalization.md`.
    pub rule: String,
    /// A few of the observed names, in order.
    pub examples: Vec<String>,
    /// How many observed names it stands for.
    pub names: u64,
    /// What else it admits, in a person's words.
    pub admits: String,
}

/// One grant of one identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// What it permits.
    pub permit: Permit,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// The widening that made it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalization: Option<Generalization>,
}
