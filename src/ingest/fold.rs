//! The fold: records that say the same, but for their id and their time, reach the sink together.
//!
//! Invariant: how the records are divided into calls of the sink depends on their order alone.

use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use jiff::Unit;

use super::decoded::{Asked, Digest, End, Leaf, Said};
use crate::access::evidence::EventRef;
use crate::access::observation::{Basis, Observation, Origin, Record, Reject, Sink};
use crate::access::times::Times;

/// How many different things are kept before they are handed over; each takes some kilobytes.
const KEPT_MAX: usize = 1 << 13;

/// What was said and not yet handed over, in the order of first sight.
#[derive(Debug, Default)]
pub(super) struct Fold {
    kept: IndexMap<Digest, (Arc<Said>, Times)>,
}

impl Fold {
    /// Takes one record that is to be counted.
    pub(super) fn take(&mut self, leaf: Leaf, origin: Origin<'_>, sink: &mut dyn Sink) {
        let Leaf { id, time, said, .. } = leaf;
        let Some(time) = time.filter(|_| said.is_shared()) else { return push(&said, None, origin, sink) };
        // Microseconds are what a stored profile keeps: the same profile whether it was stored or not.
        let time = time.round(Unit::Microsecond).unwrap_or(time);
        let event = EventRef { time, id, file: origin.file.to_owned(), record: origin.record };
        match self.kept.entry(said.digest) {
            Entry::Occupied(mut kept) => kept.get_mut().1.insert(&event),
            Entry::Vacant(place) => drop(place.insert((said, Times::once(&event)))),
        }
        if self.kept.len() >= KEPT_MAX {
            self.flush(sink);
        }
    }

    /// Hands everything over.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) {
        for (_, (said, times)) in self.kept.drain(..) {
            push(&said, Some(&times), Origin { file: "", record: 0 }, sink);
        }
    }
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
