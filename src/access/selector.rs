//! Event selectors: what to paste into a trail so that the next recording shows what this one could not.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html>
//!
//! Invariant: a set of selectors never holds more values than a trail takes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::blind::Blind;
use super::data_events::{DataEvents, DataKind, Naming};
use super::identity::{Home, Identity, Name};

/// Values over all conditions of all selectors of one trail.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
pub const VALUES_MAX: usize = 500;

/// Longest name of a selector, in characters.
const NAME_CHARS_MAX: usize = 1000;

/// One advanced event selector: its conditions must all hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSelector {
    /// For people.
    pub name: String,
    /// The conditions, one for each field.
    pub field_selectors: Vec<FieldSelector>,
}

/// One condition: any of its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FieldSelector {
    /// A field of the event record.
    pub field: &'static str,
    /// The whole value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    /// How the value begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
}

/// How far the selectors of a set are narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To each blind identity.
    Identities,
    /// To the blind identities of a service, taken together: one by one they were too many values.
    Services,
    /// To the services only: their identities were too many values.
    Types,
}

/// The selectors that would close the holes of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Management events, as now, and everything that the blind identities do with data.
    pub whole: Vec<EventSelector>,
    /// How far that is narrowed.
    pub scope: Scope,
    /// The same for only those buckets, tables and queues that the log names: cheaper, and blind to all others. `None` where nothing
    /// can be narrowed so, or not within the limit.
    pub known: Option<Vec<EventSelector>>,
    /// Services for which no selector is known.
    pub unknown: BTreeSet<String>,
}

/// The selectors by account; an account without an id gets none.
#[must_use]
pub fn plan(blind: &[Blind<'_>], data_events: &DataEvents) -> BTreeMap<String, Plan> {
    let mut accounts: BTreeMap<&str, Vec<&Blind<'_>>> = BTreeMap::new();
    for part in blind.iter().filter(|part| part.account.len() == 12 && part.account.bytes().all(|byte| byte.is_ascii_digit())) {
        accounts.entry(part.account).or_default().push(part);
    }
    accounts.into_iter().map(|(account, blind)| (account.to_owned(), plan_account(&blind, data_events))).collect()
}

/// Values over all conditions.
#[must_use]
pub fn values(selectors: &[EventSelector]) -> usize {
    selectors
        .iter()
        .flat_map(|selector| &selector.field_selectors)
        .map(|field| field.equals.len() + field.starts_with.len())
        .sum()
}

fn plan_account(blind: &[&Blind<'_>], data_events: &DataEvents) -> Plan {
    let services: BTreeSet<&str> = blind.iter().map(|part| part.service).collect();
    let unknown = services.iter().filter(|service| data_events.of(service).next().is_none()).map(|service| (*service).to_owned());
    let by_identity = |narrow: bool| {
        let each = blind.iter().flat_map(|part| data_events.of(part.service).map(move |kind| one(part, kind, narrow)));
        std::iter::once(management()).chain(each).collect::<Vec<_>>()
    };
    let by_service = |scoped: bool| {
        let of = |service: &str| {
            let parts = blind.iter().filter(|part| part.service == service);
            if scoped { fold(parts.map(|part| identity_field(part.identity))) } else { None }
        };
        let kinds = services.iter().flat_map(|service| data_events.of(service).map(move |kind| (*service, kind)));
        let each = kinds.map(|(service, kind)| {
            data_selector(format!("{service} data events ({})", kind.resource_type), kind, of(service), None)
        });
        std::iter::once(management()).chain(each).collect::<Vec<_>>()
    };
    let fits = |selectors: &Vec<EventSelector>| values(selectors) <= VALUES_MAX;
    let whole = by_identity(false);
    let (whole, scope) = if fits(&whole) {
        (whole, Scope::Identities)
    } else {
        let folded = by_service(true);
        if fits(&folded) { (folded, Scope::Services) } else { (by_service(false), Scope::Types) }
    };
    let known = Some(by_identity(true)).filter(|known| *known != whole).filter(fits);
    Plan { known, scope, unknown: unknown.collect(), whole }
}

/// Management events are recorded now: a trail's selectors are replaced as a whole, so they are asked for again.
fn management() -> EventSelector {
    let category = FieldSelector { field: "eventCategory", equals: vec!["Management".to_owned()], starts_with: Vec::new() };
    EventSelector { name: "management events".to_owned(), field_selectors: vec![category] }
}

fn one(part: &Blind<'_>, kind: &DataKind, narrow: bool) -> EventSelector {
    let name = format!("{} data events ({}) of {}", part.service, kind.resource_type, part.identity);
    let holders = if narrow && !part.holders.more { holder_field(part, kind) } else { None };
    data_selector(name, kind, identity_field(part.identity), holders)
}

fn data_selector(
    name: String,
    kind: &DataKind,
    identity: Option<FieldSelector>,
    holders: Option<FieldSelector>,
) -> EventSelector {
    let equals = |field, value: &str| FieldSelector { field, equals: vec![value.to_owned()], starts_with: Vec::new() };
    let mut field_selectors = vec![equals("eventCategory", "Data"), equals("resources.type", kind.resource_type)];
    field_selectors.extend(holders);
    field_selectors.extend(identity);
    EventSelector { name: name.chars().take(NAME_CHARS_MAX).collect(), field_selectors }
}

/// Who, as `userIdentity.arn` has it: a role's sessions begin with its name, without its path. `None` for who has no ARN there.
fn identity_field(identity: &Identity) -> Option<FieldSelector> {
    let Home::Account { partition, id } = &identity.home else { return None };
    let field = "userIdentity.arn";
    if matches!(identity.name, Name::Role(_)) {
        let session = format!("arn:{partition}:sts::{id}:assumed-role/{}/", identity.short_name());
        return Some(FieldSelector { field, equals: Vec::new(), starts_with: vec![session] });
    }
    identity.arn().map(|arn| FieldSelector { field, equals: vec![arn], starts_with: Vec::new() })
}

fn holder_field(part: &Blind<'_>, kind: &DataKind) -> Option<FieldSelector> {
    let holders = part.holders.kept.keys().cloned();
    let (equals, starts_with) = match kind.naming {
        Naming::All => return None,
        Naming::Equals => (holders.collect(), Vec::new()),
        Naming::StartsWith => (Vec::new(), holders.collect()),
        Naming::Below => (Vec::new(), holders.map(|holder| format!("{holder}/")).collect::<Vec<_>>()),
    };
    let field = FieldSelector { field: "resources.ARN", equals, starts_with };
    (!field.equals.is_empty() || !field.starts_with.is_empty()).then_some(field)
}

/// One condition for any of several; `None` where one of them has none, since then nothing narrows.
fn fold(mut fields: impl Iterator<Item = Option<FieldSelector>>) -> Option<FieldSelector> {
    let mut folded = fields.next()??;
    for field in fields {
        let field = field?;
        folded.equals.extend(field.equals);
        folded.starts_with.extend(field.starts_with);
    }
    Some(folded)
}
