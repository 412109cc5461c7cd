//! Thrift's compact protocol, as far as Parquet's footers and page headers need it; every length is held against the bytes there are.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Structures inside each other that are read.
const DEPTH_MAX: u32 = 16;

/// A value. What is neither a number, bytes, a list nor a structure is read over.
#[derive(Debug)]
pub(super) enum Thrift<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    List(Vec<Thrift<'a>>),
    Fields(Vec<(i64, Thrift<'a>)>),
}

/// Bytes that are being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in groups of seven bits, the lowest first.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10_u32 {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        let half = i64::try_from(number >> 1).ok()?;
        Some(if number & 1 == 0 { half } else { -half - 1 })
    }

    /// A structure; `None` where the bytes are none.
    pub(super) fn fields(&mut self) -> Option<Thrift<'a>> {
        self.structure(0)
    }

    fn structure(&mut self, depth: u32) -> Option<Thrift<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let (mut fields, mut id) = (Vec::new(), 0_i64);
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Thrift::Fields(fields));
            }
            id = if head >> 4 == 0 { self.zigzag()? } else { id.checked_add(i64::from(head >> 4))? };
            let value = match head & 0x0f {
                1 => Thrift::Number(1),
                2 => Thrift::Number(0),
                kind => self.value(kind, depth)?,
            };
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Option<Thrift<'a>> {
        match kind {
            1..=3 => self.byte().map(|byte| Thrift::Number(i64::from(byte))),
            4..=6 => self.zigzag().map(Thrift::Number),
            7 => self.bytes(8).map(Thrift::Bytes),
            8 => {
                let count = usize::try_from(self.varint()?).ok()?;
                self.bytes(count).map(Thrift::Bytes)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Each element takes a byte at least, so the bytes that are there bound their number.
                if count > u64::try_from(self.0.len()).ok()? || depth > DEPTH_MAX {
                    return None;
                }
                (0..count).map(|_| self.value(head & 0x0f, depth + 1)).collect::<Option<_>>().map(Thrift::List)
            }
            12 => self.structure(depth + 1),
            _ => None,
        }
    }
}

impl<'a> Thrift<'a> {
    /// A field of a structure.
    pub(super) fn at(&self, id: i64) -> Option<&Thrift<'a>> {
        match self {
            Thrift::Fields(fields) => fields.iter().find(|(own, _)| *own == id).map(|(_, value)| value),
            Thrift::Number(_) | Thrift::Bytes(_) | Thrift::List(_) => None,
        }
    }

    /// A field that is a number.
    pub(super) fn number(&self, id: i64) -> Option<i64> {
        match self.at(id)? {
            Thrift::Number(number) => Some(*number),
            Thrift::Bytes(_) | Thrift::List(_) | Thrift::Fields(_) => None,
        }
    }

    /// A field that is a number of bytes or of values.
    pub(super) fn count(&self, id: i64) -> Option<usize> {
        self.number(id).and_then(|number| usize::try_from(number).ok())
    }

    /// A field that is a list; empty where there is none.
    pub(super) fn list(&self, id: i64) -> &[Thrift<'a>] {
        match self.at(id) {
            Some(Thrift::List(list)) => list,
            Some(Thrift::Number(_) | Thrift::Bytes(_) | Thrift::Fields(_)) | None => &[],
        }
    }

    /// Bytes as text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Thrift::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Thrift::Number(_) | Thrift::List(_) | Thrift::Fields(_) => None,
        }
    }
}
