//! Necessity: whether every grant has a reason, and every observed one a request that nothing else allows but what is only assumed.
//!
//! Units are found by what a request names, so that many units and many requests of one identity meet only where they may fit.

use std::collections::{BTreeMap, BTreeSet};

use rapidhash::RapidHashMap;

use crate::access::aws::Context;
use crate::access::flow::Flow;
use crate::access::identity::Identity;
use crate::access::kube::{KubeRequest, KubeTarget};
use crate::access::request::RequestKey;
use crate::policy::grant::{Permit, Reason};
use crate::policy::iam::{self, PolicyDocument, compiled::Compiled};
use crate::policy::network::Direction;
use crate::policy::rbac;
use crate::policy::set::Policy;
use crate::verdict::{Excess, Necessity};

/// A request that is evidence, with the least context in which it was seen.
pub(super) type Used<'a> = (&'a RequestKey, &'a Context);

/// Judges every grant of one policy against the requests that are evidence.
pub(super) fn judge(identity: &Identity, policy: &Policy, used: &[Used<'_>], necessity: &mut Necessity) {
    let reasons: BTreeMap<&Permit, &Reason> = policy.grants.iter().map(|grant| (&grant.permit, &grant.reason)).collect();
    let permits = policy.documents.permits();
    // What is only assumed may be taken back: it makes nothing superfluous that the log shows.
    let assumed = |permit: &Permit| matches!(reasons.get(permit), Some(Reason::Assumed { .. }));
    let weighs: Vec<bool> = permits.iter().map(|permit| !assumed(permit)).collect();
    let document = iam::units(&permits);
    let places = Places::of(&permits, &document);
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    for request in used {
        let mut covering: Vec<usize> = Vec::new();
        places.covering(request, |place| covering.extend(weighs.get(place).filter(|weighs| **weighs).map(|_| place)));
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

/// Namespace (`None` for everywhere), verb, group, resource, name (`None` for every name).
type Rule<'a> = (Option<&'a str>, &'a str, &'a str, &'a str, Option<&'a str>);
/// Direction, namespace, and one label that the pods have, where the unit asks for one.
type Pods<'a> = (Direction, &'a str, Option<(&'a str, &'a str)>);

/// Where the units stand that could cover a request. Every list ascends.
struct Places<'a> {
    permits: &'a [Permit],
    /// Units of IAM as statements: each by its place among them.
    iam: Compiled<'a>,
    iam_places: Vec<usize>,
    rules: RapidHashMap<Rule<'a>, Vec<usize>>,
    pods: RapidHashMap<Pods<'a>, Vec<usize>>,
    /// All others are tried.
    others: Vec<usize>,
}

impl<'a> Places<'a> {
    /// `document` holds the units of IAM: see [`iam::units`].
    fn of(permits: &'a [Permit], document: &'a PolicyDocument) -> Self {
        let mut places = Places {
            permits,
            iam: Compiled::of(std::slice::from_ref(document)),
            iam_places: Vec::new(),
            rules: RapidHashMap::default(),
            pods: RapidHashMap::default(),
            others: Vec::new(),
        };
        for (place, permit) in permits.iter().enumerate() {
            match permit {
                Permit::Iam { .. } => places.iam_places.push(place),
                Permit::Rbac { namespace, verb, api_group, resource, name }
                    if verb != "*" && api_group != "*" && !resource.starts_with('*') =>
                {
                    let rule = (namespace.as_deref(), verb.as_str(), api_group.as_str(), resource.as_str(), name.as_deref());
                    places.rules.entry(rule).or_default().push(place);
                }
                Permit::Network(unit) => {
                    let label = unit.pods.match_labels.iter().next().map(|(key, value)| (key.as_str(), value.as_str()));
                    places.pods.entry((unit.direction, &unit.namespace, label)).or_default().push(place);
                }
                Permit::Rbac { .. } | Permit::NonResource { .. } | Permit::PodSecurity { .. } => places.others.push(place),
            }
        }
        places
    }

    /// Every unit that alone lets the request through (a flow: on one of its sides), each once.
    fn covering(&self, (key, context): &Used<'_>, mut found: impl FnMut(usize)) {
        match key {
            RequestKey::Aws(key) => {
                self.iam.applying(key, context, |unit| self.iam_places.get(unit).copied().into_iter().for_each(&mut found));
            }
            RequestKey::Kube(request) => {
                let covers = |place: &usize| self.permits.get(*place).is_some_and(|permit| rbac::covers(permit, request));
                self.rules_of(request, |places| places.iter().copied().filter(covers).for_each(&mut found));
                self.others.iter().copied().filter(covers).for_each(found);
            }
            RequestKey::Flow(flow) => {
                let request = key.to_request(Context::new());
                let covers = |place: &usize| self.permits.get(*place).is_some_and(|permit| permit.covers(&request));
                self.pods_of(flow, |places| places.iter().copied().filter(covers).for_each(&mut found));
            }
            RequestKey::Pod(_) => {
                let request = key.to_request(Context::new());
                let covers = |place: &usize| self.permits.get(*place).is_some_and(|permit| permit.covers(&request));
                self.others.iter().copied().filter(covers).for_each(found);
            }
        }
    }

    fn rules_of(&self, request: &KubeRequest, mut near: impl FnMut(&[usize])) {
        let KubeTarget::Resource(asked) = &request.target else { return };
        let resource = asked.with_subresource();
        for namespace in [None, Some(asked.namespace.as_str())] {
            for name in [None, Some(asked.name.as_str())] {
                let rule = (namespace, request.verb.as_str(), asked.api_group.as_str(), resource.as_str(), name);
                self.rules.get(&rule).into_iter().for_each(|places| near(places));
            }
        }
    }

    fn pods_of(&self, flow: &Flow, mut near: impl FnMut(&[usize])) {
        for (direction, end) in [(Direction::Egress, &flow.client), (Direction::Ingress, &flow.server)] {
            let Some(pod) = end.pod() else { continue };
            let labels = pod.labels.iter().map(|(key, value)| Some((key.as_str(), value.as_str())));
            for label in labels.chain([None]) {
                let pods = (direction, pod.namespace.as_str(), label);
                self.pods.get(&pods).into_iter().for_each(|places| near(places));
            }
        }
    }
}
