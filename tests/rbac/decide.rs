//! Decisions: a table of what the API server answers.

use tightfit::access::identity::Identity;
use tightfit::load;
use tightfit::policy::decision::{Decision, Layer};
use tightfit::policy::rbac::{self, RbacPolicy};

use crate::harness::{on, path};

const MANIFESTS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: wide}
rules:
- {apiGroups: ["", apps], resources: [pods, pods/log, "*/scale"], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [a, b], verbs: [get, create]}
- {nonResourceURLs: ["/metrics", "/logs/*", "/x**"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: local, namespace: shop}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: wide}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}, {kind: ServiceAccount, name: lost}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: misdirected}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: local}
subjects: [{kind: User, name: eve, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: local, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: local}
subjects: [{kind: ServiceAccount, name: api}, {kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: all, namespace: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}
subjects: [{kind: Group, name: oncall, apiGroup: rbac.authorization.k8s.io}]
"#;

#[test]
fn decisions_are_those_of_the_api_server() {
    let policy = load::rbac::parse("manifests", MANIFESTS).unwrap();
    let (account, api, lost) =
        ("system:serviceaccount:shop:web", "system:serviceaccount:shop:api", "system:serviceaccount:shop:lost");
    let table = [
        (account, on("get", "", "pods", "any", "x"), true),
        (account, on("get", "apps", "pods/log", "any", "x"), true),
        (account, on("get", "batch", "pods", "any", "x"), false),
        (account, on("get", "", "pods/exec", "any", "x"), false),
        (account, on("get", "apps", "deployments/scale", "any", "x"), true),
        (account, on("get", "apps", "deployments/rescale", "any", "x"), false),
        (account, on("get", "apps", "deployments", "any", "x"), false),
        (account, on("delete", "", "pods", "any", "x"), false),
        (account, on("get", "", "configmaps", "any", "a"), true),
        (account, on("get", "", "configmaps", "any", "c"), false),
        (account, on("get", "", "configmaps", "any", ""), false),
        (account, on("create", "", "configmaps", "any", ""), false),
        (account, on("create", "", "configmaps", "any", "b"), true),
        (account, path("get", "/metrics"), true),
        (account, path("get", "/metrics/x"), false),
        (account, path("get", "/logs/"), true),
        (account, path("get", "/logs"), false),
        (account, path("get", "/xyz"), true),
        (account, path("post", "/metrics"), false),
        (account, on("get", "", "secrets", "shop", "s"), false),
        (lost, on("get", "", "pods", "shop", "x"), false),
        (api, on("get", "", "secrets", "shop", "s"), true),
        (api, on("get", "", "secrets", "ops", "s"), false),
        (api, on("get", "", "secrets", "", "s"), false),
        ("bob", on("get", "", "secrets", "shop", "s"), true),
        ("eve", on("get", "", "secrets", "shop", "s"), false),
        ("eve", on("get", "", "secrets", "", "s"), false),
    ];
    for (username, request, allowed) in table {
        let identity = Identity::kube_user("dev", username);
        assert_eq!(rbac::decide(&policy, &identity, &[], &request).is_allow(), allowed, "{username}: {request}");
    }
    let groups = ["oncall".to_owned()];
    let carol = Identity::kube_user("dev", "carol");
    let exec = on("create", "", "pods/exec", "ops", "x");
    assert_eq!(rbac::decide(&policy, &carol, &groups, &exec), Decision::Allow { by: "ClusterRole all".to_owned() });
    assert!(!rbac::decide(&policy, &carol, &[], &exec).is_allow());
    assert!(!rbac::decide(&policy, &carol, &groups, &on("get", "", "nodes", "", "n")).is_allow());
    assert!(!rbac::decide(&policy, &carol, &groups, &path("get", "/metrics")).is_allow());
    let elsewhere = RbacPolicy { cluster: "prod".to_owned(), ..policy };
    assert!(!rbac::decide(&elsewhere, &carol, &groups, &exec).is_allow());
}

#[test]
fn an_aggregated_role_is_not_understood() {
    let text = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {x: z}}]}
rules: null
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: view}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: User, name: bob}]
";
    let policy = load::rbac::parse("view", text).unwrap();
    let bob = Identity::kube_user("dev", "bob");
    let answer = rbac::decide(&policy, &bob, &[], &on("get", "", "pods", "shop", ""));
    assert_eq!(
        answer,
        Decision::ImplicitDeny { layer: Layer::Own, not_understood: vec!["aggregationRule of ClusterRole view".to_owned()] }
    );
}
