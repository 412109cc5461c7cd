//! Framing: where one JSON value ends and the next begins, over chunks of any size, in bounded memory.
//!
//! ```text
//! {..}\n{..}\n        a stream of values, one per line or not
//! [{..},{..}]         an array: each element is a value
//! {"Records":[..]}    an envelope: each element is a value, what stands before the array describes them
//! ```
//!
//! Invariant: how the input is cut into chunks changes nothing. Memory stays below one record's limit, whatever the input.

use memchr::{memchr, memchr3};

use super::skim::{self, Member};
use super::skimmed::{Mark, listing};
use crate::access::observation::Reject;
use state::{Hold, Mode, Step, Want, is_blank, is_word};

mod state;

/// Containers nested deeper than this are not read; a JSON parser of ours would recurse.
const DEPTH_MAX: u64 = 127;

/// Keys of an envelope whose array holds the records.
pub(super) const ENVELOPE_KEYS: &[&str] = &["Records", "records", "items", "Events", "events", "logEvents"];

/// What framing finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// An envelope's array begins; this is a JSON object of the members that stood before it.
    Open(&'a str),
    /// That envelope ends.
    Close,
    /// One value, valid UTF-8, balanced; with its members where it was skimmed, else without any.
    Value(&'a str, &'a [Member<Mark>]),
    /// Something that is no value, and in which way.
    Rejected(Reject, String),
}

type Out<'o> = dyn FnMut(Frame<'_>) + 'o;

/// The state between two chunks.
#[derive(Debug)]
pub(super) struct Framer {
    limit: usize,
    prefixed: bool,
    skims: bool,
    hold: Hold,
    mode: Mode,
    want: Want,
    record: Vec<u8>,
    /// The record grew over the limit and is no longer kept.
    dropped: bool,
    /// The rest of an envelope behind its array: scanned, not kept.
    tail: bool,
    /// One bit per open container, 1 for an object; the innermost is the lowest.
    kinds: u128,
    depth: u64,
    deep: bool,
    escape: bool,
    key: Vec<u8>,
    in_key: bool,
    /// Where the members of the outermost object before the current one end.
    head_end: usize,
    resync: u8,
    members: Vec<Member<Mark>>,
}

impl Framer {
    /// `limit` is the size of the largest record in bytes; with `prefixed`, text before the first `{` of a line is dropped; with `skims`,
    /// records are skimmed where that is possible.
    pub(super) fn new(limit: usize, prefixed: bool, skims: bool) -> Self {
        Framer {
            limit,
            prefixed,
            skims,
            hold: Hold::Stream,
            mode: Mode::Between,
            want: Want::Value,
            record: Vec::new(),
            dropped: false,
            tail: false,
            kinds: 0,
            depth: 0,
            deep: false,
            escape: false,
            key: Vec::new(),
            in_key: false,
            head_end: 0,
            resync: 0,
            members: Vec::new(),
        }
    }

    /// Takes the next chunk.
    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Out<'_>) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let taken = match self.mode {
                Mode::Between => self.between(rest, out),
                Mode::Value => self.value(rest, out),
                Mode::Text => self.text(rest, out),
                Mode::Word => self.word(rest, out),
                Mode::Garbage => self.garbage(rest, out),
                Mode::Resync => self.skip(rest),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Ends the input; whether it ended in the middle of something.
    pub(super) fn finish(&mut self, out: &mut Out<'_>) -> bool {
        let truncated = match self.mode {
            Mode::Between | Mode::Resync => self.hold != Hold::Stream,
            Mode::Garbage => {
                self.reject("a line that begins no JSON value", out);
                self.hold != Hold::Stream
            }
            Mode::Value | Mode::Text | Mode::Word => {
                if !self.tail {
                    let reject = self.reason().unwrap_or(Reject::Truncated);
                    out(Frame::Rejected(reject, "the input ends inside this record".to_owned()));
                }
                true
            }
        };
        self.mode = Mode::Between;
        self.hold = Hold::Stream;
        truncated
    }

    fn reason(&self) -> Option<Reject> {
        match (self.deep, self.dropped && !self.tail) {
            (true, _) => Some(Reject::TooDeep),
            (false, true) => Some(Reject::TooLarge),
            (false, false) => None,
        }
    }

    fn reject(&mut self, why: &str, out: &mut Out<'_>) {
        let reject = if matches!(self.mode, Mode::Value | Mode::Text) { self.reason() } else { None };
        out(Frame::Rejected(reject.unwrap_or(Reject::Malformed), why.to_owned()));
        if self.tail {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        self.tail = false;
        self.hold = Hold::Stream;
        out(Frame::Close);
    }

    fn begin(&mut self, mode: Mode, want: Want) {
        self.record.clear();
        self.dropped = false;
        self.tail = false;
        self.kinds = 0;
        self.depth = 0;
        self.deep = false;
        self.escape = false;
        self.in_key = false;
        self.head_end = 0;
        self.mode = mode;
        self.want = want;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.dropped || self.tail {
            return;
        }
        if self.record.len() + bytes.len() > self.limit {
            self.dropped = true;
            self.record = Vec::new();
        } else {
            self.record.extend_from_slice(bytes);
        }
    }

    fn between(&mut self, bytes: &[u8], out: &mut Out<'_>) -> usize {
        let blank = bytes.iter().take_while(|byte| is_blank(**byte) || **byte == b',').count();
        let Some(byte) = bytes.get(blank) else { return blank };
        match (byte, self.hold) {
            (b'{', _) => match self.skimmed(bytes.get(blank..).unwrap_or_default(), out) {
                Some(length) => return blank + length,
                None => self.begin(Mode::Value, Want::Value),
            },
            (b'[', Hold::Stream) if !self.prefixed => {
                self.hold = Hold::Array;
                return blank + 1;
            }
            (b']', Hold::Array) => {
                self.hold = Hold::Stream;
                return blank + 1;
            }
            (b']', Hold::Envelope) => {
                self.begin(Mode::Value, Want::Comma);
                self.tail = true;
                self.depth = 1;
                self.kinds = 1;
                self.hold = Hold::Stream;
                return blank + 1;
            }
            (b'[', Hold::Array | Hold::Envelope) => self.begin(Mode::Value, Want::Value),
            (b'"', hold) if hold != Hold::Stream || !self.prefixed => self.begin(Mode::Value, Want::Value),
            (byte, Hold::Array | Hold::Envelope) if is_word(*byte) => self.begin(Mode::Word, Want::Word),
            (_, Hold::Array | Hold::Envelope) => {
                self.reject("expected a JSON value", out);
                self.resync = 0;
                self.mode = Mode::Resync;
            }
            (_, Hold::Stream) => self.mode = Mode::Garbage,
        }
        blank
    }

    /// A record that lies whole in the chunk and has nothing unusual; gives its length.
    fn skimmed(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Option<usize> {
        if !self.skims {
            return None;
        }
        let stream = self.hold == Hold::Stream;
        let is_envelope = |name: &[u8]| stream && ENVELOPE_KEYS.iter().any(|key| key.as_bytes() == name);
        let listing = |parent: Option<Mark>, name: &[u8], first| {
            let refused = first == b'[' && parent.is_none() && is_envelope(name);
            if refused { None } else { listing(parent, name, first) }
        };
        let length = skim::object(bytes, listing, &mut self.members).filter(|length| *length <= self.limit)?;
        let json = std::str::from_utf8(bytes.get(..length)?).ok()?;
        out(Frame::Value(json, &self.members));
        Some(length)
    }

    fn value(&mut self, bytes: &[u8], out: &mut Out<'_>) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            let through = bytes.get(..=index).unwrap_or_default();
            match self.grammar(*byte, index) {
                Step::More => {}
                Step::Text => {
                    self.keep(through);
                    self.mode = Mode::Text;
                    return index + 1;
                }
                Step::Done => {
                    self.keep(through);
                    self.done(out);
                    return index + 1;
                }
                Step::Array => {
                    self.keep(bytes.get(..index).unwrap_or_default());
                    self.open(out);
                    return index + 1;
                }
                Step::Restart => {
                    self.reject("a `{` where none may stand: the record before it is not complete", out);
                    self.mode = Mode::Between;
                    return index;
                }
                Step::Bad => {
                    self.reject(&format!("unexpected `{}`", byte.escape_ascii()), out);
                    self.resync = u8::from(*byte == b'}');
                    self.mode = if *byte == b'\n' { Mode::Between } else { Mode::Resync };
                    return index + 1;
                }
            }
        }
        self.keep(bytes);
        bytes.len()
    }

    /// One byte outside of texts; `index` is its place in the chunk, behind what is kept.
    fn grammar(&mut self, byte: u8, index: usize) -> Step {
        if self.want == Want::Word {
            if is_word(byte) {
                return Step::More;
            }
            self.want = Want::Comma;
        }
        if is_blank(byte) {
            return Step::More;
        }
        if self.deep {
            return self.count(byte);
        }
        let object = self.kinds & 1 == 1;
        match (self.want, byte) {
            (Want::Value | Want::ValueOrEnd, b'[') if self.holds_records() => Step::Array,
            (Want::Value | Want::ValueOrEnd, b'{') => self.enter(1, Want::KeyOrEnd),
            (Want::Value | Want::ValueOrEnd, b'[') => self.enter(0, Want::ValueOrEnd),
            (Want::Value | Want::ValueOrEnd, b'"') => {
                self.want = Want::Comma;
                Step::Text
            }
            (Want::Key | Want::KeyOrEnd, b'"') => {
                self.want = Want::Colon;
                self.in_key = self.depth == 1;
                self.key.clear();
                Step::Text
            }
            (Want::Value | Want::ValueOrEnd, byte) if is_word(byte) => {
                self.want = Want::Word;
                Step::More
            }
            (Want::ValueOrEnd, b']') | (Want::KeyOrEnd, b'}') => self.leave(),
            (Want::Comma, b'}') if object => self.leave(),
            (Want::Comma, b']') if !object => self.leave(),
            (Want::Colon, b':') => {
                self.want = Want::Value;
                Step::More
            }
            (Want::Comma, b',') => {
                self.want = if object { Want::Key } else { Want::Value };
                if self.depth == 1 {
                    self.head_end = self.record.len() + index;
                }
                Step::More
            }
            (_, b'{') => Step::Restart,
            _ => Step::Bad,
        }
    }

    /// Beyond the depth limit only the number of open containers is kept.
    fn count(&mut self, byte: u8) -> Step {
        match byte {
            b'"' => return Step::Text,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth == 0 { Step::Done } else { Step::More }
    }

    fn enter(&mut self, kind: u128, want: Want) -> Step {
        self.depth += 1;
        self.deep = self.depth > DEPTH_MAX;
        self.kinds = (self.kinds << 1) | kind;
        self.want = want;
        Step::More
    }

    fn leave(&mut self) -> Step {
        self.depth = self.depth.saturating_sub(1);
        self.kinds >>= 1;
        self.want = Want::Comma;
        if self.depth == 0 { Step::Done } else { Step::More }
    }

    /// Whether an array that begins here is one whose elements are records.
    fn holds_records(&self) -> bool {
        self.hold == Hold::Stream
            && self.depth == 1
            && self.kinds & 1 == 1
            && !self.dropped
            && ENVELOPE_KEYS.iter().any(|key| key.as_bytes() == self.key)
    }

    fn open(&mut self, out: &mut Out<'_>) {
        if !self.tail {
            let mut head = std::mem::take(&mut self.record);
            head.truncate(self.head_end.max(1));
            head.push(b'}');
            // What isn't valid UTF-8 describes nothing; the records inside may still be fine.
            out(Frame::Open(std::str::from_utf8(&head).unwrap_or("{}")));
        }
        self.tail = false;
        self.hold = Hold::Envelope;
        self.mode = Mode::Between;
    }

    fn text(&mut self, bytes: &[u8], out: &mut Out<'_>) -> usize {
        if self.escape {
            self.escape = false;
            if bytes.first() != Some(&b'\n') {
                let first = bytes.get(..1).unwrap_or_default();
                self.capture(first);
                self.keep(first);
                return 1;
            }
        }
        let end = memchr3(b'"', b'\\', b'\n', bytes);
        let inner = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.capture(inner);
        let Some(end) = end else {
            self.keep(bytes);
            return bytes.len();
        };
        self.keep(bytes.get(..=end).unwrap_or_default());
        match bytes.get(end) {
            Some(b'\\') => {
                self.escape = true;
                self.capture(b"\\");
            }
            Some(b'"') if self.depth == 0 => self.done(out),
            Some(b'"') => {
                self.mode = Mode::Value;
                self.in_key = false;
            }
            _ => {
                self.reject("a line ends inside a text", out);
                self.mode = Mode::Between;
            }
        }
        end + 1
    }

    fn capture(&mut self, bytes: &[u8]) {
        if self.in_key {
            let room = 16_usize.saturating_sub(self.key.len());
            self.key.extend(bytes.iter().take(room));
        }
    }

    fn word(&mut self, bytes: &[u8], out: &mut Out<'_>) -> usize {
        let length = bytes.iter().take_while(|byte| is_word(**byte)).count();
        self.keep(bytes.get(..length).unwrap_or_default());
        if length < bytes.len() {
            self.done(out);
        }
        length
    }

    fn garbage(&mut self, bytes: &[u8], out: &mut Out<'_>) -> usize {
        let line = memchr(b'\n', bytes);
        if self.prefixed
            && let Some(start) = memchr(b'{', bytes.get(..line.unwrap_or(bytes.len())).unwrap_or_default())
        {
            self.mode = Mode::Between;
            return start;
        }
        let Some(line) = line else { return bytes.len() };
        self.reject("a line that begins no JSON value", out);
        self.mode = Mode::Between;
        line + 1
    }

    /// Finds where the next value may begin: behind a line's end, or in a container at the `{` of `}, {`.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            match (byte, self.resync) {
                (b'\n', _) => {
                    self.mode = Mode::Between;
                    return index + 1;
                }
                (b'{', 2) if self.hold != Hold::Stream => {
                    self.mode = Mode::Between;
                    return index;
                }
                (b'}', _) => self.resync = 1,
                (b',', 1) => self.resync = 2,
                (byte, _) if is_blank(*byte) => {}
                _ => self.resync = 0,
            }
        }
        bytes.len()
    }

    fn done(&mut self, out: &mut Out<'_>) {
        self.mode = Mode::Between;
        if self.tail {
            return self.close(out);
        }
        match (self.reason(), std::str::from_utf8(&self.record)) {
            (Some(Reject::TooDeep), _) => {
                out(Frame::Rejected(Reject::TooDeep, format!("nested deeper than {DEPTH_MAX}")));
            }
            (Some(reject), _) => out(Frame::Rejected(reject, format!("larger than {} bytes", self.limit))),
            (None, Ok(text)) => out(Frame::Value(text, &[])),
            (None, Err(_)) => out(Frame::Rejected(Reject::Malformed, "not valid UTF-8".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
