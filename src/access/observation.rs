//! An observation: a request seen in a log, borrowed from what was read, with outcome, times and origins; and how every record ends.
//!
//! Records that say the same but for their id and their time travel together.
//!
//! Invariant: every record read is counted in exactly one [`Record`], so that the sums equal the number of records.

use serde::{Deserialize, Serialize};

use super::coverage::Sighting;
use super::identity::Identity;
use super::inventory::Fact;
use super::request::Request;
use super::times::Times;

/// What the platform answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Authorized, and done.
    Allowed,
    /// Authorized, as far as can be told, but failed afterwards: not found, conflict, validation.
    Failed,
    /// Authorization said no. Never evidence for a grant.
    Refused,
    /// Says nothing about authorization: throttled, expired credentials, server error.
    Unknown,
}

/// Where a record stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The input as named by the user; standard input is `-`.
    pub file: &'a str,
    /// The record's number in that file, from 1.
    pub record: u64,
}

/// A request seen in a log.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Who asked.
    pub identity: &'a Identity,
    /// The Kubernetes groups of the asker; empty for AWS.
    pub groups: &'a [String],
    /// What was asked.
    pub request: &'a Request,
    /// Whether the record states this request or it follows from it by a named rule.
    pub basis: &'a Basis,
    /// The answer.
    pub outcome: Outcome,
    /// To what the platform says it issued the credentials: an instance or a function by ARN, a pod as `pod/NAMESPACE/NAME`; empty
    /// where it says nothing.
    pub issued_to: &'a str,
    /// Which binding allowed it, in RBAC's own words (see [`super::kube::AllowedBy`]); empty where nothing says so.
    pub allowed_by: &'a str,
    /// At which level the request stands for several names (see [`super::folded`]); 0 for one that was asked as it is.
    pub folded: u8,
    /// How often and when, and by which records.
    pub times: &'a Times,
}

/// How a request follows from its record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The record states the request.
    Stated,
    /// The platform also asks for this one when the stated one is made; names the rule in a few words.
    Implied(String),
    /// The platform asks for this one in all likelihood, but leaves no record of it; names the rule in a few words.
    Assumed(String),
}

/// Why a record is passed over. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// The same id was read before, saying the same at the same time.
    Duplicate,
    /// Another stage of a request that is already counted.
    Stage,
    /// A CloudTrail digest.
    Digest,
    /// A CloudTrail Insights event.
    Insight,
    /// A CloudTrail aggregated event.
    Aggregated,
    /// A CloudTrail network activity event: repeats a management or data event.
    NetworkActivity,
    /// A CloudTrail addendum that says the same as the event it updates, or that event after it.
    Addendum,
    /// An AWS service event or console sign-in: no API call that IAM authorizes.
    ServiceEvent,
    /// An event that needs no permission.
    Permissionless,
    /// A subscription's control message.
    Control,
    /// Outside `--since` and `--until`.
    OutsideWindow,
    /// A flow record of an answer, or of what happens inside a connection: the record of its opening is counted.
    Reply,
    /// A flow log's interval without traffic, or one that it could not record (then it is a hole too).
    NoData,
    /// A flow of a protocol that no NetworkPolicy can name, such as ICMP.
    OtherProtocol,
}

/// Why a record cannot be used. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reject {
    /// Not JSON, or not valid JSON.
    Malformed,
    /// The input ends in the middle of it.
    Truncated,
    /// Larger than the limit for one record.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
    /// JSON, but no record of a kind that tightfit reads.
    Foreign,
    /// A field that must be there is missing or has the wrong type.
    Field,
    /// The wrapper around it could not be opened (base64, gzip, an inner JSON text).
    Wrapper,
}

/// Why a record's request is not decided: what stands in the way of translating it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// No IAM action is known for this CloudTrail event (`source name`).
    EventUnmapped(String),
    /// No identity could be told (userIdentity type).
    IdentityUnknown(String),
    /// The response was never recorded, so the outcome is not known.
    ResponseMissing,
    /// The log form does not carry what is needed (named).
    NotCarried(String),
    /// A flow of this protocol of which nothing says who opened it: no flags, and ports of one kind on both ends.
    DirectionUnknown(String),
}

/// How one record ended, or some that say the same.
#[derive(Debug, Clone)]
pub enum Record<'a> {
    /// Translated into one or more requests.
    Observed {
        /// The requests, at least one.
        observations: Vec<Observation<'a>>,
        /// How many records.
        count: u64,
    },
    /// Read, but not translated.
    Undecided {
        /// Why.
        why: &'a Undecided,
        /// Who asked, where that is known.
        identity: Option<&'a Identity>,
        /// How many records.
        count: u64,
    },
    /// Passed over.
    Skipped {
        /// Why.
        skip: Skip,
        /// How many records.
        count: u64,
    },
    /// Not usable: one record.
    Rejected {
        /// Why.
        reject: Reject,
        /// What exactly, for a person; hostile text.
        detail: &'a str,
        /// Where the record stood.
        origin: Origin<'a>,
    },
}

/// What reads a log pushes into, in any order and any division: sums and unions are all that a sink may keep.
pub trait Sink {
    /// A record ended, or some that say the same.
    fn record(&mut self, record: &Record<'_>);
    /// A record showed that something exists.
    fn fact(&mut self, fact: &Fact);
    /// Records were seen; says what the recording can show.
    fn sighting(&mut self, sighting: &Sighting, times: &Times);
}
