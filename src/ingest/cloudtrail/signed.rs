//! What of a CloudTrail record decides its translation.

use jiff::Timestamp;

use crate::ingest::members::Members;
use crate::ingest::memo::{Signature, Signed, plain};

/// Members of a record that translation never reads. The id and the time are read, but by nothing else than the record's own.
const UNREAD: [&str; 11] = [
    "eventID",
    "eventTime",
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

/// A record in its native form.
pub(in crate::ingest) struct Native<'m, 'a>(pub(in crate::ingest) &'m Members<'a>);

impl Signed for Native<'_, '_> {
    fn id_and_time(&self) -> Option<(&str, Timestamp)> {
        let (id, time) = (plain(self.0, "eventID")?, plain(self.0, "eventTime")?);
        Some((id, time.strip_suffix('Z').and_then(|_| time.parse().ok())?))
    }

    fn sign(&self, response: bool, signature: &mut Signature) -> bool {
        for (name, value) in self.0.iter() {
            match name {
                name if UNREAD.contains(&name) => {}
                // An update carries another event's id; what stands apart is rare.
                "addendum" | "insightDetails" | "eventId" | "@timestamp" => return false,
                "userIdentity" => match Members::of(value) {
                    Some(identity) => sign_identity(&identity, self.is_session_unread(&identity), signature),
                    None => return false,
                },
                // Its type is read in any case.
                "responseElements" if !response => signature.put(name, value.get(..1).unwrap_or_default()),
                name => signature.put(name, value),
            }
        }
        true
    }
}

impl Native<'_, '_> {
    /// Whether the name of a role's session is read by nothing: a refusal's message is compared with it, and the principal of a web
    /// identity holds its audience.
    fn is_session_unread(&self, identity: &Members<'_>) -> bool {
        let event = self.0.get("eventName").unwrap_or_default();
        identity.get("type") == Some("\"AssumedRole\"")
            && self.0.get("errorMessage").is_none()
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
fn sign_identity(identity: &Members<'_>, is_session_unread: bool, signature: &mut Signature) {
    signature.put("userIdentity", "{");
    for (name, value) in identity.iter() {
        match name {
            "accessKeyId" if value.starts_with("\"ASIA") => signature.put(name, "\""),
            "sessionContext" => match Members::of(value) {
                Some(session) => sign_session(&session, signature),
                None => signature.put(name, value),
            },
            name if is_session_unread => signature.put(name, without_session(name, value)),
            name => signature.put(name, value),
        }
    }
    signature.put("", "}");
}

fn sign_session(session: &Members<'_>, signature: &mut Signature) {
    signature.put("sessionContext", "{");
    for (name, value) in session.iter() {
        match (name, Members::of(value)) {
            ("attributes", Some(attributes)) => {
                signature.put(name, "{");
                let read = attributes.iter().filter(|(name, _)| *name != "creationDate");
                read.for_each(|(name, value)| signature.put(name, value));
                signature.put("", "}");
            }
            _ => signature.put(name, value),
        }
    }
    signature.put("", "}");
}
