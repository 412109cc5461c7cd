//! What of a CloudTrail record decides its translation.

use jiff::Timestamp;

use super::named::ARN;
use crate::ingest::decoded::Reads;
use crate::ingest::memo::{Own, Signature, Signed};
use crate::ingest::moment;
use crate::ingest::skimmed::{Skimmed, plain, plain_name};

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

/// A record in its native form, and its members that say how the others are read.
pub(in crate::ingest) struct Native<'a> {
    record: Skimmed<'a>,
    source: &'a str,
    event: &'a str,
    identity: Option<Skimmed<'a>>,
    parameters: Option<Skimmed<'a>>,
    /// The message of a failure, as written.
    message: Option<&'a str>,
    /// Whether there is an answer or a context.
    answered: bool,
}

impl<'a> Native<'a> {
    /// `None` where no member is one of a CloudTrail record.
    pub(in crate::ingest) fn of(record: Skimmed<'a>) -> Option<Self> {
        let mut native =
            Native { record, source: "", event: "", identity: None, parameters: None, message: None, answered: false };
        let mut told = false;
        for (name, value, below) in record.own().filter(|(_, value, _)| *value != "null") {
            match name {
                "eventSource" => native.source = value,
                "eventName" => native.event = value,
                "userIdentity" if !below.members.is_empty() => native.identity = Some(below),
                "requestParameters" if !below.members.is_empty() => native.parameters = Some(below),
                "errorMessage" => native.message = Some(value),
                "responseElements" | "eventContext" => native.answered = true,
                _ => {}
            }
            told |= matches!(
                name,
                "eventVersion" | "eventSource" | "eventName" | "digestStartTime" | "insightDetails" | "eventCategory"
            );
        }
        told.then_some(native)
    }
}

impl Signed for Native<'_> {
    fn sign(&self, named: bool, signature: &mut Signature) -> Option<Own<'_>> {
        let (mut id, mut time) = (None, None);
        let own = if named { self.name() } else { None };
        let session = self.session();
        for (name, value, below) in self.record.own() {
            match name {
                "eventID" => id = plain(value),
                "eventTime" => time = utc(value),
                // Translation never reads these.
                "requestID"
                | "userAgent"
                | "sourceIPAddress"
                | "additionalEventData"
                | "tlsDetails"
                | "eventVersion"
                | "readOnly"
                | "sharedEventID"
                | "apiVersion" => {}
                "errorMessage" => match session {
                    Session::InMessage(arn) => {
                        signature.put(name, "");
                        value.split(arn).for_each(|part| signature.put("", part));
                    }
                    Session::Read | Session::Unread => signature.put(name, value),
                },
                // An update carries another event's id; what stands apart is rare.
                "addendum" | "insightDetails" | "eventId" | "@timestamp" => return None,
                "userIdentity" if !below.members.is_empty() => sign_identity(below, session, signature),
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
                name => signature.put(name, value),
            }
        }
        Some(Own { id: id?, time: time?, name: own })
    }

    fn read(&self, reads: &Reads, own: Option<&str>, signature: &mut Signature) {
        for (name, value, below) in self.record.own() {
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
        let (.., parameter) = NAMED.iter().find(|(own, events, _)| *own == self.source && events.contains(&self.event))?;
        let parameters = self.parameters.filter(|_| self.message.is_none() && !self.answered)?;
        plain_name(parameters.get(parameter)?)
    }

    /// What of the identity and the message of a failure names the session, and is read by nothing. A refusal's message is compared with
    /// the session's ARN: where it holds that very ARN, it is the same for every session. The principal of a web identity holds its
    /// audience.
    fn session(&self) -> Session<'a> {
        let (mut kind, mut arn) = ("", "");
        for (name, value, _) in self.identity.into_iter().flat_map(Skimmed::own) {
            match name {
                "type" => kind = value,
                "arn" => arn = value,
                _ => {}
            }
        }
        let web = self.event.contains('\\') || self.event == "\"AssumeRoleWithWebIdentity\"";
        if kind != "\"AssumedRole\"" || web {
            return Session::Read;
        }
        let own = plain(arn).filter(|arn| arn.contains(":assumed-role/") && !arn.contains(' '));
        match (self.message, own) {
            (None, _) => Session::Unread,
            (Some(message), _) if !message.contains('\\') && !message.contains("not authorized") => Session::Unread,
            (Some(message), Some(own)) if !message.contains('\\') && message.contains(own) => Session::InMessage(own),
            (Some(_), _) => Session::Read,
        }
    }
}

/// What reads the name of a role's session.
#[derive(Debug, Clone, Copy)]
enum Session<'a> {
    /// It may be anything's business.
    Read,
    /// Nothing.
    Unread,
    /// A message that holds this ARN of the session.
    InMessage(&'a str),
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
fn sign_identity(identity: Skimmed<'_>, session: Session<'_>, signature: &mut Signature) {
    let is_session_unread = !matches!(session, Session::Read);
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
