//! What of a native audit event decides its translation.

#![expect(clippy::wildcard_enum_match_arm, reason = "a field that is not named is signed as it is")]

use jiff::Timestamp;

use super::body::{self, WORDS};
use crate::ingest::decoded::{Reads, Surround};
use crate::ingest::memo::{Own, Signature, Signed};
use crate::ingest::moment;
use crate::ingest::skimmed::{Named, Skimmed, plain, plain_name};

/// What a member of an event, or of an object in it that is looked into, is to translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Field {
    /// Not a native event's: it may be a wrapper's.
    Other,
    /// It is never read.
    Unread,
    /// It is read.
    Read,
    Version,
    Id,
    /// A time by its rank: the first that is told counts.
    Time(u8),
    Verb,
    Uri,
    User,
    Object,
    Body,
    /// Below the user.
    Uid,
    Extra,
    /// Below the user's extra.
    Pod,
    Credential,
    /// Below the object.
    Name,
    Subresource,
    /// Which version of the object was written is read by nothing.
    Revision,
}

impl Field {
    /// The field of this name in an object; `None` is the event itself.
    pub(in crate::ingest) fn of(parent: Option<Field>, name: &[u8]) -> Field {
        match (parent, name) {
            (None, b"apiVersion") => Field::Version,
            (None, b"auditID") => Field::Id,
            (None, b"requestReceivedTimestamp") => Field::Time(0),
            (None, b"stageTimestamp") => Field::Time(1),
            (None, b"timestamp") => Field::Time(2),
            (None, b"verb") => Field::Verb,
            (None, b"requestURI") => Field::Uri,
            (None, b"user") => Field::User,
            (None, b"objectRef") => Field::Object,
            (None, b"requestObject" | b"responseObject") => Field::Body,
            (None, b"userAgent" | b"sourceIPs") => Field::Unread,
            (
                None,
                b"kind"
                | b"level"
                | b"stage"
                | b"impersonatedUser"
                | b"responseStatus"
                | b"annotations"
                | b"authenticationMetadata",
            ) => Field::Read,
            (Some(Field::User), b"uid") => Field::Uid,
            (Some(Field::User), b"extra") => Field::Extra,
            (Some(Field::Extra), b"authentication.kubernetes.io/pod-name") => Field::Pod,
            (Some(Field::Extra), _) => Field::Credential,
            (Some(Field::Object), b"name") => Field::Name,
            (Some(Field::Object), b"subresource") => Field::Subresource,
            (Some(Field::Object), b"uid" | b"resourceVersion") => Field::Revision,
            (None | Some(_), _) => Field::Other,
        }
    }

    /// Whether its own members are looked at.
    pub(in crate::ingest) fn is_opened(self) -> bool {
        matches!(self, Field::User | Field::Extra | Field::Object)
    }
}

/// Query parameters that no two calls share and that translation never reads.
const QUERY_UNREAD: [&str; 5] = ["resourceVersion", "timeout", "timeoutSeconds", "continue", "limit"];

/// An event in its native form, with what its wrapper said, and its members that say how the others are read, as written.
pub(in crate::ingest) struct Native<'a> {
    event: Skimmed<'a>,
    surround: &'a Surround,
    id: &'a str,
    times: [Option<&'a str>; 3],
    verb: &'a str,
    uri: &'a str,
    object: Option<Skimmed<'a>>,
    has_body: bool,
}

impl<'a> Native<'a> {
    /// `None` where it is not one, or may be more than one.
    pub(in crate::ingest) fn of(event: Skimmed<'a>, surround: &'a Surround) -> Option<Self> {
        let (id, times, object) = ("", [None; 3], None);
        let mut native = Native { event, surround, id, times, verb: "", uri: "", object, has_body: false };
        let mut is_audit = false;
        for own in event.own() {
            let value = if own.value == "null" { "" } else { own.value };
            match own.mark.audit {
                Field::Other => return None,
                Field::Version => is_audit = value.starts_with("\"audit.k8s.io/"),
                Field::Id => native.id = value,
                Field::Time(rank) => {
                    if let Some(time) = native.times.get_mut(usize::from(rank)) {
                        *time = Some(value).filter(|value| !value.is_empty());
                    }
                }
                Field::Verb => native.verb = value,
                Field::Uri => native.uri = value,
                Field::Object => native.object = Some(own.below),
                Field::Body => native.has_body |= !value.is_empty(),
                _ => {}
            }
        }
        is_audit.then_some(native)
    }

    /// The name of the object that the call is about, where its path has it as a segment and no body says more of it.
    fn name(&self) -> Option<&'a str> {
        let name = plain_name(self.object.filter(|_| !self.has_body)?.get("name")?)
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte)))?;
        let path = plain(self.uri)?;
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        (path.split('/').filter(|segment| *segment == name).count() == 1).then_some(name)
    }

    /// Whether the event names what it made, which no authorizer was told: the name is completed from the object.
    fn completes_name(&self) -> bool {
        let subresource = |object: Skimmed<'_>| object.own().any(|own| own.mark.audit == Field::Subresource);
        self.verb == "\"create\"" && !self.object.is_some_and(subresource)
    }

    fn time(&self) -> Option<Timestamp> {
        let told = self.times.into_iter().flatten().find_map(moment::parse_json);
        // A clock that was never set writes the year 1.
        told.filter(|time| time.as_second() > 0).or(self.surround.time)
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
        let own = if named { self.name() } else { None };
        let is_name_unread = own.is_some() || self.completes_name();
        for member in self.event.own() {
            let Named { mark, name, value, .. } = member;
            match mark.audit {
                Field::Id | Field::Time(_) | Field::Unread => {}
                Field::Uri => sign_uri(value, own, signature),
                Field::Object if member.is_open() => signature.nested(member, |own, signature| match own.mark.audit {
                    Field::Revision => {}
                    Field::Name if is_name_unread && plain(own.value).is_some() => signature.put(own.name, ""),
                    _ => signature.put(own.name, own.value),
                }),
                Field::User if member.is_open() => sign_user(member, signature),
                Field::Body if value.starts_with(['{', '[']) => {
                    signature.put(name, value.get(..1).unwrap_or_default());
                    WORDS.iter().filter(|word| body::holds(value, word)).for_each(|word| signature.put("", word));
                }
                _ => signature.put(name, value),
            }
        }
        Some(Own { id: plain(self.id)?, time: self.time()?, name: own })
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

fn sign_user(user: Named<'_>, signature: &mut Signature) {
    signature.nested(user, |own, signature| match own.mark.audit {
        // Of an impersonated user it is read; of this one only its type.
        Field::Uid if own.value.starts_with('"') => signature.put(own.name, "\""),
        Field::Extra if own.is_open() => signature.nested(own, |own, signature| {
            // Only its type is read.
            let text = own.value.strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]"));
            let is_unread = own.mark.audit == Field::Credential && text.is_some_and(|text| !text.contains(['"', '\\']));
            if !is_unread {
                signature.put(own.name, own.value);
            }
        }),
        _ => signature.put(own.name, own.value),
    });
}
