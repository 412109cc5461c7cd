//! Records in batches, held back until one shows that the file is a log at all.

use crate::access::ledger::FileFault;
use crate::access::observation::Reject;
use crate::ingest::batch::Batch;
use crate::ingest::decoded::{Decoded, End, Leaf};
use crate::ingest::open::Raw;
use crate::ingest::sniff::EXPECTED;

/// Records handed over at once.
const BATCH_RECORDS: usize = 2048;

/// Delivered bytes handed over at once; a larger record goes alone.
const BATCH_BYTES: usize = 4 << 20;

/// A file is given up when this many records passed and not one was of a kind that tightfit reads.
const FOREIGN_MAX: usize = 10_000;

/// Takes a batch and the bytes read for it; `false` when nobody wants more.
pub(super) type Send<'s> = dyn FnMut(Batch, u64) -> bool + 's;

/// What was decoded of one file and not yet handed over.
pub(super) struct Delivery<'a, 's> {
    batch: Batch,
    /// The number of the next batch.
    next: u64,
    batch_bytes: usize,
    is_log: bool,
    /// Why the first record was rejected, while no record was of use.
    unusable: Option<String>,
    usable: bool,
    pub(super) stopped: bool,
    pub(super) sent_raw_bytes: u64,
    pub(super) raw: Raw,
    send: &'a mut Send<'s>,
}

impl<'a, 's> Delivery<'a, 's> {
    /// Batches are numbered from `first`.
    pub(super) fn new(first: u64, raw: Raw, send: &'a mut Send<'s>) -> Self {
        Delivery {
            batch: Batch::new(first),
            next: first + 1,
            batch_bytes: 0,
            is_log: false,
            unusable: None,
            usable: false,
            stopped: false,
            sent_raw_bytes: 0,
            raw,
            send,
        }
    }

    /// So many bytes of the file were read for what is put next.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.batch_bytes += bytes;
    }

    /// Takes one record.
    pub(super) fn put(&mut self, leaf: Leaf<'_>) {
        let end = &leaf.kept.said.end;
        if !self.usable {
            match end {
                End::Rejected { detail, .. } if self.unusable.is_none() => self.unusable = Some(detail.clone()),
                End::Rejected { .. } => {}
                End::Observed(_) | End::Undecided { .. } | End::Skipped(_) => self.usable = true,
            }
        }
        self.is_log |= !matches!(end, End::Rejected { reject: Reject::Foreign | Reject::Malformed, .. });
        self.batch.put(leaf);
    }

    /// Hands over what is enough for a batch; gives up a file that is no log.
    pub(super) fn flush_if_full(&mut self) {
        if self.is_log && (self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES) {
            self.flush();
        } else if !self.is_log && self.batch.len() >= FOREIGN_MAX {
            self.stopped = true;
        }
    }

    fn flush(&mut self) {
        let raw_bytes = self.raw.bytes();
        let batch = std::mem::replace(&mut self.batch, Batch::new(self.next));
        self.next += 1;
        let wanted = (self.send)(batch, raw_bytes.saturating_sub(self.sent_raw_bytes));
        self.stopped |= !wanted;
        self.sent_raw_bytes = raw_bytes;
        self.batch_bytes = 0;
    }

    /// Sends the rest. A file in which nothing was a record becomes one rejected record and a fault.
    pub(super) fn finish(&mut self) -> Option<FileFault> {
        if self.is_log || self.batch.is_empty() {
            if !self.batch.is_empty() {
                self.flush();
            }
            return self.unusable.take().filter(|_| !self.usable).map(FileFault::Unusable);
        }
        let why = match self.batch.first().map(|said| &said.end) {
            Some(End::Rejected { detail, .. }) => detail.clone(),
            _ => String::new(),
        };
        let count = self.batch.len();
        let many = if count > 1 { format!(" (the first of {count} such)") } else { String::new() };
        let why = if why.contains(EXPECTED) { format!("{why}{many}") } else { format!("{why}{many}: {EXPECTED}") };
        Some(self.give_up(why))
    }

    /// Gives up a file of another kind.
    pub(super) fn foreign(&mut self, what: &str) -> FileFault {
        self.give_up(format!("{what}: {EXPECTED}"))
    }

    fn give_up(&mut self, why: String) -> FileFault {
        self.batch = Batch::new(self.next);
        self.next += 1;
        Leaf::fresh(Decoded::rejected(Reject::Foreign, why.clone()), &mut |leaf| self.batch.put(leaf));
        self.is_log = true;
        self.flush();
        FileFault::Foreign(why)
    }
}
