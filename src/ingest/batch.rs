//! A batch: records as a reading thread hands them over, what they say shared among them.

use std::sync::Arc;

use jiff::Timestamp;

use super::decoded::{Leaf, Said, Stage};
use crate::access::evidence::rank_of;

/// Some records in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Told from other batches by this; 0 is no batch's.
    number: u64,
    said: Vec<Arc<Said>>,
    rows: Vec<Row>,
    /// Ids and names one after another.
    text: String,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    said: u32,
    stage: Stage,
    time: Option<Timestamp>,
    rank: u64,
    /// Where its id begins in the batch's text, where its name follows, and where that ends.
    text: [usize; 3],
}

/// One record of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    /// Its place in the batch.
    pub(super) number: usize,
    /// eventID or auditID, of bounded size; empty collapses nothing.
    pub(super) id: &'a str,
    /// What fills the holes of what it says; empty where it has none.
    pub(super) name: &'a str,
    /// A hash of the id; see [`rank_of`].
    pub(super) rank: u64,
    pub(super) stage: Stage,
    pub(super) time: Option<Timestamp>,
    pub(super) said: &'a Arc<Said>,
    /// Records of the batch that share what they say have the same place.
    pub(super) place: usize,
}

impl Batch {
    /// An empty one.
    pub(super) fn new(number: u64) -> Self {
        Batch { number, ..Batch::default() }
    }

    /// Adds a record.
    pub(super) fn put(&mut self, leaf: Leaf<'_>) {
        let (number, place) = leaf.kept.placed.get();
        let place = if number == self.number && number != 0 {
            place
        } else {
            let place = u32::try_from(self.said.len()).unwrap_or(u32::MAX);
            self.said.push(Arc::clone(&leaf.kept.said));
            leaf.kept.placed.set((self.number, place));
            place
        };
        let start = self.text.len();
        self.text.push_str(leaf.id);
        let middle = self.text.len();
        self.text.push_str(leaf.name);
        let text = [start, middle, self.text.len()];
        self.rows.push(Row { said: place, stage: leaf.kept.stage, time: leaf.time, rank: rank_of(leaf.id), text });
    }

    /// How many records.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds no record.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What the first record says.
    pub(super) fn first(&self) -> Option<&Said> {
        self.row(0).map(|taken| &**taken.said)
    }

    /// A record by its place.
    pub(super) fn row(&self, number: usize) -> Option<Taken<'_>> {
        let row = self.rows.get(number)?;
        let [start, middle, end] = row.text;
        let (id, name) = (self.text.get(start..middle)?, self.text.get(middle..end)?);
        let place = usize::try_from(row.said).ok()?;
        let said = self.said.get(place)?;
        Some(Taken { number, id, name, rank: row.rank, stage: row.stage, time: row.time, said, place })
    }

    /// The records, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Taken<'_>> {
        (0..self.rows.len()).filter_map(|number| self.row(number))
    }
}
