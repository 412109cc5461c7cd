//! Opened: the bytes of one input, hashed as they are read, decompressed by what they are, bounded against bombs.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use memchr::memmem;

/// Bytes read at once.
const CHUNK_BYTES: usize = 512 << 10;

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

/// A gzip file of at most this many bytes may be decompressed in one step.
const WHOLE_BYTES_MAX: u64 = 8 << 20;

/// And only into so many bytes.
const INFLATED_BYTES_MAX: usize = 32 << 20;

/// What one file after another is read into: fresh memory costs as much as decompression itself.
#[derive(Default)]
pub(super) struct Buffers {
    packed: Vec<u8>,
    /// Decompressed bytes; of a file that was read, whatever is in it is of no use any more.
    pub(super) whole: Vec<u8>,
}

/// Decompressed bytes of a file.
pub(super) struct Opened {
    /// All of it, where it was decompressed in one step and not yet given.
    whole: Option<Vec<u8>>,
    stream: Box<dyn BufRead>,
    /// How many bytes of the stream's buffer were given.
    given: usize,
    raw: Raw,
    bytes: u64,
    bytes_max: u64,
    compressed: bool,
}

impl Opened {
    /// Opens a file and looks at its first bytes.
    pub(super) fn new(path: &Path, bytes_max: u64, buffers: &mut Buffers) -> Result<Self, (Stop, Raw)> {
        let raw = Raw::default();
        if let Some(whole) = inflated(path, &raw, buffers) {
            return Ok(Opened {
                whole: Some(whole),
                stream: Box::new(io::empty()),
                given: 0,
                raw,
                bytes: 0,
                bytes_max,
                compressed: true,
            });
        }
        let opened = File::open(path).and_then(|file| {
            let counted = Counted { file, raw: raw.clone() };
            unpack(Box::new(BufReader::with_capacity(CHUNK_BYTES, counted)))
        });
        match opened {
            Ok((stream, compressed)) => Ok(Opened { whole: None, stream, given: 0, raw, bytes: 0, bytes_max, compressed }),
            Err(error) => Err((stop_of(&error, raw.bytes()), raw)),
        }
    }

    /// What was read of the file itself.
    pub(super) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Replaces `chunk` by the next bytes; empty at the end.
    pub(super) fn next(&mut self, chunk: &mut Vec<u8>) -> Result<(), Stop> {
        match self.whole.take() {
            Some(whole) => {
                *chunk = whole;
                self.count(chunk.len())
            }
            None => {
                chunk.clear();
                chunk.extend_from_slice(self.next_of_stream()?);
                Ok(())
            }
        }
    }

    /// The next bytes behind what [`Opened::next`] gave first; empty at the end.
    pub(super) fn next_of_stream(&mut self) -> Result<&[u8], Stop> {
        self.stream.consume(std::mem::take(&mut self.given));
        let length = loop {
            match self.stream.fill_buf() {
                Ok(bytes) => break bytes.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(stop_of(&error, self.raw.bytes())),
            }
        };
        self.given = length;
        self.count(length)?;
        // They are there already.
        self.stream.fill_buf().map_err(|error| stop_of(&error, self.raw.bytes()))
    }

    /// Counts bytes, of which there may be too many.
    fn count(&mut self, length: usize) -> Result<(), Stop> {
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

/// A small gzip file of one member, decompressed in one step: twice as fast as a stream. `None` for any other file, and for one that is
/// damaged: of that the stream gives what is there, and says what is wrong.
fn inflated(path: &Path, raw: &Raw, buffers: &mut Buffers) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() <= WHOLE_BYTES_MAX)?;
    let mut start = [0; 3];
    file.read_exact(&mut start).ok().filter(|()| start == GZIP)?;
    let Buffers { packed, whole } = buffers;
    packed.clear();
    packed.extend_from_slice(&start);
    packed.reserve_exact(usize::try_from(metadata.len()).ok()?);
    file.take(WHOLE_BYTES_MAX).read_to_end(packed).ok()?;
    // Another member may begin here; what looks so by chance is streamed too.
    if memmem::find(packed.get(GZIP.len()..)?, &GZIP).is_some() {
        return None;
    }
    let (_, size) = packed.split_last_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok().filter(|size| *size <= INFLATED_BYTES_MAX)?;
    // What it holds is overwritten.
    whole.reserve_exact(size.saturating_sub(whole.len()));
    whole.resize(whole.len().max(size), 0);
    let bytes = whole.get_mut(..size)?;
    let length = libdeflater::Decompressor::new().gzip_decompress(packed, bytes).ok()?;
    // Compression inside compression is undone by the stream.
    if length != size || length == 0 || is_packed(bytes) {
        return None;
    }
    let state = &raw.0;
    state.bytes.set(u64::try_from(packed.len()).ok()?);
    state.hash.borrow_mut().update(packed);
    whole.truncate(size);
    Some(std::mem::take(whole))
}

/// How a gzip file begins (RFC 1952); there is no other method than 8.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Whether bytes are compressed, as told by magic numbers.
fn is_packed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
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
