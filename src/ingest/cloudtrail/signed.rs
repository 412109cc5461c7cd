//! What of a CloudTrail record decides its translation.

#![expect(clippy::wildcard_enum_match_arm, reason = "a field that is not named is signed as it is")]

use jiff::Timestamp;
use memchr::{memchr, memchr_iter};

use super::named::ARN;
use crate::ingest::decoded::Reads;
use crate::ingest::memo::{Own, Signature, Signed};
use crate::ingest::moment;
use crate::ingest::skimmed::{Named, Skimmed, is_escaped, plain, plain_name};

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

/// What a member of a record, or of an object in it that is looked into, is to translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Field {
    /// It may be read.
    Other,
    /// It is never read.
    Unread,
    /// `eventVersion`: never read, but it tells a CloudTrail record.
    Version,
    /// It tells a CloudTrail record.
    Telling,
    /// An update carries another event's id; what stands apart is rare.
    Apart,
    /// The same, and it tells a CloudTrail record.
    Insight,
    Id,
    Time,
    Source,
    Event,
    Identity,
    Parameters,
    Answer,
    Context,
    Message,
    Resources,
    /// Below the identity.
    Kind,
    Arn,
    Principal,
    AccessKey,
    Session,
    /// Below the session.
    Attributes,
    Created,
}

impl Field {
    /// The field of this name in an object; `None` is the record itself.
    pub(in crate::ingest) fn of(parent: Option<Field>, name: &[u8]) -> Field {
        match (parent, name) {
            (None, b"eventID") => Field::Id,
            (None, b"eventTime") => Field::Time,
            (None, b"eventSource") => Field::Source,
            (None, b"eventName") => Field::Event,
            (None, b"userIdentity") => Field::Identity,
            (None, b"requestParameters") => Field::Parameters,
            (None, b"responseElements") => Field::Answer,
            (None, b"eventContext") => Field::Context,
            (None, b"errorMessage") => Field::Message,
            (None, b"resources") => Field::Resources,
            (None, b"eventVersion") => Field::Version,
            (None, b"digestStartTime" | b"eventCategory") => Field::Telling,
            (None, b"insightDetails") => Field::Insight,
            (None, b"addendum" | b"eventId" | b"@timestamp") => Field::Apart,
            (
                None,
                b"requestID"
                | b"userAgent"
                | b"sourceIPAddress"
                | b"additionalEventData"
                | b"tlsDetails"
                | b"readOnly"
                | b"sharedEventID"
                | b"apiVersion",
            ) => Field::Unread,
            (Some(Field::Identity), b"type") => Field::Kind,
            (Some(Field::Identity), b"arn") => Field::Arn,
            (Some(Field::Identity), b"principalId") => Field::Principal,
            (Some(Field::Identity), b"accessKeyId") => Field::AccessKey,
            (Some(Field::Identity), b"sessionContext") => Field::Session,
            (Some(Field::Session), b"attributes") => Field::Attributes,
            (Some(Field::Attributes), b"creationDate") => Field::Created,
            (None | Some(_), _) => Field::Other,
        }
    }

    /// Whether its own members are looked at.
    pub(in crate::ingest) fn is_opened(self) -> bool {
        matches!(self, Field::Identity | Field::Session | Field::Attributes | Field::Parameters)
    }
}

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
        for own in record.own().filter(|own| own.value != "null") {
            match own.mark.trail {
                Field::Source => (native.source, told) = (own.value, true),
                Field::Event => (native.event, told) = (own.value, true),
                Field::Identity if own.is_open() => native.identity = Some(own.below),
                Field::Parameters if own.is_open() => native.parameters = Some(own.below),
                Field::Message => native.message = Some(own.value),
                Field::Answer | Field::Context => native.answered = true,
                field => told |= matches!(field, Field::Version | Field::Telling | Field::Insight),
            }
        }
        told.then_some(native)
    }
}

impl Signed for Native<'_> {
    fn sign(&self, named: bool, signature: &mut Signature) -> Option<Own<'_>> {
        let (mut id, mut time) = (None, None);
        let own = if named { self.name() } else { None };
        let session = self.session();
        for member in self.record.own() {
            let Named { mark, name, value, below } = member;
            match mark.trail {
                Field::Id => id = plain(value),
                Field::Time => time = utc(value),
                Field::Unread | Field::Version => {}
                Field::Message => match session {
                    Session::InMessage(arn) => {
                        signature.put(name, "");
                        value.split(arn).for_each(|part| signature.put("", part));
                    }
                    Session::Read | Session::Unread => signature.put(name, value),
                },
                Field::Apart | Field::Insight => return None,
                Field::Identity if member.is_open() => sign_identity(member, session, signature),
                Field::Parameters if member.is_open() => {
                    signature.put(name, "{");
                    below.own().for_each(|own| signature.put(own.name, ""));
                    signature.put("", "}");
                }
                Field::Resources => match own {
                    Some(own) => signature.put_without(value, own),
                    None => signature.put(name, value),
                },
                // Its type is read in any case.
                Field::Answer => signature.put(name, value.get(..1).unwrap_or_default()),
                _ => signature.put(name, value),
            }
        }
        Some(Own { id: id?, time: time?, name: own })
    }

    fn read(&self, reads: &Reads, own: Option<&str>, signature: &mut Signature) {
        for Named { mark, name, value, below } in self.record.own() {
            if mark.trail == Field::Parameters {
                for Named { name, value, .. } in below.own() {
                    if reads.parameters.iter().any(|read| read == name) {
                        let is_own = own.is_some() && plain_name(value) == own;
                        signature.put(name, if is_own { "" } else { value });
                    } else if reads.looked_at.iter().any(|read| read == name) {
                        signature.put(name, looked_at(value));
                    }
                }
            } else if mark.trail == Field::Answer && reads.response {
                signature.put(name, value);
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
    /// The name of the object that the call is about. What an answer says, and a refusal's message
    /// that names a resource, may depend on it in its own way.
    fn name(&self) -> Option<&'a str> {
        let (.., parameter) = NAMED.iter().find(|(own, events, _)| *own == self.source && events.contains(&self.event))?;
        let is_apart = |message: &str| !is_escaped(message) && !message.contains("on resource: ");
        let parameters = self.parameters.filter(|_| self.message.is_none_or(is_apart) && !self.answered)?;
        plain_name(parameters.get(parameter)?)
    }

    /// What of the identity and the message of a failure names the session, and is read by nothing. A refusal's message is compared with
    /// the session's ARN: where it holds that very ARN, it is the same for every session. The principal of a web identity holds its
    /// audience.
    fn session(&self) -> Session<'a> {
        let (mut kind, mut arn) = ("", "");
        for own in self.identity.into_iter().flat_map(Skimmed::own) {
            match own.mark.trail {
                Field::Kind => kind = own.value,
                Field::Arn => arn = own.value,
                _ => {}
            }
        }
        if kind != "\"AssumedRole\"" || is_escaped(self.event) || self.event == "\"AssumeRoleWithWebIdentity\"" {
            return Session::Read;
        }
        let Some(message) = self.message else { return Session::Unread };
        let own = plain(arn).filter(|arn| arn.contains(":assumed-role/") && !arn.contains(' '));
        match own {
            _ if is_escaped(message) => Session::Read,
            _ if !message.contains("not authorized") => Session::Unread,
            Some(own) if message.contains(own) => Session::InMessage(own),
            _ => Session::Read,
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

/// The ARN of a role's session up to the session's name; as written where it is spelled otherwise.
fn without_session(arn: &str) -> &str {
    const ROLE: &str = ":assumed-role/";
    let starts = memchr_iter(b':', arn.as_bytes()).find(|at| arn.get(*at..).is_some_and(|rest| rest.starts_with(ROLE)));
    let role = starts.map(|at| at + ROLE.len());
    let session = role.and_then(|role| Some(role + memchr(b'/', arn.as_bytes().get(role..)?)? + 1));
    // A session's name is not empty, and a quote ends it.
    session.filter(|session| session + 1 < arn.len()).and_then(|session| arn.get(..session)).unwrap_or(arn)
}

/// The identity without the keys and moments that no two sessions share; a key that does not expire is read.
fn sign_identity(identity: Named<'_>, session: Session<'_>, signature: &mut Signature) {
    let is_session_unread = !matches!(session, Session::Read);
    signature.nested(identity, |own, signature| {
        let Named { mark, name, value, .. } = own;
        let unread = is_session_unread && value.len() > 2 && value.starts_with('"') && !is_escaped(value);
        match mark.trail {
            Field::AccessKey if value.starts_with("\"ASIA") => signature.put(name, "\""),
            Field::Session if own.is_open() => sign_session(own, signature),
            Field::Principal if unread => signature.put(name, "\""),
            Field::Arn if unread => signature.put(name, without_session(value)),
            _ => signature.put(name, value),
        }
    });
}

fn sign_session(session: Named<'_>, signature: &mut Signature) {
    signature.nested(session, |own, signature| match own.mark.trail {
        Field::Attributes if own.is_open() => signature.nested(own, |own, signature| {
            if own.mark.trail != Field::Created {
                signature.put(own.name, own.value);
            }
        }),
        _ => signature.put(own.name, own.value),
    });
}
