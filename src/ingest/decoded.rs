//! What decoding one record gives: owned, so that it can cross from a reading thread to the sink.

use jiff::Timestamp;

use crate::access::coverage::Sighting;
use crate::access::identity::Identity;
use crate::access::inventory::Fact;
use crate::access::observation::{Basis, Outcome, Reject, Skip, Undecided};
use crate::access::request::Request;

/// One decoded record.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// eventID or auditID; empty collapses nothing.
    pub id: String,
    /// For Kubernetes: which stage of its request this is.
    pub stage: Stage,
    /// When it was asked; `None` where the record ended before its time was read.
    pub time: Option<Timestamp>,
    /// To what the platform says it issued the credentials, as [`crate::access::observation::Observation::issued_to`] has it; empty where it says nothing.
    pub issued_to: String,
    /// Which binding allowed what the record states, in RBAC's own words; empty where nothing says so.
    pub allowed_by: String,
    /// How it ends, duplicates and stages aside.
    pub end: End,
    /// What it shows to exist.
    pub facts: Vec<Fact>,
    /// What it says about the recording.
    pub sighting: Option<Sighting>,
}

/// The audit stage of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No stages (CloudTrail, GKE), or the record says none.
    Whole,
    /// A CloudTrail addendum: the event whose id this carries, delivered again with changes.
    Updated,
    /// RequestReceived: there is no answer yet.
    Received,
    /// ResponseStarted, ResponseComplete or Panic: answered.
    Answered,
}

/// How a record ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// As requests, at least one.
    Observed(Vec<Asked>),
    /// See [`Undecided`].
    Undecided {
        /// Why.
        why: Undecided,
        /// Who asked, where that is known.
        identity: Option<Identity>,
    },
    /// See [`Skip`].
    Skipped(Skip),
    /// See [`Reject`].
    Rejected {
        /// Why.
        reject: Reject,
        /// The field and what was expected, or the parser's words.
        detail: String,
    },
}

/// One request of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Who.
    pub identity: Identity,
    /// Kubernetes groups; empty for AWS.
    pub groups: Vec<String>,
    /// What.
    pub request: Request,
    /// How it follows from the record.
    pub basis: Basis,
    /// The answer.
    pub outcome: Outcome,
}

/// What a record's wrapper said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surround {
    /// The cluster, from `--cluster`, a log group, an ARN or a label; `None` where nothing names it.
    pub cluster: Option<String>,
    /// When the wrapper says that the record was made; stands in where the record itself carries no time.
    pub time: Option<Timestamp>,
    /// Whose output the record was, where the wrapper says so: a pod, by namespace and name.
    pub pod: Option<(String, String)>,
}

/// How much of a detail is kept, in characters.
const DETAIL_CHARS_MAX: usize = 400;

/// Ids longer than this, in bytes, are replaced by their hash: no platform makes one, and evidence keeps ids.
const ID_BYTES_MAX: usize = 256;

impl Decoded {
    /// The record with an id of bounded size; equal ids stay equal.
    #[must_use]
    pub(super) fn bounded(mut self) -> Self {
        if self.id.len() > ID_BYTES_MAX {
            self.id = format!("blake3:{}", blake3::hash(self.id.as_bytes()).to_hex());
        }
        self
    }

    /// A record that cannot be used. `detail` may quote the record, so only its start is kept.
    #[must_use]
    pub fn rejected(reject: Reject, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(DETAIL_CHARS_MAX) {
            detail.truncate(end);
            detail.shrink_to_fit();
        }
        Decoded {
            id: String::new(),
            stage: Stage::Whole,
            time: None,
            issued_to: String::new(),
            allowed_by: String::new(),
            end: End::Rejected { reject, detail },
            facts: Vec::new(),
            sighting: None,
        }
    }

    /// A record that is passed over.
    #[must_use]
    pub fn skipped(skip: Skip) -> Self {
        Decoded { end: End::Skipped(skip), ..Decoded::rejected(Reject::Malformed, "") }
    }
}
