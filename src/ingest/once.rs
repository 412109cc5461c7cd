//! Once: each request is counted once, however often, in whatever stages and order its records were delivered.
//!
//! Invariant: which set of requests is observed, and how many records end how, does not depend on the order of the records.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::access::coverage::{DUPLICATE_IDS_MAX, Sighting};
use crate::access::observation::Skip;

use super::batch::Taken;
use super::decoded::{End, Signatures, Stage};

/// What was read under one id. An id can be chosen by a client, so it proves nothing by itself.
#[derive(Debug)]
struct Seen {
    /// The content of the first record, and of every other one.
    content: u64,
    more_contents: Vec<u64>,
    /// Which requests with which outcomes were counted: the first, and every other one.
    counted: Option<u64>,
    more_counted: Vec<u64>,
    /// Who asked for what, outcome aside; `None` until a record says it.
    asked: Option<u64>,
    stage: Stage,
    answered: bool,
    /// Whether the id is already known to stand for two different things.
    forged: bool,
    /// The cluster of a request whose answer was not read yet.
    waiting: Option<u32>,
}

impl Seen {
    /// Whether these requests with these outcomes were counted before; they are now.
    fn count(&mut self, counted: u64) -> bool {
        match self.counted {
            Some(known) if known == counted || self.more_counted.contains(&counted) => return true,
            Some(_) => self.more_counted.push(counted),
            None => self.counted = Some(counted),
        }
        false
    }
}

/// Every id that was read. Takes some hundred bytes for each.
#[derive(Debug, Default)]
pub(super) struct Once {
    ids: HashMap<u64, Seen>,
    clusters: Vec<String>,
    duplicate_ids: BTreeSet<String>,
    duplicate_id_count: u64,
}

impl Once {
    /// Why this record is not to be counted; `None` when it is.
    pub(super) fn pass_over(&mut self, taken: &Taken<'_>) -> Option<Skip> {
        if taken.id.is_empty() {
            return (taken.stage == Stage::Received).then_some(Skip::Stage);
        }
        if matches!(taken.said.end, End::Rejected { .. }) {
            return None;
        }
        let waiting = if taken.stage == Stage::Received { self.cluster(taken) } else { None };
        let Signatures { content, asked, counted } = taken.said.signatures;
        let content = hash_of(&(content, taken.name, taken.stage, taken.time));
        let [asked, counted] = [asked, counted].map(|signature| signature.map(|signature| hash_of(&(signature, taken.name))));
        let seen = match self.ids.entry(taken.rank) {
            Entry::Vacant(place) => {
                let answered = matches!(taken.stage, Stage::Started | Stage::Answered);
                let received = taken.stage == Stage::Received;
                place.insert(Seen {
                    content,
                    more_contents: Vec::new(),
                    counted: if received { None } else { counted },
                    more_counted: Vec::new(),
                    asked,
                    stage: taken.stage,
                    answered,
                    forged: false,
                    waiting,
                });
                return received.then_some(Skip::Stage);
            }
            Entry::Occupied(kept) => kept.into_mut(),
        };
        if seen.content == content || seen.more_contents.contains(&content) {
            return Some(Skip::Duplicate);
        }
        seen.more_contents.push(content);
        let updates = seen.stage == Stage::Updated || taken.stage == Stage::Updated;
        let whole = !updates && (seen.stage == Stage::Whole || taken.stage == Stage::Whole);
        let differs = matches!((seen.asked, asked), (Some(one), Some(other)) if one != other);
        seen.asked = seen.asked.or(asked);
        if (whole || differs) && !seen.forged {
            seen.forged = true;
            self.duplicate_id_count += 1;
            self.duplicate_ids.insert(taken.id.to_owned());
            if self.duplicate_ids.len() > DUPLICATE_IDS_MAX {
                self.duplicate_ids.pop_last();
            }
        }
        match taken.stage {
            Stage::Whole if !updates => {
                counted.map(|counted| seen.count(counted));
                None
            }
            Stage::Whole | Stage::Updated => seen.count(counted?).then_some(Skip::Addendum),
            Stage::Received => {
                seen.waiting = seen.waiting.or(waiting);
                Some(Skip::Stage)
            }
            Stage::Started | Stage::Answered => {
                seen.answered = true;
                seen.count(counted?).then_some(Skip::Stage)
            }
        }
    }

    fn cluster(&mut self, taken: &Taken<'_>) -> Option<u32> {
        let Some(Sighting::Audit(sighting)) = &taken.said.sighting else { return None };
        let place = self.clusters.iter().position(|known| *known == sighting.cluster).unwrap_or_else(|| {
            self.clusters.push(sighting.cluster.clone());
            self.clusters.len() - 1
        });
        u32::try_from(place).ok()
    }

    /// Requests whose answer was never read, by cluster.
    pub(super) fn response_missing(&self) -> BTreeMap<String, u64> {
        let mut missing = BTreeMap::new();
        for seen in self.ids.values().filter(|seen| !seen.answered) {
            let cluster = seen.waiting.and_then(|place| self.clusters.get(usize::try_from(place).ok()?));
            if let Some(cluster) = cluster {
                *missing.entry(cluster.clone()).or_default() += 1;
            }
        }
        missing
    }

    /// The first few ids in order that stand for two different things, and how many there are.
    pub(super) fn duplicate_ids(self) -> (BTreeSet<String>, u64) {
        (self.duplicate_ids, self.duplicate_id_count)
    }
}

/// A content told by 64 bits: what is equal by chance only changes a count.
fn hash_of<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
