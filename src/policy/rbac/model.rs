//! The documents of `rbac.authorization.k8s.io/v1`, as manifests spell them.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#api-overview>
//!
//! Invariant: fields that the API server alone fills in (uid, resourceVersion, ...) are not kept; everything else that decides is.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The API group of every RBAC object and of subjects that are users or groups.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Kubernetes' decoder takes `null` for an empty list or object.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Name, namespace, labels and annotations of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectMeta {
    /// The name.
    pub name: String,
    /// Empty for cluster-scoped objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A rule: everything in `verbs` on everything that the other fields name together. Unknown fields are errors, since a misspelt
/// `resourceNames` would mean every name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyRule {
    /// `""` is the core group, `*` every group.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale`, `*`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Empty means every name.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths, perhaps with a trailing `*`; in cluster roles only.
    #[serde(rename = "nonResourceURLs", deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
    /// `*` is every verb.
    #[serde(deserialize_with = "null_is_default")]
    pub verbs: Vec<String>,
}

/// Rules of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Role {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// Empty grants nothing.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rules: Vec<PolicyRule>,
}

/// Rules for the whole cluster, or for the namespace of a RoleBinding that refers to them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRole {
    /// The name.
    pub metadata: ObjectMeta,
    /// Empty grants nothing.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rules: Vec<PolicyRule>,
    /// Where set, a controller of the cluster fills in `rules`; what stands in the file is not what will hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_rule: Option<AggregationRule>,
}

/// Which other cluster roles a cluster role is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    /// A role that any of these selects is taken in.
    #[serde(deserialize_with = "null_is_default")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

/// Which labels an object must have. Empty selects everything.
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LabelSelector {
    /// Labels with these values.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements, all of which must hold.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A RoleBinding (with a namespace) or a ClusterRoleBinding (without): who has which role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// Name, and the namespace in which a RoleBinding holds.
    pub metadata: ObjectMeta,
    /// The role.
    pub role_ref: RoleRef,
    /// Empty binds nobody.
    #[serde(default, deserialize_with = "null_is_default")]
    pub subjects: Vec<Subject>,
}

/// Which role a binding gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleRef {
    /// `rbac.authorization.k8s.io`; RBAC does not look at it.
    #[serde(default)]
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Whom a binding binds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// Empty for service accounts; RBAC does not look at it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: String,
    /// The name; a user's or group's is hostile text.
    pub name: String,
    /// Of a service account; empty means the namespace of the binding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// Roles and bindings, sorted by nothing in particular: RBAC is a union.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RbacPolicy {
    /// The cluster; empty (as after loading a file) holds for any.
    pub cluster: String,
    /// Roles of namespaces.
    pub roles: Vec<Role>,
    /// Roles of the cluster.
    pub cluster_roles: Vec<ClusterRole>,
    /// Bindings in namespaces.
    pub role_bindings: Vec<Binding>,
    /// Bindings for the whole cluster.
    pub cluster_role_bindings: Vec<Binding>,
}

/// The four kinds of RBAC object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`Role`].
    Role,
    /// See [`ClusterRole`].
    ClusterRole,
    /// A [`Binding`] in a namespace.
    RoleBinding,
    /// A [`Binding`] for the whole cluster.
    ClusterRoleBinding,
}

impl Kind {
    /// As `kind:` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Role => "Role",
            Kind::ClusterRole => "ClusterRole",
            Kind::RoleBinding => "RoleBinding",
            Kind::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// The inverse of [`Kind::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        [Kind::Role, Kind::ClusterRole, Kind::RoleBinding, Kind::ClusterRoleBinding].into_iter().find(|kind| kind.name() == name)
    }
}

/// One RBAC object; serialises as a whole manifest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Object<'a> {
    /// A Role.
    Role(&'a Role),
    /// A ClusterRole.
    ClusterRole(&'a ClusterRole),
    /// A RoleBinding.
    RoleBinding(&'a Binding),
    /// A ClusterRoleBinding.
    ClusterRoleBinding(&'a Binding),
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Manifest<'a, T> {
            api_version: &'a str,
            kind: &'a str,
            #[serde(flatten)]
            body: &'a T,
        }
        let api_version = API_VERSION;
        match self {
            Object::Role(body) => Manifest { api_version, kind: Kind::Role.name(), body }.serialize(serializer),
            Object::ClusterRole(body) => Manifest { api_version, kind: Kind::ClusterRole.name(), body }.serialize(serializer),
            Object::RoleBinding(body) => Manifest { api_version, kind: Kind::RoleBinding.name(), body }.serialize(serializer),
            Object::ClusterRoleBinding(body) => {
                Manifest { api_version, kind: Kind::ClusterRoleBinding.name(), body }.serialize(serializer)
            }
        }
    }
}

impl RbacPolicy {
    /// Every object: cluster roles and their bindings first, then those of the namespaces.
    pub fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        let cluster_roles = self.cluster_roles.iter().map(Object::ClusterRole);
        let cluster_bindings = self.cluster_role_bindings.iter().map(Object::ClusterRoleBinding);
        let roles = self.roles.iter().map(Object::Role);
        cluster_roles.chain(cluster_bindings).chain(roles).chain(self.role_bindings.iter().map(Object::RoleBinding))
    }

    /// Takes in one object as JSON: `metadata` and the rest, its kind being known.
    ///
    /// # Errors
    /// When a field that decides has the wrong type, is missing or is unknown.
    pub fn insert(&mut self, kind: Kind, object: serde_json::Value) -> Result<(), serde_json::Error> {
        match kind {
            Kind::Role => self.roles.push(serde_json::from_value(object)?),
            Kind::ClusterRole => self.cluster_roles.push(serde_json::from_value(object)?),
            Kind::RoleBinding => self.role_bindings.push(serde_json::from_value(object)?),
            Kind::ClusterRoleBinding => self.cluster_role_bindings.push(serde_json::from_value(object)?),
        }
        Ok(())
    }

    /// Takes in every object of another policy.
    pub fn extend(&mut self, other: RbacPolicy) {
        self.roles.extend(other.roles);
        self.cluster_roles.extend(other.cluster_roles);
        self.role_bindings.extend(other.role_bindings);
        self.cluster_role_bindings.extend(other.cluster_role_bindings);
    }
}

impl RoleRef {
    /// A reference to a Role or ClusterRole.
    #[must_use]
    pub fn to(kind: Kind, name: &str) -> Self {
        RoleRef { api_group: GROUP.to_owned(), kind: kind.name().to_owned(), name: name.to_owned() }
    }
}

impl Subject {
    /// A user by the name that the API server knows.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Subject { api_group: GROUP.to_owned(), kind: "User".to_owned(), name: name.to_owned(), namespace: String::new() }
    }

    /// A group.
    #[must_use]
    pub fn group(name: &str) -> Self {
        Subject { kind: "Group".to_owned(), ..Subject::user(name) }
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Subject {
            api_group: String::new(),
            kind: "ServiceAccount".to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }
}
