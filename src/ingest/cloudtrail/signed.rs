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
                    Some(identity) => sign_identity(&identity, signature),
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

/// The identity without the keys and moments that no two sessions share; a key that does not expire is read.
fn sign_identity(identity: &Members<'_>, signature: &mut Signature) {
    signature.put("userIdentity", "{");
    for (name, value) in identity.iter() {
        match name {
            "accessKeyId" if value.starts_with("\"ASIA") => signature.put(name, "\""),
            "sessionContext" => match Members::of(value) {
                Some(session) => sign_session(&session, signature),
                None => signature.put(name, value),
            },
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
