//! Laws: sufficiency, restraint, necessity, and blindness to order, over generated logs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tightfit::access::kube::{KubeRequest, KubeTarget};
use tightfit::access::observation::Outcome;
use tightfit::access::request::{Request, RequestKey};
use tightfit::policy::grant::Permit;
use tightfit::policy::rbac::{self, RbacPolicy};
use tightfit::policy::set::{Documents, Policy};

use crate::harness::{config, documents, on, path, profile, synthesize, web};

fn request() -> impl Strategy<Value = KubeRequest> {
    let word = |words: &'static [&'static str]| proptest::sample::select(words);
    let resource = (
        word(&["get", "get", "get", "list", "create", "deletecollection"]),
        word(&["", "", "", "", "apps", "*"]),
        word(&["pods", "pods", "pods", "pods/log", "namespaces", "*"]),
        word(&["shop", "shop", "shop", "ops", "", "BAD"]),
        word(&["", "a", "b", "web-x2x7k", "web-c5jn2", "web-bcdfg"]),
    );
    let resource = resource.prop_map(|(verb, group, resource, namespace, name)| {
        let name = if matches!(verb, "deletecollection") { "" } else { name };
        on(verb, group, resource, namespace, name)
    });
    let paths = (word(&["get", "post"]), word(&["/metrics", "/logs/a", "/healthz", "/api/v1", "/x*"]));
    prop_oneof![5 => resource, 1 => paths.prop_map(|(verb, text)| path(verb, text))]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    proptest::sample::select(&[Outcome::Allowed, Outcome::Allowed, Outcome::Failed, Outcome::Refused, Outcome::Unknown][..])
}

/// Whether tightfit says of a request that no rule can carry it.
fn carried(request: &KubeRequest) -> bool {
    match &request.target {
        KubeTarget::NonResource(path) => !path.ends_with('*'),
        KubeTarget::Resource(asked) => {
            asked.resource != "*"
                && asked.api_group != "*"
                && (asked.namespace != "BAD" || (asked.resource == "namespaces" && asked.api_group.is_empty()))
        }
    }
}

proptest! {
    #[test]
    fn synthesis_keeps_its_promises(log in proptest::collection::vec((request(), outcome()), 0..40), exact: bool) {
        let config = config(&format!("[generalize]\nexact = {exact}"));
        let seen = profile(&log);
        let (policy, _) = synthesize(&seen, &config);
        let empty = Policy { documents: Documents::Rbac(RbacPolicy::default()), grants: Vec::new() };
        let policy = policy.unwrap_or(empty);
        let documents = documents(&policy);
        let allowed = |request: &KubeRequest| rbac::decide(documents, &web(), &[], request).is_allow();
        let widened = policy.grants.iter().any(|grant| grant.generalization.is_some());
        prop_assert!(!(exact && widened));

        let mut evidence = Vec::new();
        for (key, seen) in &seen.requests {
            let RequestKey::Kube(request) = key else { continue };
            if seen.is_evidence(true) {
                // Sufficiency; a bad namespace is carried only where the role stands outside of it.
                let inside_bad = matches!(&request.target, KubeTarget::Resource(asked) if asked.namespace == "BAD");
                prop_assert!(allowed(request) || inside_bad || !carried(request) || rbac::allowed_by_default(&web(), &[], request),
                    "gap: {request}");
                evidence.push(request);
            }
        }
        // Restraint: what was refused and is allowed is covered by a unit that one observed request needs as it is.
        for (key, seen) in &seen.requests {
            let RequestKey::Kube(request) = key else { continue };
            if !seen.is_evidence(true) && seen.count(Outcome::Refused) > 0 && allowed(request) {
                let unavoidable = policy.grants.iter()
                    .any(|grant| grant.generalization.is_none() && rbac::covers(&grant.permit, request));
                prop_assert!(unavoidable, "leak: {request}");
            }
        }
        // The grants are the documents' units, and each has a request that only it allows.
        let permits: BTreeSet<Permit> = rbac::permits(documents).into_iter().collect();
        prop_assert_eq!(permits.len(), rbac::permits(documents).len());
        prop_assert_eq!(&permits, &policy.grants.iter().map(|grant| grant.permit.clone()).collect::<BTreeSet<_>>());
        for permit in &permits {
            let needed = evidence.iter().any(|request| {
                rbac::covers(permit, request) && !permits.iter().any(|other| other != permit && rbac::covers(other, request))
            });
            prop_assert!(needed, "excess: {permit}");
        }
        // The judge of units and the judge of documents agree on everything that was asked.
        for (request, _) in &log {
            let by_unit = permits.iter().any(|permit| rbac::covers(permit, request));
            prop_assert_eq!(by_unit, allowed(request), "{}", request);
            prop_assert_eq!(by_unit, policy.documents.decide(&web(), &[], &Request::Kube(request.clone())).is_allow());
        }
    }

    #[test]
    fn order_does_not_matter(log in proptest::collection::vec((request(), outcome()), 0..30)) {
        let mut backwards = log.clone();
        backwards.reverse();
        backwards.extend(log.clone());
        let config = config("");
        let first = synthesize(&profile(&log), &config).0;
        let second = synthesize(&profile(&backwards), &config).0;
        prop_assert_eq!(first.as_ref().map(documents), second.as_ref().map(documents));
    }
}
