//! Ingest: bytes -> observations or rejected records, pushed borrowed into a sink.
//!
//! ```text
//! arguments --source--> inputs --open--> bytes --frame--> values --unwrap--> records --decode--> decoded --once, fold--> sink
//!                               `------------- several threads, one input each ------------------'   one thread
//!                                                        objects of a snapshot --held--------------------------> sink
//! ```
//!
//! Invariant: the sink sees the same calls in the same order for any number of threads; every record is counted in exactly one of them.

use std::io;

pub mod audit;
mod batch;
pub mod cloudtrail;
pub mod decoded;
pub mod flow;
mod fold;
mod frame;
mod held;
mod hole;
mod members;
mod memo;
mod moment;
mod once;
mod open;
mod percent;
mod read;
pub mod skim;
mod skimmed;
mod sniff;
mod source;
mod unwrap;

pub use held::held;
pub use read::{FILE_BYTES_MAX, Options, RECORD_BYTES_MAX, Reading, read};
pub use source::{Input, InputKind, Inputs, SPOOL_BYTES_MAX, Shard, discover};

/// Why the inputs as a whole cannot be used. A single bad file is none of these: its fault stands in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An argument names no file or directory.
    #[error("`{name}` does not exist; name a file, a directory, a quoted pattern, or `-` for standard input")]
    NotFound {
        /// As given.
        name: String,
    },
    /// A pattern that matches no file.
    #[error("no file matches `{pattern}`; `**` reaches into directories, hidden files are left out")]
    NoMatch {
        /// As given.
        pattern: String,
    },
    /// A pattern that is no glob, and no such file exists.
    #[error("`{pattern}` does not exist and is not a valid pattern")]
    Pattern {
        /// As given.
        pattern: String,
        /// Why.
        #[source]
        source: globset::Error,
    },
    /// A directory without files.
    #[error("directory `{name}` holds no file (hidden ones are left out); name the directory that the logs are in")]
    Empty {
        /// As given.
        name: String,
    },
    /// A directory that cannot be listed.
    #[error("directory `{name}` cannot be listed")]
    Walk {
        /// As given.
        name: String,
        /// Why.
        #[source]
        source: walkdir::Error,
    },
    /// Standard input or a pipe could not be copied to a temporary file.
    #[error("`{name}` could not be copied to a temporary file; store it in a file and name that")]
    Spool {
        /// As given; `-` is standard input.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard input or a pipe is larger than what is copied.
    #[error("`{name}` holds more than {bytes_max} bytes; store it in a file and name that")]
    SpoolFull {
        /// As given; `-` is standard input.
        name: String,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// A log is read twice, and it was not the same log.
    #[error("`{name}` changed while it was read; copy it first and name the copy")]
    Changed {
        /// The input.
        name: String,
    },
}
