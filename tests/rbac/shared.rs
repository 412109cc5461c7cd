//! One ClusterRole in many namespaces: the decisions are those of as many Roles.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tightfit::access::kube::KubeRequest;
use tightfit::access::observation::Outcome;
use tightfit::policy::grant::Permit;
use tightfit::policy::rbac;

use crate::harness::{config, documents, on, profile, synthesize, web};

const NAMESPACES: [&str; 5] = ["a", "b", "c", "d", "e"];

#[test]
fn namespaces_with_the_same_rules_share_a_role() {
    let mut requests: Vec<KubeRequest> = ["a", "b", "c", "d"].map(|namespace| on("list", "", "pods", namespace, "")).to_vec();
    requests.push(on("create", "", "configmaps", "d", ""));
    requests.extend(["x", "y"].map(|namespace| on("get", "", "events", namespace, "one")));
    requests.push(on("list", "", "nodes", "", ""));
    let log: Vec<_> = requests.iter().map(|request| (request.clone(), Outcome::Allowed)).collect();
    let (policy, _) = synthesize(&profile(&log), &config(""));
    let policy = policy.unwrap();
    let written = documents(&policy);
    let names = |place: &dyn Fn() -> Vec<String>| place();
    let roles = names(&|| {
        let shared = written.cluster_roles.iter().map(|role| role.metadata.name.clone());
        shared.chain(written.roles.iter().map(|role| format!("{}/{}", role.metadata.namespace, role.metadata.name))).collect()
    });
    let own = "tightfit:shop:web";
    let expected = [own, "tightfit:shop:web:shared", "d/tightfit:shop:web", "x/tightfit:shop:web", "y/tightfit:shop:web"];
    assert_eq!(roles, expected, "three namespaces share, two do not, and neither does the one that needs more");
    let bound: Vec<(&str, &str)> = written
        .role_bindings
        .iter()
        .filter(|binding| binding.role_ref.kind == "ClusterRole")
        .map(|binding| (binding.metadata.namespace.as_str(), binding.metadata.name.as_str()))
        .collect();
    assert_eq!(bound, ["a", "b", "c"].map(|namespace| (namespace, "tightfit:shop:web:shared")));
    let (single, _) = synthesize(&profile(&log), &config("kubernetes.shared-role-min = 4"));
    assert_eq!(documents(&single.unwrap()).cluster_roles.len(), 1, "only the one for nodes");
}

fn log() -> impl Strategy<Value = Vec<KubeRequest>> {
    let word = |words: &'static [&'static str]| proptest::sample::select(words);
    let request = (
        word(&["get", "list", "create", "patch"]),
        word(&["", "apps"]),
        word(&["pods", "pods/log", "things"]),
        word(&NAMESPACES),
        word(&["", "one", "two"]),
    );
    proptest::collection::vec(
        request.prop_map(|(verb, group, resource, namespace, name)| on(verb, group, resource, namespace, name)),
        1..30,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn sharing_and_compaction_change_no_decision(requests in log(), everywhere: bool) {
        let mut requests = requests;
        if everywhere {
            // The same in every namespace, so that there is something to share.
            let some = requests.clone();
            for request in some {
                for namespace in NAMESPACES {
                    let mut copy = request.clone();
                    if let tightfit::access::kube::KubeTarget::Resource(resource) = &mut copy.target {
                        namespace.clone_into(&mut resource.namespace);
                    }
                    requests.push(copy);
                }
            }
        }
        let log: Vec<_> = requests.iter().map(|request| (request.clone(), Outcome::Allowed)).collect();
        let written = |toml: &str| synthesize(&profile(&log), &config(toml)).0.unwrap();
        let shared = written("generalize.exact = true\nkubernetes.shared-role-min = 2");
        let single = written("generalize.exact = true\nkubernetes.shared-role-min = 1000");
        prop_assert_eq!(&shared.grants, &single.grants);
        prop_assert!(documents(&single).cluster_roles.is_empty());
        prop_assert!(!everywhere || !documents(&shared).cluster_roles.is_empty());
        let units = |policy| rbac::permits(documents(policy)).into_iter().collect::<BTreeSet<Permit>>();
        prop_assert_eq!(units(&shared), units(&single));
        prop_assert_eq!(rbac::permits(documents(&shared)).len(), units(&shared).len(), "no unit twice");
        for verb in ["get", "list", "create", "patch", "delete"] {
            for group in ["", "apps"] {
                for resource in ["pods", "pods/log", "things"] {
                    for namespace in NAMESPACES.into_iter().chain(["", "other"]) {
                        for name in ["", "one", "two", "three"] {
                            let request = on(verb, group, resource, namespace, name);
                            let answer = |policy| rbac::decide(documents(policy), &web(), &[], &request).is_allow();
                            let by_unit = shared.grants.iter().any(|grant| rbac::covers(&grant.permit, &request));
                            prop_assert_eq!(answer(&shared), answer(&single), "{}", request);
                            prop_assert_eq!(answer(&shared), by_unit, "{}", request);
                        }
                    }
                }
            }
        }
    }
}
