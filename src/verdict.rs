//! The verdict: what replay proved of one policy set against one log, with counter-examples.
//!
//! Invariant: a verdict over a blind log is incomplete, never clean.

use serde::{Deserialize, Serialize};

use crate::access::evidence::EventRef;
use crate::access::identity::Identity;
use crate::finding::Finding;
use crate::policy::grant::{Permit, Reason};

/// What the policies were judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictBasis {
    /// Every record of the log, read again.
    Log,
    /// A stored profile: not proven against a log.
    Profile,
}

/// One request that convicts, with the records behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterExample {
    /// Whose request.
    pub identity: Identity,
    /// The request, for a person; hostile text.
    pub request: String,
    /// How many records asked for it.
    pub count: u64,
    /// Some of them.
    pub events: Vec<EventRef>,
    /// Why: what the policy answered, or what the log shows; hostile text.
    pub note: String,
}

/// Every observed-allowed request is allowed, else gaps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sufficiency {
    /// Requests (not records) that were judged.
    pub judged: u64,
    /// Records behind them.
    pub records: u64,
    /// Requests that were allowed in the log and would be denied.
    pub gaps: Vec<CounterExample>,
}

/// A grant without a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excess {
    /// Whose.
    pub identity: Identity,
    /// What it permits.
    pub permit: Permit,
    /// Its reason, if it states one.
    pub reason: Option<Reason>,
}

/// Every grant has a reason, and an Observed one at least one request that only it allows, else excess.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Necessity {
    /// Grants that were judged.
    pub judged: u64,
    /// Grants that nothing needs.
    pub excess: Vec<Excess>,
}

/// No request that was only ever refused has become allowed, else leaks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restraint {
    /// Only-refused requests that were judged.
    pub judged: u64,
    /// Requests that were only ever refused and would be allowed.
    pub leaks: Vec<CounterExample>,
    /// Requests that were allowed at one time and refused at another: shown apart, neither leak nor gap.
    pub contested: Vec<CounterExample>,
}

/// Identities of the log that no policy was judged for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Who.
    pub identity: Identity,
    /// Why, in a few words.
    pub why: String,
}

/// What replay proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Against what.
    pub basis: VerdictBasis,
    /// Nothing observed is denied.
    pub sufficiency: Sufficiency,
    /// Nothing unneeded is granted.
    pub necessity: Necessity,
    /// Nothing refused is granted.
    pub restraint: Restraint,
    /// What the recording could not show; empty means that nothing is known to be missing.
    pub coverage: Vec<Finding>,
    /// Records whose request is not known.
    pub undecided: u64,
    /// Identities without a policy.
    pub left_out: Vec<LeftOut>,
}

/// The verdict in one word, and so the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictState {
    /// Proven, and nothing is known to be missing.
    Clean,
    /// Proven as far as the recording goes; something could not be seen or decided.
    Incomplete,
    /// A gap, an excess or a leak.
    NotClean,
}

impl Verdict {
    /// The verdict in one word.
    #[must_use]
    pub fn state(&self) -> VerdictState {
        let proven = self.sufficiency.gaps.is_empty() && self.necessity.excess.is_empty() && self.restraint.leaks.is_empty();
        let complete = self.coverage.is_empty() && self.undecided == 0 && self.basis == VerdictBasis::Log;
        match (proven, complete) {
            (false, _) => VerdictState::NotClean,
            (true, false) => VerdictState::Incomplete,
            (true, true) => VerdictState::Clean,
        }
    }
}
