//! Statements by action: those that name it are looked up, those that name the beginning of its service's actions are tried, few others.

use rapidhash::RapidHashMap;

use super::resource::Plain;
use crate::access::aws::{Segment, Text, Wildcard};
use crate::policy::iam::model::{ActionPattern, Actions, ParsedAction};
use crate::policy::pattern;

/// Longer names are lower-cased on the heap.
const NAME_BYTES: usize = 96;

/// Numbers of statements, by what their actions say. Every list ascends.
#[derive(Debug, Clone, Default)]
pub(super) struct Index<'a> {
    /// Statements of one action on one plain resource.
    single: RapidHashMap<(&'a str, &'a str, Plain<'a>), Vec<usize>>,
    exact: RapidHashMap<(&'a str, &'a str), Vec<usize>>,
    beginning: RapidHashMap<&'a str, Vec<(Name<'a>, usize)>>,
    every: Vec<usize>,
    /// `NotAction`, and what is not understood.
    odd: Vec<usize>,
}

/// A lower-case name with wildcards.
#[derive(Debug, Clone, Copy)]
enum Name<'a> {
    Beginning(&'a str),
    Other(&'a Text),
}

impl<'a> Index<'a> {
    /// `only` is the one plain resource that the statement is about, if it is about no more.
    pub(super) fn insert(&mut self, actions: &'a Actions, only: Option<Plain<'a>>, place: usize) {
        let Actions::Action(patterns) = actions else { return self.odd.push(place) };
        if let (Some(only), [ActionPattern { parsed: ParsedAction::Named { service, name }, .. }]) = (only, patterns.as_slice())
            && let Some(name) = name.as_literal()
        {
            return self.single.entry((service, name, only)).or_default().push(place);
        }
        // What one pattern does not match, another that is not understood may.
        if patterns.iter().any(|pattern| pattern.parsed == ParsedAction::NotUnderstood) {
            self.odd.push(place);
        }
        patterns.iter().for_each(|pattern| self.insert_pattern(pattern, place));
    }

    fn insert_pattern(&mut self, pattern: &'a ActionPattern, place: usize) {
        let (service, name) = match &pattern.parsed {
            ParsedAction::All => return push(&mut self.every, place),
            ParsedAction::NotUnderstood => return,
            ParsedAction::Named { service, name } => (service.as_str(), name),
        };
        match (name.as_literal(), name.segments()) {
            (Some(name), _) => push(self.exact.entry((service, name)).or_default(), place),
            (None, [Segment::Wildcard(Wildcard::Any)]) => self.beginning_of(service, Name::Beginning(""), place),
            (None, [Segment::Literal(start), Segment::Wildcard(Wildcard::Any)]) => {
                self.beginning_of(service, Name::Beginning(start), place);
            }
            (None, _) => self.beginning_of(service, Name::Other(name), place),
        }
    }

    fn beginning_of(&mut self, service: &'a str, name: Name<'a>, place: usize) {
        self.beginning.entry(service).or_default().push((name, place));
    }

    /// Statements that are about the action for certain; each list is left as soon as `next` answers false.
    pub(super) fn certain(
        &self,
        (service, name): (&str, &str),
        resource: Option<&Plain<'_>>,
        mut next: impl FnMut(usize) -> bool,
    ) {
        if let Some(resource) = resource.filter(|_| !self.single.is_empty()) {
            for place in self.single.get(&(service, name, *resource)).into_iter().flatten() {
                if !next(*place) {
                    break;
                }
            }
        }
        for place in self.exact.get(&(service, name)).into_iter().flatten() {
            if !next(*place) {
                break;
            }
        }
        for (wanted, place) in self.beginning.get(service).into_iter().flatten() {
            if wanted.matches(name) && !next(*place) {
                break;
            }
        }
        for place in &self.every {
            if !next(*place) {
                break;
            }
        }
    }

    /// Statements whose actions must be read.
    pub(super) fn odd(&self) -> &[usize] {
        &self.odd
    }
}

impl Name<'_> {
    fn matches(self, name: &str) -> bool {
        match self {
            Name::Beginning(start) => name.starts_with(start),
            Name::Other(text) => pattern::matches(text, name),
        }
    }
}

/// A statement that names an action twice stands there once.
fn push(places: &mut Vec<usize>, place: usize) {
    if places.last() != Some(&place) {
        places.push(place);
    }
}

/// The text in lower case (ASCII's, as actions are compared).
pub(super) fn with_lower<T>(text: &str, then: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0_u8; NAME_BYTES];
    let Some(room) = buffer.get_mut(..text.len()) else { return then(&text.to_ascii_lowercase()) };
    room.copy_from_slice(text.as_bytes());
    room.make_ascii_lowercase();
    match str::from_utf8(room) {
        Ok(lower) => then(lower),
        Err(_) => then(&text.to_ascii_lowercase()),
    }
}
