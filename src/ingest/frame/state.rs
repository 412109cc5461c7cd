//! The framer's states: what holds the next value, where in it the framer stands, what the grammar allows.

/// What holds the values that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Stream,
    Array,
    Envelope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Between two values.
    Between,
    /// In a value, outside of texts.
    Value,
    /// In a text of a value.
    Text,
    /// In a number or a word that is itself an element.
    Word,
    /// In a line that begins no value.
    Garbage,
    /// Behind a malformed value, up to where the next may begin.
    Resync,
}

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    Comma,
    /// In a number or a word.
    Word,
}

pub(super) enum Step {
    More,
    Text,
    Done,
    /// A `{` where none may stand: the next value begins here.
    Restart,
    Array,
    Bad,
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
