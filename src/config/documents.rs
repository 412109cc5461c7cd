//! `[documents]`: what kind of IAM document is written, and what may be done so that it fits.

use serde::Deserialize;

use super::ConfigError;

/// How a policy is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attach {
    /// As customer managed policies.
    #[default]
    Managed,
    /// As one inline policy of the role or user.
    Inline,
    /// As the inline policy of a permission set.
    PermissionSet,
    /// As the permissions boundary: one managed policy that grants nothing by itself.
    Boundary,
}

impl Attach {
    /// As settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Attach::Managed => "managed",
            Attach::Inline => "inline",
            Attach::PermissionSet => "permission-set",
            Attach::Boundary => "boundary",
        }
    }
}

/// `[documents]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedDocuments {
    /// How the policy is attached.
    pub attach: Attach,
    /// How many managed policies can be attached to one role or user; 1 to 20.
    pub policies_max: Option<u64>,
    /// Whether actions may be written with a wildcard that matches no further action of the catalog, where nothing else fits.
    pub action_wildcards: bool,
    /// Whether a role that has one name in many accounts gets one document.
    pub fold_accounts: bool,
}

/// `[documents]`, as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documents {
    /// How the policy is attached.
    pub attach: Attach,
    /// How many managed policies can be attached to one role or user.
    pub policies_max: usize,
    /// Whether actions may be written with a wildcard that matches no further action of the catalog.
    pub action_wildcards: bool,
    /// Whether a role that has one name in many accounts gets one document.
    pub fold_accounts: bool,
}

impl UncheckedDocuments {
    /// Checks the range.
    pub(super) fn check(&self) -> Result<Documents, ConfigError> {
        let policies_max = self.policies_max.unwrap_or(10);
        let usable = usize::try_from(policies_max).ok().filter(|number| (1..=20).contains(number));
        let policies_max = usable.ok_or_else(|| ConfigError::Value {
            key: "documents.policies-max".to_owned(),
            value: policies_max.to_string(),
            expected: "a whole number from 1 to 20, the most that AWS attaches".to_owned(),
        })?;
        Ok(Documents {
            attach: self.attach,
            policies_max,
            action_wildcards: self.action_wildcards,
            fold_accounts: self.fold_accounts,
        })
    }
}
