//! The fold: records that say the same, but for their id and their time, reach the sink together.
//!
//! Invariant: how the records are divided into calls of the sink depends on their order alone.

use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use jiff::{Timestamp, Unit};
use rapidhash::fast::RandomState;

use super::batch::{Batch, Taken};
use super::decoded::{Asked, Digest, End, Said};
use crate::access::coverage::day_of;
use crate::access::days::{Day, Days};
use crate::access::evidence::{EventRef, Evidence};
use crate::access::observation::{Basis, Observation, Origin, Record, Reject, Sink};
use crate::access::times::Times;

/// How many different things are kept before they are handed over; each takes some kilobytes.
const KEPT_MAX: usize = 1 << 15;

/// What was said and not yet handed over, in the order of first sight.
#[derive(Debug, Default)]
pub(super) struct Fold {
    kept: IndexMap<Digest, Cell, RandomState>,
    /// Where what the current batch says is kept, by its place in the batch.
    placed: Vec<Option<usize>>,
    /// What the current batch adds to.
    touched: Vec<usize>,
}

/// One thing that was said, and when.
#[derive(Debug)]
struct Cell {
    said: Arc<Said>,
    count: u64,
    days: Days,
    /// The day that was added last.
    day: Day,
    evidence: Evidence,
    /// See [`Evidence::rank_max`].
    rank_max: u64,
    /// The earliest and the latest record of the current batch, by time and place in it.
    ends: Option<[(Timestamp, usize); 2]>,
}

impl Cell {
    fn new(said: &Arc<Said>) -> Self {
        Cell {
            said: Arc::clone(said),
            count: 0,
            days: Days::default(),
            day: Day::MIN,
            evidence: Evidence::default(),
            rank_max: u64::MAX,
            ends: None,
        }
    }

    /// `None` where no record was added.
    fn times(self) -> Option<(Arc<Said>, Times)> {
        let Cell { said, count, days, evidence, .. } = self;
        let (first, last) = evidence.span()?;
        Some((said, Times { count, first, last, days, evidence }))
    }
}

impl Fold {
    /// Takes one record that is to be counted.
    pub(super) fn take(&mut self, taken: Taken<'_>, batch: &Batch, origin: Origin<'_>, sink: &mut dyn Sink) {
        let Some(time) = taken.time.filter(|_| taken.said.is_shared()) else { return push(taken.said, None, origin, sink) };
        let place = self.place(taken);
        let Some((_, cell)) = self.kept.get_index_mut(place) else { return };
        let time = rounded(time);
        let day = day_of(time);
        if day != cell.day {
            cell.days.insert(day);
            cell.day = day;
        }
        cell.count += 1;
        let event = || EventRef { time, id: taken.id.to_owned(), file: origin.file.to_owned(), record: origin.record };
        let rank = if taken.id.is_empty() { event().rank() } else { taken.rank };
        if rank <= cell.rank_max {
            cell.evidence.insert_sample(rank, &event());
            cell.rank_max = cell.evidence.rank_max();
        }
        let here = (time, taken.number);
        match &mut cell.ends {
            None => {
                cell.ends = Some([here, here]);
                self.touched.push(place);
            }
            Some([first, last]) => {
                if before(batch, here, *first) {
                    *first = here;
                }
                if before(batch, *last, here) {
                    *last = here;
                }
            }
        }
    }

    fn place(&mut self, taken: Taken<'_>) -> usize {
        if self.placed.len() <= taken.place {
            self.placed.resize(taken.place + 1, None);
        }
        if let Some(Some(place)) = self.placed.get(taken.place) {
            return *place;
        }
        let place = match self.kept.entry(taken.said.digest) {
            Entry::Occupied(kept) => kept.index(),
            Entry::Vacant(free) => free.insert_entry(Cell::new(taken.said)).index(),
        };
        if let Some(placed) = self.placed.get_mut(taken.place) {
            *placed = Some(place);
        }
        place
    }

    /// Ends a batch of a file, whose first record has this number.
    pub(super) fn end_batch(&mut self, batch: &Batch, file: &str, first_record: u64, sink: &mut dyn Sink) {
        self.placed.clear();
        for place in self.touched.drain(..) {
            let Some((_, cell)) = self.kept.get_index_mut(place) else { continue };
            for (time, number) in cell.ends.take().into_iter().flatten() {
                let Some(taken) = batch.row(number) else { continue };
                let record = first_record + u64::try_from(number).unwrap_or_default();
                cell.evidence.insert_end(&EventRef { time, id: taken.id.to_owned(), file: file.to_owned(), record });
            }
        }
        if self.kept.len() >= KEPT_MAX {
            self.flush(sink);
        }
    }

    /// Hands everything over.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) {
        for (said, times) in self.kept.drain(..).filter_map(|(_, cell)| cell.times()) {
            push(&said, Some(&times), Origin { file: "", record: 0 }, sink);
        }
    }
}

/// Microseconds are what a stored profile keeps: the same profile whether it was stored or not.
fn rounded(time: Timestamp) -> Timestamp {
    if time.subsec_nanosecond() % 1000 == 0 { time } else { time.round(Unit::Microsecond).unwrap_or(time) }
}

/// Whether one record of the batch stands before another in the order of events: by time, then by id, then by number.
fn before(batch: &Batch, one: (Timestamp, usize), other: (Timestamp, usize)) -> bool {
    let id = |(_, number)| batch.row(number).map(|taken| taken.id);
    one.0 < other.0 || (one.0 == other.0 && (id(one), one.1) < (id(other), other.1))
}

/// Hands over what records say; `times` is `None` for a single record, which stands at `origin`, whose time says nothing.
fn push(said: &Said, times: Option<&Times>, origin: Origin<'_>, sink: &mut dyn Sink) {
    let count = times.map_or(1, |times| times.count);
    sink.record(&match (&said.end, times) {
        (End::Observed(asked), Some(times)) => {
            let observe = |asked| observation(said, asked, times);
            Record::Observed { observations: asked.iter().map(observe).collect(), count }
        }
        (End::Observed(_), None) => Record::Rejected { reject: Reject::Field, detail: "no time that could be read", origin },
        (End::Undecided { why, identity }, _) => Record::Undecided { why, identity: identity.as_ref(), count },
        (End::Skipped(skip), _) => Record::Skipped { skip: *skip, count },
        (End::Rejected { reject, detail }, _) => Record::Rejected { reject: *reject, detail, origin },
    });
    said.facts.iter().for_each(|fact| sink.fact(fact));
    if let (Some(sighting), Some(times)) = (&said.sighting, times) {
        sink.sighting(sighting, times);
    }
}

fn observation<'a>(said: &'a Said, asked: &'a Asked, times: &'a Times) -> Observation<'a> {
    Observation {
        issued_to: &said.issued_to,
        // The binding served the request itself, not what follows from it.
        allowed_by: if asked.basis == Basis::Stated { &said.allowed_by } else { "" },
        ..asked.observation(times)
    }
}
