//! The text of a catalog, indexed: its head is read, of each service only where its lines stand.
//!
//! bytes --zstd, checksum--> text --one walk--> head, and the range of each service
//!
//! Invariant: every line has one of the shapes of [`SHAPES`].

use std::collections::BTreeMap;
use std::ops::Range;

use super::{CatalogError, FORMAT_VERSION, Source};

/// The most that catalog bytes may unpack to.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// What stands first in a line within a service, how many separators follow, and whether it is about calls.
const SHAPES: [(&str, usize, bool); 4] =
    [("type\t", 2, false), ("action\t", 5, false), ("operation\t", 5, true), ("forward\t", 3, true)];

/// Where the lines of one service stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Types and actions.
    pub(super) reference: Range<usize>,
    /// Operations and forwarded calls; they follow.
    pub(super) calls: Range<usize>,
}

/// The text and what its head says.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
    pub(super) date: String,
    pub(super) sources: Vec<Source>,
    pub(super) conflicts: BTreeMap<String, u64>,
    pub(super) hosts: BTreeMap<String, Vec<String>>,
    pub(super) blocks: BTreeMap<String, Block>,
}

impl Text {
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Text, CatalogError> {
        let text = zstd::bulk::decompress(bytes, TEXT_BYTES_MAX).map_err(CatalogError::Compressed)?;
        let mut text = String::from_utf8(text).map_err(|_| CatalogError::Encoding)?;
        // Decompression reserves room for the largest text.
        text.shrink_to_fit();
        Text::index(text)
    }

    pub(super) fn index(text: String) -> Result<Text, CatalogError> {
        let mut index = Text::default();
        let mut current: Option<(String, Block)> = None;
        let mut start = 0_usize;
        let mut number = 0_usize;
        while let Some(line) = text.get(start..).filter(|rest| !rest.is_empty()) {
            number += 1;
            let length = memchr::memchr(b'\n', line.as_bytes()).unwrap_or(line.len());
            let line = line.get(..length).unwrap_or_default();
            let end = (start + length + 1).min(text.len());
            if number == 1 {
                if line != format!("tightfit-catalog\t{FORMAT_VERSION}") {
                    return Err(CatalogError::Version);
                }
            } else if let Some(name) = line.strip_prefix("service\t") {
                index.blocks.extend(current.take());
                current = Some((name.to_owned(), Block { reference: end..end, calls: end..end }));
            } else {
                match &mut current {
                    Some((_, block)) => block.extend(line, end).ok_or(CatalogError::Line { number })?,
                    None => index.head(line).ok_or(CatalogError::Line { number })?,
                }
            }
            start = end;
        }
        if number == 0 {
            return Err(CatalogError::Version);
        }
        index.blocks.extend(current);
        index.text = text;
        Ok(index)
    }

    fn head(&mut self, line: &str) -> Option<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["date", date] => self.date = (*date).to_owned(),
            ["source", name, version, licence, home] => self.sources.push(Source {
                name: (*name).to_owned(),
                version: (*version).to_owned(),
                licence: (*licence).to_owned(),
                home: (*home).to_owned(),
            }),
            ["conflict", kind, count] => {
                self.conflicts.insert((*kind).to_owned(), count.parse().ok()?);
            }
            ["host", host, prefixes] => {
                self.hosts.insert((*host).to_owned(), prefixes.split(' ').map(str::to_owned).collect());
            }
            _ => return None,
        }
        Some(())
    }

    /// One part of a service's lines; empty for an unknown service.
    pub(super) fn part(&self, prefix: &str, pick: impl Fn(&Block) -> &Range<usize>) -> &str {
        self.blocks.get(prefix).and_then(|block| self.text.get(pick(block).clone())).unwrap_or_default()
    }
}

impl Block {
    /// Takes a line in; `None` where it has none of the shapes, or a reference line follows a call.
    fn extend(&mut self, line: &str, end: usize) -> Option<()> {
        let (_, separators, call) = *SHAPES.iter().find(|(first, _, _)| line.starts_with(first))?;
        if memchr::memchr_iter(b'\t', line.as_bytes()).count() != separators {
            return None;
        }
        if call {
            self.calls.end = end;
        } else if self.calls.is_empty() {
            self.reference.end = end;
            self.calls = end..end;
        } else {
            return None;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        zstd::bulk::compress(text.as_bytes(), 1).unwrap()
    }

    #[test]
    fn other_bytes_are_refused() {
        let read = |text: &str| Text::from_bytes(&packed(text));
        assert!(matches!(Text::from_bytes(b"plain"), Err(CatalogError::Compressed(_))));
        assert!(matches!(Text::from_bytes(&packed("\u{0}").split_off(3)), Err(CatalogError::Compressed(_))));
        for other in ["", "tightfit-catalog\t1\n", "tightfit-catalog\t22\n"] {
            assert!(matches!(read(other), Err(CatalogError::Version)), "{other:?}");
        }
        let head = "tightfit-catalog\t2\n";
        for (text, line) in [
            ("type\ta\tb\n", 2),
            ("service\ts\ntype\ta\n", 3),
            ("service\ts\noperation\ta\tb\tc\td\te\ntype\ta\tb\n", 4),
            ("conflict\tkind\tmany\n", 2),
            ("\n", 2),
        ] {
            let ended = read(&format!("{head}{text}"));
            assert!(matches!(ended, Err(CatalogError::Line { number }) if number == line), "{text:?}");
        }
    }

    #[test]
    fn parts_of_a_service_are_found() {
        let text = "tightfit-catalog\t2\ndate\t2026-01-01\nconflict\tk\t3\nhost\th\tp q\nservice\ta\nservice\tb\ntype\tt\tarn\n\
                    action\tA\tRead\t\t\t\noperation\tO\trule\t-\t\t\nforward\tO\ts:A\tv";
        let index = Text::index(text.to_owned()).unwrap();
        assert_eq!((index.date.as_str(), index.conflicts.get("k")), ("2026-01-01", Some(&3)));
        assert_eq!(index.hosts.get("h").map(Vec::len), Some(2));
        assert_eq!(index.part("a", |block| &block.reference), "");
        assert_eq!(index.part("b", |block| &block.reference), "type\tt\tarn\naction\tA\tRead\t\t\t\n");
        assert_eq!(index.part("b", |block| &block.calls), "operation\tO\trule\t-\t\t\nforward\tO\ts:A\tv");
        assert_eq!(index.part("c", |block| &block.calls), "");
    }
}
