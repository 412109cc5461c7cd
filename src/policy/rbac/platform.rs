//! What a cluster grants to everyone who is authenticated, by the bindings that the API server keeps up itself.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>
//!
//! Invariant: nothing here depends on a distribution; what only some of them add (OpenShift, ...) is not here.

use std::sync::LazyLock;

use crate::access::identity::Identity;
use crate::access::kube::KubeRequest;

use super::model::{Binding, ClusterRole, Kind, ObjectMeta, PolicyRule, RbacPolicy, RoleRef, Subject};

static DEFAULT_GRANTS: LazyLock<RbacPolicy> = LazyLock::new(|| {
    let authenticated = "system:authenticated";
    let roles = [
        (
            "system:basic-user",
            authenticated,
            vec![
                create("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
                create("authentication.k8s.io", &["selfsubjectreviews"]),
            ],
        ),
        (
            "system:discovery",
            authenticated,
            vec![get(&[
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ])],
        ),
        ("system:public-info-viewer", authenticated, vec![get(&["/healthz", "/livez", "/readyz", "/version", "/version/"])]),
        (
            "system:service-account-issuer-discovery",
            "system:serviceaccounts",
            vec![get(&[
                "/.well-known/openid-configuration",
                "/.well-known/openid-configuration/",
                "/openid/v1/jwks",
                "/openid/v1/jwks/",
            ])],
        ),
    ];
    let mut policy = RbacPolicy::default();
    for (name, group, rules) in roles {
        let metadata = ObjectMeta { name: name.to_owned(), ..ObjectMeta::default() };
        policy.cluster_role_bindings.push(Binding {
            metadata: metadata.clone(),
            role_ref: RoleRef::to(Kind::ClusterRole, name),
            subjects: vec![Subject::group(group)],
        });
        policy.cluster_roles.push(ClusterRole { metadata, rules, aggregation_rule: None });
    }
    policy
});

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn create(api_group: &str, resources: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: texts(&[api_group]),
        resources: texts(resources),
        verbs: texts(&["create"]),
        ..PolicyRule::default()
    }
}

fn get(paths: &[&str]) -> PolicyRule {
    PolicyRule { non_resource_urls: texts(paths), verbs: texts(&["get"]), ..PolicyRule::default() }
}

/// The roles and bindings that every cluster has for the groups `system:authenticated` and `system:serviceaccounts`.
#[must_use]
pub fn default_grants() -> &'static RbacPolicy {
    &DEFAULT_GRANTS
}

/// Whether the platform itself allows this to the identity. The groups that authentication adds by itself are added here, since
/// not every form of the log carries them. `system:anonymous` is not authenticated.
#[must_use]
pub fn allowed_by_default(identity: &Identity, groups: &[String], request: &KubeRequest) -> bool {
    let groups = super::groups_of(identity, groups);
    super::decide(default_grants(), identity, &groups, request).is_allow()
}
