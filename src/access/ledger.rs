//! The ledger: how every record ended, by file and by cause.
//!
//! Invariant: observed + undecided + skipped + rejected = records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observation::{Record, Reject, Skip, Undecided};

/// How many rejected records are kept by place, per reason.
pub const SAMPLES_MAX: usize = 5;

/// What is wrong with a file as a whole; its good records still count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFault {
    /// Holds no record of a kind that tightfit reads; says what was expected.
    Foreign(String),
    /// A log in which every record was rejected; says why the first one was.
    Unusable(String),
    /// Ends in the middle; says where.
    Truncated(String),
    /// Could not be read or decompressed; says why.
    Unreadable(String),
}

/// One input file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileLedger {
    /// Records in it.
    pub records: u64,
    /// What is wrong with it; `None` for nothing.
    pub fault: Option<FileFault>,
    /// Whether the user named it (a file found in a directory is only passed over when foreign).
    pub named: bool,
}

/// How every record ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Records that became observations.
    pub observed: u64,
    /// Undecided records by cause.
    #[serde(with = "super::inventory::pairs")]
    pub undecided: BTreeMap<Undecided, u64>,
    /// Skipped records by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// Rejected records by reason.
    pub rejected: BTreeMap<Reject, Rejections>,
    /// Every file that was opened.
    pub files: BTreeMap<String, FileLedger>,
}

/// Rejected records of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rejections {
    /// How many.
    pub count: u64,
    /// The first few places in order (file, record number, what exactly); the detail is hostile text.
    pub samples: Vec<(String, u64, String)>,
}

impl Ledger {
    /// Counts one record.
    pub fn insert(&mut self, record: &Record<'_>) {
        match record {
            Record::Observed(_) => self.observed += 1,
            Record::Undecided { why, .. } => *self.undecided.entry((*why).clone()).or_default() += 1,
            Record::Skipped(skip) => *self.skipped.entry(*skip).or_default() += 1,
            Record::Rejected { reject, detail, origin } => {
                let rejections = self.rejected.entry(*reject).or_default();
                rejections.count += 1;
                rejections.keep((origin.file.to_owned(), origin.record, detail.chars().take(200).collect()));
            }
        }
    }

    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.observed + self.undecided_count() + self.skipped_count() + self.rejected_count()
    }

    /// All undecided records.
    #[must_use]
    pub fn undecided_count(&self) -> u64 {
        self.undecided.values().sum()
    }

    /// All skipped records.
    #[must_use]
    pub fn skipped_count(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// All rejected records.
    #[must_use]
    pub fn rejected_count(&self) -> u64 {
        self.rejected.values().map(|rejections| rejections.count).sum()
    }

    /// Files that no one named and that are no logs: each stands as one rejected record, and none of them is worth a warning.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        let foreign = |file: &&FileLedger| !file.named && matches!(file.fault, Some(FileFault::Foreign(_)));
        self.files.values().filter(foreign).map(|file| file.records).sum()
    }

    /// Takes in another ledger. The same file in both means that it was read in two parts: records add up.
    pub fn merge(&mut self, other: &Ledger) {
        self.observed += other.observed;
        for (why, count) in &other.undecided {
            *self.undecided.entry(why.clone()).or_default() += count;
        }
        for (skip, count) in &other.skipped {
            *self.skipped.entry(*skip).or_default() += count;
        }
        for (reject, theirs) in &other.rejected {
            let mine = self.rejected.entry(*reject).or_default();
            mine.count += theirs.count;
            theirs.samples.iter().for_each(|sample| mine.keep(sample.clone()));
        }
        for (file, theirs) in &other.files {
            let mine = self.files.entry(file.clone()).or_default();
            mine.records += theirs.records;
            mine.named |= theirs.named;
            mine.fault = mine.fault.take().or_else(|| theirs.fault.clone());
        }
    }
}

impl Rejections {
    fn keep(&mut self, sample: (String, u64, String)) {
        if let Err(place) = self.samples.binary_search(&sample) {
            self.samples.insert(place, sample);
            self.samples.truncate(SAMPLES_MAX);
        }
    }
}
