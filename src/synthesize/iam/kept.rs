//! Grants that production has for actions which leave no event: no recording can show that they are needed, so they are kept.
//!
//! Invariant: what is kept is never wider than what production has, its denials included, and never wider than the actions without
//! events.

use super::statements::{Kind, Rows};
use crate::access::aws::{Action, Text};
use crate::access::data_events::DataEvents;
use crate::policy::grant::{Grant, Permit, Reason};
use crate::policy::iam::model::{Effect, PolicyDocument, Statement};
use crate::policy::iam::permits;
use crate::policy::pattern;

/// Adds what `existing` documents allow of actions without events.
pub(super) fn keep(existing: &[PolicyDocument], tables: &DataEvents, rows: &mut Rows, grants: &mut Vec<Grant>) {
    let allowing = existing.iter().map(|document| PolicyDocument {
        // `NotAction` and `NotResource` name nothing that could be kept.
        statements: document.statements.iter().filter(|one| one.effect == Effect::Allow && one.is_plain()).cloned().collect(),
        ..document.clone()
    });
    let denies = || existing.iter().flat_map(|document| &document.statements).filter(|one| one.effect == Effect::Deny);
    // What a Deny leaves out cannot be carried over piece by piece: then nothing is kept, since it could be too much.
    if denies().any(|one| !one.is_plain()) {
        return;
    }
    for deny in denies() {
        let document =
            PolicyDocument { statements: vec![Statement { effect: Effect::Allow, ..deny.clone() }], ..PolicyDocument::default() };
        for permit in permits(&document) {
            let Permit::Iam { action, resource, condition } = permit else { continue };
            for unlogged in tables.unlogged.iter().flat_map(|row| &row.actions) {
                let denied = if action == "*" { Some((*unlogged).to_owned()) } else { narrower(&action, unlogged) };
                if let Some(denied) = denied.and_then(|denied| Action::parse(&denied)) {
                    rows.insert(Kind::KeptDeny, &denied, &condition, resource.clone());
                }
            }
        }
    }
    for permit in allowing.flat_map(|document| permits(&document)) {
        let Permit::Iam { action, resource, condition } = permit else { continue };
        for row in &tables.unlogged {
            for kept in row.actions.iter().filter_map(|unlogged| narrower(&action, unlogged)) {
                let Some(parsed) = Action::parse(&kept) else { continue };
                rows.insert(Kind::Kept, &parsed, &condition, resource.clone());
                let permit = Permit::Iam { action: kept, resource: resource.clone(), condition: condition.clone() };
                let reason =
                    Reason::Unobservable { why: format!("production grants it, and its use leaves no event ({})", row.page) };
                if !grants.iter().any(|grant| grant.permit == permit) {
                    grants.push(Grant { permit, reason, generalization: None });
                }
            }
        }
    }
}

/// The narrower of an action that is granted and one that leaves no event, as production or the table spells it; `None` where they
/// have nothing to do with each other, or where every action of every service is granted: that says nothing about this one.
fn narrower(granted: &str, unlogged: &str) -> Option<String> {
    let (service, name) = granted.split_once(':')?;
    if service.contains(['*', '?']) {
        return None;
    }
    let lower = |text: &str| Text::from_policy(&text.to_ascii_lowercase());
    if pattern::contains(&lower(unlogged), &lower(granted)) {
        return Some(format!("{}:{name}", service.to_ascii_lowercase()));
    }
    pattern::contains(&lower(granted), &lower(unlogged)).then(|| unlogged.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_of_both_is_kept() {
        for (granted, unlogged, kept) in [
            ("rds-db:connect", "rds-db:connect", Some("rds-db:connect")),
            ("rds-db:*", "rds-db:connect", Some("rds-db:connect")),
            ("es:ESHttpGet", "es:ESHttp*", Some("es:ESHttpGet")),
            ("ES:esHttpGet", "es:ESHttp*", Some("es:esHttpGet")),
            ("es:*", "es:ESHttp*", Some("es:ESHttp*")),
            ("es:DescribeDomain", "es:ESHttp*", None),
            ("*", "es:ESHttp*", None),
        ] {
            assert_eq!(narrower(granted, unlogged).as_deref(), kept, "{granted} {unlogged}");
        }
    }
}
