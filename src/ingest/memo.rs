//! The memo: records that differ in nothing that translation reads are translated once.
//!
//! ```text
//! record --sign--> what decides which values are read --read--> those values --seen before?--> what it said then
//! ```
//!
//! Invariant: what is recalled equals what decoding the record afresh would give, id and time aside.

use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use memchr::{memchr_iter, memmem};
use rapidhash::{RapidHashMap, RapidHashSet};

use super::decoded::{Decoded, Dependence, Kept, Leaf, Reads};
use super::skimmed::Named;
use crate::access::pod::Pod;

/// How much one generation of a memo may take, in bytes, roughly; then the older one is forgotten.
const GENERATION_BYTES: usize = 12 << 20;

/// What one entry takes beside its signature and what it says, in bytes, roughly.
const ENTRY_BYTES: usize = 512;

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

/// What was translated before, by signature, in two generations: when the younger one is full, the older one is forgotten.
#[derive(Debug, Default)]
pub(super) struct Memo {
    younger: RapidHashMap<Box<[u8]>, Known>,
    older: RapidHashMap<Box<[u8]>, Known>,
    /// What the younger one takes, roughly.
    bytes: usize,
    kinds: u64,
    signature: Signature,
    batches: u64,
    forgets: bool,
    pods: RapidHashSet<Arc<Pod>>,
}

/// What is known of a signature.
#[derive(Debug, Clone)]
enum Known {
    Said(Rc<Kept>),
    Kind(Rc<Kind>),
}

/// A signature that decides only together with one of these sets of values.
#[derive(Debug, Clone)]
struct Kind {
    number: u64,
    reads: Vec<Reads>,
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
            if let Some(kept) = self.find(record, own.name) {
                out(Leaf { id: own.id, time: Some(own.time), name: own.name.unwrap_or(&kept.name), kept: &kept });
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
        let reads = match dependence {
            Dependence::Unique => return,
            Dependence::Signed => return self.insert(Known::Said(Rc::new(kept))),
            Dependence::Reads(reads) => reads,
        };
        let Some((number, place)) = self.place_of(&reads) else { return };
        self.signature.0.clear();
        number_in(&mut self.signature, number, place);
        record.read(&reads, own.name, &mut self.signature);
        if own.name.is_none_or(|name| is_apart(name, &self.signature.0)) {
            self.insert(Known::Said(Rc::new(kept)));
        }
    }

    /// The number of the signature's kind, and which of its sets of values this is; `None` where it has as many as are kept.
    fn place_of(&mut self, reads: &Reads) -> Option<(u64, usize)> {
        let mut kind = match self.look(0) {
            Some(Known::Said(_)) => return None,
            Some(Known::Kind(kind)) => kind,
            None => {
                self.kinds += 1;
                Rc::new(Kind { number: self.kinds, reads: Vec::new() })
            }
        };
        let place = match kind.reads.iter().position(|known| known == reads) {
            Some(place) => place,
            None if kind.reads.len() < READS_MAX => {
                let changed = Rc::make_mut(&mut kind);
                changed.reads.push(reads.clone());
                self.insert(Known::Kind(Rc::clone(&kind)));
                kind.reads.len() - 1
            }
            None => return None,
        };
        Some((kind.number, place))
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

    /// What was said under the signature, or under it and the values that are read with it.
    fn find(&mut self, record: &impl Signed, name: Option<&str>) -> Option<Rc<Kept>> {
        let kind = match self.look(0)? {
            Known::Said(kept) => return Some(kept),
            Known::Kind(kind) => kind,
        };
        let signed = self.signature.0.len();
        for (place, reads) in kind.reads.iter().enumerate() {
            number_in(&mut self.signature, kind.number, place);
            record.read(reads, name, &mut self.signature);
            if let Some(Known::Said(kept)) = self.look(signed) {
                return Some(kept);
            }
            self.signature.0.truncate(signed);
        }
        None
    }

    /// What is known of the signature from this place on; it is young again by that.
    fn look(&mut self, from: usize) -> Option<Known> {
        let signature = self.signature.0.get(from..).unwrap_or_default();
        if let Some(known) = self.younger.get(signature) {
            return Some(known.clone());
        }
        let (signature, known) = self.older.remove_entry(signature)?;
        self.remember(signature, known.clone());
        Some(known)
    }

    fn insert(&mut self, known: Known) {
        self.remember(self.signature.0.as_slice().into(), known);
    }

    fn remember(&mut self, signature: Box<[u8]>, known: Known) {
        if self.bytes > GENERATION_BYTES {
            self.older = std::mem::take(&mut self.younger);
            self.bytes = 0;
        }
        self.bytes += ENTRY_BYTES + signature.len();
        if let Known::Said(kept) = &known {
            self.bytes += kept.said.bytes;
        }
        self.younger.insert(signature, known);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::observation::Skip;

    /// Signed by so many bytes and its number.
    struct Signing(usize, usize);

    impl Signed for Signing {
        fn sign(&self, _named: bool, signature: &mut Signature) -> Option<Own<'_>> {
            signature.put(&self.1.to_string(), &" ".repeat(self.0));
            Some(Own { id: "", time: Timestamp::UNIX_EPOCH, name: None })
        }

        fn read(&self, _reads: &Reads, _name: Option<&str>, _signature: &mut Signature) {}
    }

    #[test]
    fn what_is_recalled_is_kept_and_the_rest_is_forgotten() {
        let mut memo = Memo::new(false);
        let bytes = GENERATION_BYTES / 100;
        let mut decoded = [0; 500];
        let mut recall = |number: usize| {
            let decode = || {
                decoded[number] += 1;
                Some((Decoded::skipped(Skip::Control), Dependence::Reads(Reads::default())))
            };
            assert!(memo.recall(&Signing(bytes, number), decode, &mut |_| {}));
        };
        (0..500).for_each(|number| [number, 0].into_iter().for_each(&mut recall));
        recall(1);
        recall(499);
        assert_eq!([decoded[0], decoded[1], decoded[499]], [1, 2, 1]);
        let kept = memo.younger.len() + memo.older.len();
        // Each has a kind of its own.
        assert!((200..=406).contains(&kept), "{kept}");
    }
}
