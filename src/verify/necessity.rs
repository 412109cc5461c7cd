//! Necessity: whether every grant has a reason, and every observed one a request that nothing else allows but what is only assumed.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::aws::{AwsRequest, AwsRequestKey, Resource};
use crate::access::identity::Identity;
use crate::access::request::Request;
use crate::policy::grant::{Permit, Reason};
use crate::policy::network::Direction;
use crate::policy::set::Policy;
use crate::verdict::{Excess, Necessity};

/// Judges every grant of one policy against the requests that are evidence.
pub(super) fn judge(identity: &Identity, policy: &Policy, used: &[Request], necessity: &mut Necessity) {
    let reasons: BTreeMap<&Permit, &Reason> = policy.grants.iter().map(|grant| (&grant.permit, &grant.reason)).collect();
    let permits = policy.documents.permits();
    let places = Places::of(&permits);
    // What is only assumed may be taken back: it makes nothing superfluous that the log shows.
    let assumed = |permit: &Permit| matches!(reasons.get(permit), Some(Reason::Assumed { .. }));
    let weighs: Vec<bool> = permits.iter().map(|permit| !assumed(permit)).collect();
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    for request in used {
        let weighs = |place: &usize| weighs.get(*place).copied().unwrap_or_default();
        let covers = |place: &usize| weighs(place) && permits.get(*place).is_some_and(|permit| permit.covers(request));
        let covering: Vec<usize> = places.near(request).filter(covers).collect();
        // A flow needs a unit on each of its two sides; every other request needs one.
        for side in [None, Some(Direction::Egress), Some(Direction::Ingress)] {
            let mut of_side = covering.iter().filter(|place| permits.get(**place).is_some_and(|permit| side_of(permit) == side));
            if let (Some(only), None) = (of_side.next(), of_side.next()) {
                needed.insert(*only);
            }
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

fn side_of(permit: &Permit) -> Option<Direction> {
    match permit {
        Permit::Network(permit) => Some(permit.direction),
        Permit::Iam { .. } | Permit::Rbac { .. } | Permit::NonResource { .. } | Permit::PodSecurity { .. } => None,
    }
}

/// Where the permits stand that could cover a request: one action on one named resource is looked up, all others are tried.
struct Places {
    named: BTreeMap<(String, String), Vec<usize>>,
    others: Vec<usize>,
}

impl Places {
    fn of(permits: &[Permit]) -> Places {
        let mut places = Places { named: BTreeMap::new(), others: Vec::new() };
        for (place, permit) in permits.iter().enumerate() {
            match permit {
                Permit::Iam { action, resource, .. } if !action.contains(['*', '?']) && !resource.contains(['*', '?', '$']) => {
                    places.named.entry((action.to_ascii_lowercase(), resource.clone())).or_default().push(place);
                }
                Permit::Iam { .. }
                | Permit::Rbac { .. }
                | Permit::NonResource { .. }
                | Permit::PodSecurity { .. }
                | Permit::Network(_) => {
                    places.others.push(place);
                }
            }
        }
        places
    }

    fn near(&self, request: &Request) -> impl Iterator<Item = usize> {
        let asked = match request {
            Request::Aws(AwsRequest { key: AwsRequestKey { action, resource: Resource::Arn(arn), .. }, .. }) => {
                Some((action.to_string().to_ascii_lowercase(), arn.to_policy()))
            }
            Request::Aws(_) | Request::Kube(_) | Request::Pod(_) | Request::Flow(_) => None,
        };
        let named = asked.and_then(|asked| self.named.get(&asked)).into_iter().flatten();
        named.chain(&self.others).copied()
    }
}
