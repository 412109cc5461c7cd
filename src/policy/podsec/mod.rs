//! Pod Security Standards: levels, checks by version, and what a namespace's labels mean for a pod.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>

pub mod admission;
mod cel;
mod checks;
mod defaults;
pub mod told;
pub mod version;
mod visitor;

use serde::{Deserialize, Serialize};

pub use cel::{Uses, Variable};
pub use checks::Condition;

use crate::access::pod::Pod;
use crate::config::KubeVersion;
use crate::policy::decision::{Decision, Layer};
use crate::policy::grant::Permit;

/// A level, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Anything goes.
    Privileged,
    /// No known privilege escalations.
    Baseline,
    /// Current hardening practice.
    Restricted,
}

impl Level {
    /// Every level, strictest first.
    pub const STRICTEST_FIRST: [Level; 3] = [Level::Restricted, Level::Baseline, Level::Privileged];

    /// As namespace labels spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }

    /// The level that a label spells; case matters, as it does for the API server.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Level> {
        Level::STRICTEST_FIRST.into_iter().find(|level| level.name() == name)
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a namespace enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// The level that `enforce` names.
    pub level: Level,
    /// The pinned version.
    pub version: KubeVersion,
}

/// One field of a pod that a check forbids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// The check's id, as upstream names it.
    pub check: &'static str,
    /// The field's path, such as `spec.containers[web].securityContext.privileged`; hostile text inside.
    pub field: String,
    /// What is wrong with it; hostile text inside.
    pub detail: String,
}

/// What a namespace answers to a pod. A refusal names the checks.
#[must_use]
pub fn decide(policy: &NamespacePolicy, pod: &Pod) -> Decision {
    let mut checks: Vec<&str> =
        violations(policy.level, policy.version, pod).into_iter().map(|violation| violation.check).collect();
    checks.dedup();
    let level = format!("{}:{}", policy.level, policy.version);
    if checks.is_empty() {
        Decision::Allow { by: level }
    } else {
        Decision::ExplicitDeny { layer: Layer::Own, by: format!("{level} {}", checks.join(", ")) }
    }
}

/// Every field that keeps a pod from a level, check by check; empty means that the pod satisfies it.
/// A version newer than [`version::NEWEST`] is judged by the checks of that one.
#[must_use]
pub fn violations(level: Level, version: KubeVersion, pod: &Pod) -> Vec<Violation> {
    let pod = defaults::defaulted(version, pod);
    checks::at(level, version).flat_map(|check| check(&pod)).collect()
}

/// The strictest level that a pod satisfies.
#[must_use]
pub fn strictest(version: KubeVersion, pod: &Pod) -> Level {
    let satisfies = |level: &Level| violations(*level, version, pod).is_empty();
    Level::STRICTEST_FIRST.into_iter().find(satisfies).unwrap_or(Level::Privileged)
}

/// One unit for a level below restricted, none for restricted.
#[must_use]
pub fn permits(policy: &NamespacePolicy) -> Vec<Permit> {
    match policy.level {
        Level::Restricted => Vec::new(),
        Level::Privileged | Level::Baseline => vec![Permit::PodSecurity { level: policy.level, version: policy.version }],
    }
}

/// Whether a pod satisfies `level` but no stricter one.
#[must_use]
pub fn needs(level: Level, version: KubeVersion, pod: &Pod) -> bool {
    strictest(version, pod) == level
}
