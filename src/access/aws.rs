//! AWS requests: an action on a resource with a context, as IAM is asked.
//!
//! Invariant: text observed in a log is always `Segment::Literal`; only a policy or a named generalization makes a wildcard.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One element of a text in a policy: what stands for itself, what is filled in later, what matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Segment {
    /// Exactly these characters, even `*`, `?` and `$`.
    Literal(String),
    /// A policy variable by name without `${` and `}` (`aws:username`), resolved when a request is judged.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
    Reference(String),
    /// Matches other text.
    Wildcard(Wildcard),
}

/// What a wildcard matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Wildcard {
    /// `*`: any number of characters, none included.
    Any,
    /// `?`: exactly one character.
    One,
}

/// A text made of segments; adjacent literals are always joined, so equal texts compare equal. Empty means empty text. Copies share
/// the segments: an ARN is handed from stage to stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Text(Arc<[Segment]>);

/// What does not stand for itself in a policy.
const SPECIAL: [char; 3] = ['*', '?', '$'];

fn is_special(byte: u8) -> bool {
    SPECIAL.contains(&char::from(byte))
}

impl Text {
    /// Observed text: every character stands for itself.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        if text.is_empty() { Text::default() } else { Text(Arc::new([Segment::Literal(text.to_owned())])) }
    }

    /// `*`.
    #[must_use]
    pub fn any() -> Self {
        Text(Arc::new([Segment::Wildcard(Wildcard::Any)]))
    }

    /// Joins segments; adjacent literals merge, `**` becomes `*`.
    pub fn from_segments(segments: impl IntoIterator<Item = Segment>) -> Self {
        let mut joined: Vec<Segment> = Vec::new();
        for segment in segments {
            match (joined.last_mut(), segment) {
                (Some(Segment::Literal(last)), Segment::Literal(next)) => last.push_str(&next),
                (Some(Segment::Wildcard(Wildcard::Any)), Segment::Wildcard(Wildcard::Any)) => {}
                (_, Segment::Literal(next)) if next.is_empty() => {}
                (_, segment) => joined.push(segment),
            }
        }
        Text(joined.into())
    }

    /// Text as written in a policy: `*` and `?` are wildcards, `${*}` `${?}` `${$}` are literals, `${name}` is a variable.
    #[must_use]
    pub fn from_policy(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            let (before, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
            segments.push(Segment::Literal(before.to_owned()));
            if let Some((name, after)) = special.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
                segments.push(match name {
                    "*" | "?" | "$" => Segment::Literal(name.to_owned()),
                    variable => Segment::Reference(variable.to_owned()),
                });
                rest = after;
                continue;
            }
            let (special, after) = special.split_at_checked(1).unwrap_or((special, ""));
            segments.push(match special {
                "*" => Segment::Wildcard(Wildcard::Any),
                "?" => Segment::Wildcard(Wildcard::One),
                other => Segment::Literal(other.to_owned()),
            });
            rest = after;
        }
        if segments.is_empty() {
            return Text::literal(rest);
        }
        segments.push(Segment::Literal(rest.to_owned()));
        Text::from_segments(segments)
    }

    /// Text as a policy writes it: the inverse of [`Text::from_policy`]. A literal `*`, `?` or `$` becomes `${*}`, `${?}`, `${$}`.
    #[must_use]
    pub fn to_policy(&self) -> String {
        let mut out = String::new();
        self.write_policy(&mut out);
        out
    }

    fn write_policy(&self, out: &mut String) {
        for segment in self.segments() {
            match segment {
                Segment::Literal(text) if !text.bytes().any(is_special) => out.push_str(text),
                Segment::Literal(text) => {
                    for part in text.split_inclusive(SPECIAL) {
                        let plain = part.trim_end_matches(SPECIAL);
                        out.push_str(plain);
                        if let Some(special) = part.get(plain.len()..).filter(|special| !special.is_empty()) {
                            out.extend(["${", special, "}"]);
                        }
                    }
                }
                Segment::Reference(name) => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
                Segment::Wildcard(Wildcard::Any) => out.push('*'),
                Segment::Wildcard(Wildcard::One) => out.push('?'),
            }
        }
    }

    /// The characters, if nothing but a literal is here; empty text is `Some("")`.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.segments() {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }
}

/// An Amazon Resource Name by its fields. `resource` is everything after the fifth colon.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: Text,
    /// The service namespace, such as `s3`.
    pub service: Text,
    /// The region; empty for global resources.
    pub region: Text,
    /// The twelve-digit account; empty where the service has none (S3 buckets).
    pub account: Text,
    /// Type and name, with the service's own delimiters.
    pub resource: Text,
}

impl Arn {
    fn split(text: &str, field: fn(&str) -> Text) -> Option<Arn> {
        let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
        let arn = Arn {
            partition: field(fields.next()?),
            service: field(fields.next()?),
            region: field(fields.next()?),
            account: field(fields.next()?),
            resource: field(fields.next()?),
        };
        Some(arn)
    }

    /// An observed ARN: every character stands for itself. `None` where `text` is no ARN of six fields.
    #[must_use]
    pub fn literal(text: &str) -> Option<Arn> {
        Arn::split(text, Text::literal)
    }

    /// An ARN as a policy writes it. `None` where `text` is no ARN of six fields (a variable holding `:` included).
    #[must_use]
    pub fn from_policy(text: &str) -> Option<Arn> {
        if !text.contains("${") {
            return Arn::split(text, Text::from_policy);
        }
        let mut depth = 0_usize;
        let mut colons = 0_usize;
        // A colon inside `${...}` belongs to the variable's name, not to the ARN.
        let mut guarded = String::with_capacity(text.len());
        let mut previous = ' ';
        for character in text.chars() {
            match character {
                '{' if previous == '$' => depth = 1,
                '}' => depth = 0,
                ':' if depth == 0 => colons += 1,
                _ => {}
            }
            guarded.push(if character == ':' && depth == 1 && colons < 5 { '\u{1}' } else { character });
            previous = character;
        }
        Arn::split(&guarded, |field| Text::from_policy(&field.replace('\u{1}', ":")))
    }

    /// The ARN as a policy writes it.
    #[must_use]
    pub fn to_policy(&self) -> String {
        let mut out = String::with_capacity(128);
        out.push_str("arn");
        for field in [&self.partition, &self.service, &self.region, &self.account, &self.resource] {
            out.push(':');
            field.write_policy(&mut out);
        }
        out
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_policy())
    }
}

/// An IAM action, `service:Name`, as the service's authorization reference spells it; never a CloudTrail eventName.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Action {
    /// The IAM prefix, lower-case.
    pub service: String,
    /// The name, in the reference's case.
    pub name: String,
}

impl Action {
    /// `service:Name`, split at the first colon. `None` where either side is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Action> {
        let (service, name) = text.split_once(':')?;
        (!service.is_empty() && !name.is_empty()).then(|| Action { service: service.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// On what an action was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A named resource.
    Arn(Arn),
    /// The action has no resource level: IAM is asked about `*`.
    NoResourceLevel,
    /// The action has a resource level, but the record does not say which resource: only `*` is sure to cover it.
    NotBuilt,
}

/// What the context of a request said: condition key (`aws:PrincipalTag/team`) to its values. Empty means nothing known.
pub type Context = BTreeMap<String, Vec<String>>;

/// An AWS request without what makes every event unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AwsRequestKey {
    /// The action that IAM checked.
    pub action: Action,
    /// The resource that IAM checked it on.
    pub resource: Resource,
    /// The AWS service that asked with the caller's own credentials (a forward access session), as the record names it;
    /// `None` where the caller asked itself.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// An AWS request as IAM is asked: the key and the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsRequest {
    /// Action and resource.
    pub key: AwsRequestKey,
    /// Condition keys that the record shows; a key that is absent here is unknown, not empty.
    pub context: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_text_is_read_back() {
        for text in ["", "*", "a*b?c", "${*}x${?}${$}", "${aws:username}/x", "$", "${", "a${aws:userid}*"] {
            assert_eq!(Text::from_policy(&Text::from_policy(text).to_policy()), Text::from_policy(text), "{text}");
        }
        assert_eq!(Text::literal("a*b$").to_policy(), "a${*}b${$}");
        assert_eq!(Text::from_policy(&Text::literal("${aws:x}*").to_policy()), Text::literal("${aws:x}*"));
    }

    #[test]
    fn arns_are_read_back() {
        for text in
            ["arn:aws:s3:::b/k", "arn:aws:iam::111122223333:role/a/b", "arn:aws:sns:*:1:t:u", "arn:aws:s3:::${aws:username}/x:y"]
        {
            assert_eq!(Arn::from_policy(text).map(|arn| arn.to_policy()), Some(text.to_owned()));
        }
        assert_eq!(Arn::literal("arn:aws:s3:::b/*").map(|arn| arn.to_policy()), Some("arn:aws:s3:::b/${*}".to_owned()));
        assert_eq!(Arn::literal("not-an-arn"), None);
    }
}
