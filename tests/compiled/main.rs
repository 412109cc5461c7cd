//! Policies made ready answer what the plain decisions answer, word for word: over generated documents and requests, and over the
//! policies that AWS manages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests")]

mod iam;
mod managed;
mod rbac;
mod units;
