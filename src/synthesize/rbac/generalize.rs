//! The widenings of RBAC: where many names, or names that a machine made, become every name. Each is named and reported.
//!
//! Invariant: no widening covers a request that was only ever refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::shape::{Shape, kube_stem};
use crate::config::Generalize;
use crate::policy::grant::{Generalization, Permit};

use super::evidence::{Asked, Units, exact};
use super::{reshaped, scope_and_name};

/// How many of the names a generalization shows.
const EXAMPLES_MAX: usize = 3;

/// Replaces units that differ by name alone by one unit for every name, where a rule says so.
pub(super) fn widen(units: &mut Units, asked: &Asked<'_>, limits: &Generalize) {
    let mut names_of: BTreeMap<Permit, Vec<String>> = BTreeMap::new();
    for permit in units.permits.keys() {
        if let Some((scope, Some(name))) = scope_and_name(permit) {
            names_of.entry(reshaped(permit, scope, None)).or_default().push(name.to_owned());
        }
    }
    let mut forbidden = BTreeSet::new();
    for refused in asked.refused.keys().map(|request| exact(request)) {
        if let Some((scope, _)) = scope_and_name(&refused) {
            forbidden.extend([reshaped(&refused, scope, None), reshaped(&refused, None, None)]);
        }
    }
    for (wide, names) in names_of {
        if let Some(rule) = rule_for(&names, limits)
            && !units.permits.contains_key(&wide)
            && !forbidden.contains(&wide)
        {
            apply(units, wide, names, rule);
        }
    }
}

/// The rule that turns these names of one verb, resource and namespace into every name.
fn rule_for(names: &[String], limits: &Generalize) -> Option<&'static str> {
    let at_least = |count: usize, limit: u64| u64::try_from(count).is_ok_and(|count| count >= limit);
    if at_least(names.iter().filter(|name| is_generated(name)).count(), limits.generated_names_min) {
        return Some("generated-name");
    }
    at_least(names.len(), limits.kube_names_min).then_some("kube-names")
}

/// Whether a machine made the name, or a word of it: it will be another one in production.
fn is_generated(name: &str) -> bool {
    kube_stem(name).is_some() || Shape::of(name).is_some() || name.split(['-', '.']).any(|word| Shape::of(word).is_some())
}

fn apply(units: &mut Units, wide: Permit, names: Vec<String>, rule: &str) {
    let scope = scope_and_name(&wide).and_then(|(scope, _)| scope);
    let mut supports = names.iter().filter_map(|name| units.permits.remove(&reshaped(&wide, scope, Some(name))));
    let Some(mut support) = supports.next() else { return };
    for other in supports {
        support.merge(other);
    }
    let admits = match rule {
        "generated-name" => "every other name too: RBAC cannot match the beginning of a name",
        _ => "every other name too",
    };
    support.generalization = Some(Generalization {
        rule: rule.to_owned(),
        names: u64::try_from(names.len()).unwrap_or(u64::MAX),
        examples: names.into_iter().take(EXAMPLES_MAX).collect(),
        admits: admits.to_owned(),
    });
    units.permits.insert(wide, support);
}
