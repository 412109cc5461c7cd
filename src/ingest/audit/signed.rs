//! What of a native audit event decides its translation.

use jiff::Timestamp;

use super::event::time_of;
use crate::ingest::decoded::Surround;
use crate::ingest::members::Members;
use crate::ingest::memo::{Signature, Signed, plain};

/// Members of an event that translation never reads. The id and the times are read, but by nothing else than the record's own.
const UNREAD: [&str; 6] = ["auditID", "requestReceivedTimestamp", "stageTimestamp", "timestamp", "userAgent", "sourceIPs"];

/// Query parameters that no two calls share and that translation never reads.
const QUERY_UNREAD: [&str; 5] = ["resourceVersion", "timeout", "timeoutSeconds", "continue", "limit"];

/// What no two credentials share.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// An event in its native form, with what its wrapper said.
pub(in crate::ingest) struct Native<'m, 'a> {
    pub(in crate::ingest) members: &'m Members<'a>,
    pub(in crate::ingest) surround: &'m Surround,
}

impl Signed for Native<'_, '_> {
    fn id_and_time(&self) -> Option<(&str, Timestamp)> {
        Some((plain(self.members, "auditID")?, time_of(self.members).or(self.surround.time)?))
    }

    fn sign(&self, _response: bool, signature: &mut Signature) -> bool {
        // A wrapper's own members do not stand beside the event's.
        let known = self.members.get("apiVersion").is_some_and(|version| version.starts_with("\"audit.k8s.io/"));
        if !known || self.surround.pod.is_some() {
            return false;
        }
        match &self.surround.cluster {
            Some(cluster) => signature.put("cluster", cluster),
            None => signature.put("", ""),
        }
        for (name, value) in self.members.iter() {
            match name {
                name if UNREAD.contains(&name) => {}
                "requestURI" => sign_uri(value, signature),
                "user" => match Members::of(value) {
                    Some(user) => sign_user(&user, signature),
                    None => return false,
                },
                name => signature.put(name, value),
            }
        }
        true
    }
}

/// The request URI without what is not read of its query.
fn sign_uri(value: &str, signature: &mut Signature) {
    let Some((path, query)) = value.split_once('?').filter(|_| !value.contains(['\\', '#', '%', '+'])) else {
        return signature.put("requestURI", value);
    };
    signature.put("requestURI", path);
    for pair in query.trim_end_matches('"').split('&') {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if !QUERY_UNREAD.contains(&name) {
            signature.put("?", pair);
        }
    }
}

fn sign_user(user: &Members<'_>, signature: &mut Signature) {
    signature.put("user", "{");
    for (name, value) in user.iter() {
        match (name, Members::of(value)) {
            ("extra", Some(extra)) => {
                signature.put(name, "{");
                for (name, value) in extra.iter() {
                    // Only its type is read.
                    let plain = value.strip_prefix("[\"JTI=").and_then(|rest| rest.strip_suffix("\"]"));
                    let unread = name == CREDENTIAL && plain.is_some_and(|id| !id.contains(['"', '\\']));
                    signature.put(name, if unread { "[" } else { value });
                }
                signature.put("", "}");
            }
            _ => signature.put(name, value),
        }
    }
    signature.put("", "}");
}
