//! What can go wrong with a stored profile.

/// Why a profile could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be opened or created.
    #[error("profile `{file}` cannot be opened")]
    Open {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The frame engine refused.
    #[error("profile `{file}` cannot be processed")]
    Frame {
        /// The file; empty for a frame in memory.
        file: String,
        /// Why.
        #[source]
        source: Box<polars::prelude::PolarsError>,
    },
    /// It cannot be written.
    #[error("profile `{file}` cannot be written")]
    Write {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A Parquet file without tightfit's seal.
    #[error(
        "`{file}` begins as a Parquet file but is no whole tightfit profile: write one with `tightfit profile INPUT... --out FILE`"
    )]
    Foreign {
        /// The file.
        file: String,
    },
    /// A profile of another schema version.
    #[error("profile `{file}` has schema version `{found}`, expected `{expected}`: write it again with this version of tightfit")]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: String,
        /// What this version reads.
        expected: u32,
    },
    /// Two profiles counted the same log.
    #[error(
        "profiles `{first}` and `{second}` both hold `{log}`: merged, its records would count twice; leave one out, or say `--overlapping`"
    )]
    Overlap {
        /// The one that was given first.
        first: String,
        /// The other.
        second: String,
        /// The log, as the first names it.
        log: String,
    },
    /// A value of the wrong type or form.
    #[error("profile `{file}` is damaged: `{field}` {detail}")]
    Damaged {
        /// The file; empty for a frame in memory.
        file: String,
        /// The column or metadata key.
        field: String,
        /// What is wrong.
        detail: String,
    },
}
