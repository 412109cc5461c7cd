//! Necessity: whether every grant has a reason, and every observed one a request that nothing else allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::Identity;
use crate::access::request::Request;
use crate::policy::grant::{Permit, Reason};
use crate::policy::set::Policy;
use crate::verdict::{Excess, Necessity};

/// Judges every grant of one policy against the requests that are evidence.
pub(super) fn judge(identity: &Identity, policy: &Policy, used: &[Request], necessity: &mut Necessity) {
    let reasons: BTreeMap<&Permit, &Reason> = policy.grants.iter().map(|grant| (&grant.permit, &grant.reason)).collect();
    let permits = policy.documents.permits();
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    for request in used {
        let mut covering = permits.iter().enumerate().filter(|(_, permit)| permit.covers(request));
        if let (Some((only, _)), None) = (covering.next(), covering.next()) {
            needed.insert(only);
        }
    }
    for (index, permit) in permits.iter().enumerate() {
        necessity.judged += 1;
        let reason = reasons.get(permit).copied();
        let is_needed = match reason {
            None => false,
            Some(Reason::Observed | Reason::Derived { .. }) => needed.contains(&index),
            Some(Reason::Assumed { .. } | Reason::Unobservable { .. } | Reason::Declared { .. }) => true,
        };
        if !is_needed {
            necessity.excess.push(Excess { identity: identity.clone(), permit: permit.clone(), reason: reason.cloned() });
        }
    }
}
