//! The fold: records that say the same, but for their id and their time, reach the sink together.
//!
//! Names without end are folded on the way: see [`crate::access::folded`], which gives a profile the last word on them.
//!
//! Invariant: how the records are divided into calls of the sink depends on their order alone.

use std::sync::Arc;

use indexmap::map::Entry;
use indexmap::{Equivalent, IndexMap};
use jiff::{Timestamp, Unit};
use rapidhash::fast::RandomState;
use rapidhash::{RapidHashMap, RapidHashSet};

use super::batch::{Batch, Taken};
use super::decoded::{Asked, Digest, End, Said};
use super::hole::Filling;
use crate::access::coverage::day_of;
use crate::access::days::{Day, Days};
use crate::access::evidence::{EventRef, Evidence};
use crate::access::folded::{Class, LEVEL_MAX};
use crate::access::observation::{Basis, Observation, Origin, Record, Reject, Sink};
use crate::access::times::Times;

/// How much what is kept may take before it is handed over, in bytes, roughly.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// What one [`Cell`] takes beside what it says: mostly evidence.
const CELL_BYTES: usize = 1 << 10;

/// What was said and not yet handed over, in the order of first sight.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// How many names stand side by side; 0 keeps every name.
    names_max: usize,
    /// By what was said and the text of its name or of its class.
    kept: IndexMap<(Digest, String), Cell, RandomState>,
    /// What that takes, roughly: what several cells say is counted for each.
    kept_bytes: usize,
    /// What was said of names of its own, for the whole log.
    named: RapidHashMap<Digest, Names>,
    /// Where what the current batch says of no name is kept, by its place in the batch.
    placed: Vec<Option<usize>>,
    /// Where what it says of a name is kept.
    near: IndexMap<Near<String>, usize, RandomState>,
    /// What the current batch adds to.
    touched: Vec<usize>,
}

/// What decides where the current batch's word on a name is kept: its place in the batch, the level, and of the name what counts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Near<T>(usize, u8, T);

impl Equivalent<Near<String>> for Near<&str> {
    fn equivalent(&self, other: &Near<String>) -> bool {
        *self == Near(other.0, other.1, other.2.as_str())
    }
}

impl<'a> Near<&'a str> {
    fn of(taken: Taken<'a>, level: u8) -> Self {
        let counts = match level {
            0 => taken.name,
            LEVEL_MAX.. => "",
            _ => taken.name.rfind('/').and_then(|slash| taken.name.get(..=slash)).unwrap_or_default(),
        };
        Near(taken.place, level, counts)
    }
}

/// The names of which one thing was said, as far as they tell at which level they stand together.
#[derive(Debug, Default)]
struct Names {
    level: u8,
    /// Names at level 0, frames of classes above it.
    seen: RapidHashSet<String>,
}

impl Names {
    /// The level at which a name stands with the others; it is one of them from now on.
    fn level_with(&mut self, name: &str, level_min: u8, names_max: usize) -> u8 {
        loop {
            let seen = match self.level {
                0 => self.seen.contains(name),
                level => self.seen.contains(Class::of(name, level).frame()),
            };
            if seen || self.level == LEVEL_MAX {
                return self.level;
            }
            if self.seen.len() < names_max {
                self.seen.insert(if self.level == 0 { name.to_owned() } else { Class::of(name, self.level).frame().to_owned() });
                return self.level;
            }
            self.level = (self.level + 1).max(level_min);
            let level = self.level;
            self.seen = self.seen.drain().map(|name| Class::of(&name, level).frame().to_owned()).collect();
        }
    }
}

/// One thing that was said of one name or class, and when.
#[derive(Debug)]
struct Cell {
    said: Arc<Said>,
    level: u8,
    /// Above level 0, what its names have in common.
    class: Option<Class>,
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
    fn new(said: &Arc<Said>, level: u8) -> Self {
        Cell {
            said: Arc::clone(said),
            level,
            class: None,
            count: 0,
            days: Days::default(),
            day: Day::MIN,
            evidence: Evidence::default(),
            rank_max: u64::MAX,
            ends: None,
        }
    }

    /// `None` where no record was added.
    fn times(&mut self) -> Option<Times> {
        let (first, last) = self.evidence.span()?;
        let (days, evidence) = (std::mem::take(&mut self.days), std::mem::take(&mut self.evidence));
        Some(Times { count: self.count, first, last, days, evidence })
    }
}

impl Fold {
    /// An empty one; with more names than `names_max` of one thing they stand together, 0 keeps every name.
    pub(super) fn new(names_max: usize) -> Self {
        Fold { names_max, ..Fold::default() }
    }

    /// Takes one record that is to be counted.
    pub(super) fn take(&mut self, taken: Taken<'_>, batch: &Batch, origin: Origin<'_>, sink: &mut dyn Sink) {
        let Some(time) = taken.time.filter(|_| taken.said.is_shared()) else { return push(taken.said, None, origin, sink) };
        let place = if taken.name.is_empty() { self.place(taken) } else { self.place_of_name(taken) };
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
            cell.evidence.insert_sample(rank, &Arc::new(event()));
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
        let place = match self.kept.entry((taken.said.digest, String::new())) {
            Entry::Occupied(kept) => kept.index(),
            Entry::Vacant(free) => {
                self.kept_bytes += CELL_BYTES + taken.said.bytes;
                free.insert_entry(Cell::new(taken.said, 0)).index()
            }
        };
        if let Some(placed) = self.placed.get_mut(taken.place) {
            *placed = Some(place);
        }
        place
    }

    fn place_of_name(&mut self, taken: Taken<'_>) -> usize {
        let names = self.named.entry(taken.said.digest).or_default();
        if let Some(place) = self.near.get(&Near::of(taken, names.level)) {
            return *place;
        }
        let level = match self.names_max {
            0 => 0,
            names_max => names.level_with(taken.name, taken.said.level_min, names_max),
        };
        let class = (level > 0).then(|| Class::of(taken.name, level));
        let text = class.as_ref().map_or(taken.name, Class::frame);
        // What was kept at a lower level stays apart: the profile folds it.
        let (place, cell) = match self.kept.entry((taken.said.digest, format!("{level}{text}"))) {
            Entry::Occupied(kept) => (kept.index(), kept.into_mut()),
            Entry::Vacant(free) => {
                self.kept_bytes += CELL_BYTES + taken.said.bytes;
                (free.index(), free.insert(Cell::new(taken.said, level)))
            }
        };
        match (&mut cell.class, class) {
            (Some(kept), Some(class)) => kept.join(&class),
            (kept, class) => *kept = class,
        }
        let Near(batch, level, counts) = Near::of(taken, level);
        self.near.insert(Near(batch, level, counts.to_owned()), place);
        place
    }

    /// Ends a batch of a file, whose first record has this number.
    pub(super) fn end_batch(&mut self, batch: &Batch, file: &str, first_record: u64, sink: &mut dyn Sink) {
        self.placed.clear();
        self.near.clear();
        for place in self.touched.drain(..) {
            let Some((_, cell)) = self.kept.get_index_mut(place) else { continue };
            for (time, number) in cell.ends.take().into_iter().flatten() {
                let Some(taken) = batch.row(number) else { continue };
                let record = first_record + u64::try_from(number).unwrap_or_default();
                let event = EventRef { time, id: taken.id.to_owned(), file: file.to_owned(), record };
                cell.evidence.insert_end(&Arc::new(event));
            }
        }
        if self.kept_bytes >= KEPT_BYTES_MAX {
            self.flush(sink);
        }
    }

    /// Hands everything over.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) {
        let origin = Origin { file: "", record: 0 };
        self.kept_bytes = 0;
        for ((_, text), mut cell) in self.kept.drain(..) {
            let Some(times) = cell.times() else { continue };
            let filling = match &cell.class {
                Some(class) => Some(Filling::Class(class)),
                None => text.get(1..).map(Filling::Name),
            };
            match filling {
                Some(filling) => push(&cell.said.filled(filling), Some((&times, cell.level)), origin, sink),
                None => push(&cell.said, Some((&times, 0)), origin, sink),
            }
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
fn push(said: &Said, times: Option<(&Times, u8)>, origin: Origin<'_>, sink: &mut dyn Sink) {
    let count = times.map_or(1, |(times, _)| times.count);
    sink.record(&match (&said.end, times) {
        (End::Observed(asked), Some((times, level))) => {
            let observe = |(place, asked)| {
                let folded = if said.holes.contains(&place) { level } else { 0 };
                Observation { folded, ..observation(said, asked, times) }
            };
            Record::Observed { observations: asked.iter().enumerate().map(observe).collect(), count }
        }
        (End::Observed(_), None) => Record::Rejected { reject: Reject::Field, detail: "no time that could be read", origin },
        (End::Undecided { why, identity }, _) => Record::Undecided { why, identity: identity.as_ref(), count },
        (End::Skipped(skip), _) => Record::Skipped { skip: *skip, count },
        (End::Rejected { reject, detail }, _) => Record::Rejected { reject: *reject, detail, origin },
    });
    if let (Some(sighting), Some((times, _))) = (&said.sighting, times) {
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
