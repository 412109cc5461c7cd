//! Conditions with their values read once: numbers, dates, blocks and ARNs are parsed when the policy is made ready.
//!
//! Invariant: the answers are those of the plain `condition::holds`. Only `BinaryEquals`, letters outside of ASCII compared without
//! case, and variables under those and ARN operators allocate.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;

use super::text::{has_variables, is_resolved, matches, spells};
use crate::access::aws::{Arn, Context, Text};
use crate::policy::iam::arn::{parse, resolve, values_of};
use crate::policy::iam::condition::{Operator, Set, any, is_always};
use crate::policy::iam::model::{self, Version, Written};
use crate::policy::iam::value::{Comparison, Order, block, boolean, bytes, compare, contains, date, number, plain};
use crate::policy::pattern;

/// Every condition of a statement.
#[derive(Debug, Clone)]
pub(super) struct Conditions<'a>(Vec<Condition<'a>>);

#[derive(Debug, Clone)]
struct Condition<'a> {
    key: &'a str,
    /// Whether every request carries the key, so that its absence is ignorance.
    is_always: bool,
    test: Test<'a>,
}

#[derive(Debug, Clone)]
enum Test<'a> {
    /// Whether the key must be absent; `None` where the value is no boolean.
    Null(Option<bool>),
    Compare(Operator, Vec<Wanted<'a>>),
    NotUnderstood,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(conditions: &'a model::Conditions) -> Self {
        let all = conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, wanted)| (operator, key, wanted)));
        let one = |(operator, key, wanted): (&'a String, &'a String, &'a Vec<Written>)| {
            let test = match (operator.as_str(), Operator::parse(operator)) {
                ("Null", _) => Test::Null(match wanted.as_slice() {
                    [one] => boolean(one.text()),
                    _ => None,
                }),
                (_, Some(operator)) => {
                    let ready = wanted.iter().map(|wanted| Wanted::of(operator.comparison, wanted.parsed()));
                    Test::Compare(operator, ready.collect())
                }
                (_, None) => Test::NotUnderstood,
            };
            Condition { key, is_always: is_always(key), test }
        };
        Conditions(all.map(one).collect())
    }

    /// Whether every condition holds; `None` where that is not known.
    pub(super) fn hold(&self, context: &Context) -> Option<bool> {
        let mut answer = Some(true);
        for condition in &self.0 {
            match condition.holds(context) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => answer = None,
            }
        }
        answer
    }
}

impl Condition<'_> {
    fn holds(&self, context: &Context) -> Option<bool> {
        let values = values_of(context, self.key);
        let (operator, wanted) = match &self.test {
            Test::Null(absent) => return absent.map(|absent| (values.is_none() && !self.is_always) == absent),
            Test::NotUnderstood => return None,
            Test::Compare(operator, wanted) => (operator, wanted),
        };
        let Some(values) = values else {
            let absent = operator.if_exists
                || match operator.set {
                    Set::One => operator.negated,
                    Set::All => true,
                    Set::Any => false,
                };
            return (!self.is_always).then_some(absent);
        };
        if operator.set == Set::One && values.len() > 1 {
            return None;
        }
        let mut answers = values.iter().map(|value| {
            let any = any(wanted.iter().map(|wanted| wanted.matches(value, operator, context)));
            any.map(|any| any != operator.negated)
        });
        match operator.set {
            Set::One | Set::All => answers.try_fold(true, |all, answer| Some(all && answer?)),
            Set::Any => answers.try_fold(false, |any, answer| Some(any || answer?)),
        }
    }
}

/// A value that a condition names, ready for its operator; `None` inside where it has not the operator's form.
#[derive(Debug, Clone)]
enum Wanted<'a> {
    Equals(Cow<'a, str>),
    /// In lower case.
    EqualsIgnoreCase(String),
    Like(&'a Text),
    Arn(Option<Box<Arn>>),
    Bool(Option<bool>),
    Numeric(Order, Option<f64>),
    Date(Order, Option<Timestamp>),
    Ip(Option<(IpAddr, u32)>),
    Binary(Option<Vec<u8>>),
    Variable(&'a Text),
}

impl<'a> Wanted<'a> {
    fn of(comparison: Comparison, wanted: &'a Text) -> Self {
        if comparison.has_variables() && has_variables(wanted) {
            return Wanted::Variable(wanted);
        }
        match comparison {
            Comparison::Equals => Wanted::Equals(wanted.as_literal().map_or_else(|| plain(wanted).into(), Cow::Borrowed)),
            Comparison::EqualsIgnoreCase => Wanted::EqualsIgnoreCase(plain(wanted).to_lowercase()),
            Comparison::Like => Wanted::Like(wanted),
            Comparison::Arn => Wanted::Arn(parse(&wanted.to_policy(), Version::V2012).map(Box::new)),
            Comparison::Bool => Wanted::Bool(boolean(&plain(wanted))),
            Comparison::Numeric(order) => Wanted::Numeric(order, number(&plain(wanted))),
            Comparison::Date(order) => Wanted::Date(order, date(&plain(wanted))),
            Comparison::Ip => Wanted::Ip(block(&plain(wanted))),
            Comparison::Binary => Wanted::Binary(bytes(&plain(wanted))),
        }
    }

    fn matches(&self, value: &str, operator: &Operator, context: &Context) -> Option<bool> {
        match self {
            Wanted::Equals(wanted) => Some(*wanted == value),
            Wanted::EqualsIgnoreCase(wanted) if value.is_ascii() => Some(value.eq_ignore_ascii_case(wanted)),
            Wanted::EqualsIgnoreCase(wanted) => Some(value.to_lowercase() == *wanted),
            Wanted::Like(wanted) => Some(pattern::matches(wanted, value)),
            Wanted::Arn(wanted) => is_like(wanted.as_deref()?, value),
            Wanted::Bool(wanted) => Some(boolean(value)? == (*wanted)?),
            Wanted::Numeric(order, wanted) => Some(order.holds(number(value)?.partial_cmp(wanted.as_ref()?)?)),
            Wanted::Date(order, wanted) => Some(order.holds(date(value)?.cmp(wanted.as_ref()?))),
            Wanted::Binary(wanted) => Some(bytes(value)? == *wanted.as_ref()?),
            Wanted::Ip(wanted) => {
                let (network, bits) = (*wanted)?;
                Some(value.parse::<IpAddr>().is_ok_and(|address| contains(network, bits, address)))
            }
            Wanted::Variable(wanted) if !is_resolved(wanted, context) => (!operator.negated).then_some(false),
            Wanted::Variable(wanted) => match operator.comparison {
                Comparison::Equals => Some(spells(wanted, value, context)),
                Comparison::Like => Some(matches(wanted, value, context)),
                Comparison::EqualsIgnoreCase
                | Comparison::Arn
                | Comparison::Bool
                | Comparison::Numeric(_)
                | Comparison::Date(_)
                | Comparison::Ip
                | Comparison::Binary => compare(operator.comparison, value, &*resolve(wanted, context)?),
            },
        }
    }
}

/// As `arn::like` on an ARN that was parsed before.
fn is_like(wanted: &Arn, asked: &str) -> Option<bool> {
    let mut fields = asked.strip_prefix("arn:").unwrap_or_default().splitn(5, ':');
    let asked = [fields.next(), fields.next(), fields.next(), fields.next(), fields.next()];
    let wanted = [&wanted.partition, &wanted.service, &wanted.region, &wanted.account, &wanted.resource];
    let mut pairs = wanted.into_iter().zip(asked);
    Some(pairs.all(|(wanted, asked)| asked.is_some_and(|asked| pattern::matches(wanted, asked))))
}
