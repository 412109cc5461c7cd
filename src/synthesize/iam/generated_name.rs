//! The rule `generated-name`: names that differ only in words which a machine chose become one pattern.
//!
//! names -> frames (the same but for generated words of the same classes) -> `*` in the place of the words that differ
//!
//! What is generated is told from a set, never from one name: a word that is the same in every name of its frame stays. A word is
//! replaced only behind a delimiter of the resource part, with something of the name before it; never in the resource's type, a
//! bucket's name or an account id; and only where a word that a person chose remains, so that `key/UUID` never becomes every key.
//! CloudWatch log streams whose names hold such a word become every stream of their group.

use std::collections::{BTreeMap, BTreeSet};

use super::generalize::Pattern;
use crate::access::aws::{Arn, Segment, Text, Wildcard};
use crate::access::shape::{Shape, date_length, words};
use crate::config::Generalize;

/// A literal prefix ends at one of these.
pub(super) const DELIMITERS: &[char] = &['/', ':', '-', '_', '.', '='];

/// A name cut into what stands and what may be replaced.
type Frame<'a> = Vec<(&'a str, Option<Shape>)>;

/// Names by what they share: all of the ARN but the resource, what comes before the words, and each word or its class.
type Key<'a> = (Arn, &'a str, Vec<Result<&'a str, Shape>>);

/// Patterns for enough names that share a frame. With `perhaps`, words that a person may have chosen too are taken as generated.
pub(super) fn patterns<'a>(names: impl Iterator<Item = &'a Arn>, settings: &Generalize, perhaps: bool) -> Vec<Pattern> {
    let names_min = usize::try_from(settings.generated_names_min).unwrap_or(usize::MAX);
    let siblings_min = usize::try_from(settings.sibling_names_min).unwrap_or(usize::MAX);
    let names: Vec<&Arn> = names.collect();
    // No frame or group can hold enough of so few: most identities use few names, and cutting them into words is most of the work.
    if names.len() < names_min.min(siblings_min) {
        return Vec::new();
    }
    let mut frames: BTreeMap<Key<'a>, Vec<Frame<'a>>> = BTreeMap::new();
    let mut streams: BTreeMap<Arn, BTreeSet<&'a str>> = BTreeMap::new();
    for arn in names {
        if let Some((group, stream)) = log_stream(arn) {
            streams.entry(group).or_default().insert(stream);
        } else if let Some((head, words)) = frame(arn, perhaps) {
            let rest = Arn { resource: Text::default(), ..arn.clone() };
            let key = words.iter().map(|(word, shape)| shape.map_or(Ok(*word), Err)).collect();
            frames.entry((rest, head, key)).or_default().push(words);
        }
    }
    let streams = streams.into_iter().filter(|(_, streams)| !perhaps && streams.len() >= names_min).map(|(arn, _)| {
        let admits = "every log stream of the group".to_owned();
        Pattern { arn, rule: "generated-name", admits }
    });
    let named = frames.into_iter().filter_map(|((rest, head, _), names)| {
        let (resource, shapes) = folded(head, &names)?;
        let enough = if shapes.iter().all(|shape| shape.is_sure()) { names_min } else { siblings_min };
        let classes: Vec<&str> = shapes.iter().map(|shape| shape.name()).collect();
        let admits = format!("any text, `/` included, in the place of the {}", classes.join(" and the "));
        (names.len() >= enough).then_some(Pattern { arn: Arn { resource, ..rest }, rule: "generated-name", admits })
    });
    streams.chain(named).collect()
}

/// The log group of a generated stream's name with `*` for the stream, and the stream.
fn log_stream(arn: &Arn) -> Option<(Arn, &str)> {
    let name = arn.resource.as_literal().filter(|_| arn.service.as_literal() == Some("logs"))?;
    let (group, stream) = name.split_once(":log-stream:")?;
    let generated = words(stream).iter().any(|(_, shape)| shape.is_some_and(Shape::is_sure)) || date_length(stream).is_some();
    let every = [Segment::Literal(format!("{group}:log-stream:")), Segment::Wildcard(Wildcard::Any)];
    generated.then(|| (Arn { resource: Text::from_segments(every), ..arn.clone() }, stream))
}

/// What comes before the name (its type, or its bucket), and the name's words with those that may be replaced; `None` where none may.
fn frame(arn: &Arn, perhaps: bool) -> Option<(&str, Frame<'_>)> {
    let name = arn.resource.as_literal()?;
    let is_s3 = arn.service.as_literal()? == "s3";
    let (head, tail) = behind_type(name);
    if is_s3 && head.is_empty() {
        return None;
    }
    let mut before: Option<&str> = is_s3.then_some("/");
    let mut frame: Frame<'_> = Vec::new();
    for (word, shape) in words(tail) {
        let is_word = word.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_account = word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
        let shape = shape.or_else(|| Shape::perhaps(word).filter(|_| perhaps && is_word && !is_account));
        let delimited = before.is_some_and(|text| text.ends_with(DELIMITERS));
        frame.push((word, shape.filter(|_| delimited)));
        before = Some(word);
    }
    frame.iter().any(|(_, shape)| shape.is_some()).then_some((head, frame))
}

/// A resource's type or bucket with its delimiter, and the name behind it; the type is empty where the service writes none.
pub(super) fn behind_type(resource: &str) -> (&str, &str) {
    let at = resource.find(['/', ':']).map_or(0, |delimiter| delimiter + 1);
    resource.split_at_checked(at).unwrap_or(("", resource))
}

/// One text for names of one frame: `*` for each word that differs, and the classes of those.
fn folded(head: &str, names: &[Frame<'_>]) -> Option<(Text, Vec<Shape>)> {
    let first = names.first()?;
    let mut shapes = Vec::new();
    let mut segments = vec![Segment::Literal(head.to_owned())];
    for (place, (word, shape)) in first.iter().enumerate() {
        let differs = names.iter().any(|other| other.get(place).is_some_and(|(found, _)| found != word));
        match shape.filter(|_| differs) {
            Some(shape) => {
                shapes.push(shape);
                segments.push(Segment::Wildcard(Wildcard::Any));
            }
            None => segments.push(Segment::Literal((*word).to_owned())),
        }
    }
    (!shapes.is_empty() && has_chosen_word(first)).then(|| (Text::from_segments(segments), shapes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::UncheckedConfig;

    /// The patterns of some names, without `arn:aws:`.
    fn made(names: &[&str]) -> Vec<String> {
        let settings = UncheckedConfig::default().check().unwrap().generalize;
        let arns: BTreeSet<Arn> = names.iter().map(|name| Arn::literal(&format!("arn:aws:{name}")).unwrap()).collect();
        let mut made: Vec<Pattern> = patterns(arns.iter(), &settings, false);
        made.extend(patterns(arns.iter(), &settings, true));
        let mut made: Vec<String> = made.iter().map(|pattern| pattern.arn.to_policy().replace("arn:aws:", "")).collect();
        made.sort();
        made.dedup();
        made
    }

    const ONE: &str = "6e77e2c0-59b8-4937-a623-c22420a862dc";
    const TWO: &str = "0b5d2f3a-59b8-4937-a623-c22420a862dc";

    #[test]
    fn words_that_differ_become_wildcards() {
        let uuids = |name: &str| [name.replace('#', ONE), name.replace('#', TWO)];
        for (names, expected) in [
            (
                [
                    "ecs:r:1:task/shop/9f86d081884c7d659a2feaa0c55ad015".into(),
                    "ecs:r:1:task/shop/0f86d081884c7d659a2feaa0c55ad015".into(),
                ],
                "ecs:r:1:task/shop/*",
            ),
            (uuids("states:r:1:execution:orders:#"), "states:r:1:execution:orders:*"),
            (uuids("s3:::b/up/#.json"), "s3:::b/up/*.json"),
            (uuids("s3:::b/#/orders.json"), "s3:::b/*/orders.json"),
            // What does not differ stays.
            (uuids(&format!("s3:::b/{ONE}/app-#.gz")), &format!("s3:::b/{ONE}/app-*.gz")),
            (
                ["s3:::b/logs/2026/11/20/report.csv".into(), "s3:::b/logs/2026/11/21/report.csv".into()],
                "s3:::b/logs/*/report.csv",
            ),
            (["s3:::b/t/dt=2026-11-20/a".into(), "s3:::b/t/dt=2026-11-21/a".into()], "s3:::b/t/dt=*/a"),
            (
                ["dynamodb:r:1:table/Shop-Orders-1ABCDEFGHIJKL".into(), "dynamodb:r:1:table/Shop-Orders-1ABCDEFGHIJKM".into()],
                "dynamodb:r:1:table/Shop-Orders-*",
            ),
            (
                [
                    "logs:r:1:log-group:/f:log-stream:2026/11/21/[$LATEST]x".into(),
                    "logs:r:1:log-group:/f:log-stream:2026/11/21/[$LATEST]y".into(),
                ],
                "logs:r:1:log-group:/f:log-stream:*",
            ),
        ] {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(made(&names), [expected], "{names:?}");
            assert_eq!(made(names.get(..1).unwrap()), [""; 0], "one name tells nothing: {names:?}");
        }
    }

    #[test]
    fn what_a_person_may_have_chosen_needs_more_siblings() {
        let parts: Vec<String> = (0..5).map(|number| format!("s3:::b/in/part-{number:05}.csv")).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        assert_eq!(made(&parts), ["s3:::b/in/part-*.csv"]);
        assert_eq!(made(parts.get(..4).unwrap()), [""; 0]);
    }

    #[test]
    fn whole_kinds_of_resources_are_never_opened() {
        let uuids = |name: &str| [name.replace('#', ONE), name.replace('#', TWO)];
        let digits = |name: &str| [name.replace('#', "1"), name.replace('#', "2")];
        for names in [
            uuids("kms:r:1:key/#"),
            digits("ec2:r:1:instance/i-0123456789abcdef#"),
            digits("ec2:r:1:instance/i-0123456789012345#"),
            uuids("s3:::b/#.json"),
            digits("s3:::logs-9f86d081884c7d6#"),
            digits("sqs:r:1:9f86d081884c7d6#"),
            uuids("sqs:r:1:#-jobs"),
            digits("sqs:r:1:jobs-11112222333#"),
            digits("sqs:r:1:jobs@9f86d081884c7d6#"),
            ["dynamodb:r:1:table/orders".into(), "dynamodb:r:1:table/users".into()],
            ["sqs:r:1:jobs-9f86d081884c7d65".into(), "sqs:r:2:jobs-0f86d081884c7d65".into()],
            ["sqs:r:1:jobs-9f86d081884c7d65".into(), format!("sqs:r:1:jobs-{ONE}")],
            ["logs:r:1:log-group:g:log-stream:main".into(), "logs:r:1:log-group:g:log-stream:other".into()],
        ] {
            assert_eq!(made(&[&names[0], &names[1]]), [""; 0], "{names:?}");
        }
    }
}
