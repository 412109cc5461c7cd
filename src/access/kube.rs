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
