//! IAM policies: what a document says (`model`) and what it means (`decide`).

mod arn;
pub mod compiled;
mod condition;
mod decide;
mod effective;
pub mod limits;
pub mod model;
mod principal;
mod rcp;
mod stack;
mod value;
mod wire;
mod written;

pub use decide::decide;
pub use effective::effective_actions;
pub use model::{Actions, Effect, PolicyDocument, Principal, Resources, Statement, Version};
pub use principal::{Caller, Who};
pub use stack::{Level, Stack, allows_account, allows_all, allows_everyone, authorize, is_assumption};

use std::collections::BTreeMap;

use crate::access::aws::AwsRequest;
use crate::policy::grant::{Condition, Permit};
use model::{ActionPattern, Conditions, ResourcePattern, Written};

/// The action x resource x condition units of one document's Allow statements. `NotAction` and `NotResource` count as `*`:
/// what they leave out is not a unit of its own.
#[must_use]
pub fn permits(document: &PolicyDocument) -> Vec<Permit> {
    let mut permits = Vec::new();
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        let actions: Vec<&str> = match &statement.actions {
            Actions::Action(patterns) => patterns.iter().map(ActionPattern::text).collect(),
            Actions::NotAction(_) => vec!["*"],
        };
        let resources: Vec<&str> = match &statement.resources {
            Resources::Resource(patterns) => patterns.iter().map(ResourcePattern::text).collect(),
            Resources::NotResource(_) => vec!["*"],
            Resources::Absent => Vec::new(),
        };
        for action in &actions {
            let unit = |resource: &&str| Permit::Iam {
                action: (*action).to_owned(),
                resource: (*resource).to_owned(),
                condition: spelled(&statement.condition),
            };
            permits.extend(resources.iter().map(unit));
        }
    }
    permits
}

/// The units of IAM among some, each as a statement of its own, in their order.
#[must_use]
pub fn units(permits: &[Permit]) -> PolicyDocument {
    let mut document = PolicyDocument::default();
    for permit in permits {
        let Permit::Iam { action, resource, condition } = permit else { continue };
        document.statements.push(Statement {
            sid: None,
            effect: Effect::Allow,
            principal: None,
            actions: Actions::Action(vec![ActionPattern::new(action)]),
            resources: Resources::Resource(vec![ResourcePattern::new(resource, Version::V2012)]),
            condition: conditions(condition),
        });
    }
    document
}

/// Whether any statement asks in which account the resource is.
#[must_use]
pub fn asks_for_account(document: &PolicyDocument) -> bool {
    let keys = document.statements.iter().flat_map(|statement| statement.condition.values()).flat_map(BTreeMap::keys);
    keys.into_iter().any(|key| key.eq_ignore_ascii_case("aws:ResourceAccount"))
}

/// Conditions as texts.
fn spelled(conditions: &Conditions) -> Condition {
    let texts = |values: &Vec<Written>| values.iter().map(|value| value.text().to_owned()).collect();
    let keys = |keys: &BTreeMap<String, Vec<Written>>| keys.iter().map(|(key, values)| (key.clone(), texts(values))).collect();
    conditions.iter().map(|(operator, map)| (operator.clone(), keys(map))).collect()
}

/// Texts as the conditions of a 2012-10-17 document.
#[must_use]
pub fn conditions(texts: &Condition) -> Conditions {
    let written = |values: &Vec<String>| values.iter().map(|value| Written::new(value, Version::V2012)).collect();
    let keys = |keys: &BTreeMap<String, Vec<String>>| keys.iter().map(|(key, values)| (key.clone(), written(values))).collect();
    texts.iter().map(|(operator, map)| (operator.clone(), keys(map))).collect()
}

/// Whether one action on one resource under a condition, as a policy writes them, covers a request.
#[must_use]
pub fn covers(action: &str, resource: &str, condition: &Condition, request: &AwsRequest) -> bool {
    // A quick no before anything is parsed.
    arn::may_match(resource, &request.key.resource)
        && ActionPattern::new(action).matches(&request.key.action) == Some(true)
        && ResourcePattern::new(resource, Version::V2012).matches(&request.key.resource, &request.context) == Some(true)
        && condition::holds(&conditions(condition), &request.context, &mut Vec::new()) == Some(true)
}
