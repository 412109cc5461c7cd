//! Roles and bindings from what a service account or user was seen to do.
//!
//! ```text
//! requests --evidence--> units --generalize--> units --write--> roles and bindings
//! ```
//!
//! Invariant: every unit of the documents is one grant, and no unit is covered by another.

mod evidence;
mod generalize;
mod granted;
mod risk;
mod shared;
mod write;

pub(super) use evidence::is_label;
pub(super) use granted::versus_used;
pub(super) use shared::{shared_groups, splits};

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Identity, Name};
use crate::access::profile::IdentityProfile;
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Permit, Reason};
use crate::policy::rbac::target;
use crate::policy::set::{Documents, Policy};
use crate::policy::snapshot::Standing;

use evidence::{Asked, Units};

/// The group that the API server lets through before any authorizer is asked.
const MASTERS: &str = "system:masters";

/// The roles of a service account or user; `None` where nothing it did is evidence for a grant.
pub fn policy(identity: &Identity, seen: &IdentityProfile, config: &Config, findings: &mut Vec<Finding>) -> Option<Policy> {
    policy_beside(identity, seen, config, &Standing::default(), findings)
}

/// The same beside bindings that stay in production: what these give is not written again.
pub fn policy_beside(
    identity: &Identity,
    seen: &IdentityProfile,
    config: &Config,
    standing: &Standing,
    findings: &mut Vec<Finding>,
) -> Option<Policy> {
    let seen = &*target::profile(seen, config.target_server());
    let about = identity.to_string();
    if let Some((code, note)) = beyond_rbac(identity, seen) {
        findings.push(Finding::new(code, about, note));
        return None;
    }
    let asked = Asked::of(identity, seen, config, standing);
    say_left_to(&about, &asked, findings);
    if asked.evidence.is_empty() {
        if !asked.refused.is_empty() {
            let note = "nothing is written: beyond what every authenticated user has, all its requests were refused";
            let count = asked.refused.values().sum();
            findings.push(Finding::new(Code::OnlyRefused, about, note).counted(count));
        }
        return None;
    }
    let mut units = asked.units();
    say_not_carried(&about, &units, findings);
    // What another unit covers is no reason to widen.
    units.drop_covered();
    if !config.generalize.exact {
        generalize::widen(&mut units, &asked, &config.generalize);
    }
    let groups: Vec<String> = seen.groups.iter().cloned().collect();
    units.drop_spared_binds(&asked, &|own, request| standing.spares_bind(identity, &groups, own, request));
    units.drop_covered();
    if units.permits.is_empty() {
        return None;
    }
    say_generalized(&about, &units, findings);
    say_derived(&about, &units, findings);
    say_generated_namespaces(&about, &units, findings);
    say_contested(&about, &asked, &units, findings);
    say_failed(&about, &units, findings);
    risk::say(&about, units.permits.keys(), findings);
    let documents = Documents::Rbac(write::documents(identity, units.permits.keys(), config.rbac.shared_role_min)?);
    let grants = units.permits.into_iter().map(|(permit, basis)| Grant {
        permit,
        reason: basis.reason(),
        generalization: basis.generalization,
    });
    Some(Policy { documents, grants: grants.collect() })
}

/// What bindings that stay in production give already.
fn say_left_to(about: &str, asked: &Asked<'_>, findings: &mut Vec<Finding>) {
    for (binding, requests) in &asked.left_to {
        let shown: Vec<String> = requests.iter().take(3).map(|request| format!("`{request}`")).collect();
        let note = format!(
            "not written again, since {binding} is named as surviving and gives it: {}{}; without that binding it would be denied",
            shown.join(", "),
            if requests.len() > shown.len() { format!(" and {} more", requests.len() - shown.len()) } else { String::new() }
        );
        findings.push(Finding::new(Code::LeftToSurviving, about, note).counted(count(requests.len())));
    }
}

/// Grants that no record states word for word: by which rules of the platform.
fn say_derived(about: &str, units: &Units, findings: &mut Vec<Finding>) {
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    for basis in units.permits.values() {
        if let Reason::Derived { rule } = basis.reason() {
            *rules.entry(rule).or_default() += 1;
        }
    }
    let told: Vec<String> = rules.iter().map(|(rule, number)| format!("{rule} ({number})")).collect();
    if !told.is_empty() {
        let note = format!(
            "grants follow from records by a rule of the platform: {}; the manifest marks them `derived`",
            told.join("; ")
        );
        findings.push(Finding::new(Code::Generalized, about, note).counted(count(rules.values().sum())));
    }
}

/// A role in a namespace that a machine named will not be in the one of tomorrow.
fn say_generated_namespaces(about: &str, units: &Units, findings: &mut Vec<Finding>) {
    let scopes = units.permits.keys().filter_map(|permit| scope_and_name(permit).and_then(|(scope, _)| scope));
    let generated: BTreeSet<&str> = scopes.filter(|scope| generalize::is_generated_namespace(scope)).collect();
    if let Some(example) = generated.first() {
        let note = format!(
            "roles stand in namespaces that a machine named (`{example}`): the next one will have none. Let whatever makes them bind \
             the role there, or set `generalize.generated-namespaces`, which gives the whole cluster"
        );
        findings.push(Finding::new(Code::GeneratedNamespace, about, note).counted(count(generated.len())));
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Why RBAC has no say about this identity, if it has none.
fn beyond_rbac(identity: &Identity, seen: &IdentityProfile) -> Option<(Code, &'static str)> {
    if seen.groups.contains(MASTERS) {
        let note = "nothing is written: its group system:masters bypasses RBAC, so the log shows what it did, not what it needs to \
                    be granted; take it out of that group and record again";
        return Some((Code::SystemMasters, note));
    }
    let anonymous = matches!(&identity.name, Name::KubeUser(name) if name == "system:anonymous");
    let note = "nothing is written: these requests carried no credentials; a grant to system:anonymous is a grant to everyone";
    anonymous.then_some((Code::Anonymous, note))
}

fn say_not_carried(about: &str, units: &Units, findings: &mut Vec<Finding>) {
    for (why, count) in &units.not_carried {
        let note = format!("no rule can say this without saying more, so none is written: {why}");
        findings.push(Finding::new(Code::NameNotCarried, about, note).counted(*count));
    }
}

fn say_generalized(about: &str, units: &Units, findings: &mut Vec<Finding>) {
    for (permit, basis) in &units.permits {
        if let Some(widening) = &basis.generalization {
            let what = match widening.rule.as_str() {
                "kube-namespaces" | "generated-namespace" => "namespaces became the whole cluster",
                "kube-read-verbs" => "read verbs became all three",
                _ => "names became every name",
            };
            let note = format!("{permit}: {} observed {what} ({})", widening.names, widening.rule);
            findings.push(Finding::new(Code::Generalized, about, note).counted(widening.names));
        }
    }
}

/// RBAC only adds: what one observed grant covers cannot be taken away again, even where the log shows it refused.
fn say_contested(about: &str, asked: &Asked<'_>, units: &Units, findings: &mut Vec<Finding>) {
    for (request, count) in &asked.refused {
        if let Some(permit) = units.covering(request) {
            let note = format!("`{request}` was only ever refused, yet `{permit}`, which was allowed, covers it");
            findings.push(Finding::new(Code::Contested, about, note).counted(*count));
        }
    }
}

fn say_failed(about: &str, units: &Units, findings: &mut Vec<Finding>) {
    let failed = units.permits.values().filter(|basis| basis.only_failed).count();
    if failed > 0 {
        let note =
            "grants whose only evidence is requests that were authorized and then failed (not found, conflict, validation)";
        findings.push(Finding::new(Code::FailedAsEvidence, about, note).counted(u64::try_from(failed).unwrap_or(u64::MAX)));
    }
}

/// The namespace and the name of a unit on a resource; `None` for a path.
fn scope_and_name(permit: &Permit) -> Option<(Option<&str>, Option<&str>)> {
    let Permit::Rbac { namespace, name, .. } = permit else { return None };
    Some((namespace.as_deref(), name.as_deref()))
}

/// The unit of the same verb and resource in another scope and for another name; a path stays as it is.
fn reshaped(permit: &Permit, scope: Option<&str>, new_name: Option<&str>) -> Permit {
    let mut shaped = permit.clone();
    if let Permit::Rbac { namespace, name, .. } = &mut shaped {
        *namespace = scope.map(str::to_owned);
        *name = new_name.map(str::to_owned);
    }
    shaped
}
