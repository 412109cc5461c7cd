//! Patterns with variables against texts, without filling the variables in: where one stands, its value is compared in place.
//!
//! Invariant: the answers are those of `pattern::matches` and `pattern::contains` on a resolved pattern; a variable without a value
//! matches nothing.

use crate::access::aws::{Context, Segment, Text, Wildcard};
use crate::policy::iam::arn::values_of;
use crate::policy::pattern;

/// The value of a variable, or its default.
pub(super) fn value_of<'a>(context: &'a Context, variable: &'a str) -> Option<&'a str> {
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), default.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))),
        None => (variable, None),
    };
    match values_of(context, key).map(Vec::as_slice) {
        Some([value]) => Some(value),
        Some(_) | None => default,
    }
}

pub(super) fn has_variables(text: &Text) -> bool {
    text.segments().iter().any(|segment| matches!(segment, Segment::Reference(_)))
}

/// Whether every variable in it has a value.
pub(super) fn is_resolved(text: &Text, context: &Context) -> bool {
    text.segments().iter().all(|segment| match segment {
        Segment::Reference(name) => value_of(context, name).is_some(),
        Segment::Literal(_) | Segment::Wildcard(_) => true,
    })
}

/// Whether the whole text matches.
pub(super) fn matches<'a>(pattern: &'a Text, text: &str, context: &'a Context) -> bool {
    pattern::matches_with(pattern, text, |name| value_of(context, name))
}

/// Whether the text, its `*` and `?` taken as they stand, is the value.
pub(super) fn spells(wanted: &Text, value: &str, context: &Context) -> bool {
    let mut rest = Some(value);
    for segment in wanted.segments() {
        let next = match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::Reference(name) => value_of(context, name),
            Segment::Wildcard(Wildcard::Any) => Some("*"),
            Segment::Wildcard(Wildcard::One) => Some("?"),
        };
        rest = rest.zip(next).and_then(|(rest, next)| rest.strip_prefix(next));
    }
    rest == Some("")
}

/// One element of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Character(char),
    One,
    Any,
    Reference,
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    segments: &'a [Segment],
    rest: &'a str,
    /// Where variables get their values; `None` leaves them as they are.
    context: Option<&'a Context>,
}

impl<'a> Cursor<'a> {
    fn next(mut self) -> Option<(Element, Cursor<'a>)> {
        loop {
            let mut characters = self.rest.chars();
            if let Some(character) = characters.next() {
                return Some((Element::Character(character), Cursor { rest: characters.as_str(), ..self }));
            }
            let (segment, segments) = self.segments.split_first()?;
            self.segments = segments;
            match (segment, self.context) {
                (Segment::Literal(text), _) => self.rest = text,
                (Segment::Reference(name), Some(context)) => self.rest = value_of(context, name).unwrap_or_default(),
                (Segment::Reference(_), None) => return Some((Element::Reference, self)),
                (Segment::Wildcard(Wildcard::Any), _) => return Some((Element::Any, self)),
                (Segment::Wildcard(Wildcard::One), _) => return Some((Element::One, self)),
            }
        }
    }
}

/// Whether every text that `asked` stands for matches.
pub(super) fn contains(pattern: &Text, asked: &Text, context: &Context) -> bool {
    if let Some(literal) = asked.as_literal() {
        return matches(pattern, literal, context);
    }
    if !is_resolved(pattern, context) {
        return false;
    }
    let mut pattern = Cursor { segments: pattern.segments(), rest: "", context: Some(context) };
    let mut asked = Cursor { segments: asked.segments(), rest: "", context: None };
    let mut star: Option<(Cursor<'_>, Cursor<'_>)> = None;
    loop {
        let fits = match (pattern.next(), asked.next()) {
            (None, None) => return true,
            (Some((Element::Any, after)), _) => {
                star = Some((after, asked));
                pattern = after;
                continue;
            }
            (Some((Element::Character(wanted), pattern)), Some((Element::Character(found), asked))) if wanted == found => {
                Some((pattern, asked))
            }
            (Some((Element::One, pattern)), Some((Element::Character(_) | Element::One, asked))) => Some((pattern, asked)),
            _ => None,
        };
        if let Some(next) = fits {
            (pattern, asked) = next;
            continue;
        }
        let Some((after, taken)) = star else { return false };
        let Some((_, taken)) = taken.next() else { return false };
        star = Some((after, taken));
        (pattern, asked) = (after, taken);
    }
}
