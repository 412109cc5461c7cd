//! tightfit: least privilege from a recording.
//!
//! Staging is permissive; production must not be. tightfit reads audit logs (AWS CloudTrail, Kubernetes audit), learns what every
//! identity really did, writes the smallest policies that still allow exactly that, and proves them by replaying the log.
//! Nothing observed will be denied, nothing unobserved is granted without a named reason, what the log could not show is said.
//!
//! ```text
//! bytes --ingest--> Observation --aggregate--> Profile --synthesize--> PolicySet --render--> Artifact --publish--> folder
//!                       `------------ second pass ------------> verify <---'
//!                                                                 `--> Verdict
//! ```
//!
//! Nouns say what things are, in import order; verbs do something to them and never import each other; [`pipeline`] alone knows
//! all verbs. `docs/architecture.md` has the laws.

// Nouns: values. No I/O, no clock, no environment.
pub mod finding;

pub mod access;

pub mod catalog;

pub mod config;

pub mod policy;

pub mod artifact;

pub mod ask;

pub mod verdict;

// Verbs: stages, each a function from nouns to nouns; `fetch` alone has network.
pub mod fetch;

pub mod ingest;

pub mod aggregate;

pub mod load;

pub mod synthesize;

pub mod verify;

pub mod render;

pub mod publish;

pub mod curate;

// The only composition.
pub mod pipeline;
