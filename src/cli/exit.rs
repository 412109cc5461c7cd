//! Exit codes: what a run ended as, for CI.

use std::process::ExitCode;

use tightfit::finding::{Finding, Severity};
use tightfit::verdict::{Verdict, VerdictState};

use crate::console::Console;

/// An option's value that the option does not take; clap ends with the same code for what it checks itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongValue(pub(crate) String);

/// How a run ended; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, and clean where there was a verdict.
    Done,
    /// 2: an option's value is none that the option takes.
    Usage,
    /// 1: a named input could not be read or an output could not be written.
    Failed,
    /// 3: a gap, an excess or a leak.
    NotClean,
    /// 5: proven as far as it goes, but the recording is blind somewhere or records are undecided.
    Incomplete,
    /// 4: findings at or above the threshold.
    Findings,
    /// 130: interrupted; nothing was left half-written.
    Interrupted,
}

impl Exit {
    /// As the shell sees it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotClean => 3,
            Exit::Findings => 4,
            Exit::Incomplete => 5,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// The exit of a judged run. `damaged` says that a named input could not be read whole.
pub(crate) fn of_verdict(damaged: bool, verdict: &Verdict, findings: &[Finding], threshold: Option<Severity>) -> Exit {
    let above = threshold.is_some_and(|threshold| findings.iter().any(|finding| finding.severity >= threshold));
    match (damaged, verdict.state()) {
        (true, _) => Exit::Failed,
        (false, VerdictState::NotClean) => Exit::NotClean,
        (false, VerdictState::Incomplete) => Exit::Incomplete,
        (false, VerdictState::Clean) if above => Exit::Findings,
        (false, VerdictState::Clean) => Exit::Done,
    }
}

/// Prints the error of a failed run with its causes.
pub(crate) fn report(console: &Console, ended: anyhow::Result<Exit>) -> Exit {
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            console.error(&error);
            if error.is::<WrongValue>() { Exit::Usage } else { Exit::Failed }
        }
    }
}
