//! A skimmed object: what it holds can be asked for by name, without a copy and without decoding.

use super::decoded::ID_BYTES_MAX;
use super::skim::{Listing, Member};

/// What is listed of a record: its own members, and those of the objects in it that are looked into.
pub(super) fn listing(_: u8, name: &[u8], first: u8) -> Listing {
    match name {
        b"userIdentity" | b"sessionContext" | b"attributes" | b"requestParameters" | b"user" | b"extra" | b"objectRef"
            if first == b'{' =>
        {
            Listing::Opened
        }
        _ => Listing::Closed,
    }
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
            let (below, after) = after.split_at_checked(member.below)?;
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

/// A name of printable ASCII, which stands in ARNs as it is.
pub(super) fn plain_name(value: &str) -> Option<&str> {
    plain(value).filter(|name| name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'))
}

/// A text without escapes, neither empty nor longer than an id.
pub(super) fn plain(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains('\\')).then_some(text)
}
