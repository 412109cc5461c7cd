//! The rule `generated-name`: names that differ only in words which a machine chose become one pattern.
//!
//! A word is replaced only inside the resource part, never in the resource's type, a bucket's name or an account id; and only where
//! a word that a person chose remains, so that `key/UUID` never becomes every key. CloudWatch log streams whose names hold such a
//! word become every stream of their group.

use std::collections::{BTreeMap, BTreeSet};

use super::generalize::Pattern;
use crate::access::aws::{Arn, Segment, Text, Wildcard};
use crate::access::shape::Shape;

/// Patterns for at least `names_min` names that share a frame.
pub(super) fn patterns<'a>(names: impl Iterator<Item = &'a Arn>, names_min: u64) -> Vec<Pattern> {
    let names_min = usize::try_from(names_min).unwrap_or(usize::MAX);
    let mut frames: BTreeMap<(Arn, Vec<Shape>), BTreeSet<&Arn>> = BTreeMap::new();
    for arn in names {
        if let Some((resource, shapes)) = frame(arn) {
            frames.entry((Arn { resource, ..arn.clone() }, shapes)).or_default().insert(arn);
        }
    }
    let enough = frames.into_iter().filter(|(_, names)| names.len() >= names_min);
    enough
        .map(|((arn, shapes), _)| {
            let classes: Vec<&str> = shapes.iter().map(|shape| shape.name()).collect();
            let admits = match classes.as_slice() {
                [] => "every log stream of the group".to_owned(),
                classes => format!("any text, `/` included, in the place of the {}", classes.join(" and the ")),
            };
            Pattern { arn, rule: "generated-name", admits }
        })
        .collect()
}

/// The name with `*` for each generated word, and what those words look like; `None` where nothing may be replaced.
fn frame(arn: &Arn) -> Option<(Text, Vec<Shape>)> {
    let name = arn.resource.as_literal()?;
    let service = arn.service.as_literal()?;
    if let Some((group, stream)) = name.split_once(":log-stream:").filter(|_| service == "logs") {
        let generated = words(stream).iter().any(|(_, shape)| shape.is_some()) || is_dated(stream);
        let every = [Segment::Literal(format!("{group}:log-stream:")), Segment::Wildcard(Wildcard::Any)];
        return generated.then(|| (Text::from_segments(every), Vec::new()));
    }
    let (head, tail) = match name.find(['/', ':']) {
        Some(delimiter) => name.split_at_checked(delimiter + 1)?,
        None if service == "s3" => return None,
        None => ("", name),
    };
    let words = words(tail);
    let shapes: Vec<Shape> = words.iter().filter_map(|(_, shape)| *shape).collect();
    if shapes.is_empty() || !has_chosen_word(&words) {
        return None;
    }
    let segments = words.into_iter().map(|(word, shape)| match shape {
        Some(_) => Segment::Wildcard(Wildcard::Any),
        None => Segment::Literal(word.to_owned()),
    });
    Some((Text::from_segments(std::iter::once(Segment::Literal(head.to_owned())).chain(segments)), shapes))
}

/// Cuts a name into words of letters and digits and what stands between them; a generated word carries its shape.
fn words(name: &str) -> Vec<(&str, Option<Shape>)> {
    let mut words = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphanumeric() { word_length(rest) } else { first.len_utf8() };
        let Some((word, after)) = rest.split_at_checked(length) else { break };
        // Twelve digits are an account id.
        let account = word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
        words.push((word, Shape::of(word).filter(|_| !account)));
        rest = after;
    }
    words
}

/// A UUID and a date are one word in spite of their dashes.
fn word_length(text: &str) -> usize {
    let whole = |length: usize, shape: Shape| {
        let ends = text.get(length..).is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_alphanumeric()));
        ends && text.get(..length).is_some_and(|word| Shape::of(word) == Some(shape))
    };
    if whole(36, Shape::Uuid) {
        return 36;
    }
    if whole(10, Shape::Date) {
        return 10;
    }
    text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len())
}

/// Whether a word remains that a person chose: not a file's extension, nor the prefix of an AWS id (`i-0123456789abcdef0`).
fn has_chosen_word(words: &[(&str, Option<Shape>)]) -> bool {
    let text_at = |place: Option<usize>| place.and_then(|place| words.get(place)).map(|(word, _)| *word);
    let is_word = |word: &str| word.bytes().any(|byte| byte.is_ascii_alphabetic());
    words.iter().enumerate().any(|(place, (word, shape))| {
        let extension = place + 1 == words.len() && text_at(place.checked_sub(1)) == Some(".");
        let is_id = |next: &str| matches!(next.len(), 8 | 17) && next.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = text_at(Some(place + 2)).is_some_and(is_id);
        let prefix = id && text_at(Some(place + 1)) == Some("-");
        shape.is_none() && is_word(word) && !extension && !prefix
    })
}

/// Whether a log stream's name begins with a date written `YYYY/MM/DD`.
fn is_dated(stream: &str) -> bool {
    stream.get(..10).is_some_and(|date| Shape::of(&date.replace('/', "-")) == Some(Shape::Date) && date.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(resource: &str) -> Option<String> {
        let arn = Arn::literal(&format!("arn:aws:{resource}")).unwrap();
        frame(&arn).map(|(resource, _)| Arn { resource, ..arn }.to_policy()).map(|text| text.replace("arn:aws:", ""))
    }

    #[test]
    fn generated_words_become_wildcards() {
        for (name, expected) in [
            ("ecs:r:1:task/shop/9f86d081884c7d659a2feaa0c55ad015", "ecs:r:1:task/shop/*"),
            ("states:r:1:execution:orders:6e77e2c0-59b8-4937-a623-c22420a862dc", "states:r:1:execution:orders:*"),
            ("s3:::b/up/6e77e2c0-59b8-4937-a623-c22420a862dc.json", "s3:::b/up/*.json"),
            ("s3:::b/logs/app-2026-11-21-1700000000.gz", "s3:::b/logs/app-*-*.gz"),
            ("sqs:r:1:jobs-9f86d081884c7d65", "sqs:r:1:jobs-*"),
            (
                "logs:r:1:log-group:/aws/lambda/f:log-stream:2026/11/21/[$LATEST]x",
                "logs:r:1:log-group:/aws/lambda/f:log-stream:*",
            ),
        ] {
            assert_eq!(pattern(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn whole_kinds_of_resources_are_never_opened() {
        for name in [
            "kms:r:1:key/6e77e2c0-59b8-4937-a623-c22420a862dc",
            "ec2:r:1:instance/i-0123456789abcdef0",
            "ec2:r:1:instance/i-01234567890123456",
            "s3:::b/6e77e2c0-59b8-4937-a623-c22420a862dc.json",
            "s3:::logs-9f86d081884c7d65",
            "sqs:r:1:9f86d081884c7d65",
            "sqs:r:1:jobs-111122223333",
            "dynamodb:r:1:table/orders",
            "logs:r:1:log-group:g:log-stream:main",
        ] {
            assert_eq!(pattern(name), None, "{name}");
        }
    }
}
