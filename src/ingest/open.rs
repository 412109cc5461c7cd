//! Opened: the bytes of one input, hashed as they are read, decompressed by what they are, bounded against bombs.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// Bytes read at once.
const CHUNK_BYTES: usize = 128 << 10;

/// Compressions inside each other that are undone: a gzipped file of gzipped deliveries is two.
const LAYERS_MAX: u32 = 3;

/// How many times larger than its file a log may grow, once it is larger than [`EXPANSION_FREE_BYTES`].
const EXPANSION_MAX: u64 = 1000;

/// Up to this size any expansion is fine.
const EXPANSION_FREE_BYTES: u64 = 1 << 30;

/// What was read of the file itself, shared with the reader at the bottom.
#[derive(Debug, Clone, Default)]
pub(super) struct Raw(Rc<RawState>);

#[derive(Debug, Default)]
struct RawState {
    bytes: Cell<u64>,
    hash: RefCell<blake3::Hasher>,
}

impl Raw {
    /// Bytes of the file read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }

    /// BLAKE3 of what was read, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        self.0.hash.borrow().finalize().to_hex().to_string()
    }
}

struct Counted {
    file: File,
    raw: Raw,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let state = &self.raw.0;
        state.bytes.set(state.bytes.get() + u64::try_from(read).unwrap_or(u64::MAX));
        state.hash.borrow_mut().update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Why decompressed bytes stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The compressed data ends too early.
    Truncated(String),
    /// It cannot be read on.
    Unreadable(String),
}

/// Decompressed bytes of a file.
pub(super) struct Opened {
    stream: Box<dyn BufRead>,
    raw: Raw,
    bytes: u64,
    bytes_max: u64,
    compressed: bool,
}

impl Opened {
    /// Opens a file and looks at its first bytes.
    pub(super) fn new(path: &Path, bytes_max: u64) -> Result<Self, (Stop, Raw)> {
        let raw = Raw::default();
        let opened = File::open(path).and_then(|file| {
            let counted = Counted { file, raw: raw.clone() };
            unpack(Box::new(BufReader::with_capacity(CHUNK_BYTES, counted)))
        });
        match opened {
            Ok((stream, compressed)) => Ok(Opened { stream, raw, bytes: 0, bytes_max, compressed }),
            Err(error) => Err((stop_of(&error, raw.bytes()), raw)),
        }
    }

    /// What was read of the file itself.
    pub(super) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Replaces `chunk` by the next bytes; empty at the end.
    pub(super) fn next(&mut self, chunk: &mut Vec<u8>) -> Result<(), Stop> {
        chunk.clear();
        let length = loop {
            match self.stream.fill_buf() {
                Ok(bytes) => {
                    chunk.extend_from_slice(bytes);
                    break bytes.len();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(stop_of(&error, self.raw.bytes())),
            }
        };
        self.stream.consume(length);
        self.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        if self.bytes > self.bytes_max {
            let limit = self.bytes_max;
            return Err(Stop::Unreadable(format!("holds more than {limit} bytes when decompressed; split it")));
        }
        let expansion = self.bytes / self.raw.bytes().max(1);
        if self.compressed && self.bytes > EXPANSION_FREE_BYTES && expansion > EXPANSION_MAX {
            return Err(Stop::Unreadable(format!("grows {expansion} times when decompressed: no log does")));
        }
        Ok(())
    }
}

/// Undoes compression as told by magic numbers (RFC 1952, RFC 8878), never by a name.
fn unpack(mut stream: Box<dyn BufRead>) -> io::Result<(Box<dyn BufRead>, bool)> {
    let mut compressed = false;
    for _ in 0..LAYERS_MAX {
        stream = match stream.fill_buf()? {
            [0x1f, 0x8b, ..] => {
                Box::new(BufReader::with_capacity(CHUNK_BYTES, flate2::bufread::MultiGzDecoder::new(stream))) as Box<dyn BufRead>
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Box::new(BufReader::with_capacity(CHUNK_BYTES, zstd::stream::read::Decoder::with_buffer(stream)?))
            }
            _ => break,
        };
        compressed = true;
    }
    Ok((stream, compressed))
}

fn stop_of(error: &io::Error, raw_bytes: u64) -> Stop {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Stop::Truncated(format!("the compressed data ends too early, at byte {raw_bytes}"))
    } else {
        Stop::Unreadable(format!("{error} (near byte {raw_bytes})"))
    }
}
