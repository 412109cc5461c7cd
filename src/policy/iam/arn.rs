//! Resources: ARN patterns of a policy against the resource that was asked for, field by field.
//!
//! Invariant: a wildcard never crosses the first five colons; a pattern that is no ARN is not understood.

use super::model::{ParsedResource, ResourcePattern, Version, parse as parse_text};
use crate::access::aws::{Arn, Context, Resource, Segment, Text, Wildcard};
use crate::policy::pattern;

/// An ARN pattern. Fewer than six fields are understood only where the last one ends in `*`, which then stands for the rest too
/// (`arn:aws:codepipeline:*`, as AWS's own policies write it).
pub(super) fn parse(text: &str, version: Version) -> Option<Arn> {
    let mut fields: Vec<Text> = split(text, version).into_iter().map(|field| parse_text(field, version)).collect();
    if fields.len() < 6 {
        if !matches!(fields.last()?.segments().last(), Some(Segment::Wildcard(Wildcard::Any))) {
            return None;
        }
        fields.resize(6, Text::any());
    }
    let mut fields = fields.into_iter();
    if fields.next()?.as_literal() != Some("arn") {
        return None;
    }
    Some(Arn {
        partition: fields.next()?,
        service: fields.next()?,
        region: fields.next()?,
        account: fields.next()?,
        resource: fields.next()?,
    })
}

/// Splits at the first five colons; one inside `${...}` belongs to a variable's name.
fn split(text: &str, version: Version) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0_usize;
    let mut at = 0_usize;
    while fields.len() < 5 {
        let Some(rest) = text.get(at..) else { break };
        let Some(step) = rest.find([':', '$']) else { break };
        at += step;
        let variable = text.get(at..).and_then(|rest| rest.strip_prefix("${")).and_then(|inner| inner.find('}'));
        match (text.get(at..).is_some_and(|rest| rest.starts_with(':')), variable) {
            (true, _) => {
                fields.push(text.get(start..at).unwrap_or_default());
                at += 1;
                start = at;
            }
            (false, Some(length)) if version == Version::V2012 => at += length + 3,
            (false, _) => at += 1,
        }
    }
    fields.push(text.get(start..).unwrap_or_default());
    fields
}

impl ResourcePattern {
    /// Whether it matches; `None` where the pattern, or what was asked for, is not understood. A request without a resource level,
    /// or whose resource is not known, is asked on `*`, which only `*` is sure to match.
    #[must_use]
    pub fn matches(&self, resource: &Resource, context: &Context) -> Option<bool> {
        match (&self.parsed, resource) {
            (ParsedResource::All, _) => Some(true),
            (ParsedResource::NotUnderstood, _) => None,
            (ParsedResource::Arn(_), Resource::NoResourceLevel | Resource::NotBuilt) => Some(false),
            (ParsedResource::Arn(pattern), Resource::Arn(arn)) => Some(arn_matches(pattern, arn, context)),
        }
    }

    /// Whether a variable in it has no value in this context: then it matches nothing, and what it leaves out is not known.
    pub(super) fn is_unresolved(&self, context: &Context) -> bool {
        match &self.parsed {
            ParsedResource::All | ParsedResource::NotUnderstood => false,
            ParsedResource::Arn(arn) => fields(arn).iter().any(|field| resolve(field, context).is_none()),
        }
    }
}

/// Field by field. A request for what does not exist yet asks for a pattern itself (`instance/*`).
fn arn_matches(wanted: &Arn, asked: &Arn, context: &Context) -> bool {
    let mut pairs = fields(wanted).into_iter().zip(fields(asked));
    pairs.all(|(pattern, asked)| match (pattern.as_literal(), asked.as_literal()) {
        (Some(wanted), Some(asked)) => wanted == asked,
        _ => resolve(pattern, context).is_some_and(|pattern| pattern::contains(&pattern, asked)),
    })
}

/// Whether a pattern's text, as far as it is plain, begins as the resource does: a quick no before anything is parsed.
pub(super) fn may_match(text: &str, resource: &Resource) -> bool {
    let Resource::Arn(arn) = resource else { return true };
    let plain = text.find(['*', '?', '$']).map_or(text, |end| text.get(..end).unwrap_or_default());
    let Some(mut rest) = plain.strip_prefix("arn:") else { return true };
    for field in [&arn.partition, &arn.service, &arn.region, &arn.account] {
        let Some(literal) = field.as_literal() else { return true };
        match rest.strip_prefix(literal) {
            Some(after) => rest = after.strip_prefix(':').unwrap_or(after),
            None => return literal.starts_with(rest) && plain.len() < text.len(),
        }
    }
    let Some(name) = arn.resource.as_literal() else { return true };
    name.starts_with(rest)
}

/// Whether an ARN in a condition's value matches one in the context, as ArnLike compares them; `None` where the pattern is none.
pub(super) fn like(wanted: &Text, asked: &str) -> Option<bool> {
    // The value is resolved already: spell it again, so that its wildcards and literals keep apart when it is split.
    let wanted = parse(&wanted.to_policy(), Version::V2012)?;
    let Some(asked) = Arn::literal(asked) else { return Some(false) };
    Some(arn_matches(&wanted, &asked, &Context::new()))
}

/// The field that tells most comes first.
fn fields(arn: &Arn) -> [&Text; 5] {
    [&arn.resource, &arn.account, &arn.region, &arn.service, &arn.partition]
}

/// The one value of a context key, whose name is not case-sensitive; `None` where there is none or several.
pub(super) fn value_of(context: &Context, key: &str) -> Option<String> {
    match values_of(context, key)?.as_slice() {
        [value] => Some(value.clone()),
        _ => None,
    }
}

/// The values of a context key; `None` where it is absent or empty.
pub(super) fn values_of<'a>(context: &'a Context, key: &str) -> Option<&'a Vec<String>> {
    let exact = context.get(key);
    let found = exact.or_else(|| context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values));
    found.filter(|values| !values.is_empty())
}

/// Fills in variables; `${key, 'default'}` has a value where the key has none.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
pub(super) fn resolve<'a>(text: &'a Text, context: &Context) -> Option<std::borrow::Cow<'a, Text>> {
    pattern::resolve(text, |variable| {
        let (key, default) = match variable.split_once(',') {
            Some((key, default)) => (key.trim(), default.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))),
            None => (variable, None),
        };
        value_of(context, key).or_else(|| default.map(str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pattern: &str, arn: &str) -> Option<bool> {
        let context = Context::from([("aws:username".to_owned(), vec!["bob".to_owned()])]);
        ResourcePattern::new(pattern, Version::V2012).matches(&Resource::Arn(Arn::literal(arn).unwrap()), &context)
    }

    #[test]
    fn fields_are_matched_one_by_one() {
        for (pattern, arn) in [
            ("*", "arn:aws:s3:::b"),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a:c/d"),
            ("arn:*:sqs:*:*:q", "arn:aws-cn:sqs:r:1:q"),
            ("arn:aws:codepipeline:*", "arn:aws:codepipeline:r:1:p/x"),
            ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*"),
            ("arn:aws:s3:::b/${aws:UserName}/${aws:nothing, 'x'}", "arn:aws:s3:::b/bob/x"),
            ("arn:aws:iam::1:role/${aws:nothing, 'a:b'}", "arn:aws:iam::1:role/a:b"),
        ] {
            assert_eq!(asked(pattern, arn), Some(true), "{pattern} {arn}");
        }
        for (pattern, arn) in [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b"),
            ("arn:aws:s*:r:1:q", "arn:aws:sqs:x:r:1:q"),
            ("arn:aws:*:q", "arn:aws:sqs:r:1:q"),
            ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x"),
            ("arn:aws:s3:::B/x", "arn:aws:s3:::b/x"),
            ("arn:aws:s3:::b/${aws:nothing}", "arn:aws:s3:::b/${aws:nothing}"),
        ] {
            assert_ne!(asked(pattern, arn), Some(true), "{pattern} {arn}");
        }
        for pattern in ["", "arn", "arn:aws:s3", "b/*", "arn*", "x:aws:s3:::b", "${*}"] {
            assert_eq!(asked(pattern, "arn:aws:s3:::b"), None, "{pattern}");
        }
        assert_eq!(
            ResourcePattern::new("arn:*:*:*:*:*", Version::V2012).matches(&Resource::NotBuilt, &Context::new()),
            Some(false)
        );
    }

    #[test]
    fn the_quick_no_is_never_wrong() {
        let parts = ["aws", "aw*", "*", "", "a", "sqs", "s", "q/x", "q", "q*", "${*}"];
        let arns = ["arn:aws:sqs:a:q:q/x", "arn:aws:s:::q", "arn:aws:sqs::a:*", "arn:a:s:s:s:q:x"];
        for one in 0..parts.len().pow(4) {
            let part = |place: u32| parts[one / parts.len().pow(place) % parts.len()];
            let pattern = format!("arn:{}:{}:{}:a:{}", part(0), part(1), part(2), part(3));
            for arn in arns {
                let resource = Resource::Arn(Arn::literal(arn).unwrap());
                assert!(may_match(&pattern, &resource) || asked(&pattern, arn) != Some(true), "{pattern} {arn}");
            }
        }
    }

    #[test]
    fn the_old_version_has_no_variables() {
        let old = ResourcePattern::new("arn:aws:s3:::b/${aws:username}", Version::V2008);
        let literal = Resource::Arn(Arn::literal("arn:aws:s3:::b/${aws:username}").unwrap());
        assert_eq!(old.matches(&literal, &Context::new()), Some(true));
    }
}
