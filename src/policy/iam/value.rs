//! How one value of the context compares with one value of a condition, for every base operator: the table of operators.
//!
//! Invariant: an operator or value that is not in the table is not understood; it is never taken as true or false.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::access::aws::{Segment, Text, Wildcard};
use crate::policy::pattern;

/// How values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Numeric(Order),
    Date(Order),
    Ip,
    /// Base64 texts of the same bytes.
    Binary,
}

impl Comparison {
    /// Whether variables are filled in: with text and ARN operators only.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-intro>
    pub(super) fn has_variables(self) -> bool {
        matches!(self, Comparison::Equals | Comparison::EqualsIgnoreCase | Comparison::Like | Comparison::Arn)
    }
}

/// What order is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Same,
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

/// Name, comparison, whether it is negated.
pub(super) const OPERATORS: &[(&str, Comparison, bool)] = &[
    ("StringEquals", Comparison::Equals, false),
    ("StringNotEquals", Comparison::Equals, true),
    ("StringEqualsIgnoreCase", Comparison::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::EqualsIgnoreCase, true),
    ("StringLike", Comparison::Like, false),
    ("StringNotLike", Comparison::Like, true),
    // Equals and Like are the same for ARNs.
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
    ("Bool", Comparison::Bool, false),
    ("BinaryEquals", Comparison::Binary, false),
    ("NumericEquals", Comparison::Numeric(Order::Same), false),
    ("NumericNotEquals", Comparison::Numeric(Order::Same), true),
    ("NumericLessThan", Comparison::Numeric(Order::Less), false),
    ("NumericLessThanEquals", Comparison::Numeric(Order::LessOrSame), false),
    ("NumericGreaterThan", Comparison::Numeric(Order::More), false),
    ("NumericGreaterThanEquals", Comparison::Numeric(Order::MoreOrSame), false),
    ("DateEquals", Comparison::Date(Order::Same), false),
    ("DateNotEquals", Comparison::Date(Order::Same), true),
    ("DateLessThan", Comparison::Date(Order::Less), false),
    ("DateLessThanEquals", Comparison::Date(Order::LessOrSame), false),
    ("DateGreaterThan", Comparison::Date(Order::More), false),
    ("DateGreaterThanEquals", Comparison::Date(Order::MoreOrSame), false),
    ("IpAddress", Comparison::Ip, false),
    ("NotIpAddress", Comparison::Ip, true),
];

/// Whether `value` of the context satisfies `wanted` (variables filled in), negation aside; `None` where a value has not the
/// operator's form.
pub(super) fn compare(comparison: Comparison, value: &str, wanted: &Text) -> Option<bool> {
    match comparison {
        Comparison::Equals => Some(plain(wanted) == value),
        Comparison::EqualsIgnoreCase => Some(plain(wanted).to_lowercase() == value.to_lowercase()),
        Comparison::Like => Some(pattern::matches(wanted, value)),
        Comparison::Arn => super::arn::like(wanted, value),
        Comparison::Bool => Some(boolean(value)? == boolean(&plain(wanted))?),
        Comparison::Numeric(order) => Some(order.holds(number(value)?.partial_cmp(&number(&plain(wanted))?)?)),
        Comparison::Date(order) => Some(order.holds(date(value)?.cmp(&date(&plain(wanted))?))),
        Comparison::Binary => Some(bytes(value)? == bytes(&plain(wanted))?),
        Comparison::Ip => {
            let (network, bits) = block(&plain(wanted))?;
            // A call through an AWS service carries that service's name in the place of an address.
            let Ok(address) = value.parse::<IpAddr>() else { return Some(false) };
            Some(contains(network, bits, address))
        }
    }
}

impl Order {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Same => ordering.is_eq(),
            Order::Less => ordering.is_lt(),
            Order::LessOrSame => ordering.is_le(),
            Order::More => ordering.is_gt(),
            Order::MoreOrSame => ordering.is_ge(),
        }
    }
}

/// The text for operators in which `*` and `?` stand for themselves.
pub(super) fn plain(text: &Text) -> String {
    let spell = |segment: &Segment| match segment {
        Segment::Literal(text) => text.clone(),
        Segment::Reference(name) => format!("${{{name}}}"),
        Segment::Wildcard(Wildcard::Any) => "*".to_owned(),
        Segment::Wildcard(Wildcard::One) => "?".to_owned(),
    };
    text.segments().iter().map(spell).collect()
}

/// `true` or `false` in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |word| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok()
}

/// Decimal numbers only: no `inf`, no `nan`, no exponent.
pub(super) fn number(text: &str) -> Option<f64> {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte)).then(|| text.parse().ok())?
}

/// ISO 8601 with a zone, a bare date, or seconds since 1970.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().ok().or_else(|| day(text).map(|zoned| zoned.timestamp()))
}

pub(super) fn block(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
    (bits <= most).then_some((address, bits))
}

pub(super) fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(32 - bits).is_none_or(|different| different == 0)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(128 - bits).is_none_or(|different| different == 0)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, value: &str, wanted: &str) -> Option<bool> {
        let (_, comparison, _) = OPERATORS.iter().find(|(name, _, _)| *name == operator)?;
        compare(*comparison, value, &Text::from_policy(wanted))
    }

    #[test]
    fn values_compare_as_documented() {
        for (operator, value, wanted, expected) in [
            ("StringEquals", "a*", "a*", Some(true)),
            ("StringEquals", "ab", "a*", Some(false)),
            ("StringEquals", "A", "a", Some(false)),
            ("StringEqualsIgnoreCase", "A", "a", Some(true)),
            ("StringLike", "ab", "a*", Some(true)),
            ("StringLike", "ab", "a${*}", Some(false)),
            ("ArnLike", "arn:aws:sns:r:1:t", "arn:aws:sns:*:1:*", Some(true)),
            ("ArnEquals", "arn:aws:sns:r:1:t", "arn:aws:*:t", None),
            ("ArnLike", "arn:aws:sns:r:1:t", "sns*", None),
            ("ArnLike", "no-arn", "arn:aws:sns:*:1:*", Some(false)),
            ("Bool", "TRUE", "true", Some(true)),
            ("Bool", "yes", "true", None),
            ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", Some(true)),
            ("BinaryEquals", "QmluYXJ5", "QmluYXI=", Some(false)),
            ("BinaryEquals", "QmluYXJ5", "no base64", None),
            ("NumericLessThan", "9", "10", Some(true)),
            ("NumericEquals", "1.0", "1", Some(true)),
            ("NumericEquals", "nan", "1", None),
            ("DateGreaterThan", "2026-11-21T00:00:01Z", "2026-11-21", Some(true)),
            ("DateEquals", "0", "1970-01-01T00:00:00Z", Some(true)),
            ("DateEquals", "soon", "1970-01-01T00:00:00Z", None),
            ("IpAddress", "10.1.2.3", "10.0.0.0/8", Some(true)),
            ("IpAddress", "11.1.2.3", "10.0.0.0/8", Some(false)),
            ("IpAddress", "1.2.3.4", "0.0.0.0/0", Some(true)),
            ("IpAddress", "2001:db8::1", "2001:db8::/32", Some(true)),
            ("IpAddress", "lambda.amazonaws.com", "10.0.0.0/8", Some(false)),
            ("IpAddress", "10.0.0.1", "10.0.0.0/40", None),
        ] {
            assert_eq!(holds(operator, value, wanted), expected, "{operator} {value} {wanted}");
        }
    }
}
