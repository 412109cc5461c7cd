//! Which of the catalog's actions a policy lets through on some resource: what its patterns stand for today.

use std::collections::BTreeSet;

use super::model::{ActionPattern, Actions, Effect, PolicyDocument, Resources, Statement};
use crate::access::aws::Action;
use crate::catalog::Catalog;

/// The actions that some Allow of the documents names, by name or by pattern, and that no Deny takes back whole (on every resource,
/// without a condition). An action that the catalog does not know is not among them.
#[must_use]
pub fn effective_actions(documents: &[PolicyDocument], catalog: &Catalog) -> BTreeSet<Action> {
    let statements = || documents.iter().flat_map(|document| &document.statements);
    let allows = |action: &Action| statements().any(|one| one.effect == Effect::Allow && names(one, action) == Some(true));
    let denies = |action: &Action| {
        let mut whole = statements().filter(|one| one.effect == Effect::Deny && is_whole(one));
        whole.any(|one| names(one, action) != Some(false))
    };
    let mut effective = BTreeSet::new();
    for prefix in catalog.prefixes() {
        for definition in catalog.service(prefix).into_iter().flat_map(|service| service.actions()) {
            let action = Action { service: prefix.to_owned(), name: definition.name.clone() };
            if allows(&action) && !denies(&action) {
                effective.insert(action);
            }
        }
    }
    effective
}

/// Whether the statement is about the action; `None` where a pattern is not understood.
fn names(statement: &Statement, action: &Action) -> Option<bool> {
    let any = |patterns: &[ActionPattern]| {
        let answers: Vec<Option<bool>> = patterns.iter().map(|pattern| pattern.matches(action)).collect();
        if answers.contains(&Some(true)) { Some(true) } else { (!answers.contains(&None)).then_some(false) }
    };
    match &statement.actions {
        Actions::Action(patterns) => any(patterns),
        Actions::NotAction(patterns) => any(patterns).map(|any| !any),
    }
}

fn is_whole(statement: &Statement) -> bool {
    let everywhere = matches!(&statement.resources, Resources::Resource(patterns) if patterns.iter().any(super::model::ResourcePattern::is_all));
    everywhere && statement.condition.is_empty() && statement.principal.is_none()
}
