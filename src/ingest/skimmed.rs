//! A skimmed object: what it holds can be asked for by name, without a copy and without decoding.

use super::decoded::ID_BYTES_MAX;
use super::skim::{Listing, Member};

/// Objects of a record whose members are listed beside its own.
const OPENED: [&[u8]; 7] =
    [b"userIdentity", b"sessionContext", b"attributes", b"requestParameters", b"user", b"extra", b"objectRef"];

/// What is listed of a record.
pub(super) fn listing(_: u8, name: &[u8], first: u8) -> Listing {
    if first == b'{' && OPENED.contains(&name) { Listing::Opened } else { Listing::Closed }
}

/// An object by its members, in order; empty where it was not opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skimmed<'a> {
    pub(super) json: &'a str,
    pub(super) members: &'a [Member],
}

/// A member: its name, its value as written, and what was listed below it.
pub(super) type Named<'a> = (&'a str, &'a str, Skimmed<'a>);

impl<'a> Skimmed<'a> {
    /// Its own members, in order.
    pub(super) fn own(self) -> impl Iterator<Item = Named<'a>> {
        let mut rest = self.members;
        std::iter::from_fn(move || {
            let (member, after) = rest.split_first()?;
            let below = after.iter().take_while(|other| other.depth > member.depth).count();
            let (below, after) = after.split_at_checked(below)?;
            rest = after;
            Some((member.name(self.json), member.value(self.json), Skimmed { json: self.json, members: below }))
        })
    }

    /// Whether it has a member of this name that is not null.
    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A member as written: the last of this name, as in the platforms' own decoders; `null` is absent.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let found = self.own().filter(|(own, ..)| *own == name).last();
        found.map(|(_, value, _)| value).filter(|value| *value != "null")
    }
}

/// A name of an object that stands in URLs and ARNs as it is.
pub(super) fn plain_name(value: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/=+:@".contains(&byte);
    plain(value).filter(|name| name.bytes().all(is_plain))
}

/// A text without escapes, neither empty nor longer than an id.
pub(super) fn plain(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains('\\')).then_some(text)
}
