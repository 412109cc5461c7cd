//! IAM policies from what an identity was seen to do.
//!
//! ```text
//! requests -> evidence -> rows (action on resource, widened by named rules) -> statements -> documents within the quotas
//! ```
//!
//! Invariant: every unit of the documents has exactly one reason; no unit is covered by another.

mod evidence;
mod generalize;
mod generated_name;
mod notes;
mod object_prefix;
mod quota;
mod risk;
mod statements;
mod trust;

pub use trust::trust;

use std::collections::BTreeSet;

use evidence::{ActionSeen, Use};
use notes::Notes;
use statements::{Kind, Rows};

use crate::access::aws::{Action, Arn};
use crate::access::identity::Identity;
use crate::access::profile::IdentityProfile;
use crate::catalog::Catalog;
use crate::config::{Config, Generalize};
use crate::finding::{Code, Finding};
use crate::policy::grant::{Generalization, Grant, Permit, Reason};
use crate::policy::set::{Documents, Policy};

/// How many observed names a generalization shows.
const EXAMPLES_MAX: usize = 3;

/// The policy of a role or user; `None` where nothing it did is evidence for a grant.
pub fn policy(
    identity: &Identity,
    seen: &IdentityProfile,
    config: &Config,
    _catalog: &Catalog,
    findings: &mut Vec<Finding>,
) -> Option<Policy> {
    let evidence = evidence::of(seen, config.failed_is_evidence);
    let mut draft = Draft::default();
    for (action, seen) in evidence.actions.iter().filter(|(_, seen)| seen.is_used()) {
        seen.arns.keys().for_each(|arn| draft.notes.visit(identity, arn));
        draft.write(action, seen, &config.generalize);
    }
    let Draft { rows, mut grants, mut notes } = draft;
    if grants.is_empty() && evidence.refused > 0 {
        let note = "every request was refused: nothing is written; check whether staging is missing a grant that it needs";
        findings.push(Finding::new(Code::OnlyRefused, identity.to_string(), note).counted(evidence.refused));
    }
    let (documents, fits) = quota::documents(rows.into_statements());
    notes.forwarded = forwarded(seen);
    notes.over_quota = (!fits).then_some(documents.len());
    findings.extend(notes.into_findings(identity, &grants));
    grants.sort();
    (!grants.is_empty()).then_some(Policy { documents: Documents::Iam(documents), grants })
}

/// Records in which an AWS service called with this identity's credentials, by the context key that says so.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
fn forwarded(seen: &IdentityProfile) -> u64 {
    let via = seen.requests.values().filter_map(|seen| seen.context.get("aws:ViaAWSService"));
    via.map(|values| values.present).sum()
}

/// A policy while it is written.
#[derive(Default)]
struct Draft {
    rows: Rows,
    grants: Vec<Grant>,
    notes: Notes,
}

impl Draft {
    /// Writes what one action needs.
    fn write(&mut self, action: &Action, seen: &ActionSeen, settings: &Generalize) {
        if !is_carried(action) {
            self.notes.not_carried.0 += u64::try_from(seen.uses().count()).unwrap_or(u64::MAX);
            return;
        }
        if seen.no_level.is_some() || seen.not_built.is_some() {
            self.write_all(action, seen);
            return;
        }
        let used: BTreeSet<Arn> = seen.arns.keys().cloned().collect();
        let resources = generalize::resources(&used, &seen.refused, settings);
        self.notes.not_carried.0 += u64::try_from(resources.left_out.len()).unwrap_or(u64::MAX);
        for arn in &resources.exact {
            let uses = || seen.arns.get(arn).into_iter();
            self.grant(Kind::Named, action, arn.to_policy(), uses, None);
        }
        self.keep_refused(action, seen, generalize::taken_in(&resources.exact, &seen.refused));
        for (pattern, names) in &resources.patterns {
            let uses = || names.iter().filter_map(|name| seen.arns.get(name));
            self.notes.not_carried.1 += u64::from(pattern.rule == generalize::UNCARRIED);
            let generalization = Generalization {
                rule: pattern.rule.to_owned(),
                examples: names.iter().take(EXAMPLES_MAX).map(Arn::to_string).collect(),
                names: u64::try_from(names.len()).unwrap_or(u64::MAX),
                admits: pattern.admits.clone(),
            };
            self.grant(Kind::Named, action, pattern.arn.to_policy(), uses, Some(generalization));
        }
    }

    /// An action that needs `*`: its named resources need no unit of their own, but those that it was only ever refused on are
    /// denied, since `*` would let them through.
    fn write_all(&mut self, action: &Action, seen: &ActionSeen) {
        let kind = if seen.no_level.is_some() { Kind::NoResourceLevel } else { Kind::NotBuilt };
        let actions = if kind == Kind::NoResourceLevel { &mut self.notes.no_level } else { &mut self.notes.not_built };
        actions.push(action.clone());
        if !seen.arns.is_empty() {
            self.notes.subsumed.push(action.clone());
        }
        self.grant(kind, action, "*".to_owned(), || seen.uses(), None);
        self.keep_refused(action, seen, seen.refused.iter().filter(|arn| generalize::is_deniable(arn)).collect());
    }

    /// Denies what was only ever refused and a wildcard would let through. A call on resources of several kinds does not say for
    /// which of them it was refused: denying them all could take away what was allowed, so those stay contested.
    fn keep_refused(&mut self, action: &Action, seen: &ActionSeen, refused: Vec<&Arn>) {
        for arn in refused.into_iter().filter(|_| seen.is_of_one_kind()) {
            self.notes.kept_refused += 1;
            self.rows.insert(Kind::KeepRefused, action, arn.to_policy());
        }
    }

    fn grant<'a, I: Iterator<Item = &'a Use>>(
        &mut self,
        kind: Kind,
        action: &Action,
        resource: String,
        uses: impl Fn() -> I,
        generalization: Option<Generalization>,
    ) {
        let reason: Reason = Use::reason(uses());
        self.notes.only_failed += u64::from(uses().all(|one| one.only_failed));
        self.rows.insert(kind, action, resource.clone());
        self.grants.push(Grant { permit: Permit::Iam { action: action.to_string(), resource }, reason, generalization });
    }
}

/// Whether an action's name is one that IAM could know: anything else would be a wildcard or an invalid document.
fn is_carried(action: &Action) -> bool {
    let service = action.service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    service && action.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
