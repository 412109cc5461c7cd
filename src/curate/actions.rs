//! What an operation is authorized as: the first source that says, in the order of trust that docs/catalog.md states.
//!
//! Invariant: no action that the reference does not know.

use super::Conflicts;
use super::botocore::{Call, Model};
use super::operation_map::Row;
use crate::access::aws::Action;
use crate::catalog::operation::Origin;
use crate::catalog::rules::{Confidence, RuleEnd};
use crate::catalog::{Catalog, bare_name};

/// The prefix whose operations are authorized by their HTTP verb.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html>
const BY_VERB: &str = "apigateway";

/// What was decided of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) actions: Vec<(Action, Confidence)>,
    pub(super) permissionless: bool,
    pub(super) origin: Origin,
}

impl Decided {
    fn as_actions(actions: Vec<(Action, Confidence)>, origin: Origin) -> Option<Decided> {
        (!actions.is_empty()).then_some(Decided { actions, permissionless: false, origin })
    }

    fn free(origin: Origin) -> Decided {
        Decided { actions: Vec::new(), permissionless: true, origin }
    }
}

/// Decides one operation of a model that is authorized under `prefix`.
pub(super) fn decide(
    (prefix, name): (&str, &str),
    (model, call): (&Model, &Call),
    map: &[Row],
    known: &Catalog,
    conflicts: &mut Conflicts,
) -> Decided {
    let same = find(known, prefix, name);
    let mapped = of_map(map, known, conflicts);
    let decided = by_rule(prefix, name, known)
        .or_else(|| Decided::as_actions(vec![(same.clone()?, Confidence::Exact)], Origin::SameName))
        .or_else(|| model.is_unsigned(call).then(|| Decided::free(Origin::Unsigned)))
        .or_else(|| {
            let action = find(known, prefix, &call.http.method).filter(|_| prefix == BY_VERB)?;
            Decided::as_actions(vec![(action, Confidence::Derived)], Origin::HttpVerb)
        })
        .or_else(|| {
            Decided::as_actions(
                mapped.iter().cloned().map(|action| (action, Confidence::Derived)).collect(),
                Origin::OperationMap,
            )
        })
        .or_else(|| Decided::as_actions(vec![(find(known, prefix, bare_name(name)?)?, Confidence::Derived)], Origin::VersionCut))
        .or_else(|| Decided::as_actions(vec![(single_of_batch(known, prefix, name)?, Confidence::Assumed)], Origin::Batch))
        .unwrap_or(Decided { actions: Vec::new(), permissionless: false, origin: Origin::Nothing });
    if !mapped.is_empty() && decided.origin != Origin::OperationMap {
        let ours = |action: &Action| decided.actions.iter().any(|(own, _)| own == action);
        if !mapped.iter().any(ours) {
            *conflicts.entry("map-names-another-action").or_default() += 1;
        } else if !mapped.iter().all(ours) {
            *conflicts.entry("map-names-further-actions").or_default() += 1;
        }
    }
    decided
}

fn by_rule(prefix: &str, name: &str, known: &Catalog) -> Option<Decided> {
    Some(match known.rules().event(prefix, name, &|_| false)? {
        RuleEnd::Permissionless | RuleEnd::ServiceEvent => Decided::free(Origin::Rule),
        RuleEnd::Actions(mapped) => Decided {
            actions: mapped.into_iter().map(|mapped| (mapped.action, mapped.confidence)).collect(),
            permissionless: false,
            origin: Origin::Rule,
        },
    })
}

/// An action by its name in any case.
fn find(known: &Catalog, prefix: &str, name: &str) -> Option<Action> {
    let definition = known.service(prefix)?.action(name)?;
    Some(Action { service: prefix.to_owned(), name: definition.name.clone() })
}

/// The map's actions that still exist, each once; roles that are passed on are told apart elsewhere.
fn of_map(map: &[Row], known: &Catalog, conflicts: &mut Conflicts) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    for row in map.iter().filter(|row| row.action != "iam:PassRole") {
        match row.action.split_once(':').and_then(|(service, name)| find(known, &service.to_ascii_lowercase(), name)) {
            Some(action) if !actions.contains(&action) => actions.push(action),
            Some(_) => {}
            None => *conflicts.entry("map-action-gone").or_default() += 1,
        }
    }
    actions
}

/// `BatchGetJob`, `BatchUpdateRules`, `PublishBatch`: the single call's action, where only that one exists.
fn single_of_batch(known: &Catalog, prefix: &str, name: &str) -> Option<Action> {
    let single = |text: &str| find(known, prefix, text).or_else(|| find(known, prefix, text.strip_suffix('s')?));
    name.strip_prefix("Batch").or_else(|| name.strip_suffix("Batch")).and_then(single)
}
