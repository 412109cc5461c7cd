//! `[kubernetes]`: the cluster in production: its version, which of its bindings stay, and how roles are written for it.

use serde::Deserialize;

use super::{Config, ConfigError, Pattern, at_least_two, patterns};

/// A Kubernetes minor version, such as 1.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubeVersion {
    /// 1.
    pub major: u32,
    /// Such as 36.
    pub minor: u32,
}

impl std::fmt::Display for KubeVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}.{}", self.major, self.minor)
    }
}

/// `[kubernetes]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedKubernetes {
    /// Minor version of production, such as `1.36`.
    pub version: Option<String>,
    /// Globs over bindings of the snapshot (`ClusterRoleBinding/NAME`, `RoleBinding/NAMESPACE/NAME`) that stay in production: what
    /// they give is not written again.
    pub surviving: Vec<String>,
    /// How many namespaces that need the same rules share one ClusterRole; at least 2.
    pub shared_role_min: Option<u64>,
    /// Whether production's API servers run OwnerReferencesPermissionEnforcement, as OpenShift's do; upstream's default is not to.
    pub owner_references_enforced: bool,
}

/// How roles are written.
#[derive(Debug, Clone)]
pub struct Rbac {
    /// Bindings that stay in production; empty for none.
    pub surviving: Vec<Pattern>,
    /// Namespaces with the same rules that share one ClusterRole, bound in each of them.
    pub shared_role_min: usize,
    /// Whether the admission plugin OwnerReferencesPermissionEnforcement asks for rights of its own.
    pub owner_references_enforced: bool,
}

/// What production's API servers ask beside what an event states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetServer {
    /// Their version.
    pub version: KubeVersion,
    /// Whether they run OwnerReferencesPermissionEnforcement.
    pub owner_references_enforced: bool,
}

impl Config {
    /// The API servers of production.
    #[must_use]
    pub fn target_server(&self) -> TargetServer {
        TargetServer { version: self.kubernetes, owner_references_enforced: self.rbac.owner_references_enforced }
    }
}

impl UncheckedKubernetes {
    /// Checks and compiles.
    pub(super) fn check(&self) -> Result<(KubeVersion, Rbac), ConfigError> {
        let shared = at_least_two("kubernetes.shared-role-min", self.shared_role_min, 3)?;
        let surviving = patterns("kubernetes.surviving", &self.surviving)?;
        let shared_role_min = usize::try_from(shared).unwrap_or(usize::MAX);
        let rbac = Rbac { surviving, shared_role_min, owner_references_enforced: self.owner_references_enforced };
        Ok((version(self.version.as_deref().unwrap_or("1.36"))?, rbac))
    }
}

/// `1.36` or `v1.36`.
fn version(text: &str) -> Result<KubeVersion, ConfigError> {
    let parse = || {
        let (major, minor) = text.trim_start_matches('v').split_once('.')?;
        Some(KubeVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
    };
    parse().filter(|version| version.major == 1).ok_or_else(|| ConfigError::Value {
        key: "kubernetes.version".to_owned(),
        value: text.to_owned(),
        expected: "a minor version such as `1.36`".to_owned(),
    })
}
