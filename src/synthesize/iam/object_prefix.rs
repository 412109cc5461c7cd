//! The rule `object-prefix`: many S3 keys below one prefix become `bucket/prefix/*`.
//!
//! A prefix that ends at `/` is folded when enough keys lie below it that no deeper folded prefix takes; the bucket itself is the
//! shortest prefix. Never across buckets, never over a key that the action was only ever refused on.

use std::collections::{BTreeMap, BTreeSet};

use super::generalize::Pattern;
use crate::access::aws::{Arn, Segment, Text, Wildcard};

/// Deeper prefixes than this are not looked for; their keys count for this depth.
const DEPTH_MAX: u32 = 32;

/// Folds the keys of each bucket.
pub(super) fn patterns<'a>(names: impl Iterator<Item = &'a Arn>, refused: &BTreeSet<Arn>, keys_min: u64) -> Vec<Pattern> {
    let keys_min = usize::try_from(keys_min).unwrap_or(usize::MAX);
    let mut buckets: BTreeMap<(&Text, &str), (&Arn, Vec<&str>)> = BTreeMap::new();
    for arn in names {
        if let Some((bucket, key)) = object(arn) {
            buckets.entry((&arn.partition, bucket)).or_insert_with(|| (arn, Vec::new())).1.push(key);
        }
    }
    let mut patterns = Vec::new();
    for ((partition, bucket), (arn, keys)) in buckets {
        let same_bucket = refused.iter().filter(|arn| arn.partition == *partition).filter_map(object);
        let refused: Vec<&str> = same_bucket.filter(|(name, _)| *name == bucket).map(|(_, key)| key).collect();
        let mut fold = Fold { keys_min, refused: &refused, prefixes: Vec::new() };
        fold.below("", &keys, 0);
        for prefix in fold.prefixes {
            let literal = Segment::Literal(format!("{bucket}/{prefix}"));
            let resource = Text::from_segments([literal, Segment::Wildcard(Wildcard::Any)]);
            let admits = if prefix.is_empty() { "every object of the bucket" } else { "every object below that prefix" };
            patterns.push(Pattern { arn: Arn { resource, ..arn.clone() }, rule: "object-prefix", admits: admits.to_owned() });
        }
    }
    patterns
}

/// Bucket and key of an S3 object's ARN; an access point's ARN names a region and is none.
fn object(arn: &Arn) -> Option<(&str, &str)> {
    let is_s3 = arn.service.as_literal()? == "s3" && arn.region.as_literal()?.is_empty() && arn.account.as_literal()?.is_empty();
    arn.resource.as_literal().filter(|_| is_s3)?.split_once('/')
}

struct Fold<'a> {
    keys_min: usize,
    refused: &'a [&'a str],
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
        if open < self.keys_min || self.refused.iter().any(|key| key.starts_with(prefix)) {
            return open;
        }
        self.prefixes.truncate(folded_before);
        self.prefixes.push(prefix);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(keys: &[String], refused: &[&str]) -> Vec<String> {
        let arn = |key: &str| Arn::literal(&format!("arn:aws:s3:::b/{key}")).unwrap();
        let names: Vec<Arn> = keys.iter().map(|key| arn(key)).collect();
        let refused = refused.iter().map(|key| arn(key)).collect();
        let patterns = patterns(names.iter(), &refused, 3);
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
    fn a_hostile_depth_ends() {
        let deep: Vec<String> = (0..4).map(|number| format!("{}{number}", "/".repeat(200_000))).collect();
        assert_eq!(folded(&deep, &[]).len(), 1);
    }
}
