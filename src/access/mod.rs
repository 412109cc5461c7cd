//! The language of observed access: who asked for what, when, with what outcome, and what could not be seen.

pub mod aws;
pub mod blind;
pub mod cidr;
pub mod coverage;
pub mod data_events;
pub mod days;
pub mod evidence;
pub mod flow;
pub mod folded;
pub mod identity;
pub mod inventory;
pub mod kube;
pub mod last_accessed;
pub mod ledger;
pub mod mention;
pub mod object;
pub mod observation;
pub mod pod;
pub mod profile;
pub mod request;
pub mod selector;
pub mod shape;
pub mod survey;
pub mod times;
