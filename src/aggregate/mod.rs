//! Aggregate: observations -> profile. Counts in a table; a profile that is stored is grouped with polars and written as Parquet.
//!
//! observation --intern--> table --> profile; profile --spell--> frame --group_by--> Parquet

mod error;
mod frame;
mod merge;
mod parquet;
mod seal;
mod table;

pub use error::ProfileError;
pub use merge::merge;
pub use parquet::{SCHEMA_VERSION, read, write};
pub use table::Aggregator;
