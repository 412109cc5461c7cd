//! Conditions: when a statement applies, over the context that the record shows.
//!
//! Invariant: three answers; what is not understood is neither true nor false, and is named.

use super::arn::{resolve, values_of};
use super::model::{Conditions, Written};
use super::value::{Comparison, OPERATORS, boolean, compare};
use crate::access::aws::Context;

/// How several values of one key are taken.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    One,
    All,
    Any,
}

/// A condition operator, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operator {
    pub(super) set: Set,
    pub(super) if_exists: bool,
    pub(super) comparison: Comparison,
    pub(super) negated: bool,
}

impl Operator {
    /// `None` for one that is not known; `Null` is none of these.
    pub(super) fn parse(text: &str) -> Option<Operator> {
        let (set, rest) = match (text.strip_prefix("ForAllValues:"), text.strip_prefix("ForAnyValue:")) {
            (Some(rest), _) => (Set::All, rest),
            (None, Some(rest)) => (Set::Any, rest),
            (None, None) => (Set::One, text),
        };
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        let (_, comparison, negated) = OPERATORS.iter().find(|(known, _, _)| *known == name)?;
        Some(Operator { set, if_exists, comparison: *comparison, negated: *negated })
    }
}

/// Keys that every signed request carries, whether or not the record shows them: their absence here is ignorance.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const ALWAYS: &[&str] = &[
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:userid",
];

pub(super) fn is_always(key: &str) -> bool {
    ALWAYS.iter().any(|always| always.eq_ignore_ascii_case(key))
}

/// Whether every condition holds; `None` where that is not known, with the reason added to `not_understood`. A key that the
/// record does not show is taken as absent, and then the operator decides, as AWS documents it; one that every request carries
/// is not known instead.
pub(super) fn holds(conditions: &Conditions, context: &Context, not_understood: &mut Vec<String>) -> Option<bool> {
    let mut answer = Some(true);
    for (operator, keys) in conditions {
        for (key, wanted) in keys {
            match one(operator, key, wanted, context) {
                Ok(true) => {}
                Ok(false) => return Some(false),
                Err(why) => {
                    not_understood.push(why);
                    answer = None;
                }
            }
        }
    }
    answer
}

fn one(operator: &str, key: &str, wanted: &[Written], context: &Context) -> Result<bool, String> {
    let values = values_of(context, key);
    if operator == "Null" {
        let mut absent = wanted.iter().map(|wanted| boolean(wanted.text()));
        return match (absent.next(), absent.next()) {
            (Some(Some(absent)), None) => Ok((values.is_none() && !is_always(key)) == absent),
            _ => Err(format!("condition operator `Null` with other than one `true` or `false` on `{key}`")),
        };
    }
    let Some(Operator { set, if_exists, comparison, negated }) = Operator::parse(operator) else {
        return Err(format!("condition operator `{operator}`"));
    };
    let Some(values) = values else {
        if is_always(key) {
            return Err(format!("condition key `{key}`, which the record does not show"));
        }
        return Ok(if_exists
            || match set {
                Set::One => negated,
                Set::All => true,
                Set::Any => false,
            });
    };
    if set == Set::One && values.len() > 1 {
        return Err(format!("condition operator `{operator}` on several values of `{key}`"));
    }
    let mut answers = values.iter().map(|value| {
        let any = any_matches(comparison, value, wanted, negated, context);
        any.map(|any| any != negated).ok_or_else(|| format!("value of `{key}` for condition operator `{operator}`"))
    });
    match set {
        Set::One | Set::All => answers.try_fold(true, |all, answer| Ok(all && answer?)),
        Set::Any => answers.try_fold(false, |any, answer| Ok(any || answer?)),
    }
}

/// Whether one of the wanted values matches. A variable without a value matches nothing; under a negation that would let the
/// statement through, so there it is not understood.
fn any_matches(comparison: Comparison, value: &str, wanted: &[Written], negated: bool, context: &Context) -> Option<bool> {
    any(wanted.iter().map(|wanted| {
        if !comparison.has_variables() {
            return compare(comparison, value, wanted.parsed());
        }
        match resolve(wanted.parsed(), context) {
            Some(wanted) => compare(comparison, value, &wanted),
            None => (!negated).then_some(false),
        }
    }))
}

/// True if one is, else unknown if one is.
pub(super) fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(false);
    for one in answers {
        match one {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::iam::model::Version;

    fn judged(operator: &str, key: &str, wanted: &[&str]) -> Option<bool> {
        let context = Context::from([
            ("aws:username".to_owned(), vec!["bob".to_owned()]),
            ("aws:TagKeys".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ]);
        let wanted = wanted.iter().map(|text| Written::new(text, Version::V2012)).collect();
        let conditions = Conditions::from([(operator.to_owned(), [(key.to_owned(), wanted)].into())]);
        holds(&conditions, &context, &mut Vec::new())
    }

    #[test]
    fn operators_answer_as_documented() {
        for (operator, key, wanted, expected) in [
            ("StringEquals", "AWS:UserName", &["x", "bob"][..], Some(true)),
            ("StringNotEquals", "aws:username", &["x", "bob"], Some(false)),
            ("StringEquals", "aws:username", &["${aws:username}"], Some(true)),
            ("StringEquals", "aws:username", &["${aws:nothing}"], Some(false)),
            ("StringNotEquals", "aws:username", &["${aws:nothing}"], None),
            ("StringEquals", "absent", &["x"], Some(false)),
            ("StringNotEquals", "absent", &["x"], Some(true)),
            ("StringEqualsIfExists", "absent", &["x"], Some(true)),
            ("StringEqualsIfExists", "aws:username", &["x"], Some(false)),
            ("Null", "absent", &["true"], Some(true)),
            ("Null", "aws:username", &["true"], Some(false)),
            ("Null", "aws:username", &["maybe"], None),
            ("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b"], Some(true)),
            ("ForAllValues:StringEquals", "aws:TagKeys", &["a"], Some(false)),
            ("ForAllValues:StringEquals", "absent", &["a"], Some(true)),
            ("ForAnyValue:StringEquals", "aws:TagKeys", &["b"], Some(true)),
            ("ForAnyValue:StringEquals", "absent", &["b"], Some(false)),
            ("ForAllValues:StringNotEquals", "aws:TagKeys", &["b"], Some(false)),
            ("StringEquals", "aws:TagKeys", &["a"], None),
            ("BinaryEquals", "aws:username", &["bob"], None),
            ("NumericEquals", "aws:username", &["${aws:username}"], None),
            ("StringNotEquals", "aws:RequestedRegion", &["eu-west-1"], None),
            ("StringEqualsIfExists", "AWS:SourceIp", &["x"], None),
            ("Null", "aws:RequestedRegion", &["true"], Some(false)),
            ("Surprise", "aws:username", &["bob"], None),
        ] {
            assert_eq!(judged(operator, key, wanted), expected, "{operator} {key} {wanted:?}");
        }
    }
}
