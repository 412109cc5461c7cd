//! What the platform grants to everyone, against the code that bootstraps a cluster's roles and bindings.

use std::collections::BTreeSet;

use tightfit::policy::grant::Permit;
use tightfit::policy::rbac::{self, Kind, RbacPolicy};

use super::judge::judged;

/// Every object that an API server of the judge's version keeps up by itself.
pub(super) fn kubernetes() -> Option<RbacPolicy> {
    let listed = judged("rbac", &["-bootstrap"], &[])?;
    let mut policy = RbacPolicy::default();
    for object in listed[0].as_array().unwrap() {
        let kind = Kind::from_name(object["kind"].as_str().unwrap()).unwrap();
        policy.insert(kind, object.clone()).unwrap();
    }
    Some(policy)
}

/// What a policy gives to a group by name, as units.
fn given(policy: &RbacPolicy, group: &str) -> BTreeSet<Permit> {
    let names = |binding: &rbac::Binding| binding.subjects.iter().any(|subject| subject.kind == "Group" && subject.name == group);
    let mut alone = policy.clone();
    alone.cluster_role_bindings.retain(names);
    alone.role_bindings.retain(names);
    rbac::permits(&alone).into_iter().collect()
}

#[test]
fn default_grants_are_those_that_kubernetes_bootstraps() {
    let Some(kubernetes) = kubernetes() else { return };
    println!("{} objects", kubernetes.objects().count());
    for (group, least) in [("system:authenticated", 14), ("system:serviceaccounts", 2)] {
        let (ours, theirs) = (given(rbac::default_grants(), group), given(&kubernetes, group));
        assert!(theirs.len() >= least, "{group}: {theirs:?}");
        assert_eq!(ours, theirs, "{group}");
        println!("{group}: {} units", ours.len());
    }
    // Whoever is not authenticated gets nothing that an authenticated one doesn't, and we assume nothing of them.
    let anyone = given(&kubernetes, "system:unauthenticated");
    assert!(!anyone.is_empty() && anyone.is_subset(&given(&kubernetes, "system:authenticated")), "{anyone:?}");
    // No other group that authentication adds by itself is bound to anything; `system:nodes` is the Node authorizer's.
    let groups: BTreeSet<&str> = kubernetes
        .cluster_role_bindings
        .iter()
        .chain(&kubernetes.role_bindings)
        .flat_map(|binding| &binding.subjects)
        .filter(|subject| subject.kind == "Group")
        .map(|subject| subject.name.as_str())
        .collect();
    let known =
        ["system:authenticated", "system:masters", "system:monitoring", "system:serviceaccounts", "system:unauthenticated"];
    assert_eq!(groups, BTreeSet::from(known));
}
