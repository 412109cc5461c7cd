//! The widenings of RBAC: where many names, namespaces or read verbs, or names that a machine made, become every one. Each is
//! named and reported.
//!
//! Invariant: no widening covers a request that was only ever refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::shape::{Shape, kube_stem};
use crate::config::Generalize;
use crate::policy::grant::{Generalization, Permit};

use super::evidence::{Asked, Support, Units, exact};
use super::{reshaped, scope_and_name};

/// How many of the names a generalization shows.
const EXAMPLES_MAX: usize = 3;

/// The verbs that read: who may list may see everything that get and watch show.
const READ_VERBS: [&str; 3] = ["get", "list", "watch"];

/// Replaces units that differ by name or namespace alone by one unit for every one, where a rule says so; then adds read verbs.
pub(super) fn widen(units: &mut Units, asked: &Asked<'_>, limits: &Generalize) {
    // Units hold no wildcards, so those that cover a refused request are few.
    let mut closed = BTreeSet::new();
    for refused in asked.refused.keys().map(|request| exact(request)) {
        if let Some((scope, name)) = scope_and_name(&refused) {
            let wide = [(scope, None), (None, name), (None, None)];
            closed.extend(wide.map(|(scope, name)| reshaped(&refused, scope, name)));
        }
        closed.insert(refused);
    }
    let open = |wide: &Permit| !closed.contains(wide);
    widen_names(units, limits, &open);
    widen_namespaces(units, limits, &open);
    if let Some(min) = limits.kube_read_verbs_min {
        add_read_verbs(units, min, &open);
    }
}

fn widen_names(units: &mut Units, limits: &Generalize, open: &dyn Fn(&Permit) -> bool) {
    let mut names_of: BTreeMap<Permit, BTreeSet<String>> = BTreeMap::new();
    for permit in units.permits.keys() {
        if let Some((scope, Some(name))) = scope_and_name(permit) {
            names_of.entry(reshaped(permit, scope, None)).or_default().insert(name.to_owned());
        }
    }
    for (wide, names) in names_of {
        if let Some((rule, admits)) = rule_for_names(&wide, &names, limits)
            && !units.permits.contains_key(&wide)
            && open(&wide)
        {
            let scope = scope_and_name(&wide).and_then(|(scope, _)| scope);
            let narrow = names.iter().map(|name| reshaped(&wide, scope, Some(name))).collect();
            apply(units, &wide, narrow, named(rule, &names, admits));
        }
    }
}

/// The same unit in many namespaces, or in namespaces that a machine named, becomes one for the whole cluster. Only on request.
fn widen_namespaces(units: &mut Units, limits: &Generalize, open: &dyn Fn(&Permit) -> bool) {
    let mut scopes_of: BTreeMap<Permit, BTreeSet<String>> = BTreeMap::new();
    for permit in units.permits.keys() {
        if let Some((Some(scope), name)) = scope_and_name(permit) {
            scopes_of.entry(reshaped(permit, None, name)).or_default().insert(scope.to_owned());
        }
    }
    for (wide, scopes) in scopes_of {
        let generated = scopes.iter().filter(|scope| is_generated_namespace(scope)).count();
        let rule = if limits.generated_namespaces && at_least(generated, limits.generated_names_min) {
            "generated-namespace"
        } else if limits.kube_namespaces_min.is_some_and(|min| at_least(scopes.len(), min)) {
            "kube-namespaces"
        } else {
            continue;
        };
        if !units.permits.contains_key(&wide) && open(&wide) {
            let name = scope_and_name(&wide).and_then(|(_, name)| name);
            let narrow = scopes.iter().map(|scope| reshaped(&wide, Some(scope), name)).collect();
            apply(units, &wide, narrow, named(rule, &scopes, "every other namespace too, those to come included"));
        }
    }
}

/// Where enough of get, list and watch were used on the same thing, the others are added. Only on request.
fn add_read_verbs(units: &mut Units, min: u64, open: &dyn Fn(&Permit) -> bool) {
    let mut verbs_of: BTreeMap<Permit, BTreeSet<String>> = BTreeMap::new();
    for permit in units.permits.keys() {
        if let Permit::Rbac { verb, .. } = permit
            && READ_VERBS.contains(&verb.as_str())
        {
            verbs_of.entry(with_verb(permit, "get")).or_default().insert(verb.clone());
        }
    }
    for (permit, verbs) in verbs_of.into_iter().filter(|(_, verbs)| at_least(verbs.len(), min)) {
        for verb in READ_VERBS.into_iter().filter(|verb| !verbs.contains(*verb)) {
            let added = with_verb(&permit, verb);
            if open(&added) && !units.permits.contains_key(&added) {
                let widening = named("kube-read-verbs", &verbs, "this verb, which was not used");
                units.permits.insert(added, Support::declared("generalize.kube-read-verbs-min", widening));
            }
        }
    }
}

fn with_verb(permit: &Permit, new_verb: &str) -> Permit {
    let mut with = permit.clone();
    if let Permit::Rbac { verb, .. } = &mut with {
        new_verb.clone_into(verb);
    }
    with
}

fn at_least(count: usize, limit: u64) -> bool {
    u64::try_from(count).is_ok_and(|count| count >= limit)
}

/// The rule that turns these names of one verb, resource and namespace into every name, with what that lets in.
fn rule_for_names(wide: &Permit, names: &BTreeSet<String>, limits: &Generalize) -> Option<(&'static str, &'static str)> {
    let generated = names.iter().filter(|name| is_generated(name)).count();
    if at_least(generated, limits.generated_names_min) || names.iter().any(|name| is_controllers(wide, name)) {
        return Some(("generated-name", "every other name too: RBAC cannot match the beginning of a name"));
    }
    at_least(names.len(), limits.kube_names_min).then_some(("kube-names", "every other name too"))
}

/// What controllers make and name: one such name is enough, for no cluster will ever have it again.
const NAMED_BY_CONTROLLERS: &[(&str, &str)] = &[
    ("", "events"),
    ("", "pods"),
    ("apps", "controllerrevisions"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
];

/// Whether a controller gave this name to what the unit is about, or to what its subresource belongs to.
fn is_controllers(unit: &Permit, name: &str) -> bool {
    let Permit::Rbac { api_group, resource, .. } = unit else { return false };
    let made = resource.split('/').next().unwrap_or_default();
    // A CronJob's controller ends a Job's name with the minute it was due.
    let due = |word: &str| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let by_time = made == "jobs" && name.rsplit_once('-').is_some_and(|(_, word)| due(word));
    NAMED_BY_CONTROLLERS.contains(&(api_group.as_str(), made)) && (is_generated(name) || by_time)
}

/// Whether a machine made the name, or a word of it: it will be another one in production.
pub(super) fn is_generated(name: &str) -> bool {
    kube_stem(name).is_some() || Shape::of(name).is_some() || name.split(['-', '.']).any(|word| Shape::of(word).is_some())
}

/// What stands before a number in the names of namespaces that a pipeline makes.
const PREVIEWS: &[&str] =
    &["branch", "build", "ci", "e2e", "env", "issue", "job", "mr", "pr", "preview", "pull", "review", "run"];

/// Whether a machine made the name of a namespace: `pr-1234`, `preview-9f86d081884c7d65`.
pub(super) fn is_generated_namespace(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    let counted = |pair: &[&str]| matches!(pair, [before, number] if PREVIEWS.contains(before) && Shape::perhaps(number) == Some(Shape::Counter));
    is_generated(name) || words.windows(2).any(counted)
}

/// Puts one unit in the place of others.
fn apply(units: &mut Units, wide: &Permit, narrow: Vec<Permit>, widening: Generalization) {
    let mut supports = narrow.into_iter().filter_map(|permit| units.permits.remove(&permit));
    let Some(mut support) = supports.next() else { return };
    for other in supports {
        support.merge(other);
    }
    // A unit that was widened before still admits what it admitted.
    let before = support.generalization.take().map(|before| format!("{}; ", before.admits)).unwrap_or_default();
    support.generalization = Some(Generalization { admits: before + &widening.admits, ..widening });
    units.permits.insert(wide.clone(), support);
}

fn named(rule: &str, names: &BTreeSet<String>, admits: &str) -> Generalization {
    Generalization {
        rule: rule.to_owned(),
        names: u64::try_from(names.len()).unwrap_or(u64::MAX),
        examples: names.iter().take(EXAMPLES_MAX).cloned().collect(),
        admits: admits.to_owned(),
    }
}
