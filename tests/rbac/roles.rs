//! Synthesis: tables of what is written, what is not, and why.

use std::collections::BTreeSet;

use tightfit::access::identity::Identity;
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::request::RequestKey;
use tightfit::finding::Code;
use tightfit::policy::grant::Reason;
use tightfit::policy::rbac;
use tightfit::synthesize;

use crate::harness::{codes, config, documents, on, path, profile, seen, synthesize, web};

#[test]
fn roles_are_as_narrow_as_they_can_be() {
    let requests = [
        on("get", "", "pods", "shop", "db-0"),
        on("list", "", "pods", "shop", ""),
        on("create", "", "configmaps", "shop", ""),
        on("create", "", "pods/exec", "ops", "db-0"),
        on("list", "", "nodes", "", ""),
        on("get", "", "namespaces", "shop", "shop"),
        on("list", "", "services", "", ""),
        on("list", "", "services", "shop", ""),
        path("get", "/metrics"),
        path("get", "/healthz"),
        on("create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""),
    ];
    let evidence: Vec<_> = requests.iter().map(|request| (request.clone(), Outcome::Allowed)).collect();
    let (policy, findings) = synthesize(&profile(&evidence), &config(""));
    let policy = policy.unwrap();
    let permits: Vec<String> = policy.grants.iter().map(|grant| grant.permit.to_string()).collect();
    assert_eq!(
        permits,
        [
            "list nodes in the whole cluster",
            "list services in the whole cluster",
            "create pods/exec db-0 in ops",
            "create configmaps in shop",
            "get namespaces shop in shop",
            "get pods db-0 in shop",
            "list pods in shop",
            "get /metrics",
        ]
    );
    assert_eq!(codes(&findings), BTreeSet::from([Code::RiskyGrant]));
    let documents = documents(&policy);
    assert_eq!((documents.roles.len(), documents.cluster_roles.len()), (2, 1));
    assert!(requests.iter().all(|request| {
        rbac::decide(documents, &web(), &[], request).is_allow() || rbac::allowed_by_default(&web(), &[], request)
    }));
}

#[test]
fn whoever_makes_a_namespace_needs_its_rule_outside() {
    let requests = [on("get", "", "namespaces", "new", "new"), on("create", "", "namespaces", "", "")];
    let evidence: Vec<_> = requests.iter().map(|request| (request.clone(), Outcome::Allowed)).collect();
    let (policy, _) = synthesize(&profile(&evidence), &config(""));
    let policy = policy.unwrap();
    assert!(documents(&policy).roles.is_empty());
    assert!(requests.iter().all(|request| rbac::decide(documents(&policy), &web(), &[], request).is_allow()));
    assert!(!rbac::decide(documents(&policy), &web(), &[], &on("get", "", "namespaces", "old", "old")).is_allow());
}

#[test]
fn nothing_is_written_for_masters_anonymous_and_refused() {
    let config = config("");
    let list = on("list", "", "secrets", "shop", "");
    let mut masters = profile(&[(list.clone(), Outcome::Allowed)]);
    masters.groups.insert("system:masters".to_owned());
    let (policy, findings) = synthesize(&masters, &config);
    assert_eq!((policy, codes(&findings)), (None, BTreeSet::from([Code::SystemMasters])));
    let (policy, findings) = synthesize(&profile(&[(list.clone(), Outcome::Refused)]), &config);
    assert_eq!((policy, codes(&findings)), (None, BTreeSet::from([Code::OnlyRefused])));
    let (policy, findings) = synthesize(&profile(&[(path("get", "/api/v1"), Outcome::Allowed)]), &config);
    assert_eq!((policy, findings), (None, Vec::new()));
    let mut findings = Vec::new();
    let anonymous = Identity::kube_user("dev", "system:anonymous");
    let seen = profile(&[(list, Outcome::Allowed)]);
    assert_eq!(synthesize::rbac::policy(&anonymous, &seen, &config, &mut findings), None);
    assert_eq!(codes(&findings), BTreeSet::from([Code::Anonymous]));
}

#[test]
fn reasons_and_evidence_are_told() {
    let mut seen_requests = profile(&[(on("get", "", "secrets", "shop", "gone"), Outcome::Failed)]);
    let implied = Basis::Implied("apply creates".to_owned());
    let create = on("create", "apps", "deployments", "shop", "web");
    seen_requests.requests.insert(RequestKey::Kube(create), seen(&[Outcome::Allowed], implied));
    seen_requests
        .requests
        .insert(RequestKey::Kube(on("impersonate", "", "users", "", "bob")), seen(&[Outcome::Allowed], Basis::Stated));
    let (policy, findings) = synthesize(&seen_requests, &config(""));
    let reasons: Vec<Reason> = policy.unwrap().grants.into_iter().map(|grant| grant.reason).collect();
    assert_eq!(reasons, [Reason::Observed, Reason::Derived { rule: "apply creates".to_owned() }, Reason::Observed]);
    assert_eq!(
        codes(&findings),
        BTreeSet::from([Code::Generalized, Code::FailedAsEvidence, Code::RiskyGrant, Code::Impersonation])
    );
    let (policy, _) = synthesize(&seen_requests, &config("[evidence]\nfailed = false"));
    assert_eq!(policy.unwrap().grants.len(), 2);
}

#[test]
fn names_are_widened_by_rule_alone() {
    let named = |name: &str| (on("get", "", "pods", "shop", name), Outcome::Allowed);
    let generated = [named("web-7d4b9c6f5d-x2x7k"), named("web-7d4b9c6f5d-c5jn2"), named("db-0")];
    let (policy, findings) = synthesize(&profile(&generated), &config(""));
    let grants = policy.unwrap().grants;
    assert_eq!(grants.len(), 1);
    let widening = grants.first().and_then(|grant| grant.generalization.clone()).unwrap();
    assert_eq!((widening.rule.as_str(), widening.names), ("generated-name", 3));
    assert_eq!(codes(&findings), BTreeSet::from([Code::Generalized]));

    let (policy, _) = synthesize(&profile(&generated), &config("[generalize]\nexact = true"));
    assert_eq!(policy.unwrap().grants.len(), 3);

    let mut refused = generated.to_vec();
    refused.push((on("get", "", "pods", "shop", "vault-0"), Outcome::Refused));
    let (policy, _) = synthesize(&profile(&refused), &config(""));
    assert_eq!(policy.unwrap().grants.len(), 3);

    let many: Vec<_> = (0..10).map(|index| named(&format!("shard-{index}"))).collect();
    let (policy, _) = synthesize(&profile(&many), &config(""));
    assert_eq!(policy.unwrap().grants.len(), 1);
    let (policy, _) = synthesize(&profile(&many), &config("[generalize]\nkube-names-min = 11"));
    assert_eq!(policy.unwrap().grants.len(), 10);
}

#[test]
fn observed_wildcards_are_not_written() {
    let requests = [
        on("*", "", "pods", "shop", "a"),
        on("get", "*", "pods", "shop", "a"),
        on("get", "", "*", "shop", "a"),
        on("get", "", "*/scale", "shop", "a"),
        on("get", "", "pods", "Shop\n---", "a"),
        path("get", "/logs/*"),
        path("get", "*"),
        on("get", "", "pods", "shop", "*"),
    ];
    let evidence: Vec<_> = requests.iter().map(|request| (request.clone(), Outcome::Allowed)).collect();
    let (policy, findings) = synthesize(&profile(&evidence), &config(""));
    let policy = policy.unwrap();
    assert!(codes(&findings).contains(&Code::NameNotCarried));
    assert_eq!(policy.grants.len(), 1, "only the name `*`, which RBAC takes literally");
    assert!(!rbac::decide(documents(&policy), &web(), &[], &on("get", "", "pods", "shop", "b")).is_allow());
}
