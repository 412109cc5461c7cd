//! IAM policies from what an identity was seen to do.
//!
//! ```text
//! requests -> evidence -> rows (action on resource, widened by named rules) -> statements -> documents within the quotas
//! ```
//!
//! Invariant: every unit of the documents has exactly one reason; no unit is covered by another.

mod actions;
mod companion;
mod conditions;
mod evidence;
pub(crate) mod fold;
mod generalize;
mod generated_name;
mod identities;
mod kept;
mod merge;
mod notes;
mod object_prefix;
mod quota;
mod resource_type;
mod risk;
mod statements;
mod trust;

pub use companion::companions;
pub use conditions::Assumers;
pub(crate) use identities::{is_role, long_lived_keys, splits};
pub use trust::trust;

use std::collections::BTreeSet;

use evidence::{ActionSeen, Use};
use generalize::Bounds;
use notes::Notes;
use statements::{Kind, Rows};

use crate::access::aws::{Action, Arn};
use crate::access::data_events::DataEvents;
use crate::access::identity::Identity;
use crate::access::profile::{IdentityProfile, Profile};
use crate::catalog::{Catalog, data_events};
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::grant::{Condition, Generalization, Grant, Permit, Reason};
use crate::policy::set::{Documents, Policy};
use crate::policy::snapshot::Snapshot;

/// How many observed names a generalization shows.
const EXAMPLES_MAX: usize = 3;

/// What every policy of one run is written under.
#[derive(Debug)]
pub struct Setting<'a> {
    /// Settings.
    pub config: &'a Config,
    /// What AWS defines.
    pub catalog: &'a Catalog,
    /// What leaves no event.
    pub data_events: &'a DataEvents,
    /// Who took on which role.
    pub assumers: Assumers,
    /// What production has; `None` where nobody said.
    pub snapshot: Option<&'a Snapshot>,
}

impl<'a> Setting<'a> {
    /// The setting for the identities of a profile, with the tables that ship.
    #[must_use]
    pub fn of(profile: &Profile, config: &'a Config, catalog: &'a Catalog, snapshot: Option<&'a Snapshot>) -> Self {
        Setting { config, catalog, data_events: data_events::embedded(), assumers: Assumers::of(profile), snapshot }
    }
}

/// The policy of a role or user; `None` where nothing it did is evidence for a grant.
pub fn policy(identity: &Identity, seen: &IdentityProfile, setting: &Setting<'_>, findings: &mut Vec<Finding>) -> Option<Policy> {
    let Setting { config, catalog, assumers, .. } = setting;
    let conditions = conditions::Evidence { identity, assumers, config };
    let evidence = evidence::of(seen, &conditions);
    let mut draft = Draft::default();
    let used_on = evidence.actions.values().flat_map(|used| used.arns.keys());
    let sensitive = generalize::sensitive(used_on.chain(evidence.refused_on.values().flatten()), &config.sensitive);
    for ((action, condition), used) in &evidence.actions {
        used.arns.keys().for_each(|arn| draft.notes.visit(identity, arn));
        let refused = evidence.refused_on.get(action).cloned().unwrap_or_default();
        let bounds = Bounds { action, catalog, settings: &config.generalize, sensitive: &sensitive };
        draft.write(Want { action, condition, used, refused: &refused, stated_refused: &evidence.stated_refused }, bounds);
    }
    let Draft { mut rows, mut grants, mut notes, .. } = draft;
    if grants.is_empty() && evidence.refused > 0 {
        let note = "every request was refused: nothing is written; check whether staging is missing a grant that it needs";
        findings.push(Finding::new(Code::OnlyRefused, identity.to_string(), note).counted(evidence.refused));
    }
    if let Some(existing) = setting.snapshot.and_then(|snapshot| snapshot.principals.get(identity)) {
        kept::keep(&existing.documents, setting.data_events, &mut rows, &mut grants);
    }
    let (mut statements, room) = (rows.into_statements(catalog), quota::Room::of(identity, &config.documents));
    let reach = actions::Reach::of(seen, config.failed_is_evidence, catalog);
    if let Some(actions_min) = config.generalize.verb_families_min.filter(|_| !config.generalize.exact) {
        reach.fold_families(&mut statements, &mut grants, actions_min);
    }
    let mut fitted = quota::documents(&statements, &room);
    if fitted.over.is_some() && config.documents.action_wildcards && !config.generalize.exact {
        reach.fold_equal(&mut statements, &mut grants);
        fitted = quota::documents(&statements, &room);
    }
    notes.forwarded = conditions::forwarded(&conditions, seen.requests.iter());
    notes.over_quota = fitted.over;
    findings.extend(notes.into_findings(identity, &grants));
    identities::tell_permission_set(identity, findings);
    grants.sort();
    (!grants.is_empty()).then_some(Policy { documents: Documents::Iam(fitted.documents), grants })
}

/// A policy while it is written.
#[derive(Default)]
struct Draft {
    rows: Rows,
    grants: Vec<Grant>,
    notes: Notes,
    /// What the latest action is granted on without any condition: there a condition adds nothing.
    always: (Option<Action>, Vec<Arn>, bool),
}

/// What one action needs under one condition.
#[derive(Clone, Copy)]
struct Want<'a> {
    action: &'a Action,
    condition: &'a Condition,
    used: &'a ActionSeen,
    /// What the action was only ever refused on, whatever the condition.
    refused: &'a BTreeSet<Arn>,
    /// What records state to have been refused.
    stated_refused: &'a BTreeSet<(Action, Arn)>,
}

impl Draft {
    /// Writes what one action needs under one condition.
    fn write(&mut self, want: Want<'_>, bounds: Bounds<'_>) {
        let Want { action, used, .. } = want;
        if !is_carried(action) {
            self.notes.not_carried.0 += u64::try_from(used.uses().count()).unwrap_or(u64::MAX);
            return;
        }
        if self.always.0.as_ref() != Some(action) {
            self.always = (Some(action.clone()), Vec::new(), false);
        }
        if self.always.2 {
            return;
        }
        if used.no_level.is_some() || used.not_built.is_some() {
            self.write_all(want);
            return;
        }
        let granted = |arn: &&Arn| self.always.1.iter().any(|wider| generalize::within(arn, wider));
        let arns: BTreeSet<Arn> = used.arns.keys().filter(|arn| !granted(arn)).cloned().collect();
        let resources = generalize::resources(&arns, want.refused, bounds);
        self.notes.not_carried.0 += u64::try_from(resources.left_out.len()).unwrap_or(u64::MAX);
        for arn in &resources.exact {
            let uses = || used.arns.get(arn).into_iter();
            let widened = used.arns.get(arn).and_then(|one| one.widened.clone());
            self.grant(Kind::Named, want, arn.to_policy(), uses, widened);
        }
        self.keep_refused(want, generalize::taken_in(&resources.exact, want.refused));
        for (pattern, names) in &resources.patterns {
            let uses = || names.iter().filter_map(|name| used.arns.get(name));
            self.notes.not_carried.1 += u64::from(pattern.rule == generalize::UNCARRIED);
            let generalization = Generalization {
                rule: pattern.rule.to_owned(),
                examples: names.iter().take(EXAMPLES_MAX).map(Arn::to_string).collect(),
                names: u64::try_from(names.len()).unwrap_or(u64::MAX),
                admits: pattern.admits.clone(),
            };
            self.grant(Kind::Named, want, pattern.arn.to_policy(), uses, Some(generalization));
        }
        if want.condition.is_empty() {
            self.always.1.extend(resources.exact);
            self.always.1.extend(resources.patterns.into_iter().map(|(pattern, _)| pattern.arn));
        }
    }

    /// An action that needs `*`: its named resources need no unit of their own, but those that it was only ever refused on are
    /// denied, since `*` would let them through.
    fn write_all(&mut self, want: Want<'_>) {
        let Want { action, used, .. } = want;
        let kind = if used.no_level.is_some() { Kind::NoResourceLevel } else { Kind::NotBuilt };
        let actions = if kind == Kind::NoResourceLevel { &mut self.notes.no_level } else { &mut self.notes.not_built };
        actions.push(action.clone());
        if !used.arns.is_empty() {
            self.notes.subsumed.push(action.clone());
        }
        self.grant(kind, want, "*".to_owned(), || used.uses(), None);
        self.keep_refused(want, want.refused.iter().filter(|arn| generalize::is_deniable(arn)).collect());
        self.always.2 |= want.condition.is_empty();
    }

    /// Denies what was only ever refused and a wildcard would let through. A call on resources of several kinds does not say for
    /// which of them it was refused: denying them all could take away what was allowed, so those stay contested.
    fn keep_refused(&mut self, want: Want<'_>, refused: Vec<&Arn>) {
        let one_kind = evidence::is_of_one_kind(want.used.arns.keys().chain(want.refused));
        let stated = |arn: &&Arn| want.stated_refused.contains(&(want.action.clone(), (*arn).clone()));
        for arn in refused.into_iter().filter(|_| one_kind).filter(stated) {
            self.notes.kept_refused += 1;
            self.rows.insert(Kind::KeepRefused, want.action, &Condition::new(), arn.to_policy());
        }
    }

    fn grant<'a, I: Iterator<Item = &'a Use>>(
        &mut self,
        kind: Kind,
        want: Want<'_>,
        resource: String,
        uses: impl Fn() -> I,
        generalization: Option<Generalization>,
    ) {
        let reason: Reason = Use::reason(uses());
        self.notes.only_failed += u64::from(uses().all(|one| one.only_failed));
        self.rows.insert(kind, want.action, want.condition, resource.clone());
        let permit = Permit::Iam { action: want.action.to_string(), resource, condition: want.condition.clone() };
        self.grants.push(Grant { permit, reason, generalization });
    }
}

/// Whether an action's name is one that IAM could know: anything else would be a wildcard or an invalid document.
fn is_carried(action: &Action) -> bool {
    let service = action.service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    service && action.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
