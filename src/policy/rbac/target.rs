//! What the target version's API server asks where the recorded one asked something: recordings and production differ in version.
//!
//! Invariant: who writes and who judges ask the same thing, so that nothing is granted for a check that the target does not make,
//! and nothing that it does make is missing.

use std::borrow::Cow;

use crate::access::kube::{KubeRequest, KubeResource, KubeTarget, OWNERS_ENFORCED, WEBSOCKET_CREATE};
use crate::access::observation::Basis;
use crate::access::profile::{IdentityProfile, Seen};
use crate::access::request::RequestKey;
use crate::config::{KubeVersion, TargetServer};

/// Resources that another API group serves today: group, resource, the group today, the minor version that no longer serves the old.
/// Versions of one group (`policy/v1beta1`) are no matter of RBAC, which names groups alone.
/// <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>
const MOVED: &[(&str, &str, &str, u32)] = &[
    ("extensions", "daemonsets", "apps", 16),
    ("extensions", "deployments", "apps", 16),
    ("extensions", "replicasets", "apps", 16),
    ("extensions", "networkpolicies", "networking.k8s.io", 16),
    ("extensions", "podsecuritypolicies", "policy", 16),
    ("extensions", "ingresses", "networking.k8s.io", 22),
];

/// The first minor version that asks for `create` beside the `get` of a websocket.
const WEBSOCKET_CREATE_SINCE: u32 = 35;

/// What the target asks in place of a request that follows from its record in this way; `None` where it asks nothing.
#[must_use]
pub fn asked<'a>(request: &'a KubeRequest, basis: &Basis, server: TargetServer) -> Option<Cow<'a, KubeRequest>> {
    let version = server.version;
    if matches!(basis, Basis::Assumed(rule) if rule == OWNERS_ENFORCED) && !server.owner_references_enforced {
        return None;
    }
    if matches!(basis, Basis::Implied(rule) if rule == WEBSOCKET_CREATE) && version.minor < WEBSOCKET_CREATE_SINCE {
        return None;
    }
    let KubeTarget::Resource(resource) = &request.target else { return Some(Cow::Borrowed(request)) };
    Some(group_today(resource, version).map_or(Cow::Borrowed(request), |group| {
        let resource = KubeResource { api_group: group.to_owned(), ..resource.clone() };
        Cow::Owned(KubeRequest { verb: request.verb.clone(), target: KubeTarget::Resource(resource) })
    }))
}

fn group_today(resource: &KubeResource, version: KubeVersion) -> Option<&'static str> {
    let moved = |(group, name, _, gone): &&(&str, &str, &str, u32)| {
        *group == resource.api_group && *name == resource.resource && version.minor >= *gone
    };
    MOVED.iter().find(moved).map(|(_, _, today, _)| *today)
}

/// What an identity was seen to do, as the target asks it. A request that moved carries the rule that moved it.
#[must_use]
pub fn profile(seen: &IdentityProfile, server: TargetServer) -> Cow<'_, IdentityProfile> {
    let same = |(key, seen): (&RequestKey, &Seen)| {
        let RequestKey::Kube(request) = key else { return true };
        seen.bases.iter().all(|basis| matches!(asked(request, basis, server), Some(Cow::Borrowed(_))))
    };
    if seen.requests.iter().all(same) {
        return Cow::Borrowed(seen);
    }
    let mut target = IdentityProfile { groups: seen.groups.clone(), ..IdentityProfile::default() };
    for (key, seen) in &seen.requests {
        let mut add = |key: RequestKey, seen: Seen| target.requests.entry(key).or_default().merge(&seen);
        let RequestKey::Kube(request) = key else {
            add(key.clone(), seen.clone());
            continue;
        };
        let asking: Vec<(Cow<'_, KubeRequest>, &Basis)> =
            seen.bases.iter().filter_map(|basis| Some((asked(request, basis, server)?, basis))).collect();
        let bases = asking.iter().map(|(asked, basis)| rule_of(request, asked, basis)).collect();
        if let Some((asked, _)) = asking.into_iter().next() {
            add(RequestKey::Kube(asked.into_owned()), Seen { bases, ..seen.clone() });
        }
    }
    Cow::Owned(target)
}

fn rule_of(recorded: &KubeRequest, asked: &KubeRequest, basis: &Basis) -> Basis {
    let group = |request: &KubeRequest| match &request.target {
        KubeTarget::Resource(resource) => resource.api_group.clone(),
        KubeTarget::NonResource(_) => String::new(),
    };
    if recorded == asked || *basis != Basis::Stated {
        return basis.clone();
    }
    Basis::Implied(format!("the target version serves in {} what was asked in {}", group(asked), group(recorded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::evidence::EventRef;
    use crate::access::observation::Outcome;
    use crate::access::profile::Tally;
    use crate::access::times::Times;

    fn version(minor: u32) -> TargetServer {
        TargetServer { version: KubeVersion { major: 1, minor }, owner_references_enforced: false }
    }

    fn request(verb: &str, group: &str, resource: &str, subresource: &str) -> KubeRequest {
        let resource = KubeResource {
            api_group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: "shop".into(),
            name: "one".into(),
        };
        KubeRequest { verb: verb.into(), target: KubeTarget::Resource(resource) }
    }

    #[test]
    fn create_of_a_websocket_is_asked_from_1_35() {
        let create = request("create", "", "pods", "exec");
        let implied = Basis::Implied(WEBSOCKET_CREATE.to_owned());
        assert_eq!(asked(&create, &implied, version(34)), None);
        assert_eq!(asked(&create, &implied, version(35)).as_deref(), Some(&create));
        assert_eq!(asked(&create, &Basis::Stated, version(34)).as_deref(), Some(&create), "a SPDY client's POST is a create");
    }

    #[test]
    fn owners_are_asked_about_where_the_plugin_is_on() {
        let update = request("update", "apps", "deployments", "finalizers");
        let assumed = Basis::Assumed(OWNERS_ENFORCED.to_owned());
        let enforced = TargetServer { owner_references_enforced: true, ..version(36) };
        assert_eq!(asked(&update, &assumed, version(36)), None);
        assert_eq!(asked(&update, &assumed, enforced).as_deref(), Some(&update));
        assert_eq!(asked(&update, &Basis::Stated, version(36)).as_deref(), Some(&update), "what was done is asked");
        let other = Basis::Assumed("another rule".to_owned());
        assert_eq!(asked(&update, &other, version(36)).as_deref(), Some(&update));
    }

    #[test]
    fn groups_move_when_the_old_one_is_gone() {
        for (resource, minor, expected) in
            [("deployments", 15, "extensions"), ("deployments", 16, "apps"), ("ingresses", 21, "extensions")]
        {
            let old = request("get", "extensions", resource, "");
            let today = request("get", expected, resource, "");
            assert_eq!(asked(&old, &Basis::Stated, version(minor)).as_deref(), Some(&today), "{resource} {minor}");
        }
        let own = request("get", "extensions", "widgets", "");
        assert_eq!(asked(&own, &Basis::Stated, version(36)).as_deref(), Some(&own), "a resource of someone's own");
    }

    #[test]
    fn a_profile_is_told_as_the_target_asks_it() {
        let event = EventRef { time: jiff::Timestamp::UNIX_EPOCH, id: String::new(), file: "f".to_owned(), record: 1 };
        let mut tally = Tally::of(Times::once(&event));
        tally.times.count = 2;
        let seen = |basis: Basis| Seen { outcomes: [(Outcome::Allowed, Box::new(tally.clone()))].into(), bases: [basis].into() };
        let requests = [
            (request("get", "extensions", "deployments", ""), Basis::Stated),
            (request("get", "apps", "deployments", ""), Basis::Stated),
            (request("create", "", "pods", "exec"), Basis::Implied(WEBSOCKET_CREATE.to_owned())),
        ];
        let requests = requests.into_iter().map(|(request, basis)| (RequestKey::Kube(request), seen(basis))).collect();
        let recorded = IdentityProfile { requests, ..IdentityProfile::default() };
        let target = profile(&recorded, version(34));
        let [(key, seen)] = target.requests.iter().collect::<Vec<_>>()[..] else { panic!("{target:?}") };
        assert_eq!((key.to_string().as_str(), seen.count(Outcome::Allowed)), ("get deployments.apps one in shop", 4));
        assert_eq!(seen.bases.len(), 2, "stated for one, moved for the other");
        assert_eq!(profile(&recorded, version(15)).requests.len(), 2);
        assert!(matches!(profile(&target, version(36)), Cow::Borrowed(_)));
    }
}
