//! From a CloudTrail event to IAM actions: hand-written rules, then the reference's own names, then the table of operations, then names
//! without their version.
//!
//! Invariant: what none of them knows is [`Mapping::Unknown`], never a guess.

use super::Catalog;
use super::operation::Origin;
use super::rules::{Confidence, Mapped, Mapping, RuleEnd};
use crate::access::aws::Action;

impl Catalog {
    /// The IAM prefixes that an eventSource (`s3.amazonaws.com`) may mean, the likeliest first; empty for an unknown one.
    #[must_use]
    pub fn prefixes_of(&self, event_source: &str) -> Vec<&str> {
        let host = event_source.strip_suffix(".cn").unwrap_or(event_source);
        let host = host.strip_suffix(".amazonaws.com").unwrap_or(host);
        if let Some(prefixes) = self.rules.prefixes(host) {
            return prefixes.iter().map(String::as_str).collect();
        }
        match self.parsed.get_key_value(host) {
            Some((prefix, _)) => vec![prefix.as_str()],
            None => self.text.hosts.get(host).map_or_else(Vec::new, |prefixes| prefixes.iter().map(String::as_str).collect()),
        }
    }

    /// The IAM actions that a CloudTrail event stands for. `carries` tells whether requestParameters has a name at its top.
    #[must_use]
    pub fn map(&self, event_source: &str, event_name: &str, carries: impl Fn(&str) -> bool) -> Mapping {
        self.explain(event_source, event_name, carries).mapping
    }

    /// What [`Catalog::map`] says, and who says so.
    #[must_use]
    pub fn explain(&self, event_source: &str, event_name: &str, carries: impl Fn(&str) -> bool) -> Explained<'_> {
        let prefixes = self.prefixes_of(event_source);
        for prefix in &prefixes {
            if let Some((mapping, origin)) = self.map_in(prefix, event_name, &carries) {
                return Explained { prefix, mapping, origin };
            }
        }
        // A versioned name is cut only where the literal one means nothing: 64 actions end in a digit.
        if let Some(bare) = bare_name(event_name) {
            for prefix in &prefixes {
                if let Some((Mapping::Actions(mut actions), _)) = self.map_in(prefix, bare, &carries) {
                    for mapped in &mut actions {
                        mapped.confidence = mapped.confidence.max(Confidence::Derived);
                    }
                    return Explained { prefix, mapping: Mapping::Actions(actions), origin: Origin::VersionCut };
                }
            }
        }
        Explained { prefix: prefixes.first().copied().unwrap_or_default(), mapping: Mapping::Unknown, origin: Origin::Nothing }
    }

    /// What an event of one prefix stands for, its name taken as it is.
    pub(super) fn map_under(&self, prefix: &str, event_name: &str, carries: &impl Fn(&str) -> bool) -> Mapping {
        self.map_in(prefix, event_name, carries).map_or(Mapping::Unknown, |(mapping, _)| mapping)
    }

    fn map_in(&self, prefix: &str, event_name: &str, carries: &impl Fn(&str) -> bool) -> Option<(Mapping, Origin)> {
        if let Some(rule) = self.rules.event(prefix, event_name, carries) {
            return Some((rule.into(), Origin::Rule));
        }
        if let Some(definition) = self.service(prefix).and_then(|service| service.action(event_name)) {
            let confidence = if definition.name == event_name { Confidence::Exact } else { Confidence::Derived };
            let action = Action { service: prefix.to_owned(), name: definition.name.clone() };
            return Some((Mapping::Actions(vec![Mapped { action, confidence, implied: None }]), Origin::SameName));
        }
        if let Some(operation) = self.operation(prefix, event_name) {
            if operation.permissionless {
                return Some((Mapping::Permissionless, operation.origin));
            }
            if !operation.actions.is_empty() {
                let mapped = |(action, confidence): &(Action, Confidence)| Mapped {
                    action: action.clone(),
                    confidence: *confidence,
                    implied: None,
                };
                return Some((Mapping::Actions(operation.actions.iter().map(mapped).collect()), operation.origin));
            }
        }
        Some((self.rules.family(prefix, event_name, carries)?.into(), Origin::Rule))
    }
}

/// A mapping with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The prefix that knows the event, else the likeliest; empty for an unknown source.
    pub prefix: &'a str,
    /// What the event stands for.
    pub mapping: Mapping,
    /// Which source says so.
    pub origin: Origin,
}

impl From<RuleEnd> for Mapping {
    fn from(end: RuleEnd) -> Self {
        match end {
            RuleEnd::Permissionless => Mapping::Permissionless,
            RuleEnd::ServiceEvent => Mapping::ServiceEvent,
            RuleEnd::Actions(actions) => Mapping::Actions(actions),
        }
    }
}

/// The name without a date or version at its end: `GetAlias20150331`, `UpdateFunctionCode20150331v2`, `CreateDistribution2015_07_27`.
/// `None` where there is none.
#[must_use]
pub fn bare_name(event_name: &str) -> Option<&str> {
    let cut = |text: &'_ str| text.trim_end_matches(|character: char| character.is_ascii_digit()).len();
    let unversioned = match event_name.get(..cut(event_name)) {
        Some(front) if front.len() < event_name.len() && front.ends_with(['v', 'V']) => front.get(..front.len() - 1)?,
        _ => event_name,
    };
    let undated = unversioned.trim_end_matches(|character: char| character.is_ascii_digit() || character == '_');
    let tail = unversioned.get(undated.len()..)?;
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    let bare = if digits == 8 { undated } else { unversioned };
    (bare.len() < event_name.len() && !bare.is_empty()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_versions_are_cut() {
        for (name, bare) in [
            ("GetAlias20150331", Some("GetAlias")),
            ("UpdateFunctionCode20150331v2", Some("UpdateFunctionCode")),
            ("CreateDistribution2015_07_27", Some("CreateDistribution")),
            ("ListThingPrincipalsV2", Some("ListThingPrincipals")),
            ("RestoreDBInstanceFromS3", None),
            ("GetObject", None),
            ("20150331", None),
            ("", None),
        ] {
            assert_eq!(bare_name(name), bare, "{name}");
        }
    }
}
