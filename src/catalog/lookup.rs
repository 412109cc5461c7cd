//! Looking things up in a catalog for a person: which events lead to an action, and what a mistyped name may have meant.

use std::collections::{BTreeMap, BTreeSet};

use super::Catalog;
use super::reference::ResourceType;
use super::rules::{Confidence, Mapping};
use crate::access::aws::Action;

/// Names that a "did you mean" offers.
const NEAREST_MAX: usize = 5;

/// An event that an action is asked for by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// The IAM prefix that the event's source means.
    pub prefix: String,
    /// CloudTrail's eventName.
    pub event: String,
    /// Some calls of this name only: a rule asks for a parameter, or another action is asked for otherwise.
    pub sometimes: bool,
    /// How sure.
    pub confidence: Confidence,
}

impl Catalog {
    /// The types that an action can be restricted to, with whether each is required; a type with two formats stands twice.
    #[must_use]
    pub fn types_for(&self, action: &Action) -> Vec<(&ResourceType, bool)> {
        let Some((service, definition)) = self.service(&action.service).zip(self.action(action)) else { return Vec::new() };
        let with_type = |used: &super::reference::TypeUse| {
            let (name, required) = (used.name.clone(), used.required);
            service.types().iter().filter(move |kind| kind.name == name).map(move |kind| (kind, required))
        };
        definition.types.iter().flat_map(with_type).collect()
    }

    /// The actions that need another one too, as the reference says; for `iam:PassRole` also the operations that pass a role. Ordered.
    #[must_use]
    pub fn needed_by(&self, action: &Action) -> BTreeSet<String> {
        let wanted = action.to_string();
        let mut needed = BTreeSet::new();
        for prefix in self.prefixes() {
            let actions = self.service(prefix).into_iter().flat_map(super::reference::Service::actions);
            let needing = actions.filter(|definition| definition.dependent.contains(&wanted));
            needed.extend(needing.map(|definition| format!("{prefix}:{}", definition.name)));
            if wanted == "iam:PassRole" {
                let passing = self.operations(prefix).filter(|operation| !operation.passes.is_empty());
                needed.extend(passing.flat_map(|operation| operation.actions.iter()).map(|(action, _)| action.to_string()));
            }
        }
        needed
    }

    /// The events that an action is asked for by: API operations, rules, and the event of the action's own name. Ordered.
    #[must_use]
    pub fn callers(&self, action: &Action) -> Vec<Caller> {
        let mut callers: BTreeMap<(String, String), Caller> = BTreeMap::new();
        let mut events: BTreeSet<(&str, &str)> = BTreeSet::new();
        for prefix in self.prefixes() {
            let ours = |actions: &[Action]| actions.contains(action);
            events.extend(self.rules().events(prefix).filter(|(_, actions)| ours(actions)).map(|(name, _)| (prefix, name)));
            let named = self.operations(prefix).filter(|operation| operation.actions.iter().any(|(other, _)| other == action));
            events.extend(named.map(|operation| (prefix, operation.name.as_str())));
        }
        if let Some((prefix, _)) = self.parsed.get_key_value(&action.service) {
            // Where the service's calls are known, an action that is none of them leaves no event of its name (`iam:PassRole`).
            if self.operation(prefix, &action.name).is_some() || self.operations(prefix).next().is_none() {
                events.insert((prefix, &action.name));
            }
        }
        for (prefix, event) in events {
            let event = self.operation(prefix, event).map_or(event, |operation| operation.name.as_str());
            let all = self.map_under(prefix, event, &|_| true);
            let none = self.map_under(prefix, event, &|_| false);
            let confidence = |mapping: &Mapping| match mapping {
                Mapping::Actions(actions) => {
                    actions.iter().find(|mapped| mapped.action == *action).map(|mapped| mapped.confidence)
                }
                Mapping::Permissionless | Mapping::ServiceEvent | Mapping::Unknown => None,
            };
            let (with, without) = (confidence(&all), confidence(&none));
            let Some(found) = with.or(without) else { continue };
            let (prefix, event) = (prefix.to_owned(), event.to_owned());
            let caller = Caller { prefix: prefix.clone(), event: event.clone(), sometimes: with != without, confidence: found };
            callers.insert((prefix, event), caller);
        }
        callers.into_values().collect()
    }

    /// Known names that are nearest to an event's: those of the source's services; sources where that is unknown.
    #[must_use]
    pub fn nearest_events(&self, event_source: &str, event_name: &str) -> Vec<String> {
        let prefixes = self.prefixes_of(event_source);
        if prefixes.is_empty() {
            let hosts = self.rules().sources().map(|(host, _)| host).chain(self.hosts().map(|(host, _)| host));
            let host = event_source.strip_suffix(".amazonaws.com").unwrap_or(event_source);
            return nearest(host, hosts.chain(self.prefixes()));
        }
        let mut names: BTreeSet<String> = BTreeSet::new();
        for prefix in prefixes {
            names.extend(self.operations(prefix).map(|operation| operation.name.clone()));
            names
                .extend(self.service(prefix).into_iter().flat_map(|service| service.actions().map(|action| action.name.clone())));
        }
        nearest(event_name, names.iter().map(String::as_str))
    }

    /// Known actions that are nearest to one; prefixes where the service is unknown.
    #[must_use]
    pub fn nearest_actions(&self, action: &Action) -> Vec<String> {
        match self.service(&action.service) {
            None => nearest(&action.service, self.prefixes()),
            Some(service) => {
                let near = nearest(&action.name, service.actions().map(|action| action.name.as_str()));
                near.into_iter().map(|name| format!("{}:{name}", action.service)).collect()
            }
        }
    }
}

/// The names nearest to `wanted`, nearest first: few edits, or one within the other. None for what is empty or spelled as no name is.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    // What a person types is short; a log's name is none of ours to compare at length.
    let wanted: String = wanted.to_ascii_lowercase().chars().take(64).collect();
    let spelled = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if wanted.len() < 2 || !wanted.chars().all(spelled) {
        return Vec::new();
    }
    // Of three letters one may be wrong: with two, any short name would do.
    let far = if wanted.len() < 4 { 1 } else { wanted.len() / 3 + 1 };
    let within = |name: &str| wanted.len() >= 4 && (name.contains(&wanted) || (name.len() >= 4 && wanted.contains(name)));
    let mut near: BTreeSet<(usize, String)> = BTreeSet::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let edits = edits(&wanted, &lower);
        if edits <= far || within(&lower) {
            near.insert((edits, name.to_owned()));
        }
    }
    near.into_iter().take(NEAREST_MAX).map(|(_, name)| name).collect()
}

/// How many characters are to be inserted, left out or changed to get from one text to the other (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, from) in one.chars().enumerate() {
        let mut corner = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (to, above) in other.iter().zip(row.iter().skip(1)) {
            let changed = corner + usize::from(from != *to);
            left = changed.min(left + 1).min(above + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (one, other, count) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("getobject", "getobjetc", 2), ("a", "a", 0)]
        {
            assert_eq!(edits(one, other), count, "{one} {other}");
            assert_eq!(edits(other, one), count, "{other} {one}");
        }
    }

    #[test]
    fn near_names_come_nearest_first() {
        let names = ["GetObject", "GetObjectAcl", "PutObject", "ListBucket"];
        assert_eq!(nearest("getobjct", names.into_iter()).first().map(String::as_str), Some("GetObject"));
        assert!(nearest("zzzzzzzz", names.into_iter()).is_empty());
        for wanted in ["", "q", " ", "a b", "*", "\u{1b}[31m"] {
            assert!(nearest(wanted, ["q", "qa", "a-b", "iq"].into_iter()).is_empty(), "{wanted}");
        }
        assert_eq!(nearest("ecs2", ["ec2", "s3", "q"].into_iter()), ["ec2"]);
    }
}
