//! An action that a record asks for: on what, why, and in which context.

use std::collections::BTreeMap;

use super::resource::Built;
use crate::access::aws::{Action, Context};
use crate::access::observation::{Basis, Outcome};

/// An action with what it was asked on, and the named rule where the event does not state it.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) action: Action,
    pub(super) on: Vec<Built>,
    pub(super) basis: Basis,
    /// Where it differs from the record's.
    pub(super) outcome: Option<Outcome>,
    /// The service that asks with the caller's credentials, where it is not the one that the record names.
    pub(super) via: Option<&'static str>,
    /// Condition keys beside those that the record shows.
    pub(super) context: Context,
}

impl Want {
    /// The record states it.
    pub(super) fn stated(action: Action, on: Vec<Built>) -> Self {
        Want { action, on, basis: Basis::Stated, outcome: None, via: None, context: BTreeMap::new() }
    }

    /// It follows from the stated one by a rule of the platform.
    pub(super) fn implied(action: Action, on: Vec<Built>, rule: &str) -> Self {
        Want { basis: Basis::Implied(rule.to_owned()), ..Want::stated(action, on) }
    }

    /// The platform asks for it in all likelihood, and leaves no record of it.
    pub(super) fn assumed(action: Action, on: Vec<Built>, rule: &str) -> Self {
        Want { basis: Basis::Assumed(rule.to_owned()), ..Want::stated(action, on) }
    }

    /// How the request on one of its resources follows from the record.
    pub(super) fn basis_on(&self, built: &Built) -> Basis {
        match (&self.basis, built.implied) {
            (Basis::Stated, Some(rule)) => Basis::Implied(rule.to_owned()),
            (basis, _) => basis.clone(),
        }
    }
}
