//! Generalization of one action's resources: which observed ARNs stay as they are, and which become a named pattern.
//!
//! Invariant: no pattern admits a resource that the action was only ever refused on, a name that is declared sensitive, or a
//! resource of another type; every ARN or pattern that is kept alone covers at least one observed name.

use std::collections::BTreeSet;

use super::{generated_name, object_prefix, resource_type};
use crate::access::aws::{Action, Arn, Segment, Text, Wildcard};
use crate::catalog::Catalog;
use crate::config::{Generalize, Pattern as Glob};
use crate::policy::pattern;

/// A pattern that stands for several names, or for one that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// What is written.
    pub(super) arn: Arn,
    /// The rule that made it, as documented.
    pub(super) rule: &'static str,
    /// What else it lets in.
    pub(super) admits: String,
}

/// The resources of one action.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// As observed.
    pub(super) exact: BTreeSet<Arn>,
    /// Widened, each with the observed names that it covers.
    pub(super) patterns: Vec<(Pattern, Vec<Arn>)>,
    /// Names that IAM cannot carry and that no safe pattern stands for.
    pub(super) left_out: BTreeSet<Arn>,
}

/// The rule for names with characters that IAM does not take.
pub(super) const UNCARRIED: &str = "uncarried-character";

/// What holds for every pattern of one action.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) action: &'a Action,
    pub(super) catalog: &'a Catalog,
    pub(super) settings: &'a Generalize,
    /// Every name that the identity used or was refused and that is declared sensitive.
    pub(super) sensitive: &'a BTreeSet<Arn>,
}

/// The names among these that are declared sensitive. The globs are over the name behind the type; over an object's bucket and key.
pub(super) fn sensitive<'a>(arns: impl Iterator<Item = &'a Arn>, globs: &[Glob]) -> BTreeSet<Arn> {
    let name = |arn: &'a Arn| {
        let resource = arn.resource.as_literal()?;
        let is_s3 = arn.service.as_literal() == Some("s3");
        Some(if is_s3 { resource } else { generated_name::behind_type(resource).1 })
    };
    let declared = |arn: &&'a Arn| name(arn).is_some_and(|name| globs.iter().any(|glob| glob.matches(name)));
    arns.filter(declared).cloned().collect()
}

/// Chooses what to write for the names that one action was used on.
pub(super) fn resources(used: &BTreeSet<Arn>, refused: &BTreeSet<Arn>, bounds: Bounds<'_>) -> Resources {
    let Bounds { settings, sensitive, .. } = bounds;
    let mut forbidden = refused.clone();
    forbidden.extend(sensitive.iter().cloned());
    let off_limits = Names(forbidden.iter().collect());
    let safe = |pattern: &Pattern| off_limits.admitted(&pattern.arn).is_empty();
    let mut patterns: BTreeSet<Pattern> = BTreeSet::new();
    let mut left_out = BTreeSet::new();
    let mut names: Vec<&Arn> = Vec::new();
    let mut kept: Vec<&Arn> = Vec::new();
    let wide = asked_wide(used);
    let named = used.iter().filter(|arn| arn.resource.as_literal().is_some());
    for arn in named.filter(|arn| !wide.iter().any(|wider| within(arn, wider))) {
        if is_carried(arn) {
            if sensitive.contains(arn) {
                kept.push(arn)
            } else {
                names.push(arn)
            };
            continue;
        }
        let crosses = |pattern: &Pattern| resource_type::crosses(bounds.catalog, bounds.action, &pattern.arn, &[arn]);
        match carried(arn).filter(|pattern| !settings.exact && safe(pattern) && !crosses(pattern)) {
            Some(pattern) => {
                patterns.insert(pattern);
                names.push(arn);
            }
            None => {
                left_out.insert(arn.clone());
            }
        }
    }
    let names = Names(names);
    let within_type = |pattern: &Pattern| {
        let made_for: Vec<&Arn> = names.admitted(&pattern.arn).iter().filter_map(|place| names.0.get(*place)).copied().collect();
        !resource_type::crosses(bounds.catalog, bounds.action, &pattern.arn, &made_for)
    };
    for step in [Step::Sure, Step::Perhaps, Step::Prefix].into_iter().filter(|_| !settings.exact) {
        let taken: BTreeSet<usize> = patterns.iter().flat_map(|pattern| names.admitted(&pattern.arn)).collect();
        let open =
            names.0.iter().enumerate().filter(|(place, arn)| !taken.contains(place) && is_carried(arn)).map(|(_, arn)| *arn);
        let made = match step {
            Step::Sure => generated_name::patterns(open, settings, false),
            Step::Perhaps => generated_name::patterns(open, settings, true),
            Step::Prefix => object_prefix::patterns(open, &forbidden, settings),
        };
        patterns.extend(made.into_iter().filter(&safe).filter(&within_type));
    }
    let mut resources = needed(&names, patterns, left_out);
    resources.exact.extend(wide.into_iter().chain(kept).cloned());
    resources
}

/// How names are folded, one way after the other; each takes what the ones before left.
#[derive(Clone, Copy)]
enum Step {
    Sure,
    Perhaps,
    Prefix,
}

/// What was asked for by a wildcard, each not within another: a request for what does not exist yet asks for any name of its type.
/// Beside it a named resource needs nothing of its own.
fn asked_wide(used: &BTreeSet<Arn>) -> Vec<&Arn> {
    let wide: Vec<&Arn> = used.iter().filter(|arn| arn.resource.as_literal().is_none()).collect();
    wide.iter().copied().filter(|arn| !wide.iter().any(|other| other != arn && within(arn, other))).collect()
}

/// What was only ever refused, and is named in full, within what was asked for by a wildcard: the wildcard would let it through.
pub(super) fn taken_in<'a>(exact: &BTreeSet<Arn>, refused: &'a BTreeSet<Arn>) -> Vec<&'a Arn> {
    let wide: Vec<&Arn> = exact.iter().filter(|arn| arn.resource.as_literal().is_none()).collect();
    refused.iter().filter(|arn| is_deniable(arn) && wide.iter().any(|wider| within(arn, wider))).collect()
}

/// Whether a refused resource may be denied: one that was asked for by a wildcard stands for others too, that are needed.
pub(super) fn is_deniable(arn: &Arn) -> bool {
    arn.resource.as_literal().is_some() && is_carried(arn)
}

fn fields(arn: &Arn) -> [&Text; 5] {
    [&arn.partition, &arn.service, &arn.region, &arn.account, &arn.resource]
}

/// Whether one ARN lets through everything that another stands for.
pub(super) fn within(arn: &Arn, wider: &Arn) -> bool {
    fields(wider).into_iter().zip(fields(arn)).all(|(wider, text)| pattern::contains(wider, text))
}

/// Drops what something else covers, so that each part alone lets something through.
fn needed(names: &Names<'_>, patterns: BTreeSet<Pattern>, left_out: BTreeSet<Arn>) -> Resources {
    let mut covered = vec![0_u32; names.0.len()];
    let admitted: Vec<(Pattern, Vec<usize>)> = patterns
        .into_iter()
        .map(|pattern| {
            let places = names.admitted(&pattern.arn);
            (pattern, places)
        })
        .collect();
    let mut add = |places: &[usize], by: i32| {
        let mut alone = false;
        for place in places {
            if let Some(count) = covered.get_mut(*place) {
                alone |= *count == 1;
                *count = count.saturating_add_signed(by);
            }
        }
        alone
    };
    for (_, places) in &admitted {
        add(places, 1);
    }
    let mut kept = Vec::new();
    for (pattern, places) in admitted {
        if add(&places, 0) {
            let mine = places.iter().filter_map(|place| names.0.get(*place)).map(|name| (*name).clone());
            kept.push((pattern, mine.collect()));
        } else {
            add(&places, -1);
        }
    }
    let exact = names.0.iter().zip(&covered).filter(|(_, covered)| **covered == 0).map(|(name, _)| (*name).clone()).collect();
    Resources { exact, patterns: kept, left_out }
}

/// Observed names in order, so that those which begin as a pattern does stand side by side.
struct Names<'a>(Vec<&'a Arn>);

impl Names<'_> {
    /// The places of the names that a pattern lets through.
    fn admitted(&self, pattern: &Arn) -> Vec<usize> {
        let prefix = match pattern.resource.segments().first() {
            Some(Segment::Literal(prefix)) => prefix.as_str(),
            Some(Segment::Wildcard(_) | Segment::Reference(_)) | None => "",
        };
        let first = Arn { resource: Text::literal(prefix), ..pattern.clone() };
        let begins = |arn: &Arn| {
            let fixed = arn.partition == pattern.partition
                && arn.service == pattern.service
                && arn.region == pattern.region
                && arn.account == pattern.account;
            fixed && arn.resource.as_literal().is_some_and(|name| name.starts_with(prefix))
        };
        let start = self.0.partition_point(|arn| **arn < first);
        let run = self.0.iter().enumerate().skip(start).take_while(|(_, arn)| begins(arn));
        let matches = |arn: &Arn| arn.resource.as_literal().is_some_and(|name| pattern::matches(&pattern.resource, name));
        run.filter(|(_, arn)| matches(arn)).map(|(place, _)| place).collect()
    }
}

/// The characters of a policy document: tab, line feed, carriage return, and U+0020 to U+00FF.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
fn is_carried_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

pub(super) fn is_carried_text(text: &str) -> bool {
    text.chars().all(is_carried_character)
}

pub(super) fn is_carried(arn: &Arn) -> bool {
    let carried = |segment: &Segment| match segment {
        Segment::Literal(text) => is_carried_text(text),
        Segment::Reference(_) | Segment::Wildcard(_) => true,
    };
    fields(arn).into_iter().all(|field| field.segments().iter().all(carried))
}

/// A pattern for a name that IAM cannot carry: `*` in the place of each run of such characters, in the resource part only, and
/// only where something of the name stands before it.
fn carried(arn: &Arn) -> Option<Pattern> {
    let name = arn.resource.as_literal()?;
    let (head, tail) = generated_name::behind_type(name);
    let is_s3 = arn.service.as_literal() == Some("s3") && !head.is_empty();
    let segments = name.chars().map(|character| {
        let carried = is_carried_character(character);
        if carried { Segment::Literal(character.to_string()) } else { Segment::Wildcard(Wildcard::Any) }
    });
    let resource = Text::from_segments(segments);
    let named = head.chars().all(is_carried_character) && (is_s3 || tail.chars().next().is_some_and(is_carried_character));
    let arn = Arn { resource, ..arn.clone() };
    let admits = "any text in the place of characters that IAM does not take".to_owned();
    let fixed = Arn { resource: Text::default(), ..arn.clone() };
    (named && is_carried(&fixed)).then_some(Pattern { arn, rule: UNCARRIED, admits })
}
