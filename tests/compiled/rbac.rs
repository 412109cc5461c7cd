//! RBAC: wildcards in every place, odd names, roles that are missing or aggregated, bindings that hold nowhere.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tightfit::access::identity::Identity;
use tightfit::access::kube::{KubeRequest, KubeResource, KubeTarget};
use tightfit::policy::decision::Decision;
use tightfit::policy::rbac::compiled::{Answer, Compiled};
use tightfit::policy::rbac::{
    AggregationRule, Binding, ClusterRole, Kind, ObjectMeta, PolicyRule, RbacPolicy, Role, RoleRef, Subject, decide,
};

const CASES: u32 = 2_000;

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    select(words).prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    let resources = words(&["pods", "pods", "pods/log", "scales", "*/scale", "*", "pods/", "*/", "a/b/c", "/x", ""]);
    let names = prop_oneof![
        3 => Just(Vec::new()),
        2 => vec(words(&["one", "two", ""]), 1..3),
        1 => Just((0..20).map(|number| format!("n{number}")).collect()),
    ];
    let urls = prop_oneof![3 => Just(Vec::new()), 1 => vec(words(&["/x", "/x/*", "*", "/y**"]), 1..3)];
    (
        vec(words(&["get", "list", "get", "*"]), 0..4),
        vec(words(&["", "", "apps", "*"]), 0..4),
        prop_oneof![12 => vec(resources, 0..5), 1 => Just((0..2_000).map(|number| format!("r{number}")).chain(["pods".to_owned()]).collect())],
        names,
        urls,
    )
        .prop_map(|(verbs, api_groups, resources, resource_names, non_resource_urls)| PolicyRule {
            // Enough combinations to be tried instead of looked up.
            verbs: if resources.len() > 100 { [verbs, vec!["a".to_owned(), "get".to_owned()]].concat() } else { verbs },
            api_groups: if resources.len() > 100 { vec!["apps".to_owned(), String::new()] } else { api_groups },
            resources,
            resource_names,
            non_resource_urls,
        })
}

fn subject() -> impl Strategy<Value = Subject> {
    select(&[0, 0, 0, 1, 2, 3, 4][..]).prop_map(|kind| match kind {
        0 => Subject::service_account("shop", "web"),
        1 => Subject::service_account("", "web"),
        2 => Subject::group("staff"),
        3 => Subject::user("system:serviceaccount:shop:web"),
        _ => Subject::user("eve"),
    })
}

fn binding() -> impl Strategy<Value = Binding> {
    let role = (words(&["Role", "Role", "ClusterRole", "ClusterRole", "ClusterRole", "Odd"]), words(&["r0", "r0", "r1", "r2"]));
    (words(&["shop", "shop", "ops", ""]), role, vec(subject(), 1..4)).prop_map(|(namespace, (kind, name), subjects)| Binding {
        metadata: ObjectMeta { name: "b".into(), namespace, ..ObjectMeta::default() },
        role_ref: RoleRef { kind, ..RoleRef::to(Kind::Role, &name) },
        subjects,
    })
}

fn policy() -> impl Strategy<Value = RbacPolicy> {
    let role = (words(&["r0", "r1"]), words(&["shop", "shop", "ops", ""]), vec(rule(), 1..5));
    let role = role
        .prop_map(|(name, namespace, rules)| Role { metadata: ObjectMeta { name, namespace, ..ObjectMeta::default() }, rules });
    let cluster_role = (words(&["r0", "r1", "r2"]), vec(rule(), 1..5), proptest::bool::weighted(0.2));
    let cluster_role = cluster_role.prop_map(|(name, rules, aggregated)| ClusterRole {
        metadata: ObjectMeta { name, ..ObjectMeta::default() },
        rules,
        aggregation_rule: aggregated.then(AggregationRule::default),
    });
    (
        words(&["", "", "", "dev", "dev", "prod"]),
        vec(role, 1..5),
        vec(cluster_role, 1..5),
        vec(binding(), 1..6),
        vec(binding(), 0..3),
    )
        .prop_map(|(cluster, roles, cluster_roles, role_bindings, cluster_role_bindings)| RbacPolicy {
            cluster,
            roles,
            cluster_roles,
            role_bindings,
            cluster_role_bindings,
        })
}

pub(super) fn request() -> impl Strategy<Value = KubeRequest> {
    let resource = (
        words(&["", "", "apps", "*"]),
        words(&["pods", "pods", "pods", "scales", "r7", "*", "a/b", "a", "pods/log", ""]),
        words(&["", "", "log", "scale", "x", "b/c", "c"]),
        words(&["shop", "shop", "ops", "", "other"]),
        words(&["", "one", "n7", "else"]),
    );
    let resource = resource.prop_map(|(api_group, resource, subresource, namespace, name)| {
        KubeTarget::Resource(KubeResource { api_group, resource, subresource, namespace, name })
    });
    let path = words(&["/x", "/x/y", "/yes", "/", ""]).prop_map(KubeTarget::NonResource);
    (words(&["get", "get", "list", "delete", "*"]), prop_oneof![4 => resource, 1 => path])
        .prop_map(|(verb, target)| KubeRequest { verb, target })
}

fn identity() -> impl Strategy<Value = Identity> {
    prop_oneof![
        6 => Just(Identity::kube_user("dev", "system:serviceaccount:shop:web")),
        1 => Just(Identity::kube_user("dev", "eve")),
        1 => Just(Identity::network("dev")),
    ]
}

#[test]
fn ready_policies_answer_as_plain_ones() {
    let counts = std::cell::Cell::new([0_u32; 3]);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    proptest!(config, |(policy in policy(), identity in identity(), staff: bool, requests in vec(request(), 8))| {
        let groups = if staff { vec!["staff".to_owned()] } else { Vec::new() };
        let compiled = Compiled::of(&policy, &identity, &groups);
        for request in &requests {
            let plain = decide(&policy, &identity, &groups, request);
            let answer = compiled.decide(request);
            prop_assert_eq!(compiled.spell(answer, request), plain.clone(), "{:?}", request);
            let kind = match (answer, &plain) {
                (Answer::Allow { .. }, _) => 0,
                (Answer::ImplicitDeny { understood: true }, _) => 1,
                (Answer::ImplicitDeny { understood: false }, Decision::ImplicitDeny { not_understood, .. }) if !not_understood.is_empty() => 2,
                (Answer::ImplicitDeny { .. }, other) => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let mut now = counts.get();
            now[kind] += 1;
            counts.set(now);
        }
    });
    let counts = counts.get();
    println!(
        "{} decisions: {} allowed, {} by nothing, {} not understood",
        counts.iter().sum::<u32>(),
        counts[0],
        counts[1],
        counts[2]
    );
    assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
}
