//! Our NetworkPolicy `decide` against netpol-analyzer, which nobody here wrote (`tests/netpol/install.sh`, then
//! `TIGHTFIT_NETPOL_ANALYZER=PROGRAM`): generated clusters, its own fixtures, and the policies that synthesis writes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it counted; clippy does not count functions beside #[test] as tests"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod cluster;
mod fixtures;
mod generated;
mod judge;
mod observed;
