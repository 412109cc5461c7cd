//! The rule `object-prefix`: many S3 keys below one prefix become `bucket/prefix/*`.
//!
//! A prefix that ends at `/` is folded when enough keys lie below it that no deeper folded prefix takes; the bucket itself is the
//! shortest prefix. Directories that a machine named (dates, UUIDs) and that differ stand as `*` in the prefix, so that
//! `logs/2026/11/20/` and `logs/2026/11/21/` count as one: `logs/*/*`. Never across buckets, never over a key that is forbidden.

use std::collections::{BTreeMap, BTreeSet};

use super::generalize::Pattern;
use super::generated_name::DELIMITERS;
use crate::access::aws::{Arn, Segment, Text, Wildcard};
use crate::access::shape::words;
use crate::config::Generalize;
use crate::policy::pattern;

/// Deeper prefixes than this are not looked for; their keys count for this depth.
const DEPTH_MAX: u32 = 32;
/// Stands for a generated directory; no key that IAM carries holds it.
const SLOT: char = '\u{1}';

/// Folds the keys of each bucket. `forbidden` is what no pattern may admit.
pub(super) fn patterns<'a>(
    names: impl Iterator<Item = &'a Arn>,
    forbidden: &BTreeSet<Arn>,
    settings: &Generalize,
) -> Vec<Pattern> {
    let mut buckets: BTreeMap<(&Text, &str), (&Arn, Vec<&str>)> = BTreeMap::new();
    for arn in names {
        if let Some((bucket, key)) = object(arn) {
            buckets.entry((&arn.partition, bucket)).or_insert_with(|| (arn, Vec::new())).1.push(key);
        }
    }
    let mut patterns = Vec::new();
    for ((partition, bucket), (arn, keys)) in buckets {
        let same_bucket = forbidden.iter().filter(|arn| arn.partition == *partition).filter_map(object);
        let forbidden: Vec<&str> = same_bucket.filter(|(name, _)| *name == bucket).map(|(_, key)| key).collect();
        for prefix in prefixes(&keys, &forbidden, settings) {
            let directories = prefix.segments().iter().any(|segment| matches!(segment, Segment::Wildcard(_)));
            let admits = match prefix.as_literal() {
                Some("") => "every object of the bucket",
                _ if directories => {
                    "every object below such prefixes, any text, `/` included, in the place of the generated part"
                }
                _ => "every object below that prefix",
            };
            let head = Segment::Literal(format!("{bucket}/"));
            let tail = Segment::Wildcard(Wildcard::Any);
            let segments = std::iter::once(head).chain(prefix.segments().iter().cloned()).chain([tail]);
            let resource = Text::from_segments(segments);
            patterns.push(Pattern { arn: Arn { resource, ..arn.clone() }, rule: "object-prefix", admits: admits.to_owned() });
        }
    }
    patterns
}

/// A key with its generated directories as slots, and what stood there.
struct Framed<'a> {
    key: &'a str,
    frame: String,
    slots: Vec<&'a str>,
}

impl<'a> Framed<'a> {
    fn of(key: &'a str) -> Framed<'a> {
        let (directories, name) = key.rfind('/').and_then(|slash| key.split_at_checked(slash)).unwrap_or(("", key));
        let mut framed = Framed { key, frame: String::new(), slots: Vec::new() };
        for (word, shape) in words(directories) {
            let delimited = framed.frame.is_empty() || framed.frame.ends_with(DELIMITERS);
            if shape.is_some() && delimited {
                framed.frame.push(SLOT);
                framed.slots.push(word);
            } else {
                framed.frame.push_str(word);
            }
        }
        framed.frame.push_str(name);
        framed
    }
}

/// The prefixes to fold: first with generated directories as slots, then what is left as it stands.
fn prefixes(keys: &[&str], forbidden: &[&str], settings: &Generalize) -> Vec<Text> {
    let keys_min = usize::try_from(settings.object_keys_min).unwrap_or(usize::MAX);
    let differ_min = usize::try_from(settings.generated_names_min).unwrap_or(usize::MAX);
    let framed: Vec<Framed<'_>> = keys.iter().map(|key| Framed::of(key)).collect();
    let frames: Vec<&str> = framed.iter().map(|one| one.frame.as_str()).collect();
    let mut fold = Fold { keys_min, forbidden, prefixes: Vec::new() };
    fold.below("", &frames, 0);
    let mut prefixes: Vec<Text> = fold
        .prefixes
        .iter()
        .filter_map(|prefix| filled(prefix, &framed, differ_min))
        .filter(|prefix| !admits(prefix, forbidden))
        .collect();
    let taken = Taken::of(&prefixes);
    let taken = |key: &str| taken.takes(key);
    let left: Vec<&str> = framed.iter().map(|one| one.key).filter(|key| !taken(key)).collect();
    let mut plain = Fold { keys_min, forbidden, prefixes: Vec::new() };
    plain.below("", &left, 0);
    prefixes.extend(plain.prefixes.iter().map(|prefix| Text::literal(prefix)));
    prefixes
}

/// A folded prefix with `*` for each slot that differs, and the text of those that don't; `None` where too few differ.
fn filled(prefix: &str, framed: &[Framed<'_>], differ_min: usize) -> Option<Text> {
    let members: Vec<&Framed<'_>> = framed.iter().filter(|one| one.frame.starts_with(prefix)).collect();
    let mut segments = Vec::new();
    for (place, literal) in prefix.split(SLOT).enumerate() {
        if let Some(slot) = place.checked_sub(1) {
            let found: BTreeSet<&str> = members.iter().filter_map(|one| one.slots.get(slot).copied()).collect();
            segments.push(match found.first() {
                Some(only) if found.len() == 1 => Segment::Literal((*only).to_owned()),
                _ if found.len() >= differ_min => Segment::Wildcard(Wildcard::Any),
                _ => return None,
            });
        }
        segments.push(Segment::Literal(literal.to_owned()));
    }
    Some(Text::from_segments(segments))
}

/// Whether a prefix, with anything behind it, lets one of these keys through.
fn admits(prefix: &Text, keys: &[&str]) -> bool {
    let open = opened(prefix);
    keys.iter().any(|key| pattern::matches(&open, key))
}

fn opened(prefix: &Text) -> Text {
    Text::from_segments(prefix.segments().iter().cloned().chain([Segment::Wildcard(Wildcard::Any)]))
}

/// Folded prefixes, looked up rather than tried one by one where they are plain.
struct Taken<'a> {
    plain: BTreeSet<&'a str>,
    open: Vec<Text>,
}

impl<'a> Taken<'a> {
    fn of(prefixes: &'a [Text]) -> Taken<'a> {
        let open = prefixes.iter().filter(|prefix| prefix.as_literal().is_none()).map(opened).collect();
        Taken { plain: prefixes.iter().filter_map(Text::as_literal).collect(), open }
    }

    fn takes(&self, key: &str) -> bool {
        // A folded prefix is empty or ends at a `/`.
        let ends = key.match_indices('/').map(|(slash, _)| slash + 1);
        let plain = std::iter::once(0).chain(ends).any(|end| key.get(..end).is_some_and(|start| self.plain.contains(start)));
        plain || self.open.iter().any(|prefix| pattern::matches(prefix, key))
    }
}

/// Bucket and key of an S3 object's ARN; an access point's ARN names a region and is none.
fn object(arn: &Arn) -> Option<(&str, &str)> {
    let is_s3 = arn.service.as_literal()? == "s3" && arn.region.as_literal()?.is_empty() && arn.account.as_literal()?.is_empty();
    arn.resource.as_literal().filter(|_| is_s3)?.split_once('/')
}

struct Fold<'a> {
    keys_min: usize,
    forbidden: &'a [&'a str],
    prefixes: Vec<&'a str>,
}

impl<'a> Fold<'a> {
    /// Folds what lies below `prefix`; returns how many of the keys no fold took.
    fn below(&mut self, prefix: &'a str, keys: &[&'a str], depth: u32) -> usize {
        if keys.len() < self.keys_min {
            return keys.len();
        }
        let folded_before = self.prefixes.len();
        let mut open = 0_usize;
        let mut deeper: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
        for key in keys {
            let next = key.get(prefix.len()..).and_then(|rest| rest.find('/')).filter(|_| depth < DEPTH_MAX);
            match next.and_then(|slash| key.get(..prefix.len() + slash + 1)) {
                Some(child) => deeper.entry(child).or_default().push(key),
                None => open += 1,
            }
        }
        for (child, keys) in deeper {
            open += self.below(child, &keys, depth + 1);
        }
        if open < self.keys_min || self.is_forbidden(prefix) {
            return open;
        }
        self.prefixes.truncate(folded_before);
        self.prefixes.push(prefix);
        0
    }

    /// Whether a prefix, whatever its slots hold, lets a forbidden key through.
    fn is_forbidden(&self, prefix: &str) -> bool {
        if !prefix.contains(SLOT) {
            return self.forbidden.iter().any(|key| key.starts_with(prefix));
        }
        let slot = || Segment::Wildcard(Wildcard::Any);
        let parts = prefix.split(SLOT).enumerate();
        let segments =
            parts.flat_map(|(place, text)| (place > 0).then(slot).into_iter().chain([Segment::Literal(text.to_owned())]));
        admits(&Text::from_segments(segments), self.forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(keys: &[String], refused: &[&str]) -> Vec<String> {
        let settings = Generalize { object_keys_min: 3, ..crate::config::UncheckedConfig::default().check().unwrap().generalize };
        let arn = |key: &str| Arn::literal(&format!("arn:aws:s3:::b/{key}")).unwrap();
        let names: Vec<Arn> = keys.iter().map(|key| arn(key)).collect();
        let refused = refused.iter().map(|key| arn(key)).collect();
        let patterns = patterns(names.iter(), &refused, &settings);
        patterns.iter().map(|pattern| pattern.arn.to_policy()).collect()
    }

    fn keys(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{prefix}{number}")).collect()
    }

    #[test]
    fn the_deepest_prefix_that_holds_enough_is_folded() {
        assert_eq!(folded(&keys("in/a/", 3), &[]), ["arn:aws:s3:::b/in/a/*"]);
        assert_eq!(folded(&keys("in/a/", 2), &[]), [""; 0]);
        assert_eq!(folded(&keys("", 3), &[]), ["arn:aws:s3:::b/*"]);
        let both = [keys("in/a/", 3), keys("in/b/", 3), keys("in/c/", 2)].concat();
        assert_eq!(folded(&both, &[]), ["arn:aws:s3:::b/in/a/*", "arn:aws:s3:::b/in/b/*"]);
        let spread: Vec<String> = (0..3).map(|number| format!("in/{number}/x")).collect();
        assert_eq!(folded(&spread, &[]), ["arn:aws:s3:::b/in/*"]);
        assert_eq!(folded(&keys("in/*/", 3), &[]), ["arn:aws:s3:::b/in/${*}/*"]);
    }

    #[test]
    fn a_refused_key_is_never_taken_in() {
        assert_eq!(folded(&keys("in/a/", 3), &["in/a/secret"]), [""; 0]);
        assert_eq!(folded(&keys("in/a/", 3), &["in/secret"]), ["arn:aws:s3:::b/in/a/*"]);
    }

    #[test]
    fn generated_directories_that_differ_count_as_one() {
        let days: Vec<String> = (20..23).map(|day| format!("logs/2026/11/{day}/app/{day}x")).collect();
        assert_eq!(folded(&days, &[]), ["arn:aws:s3:::b/logs/*/app/*"]);
        let spread: Vec<String> =
            ["a/1x", "b/2x", "c/3x"].iter().zip(20..).map(|(rest, day)| format!("t/dt=2026-11-{day}/{rest}")).collect();
        assert_eq!(folded(&spread, &[]), ["arn:aws:s3:::b/t/dt=*/*"]);
        assert_eq!(folded(&keys("logs/2026/11/20/", 3), &[]), ["arn:aws:s3:::b/logs/2026/11/20/*"]);
        // A forbidden key between the days: each day on its own, where it holds enough.
        let two = [keys("logs/2026/11/20/", 3), keys("logs/2026/11/21/", 3)].concat();
        assert_eq!(folded(&two, &[]), ["arn:aws:s3:::b/logs/*/*"]);
        let each = ["arn:aws:s3:::b/logs/2026/11/20/*", "arn:aws:s3:::b/logs/2026/11/21/*"];
        assert_eq!(folded(&two, &["logs/private/x"]), each);
        assert_eq!(folded(&days, &["logs/x/app/y"]), ["arn:aws:s3:::b/logs/2026/11/*"]);
    }

    #[test]
    fn a_hostile_depth_ends() {
        let deep: Vec<String> = (0..4).map(|number| format!("{}{number}", "/".repeat(200_000))).collect();
        assert_eq!(folded(&deep, &[]).len(), 1);
    }
}
