//! What a report shows of people and objects: emails, public addresses and object keys are left out unless asked for. Private addresses name
//! machines of the network at hand, which is what a finding about them is for, and nobody outside of it.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::Value;

use crate::access::flow::is_private;

/// How much a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Detail {
    /// Emails, public addresses and object keys are cut.
    #[default]
    Redacted,
    /// Everything as recorded.
    Full,
}

/// What stands in the place of what was cut.
const CUT: &str = "[redacted]";

/// What parts a name that may hold an email, such as a path, an ARN or a list.
const SEPARATORS: [char; 3] = ['/', ':', ','];

impl Detail {
    /// The text, with object keys of S3 ARNs, emails and public addresses cut unless everything is asked for.
    #[must_use]
    pub fn show(self, text: &str) -> String {
        self.shown(text).into_owned()
    }

    /// The same, without a copy where nothing was cut.
    #[must_use]
    pub fn shown(self, text: &str) -> Cow<'_, str> {
        let cut = if self == Detail::Redacted { redact(text) } else { None };
        cut.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A JSON document with every text shown as [`Detail::show`] has it.
    #[must_use]
    pub fn show_json(self, value: Value) -> Value {
        match value {
            Value::String(text) if self == Detail::Redacted => Value::String(redact(&text).unwrap_or(text)),
            Value::Array(values) => Value::Array(values.into_iter().map(|value| self.show_json(value)).collect()),
            Value::Object(fields) => Value::Object(fields.into_iter().map(|(key, value)| (key, self.show_json(value))).collect()),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
        }
    }
}

/// The text with what must not be shown cut; `None` where it holds nothing of that kind, as most texts do.
fn redact(text: &str) -> Option<String> {
    let named = text.contains('@') || text.contains(":s3:::") || text.contains(":accesspoint/");
    (named || text.split(' ').any(|word| address(word).is_some())).then(|| cut(text))
}

fn cut(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if let Some(bucket) = bucket_of_object(word) {
            // An object key may hold spaces: what follows it up to the end may belong to it.
            return format!("{out}{bucket}/{CUT}");
        }
        out.push_str(&redact_word(word));
    }
    out
}

/// The ARN of the bucket, where a word is the ARN of an object in it that is named by a key.
fn bucket_of_object(word: &str) -> Option<&str> {
    let slash = if let Some(at) = word.find(":s3:::") {
        at + word.get(at..)?.find('/')?
    } else {
        // An object behind an access point: `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/object/KEY`.
        let at = word.find(":accesspoint/")?;
        at + word.get(at..)?.find("/object/")? + "/object".len()
    };
    let key = word.get(slash + 1..)?;
    if key.is_empty() || key == "*" { None } else { word.get(..slash) }
}

fn redact_word(word: &str) -> String {
    if address(word).is_some_and(|address| !is_private(address)) {
        return CUT.to_owned();
    }
    let part = |part: &str| {
        let text = part.trim_end_matches(SEPARATORS);
        match text.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && domain.contains('.') => part.replacen(text, CUT, 1),
            _ => part.to_owned(),
        }
    };
    word.split_inclusive(SEPARATORS).map(part).collect()
}

/// The address that a word is, but for what stands around it.
fn address(word: &str) -> Option<IpAddr> {
    // Three dots or two colons are the least that an address has.
    let (dots, colons) = word
        .bytes()
        .fold((0_usize, 0_usize), |(dots, colons), byte| (dots + usize::from(byte == b'.'), colons + usize::from(byte == b':')));
    if dots < 3 && colons < 2 {
        return None;
    }
    let four = word.trim_matches(|character: char| !character.is_ascii_digit());
    let six = word.trim_matches(|character: char| !character.is_ascii_hexdigit() && character != ':');
    four.parse::<std::net::Ipv4Addr>().map(IpAddr::V4).or_else(|_| six.parse::<std::net::Ipv6Addr>().map(IpAddr::V6)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_addresses_and_keys_are_cut() {
        let show = |text| Detail::Redacted.show(text);
        assert_eq!(show("s3:GetObject on arn:aws:s3:::b/people/jane doe.pdf"), "s3:GetObject on arn:aws:s3:::b/[redacted]");
        assert_eq!(show("s3:ListBucket on arn:aws:s3:::b"), "s3:ListBucket on arn:aws:s3:::b");
        assert_eq!(show("prod/kube-user/jane@example.com x"), "prod/kube-user/[redacted] x");
        assert_eq!(show("from 192.0.2.7, twice"), "from [redacted] twice");
        assert_eq!(
            show("ends 10.0.3.7; 100.64.0.9, fd00::7 and 203.0.113.7"),
            "ends 10.0.3.7; 100.64.0.9, fd00::7 and [redacted]"
        );
        assert_eq!(show("from 2001:db8::1 at 12:00:00"), "from [redacted] at 12:00:00");
        assert_eq!(show("p/oidc:jane@example.com/joe@example.com, x"), "p/oidc:[redacted]/[redacted], x");
        assert_eq!(show("nginx@sha256:0a1b"), "nginx@sha256:0a1b");
        let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/p/object/";
        assert_eq!(show(&format!("{point}people/jane doe")), format!("{point}[redacted]"));
        assert_eq!(Detail::Full.show("jane@example.com"), "jane@example.com");
    }
}
