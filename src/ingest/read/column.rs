//! A column of a Parquet row group as texts: pages of format 1 and 2, plain or by dictionary, in four compressions.
//! <https://parquet.apache.org/docs/file-format/>
//!
//! Invariant: nothing is allocated by a length that the file merely claims; what cannot be read says what it is.

use std::io::Read;
use std::rc::Rc;

use super::thrift::{Cursor, Thrift};

/// A page that grows larger is not read, in bytes.
const PAGE_BYTES_MAX: usize = 256 << 20;

/// A value as text; `None` for null.
pub(super) type Cell = Option<Rc<str>>;

/// Where a column stands and how it is written.
pub(super) struct Place<'a> {
    pub(super) file: &'a [u8],
    /// A `ColumnMetaData`.
    pub(super) metadata: &'a Thrift<'a>,
    /// Whether values may be null.
    pub(super) optional: bool,
    /// Rows of the group; never more cells are made.
    pub(super) rows: usize,
}

impl Place<'_> {
    /// Every value of the column, one for each row.
    ///
    /// # Errors
    /// What stands in the way: damage, an encoding or a compression that is not read.
    pub(super) fn cells(&self) -> Result<Vec<Cell>, String> {
        let damaged = || "damaged Parquet column".to_owned();
        let data = self.metadata.count(9).ok_or_else(damaged)?;
        let start = self.metadata.count(11).filter(|dictionary| *dictionary > 0).map_or(data, |dictionary| dictionary.min(data));
        let length = self.metadata.count(7).ok_or_else(damaged)?;
        let chunk = self.file.get(start..start.checked_add(length).ok_or_else(damaged)?).ok_or_else(damaged)?;
        let (mut cursor, mut dictionary, mut cells) = (Cursor(chunk), Vec::new(), Vec::new());
        while cells.len() < self.rows {
            let header = cursor.fields().ok_or_else(damaged)?;
            let body = header.count(3).and_then(|count| cursor.bytes(count)).ok_or_else(damaged)?;
            match header.number(1) {
                Some(2) => {
                    let head = header.at(7).ok_or_else(damaged)?;
                    let count = head.count(1).ok_or_else(damaged)?;
                    let page = self.unpacked(body, &header)?;
                    dictionary = self.plain(&mut Cursor(&page), count)?;
                }
                Some(0) => self.page(&header, body, &dictionary, &mut cells)?,
                Some(3) => self.second_page(&header, body, &dictionary, &mut cells)?,
                _ => {}
            }
        }
        if cells.len() == self.rows { Ok(cells) } else { Err(damaged()) }
    }

    fn page(&self, header: &Thrift<'_>, body: &[u8], dictionary: &[Rc<str>], cells: &mut Vec<Cell>) -> Result<(), String> {
        let damaged = || "damaged Parquet page".to_owned();
        let head = header.at(5).ok_or_else(damaged)?;
        let count = self.counted(head, cells)?;
        let page = self.unpacked(body, header)?;
        let mut cursor = Cursor(&page);
        let present = if self.optional {
            let length = cursor.bytes(4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(u32::from_le_bytes);
            let levels = length.and_then(|length| cursor.bytes(usize::try_from(length).ok()?)).ok_or_else(damaged)?;
            hybrid(Cursor(levels), 1, count).ok_or_else(damaged)?
        } else {
            vec![1; count]
        };
        self.values(head.number(2), cursor, &present, dictionary, cells)
    }

    fn second_page(&self, header: &Thrift<'_>, body: &[u8], dictionary: &[Rc<str>], cells: &mut Vec<Cell>) -> Result<(), String> {
        let damaged = || "damaged Parquet page".to_owned();
        let head = header.at(8).ok_or_else(damaged)?;
        let count = self.counted(head, cells)?;
        let mut cursor = Cursor(body);
        head.count(6).and_then(|repeated| cursor.bytes(repeated)).ok_or_else(damaged)?;
        let levels = head.count(5).and_then(|defined| cursor.bytes(defined)).ok_or_else(damaged)?;
        let present = if self.optional { hybrid(Cursor(levels), 1, count).ok_or_else(damaged)? } else { vec![1; count] };
        let packed = head.number(7) != Some(0);
        let page = if packed { self.unpacked(cursor.0, header)? } else { cursor.0.to_vec() };
        self.values(head.number(4), Cursor(&page), &present, dictionary, cells)
    }

    /// How many values a page holds; never more than rows are left.
    fn counted(&self, head: &Thrift<'_>, cells: &[Cell]) -> Result<usize, String> {
        let count = head.count(1).filter(|count| (1..=self.rows.saturating_sub(cells.len())).contains(count));
        count.ok_or_else(|| "a Parquet page of more values than there are rows".to_owned())
    }

    fn values(
        &self,
        encoding: Option<i64>,
        mut cursor: Cursor<'_>,
        present: &[u32],
        dictionary: &[Rc<str>],
        cells: &mut Vec<Cell>,
    ) -> Result<(), String> {
        let count = present.iter().filter(|level| **level == 1).count();
        let found: Vec<Rc<str>> = match encoding {
            Some(0) => self.plain(&mut cursor, count)?,
            Some(2 | 8) if count == 0 => Vec::new(),
            Some(2 | 8) => {
                let width = cursor.byte().filter(|width| *width <= 32);
                let places = width.and_then(|width| hybrid(cursor, u32::from(width), count));
                let of = |place: u32| dictionary.get(usize::try_from(place).ok()?).cloned();
                let found = places.and_then(|places| places.into_iter().map(of).collect());
                found.ok_or_else(|| "damaged Parquet dictionary".to_owned())?
            }
            other => return Err(format!("Parquet encoding {} is not read", other.unwrap_or(-1))),
        };
        let mut found = found.into_iter();
        cells.extend(present.iter().map(|level| if *level == 1 { found.next() } else { None }));
        Ok(())
    }

    fn plain(&self, cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Rc<str>>, String> {
        let kind = self.metadata.number(1);
        let one = |cursor: &mut Cursor<'_>| -> Option<Rc<str>> {
            match kind {
                Some(1) => Some(i32::from_le_bytes(cursor.bytes(4)?.try_into().ok()?).to_string().into()),
                Some(2) => Some(i64::from_le_bytes(cursor.bytes(8)?.try_into().ok()?).to_string().into()),
                Some(6) => {
                    let length = u32::from_le_bytes(cursor.bytes(4)?.try_into().ok()?);
                    Some(String::from_utf8_lossy(cursor.bytes(usize::try_from(length).ok()?)?).into())
                }
                _ => None,
            }
        };
        if !matches!(kind, Some(1 | 2 | 6)) {
            return Err(format!("Parquet type {} in a column of text or numbers", kind.unwrap_or(-1)));
        }
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(one(cursor).ok_or_else(|| "damaged Parquet values".to_owned())?);
        }
        Ok(found)
    }

    fn unpacked(&self, body: &[u8], header: &Thrift<'_>) -> Result<Vec<u8>, String> {
        let limit = header.count(2).unwrap_or_default().min(PAGE_BYTES_MAX);
        let read = |reader: &mut dyn Read| {
            let mut page = Vec::new();
            let most = u64::try_from(limit).unwrap_or(u64::MAX);
            reader.take(most).read_to_end(&mut page).map(|_| page).map_err(|error| format!("damaged Parquet page: {error}"))
        };
        match self.metadata.number(4) {
            Some(0) => Ok(body.to_vec()),
            Some(1) => {
                let length = snap::raw::decompress_len(body).map_err(|error| error.to_string())?;
                if length > PAGE_BYTES_MAX {
                    return Err(format!("a Parquet page of more than {PAGE_BYTES_MAX} bytes"));
                }
                snap::raw::Decoder::new().decompress_vec(body).map_err(|error| format!("damaged Parquet page: {error}"))
            }
            Some(2) => read(&mut flate2::read::MultiGzDecoder::new(body)),
            Some(6) => read(&mut zstd::stream::read::Decoder::new(body).map_err(|error| error.to_string())?),
            other => Err(format!("Parquet compression {} is not read", other.unwrap_or(-1))),
        }
    }
}

/// Numbers in runs, or packed by their width in bits. <https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>
fn hybrid(mut cursor: Cursor<'_>, width: u32, count: usize) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    while found.len() < count {
        let head = cursor.varint()?;
        let run = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let bytes = cursor.bytes(usize::try_from(width.div_ceil(8)).ok()?)?;
            let value = bytes.iter().rev().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
            found.extend(std::iter::repeat_n(value, run.min(count - found.len())));
            if run == 0 {
                return None;
            }
        } else {
            let bytes = cursor.bytes(run.checked_mul(usize::try_from(width).ok()?)?)?;
            if run == 0 {
                return None;
            }
            let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| u32::from((byte >> (at % 8)) & 1));
            let width = usize::try_from(width).ok()?;
            let left = run.checked_mul(8)?.min(count - found.len());
            found.extend((0..left).map(|place| (0..width).fold(0_u32, |sum, own| sum | (bit(place * width + own) << own))));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_packed_numbers_are_read_and_lies_are_not() {
        assert_eq!(hybrid(Cursor(&[8, 1]), 1, 4), Some(vec![1; 4]));
        // The specification's own example: 0 to 7 in three bits.
        assert_eq!(hybrid(Cursor(&[3, 0b1000_1000, 0b1100_0110, 0b1111_1010]), 3, 8), Some((0..8).collect()));
        assert_eq!(hybrid(Cursor(&[0xff, 0xff, 0xff, 0xff, 0x0f]), 8, 4), None);
        assert_eq!(hybrid(Cursor(&[0, 1]), 1, 4), None);
        assert_eq!(hybrid(Cursor(&[]), 1, 1), None);
    }
}
