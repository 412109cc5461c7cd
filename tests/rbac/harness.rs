//! What the tests share: requests, profiles, and synthesis for one service account.

use std::collections::BTreeSet;

use tightfit::access::identity::Identity;
use tightfit::access::kube::{KubeRequest, KubeResource, KubeTarget};
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::profile::{IdentityProfile, Seen};
use tightfit::access::request::RequestKey;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::finding::{Code, Finding};
use tightfit::policy::rbac::RbacPolicy;
use tightfit::policy::set::{Documents, Policy};
use tightfit::synthesize;

use super::shared_harness::tally;

pub(crate) fn on(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> KubeRequest {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    KubeRequest {
        verb: verb.to_owned(),
        target: KubeTarget::Resource(KubeResource {
            api_group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
    }
}

pub(crate) fn path(verb: &str, path: &str) -> KubeRequest {
    KubeRequest { verb: verb.to_owned(), target: KubeTarget::NonResource(path.to_owned()) }
}

pub(crate) fn seen(outcomes: &[Outcome], basis: Basis) -> Seen {
    Seen { outcomes: outcomes.iter().map(|outcome| (*outcome, tally())).collect(), bases: BTreeSet::from([basis]) }
}

pub(crate) fn profile(requests: &[(KubeRequest, Outcome)]) -> IdentityProfile {
    let mut profile = IdentityProfile::default();
    for (request, outcome) in requests {
        let seen = seen(&[*outcome], Basis::Stated);
        profile.requests.entry(RequestKey::Kube(request.clone())).or_default().merge(&seen);
    }
    profile
}

pub(crate) fn config(toml: &str) -> Config {
    UncheckedConfig::parse("test", toml).and_then(UncheckedConfig::check).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn web() -> Identity {
    Identity::kube_user("dev", "system:serviceaccount:shop:web")
}

pub(crate) fn synthesize(profile: &IdentityProfile, config: &Config) -> (Option<Policy>, Vec<Finding>) {
    let mut findings = Vec::new();
    let policy = synthesize::rbac::policy(&web(), profile, config, &mut findings);
    (policy, findings)
}

pub(crate) fn documents(policy: &Policy) -> &RbacPolicy {
    let Documents::Rbac(documents) = &policy.documents else { panic!("not RBAC") };
    documents
}

pub(crate) fn codes(findings: &[Finding]) -> BTreeSet<Code> {
    findings.iter().map(|finding| finding.code).collect()
}
