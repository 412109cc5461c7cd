//! Kubernetes requests: the attributes that an authorizer is asked about.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#review-your-request-attributes>

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an API server asks its authorizers. Serves as its own request key: it holds nothing that is unique to an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KubeRequest {
    /// `get`, `list`, `create`, ...; for a non-resource request the lower-cased HTTP method.
    pub verb: String,
    /// On what.
    pub target: KubeTarget,
}

/// What a Kubernetes request is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KubeTarget {
    /// An API resource.
    Resource(KubeResource),
    /// A URL path without its query string, such as `/healthz`.
    NonResource(String),
}

/// An API resource. Every field may be empty where its comment says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct KubeResource {
    /// Empty for the core group.
    pub api_group: String,
    /// Plural, lower-case, such as `pods`.
    pub resource: String,
    /// Empty for none, such as `log`.
    pub subresource: String,
    /// Empty for a cluster-scoped resource or a request over all namespaces.
    pub namespace: String,
    /// Empty where the authorizer was asked without a name (list, create, deletecollection).
    pub name: String,
}

impl KubeResource {
    /// `pods` or `pods/log`, as a PolicyRule names it.
    #[must_use]
    pub fn with_subresource(&self) -> String {
        if self.subresource.is_empty() { self.resource.clone() } else { format!("{}/{}", self.resource, self.subresource) }
    }
}

impl KubeTarget {
    /// Whether every rule that covers this target, with the same verb, also covers `other`.
    #[must_use]
    pub fn implies(&self, other: &KubeTarget) -> bool {
        let (KubeTarget::Resource(this), KubeTarget::Resource(other)) = (self, other) else { return self == other };
        let same = |field: fn(&KubeResource) -> &str| field(this) == field(other);
        let any_or_same = |field: fn(&KubeResource) -> &str| field(this).is_empty() || same(field);
        same(|resource| &resource.api_group)
            && same(|resource| &resource.resource)
            && same(|resource| &resource.subresource)
            && any_or_same(|resource| &resource.namespace)
            && any_or_same(|resource| &resource.name)
    }
}

/// The rule by which `exec`, `attach` and `portforward` ask for `create` beside the `get` of their websocket; API servers have it
/// from 1.35 (gate AuthorizePodWebsocketUpgradeCreatePermission, `pkg/registry/core/pod/rest/subresources.go`).
pub const WEBSOCKET_CREATE: &str = "a websocket exec is authorized as create too from Kubernetes 1.35";

/// The rule by which who sets owners must be able to delete what is owned, and who blocks an owner's deletion to update its
/// finalizers: only where the admission plugin OwnerReferencesPermissionEnforcement is on, which upstream's default is not.
/// <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement>
pub const OWNERS_ENFORCED: &str = "where OwnerReferencesPermissionEnforcement is on, setting an owner needs delete on what is owned, \
                                   and blocking an owner's deletion update on its finalizers";

/// The pod that credentials were issued to, as observations carry it: `pod/NAMESPACE/NAME`. `None` where a part is empty or holds `/`.
#[must_use]
pub fn issued_to_pod(namespace: &str, name: &str) -> Option<String> {
    let whole = |text: &str| !text.is_empty() && !text.contains('/');
    (whole(namespace) && whole(name)).then(|| format!("pod/{namespace}/{name}"))
}

/// Namespace and name of the pod behind an observation; `None` where the credentials were not a pod's.
#[must_use]
pub fn pod_of(issued_to: &str) -> Option<(&str, &str)> {
    issued_to.strip_prefix("pod/")?.split_once('/')
}

/// The audit annotation that says why a request was allowed; the key under which a tally keeps it.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/#authorization-k8s-io-reason>
pub const REASON_KEY: &str = "authorization.k8s.io/reason";

/// Longer reasons, in bytes, are not kept.
const REASON_BYTES_MAX: usize = 1024;

/// Which binding served a request, by RBAC's own word: `RBAC: allowed by RoleBinding "NAME/NAMESPACE" of ClusterRole "NAME" to
/// ServiceAccount "NAME/NAMESPACE"`. Names in it were chosen by people: hostile text.
/// (`plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go` of Kubernetes 1.36)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllowedBy {
    /// The binding's namespace; empty for a ClusterRoleBinding.
    pub namespace: String,
    /// The binding's name.
    pub binding: String,
    /// `Role` or `ClusterRole`.
    pub role_kind: String,
    /// The role's name.
    pub role: String,
    /// `User`, `Group` or `ServiceAccount`.
    pub subject_kind: String,
    /// The service account's namespace; empty for a user or group.
    pub subject_namespace: String,
    /// The subject's name.
    pub subject: String,
}

impl AllowedBy {
    /// Reads the annotation; `None` for the word of another authorizer, and for anything that RBAC would not write.
    #[must_use]
    pub fn parse(text: &str) -> Option<AllowedBy> {
        if text.len() > REASON_BYTES_MAX {
            return None;
        }
        let rest = text.strip_prefix("RBAC: allowed by ")?;
        let (kind, binding, rest) = named(rest)?;
        let (role_kind, role, rest) = named(rest.strip_prefix(" of ")?)?;
        let (subject_kind, subject, rest) = named(rest.strip_prefix(" to ")?)?;
        let in_namespace = |name: String| name.rsplit_once('/').map(|(name, namespace)| (name.to_owned(), namespace.to_owned()));
        let (binding, namespace) = match kind {
            "ClusterRoleBinding" => (binding, String::new()),
            "RoleBinding" => in_namespace(binding)?,
            _ => return None,
        };
        let (subject, subject_namespace) = match subject_kind {
            "User" | "Group" => (subject, String::new()),
            "ServiceAccount" => in_namespace(subject)?,
            _ => return None,
        };
        let known = matches!(role_kind, "Role" | "ClusterRole") && rest.is_empty();
        known.then(|| AllowedBy {
            namespace,
            binding,
            role_kind: role_kind.to_owned(),
            role,
            subject_kind: subject_kind.to_owned(),
            subject_namespace,
            subject,
        })
    }
}

/// `KIND "NAME"` at the start of a text, the name as Go quotes it, and what follows. A name with any other escape than of `"` and
/// `\` is not read.
fn named(text: &str) -> Option<(&str, String, &str)> {
    let (kind, quoted) = text.split_once(" \"")?;
    let mut name = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((kind, name, quoted.get(place + 1..)?)),
            '\\' => name.push(characters.next().map(|(_, escaped)| escaped).filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => name.push(other),
        }
    }
    None
}

impl fmt::Display for KubeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            KubeTarget::NonResource(path) => write!(f, "{} {path}", self.verb),
            KubeTarget::Resource(resource) => {
                write!(f, "{} {}", self.verb, resource.with_subresource())?;
                if !resource.api_group.is_empty() {
                    write!(f, ".{}", resource.api_group)?;
                }
                if !resource.name.is_empty() {
                    write!(f, " {}", resource.name)?;
                }
                if !resource.namespace.is_empty() {
                    write!(f, " in {}", resource.namespace)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_strictly() {
        let table = [
            (
                r#"RBAC: allowed by ClusterRoleBinding "admins" of ClusterRole "cluster-admin" to Group "ops team""#,
                "|admins|ClusterRole|cluster-admin|Group||ops team",
            ),
            (
                r#"RBAC: allowed by RoleBinding "deploy/shop" of Role "deployer" to ServiceAccount "ci/build""#,
                "shop|deploy|Role|deployer|ServiceAccount|build|ci",
            ),
            (
                r#"RBAC: allowed by ClusterRoleBinding "x\" of Role \"y" of ClusterRole "z" to User "u""#,
                r#"|x" of Role "y|ClusterRole|z|User||u"#,
            ),
        ];
        for (text, expected) in table {
            let AllowedBy { namespace, binding, role_kind, role, subject_kind, subject_namespace, subject } =
                AllowedBy::parse(text).expect(text);
            let found = [namespace, binding, role_kind, role, subject_kind, subject_namespace, subject].join("|");
            assert_eq!(found, expected);
        }
        for text in [
            "",
            "allowed by the webhook",
            r#"RBAC: allowed by RoleBinding "no-namespace" of Role "r" to User "u""#,
            r#"RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to Robot "c""#,
            r#"RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User "c", and more"#,
            r#"RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User "c"#,
            r#"RBAC: allowed by ClusterRoleBinding "a\x00" of ClusterRole "b" to User "c""#,
        ] {
            assert_eq!(AllowedBy::parse(text), None, "{text}");
        }
    }

    #[test]
    fn pods_travel_by_namespace_and_name() {
        let text = issued_to_pod("shop", "web-7d9f8b6c5d-x2x4z").expect("a pod");
        assert_eq!(pod_of(&text), Some(("shop", "web-7d9f8b6c5d-x2x4z")));
        assert_eq!((issued_to_pod("a/b", "c"), issued_to_pod("a", ""), pod_of("arn:aws:lambda:x")), (None, None, None));
    }
}
