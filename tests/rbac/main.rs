//! RBAC: what decisions mean upstream, what synthesis promises, what production has is held against, and that manifests
//! are read back as written.
#![cfg(test)]

mod decide;
mod granted;
mod harness;
mod laws;
mod readback;
mod roles;
mod shared;
mod widen;

#[path = "../harness/mod.rs"]
mod shared_harness;
