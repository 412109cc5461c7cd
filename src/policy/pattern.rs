//! Matching: a pattern (`access::aws::Text`) against a text, element by element, never through strings or regular expressions.
//!
//! Invariant: work is at most pattern length times text length; no pattern makes it blow up.

use std::borrow::Cow;

use crate::access::aws::{Segment, Text, Wildcard};

/// Fills in every policy variable by its value, which then stands for itself (a `*` in a value is no wildcard).
/// `None` where a variable has no value: such a pattern matches nothing.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
pub fn resolve(pattern: &Text, value_of: impl Fn(&str) -> Option<String>) -> Option<Cow<'_, Text>> {
    if !pattern.segments().iter().any(|segment| matches!(segment, Segment::Reference(_))) {
        return Some(Cow::Borrowed(pattern));
    }
    let mut segments = Vec::new();
    for segment in pattern.segments() {
        segments.push(match segment {
            Segment::Reference(name) => Segment::Literal(value_of(name)?),
            Segment::Literal(_) | Segment::Wildcard(_) => segment.clone(),
        });
    }
    Some(Cow::Owned(Text::from_segments(segments)))
}

/// Whether the whole text matches, case-sensitively. A variable that was not resolved matches nothing.
#[must_use]
pub fn matches(pattern: &Text, text: &str) -> bool {
    matches_with(pattern, text, |_| None)
}

/// The same where variables stand for their values, without filling them in. One without a value matches nothing.
pub fn matches_with<'a>(pattern: &'a Text, text: &str, value_of: impl Fn(&'a str) -> Option<&'a str>) -> bool {
    let segments = pattern.segments();
    let mut rest = text;
    let mut at = 0_usize;
    // Where the last `*` stands and what it has not taken yet: only the last one ever needs to take more.
    let mut star: Option<(usize, &str)> = None;
    loop {
        let step = match segments.get(at) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Segment::Wildcard(Wildcard::Any)) => {
                star = Some((at, rest));
                Some(rest)
            }
            Some(Segment::Wildcard(Wildcard::One)) => after_one(rest),
            Some(Segment::Literal(literal)) => rest.strip_prefix(literal.as_str()),
            Some(Segment::Reference(name)) => match value_of(name) {
                Some(value) => rest.strip_prefix(value),
                None => return false,
            },
        };
        if let Some(after) = step {
            rest = after;
            at += 1;
            continue;
        }
        let Some((place, after)) = star.and_then(|(place, untaken)| Some((place, after_one(untaken)?))) else {
            return false;
        };
        star = Some((place, after));
        rest = after;
        at = place + 1;
    }
}

/// One element of a text: a character that stands for itself, or what matches others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Character(char),
    One,
    Any,
    Reference,
}

fn elements(text: &Text) -> Vec<Element> {
    let mut elements = Vec::new();
    for segment in text.segments() {
        match segment {
            Segment::Literal(literal) => elements.extend(literal.chars().map(Element::Character)),
            Segment::Reference(_) => elements.push(Element::Reference),
            Segment::Wildcard(Wildcard::Any) => elements.push(Element::Any),
            Segment::Wildcard(Wildcard::One) => elements.push(Element::One),
        }
    }
    elements
}

/// Whether every text that `asked` stands for matches: a request for what does not exist yet asks for `instance/*`. A wildcard
/// that was asked for is matched only by a wildcard at least as wide; a variable that was not resolved matches nothing.
#[must_use]
pub fn contains(pattern: &Text, asked: &Text) -> bool {
    if let Some(literal) = asked.as_literal() {
        return matches(pattern, literal);
    }
    let (pattern, asked) = (elements(pattern), elements(asked));
    let (mut at, mut place) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let fits = match (pattern.get(at), asked.get(place)) {
            (None, None) => return true,
            (Some(Element::Any), _) => {
                star = Some((at, place));
                at += 1;
                continue;
            }
            (Some(Element::Character(wanted)), Some(Element::Character(found))) => wanted == found,
            (Some(Element::One), Some(Element::Character(_) | Element::One)) => true,
            _ => false,
        };
        if fits {
            at += 1;
            place += 1;
            continue;
        }
        let Some((wildcard, taken)) = star.filter(|(_, taken)| *taken < asked.len()) else { return false };
        star = Some((wildcard, taken + 1));
        at = wildcard + 1;
        place = taken + 1;
    }
}

fn after_one(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next()?;
    Some(characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pattern: &str, text: &str) -> bool {
        matches(&Text::from_policy(pattern), text)
    }

    #[test]
    fn what_is_asked_for_as_a_wildcard_needs_one_as_wide() {
        let contains = |pattern: &str, asked: &str| super::contains(&Text::from_policy(pattern), &Text::from_policy(asked));
        for (pattern, asked) in [
            ("*", "*"),
            ("instance/*", "instance/*"),
            ("*/*", "instance/*"),
            ("a-??", "a-??"),
            ("a-*", "a-??"),
            ("a?", "ab"),
            ("*b*", "ab*"),
        ] {
            assert!(contains(pattern, asked), "{pattern} {asked}");
        }
        for (pattern, asked) in [
            ("instance/?", "instance/*"),
            ("instance/i-1", "instance/*"),
            ("${*}", "*"),
            ("a-?", "a-??"),
            ("b*", "*"),
            ("${x}", "*"),
            ("*a", "a*"),
        ] {
            assert!(!contains(pattern, asked), "{pattern} {asked}");
        }
    }

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "a/b:c"),
            ("a*c", "abbc"),
            ("a*c*e", "abcde"),
            ("?", "é"),
            ("a?c", "abc"),
            ("*ab", "aab"),
            ("${*}", "*"),
            ("a${?}", "a?"),
            ("*a*b", "xaybab"),
            ("a**", "a"),
            ("*?", "x"),
        ] {
            assert!(policy(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("?", "ab"),
            ("a*c", "abd"),
            ("${*}", "x"),
            ("A", "a"),
            ("*ab", "aba"),
            ("${aws:x}", "${aws:x}"),
            ("a?c", "ac"),
        ] {
            assert!(!policy(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_value_is_no_wildcard_and_a_missing_one_matches_nothing() {
        let pattern = Text::from_policy("home/${aws:username}/*");
        let with = |value: Option<&str>| resolve(&pattern, |_| value.map(str::to_owned)).map(Cow::into_owned);
        assert!(with(Some("bob")).is_some_and(|resolved| matches(&resolved, "home/bob/x")));
        assert!(with(Some("*")).is_some_and(|resolved| !matches(&resolved, "home/bob/x") && matches(&resolved, "home/*/x")));
        assert_eq!(with(None), None);
    }

    #[test]
    fn many_stars_stay_quick() {
        let pattern = Text::from_policy(&"*a".repeat(500));
        assert!(!matches(&pattern, &format!("{}b", "a".repeat(20_000))));
    }
}
