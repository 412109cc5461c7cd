//! What of a CloudTrail record decides its translation.

use jiff::Timestamp;

use super::named::ARN;
use crate::ingest::decoded::Reads;
use crate::ingest::memo::{Own, Signature, Signed};
use crate::ingest::moment;
use crate::ingest::skimmed::{Skimmed, plain, plain_name};

/// Members of a record that translation never reads. The id and the time are read, but by nothing else than the record's own.
const UNREAD: [&str; 9] = [
    "requestID",
    "userAgent",
    "sourceIPAddress",
    "additionalEventData",
    "tlsDetails",
    "eventVersion",
    "readOnly",
    "sharedEventID",
    "apiVersion",
];

/// Calls about one object, by source, and the parameter that names it. None of them reads more of the name than what ARN it makes.
const NAMED: [(&str, &[&str], &str); 2] = [
    (
        "\"s3.amazonaws.com\"",
        &[
            "\"GetObject\"",
            "\"HeadObject\"",
            "\"PutObject\"",
            "\"DeleteObject\"",
            "\"GetObjectAttributes\"",
            "\"GetObjectTagging\"",
            "\"PutObjectTagging\"",
            "\"UploadPart\"",
            "\"CreateMultipartUpload\"",
            "\"CompleteMultipartUpload\"",
            "\"AbortMultipartUpload\"",
        ],
        "key",
    ),
    ("\"logs.amazonaws.com\"", &["\"CreateLogStream\"", "\"PutLogEvents\""], "logStreamName"),
];

/// A record in its native form.
pub(in crate::ingest) struct Native<'a>(pub(in crate::ingest) Skimmed<'a>);

impl Signed for Native<'_> {
    fn sign(&self, named: bool, signature: &mut Signature) -> Option<Own<'_>> {
        let (mut id, mut time) = (None, None);
        let own = if named { self.name() } else { None };
        for (name, value, below) in self.0.own() {
            match name {
                "eventID" => id = plain(value),
                "eventTime" => time = utc(value),
                // An update carries another event's id; what stands apart is rare.
                "addendum" | "insightDetails" | "eventId" | "@timestamp" => return None,
                "userIdentity" if !below.members.is_empty() => sign_identity(below, self.is_session_unread(below), signature),
                "requestParameters" if !below.members.is_empty() => {
                    signature.put(name, "{");
                    below.own().for_each(|(name, ..)| signature.put(name, ""));
                    signature.put("", "}");
                }
                "resources" => match own {
                    Some(own) => signature.put_without(value, own),
                    None => signature.put("resources", value),
                },
                // Its type is read in any case.
                "responseElements" => signature.put(name, value.get(..1).unwrap_or_default()),
                name if UNREAD.contains(&name) => {}
                name => signature.put(name, value),
            }
        }
        Some(Own { id: id?, time: time?, name: own })
    }

    fn read(&self, reads: &Reads, own: Option<&str>, signature: &mut Signature) {
        for (name, value, below) in self.0.own() {
            match name {
                "requestParameters" => {
                    for (name, value, _) in below.own() {
                        if reads.parameters.iter().any(|read| read == name) {
                            let is_own = own.is_some() && plain_name(value) == own;
                            signature.put(name, if is_own { "" } else { value });
                        } else if reads.looked_at.iter().any(|read| read == name) {
                            signature.put(name, looked_at(value));
                        }
                    }
                }
                "responseElements" if reads.response => signature.put(name, value),
                _ => {}
            }
        }
    }
}

/// A text that does not begin as an ARN does is like any other such text.
fn looked_at(value: &str) -> &str {
    let beginning = value.strip_prefix('"').map(|text| text.get(..ARN.len()).unwrap_or(text));
    let other = beginning.is_some_and(|beginning| beginning != ARN && !beginning.contains('\\'));
    if other { "\"" } else { value }
}

fn utc(value: &str) -> Option<Timestamp> {
    moment::utc(plain(value)?)
}

impl<'a> Native<'a> {
    /// The name of the object that the call is about. What a failure's message or an answer says may depend on it in its own way.
    fn name(&self) -> Option<&'a str> {
        let (source, event) = (self.0.get("eventSource")?, self.0.get("eventName")?);
        let (.., parameter) = NAMED.iter().find(|(own, events, _)| *own == source && events.contains(&event))?;
        let apart = !["errorMessage", "responseElements", "eventContext"].iter().any(|name| self.0.has(name));
        let (.., parameters) = self.0.own().find(|(name, ..)| *name == "requestParameters").filter(|_| apart)?;
        plain_name(parameters.get(parameter)?)
    }

    /// Whether the name of a role's session is read by nothing: a refusal's message is compared with it, and the principal of a web
    /// identity holds its audience.
    fn is_session_unread(&self, identity: Skimmed<'_>) -> bool {
        let event = self.0.get("eventName").unwrap_or_default();
        identity.get("type") == Some("\"AssumedRole\"")
            && !self.0.has("errorMessage")
            && !event.contains('\\')
            && event != "\"AssumeRoleWithWebIdentity\""
    }
}

/// The ARN of a role's session up to the session's name, and a principal without it; as written where they are spelled otherwise.
fn without_session<'a>(name: &str, value: &'a str) -> &'a str {
    let plain = value.len() > 2 && value.starts_with('"') && !value.contains('\\');
    match name {
        "principalId" if plain => "\"",
        "arn" if plain => {
            let role = value.find(":assumed-role/").map(|at| at + ":assumed-role/".len());
            let rest = role.and_then(|role| value.get(role..)).and_then(|rest| rest.split_once('/'));
            // A session's name is not empty.
            let session = rest.filter(|(_, session)| session.len() > 1);
            session.and_then(|(_, session)| value.get(..value.len() - session.len())).unwrap_or(value)
        }
        _ => value,
    }
}

/// The identity without the keys and moments that no two sessions share; a key that does not expire is read.
fn sign_identity(identity: Skimmed<'_>, is_session_unread: bool, signature: &mut Signature) {
    signature.nested("userIdentity", identity, |name, value, below, signature| match name {
        "accessKeyId" if value.starts_with("\"ASIA") => signature.put(name, "\""),
        "sessionContext" if !below.members.is_empty() => sign_session(below, signature),
        name if is_session_unread => signature.put(name, without_session(name, value)),
        name => signature.put(name, value),
    });
}

fn sign_session(session: Skimmed<'_>, signature: &mut Signature) {
    signature.nested("sessionContext", session, |name, value, below, signature| match name {
        "attributes" if !below.members.is_empty() => signature.nested(name, below, |name, value, _, signature| {
            if name != "creationDate" {
                signature.put(name, value);
            }
        }),
        _ => signature.put(name, value),
    });
}
