//! The memo: records that differ in nothing that translation reads are translated once.
//!
//! ```text
//! record --sign--> what decides which values are read --read--> those values --seen before?--> what it said then
//! ```
//!
//! Invariant: what is recalled equals what decoding the record afresh would give, id and time aside.

use std::sync::Arc;

use jiff::Timestamp;
use memchr::{memchr_iter, memmem};
use rapidhash::{RapidHashMap, RapidHashSet};

use super::decoded::{Decoded, Dependence, Kept, Leaf, Reads};
use super::skimmed::Named;
use crate::access::pod::Pod;

/// How much the signatures of one memo may take, in bytes; then it is emptied.
const BYTES_MAX: usize = 24 << 20;

/// What one kept translation takes beside its signature, in bytes, roughly.
const SAID_BYTES: usize = 2 << 10;

/// Sets of values that records of one signature were seen to read; records that read yet another are decoded every time.
const READS_MAX: usize = 4;

/// Pods of which no two are alike that are kept to be shared; each takes some kilobytes.
const PODS_MAX: usize = 1024;

/// A shorter name stands in other text by chance, in bytes.
const NAME_BYTES_MIN: usize = 3;

/// What a record shows of itself alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) id: &'a str,
    pub(super) time: Timestamp,
    /// The name that it has of its own, where it is spelled plainly.
    pub(super) name: Option<&'a str>,
}

/// A record of a form that can be recalled.
pub(super) trait Signed {
    /// Writes what decides which of its values translation reads, the id and the time aside, and every value that is always read.
    /// With `named`, its own name is left out, where it is spelled plainly. `None` where the record can never be recalled.
    fn sign(&self, named: bool, signature: &mut Signature) -> Option<Own<'_>>;

    /// Writes the values of a set, `name` left out where it is one.
    fn read(&self, reads: &Reads, name: Option<&str>, signature: &mut Signature);
}

/// What translation reads of a record.
#[derive(Debug, Default)]
pub(super) struct Signature(Vec<u8>);

impl Signature {
    /// Adds one member; lengths stand before the texts, so that no two sets of members are written alike.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        self.0.reserve(2 * size_of::<u32>() + name.len() + value.len());
        for part in [name, value] {
            // A record is smaller than this.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            self.0.extend_from_slice(&length.to_le_bytes());
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Adds a list of resources without the name that some of them end in; the name holds no quote.
    pub(super) fn put_without(&mut self, resources: &str, name: &str) {
        let mut rest = resources;
        for quote in memchr_iter(b'"', resources.as_bytes()) {
            let Some((before, after)) = rest.split_at_checked(quote - (resources.len() - rest.len())) else { continue };
            if let Some(before) = before.strip_suffix(name).filter(|before| before.ends_with(['/', ':'])) {
                self.put(before, "\u{1}");
                rest = after;
            }
        }
        self.put("", rest);
    }

    /// Adds an object whose members `put` adds.
    pub(super) fn nested(&mut self, object: Named<'_>, put: impl Fn(Named<'_>, &mut Self)) {
        self.put(object.name, "{");
        object.below.own().for_each(|own| put(own, self));
        self.put("", "}");
    }
}

/// What was translated before, by signature.
#[derive(Debug, Default)]
pub(super) struct Memo {
    known: RapidHashMap<Box<[u8]>, Known>,
    bytes: usize,
    kinds: u64,
    signature: Signature,
    batches: u64,
    forgets: bool,
    pods: RapidHashSet<Arc<Pod>>,
}

/// What is known of a signature.
#[derive(Debug)]
enum Known {
    Said(Kept),
    /// It decides only together with one of these sets of values.
    Kind {
        number: u64,
        reads: Vec<Reads>,
    },
}

impl Memo {
    /// An empty one; with `forgets` it stays so.
    pub(super) fn new(forgets: bool) -> Self {
        Memo { forgets, ..Memo::default() }
    }

    /// The first of numbers that no other batch bears.
    pub(super) fn batches(&mut self) -> u64 {
        self.batches += 1 << 32;
        self.batches
    }

    /// Hands over the record as recalled, or as `decode` has it; `false` where that gives none.
    pub(super) fn recall(
        &mut self,
        record: &impl Signed,
        decode: impl FnOnce() -> Option<(Decoded, Dependence)>,
        out: &mut dyn FnMut(Leaf<'_>),
    ) -> bool {
        if self.forgets {
            return decode().map(|(decoded, _)| Leaf::fresh(decoded, out)).is_some();
        }
        for named in [true, false] {
            self.signature.0.clear();
            let Some(own) = record.sign(named, &mut self.signature) else { break };
            if let Some(kept) = find(&self.known, &mut self.signature, record, own.name) {
                out(Leaf { id: own.id, time: Some(own.time), name: own.name.unwrap_or(&kept.name), kept });
                return true;
            }
            if own.name.is_none() {
                break;
            }
        }
        let Some((mut decoded, dependence)) = decode() else { return false };
        decoded.pods().for_each(|pod| self.share(pod));
        let (id, time, kept) = decoded.apart();
        out(Leaf { id: &id, time, name: &kept.name, kept: &kept });
        self.keep(record, dependence, kept);
        true
    }

    fn keep(&mut self, record: &impl Signed, dependence: Dependence, mut kept: Kept) {
        self.signature.0.clear();
        let Some(mut own) = record.sign(true, &mut self.signature) else { return };
        if own.name.is_some() {
            let name = own.name.filter(|name| **name == kept.name && is_apart(name, &self.signature.0) && !kept.holds(name));
            match name {
                Some(_) => kept.name.clear(),
                None => {
                    own.name = None;
                    self.signature.0.clear();
                    record.sign(false, &mut self.signature);
                }
            }
        }
        if self.bytes > BYTES_MAX {
            self.known = RapidHashMap::default();
            self.bytes = 0;
        }
        let reads = match dependence {
            Dependence::Unique => return,
            Dependence::Signed => return self.insert(Known::Said(kept)),
            Dependence::Reads(reads) => reads,
        };
        if !self.known.contains_key(self.signature.0.as_slice()) {
            self.kinds += 1;
            self.insert(Known::Kind { number: self.kinds, reads: Vec::new() });
        }
        let Some(Known::Kind { number, reads: known }) = self.known.get_mut(self.signature.0.as_slice()) else { return };
        let place = match known.iter().position(|known| *known == reads) {
            Some(place) => place,
            None if known.len() < READS_MAX => {
                known.push(reads.clone());
                known.len() - 1
            }
            None => return,
        };
        let number = *number;
        self.signature.0.clear();
        number_in(&mut self.signature, number, place);
        record.read(&reads, own.name, &mut self.signature);
        if own.name.is_none_or(|name| is_apart(name, &self.signature.0)) {
            self.insert(Known::Said(kept));
        }
    }

    /// Lets a pod be the one that is like it.
    fn share(&mut self, pod: &mut Arc<Pod>) {
        if let Some(alike) = self.pods.get(pod) {
            *pod = Arc::clone(alike);
            return;
        }
        if self.pods.len() >= PODS_MAX {
            self.pods.clear();
        }
        self.pods.insert(Arc::clone(pod));
    }

    fn insert(&mut self, known: Known) {
        self.bytes += self.signature.0.len() + SAID_BYTES;
        self.known.insert(self.signature.0.as_slice().into(), known);
    }
}

/// What was said under the signature, or under it and the values that are read with it.
fn find<'k>(
    known: &'k RapidHashMap<Box<[u8]>, Known>,
    signature: &mut Signature,
    record: &impl Signed,
    name: Option<&str>,
) -> Option<&'k Kept> {
    let (number, kinds) = match known.get(signature.0.as_slice())? {
        Known::Said(kept) => return Some(kept),
        Known::Kind { number, reads } => (*number, reads),
    };
    let signed = signature.0.len();
    for (place, reads) in kinds.iter().enumerate() {
        number_in(signature, number, place);
        record.read(reads, name, signature);
        let found = known.get(signature.0.get(signed..).unwrap_or_default());
        if let Some(Known::Said(kept)) = found {
            return Some(kept);
        }
        signature.0.truncate(signed);
    }
    None
}

/// Whether nothing else that decides what the record says holds its name: then what it says depends on the name nowhere but where the
/// name stands.
fn is_apart(name: &str, signature: &[u8]) -> bool {
    name.len() >= NAME_BYTES_MIN && memmem::find(signature, name.as_bytes()).is_none()
}

/// Begins the signature of the values that are read under a kind.
fn number_in(signature: &mut Signature, number: u64, place: usize) {
    signature.0.extend_from_slice(&number.to_le_bytes());
    signature.0.extend_from_slice(&place.to_le_bytes());
}
