//! What became of connections that an interface let out: they were made, unless the server's end rejected them at the same time.
//!
//! A connection that passed has its answer recorded too, or the packets that came in at the server's end. Where neither is, and
//! a rejection of it is, it was not made.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html#flow-log-example-security-groups>

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Flow, Point, Transport};

/// What a record that let a connection pass says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It was made, as far as anything shows.
    Made,
    /// It was let out at the client's end and rejected at the server's.
    Rejected,
    /// It was let through at one end and rejected at one end, and the records do not say at which.
    Untold,
}

type Key<'a> = (&'a End, &'a End, Transport, u16);

/// What was seen of a connection at the server's end.
#[derive(Debug, Default)]
struct Arrived {
    made: bool,
    /// The hours in which it was rejected, and whether that was surely at the server's end.
    rejected: BTreeMap<Option<i64>, bool>,
}

/// Every rejection that could undo what another record says, as records name the ends.
#[derive(Debug, Default)]
pub struct Passages<'a> {
    arrived: BTreeMap<Key<'a>, Arrived>,
}

impl<'a> Passages<'a> {
    /// Of flows as their records name them, each with whether it was let through and whether it was refused.
    pub fn of(flows: impl Iterator<Item = (&'a Flow, bool, bool)> + Clone) -> Self {
        // Only those matter that some interface let out.
        let out = flows.clone().filter(|(flow, allowed, _)| *allowed && flow.point != Point::Whole);
        let wanted: BTreeSet<Key<'a>> = out.map(|(flow, ..)| key(flow)).collect();
        let mut arrived: BTreeMap<Key<'a>, Arrived> = BTreeMap::new();
        for (flow, allowed, refused) in flows.filter(|(flow, ..)| wanted.contains(&key(flow))) {
            let kept = arrived.entry(key(flow)).or_default();
            kept.made |= allowed && flow.point == Point::Whole;
            if refused && flow.point != Point::Client {
                *kept.rejected.entry(flow.hour).or_default() |= flow.point == Point::Whole;
            }
        }
        Passages { arrived }
    }

    /// What became of a flow that was let through, as its record names it. Records are grouped by the hour in which they began: those of
    /// one connection may stand in two that follow each other.
    #[must_use]
    pub fn of_allowed(&self, flow: &Flow) -> Passage {
        let arrived = self.arrived.get(&key(flow)).filter(|arrived| flow.point != Point::Whole && !arrived.made);
        let Some(arrived) = arrived else { return Passage::Made };
        let near = |hour: &Option<i64>| match (*hour, flow.hour) {
            (Some(hour), Some(own)) => hour.abs_diff(own) <= 1,
            (None, _) | (_, None) => true,
        };
        let beside: Vec<bool> = arrived.rejected.iter().filter(|(hour, _)| near(hour)).map(|(_, surely)| *surely).collect();
        match (beside.is_empty(), flow.point) {
            (true, _) => Passage::Made,
            (false, Point::Client) if beside.contains(&true) => Passage::Rejected,
            (false, Point::Whole | Point::Client | Point::Either) => Passage::Untold,
        }
    }
}

fn key(flow: &Flow) -> Key<'_> {
    (&flow.client, &flow.server, flow.transport, flow.port)
}
