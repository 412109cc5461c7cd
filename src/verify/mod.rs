//! Verify: policies x observations -> verdict, by replaying a log (or a stored profile) against the documents.
//!
//! Invariant: it reads documents, grants and observations only; it shares nothing with what wrote them.

mod asker;
mod flows;
mod necessity;
mod replay;
mod wider;

pub use replay::Replay;
