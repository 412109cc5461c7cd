//! Skimming: where the members of a JSON object stand, found and checked without decoding them.
//!
//! ```text
//! {"eventName":"GetObject","userIdentity":{"type":"Role",..},..}  -->  eventName: 13..24, userIdentity: 40..90, > type: 48..54, ..
//! ```
//!
//! Nothing here is `unsafe`: sixteen bytes of a text are compared at a time through a portable vector type.
//!
//! Invariant: what is skimmed is JSON that serde_json reads, and stands where serde_json would find it. What is unusual (a name with
//! an escape, a number of many digits, half a surrogate pair, deep nesting) is not skimmed: serde_json decides about it.
//! `tests/skim.rs` and the fuzzer of benches/ hold one against the other.

use wide::u8x16;

/// Containers inside each other that are skimmed; less than any JSON parser takes.
const DEPTH_MAX: u32 = 100;

/// Digits of a number that every parser reads exactly.
const DIGITS_MAX: usize = 15;

/// Objects inside each other whose members are listed.
const LISTED_MAX: u8 = 4;

/// How a member is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing<M> {
    /// What it is told by afterwards.
    pub mark: M,
    /// Whether its own members are listed too, where it is an object.
    pub opened: bool,
}

/// A member of an object, by where its parts stand in the skimmed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<M> {
    /// What it was listed by.
    pub mark: M,
    /// How many members behind this one stand inside it, at any depth.
    pub below: usize,
    name: (u32, u32),
    value: (u32, u32),
}

impl<M> Member<M> {
    /// Its name, without quotes; it holds no escapes.
    #[must_use]
    pub fn name<'a>(&self, json: &'a str) -> &'a str {
        part(json, self.name)
    }

    /// Its value as written.
    #[must_use]
    pub fn value<'a>(&self, json: &'a str) -> &'a str {
        part(json, self.value)
    }
}

fn part(json: &str, (start, end): (u32, u32)) -> &str {
    usize::try_from(start).ok().zip(usize::try_from(end).ok()).and_then(|(start, end)| json.get(start..end)).unwrap_or_default()
}

/// Lists the members of the object that `bytes` begin with, in order, and gives its length in bytes. `listing` is asked for each
/// listed member by the mark of the member that it stands in (`None` for the outermost), its name and the first byte of its value; with
/// `None` it refuses the whole object. The members of an opened one follow it, one deeper. `None` where the object ends too early, is
/// malformed, unusual or refused; `members` is of no use then. UTF-8 is not looked at.
pub fn object<M: Copy>(
    bytes: &[u8],
    listing: impl Fn(Option<M>, &[u8], u8) -> Option<Listing<M>>,
    members: &mut Vec<Member<M>>,
) -> Option<usize> {
    members.clear();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    listed(bytes, 1, (1, None), &listing, members)
}

/// The members of an object whose brace stands before `at`; gives where it ends.
fn listed<M: Copy>(
    bytes: &[u8],
    at: usize,
    (depth, parent): (u8, Option<M>),
    listing: &impl Fn(Option<M>, &[u8], u8) -> Option<Listing<M>>,
    members: &mut Vec<Member<M>>,
) -> Option<usize> {
    let mut at = blank(bytes, at);
    if bytes.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let (end, escaped) = text(bytes, at + 1)?;
        if escaped {
            return None;
        }
        let name = (at + 1, end - 1);
        at = blank(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = blank(bytes, at + 1);
        let (place, start) = (members.len(), at);
        let first = *bytes.get(at)?;
        let Listing { mark, opened } = listing(parent, bytes.get(name.0..name.1)?, first)?;
        members.push(Member { mark, below: 0, name: span(name)?, value: (0, 0) });
        at = if opened && first == b'{' && depth < LISTED_MAX {
            listed(bytes, at + 1, (depth + 1, Some(mark)), listing, members)?
        } else {
            value(bytes, at)?
        };
        let below = members.len() - place - 1;
        let member = members.get_mut(place)?;
        (member.below, member.value) = (below, span((start, at))?);
        at = blank(bytes, at);
        match bytes.get(at)? {
            b',' => at = blank(bytes, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn span((start, end): (usize, usize)) -> Option<(u32, u32)> {
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// A value of any kind; gives where it ends.
fn value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'{' | b'[' => container(bytes, at),
        _ => scalar(bytes, at),
    }
}

fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let word = |word: &[u8]| bytes.get(at..at + word.len()).filter(|found| *found == word).map(|_| at + word.len());
    match bytes.get(at)? {
        b'"' => text(bytes, at + 1).map(|(end, _)| end),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => number(bytes, at),
    }
}

/// An integer or a fraction of few digits, without exponent.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count()
    };
    let first = at + usize::from(bytes.get(at) == Some(&b'-'));
    let whole = digits(first);
    if whole == 0 || whole > DIGITS_MAX || (whole > 1 && bytes.get(first) == Some(&b'0')) {
        return None;
    }
    let mut end = first + whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 || whole + fraction > DIGITS_MAX {
            return None;
        }
        end += 1 + fraction;
    }
    let more = matches!(bytes.get(end), Some(b'0'..=b'9' | b'e' | b'E' | b'.' | b'+' | b'-'));
    (!more).then_some(end)
}

/// An object or array that is not listed; gives where it ends.
fn container(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut at, mut depth, mut objects) = (at, 0_u32, 0_u128);
    loop {
        // A value begins here.
        match bytes.get(at)? {
            open @ (b'{' | b'[') => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return None;
                }
                let object = *open == b'{';
                objects = objects << 1 | u128::from(object);
                at = blank(bytes, at + 1);
                let close = if object { b'}' } else { b']' };
                if bytes.get(at) != Some(&close) {
                    if object {
                        at = name(bytes, at)?;
                    }
                    continue;
                }
                at += 1;
                depth -= 1;
                objects >>= 1;
            }
            _ => at = scalar(bytes, at)?,
        }
        // A value ended.
        loop {
            if depth == 0 {
                return Some(at);
            }
            at = blank(bytes, at);
            let object = objects & 1 == 1;
            match (bytes.get(at)?, object) {
                (b',', true) => {
                    at = blank(bytes, at + 1);
                    at = name(bytes, at)?;
                    break;
                }
                (b',', false) => {
                    at = blank(bytes, at + 1);
                    break;
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    depth -= 1;
                    objects >>= 1;
                }
                _ => return None,
            }
        }
    }
}

/// A name and its colon; gives where its value begins.
fn name(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let (end, _) = text(bytes, at + 1)?;
    let at = blank(bytes, end);
    (bytes.get(at) == Some(&b':')).then(|| blank(bytes, at + 1))
}

/// A text whose quote stands before `at`: where it ends, behind its quote, and whether it holds an escape.
#[inline]
fn text(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at += plain(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some((at + 1, escaped)),
            b'\\' => {
                escaped = true;
                at += escape(bytes.get(at + 1..)?)?;
            }
            _ => return None,
        }
    }
}

/// The length of an escape, its backslash included; half a surrogate pair is not taken.
fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let digits = bytes.get(1..5)?;
            let surrogate = matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
            (digits.iter().all(u8::is_ascii_hexdigit) && !surrogate).then_some(6)
        }
        _ => None,
    }
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let (quote, backslash, space) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(b' '));
    let mut before = 0;
    for block in blocks {
        let block = u8x16::new(*block);
        let special = block.simd_eq(quote) | block.simd_eq(backslash);
        let found = special.to_bitmask() | (block.max(space).simd_eq(block).to_bitmask() ^ 0xffff);
        if found != 0 {
            return before + usize::try_from(found.trailing_zeros()).unwrap_or_default();
        }
        before += 16;
    }
    before + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}
