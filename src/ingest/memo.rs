//! The memo: records that differ in nothing that translation reads are translated once.
//!
//! ```text
//! record --sign--> what translation reads, as written --seen before?--> what it said then
//! ```
//!
//! Invariant: what is recalled equals what decoding the record afresh would give, id and time aside.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::decoded::{Decoded, Dependence, ID_BYTES_MAX, Leaf, Said, Stage};
use super::members::Members;

/// How much the signatures of one memo may take, in bytes; then it is emptied.
const BYTES_MAX: usize = 24 << 20;

/// What one kept translation takes beside its signature, in bytes, roughly.
const SAID_BYTES: usize = 2 << 10;

/// A record of a form that can be recalled.
pub(super) trait Signed {
    /// Its own id and time; `None` where they are not spelled plainly, then it is never recalled.
    fn id_and_time(&self) -> Option<(&str, Timestamp)>;

    /// Writes everything that translation reads, the id and the time aside, and the answer's body only with `response`; `false`
    /// where the record can never be recalled.
    fn sign(&self, response: bool, signature: &mut Signature) -> bool;
}

/// What translation reads of a record.
#[derive(Debug, Default)]
pub(super) struct Signature(Vec<u8>);

impl Signature {
    /// Adds one member; lengths stand before the texts, so that no two sets of members are written alike.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.0.extend_from_slice(&part.len().to_le_bytes());
            self.0.extend_from_slice(part.as_bytes());
        }
    }
}

/// What was translated before, by signature.
#[derive(Debug, Default)]
pub(super) struct Memo {
    known: HashMap<Box<[u8]>, Known>,
    bytes: usize,
    signature: Signature,
}

/// What is known of a signature without the response.
#[derive(Debug)]
enum Known {
    Said(Stage, Arc<Said>),
    /// The response was read: the signature has to hold it.
    WithResponse,
}

impl Memo {
    /// The record as recalled, or as `decode` has it; `None` where that gives none.
    pub(super) fn decoded(
        &mut self,
        record: &impl Signed,
        decode: impl FnOnce() -> Option<(Decoded, Dependence)>,
    ) -> Option<Leaf> {
        let own = record.id_and_time().filter(|_| self.sign(record, false));
        let Some((id, time)) = own else { return decode().map(|(decoded, _)| decoded.into()) };
        let mut known = self.known.get(self.signature.0.as_slice());
        if let Some(Known::WithResponse) = known {
            self.sign(record, true);
            known = self.known.get(self.signature.0.as_slice());
        }
        if let Some(Known::Said(stage, said)) = known {
            return Some(Leaf { id: id.to_owned(), stage: *stage, time: Some(time), said: Arc::clone(said) });
        }
        let (decoded, dependence) = decode()?;
        let leaf = Leaf::from(decoded);
        self.keep(record, &leaf, dependence);
        Some(leaf)
    }

    fn keep(&mut self, record: &impl Signed, leaf: &Leaf, dependence: Dependence) {
        if dependence == Dependence::Unique {
            return;
        }
        if self.bytes > BYTES_MAX {
            self.known.clear();
            self.bytes = 0;
        }
        self.sign(record, false);
        if dependence == Dependence::WithResponse {
            self.insert(Known::WithResponse);
            self.sign(record, true);
        }
        self.insert(Known::Said(leaf.stage, Arc::clone(&leaf.said)));
    }

    fn insert(&mut self, known: Known) {
        self.bytes += self.signature.0.len() + SAID_BYTES;
        self.known.insert(self.signature.0.as_slice().into(), known);
    }

    fn sign(&mut self, record: &impl Signed, response: bool) -> bool {
        self.signature.0.clear();
        record.sign(response, &mut self.signature)
    }
}

/// A member that is a text without escapes, short enough for an id.
pub(super) fn plain<'a>(members: &Members<'a>, name: &str) -> Option<&'a str> {
    let text = members.get(name)?.strip_prefix('"')?.strip_suffix('"')?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains('\\')).then_some(text)
}
