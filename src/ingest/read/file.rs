//! One input: its form told, its records framed and decoded, handed over in batches; its fault, if it has one.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use crate::access::ledger::FileFault;
use crate::access::observation::{Reject, Skip};
use crate::ingest::cloudtrail;
use crate::ingest::decoded::{Decoded, Leaf, Surround};
use crate::ingest::frame::{Frame, Framer};
use crate::ingest::memo::Memo;
use crate::ingest::open::{Buffers, Opened, Raw, Stop};
use crate::ingest::sniff::{CriLines, Form, SNIFF_BYTES, form_of, without_mark};
use crate::ingest::source::Input;
use crate::ingest::unwrap::Unwrapper;

use super::delivery::{Delivery, Send};
use super::{Options, Parcel, lines, table};

/// Records on their way from the framer to whoever takes them.
pub(super) struct Outbox<'a, 's> {
    unwrapper: Unwrapper<'a>,
    surround: Surround,
    inside: Option<(Surround, bool)>,
    delivery: Delivery<'a, 's>,
}

/// What a reading thread keeps from one file to the next.
pub(super) struct Desk {
    memo: RefCell<Memo>,
    buffers: Buffers,
}

impl Desk {
    pub(super) fn new(options: &Options<'_>) -> Self {
        Desk { memo: RefCell::new(Memo::new(options.plainly)), buffers: Buffers::default() }
    }
}

/// Reads one log; every batch goes to `send`, what is returned ends it.
pub(super) fn read(input: &Input, options: &Options<'_>, desk: &mut Desk, send: &mut Send<'_>) -> Parcel {
    let Desk { memo, buffers } = desk;
    let mut opened = match Opened::new(&input.path, options.file_bytes_max, buffers) {
        Ok(opened) => opened,
        Err((stop, raw)) => return end(Some(fault_of(stop)), &raw, 0),
    };
    let cluster = options.clusters.iter().find(|(_, pattern)| pattern.matches(&input.name)).map(|(name, _)| name.clone());
    let mut outbox = Outbox {
        unwrapper: Unwrapper {
            catalog: options.catalog,
            record_bytes_max: options.record_bytes_max,
            skims: !options.plainly,
            vpc_format: options.vpc_format,
            memo,
        },
        surround: Surround { cluster, ..Surround::default() },
        inside: None,
        delivery: Delivery::new(memo.borrow_mut().batches(), opened.raw().clone(), send),
    };
    let mut start = Vec::new();
    let mut fault = read_forms(&mut opened, &mut start, options, &mut outbox);
    if start.capacity() > buffers.whole.capacity() {
        buffers.whole = start;
    }
    if let Some(foreign) = outbox.delivery.finish() {
        fault = fault.filter(|fault| matches!(fault, FileFault::Unreadable(_))).or(Some(foreign));
    }
    end(fault, &outbox.delivery.raw, outbox.delivery.sent_raw_bytes)
}

fn end(fault: Option<FileFault>, raw: &Raw, sent: u64) -> Parcel {
    Parcel::End { fault, digest: raw.digest(), raw_bytes: raw.bytes().saturating_sub(sent) }
}

pub(super) fn fault_of(stop: Stop) -> FileFault {
    match stop {
        Stop::Truncated(why) => FileFault::Truncated(why),
        Stop::Unreadable(why) => FileFault::Unreadable(why),
    }
}

/// Reads enough to tell the form, then the rest in that form.
fn read_forms(opened: &mut Opened, start: &mut Vec<u8>, options: &Options<'_>, outbox: &mut Outbox<'_, '_>) -> Option<FileFault> {
    let mut chunk = Vec::new();
    let mut stop = None;
    while start.len() < SNIFF_BYTES {
        match opened.next(&mut chunk) {
            Ok(()) if chunk.is_empty() => break,
            Ok(()) if start.is_empty() => std::mem::swap(start, &mut chunk),
            Ok(()) => start.extend_from_slice(&chunk),
            Err(why) => {
                stop = Some(why);
                break;
            }
        }
        if start.trim_ascii_start().is_empty() {
            start.clear();
        }
    }
    if start.starts_with(table::MAGIC) {
        return table::read(opened, start, stop, outbox);
    }
    let form = form_of(start.get(..SNIFF_BYTES).unwrap_or(start));
    let start = without_mark(start);
    if let Some(format) = lines::format_of(start, options.vpc_format) {
        return lines::fault(lines::read(opened, start, stop, format, options.record_bytes_max, outbox));
    }
    match form {
        Form::Foreign(_) if start.is_empty() && stop.is_some() => stop.map(fault_of),
        Form::Foreign(why) => Some(outbox.foreign(&why)),
        Form::Json => read_json(opened, options, outbox, start, stop, None, false),
        Form::TextLines => read_json(opened, options, outbox, start, stop, None, true),
        Form::CriLines => read_json(opened, options, outbox, start, stop, Some(CriLines::default()), true),
        Form::Csv => read_csv(opened, options, outbox, start, stop),
    }
}

fn read_json(
    opened: &mut Opened,
    options: &Options<'_>,
    outbox: &mut Outbox<'_, '_>,
    start: &[u8],
    mut stop: Option<Stop>,
    mut lines: Option<CriLines>,
    prefixed: bool,
) -> Option<FileFault> {
    let mut framer = Framer::new(options.record_bytes_max, prefixed, !options.plainly);
    let mut stripped = Vec::new();
    let mut push = |bytes: &[u8], outbox: &mut Outbox<'_, '_>| {
        let bytes = match &mut lines {
            Some(lines) => {
                lines.strip(bytes, &mut stripped);
                &stripped
            }
            None => bytes,
        };
        framer.push(bytes, &mut |frame| outbox.take(frame));
    };
    push(start, outbox);
    while stop.is_none() && !outbox.is_stopped() {
        match opened.next_of_stream() {
            Ok([]) => break,
            Ok(bytes) => push(bytes, outbox),
            Err(why) => stop = Some(why),
        }
    }
    if outbox.is_stopped() {
        return None;
    }
    let cut = framer.finish(&mut |frame| outbox.take(frame));
    let cut = cut.then(|| {
        FileFault::Truncated(format!("ends in the middle of a record or list, at byte {}", outbox.delivery.raw.bytes()))
    });
    stop.map(fault_of).or(cut)
}

/// Ends a row that grows over the limit: the csv crate would keep all of it.
struct RowGuard<'a> {
    start: &'a [u8],
    opened: &'a mut Opened,
    chunk: Vec<u8>,
    given: usize,
    row_bytes: Rc<Cell<usize>>,
    row_bytes_max: usize,
    stop: Option<Stop>,
}

impl Read for RowGuard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row_bytes.get() > self.row_bytes_max {
            return Err(io::Error::other("a row is larger than the limit"));
        }
        let read = if self.start.is_empty() {
            if self.given == self.chunk.len() && self.stop.is_none() {
                self.given = 0;
                self.stop = self.opened.next(&mut self.chunk).err();
                if self.stop.is_some() {
                    self.chunk.clear();
                }
            }
            let read = self.chunk.get(self.given..).unwrap_or_default().read(buffer)?;
            self.given += read;
            read
        } else {
            self.start.read(buffer)?
        };
        self.row_bytes.set(self.row_bytes.get() + read);
        Ok(read)
    }
}

/// A table as Athena and CloudTrail Lake export it: a header, one record a row.
/// <https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table.html>
fn read_csv(
    opened: &mut Opened,
    options: &Options<'_>,
    outbox: &mut Outbox<'_, '_>,
    start: &[u8],
    stop: Option<Stop>,
) -> Option<FileFault> {
    let tab = start.split(|byte| *byte == b'\n').next().is_some_and(|header| header.contains(&b'\t'));
    let row_bytes = Rc::new(Cell::new(0));
    let mut guard = RowGuard {
        start,
        opened,
        chunk: Vec::new(),
        given: 0,
        row_bytes: Rc::clone(&row_bytes),
        row_bytes_max: options.record_bytes_max,
        stop,
    };
    let mut rows = csv::ReaderBuilder::new().flexible(true).delimiter(if tab { b'\t' } else { b',' }).from_reader(&mut guard);
    let header: Vec<String> = match rows.byte_headers() {
        Ok(header) => header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect(),
        Err(error) => return Some(outbox.foreign(&format!("a table whose header cannot be read ({error})"))),
    };
    let mut row = csv::ByteRecord::new();
    let mut failure = None;
    while !outbox.is_stopped() {
        row_bytes.set(0);
        match rows.read_byte_record(&mut row) {
            Ok(true) => outbox.row(&header, &row),
            Ok(false) => break,
            Err(error) => {
                outbox.put(Decoded::rejected(Reject::TooLarge, error.to_string()), 0);
                failure = Some(FileFault::Unreadable(format!("{error} (near byte {})", outbox.delivery.raw.bytes())));
                break;
            }
        }
    }
    drop(rows);
    guard.stop.map(fault_of).or(failure)
}

impl Outbox<'_, '_> {
    fn take(&mut self, frame: Frame<'_>) {
        if self.is_stopped() {
            return;
        }
        match frame {
            Frame::Open(head) => self.inside = Some(self.unwrapper.surround(head, &self.surround)),
            Frame::Close => self.inside = None,
            Frame::Value(json, members) => {
                let (surround, control) =
                    self.inside.as_ref().map_or((&self.surround, false), |(inside, control)| (inside, *control));
                let delivery = &mut self.delivery;
                delivery.count_bytes(json.len());
                if control {
                    Leaf::fresh(Decoded::skipped(Skip::Control), &mut |leaf| delivery.put(leaf));
                } else {
                    self.unwrapper.open(json, members, surround, &mut |leaf| delivery.put(leaf));
                }
                delivery.flush_if_full();
            }
            Frame::Rejected(reject, detail) => self.put(Decoded::rejected(reject, detail), 0),
        }
    }

    fn row(&mut self, header: &[String], row: &csv::ByteRecord) {
        if row.len() != header.len() {
            let detail = format!("a row of {} fields below a header of {}", row.len(), header.len());
            return self.put(Decoded::rejected(Reject::Malformed, detail), 0);
        }
        let columns = header.iter().zip(row).map(|(name, field)| (name.clone(), String::from_utf8_lossy(field).into_owned()));
        let columns = columns.collect();
        let decoded = cloudtrail::decode_columns(&columns, self.unwrapper.catalog);
        self.put(decoded, row.as_slice().len());
    }

    /// Whether nobody wants more.
    pub(super) fn is_stopped(&self) -> bool {
        self.delivery.stopped
    }

    /// What is known of every record of the file.
    pub(super) fn surround(&self) -> &Surround {
        &self.surround
    }

    /// Takes one decoded record, read from so many bytes.
    pub(super) fn put(&mut self, decoded: Decoded, bytes: usize) {
        self.delivery.count_bytes(bytes);
        Leaf::fresh(decoded, &mut |leaf| self.delivery.put(leaf));
        self.delivery.flush_if_full();
    }

    pub(super) fn foreign(&mut self, what: &str) -> FileFault {
        self.delivery.foreign(what)
    }
}
