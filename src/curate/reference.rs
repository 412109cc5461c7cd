//! The action reference while a catalog is made: services, their types and actions, whoever listed them.

use std::collections::{BTreeMap, BTreeSet};

use super::CurateError;
use super::text::Lines;
use crate::catalog::Source;

/// Everything that the action reference says.
#[derive(Debug, Default)]
pub(super) struct Reference {
    /// `YYYY-MM-DD`.
    pub(super) date: String,
    pub(super) sources: Vec<Source>,
    /// By IAM prefix.
    pub(super) services: BTreeMap<String, ServiceRows>,
}

/// One service.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ServiceRows {
    /// Name and ARN format, in the source's order; a type with several formats stands several times.
    pub(super) types: Vec<(String, String)>,
    /// By lower-case name.
    pub(super) actions: BTreeMap<String, ActionRow>,
}

/// One action.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ActionRow {
    pub(super) name: String,
    /// As the action reference writes it.
    pub(super) access: String,
    /// Type, and whether it is required, in the source's order.
    pub(super) types: Vec<(String, bool)>,
    pub(super) dependent: BTreeSet<String>,
    pub(super) keys: BTreeSet<String>,
}

impl Reference {
    /// The text of a catalog that holds only the reference.
    pub(super) fn text(&self) -> Result<String, CurateError> {
        let mut lines = Lines::head(&self.date, &self.sources, &BTreeMap::<&str, u64>::new(), &BTreeMap::new())?;
        for (prefix, service) in &self.services {
            lines.service(prefix, service, "")?;
        }
        Ok(lines.into_text())
    }
}
