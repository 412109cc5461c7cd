//! A request: exactly what an authorizer would be asked; and its key: the request without what makes every event unique.

use serde::{Deserialize, Serialize};

use super::aws::{AwsRequest, AwsRequestKey, Context, Resource};
use super::flow::Flow;
use super::kube::KubeRequest;
use super::pod::PodRequest;

/// What an authorizer is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Request {
    /// IAM: may this action be done on this resource in this context?
    Aws(AwsRequest),
    /// RBAC: may this verb be used on this resource?
    Kube(KubeRequest),
    /// Pod Security: may this pod enter this namespace?
    Pod(Box<PodRequest>),
    /// NetworkPolicies: may this connection be made?
    Flow(Box<Flow>),
}

/// What a profile counts by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKey {
    /// See [`Request::Aws`].
    Aws(AwsRequestKey),
    /// See [`Request::Kube`].
    Kube(KubeRequest),
    /// See [`Request::Pod`].
    Pod(Box<PodRequest>),
    /// See [`Request::Flow`].
    Flow(Box<Flow>),
}

impl Request {
    /// The request without its context.
    #[must_use]
    pub fn key(&self) -> RequestKey {
        match self {
            Request::Aws(request) => RequestKey::Aws(request.key.clone()),
            Request::Kube(request) => RequestKey::Kube(request.clone()),
            Request::Pod(request) => RequestKey::Pod(request.clone()),
            Request::Flow(flow) => RequestKey::Flow(flow.clone()),
        }
    }

    /// The context; empty for Kubernetes.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        match self {
            Request::Aws(request) => Some(&request.context),
            Request::Kube(_) | Request::Pod(_) | Request::Flow(_) => None,
        }
    }
}

impl RequestKey {
    /// The request with a given context (ignored for Kubernetes).
    #[must_use]
    pub fn to_request(&self, context: Context) -> Request {
        match self {
            RequestKey::Aws(key) => Request::Aws(AwsRequest { key: key.clone(), context }),
            RequestKey::Kube(request) => Request::Kube(request.clone()),
            RequestKey::Pod(request) => Request::Pod(request.clone()),
            RequestKey::Flow(flow) => Request::Flow(flow.clone()),
        }
    }
}

impl RequestKey {
    /// Whether every policy that allows this request also allows `other`: the same action asked without a resource or a name, or
    /// over all namespaces; made by the caller itself rather than through a service. A request implies itself.
    #[must_use]
    pub fn implies(&self, other: &RequestKey) -> bool {
        match (self, other) {
            (RequestKey::Aws(this), RequestKey::Aws(other)) => {
                let resource = this.resource == other.resource || !matches!(this.resource, Resource::Arn(_));
                let caller = this.via.is_none() || this.via == other.via;
                this.action == other.action && resource && caller
            }
            (RequestKey::Kube(this), RequestKey::Kube(other)) => this.verb == other.verb && this.target.implies(&other.target),
            (this, other) => this == other,
        }
    }
}

impl std::fmt::Display for RequestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RequestKey::Aws(key) => {
                match &key.resource {
                    Resource::Arn(arn) => write!(f, "{} on {arn}", key.action)?,
                    Resource::NoResourceLevel => write!(f, "{} (no resource level)", key.action)?,
                    Resource::NotBuilt => write!(f, "{} (resource not in the record)", key.action)?,
                }
                key.via.as_ref().map_or(Ok(()), |via| write!(f, " [via {via}]"))
            }
            RequestKey::Kube(request) => request.fmt(f),
            RequestKey::Pod(request) => write!(f, "run {}", request.workload),
            RequestKey::Flow(flow) => flow.fmt(f),
        }
    }
}
