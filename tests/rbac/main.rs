//! RBAC: what decisions mean upstream, what synthesis promises, and that manifests are read back as written.
#![cfg(test)]

mod decide;
mod harness;
mod laws;
mod readback;
mod roles;
