//! Mutation: a log -> another log, damaged or twisted in a few places.

use fastrand::Rng;

/// What parsers disagree about.
const TOKENS: [&[u8]; 44] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b" ",
    b"\t",
    b"\r\n",
    b"\x00",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3\x28",
    b"\xe2\x82\xac",
    b"null",
    b"true",
    b"nul",
    b"-",
    b"-0",
    b"01",
    b"1e999",
    b"1.5",
    b"1.",
    b"123456789012345678901234567890",
    b"\\u0041",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\x",
    b"\\u00",
    b"{}",
    b"[]",
    b"\"\":",
    b"\"a\":1,",
    b"\"eventName\":\"GetObject\",",
    b"\"Records\":[",
    b"\"userIdentity\":null,",
    b"\"key\":\"a/b\",",
    b"\"name\":\"x\",",
    b"\"errorMessage\":\"not authorized\",",
    b"\"stage\":\"RequestReceived\",",
];

/// Another log made of `log` and, at times, a part of `other`.
pub(crate) fn mutated(rng: &mut Rng, log: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = log.to_vec();
    for _ in 0..1 + rng.usize(..4) {
        change(rng, &mut bytes, other);
    }
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..64)).min(bytes.len());
    match rng.u8(..9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        1 | 2 => {
            let token = TOKENS[rng.usize(..TOKENS.len())];
            bytes.splice(at..at, token.iter().copied());
        }
        3 => {
            let token = TOKENS[rng.usize(..TOKENS.len())];
            bytes.splice(at..end, token.iter().copied());
        }
        4 => drop(bytes.drain(at..end)),
        5 => {
            let part = bytes[at..end].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, part);
        }
        6 => {
            let from = rng.usize(..=other.len());
            let part = &other[from..(from + rng.usize(..400)).min(other.len())];
            bytes.splice(at..at, part.iter().copied());
        }
        7 => member(rng, bytes),
        _ => {
            let depth = rng.usize(..140);
            bytes.splice(at..at, std::iter::repeat_n(b"[{"[rng.usize(..2)], depth));
        }
    }
}

/// Says a member twice, or takes the quotes of one text for another's.
fn member(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let quotes: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(place, _)| place).collect();
    if quotes.len() < 4 {
        return;
    }
    let from = rng.usize(..quotes.len() - 3);
    let (start, end) = (quotes[from], quotes[from + 1 + 2 * rng.usize(..2)]);
    let part = bytes[start..=end].to_vec();
    let to = quotes[rng.usize(..quotes.len())];
    bytes.splice(to..to, part.into_iter().chain(*b","));
}
