//! Our `decide` and `authorize` against evaluators that share nothing with them: a literal reading of IAM's rules (`literal`), and a
//! simulator that nobody here wrote (`tests/oracle/install.sh`, then `TIGHTFIT_IAM_ORACLE=FOLDER`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it counted; clippy does not count functions beside #[test] as tests"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod explained;
mod generated;
mod language;
mod literal;
mod managed;
mod operators;
mod order;
mod simulator;
mod stack;
