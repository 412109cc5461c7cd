//! Once: each request is counted once, however often, in whatever stages and order its records were delivered.
//!
//! Exact among the ids that are remembered, which are the last half million at least; how many were forgotten is said.
//!
//! Invariant: which set of requests is observed, and how many records end how, does not depend on the order of the records.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::num::{NonZeroU16, NonZeroU64};

use rapidhash::RapidHashMap;
use rapidhash::fast::RandomState;

use crate::access::coverage::{DUPLICATE_IDS_MAX, Sighting};
use crate::access::observation::Skip;

use super::batch::Taken;
use super::decoded::{End, Signatures, Stage};

/// How many ids are remembered at least: deliveries of the same event lie closer together. Twice as many take some 60 MB.
const IDS_MIN: usize = (1 << 19) / 8 * 7;

/// What was read under one id. An id can be chosen by a client, so it proves nothing by itself.
#[derive(Debug)]
struct Seen {
    /// The content of the first record.
    content: u64,
    /// Which requests with which outcomes were counted first.
    counted: Option<NonZeroU64>,
    /// Who asked for what, outcome aside; `None` until a record says it.
    asked: Option<NonZeroU64>,
    /// Other contents and other requests that were counted; few ids have any.
    more: Option<Box<More>>,
    stage: Stage,
    answered: bool,
    /// Whether the id is already known to stand for two different things.
    forged: bool,
    /// The cluster of a request whose answer was not read yet.
    waiting: Option<NonZeroU16>,
}

#[derive(Debug, Default)]
struct More {
    contents: Vec<u64>,
    counted: Vec<NonZeroU64>,
}

impl Seen {
    /// Why a record that says something new under a known id is not counted; `None` when it is.
    fn skip(&mut self, stage: Stage, updates: bool, counted: Option<NonZeroU64>, waiting: Option<NonZeroU16>) -> Option<Skip> {
        match stage {
            Stage::Whole if !updates => {
                counted.map(|counted| self.count(counted));
                None
            }
            Stage::Whole | Stage::Updated => self.count(counted?).then_some(Skip::Addendum),
            Stage::Received => {
                self.waiting = self.waiting.or(waiting);
                Some(Skip::Stage)
            }
            Stage::Started | Stage::Answered => {
                self.answered = true;
                self.count(counted?).then_some(Skip::Stage)
            }
        }
    }

    /// Whether these requests with these outcomes were counted before; they are now.
    fn count(&mut self, counted: NonZeroU64) -> bool {
        match self.counted {
            Some(known) if known == counted => return true,
            Some(_) => {
                let more = self.more.get_or_insert_default();
                if more.counted.contains(&counted) {
                    return true;
                }
                more.counted.push(counted);
            }
            None => self.counted = Some(counted),
        }
        false
    }

    /// Whether a record of this content was read before; it is now.
    fn repeats(&mut self, content: u64) -> bool {
        if self.content == content || self.more.as_ref().is_some_and(|more| more.contents.contains(&content)) {
            return true;
        }
        self.more.get_or_insert_default().contents.push(content);
        false
    }
}

/// The ids that were read last, in two generations: when the younger one is full, the older one is forgotten.
#[derive(Debug, Default)]
pub(super) struct Once {
    /// Tells contents by 64 bits: what is equal by chance only changes a count, and no log can choose it.
    hasher: RandomState,
    younger: RapidHashMap<u64, Seen>,
    older: RapidHashMap<u64, Seen>,
    forgotten: u64,
    clusters: Vec<String>,
    /// Requests whose answer was not read while they were remembered, by cluster.
    unanswered: BTreeMap<String, u64>,
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
        let content = self.hasher.hash_one((content, taken.name, taken.stage, taken.time));
        let named = |signature: u64| NonZeroU64::new(self.hasher.hash_one((signature, taken.name)) | 1);
        let (asked, counted) = (asked.and_then(named), counted.and_then(named));
        let Some(seen) = self.seen(taken.rank) else {
            let received = taken.stage == Stage::Received;
            let seen = Seen {
                content,
                counted: counted.filter(|_| !received),
                asked,
                more: None,
                stage: taken.stage,
                answered: matches!(taken.stage, Stage::Started | Stage::Answered),
                forged: false,
                waiting,
            };
            self.younger.insert(taken.rank, seen);
            return received.then_some(Skip::Stage);
        };
        if seen.repeats(content) {
            return Some(Skip::Duplicate);
        }
        let updates = seen.stage == Stage::Updated || taken.stage == Stage::Updated;
        let whole = !updates && (seen.stage == Stage::Whole || taken.stage == Stage::Whole);
        let differs = matches!((seen.asked, asked), (Some(one), Some(other)) if one != other);
        seen.asked = seen.asked.or(asked);
        let newly = (whole || differs) && !seen.forged;
        seen.forged |= newly;
        let skip = seen.skip(taken.stage, updates, counted, waiting);
        if newly {
            self.duplicate_id_count += 1;
            self.duplicate_ids.insert(taken.id.to_owned());
            if self.duplicate_ids.len() > DUPLICATE_IDS_MAX {
                self.duplicate_ids.pop_last();
            }
        }
        skip
    }

    /// What is remembered of an id; it is young again by that.
    fn seen(&mut self, id: u64) -> Option<&mut Seen> {
        if !self.younger.contains_key(&id) {
            if self.younger.len() >= IDS_MIN {
                self.forget();
            }
            let seen = self.older.remove(&id)?;
            self.younger.insert(id, seen);
        }
        self.younger.get_mut(&id)
    }

    /// Forgets the older generation.
    fn forget(&mut self) {
        std::mem::swap(&mut self.older, &mut self.younger);
        let mut forgotten = std::mem::take(&mut self.younger);
        self.forgotten += u64::try_from(forgotten.len()).unwrap_or(u64::MAX);
        self.count_unanswered(&forgotten);
        // Its room is used again.
        forgotten.clear();
        forgotten.reserve(IDS_MIN);
        self.younger = forgotten;
    }

    fn count_unanswered(&mut self, ids: &RapidHashMap<u64, Seen>) {
        for seen in ids.values().filter(|seen| !seen.answered) {
            let place = seen.waiting.and_then(|place| usize::from(place.get()).checked_sub(1));
            if let Some(cluster) = place.and_then(|place| self.clusters.get(place)) {
                *self.unanswered.entry(cluster.clone()).or_default() += 1;
            }
        }
    }

    fn cluster(&mut self, taken: &Taken<'_>) -> Option<NonZeroU16> {
        let Some(Sighting::Audit(sighting)) = &taken.said.sighting else { return None };
        let place = self.clusters.iter().position(|known| *known == sighting.cluster).unwrap_or_else(|| {
            self.clusters.push(sighting.cluster.clone());
            self.clusters.len() - 1
        });
        u16::try_from(place + 1).ok().and_then(NonZeroU16::new)
    }

    /// Requests whose answer was not read, by cluster.
    pub(super) fn response_missing(&mut self) -> BTreeMap<String, u64> {
        for ids in [std::mem::take(&mut self.younger), std::mem::take(&mut self.older)] {
            self.count_unanswered(&ids);
        }
        std::mem::take(&mut self.unanswered)
    }

    /// How many ids were forgotten before the end: a record that came again after so long was counted again.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The first few ids in order that stand for two different things, and how many there are.
    pub(super) fn duplicate_ids(self) -> (BTreeSet<String>, u64) {
        (self.duplicate_ids, self.duplicate_id_count)
    }
}
