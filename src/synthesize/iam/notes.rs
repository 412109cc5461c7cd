//! What a person should know about one identity's IAM policy.
//!
//! Invariant: notes name actions and counts, never object keys or other names from inside a resource.

use std::collections::BTreeMap;

use crate::access::aws::{Action, Arn, Text};
use crate::access::identity::{Home, Identity};
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Permit, Reason};

/// Counts while a policy is written.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Actions without a resource level.
    pub(super) no_level: Vec<Action>,
    /// Actions whose resource is not in the log.
    pub(super) not_built: Vec<Action>,
    /// Of those, the ones that also name resources elsewhere; `*` stands for these too.
    pub(super) subsumed: Vec<Action>,
    /// Resources that are denied, since `*` would let through what was only ever refused.
    pub(super) kept_refused: u64,
    /// Grants whose only evidence failed.
    pub(super) only_failed: u64,
    /// Requests whose action or resource IAM cannot carry and that are left out, and patterns in their place.
    pub(super) not_carried: (u64, u64),
    /// Other accounts and how many of their resources were used.
    pub(super) other_accounts: BTreeMap<String, u64>,
    /// Records in which an AWS service called with the identity's credentials, by service and whether the grants say so.
    pub(super) forwarded: BTreeMap<(String, bool), u64>,
    /// What to say where the documents exceed a quota.
    pub(super) over_quota: Option<String>,
}

/// How many actions a note names.
const NAMED_MAX: usize = 8;

fn list(actions: &[Action]) -> String {
    let named: Vec<String> = actions.iter().take(NAMED_MAX).map(Action::to_string).collect();
    match actions.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Grants that no record states word for word: by which rules of the platform, and how many of them hold a wildcard.
fn derived(grants: &[Grant]) -> Option<(String, u64)> {
    let mut rules: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for grant in grants {
        let Reason::Derived { rule } = &grant.reason else { continue };
        let open = matches!(&grant.permit, Permit::Iam { resource, .. } if Text::from_policy(resource).as_literal().is_none());
        let (all, wild) = rules.entry(rule).or_default();
        *all += 1;
        *wild += usize::from(open);
    }
    let (all, wild) = rules.values().fold((0, 0), |(all, wild), (more, wilder)| (all + more, wild + wilder));
    let told: Vec<String> = rules.iter().map(|(rule, (number, _))| format!("{rule} ({number})")).collect();
    let note = format!(
        "grants follow from records by a rule of the platform, {wild} of them on a wildcard: {}; the manifest marks them `derived`",
        told.join("; ")
    );
    (all > 0).then(|| (note, count(all)))
}

/// What services did with the identity's credentials, apart by whether the grants say so; with the number of records.
fn forwarded(services: &BTreeMap<(String, bool), u64>) -> Vec<(String, u64)> {
    let mut notes = Vec::new();
    for scoped in [true, false] {
        let of = services.iter().filter(|((_, sure), _)| *sure == scoped);
        let (names, records): (Vec<&str>, Vec<u64>) = of.map(|((service, _), records)| (service.as_str(), *records)).unzip();
        let how = if scoped {
            "the grants hold only where that service asks"
        } else {
            "the log does not rule out that the service took on the role itself, so the grants hold for every caller"
        };
        if !names.is_empty() {
            let names = names.join(", ");
            let note =
                format!("called by {names} with this identity's credentials: needed, though no code of yours asks for it; {how}");
            notes.push((note, records.iter().sum()));
        }
    }
    notes
}

impl Notes {
    /// Counts a used resource if it belongs to another account than the identity.
    pub(super) fn visit(&mut self, identity: &Identity, arn: &Arn) {
        let Home::Account { id, .. } = &identity.home else { return };
        let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(other) = arn.account.as_literal().filter(is_account).filter(|other| other != id) {
            *self.other_accounts.entry(other.to_owned()).or_default() += 1;
        }
    }

    /// As findings about the identity.
    pub(super) fn into_findings(self, identity: &Identity, grants: &[Grant]) -> Vec<Finding> {
        let about = identity.to_string();
        let mut findings = Vec::new();
        let mut tell = |code, note: String, number| findings.push(Finding::new(code, about.clone(), note).counted(number));
        if !self.no_level.is_empty() {
            let note = format!("IAM knows no resource for {}: their statement says `*`", list(&self.no_level));
            tell(Code::NoResourceLevel, note, count(self.no_level.len()));
        }
        if !self.not_built.is_empty() {
            let note = format!(
                "the records do not name the resource of {}: their statement says `*`; narrow it by hand where you know it",
                list(&self.not_built)
            );
            tell(Code::ArnNotBuilt, note, count(self.not_built.len()));
        }
        if !self.subsumed.is_empty() {
            let note = format!("{} were also seen on named resources, which `*` stands for as well", list(&self.subsumed));
            tell(Code::ArnNotBuilt, note, count(self.subsumed.len()));
        }
        if self.kept_refused > 0 {
            let note = "a wildcard would let through what was only ever refused: those resources are denied explicitly";
            tell(Code::ArnNotBuilt, note.to_owned(), self.kept_refused);
        }
        if self.only_failed > 0 {
            let note = "grants rest on calls that failed after authorization only; `evidence.failed = false` leaves them out";
            tell(Code::FailedAsEvidence, note.to_owned(), self.only_failed);
        }
        let (left_out, replaced) = self.not_carried;
        if replaced > 0 {
            let note = "names hold characters that a policy cannot carry: `*` stands in their place".to_owned();
            tell(Code::NameNotCarried, note, replaced);
        }
        if left_out > 0 {
            let note = "requests are left out, since a policy cannot carry their names; they will be denied".to_owned();
            tell(Code::NameNotCarried, note, left_out);
        }
        for (account, resources) in self.other_accounts {
            let note = format!("uses resources of account {account}: their owner must allow it in the resource's own policy too");
            tell(Code::CrossAccount, note, resources);
        }
        for (note, records) in forwarded(&self.forwarded) {
            tell(Code::ForwardAccess, note, records);
        }
        if let Some(note) = self.over_quota {
            tell(Code::OverQuota, note, 0);
        }
        if let Some((note, number)) = derived(grants) {
            tell(Code::Generalized, note, number);
        }
        let generalized: Vec<_> = grants.iter().filter_map(|grant| grant.generalization.as_ref()).collect();
        if !generalized.is_empty() {
            let mut rules: Vec<&str> = generalized.iter().map(|generalization| generalization.rule.as_str()).collect();
            rules.sort_unstable();
            rules.dedup();
            let note =
                format!("patterns stand for observed names, by the rules {}; `exact = true` turns them off", rules.join(", "));
            tell(Code::Generalized, note, count(generalized.len()));
        }
        findings.extend(super::risk::findings(identity, grants));
        findings
    }
}
