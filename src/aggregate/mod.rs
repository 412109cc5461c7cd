//! Aggregate: observations -> profile. Counts in a table, groups with polars, stores as Parquet.
//!
//! observation --intern--> table --flush--> frame --group_by--> profile

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
