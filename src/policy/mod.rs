//! The policy languages: what a document says (`model`) and what it means (`decide`).
//!
//! Invariant: the judge (`decide`) reads documents only; it never sees how they were written.

pub mod decision;
pub mod grant;
pub mod iam;
pub mod manifest;
pub mod network;
pub mod pattern;
pub mod podsec;
pub mod rbac;
pub mod set;
pub mod snapshot;
