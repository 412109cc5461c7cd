//! Reading: several threads decode one input each, one thread takes what they decoded in the inputs' order and calls the sink.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

use jiff::Timestamp;
use rapidhash::RapidHashSet;

use crate::access::ledger::{FileFault, FileLedger};
use crate::access::observation::{Origin, Record, Sink, Skip};
use crate::catalog::Catalog;
use crate::config::{Pattern, VpcFormat};

use super::IngestError;
use super::batch::{Batch, Taken};
use super::fold::Fold;
use super::once::Once;
use super::source::{Input, InputKind};
use file::Desk;

mod column;
mod delivery;
mod file;
mod lines;
mod table;
mod thrift;

/// How large a record may be by default, in bytes.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// How large a log may be when decompressed by default, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 << 30;

/// Batches of one input that may wait for the consumer.
const BATCHES_MAX: usize = 2;

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What the platforms define.
    pub catalog: &'a Catalog,
    /// Cluster name by pattern over input names; the first that matches wins over what a wrapper says.
    pub clusters: &'a [(String, Pattern)],
    /// The fields of VPC Flow Logs without a header line; `None` knows AWS's default format alone.
    pub vpc_format: Option<&'a VpcFormat>,
    /// Records before this are passed over.
    pub since: Option<Timestamp>,
    /// Records at or after this are passed over.
    pub until: Option<Timestamp>,
    /// How many inputs are read at once; 0 means 1.
    pub jobs: usize,
    /// Larger records are rejected; in bytes. Also the most that one wrapped text may decompress to.
    pub record_bytes_max: usize,
    /// Reading stops in a file that is larger when decompressed; in bytes.
    pub file_bytes_max: u64,
    /// How many names of one kind (objects of a bucket, of a Kubernetes resource) stand side by side for one thing that was said; with
    /// more they are folded, see [`crate::access::folded`]. 0 keeps every name.
    pub names_max: usize,
    /// Every record is framed byte by byte and decoded by itself: slow, and what the fast way is judged by.
    pub plainly: bool,
}

impl<'a> Options<'a> {
    /// The defaults: everything, one input at a time, the default limits.
    #[must_use]
    pub fn new(catalog: &'a Catalog) -> Self {
        Options {
            catalog,
            clusters: &[],
            vpc_format: None,
            since: None,
            until: None,
            jobs: 1,
            record_bytes_max: RECORD_BYTES_MAX,
            file_bytes_max: FILE_BYTES_MAX,
            names_max: 0,
            plainly: false,
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Every log by name, with its records and its fault.
    pub files: BTreeMap<String, FileLedger>,
    /// Requests whose response was never recorded, by cluster.
    pub response_missing: BTreeMap<String, u64>,
    /// Ids that stand for two different things: the first few in order.
    pub duplicate_ids: BTreeSet<String>,
    /// How many such ids.
    pub duplicate_id_count: u64,
    /// Ids that were forgotten before the end: a record that was delivered again after so long was counted again.
    pub ids_forgotten: u64,
    /// All records.
    pub records: u64,
}

impl Reading {
    /// Whether a second pass read the same bytes.
    ///
    /// # Errors
    /// When an input changed in between; names the first.
    pub fn check_unchanged(&self, second: &Reading) -> Result<(), IngestError> {
        let names: BTreeSet<&String> = self.files.keys().chain(second.files.keys()).collect();
        let digest = |reading: &Reading, name: &str| reading.files.get(name).map(|file| file.digest.clone());
        match names.into_iter().find(|name| digest(self, name) != digest(second, name)) {
            Some(name) => Err(IngestError::Changed { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// What a reading thread hands over.
enum Parcel {
    Batch {
        batch: Batch,
        /// Bytes of the file read since the last batch.
        raw_bytes: u64,
    },
    End {
        fault: Option<FileFault>,
        digest: String,
        raw_bytes: u64,
    },
}

/// Which input is to be read next, and whose turn it is to be consumed.
#[derive(Default)]
struct Turn {
    next: usize,
    consumed: usize,
    ready: VecDeque<(usize, Receiver<Parcel>)>,
}

/// Reads logs and pushes every record into the sink, in the order of the inputs. Profiles are left out.
///
/// A file that cannot be read is no failure: its fault stands in [`Reading::files`] and the others go on.
/// `progress` is told the bytes and the records done so far.
pub fn read(inputs: &[Input], options: &Options<'_>, sink: &mut dyn Sink, progress: &(dyn Fn(u64, u64) + Sync)) -> Reading {
    let mut logs: Vec<&Input> = inputs.iter().filter(|input| input.kind == InputKind::Log).collect();
    // What can hold the same events is read in a row, whatever trail delivered it.
    logs.sort_by_key(|input| delivered(&input.name));
    let jobs = options.jobs.clamp(1, logs.len().max(1));
    let turn = Mutex::new(Turn::default());
    let changed = Condvar::new();
    let mut consumer = Consumer {
        options,
        sink,
        once: Once::default(),
        fold: Fold::new(options.names_max),
        shown: RapidHashSet::default(),
        reading: Reading::default(),
        raw_bytes: 0,
        progress,
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(&logs, options, &turn, &changed, jobs));
        }
        for (place, input) in logs.iter().enumerate() {
            if let Some(parcels) = await_input(place, &turn, &changed) {
                consumer.consume(input, &parcels);
            }
        }
    });
    consumer.finish()
}

/// Account, region and day of a file that CloudTrail delivered, by its name: `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_..`; `None` for
/// other files.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html#cloudtrail-log-filename-format>
fn delivered(name: &str) -> Option<(&str, &str, &str)> {
    let file = name.rsplit('/').next()?;
    let mut parts = file.split('_');
    let (account, "CloudTrail", region, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else { return None };
    Some((account, region, time.get(..8)?))
}

/// A reading thread: takes inputs in order, but never far ahead of the consumer.
fn work(logs: &[&Input], options: &Options<'_>, turn: &Mutex<Turn>, changed: &Condvar, jobs: usize) {
    let mut desk = Desk::new(options);
    loop {
        let (input, parcels) = {
            let state = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let ahead = |state: &mut Turn| state.next < logs.len() && state.next >= state.consumed + 2 * jobs;
            let mut state = changed.wait_while(state, ahead).unwrap_or_else(PoisonError::into_inner);
            let Some(input) = logs.get(state.next) else { return };
            let (parcels, receiver) = sync_channel(BATCHES_MAX);
            let place = state.next;
            state.ready.push_back((place, receiver));
            state.next += 1;
            (*input, parcels)
        };
        changed.notify_all();
        read_one(input, options, &mut desk, &parcels);
    }
}

fn read_one(input: &Input, options: &Options<'_>, desk: &mut Desk, parcels: &SyncSender<Parcel>) {
    let end = file::read(input, options, desk, &mut |batch, raw_bytes| parcels.send(Parcel::Batch { batch, raw_bytes }).is_ok());
    // The consumer takes every parcel up to the end, so this arrives.
    let _ = parcels.send(end);
}

fn await_input(place: usize, turn: &Mutex<Turn>, changed: &Condvar) -> Option<Receiver<Parcel>> {
    let mut state = turn.lock().unwrap_or_else(PoisonError::into_inner);
    state.consumed = place;
    changed.notify_all();
    let absent = |state: &mut Turn| state.ready.front().is_none_or(|(front, _)| *front != place);
    let mut state = changed.wait_while(state, absent).unwrap_or_else(PoisonError::into_inner);
    state.ready.pop_front().map(|(_, parcels)| parcels)
}

struct Consumer<'a> {
    options: &'a Options<'a>,
    sink: &'a mut dyn Sink,
    once: Once,
    fold: Fold,
    /// What the current batch says and whose facts were taken, by its place in the batch.
    shown: RapidHashSet<usize>,
    reading: Reading,
    raw_bytes: u64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl Consumer<'_> {
    fn consume(&mut self, input: &Input, parcels: &Receiver<Parcel>) {
        let mut ledger = FileLedger { named: input.named, ..FileLedger::default() };
        for parcel in parcels {
            match parcel {
                Parcel::Batch { batch, raw_bytes } => {
                    self.raw_bytes += raw_bytes;
                    let first = ledger.records + 1;
                    for taken in batch.rows() {
                        ledger.records += 1;
                        self.reading.records += 1;
                        self.take(taken, &batch, Origin { file: &input.name, record: ledger.records });
                    }
                    self.shown.clear();
                    self.fold.end_batch(&batch, &input.name, first, self.sink);
                }
                Parcel::End { fault, digest: whole, raw_bytes } => {
                    self.raw_bytes += raw_bytes;
                    ledger.fault = fault;
                    ledger.digest = whole;
                }
            }
            (self.progress)(self.raw_bytes, self.reading.records);
        }
        self.reading.files.insert(input.name.clone(), ledger);
    }

    fn take(&mut self, taken: Taken<'_>, batch: &Batch, origin: Origin<'_>) {
        if self.is_outside(taken.time) {
            return self.sink.record(&Record::Skipped { skip: Skip::OutsideWindow, count: 1 });
        }
        // Deliveries of one record may carry different bodies: what exists is taken from all of them, in any order.
        if !taken.said.facts.is_empty() && self.shown.insert(taken.place) {
            taken.said.facts.iter().for_each(|fact| self.sink.fact(fact));
        }
        match self.once.pass_over(&taken) {
            Some(skip) => self.sink.record(&Record::Skipped { skip, count: 1 }),
            None => self.fold.take(taken, batch, origin, self.sink),
        }
    }

    fn is_outside(&self, time: Option<Timestamp>) -> bool {
        let too_early = |time| self.options.since.is_some_and(|since| time < since);
        let too_late = |time| self.options.until.is_some_and(|until| time >= until);
        time.is_some_and(|time| too_early(time) || too_late(time))
    }

    fn finish(mut self) -> Reading {
        self.fold.flush(self.sink);
        self.reading.ids_forgotten = self.once.forgotten();
        self.reading.response_missing = self.once.response_missing();
        let (ids, count) = self.once.duplicate_ids();
        self.reading.duplicate_ids = ids;
        self.reading.duplicate_id_count = count;
        self.reading
    }
}
