//! Folded names: a log's names of objects are without end, so beyond a limit they stand together by what a machine did not choose.
//!
//! ```text
//! level 0   orders/2026/11/20/6e77e2c0-59b8-4937-a623-c22420a862dc.json    each name by itself
//! level 1   orders/*/*        the same directories; those that a machine named count as one, and stay where all have the same
//! level 2   orders/*          the same first directory
//! level 3   *
//! ```
//!
//! Invariant: the level is the least at which no more than a limit stand side by side, whatever the order and the division of the
//! log: each level follows from the one before it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::aws::{Arn, AwsRequestKey, Resource, Segment, Text, Wildcard};
use super::kube::{KubeRequest, KubeTarget};
use super::observation::Basis;
use super::profile::{Profile, Seen};
use super::request::RequestKey;
use super::shape::words;

/// How many names of one kind stand side by side for one identity and action by default.
pub const NAMES_MAX: usize = 50;

/// The level at which every name stands for all.
pub const LEVEL_MAX: u8 = 3;

/// Stands for a part that a machine chose and in which names differ; no name that is folded holds it.
const SLOT: char = '\u{1}';

/// The rules by which folded names are granted, by level.
const RULES: [&str; 3] = [
    "more names than are kept: all below the same directories",
    "more names than are kept: all below the same first directory",
    "more names than are kept: all of them",
];

/// The basis of a request on folded names; `None` at level 0.
#[must_use]
pub fn basis(level: u8) -> Option<&'static Basis> {
    static BASES: LazyLock<[Basis; 3]> = LazyLock::new(|| RULES.map(|rule| Basis::Implied(rule.to_owned())));
    BASES.get(usize::from(level).checked_sub(1)?)
}

/// The level that a basis tells of; 0 for one that tells of none.
fn level(basis: &Basis) -> u8 {
    let Basis::Implied(rule) = basis else { return 0 };
    let place = RULES.iter().position(|known| known == rule);
    place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or_default()
}

/// A set of names at some level above 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// What its names have in common, with a slot for each part that a machine chose.
    frame: String,
    /// What stands in the slots; `None` where names differ.
    slots: Vec<Option<String>>,
}

impl Class {
    /// The class of one name, or of a class's text.
    #[must_use]
    pub fn of(name: &str, level: u8) -> Class {
        let mut class = Class { frame: String::new(), slots: Vec::new() };
        if level >= LEVEL_MAX {
            return class;
        }
        let directories = name.rfind('/').and_then(|slash| name.get(..=slash)).unwrap_or_default();
        for (word, shape) in words(directories) {
            if word.starts_with(SLOT) {
                class.frame.push(SLOT);
                class.slots.push(None);
            } else if shape.is_some() {
                class.frame.push(SLOT);
                class.slots.push(Some(word.to_owned()));
            } else {
                class.frame.push_str(word);
            }
        }
        if level > 1 {
            let first = class.frame.find('/').map_or(0, |slash| slash + 1);
            class.frame.truncate(first);
            class.slots.truncate(class.frame.matches(SLOT).count());
        }
        class
    }

    /// What names of the same class have in common.
    #[must_use]
    pub fn frame(&self) -> &str {
        &self.frame
    }

    /// Takes in another of the same frame.
    pub fn join(&mut self, other: &Class) {
        for (mine, theirs) in self.slots.iter_mut().zip(&other.slots) {
            if mine != theirs {
                *mine = None;
            }
        }
    }

    /// As text, with a slot for what differs; it ends before what every name has of its own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut slots = self.slots.iter();
        let mut text = String::new();
        for part in self.frame.split_inclusive(SLOT) {
            let (fixed, slot) = part.strip_suffix(SLOT).map_or((part, None), |fixed| (fixed, slots.next()));
            text.push_str(fixed);
            match slot {
                Some(Some(same)) => text.push_str(same),
                Some(None) => text.push(SLOT),
                None => {}
            }
        }
        text
    }
}

/// A request whose name is taken out, and the name: an exact one, or the text of a class.
#[must_use]
pub fn split(key: &RequestKey) -> Option<(RequestKey, String)> {
    match key {
        RequestKey::Aws(asked) => {
            let Resource::Arn(arn) = &asked.resource else { return None };
            let (fixed, name) = split_arn(arn)?;
            let resource = Resource::Arn(fixed);
            Some((RequestKey::Aws(AwsRequestKey { action: asked.action.clone(), resource, via: asked.via.clone() }), name))
        }
        RequestKey::Kube(asked) => {
            let KubeTarget::Resource(resource) = &asked.target else { return None };
            let mut fixed = resource.clone();
            let name = std::mem::take(&mut fixed.name);
            let target = KubeTarget::Resource(fixed);
            (!name.is_empty()).then(|| (RequestKey::Kube(KubeRequest { target, ..asked.clone() }), name))
        }
        RequestKey::Pod(_) | RequestKey::Flow(_) => None,
    }
}

/// Whether the name is a class's text.
#[must_use]
pub fn is_open(name: &str) -> bool {
    name.contains(SLOT)
}

/// The ARN of an object of a bucket, or of a stream of a log group, without its name; and the name.
#[must_use]
pub fn split_arn(arn: &Arn) -> Option<(Arn, String)> {
    let mut text = String::new();
    for segment in arn.resource.segments() {
        match segment {
            Segment::Literal(literal) if !literal.contains(SLOT) => text.push_str(literal),
            Segment::Wildcard(Wildcard::Any) => text.push(SLOT),
            Segment::Literal(_) | Segment::Wildcard(Wildcard::One) | Segment::Reference(_) => return None,
        }
    }
    let (fixed, name) = match arn.service.as_literal()? {
        "s3" if arn.region.as_literal()?.is_empty() && arn.account.as_literal()?.is_empty() => {
            text.find('/').and_then(|slash| text.split_at_checked(slash + 1))?
        }
        "logs" => {
            let at = text.find(STREAM)? + STREAM.len();
            text.split_at_checked(at)?
        }
        _ => return None,
    };
    let resource = Text::literal(fixed);
    let Arn { partition, service, region, account, .. } = arn.clone();
    (!name.is_empty() && !fixed.contains(SLOT)).then(|| (Arn { partition, service, region, account, resource }, name.to_owned()))
}

/// What stands before a log stream's name.
const STREAM: &str = ":log-stream:";

/// The request on all names of a class; the request is one whose name was taken out.
#[must_use]
pub fn on_class(key: &RequestKey, class: &Class) -> RequestKey {
    let mut segments = Vec::new();
    let text = class.text();
    let mut parts = text.split(SLOT);
    segments.extend(parts.next().map(|part| Segment::Literal(part.to_owned())));
    for part in parts {
        segments.extend([Segment::Wildcard(Wildcard::Any), Segment::Literal(part.to_owned())]);
    }
    segments.push(Segment::Wildcard(Wildcard::Any));
    named(key, segments, "")
}

/// The request on one name.
#[must_use]
pub fn on_name(key: &RequestKey, name: &str) -> RequestKey {
    named(key, vec![Segment::Literal(name.to_owned())], name)
}

fn named(key: &RequestKey, segments: Vec<Segment>, name: &str) -> RequestKey {
    let mut key = key.clone();
    match &mut key {
        RequestKey::Aws(AwsRequestKey { resource: Resource::Arn(arn), .. }) => {
            arn.resource = Text::from_segments(arn.resource.segments().iter().cloned().chain(segments));
        }
        RequestKey::Kube(KubeRequest { target: KubeTarget::Resource(resource), .. }) => name.clone_into(&mut resource.name),
        RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) | RequestKey::Flow(_) => {}
    }
    key
}

/// Whether names of such requests have directories; others are folded to all of them at once.
#[must_use]
pub fn level_min(key: &RequestKey) -> u8 {
    if matches!(key, RequestKey::Kube(_)) { LEVEL_MAX } else { 1 }
}

/// Folds what one identity asked for, where it holds more than `names_max` names of one kind.
#[must_use]
pub fn fold(mut requests: BTreeMap<RequestKey, Seen>, names_max: usize) -> BTreeMap<RequestKey, Seen> {
    // So few requests cannot be on more names; most identities make no more.
    if requests.len() <= names_max && requests.values().all(|seen| level_of(seen) == 0) {
        return requests;
    }
    let mut groups: BTreeMap<RequestKey, Vec<(String, RequestKey)>> = BTreeMap::new();
    for (key, seen) in &requests {
        let level = level_of(seen);
        // A wildcard that was asked for is no name; folded names of Kubernetes are none at all.
        let split = split(key).filter(|(_, name)| level > 0 || !is_open(name));
        let whole = || (level > 0).then(|| (key.clone(), String::new()));
        if let Some((group, name)) = split.or_else(whole) {
            groups.entry(group).or_default().push((name, key.clone()));
        }
    }
    for (group, names) in groups {
        let told = names.iter().filter_map(|(_, key)| requests.get(key)).map(level_of).max().unwrap_or_default();
        if told == 0 && names.len() <= names_max {
            continue;
        }
        let level = least(told.max(level_min(&group)), &names, names_max);
        let Some(basis) = basis(level) else { continue };
        let mut classes: BTreeMap<String, (Class, Seen)> = BTreeMap::new();
        for (name, key) in names {
            let Some(seen) = requests.remove(&key) else { continue };
            let class = Class::of(&name, level);
            match classes.entry(class.frame.clone()) {
                Entry::Vacant(place) => drop(place.insert((class, seen))),
                Entry::Occupied(mut kept) => {
                    kept.get_mut().0.join(&class);
                    kept.get_mut().1.merge(&seen);
                }
            }
        }
        for (class, mut seen) in classes.into_values() {
            seen.bases.retain(|kept| *kept != Basis::Stated && self::level(kept) == 0);
            seen.bases.insert(basis.clone());
            requests.entry(on_class(&group, &class)).or_default().merge(&seen);
        }
    }
    requests
}

/// How many requests of a profile stand for several names.
#[must_use]
pub fn count(profile: &Profile) -> u64 {
    let requests = profile.identities.values().flat_map(|part| part.requests.values());
    u64::try_from(requests.filter(|seen| level_of(seen) > 0).count()).unwrap_or(u64::MAX)
}

fn level_of(seen: &Seen) -> u8 {
    seen.bases.iter().map(level).max().unwrap_or_default()
}

/// The least level, from one on, at which few enough stand side by side.
fn least(from: u8, names: &[(String, RequestKey)], names_max: usize) -> u8 {
    let fits = |level: &u8| {
        let frames: BTreeSet<String> = names.iter().map(|(name, _)| Class::of(name, *level).frame).collect();
        frames.len() <= names_max
    };
    (from..LEVEL_MAX).find(fits).unwrap_or(LEVEL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_follows_from_the_one_before() {
        let dated = "logs/2026/11/20/6e77e2c0-59b8-4937-a623-c22420a862dc.json";
        for name in [
            dated,
            "a/b/c",
            "x",
            "/x",
            "2026/11/20/x",
            "dt=2026-11-20/h=1/part-0",
            "6e77e2c0-59b8-4937-a623-c22420a862dc/a/b",
            "a//b",
        ] {
            for level in 1..=LEVEL_MAX {
                let class = Class::of(name, level);
                assert_eq!(class.text().is_empty(), class.frame.is_empty(), "{name}");
                let mut joined = class.clone();
                joined.join(&Class { slots: vec![Some("other".to_owned()); class.slots.len()], ..class.clone() });
                for later in level..=LEVEL_MAX {
                    for text in [class.text(), joined.text(), format!("{}{SLOT}", class.text())] {
                        assert_eq!(Class::of(&text, later).frame, Class::of(name, later).frame, "{name} {level} {later}");
                    }
                }
            }
        }
        assert_eq!(Class::of(dated, 1).text(), "logs/2026/11/20/");
        assert_eq!(Class::of(dated, 1).frame(), "logs/\u{1}/");
        assert_eq!(Class::of(dated, 2).text(), "logs/");
        assert_eq!(Class::of(dated, 3).text(), "");
    }
}
