//! What of a native audit event decides its translation.

use crate::ingest::decoded::{Reads, Surround};
use crate::ingest::memo::{Own, Signature, Signed};
use crate::ingest::moment;
use crate::ingest::skimmed::{Skimmed, plain, plain_name};

/// Members of an event that translation never reads. The id and the times are read, but by nothing else than the record's own.
fn is_unread(name: &str) -> bool {
    matches!(name, "auditID" | "requestReceivedTimestamp" | "stageTimestamp" | "timestamp" | "userAgent" | "sourceIPs")
}

/// Query parameters that no two calls share and that translation never reads.
const QUERY_UNREAD: [&str; 5] = ["resourceVersion", "timeout", "timeoutSeconds", "continue", "limit"];

/// What no two credentials share.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// An event in its native form, with what its wrapper said.
pub(in crate::ingest) struct Native<'a> {
    pub(in crate::ingest) event: Skimmed<'a>,
    pub(in crate::ingest) surround: &'a Surround,
}

impl<'a> Native<'a> {
    /// The name of the object that the call is about, where its path has it as a segment and no body says more of it.
    fn name(&self) -> Option<&'a str> {
        let (.., object) = self.event.own().find(|(name, ..)| *name == "objectRef")?;
        let name = plain_name(object.get("name")?)
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte)))?;
        let bodies = ["requestObject", "responseObject"].iter().any(|body| self.event.has(body));
        let path = plain(self.event.get("requestURI")?)?;
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        (!bodies && path.split('/').filter(|segment| *segment == name).count() == 1).then_some(name)
    }

    /// Whether it is one, and nothing but one.
    pub(in crate::ingest) fn is_one(&self) -> bool {
        let mut version = false;
        let known = self.event.own().all(|(name, value, _)| match name {
            "apiVersion" => {
                version = value.starts_with("\"audit.k8s.io/");
                true
            }
            "kind"
            | "level"
            | "stage"
            | "requestURI"
            | "verb"
            | "user"
            | "impersonatedUser"
            | "objectRef"
            | "responseStatus"
            | "requestObject"
            | "responseObject"
            | "annotations"
            | "authenticationMetadata" => true,
            // Anything else may be a wrapper's.
            name => is_unread(name),
        });
        version && known
    }
}

impl Signed for Native<'_> {
    fn sign(&self, named: bool, signature: &mut Signature) -> Option<Own<'_>> {
        if self.surround.pod.is_some() {
            return None;
        }
        match &self.surround.cluster {
            Some(cluster) => signature.put("cluster", cluster),
            None => signature.put("", ""),
        }
        let times = ["requestReceivedTimestamp", "stageTimestamp", "timestamp"];
        // A clock that was never set writes the year 1.
        let told = times.iter().filter_map(|name| self.event.get(name)).find_map(moment::parse_json);
        let time = told.filter(|time| time.as_second() > 0).or(self.surround.time)?;
        let own = if named { self.name() } else { None };
        for (name, value, below) in self.event.own() {
            match name {
                name if is_unread(name) => {}
                "requestURI" => sign_uri(value, own, signature),
                "objectRef" if !below.members.is_empty() => {
                    signature.nested(name, below, |name, value, _, signature| match name {
                        // Which version of the object was written is read by nothing.
                        "uid" | "resourceVersion" => {}
                        "name" if own.is_some() => signature.put(name, ""),
                        name => signature.put(name, value),
                    })
                }
                "user" if !below.members.is_empty() => sign_user(below, signature),
                name => signature.put(name, value),
            }
        }
        Some(Own { id: plain(self.event.get("auditID")?)?, time, name: own })
    }

    fn read(&self, _: &Reads, _: Option<&str>, _: &mut Signature) {}
}

/// The request URI without what is not read of its query, and without the object's own name.
fn sign_uri(value: &str, own: Option<&str>, signature: &mut Signature) {
    let (path, query) = match value.split_once('?') {
        Some(_) if value.contains(['\\', '#', '%', '+']) => return signature.put("requestURI", value),
        Some((path, query)) => (path, query),
        None => (value, ""),
    };
    match own.and_then(|own| path.trim_end_matches('"').split_once(own)) {
        Some((before, after)) => {
            signature.put("requestURI", before);
            signature.put("", after);
        }
        None => signature.put("requestURI", path),
    }
    for pair in query.trim_end_matches('"').split('&') {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if !QUERY_UNREAD.contains(&name) {
            signature.put("?", pair);
        }
    }
}

fn sign_user(user: Skimmed<'_>, signature: &mut Signature) {
    signature.nested("user", user, |name, value, below, signature| match name {
        "extra" if !below.members.is_empty() => signature.nested(name, below, |name, value, _, signature| {
            // Only its type is read.
            let plain = value.strip_prefix("[\"JTI=").and_then(|rest| rest.strip_suffix("\"]"));
            let unread = name == CREDENTIAL && plain.is_some_and(|id| !id.contains(['"', '\\']));
            signature.put(name, if unread { "[" } else { value });
        }),
        _ => signature.put(name, value),
    });
}
