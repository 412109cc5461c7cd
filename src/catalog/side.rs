//! What a call asks for beside its own action, and where API Gateway's paths come from: hand tables under `aws/`, `#` begins a comment.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::access::aws::Action;

/// A parameter that hands a role to a service.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedRole {
    /// Names from the top of requestParameters; `[]` stands for every element of a list.
    pub steps: Vec<&'static str>,
    /// Whether it names an instance profile, which holds the role.
    pub profile: bool,
    /// The service principal that gets the role; empty where that is not sure.
    pub to: &'static str,
}

/// A parameter that names a KMS key with which the called service works on the caller's behalf.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// Read from responseElements instead of requestParameters.
    pub response: bool,
    /// Names from the top.
    pub steps: Vec<&'static str>,
    /// What KMS is asked for.
    pub actions: Vec<Action>,
}

/// An action that is needed beside a recorded one and leaves no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecorded {
    /// The action.
    pub action: Action,
    /// Why it is assumed, in a few words.
    pub why: &'static str,
}

/// A call of API Gateway as IAM is asked: an HTTP verb on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`: the name of the action.
    pub verb: &'static str,
    /// The path, with `{parameter}` where requestParameters fill it.
    pub path: &'static str,
}

/// By IAM prefix, then by action.
type ByAction<T> = BTreeMap<&'static str, BTreeMap<&'static str, Vec<T>>>;

static PASSED: LazyLock<ByAction<PassedRole>> = LazyLock::new(|| {
    let mut table = ByAction::new();
    for row in rows(include_str!("aws/passed_roles.tsv")) {
        let Some(([prefix, action, paths], rest)) = row.split_first_chunk::<3>() else { continue };
        let to = rest.first().copied().unwrap_or_default();
        let list: &mut Vec<PassedRole> = table.entry(prefix).or_default().entry(action).or_default();
        list.extend(paths.split(' ').map(|path| {
            let (profile, path) = path.strip_prefix('%').map_or((false, path), |rest| (true, rest));
            PassedRole { steps: path.split('.').collect(), profile, to }
        }));
    }
    table
});

static KEYS: LazyLock<ByAction<NamedKey>> = LazyLock::new(|| {
    let mut table = ByAction::new();
    for row in rows(include_str!("aws/named_keys.tsv")) {
        let [prefix, action, paths, asked] = row.as_slice() else { continue };
        let actions: Vec<Action> = asked.split(' ').filter_map(Action::parse).collect();
        let list: &mut Vec<NamedKey> = table.entry(prefix).or_default().entry(action).or_default();
        list.extend(paths.split(' ').map(|path| {
            let (response, path) = path.strip_prefix('<').map_or((false, path), |rest| (true, rest));
            NamedKey { response, steps: path.split('.').collect(), actions: actions.clone() }
        }));
    }
    table
});

static UNRECORDED: LazyLock<ByAction<Unrecorded>> = LazyLock::new(|| {
    let mut table = ByAction::new();
    for row in rows(include_str!("aws/unrecorded.tsv")) {
        let [prefix, action, needed, why] = row.as_slice() else { continue };
        let list: &mut Vec<Unrecorded> = table.entry(prefix).or_default().entry(action).or_default();
        list.extend(needed.split(' ').filter_map(Action::parse).map(|action| Unrecorded { action, why }));
    }
    table
});

static ROUTES: LazyLock<BTreeMap<&'static str, Vec<Route>>> = LazyLock::new(|| {
    let mut table: BTreeMap<&'static str, Vec<Route>> = BTreeMap::new();
    for row in rows(include_str!("aws/apigateway.tsv")) {
        if let [event, verb, path] = row.as_slice() {
            table.entry(event).or_default().push(Route { verb, path });
        }
    }
    table
});

/// The parameters by which an action hands roles over; empty where none is known.
#[must_use]
pub fn passed_roles(action: &Action) -> &'static [PassedRole] {
    find(&PASSED, action)
}

/// The parameters of an action that name a key; empty where none is known.
#[must_use]
pub fn named_keys(action: &Action) -> &'static [NamedKey] {
    find(&KEYS, action)
}

/// What is needed beside an action and leaves no record; empty where nothing is known.
#[must_use]
pub fn unrecorded(action: &Action) -> &'static [Unrecorded] {
    find(&UNRECORDED, action)
}

/// Every action beside which others are needed that leave no record.
pub fn all_unrecorded() -> impl Iterator<Item = (Action, &'static [Unrecorded])> {
    each(&UNRECORDED)
}

/// What an event of API Gateway stands for: REST APIs first, then HTTP and WebSocket APIs; empty for an unknown one.
#[must_use]
pub fn routes(event: &str) -> &'static [Route] {
    ROUTES.get(event).map_or(&[], Vec::as_slice)
}

/// Every action that hands roles over, with its parameters.
pub fn all_passed_roles() -> impl Iterator<Item = (Action, &'static [PassedRole])> {
    each(&PASSED)
}

/// Every action whose record names a key, with its parameters.
pub fn all_named_keys() -> impl Iterator<Item = (Action, &'static [NamedKey])> {
    each(&KEYS)
}

/// Every event of API Gateway, with its routes.
pub fn all_routes() -> impl Iterator<Item = (&'static str, &'static [Route])> {
    ROUTES.iter().map(|(event, routes)| (*event, routes.as_slice()))
}

fn find<T>(table: &'static ByAction<T>, action: &Action) -> &'static [T] {
    table.get(action.service.as_str()).and_then(|actions| actions.get(action.name.as_str())).map_or(&[], Vec::as_slice)
}

fn each<T>(table: &'static ByAction<T>) -> impl Iterator<Item = (Action, &'static [T])> {
    table.iter().flat_map(|(prefix, actions)| {
        actions
            .iter()
            .map(move |(name, list)| (Action { service: (*prefix).to_owned(), name: (*name).to_owned() }, list.as_slice()))
    })
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t').collect())
}
