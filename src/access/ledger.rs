//! The ledger: how every record ended, by file and by cause.
//!
//! Invariant: observed + undecided + skipped + rejected = records.

use std::collections::{BTreeMap, BTreeSet};

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
    /// BLAKE3 in hexadecimal of the bytes that were read; empty where nothing was read, or of an object of a snapshot.
    #[serde(default)]
    pub digest: String,
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
    /// Files whose records were counted in two parts that were merged: counts are upper bounds.
    #[serde(default)]
    pub counted_twice: BTreeSet<String>,
    /// With more names of one kind than these they stand together, see [`super::folded`]; 0 keeps every name.
    #[serde(default)]
    pub names_max: usize,
    /// Ids that were forgotten while the log was read: a record that was delivered again after so long was counted again.
    #[serde(default)]
    pub ids_forgotten: u64,
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
    /// Counts one call.
    pub fn insert(&mut self, record: &Record<'_>) {
        match record {
            Record::Observed { count, .. } => self.observed += count,
            Record::Undecided { why, count, .. } => *self.undecided.entry((*why).clone()).or_default() += count,
            Record::Skipped { skip, count } => *self.skipped.entry(*skip).or_default() += count,
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

    /// Files that both ledgers counted, by content, under the names they have here: merged, their records count twice.
    pub fn overlap<'a>(&'a self, other: &Ledger) -> impl Iterator<Item = &'a str> {
        let counted = |file: &FileLedger| file.records > 0 && !file.digest.is_empty();
        let theirs: BTreeSet<String> =
            other.files.values().filter(|file| counted(file)).map(|file| file.digest.clone()).collect();
        let both = self.files.iter().filter(move |(_, file)| counted(file) && theirs.contains(&file.digest));
        both.map(|(name, _)| name.as_str())
    }

    /// Takes in another ledger. The same file in both means that it was read in two parts: records add up.
    pub fn merge(&mut self, other: &Ledger) {
        let twice: Vec<String> = self.overlap(other).map(str::to_owned).collect();
        self.counted_twice.extend(twice);
        self.counted_twice.extend(other.counted_twice.iter().cloned());
        self.names_max = match (self.names_max, other.names_max) {
            (mine, 0) => mine,
            (0, theirs) => theirs,
            (mine, theirs) => mine.min(theirs),
        };
        self.ids_forgotten += other.ids_forgotten;
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
            if mine.digest < theirs.digest {
                mine.digest.clone_from(&theirs.digest);
            }
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
