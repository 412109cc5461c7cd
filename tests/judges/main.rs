//! Our reading of RBAC and Pod Security against Kubernetes' own code, as processes (`tests/judges/install.sh`, then
//! `TIGHTFIT_KUBE_JUDGES=FOLDER`), and against the roles that Kubernetes itself gives its controllers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it counted; clippy does not count functions beside #[test] as tests"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod audit_policy;
mod bootstrap;
mod judge;
mod kube_1_36;
mod pods;
mod podsec;
mod rbac;
mod yaml;
