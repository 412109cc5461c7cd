//! A skimmed object: what it holds can be asked for by name, without a copy and without decoding.

use memchr::memchr;

use super::decoded::ID_BYTES_MAX;
use super::skim::{Listing, Member};
use super::{audit, cloudtrail};

/// What a member is to each platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) trail: cloudtrail::Field,
    pub(super) audit: audit::Field,
}

/// What is listed of a record: its own members, and those of the objects in it that are looked into.
#[expect(clippy::unnecessary_wraps, reason = "a listing may refuse an object")]
pub(super) fn listing(parent: Option<Mark>, name: &[u8], _: u8) -> Option<Listing<Mark>> {
    let mark = Mark {
        trail: cloudtrail::Field::of(parent.map(|parent| parent.trail), name),
        audit: audit::Field::of(parent.map(|parent| parent.audit), name),
    };
    Some(Listing { mark, opened: mark.trail.is_opened() || mark.audit.is_opened() })
}

/// An object by its members, in order; empty where it was not opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skimmed<'a> {
    pub(super) json: &'a str,
    pub(super) members: &'a [Member<Mark>],
}

/// A member of a skimmed object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) mark: Mark,
    pub(super) name: &'a str,
    /// As written.
    pub(super) value: &'a str,
    /// What was listed of the value.
    pub(super) below: Skimmed<'a>,
}

impl Named<'_> {
    /// Whether its value is an object whose members were listed, and has some.
    pub(super) fn is_open(&self) -> bool {
        !self.below.members.is_empty()
    }
}

impl<'a> Skimmed<'a> {
    /// Its own members, in order.
    pub(super) fn own(self) -> impl Iterator<Item = Named<'a>> {
        let mut rest = self.members;
        std::iter::from_fn(move || {
            let (member, after) = rest.split_first()?;
            let (below, after) = after.split_at_checked(member.below)?;
            rest = after;
            let below = Skimmed { json: self.json, members: below };
            Some(Named { mark: member.mark, name: member.name(self.json), value: member.value(self.json), below })
        })
    }

    /// A member as written: the last of this name, as in the platforms' own decoders; `null` is absent.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let found = self.own().filter(|own| own.name == name).last();
        found.map(|own| own.value).filter(|value| *value != "null")
    }
}

/// Whether a text as written holds an escape.
pub(super) fn is_escaped(value: &str) -> bool {
    memchr(b'\\', value.as_bytes()).is_some()
}

/// A name of printable ASCII, which stands in ARNs as it is.
pub(super) fn plain_name(value: &str) -> Option<&str> {
    plain(value).filter(|name| name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'))
}

/// A text without escapes, neither empty nor longer than an id.
pub(super) fn plain(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX && !is_escaped(text)).then_some(text)
}
