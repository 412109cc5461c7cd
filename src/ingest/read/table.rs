//! VPC Flow Logs as Parquet: one record a row, a row group at a time.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html>
//!
//! The reader is our own and knows flat tables of texts and numbers alone: those that are made for files of one's own (polars' among
//! them) trust the lengths in a file, and a damaged one ends the process.

use super::column::{Cell, Place};
use super::file::Outbox;
use super::thrift::{Cursor, Thrift};
use crate::access::ledger::FileFault;
use crate::ingest::decoded::Surround;
use crate::ingest::flow;
use crate::ingest::open::{Opened, Stop};

/// How a Parquet file begins and ends.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// A file of this form is held whole while it is read; a larger one is not read. AWS delivers files of at most some 75 MB.
const FILE_BYTES_MAX: usize = 1 << 30;

/// A larger footer is not read, in bytes: it is held as a tree.
const FOOTER_BYTES_MAX: usize = 16 << 20;

/// A row group of more rows is not read: all of its rows are in memory at once.
const GROUP_ROWS_MAX: usize = 1 << 21;

/// No log has more rows for each byte of its file: their times and ports differ.
const ROWS_A_BYTE_MAX: usize = 8;

/// Reads a table to the end.
pub(super) fn read(opened: &mut Opened, start: &[u8], stop: Option<Stop>, outbox: &mut Outbox<'_, '_>) -> Option<FileFault> {
    let mut bytes = start.to_vec();
    let mut chunk = Vec::new();
    if let Some(stop) = stop {
        return Some(super::file::fault_of(stop));
    }
    loop {
        match opened.next(&mut chunk) {
            Ok(()) if chunk.is_empty() => break,
            Ok(()) => bytes.extend_from_slice(&chunk),
            Err(stop) => return Some(super::file::fault_of(stop)),
        }
        if bytes.len() > FILE_BYTES_MAX {
            return Some(FileFault::Unreadable(format!("a Parquet file of more than {FILE_BYTES_MAX} bytes; split it")));
        }
    }
    let Some(footer) = footer(&bytes) else {
        return Some(FileFault::Truncated("the Parquet file has no end".to_owned()));
    };
    let Some(metadata) = Cursor(footer).fields() else {
        return Some(FileFault::Unreadable("the Parquet file's footer is damaged".to_owned()));
    };
    let wanted = wanted(&metadata);
    let has = |names: [&str; 2]| wanted.iter().any(|column| names.contains(&column.wanted));
    if !has(["srcaddr", "pkt-srcaddr"]) || !has(["dstaddr", "pkt-dstaddr"]) {
        return Some(outbox.foreign("a Parquet table without the columns of VPC Flow Logs"));
    }
    let claimed = metadata.list(4).iter().fold(0_usize, |sum, group| sum.saturating_add(group.count(3).unwrap_or_default()));
    if claimed > bytes.len().saturating_mul(ROWS_A_BYTE_MAX) {
        return Some(FileFault::Unreadable(format!("claims {claimed} rows, more than its bytes can hold")));
    }
    for group in metadata.list(4) {
        if let Err(why) = rows(&bytes, group, &wanted, outbox) {
            return Some(FileFault::Unreadable(why));
        }
        if outbox.is_stopped() {
            break;
        }
    }
    None
}

fn footer(bytes: &[u8]) -> Option<&[u8]> {
    let (before, length) = bytes.strip_suffix(MAGIC)?.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= FOOTER_BYTES_MAX)?;
    before.get(before.len().checked_sub(length)?..)
}

/// A column that is looked at.
struct Wanted<'a> {
    name: &'a str,
    /// As AWS spells it.
    wanted: &'static str,
    optional: bool,
}

/// The flat columns among the schema's.
fn wanted<'a>(metadata: &Thrift<'a>) -> Vec<Wanted<'a>> {
    let leaves = metadata.list(2).iter().skip(1).filter(|column| column.at(5).is_none() && column.number(3) != Some(2));
    let column = |column: &Thrift<'a>| {
        let name = column.at(4)?.text()?;
        Some(Wanted { name, wanted: flow::vpc::spelled(name)?, optional: column.number(3) == Some(1) })
    };
    leaves.filter_map(column).collect()
}

fn rows(bytes: &[u8], group: &Thrift<'_>, wanted: &[Wanted<'_>], outbox: &mut Outbox<'_, '_>) -> Result<(), String> {
    let rows = group.count(3).filter(|rows| *rows <= GROUP_ROWS_MAX);
    let rows = rows.ok_or_else(|| format!("a Parquet row group of more than {GROUP_ROWS_MAX} rows"))?;
    let mut columns: Vec<(&'static str, std::vec::IntoIter<Cell>)> = Vec::new();
    for column in wanted {
        let own = group.list(1).iter().filter_map(|chunk| chunk.at(3)).find(|chunk| {
            let path: Vec<Option<&str>> = chunk.list(3).iter().map(Thrift::text).collect();
            path == [Some(column.name)]
        });
        if let Some(metadata) = own {
            let place = Place { file: bytes, metadata, optional: column.optional, rows };
            columns.push((column.wanted, place.cells().map_err(|why| format!("{why} (`{}`)", column.wanted))?.into_iter()));
        }
    }
    let surround: Surround = outbox.surround().clone();
    for _ in 0..rows {
        let row = columns.iter_mut().filter_map(|(name, cells)| Some((*name, cells.next().flatten()?)));
        let texts: Vec<(&'static str, String)> = row.map(|(name, text)| (name, text.to_string())).collect();
        let bytes = texts.iter().map(|(_, text)| text.len()).sum();
        outbox.put(flow::of_row(&texts, &surround), bytes);
        if outbox.is_stopped() {
            break;
        }
    }
    Ok(())
}
