//! A policy set: every document that was written or loaded, by identity, with the reason of every grant.

use std::collections::BTreeMap;

use crate::access::aws::Arn;
use crate::access::aws::Resource;
use crate::access::identity::{Home, Identity};
use crate::access::request::Request;

pub use super::decision::Decision;
use super::grant::{Grant, Permit};
use super::network::{CiliumProposal, NetworkPolicy, NetworkProposal};
use super::podsec::NamespacePolicy;
use super::rbac::RbacPolicy;
use super::{iam, network, podsec, rbac};

/// The documents of one identity in one language.
#[derive(Debug, Clone, PartialEq)]
pub enum Documents {
    /// Identity policies of a role or user: all of them apply together.
    Iam(Vec<iam::PolicyDocument>),
    /// Roles and bindings of a service account or user.
    Rbac(RbacPolicy),
    /// The Pod Security level of a namespace.
    PodSecurity(NamespacePolicy),
    /// The NetworkPolicies of a cluster, of all its namespaces: a flow is asked of those of both its ends.
    Network(Vec<NetworkPolicy>),
}

impl Documents {
    /// What these documents answer. A request of another language is denied.
    #[must_use]
    pub fn decide(&self, identity: &Identity, groups: &[String], request: &Request) -> Decision {
        match (self, request) {
            (Documents::Iam(documents), Request::Aws(request)) => iam::decide(documents, request),
            (Documents::Rbac(policy), Request::Kube(request)) => rbac::decide(policy, identity, groups, request),
            (Documents::PodSecurity(policy), Request::Pod(request)) => podsec::decide(policy, &request.pod),
            (Documents::Network(policies), Request::Flow(flow)) => network::decide(policies, flow),
            (
                Documents::Iam(_) | Documents::Rbac(_) | Documents::PodSecurity(_) | Documents::Network(_),
                Request::Aws(_) | Request::Kube(_) | Request::Pod(_) | Request::Flow(_),
            ) => Decision::DENY,
        }
    }

    /// The smallest removable units that these documents are made of, sorted, each once.
    #[must_use]
    pub fn permits(&self) -> Vec<Permit> {
        let mut permits = match self {
            Documents::Iam(documents) => documents.iter().flat_map(iam::permits).collect(),
            Documents::Rbac(policy) => rbac::permits(policy),
            Documents::PodSecurity(policy) => podsec::permits(policy),
            Documents::Network(policies) => network::permits(policies),
        };
        permits.sort();
        permits.dedup();
        permits
    }
}

impl Permit {
    /// Whether this unit alone lets the request through.
    #[must_use]
    pub fn covers(&self, request: &Request) -> bool {
        match (self, request) {
            (Permit::Iam { action, resource, condition }, Request::Aws(request)) => {
                iam::covers(action, resource, condition, request)
            }
            (Permit::Rbac { .. } | Permit::NonResource { .. }, Request::Kube(request)) => rbac::covers(self, request),
            (Permit::PodSecurity { level, version }, Request::Pod(request)) => podsec::needs(*level, *version, &request.pod),
            (Permit::Network(permit), Request::Flow(flow)) => network::covers(permit, flow),
            (
                Permit::Iam { .. }
                | Permit::Rbac { .. }
                | Permit::NonResource { .. }
                | Permit::PodSecurity { .. }
                | Permit::Network(_),
                Request::Aws(_) | Request::Kube(_) | Request::Pod(_) | Request::Flow(_),
            ) => false,
        }
    }
}

/// The request with the accounts of the caller and of the resource, as the platform adds them; as it is where it has them already
/// or nothing names one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount>
#[must_use]
pub fn with_accounts(identity: &Identity, request: &Request) -> Request {
    let (Request::Aws(asked), Home::Account { id, .. }) = (request, &identity.home) else { return request.clone() };
    let mut asked = asked.clone();
    let owner = match &asked.key.resource {
        Resource::Arn(arn) => arn.account.as_literal().unwrap_or_default().to_owned(),
        Resource::NoResourceLevel | Resource::NotBuilt => String::new(),
    };
    for (key, account) in [("aws:PrincipalAccount", id.clone()), ("aws:ResourceAccount", owner)] {
        if !account.is_empty() {
            asked.context.entry(key.to_owned()).or_insert_with(|| vec![account]);
        }
    }
    Request::Aws(asked)
}

/// One identity's policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What it says.
    pub documents: Documents,
    /// The reason of every unit in it, sorted. A unit without a reason here is excess.
    pub grants: Vec<Grant>,
}

/// Advice on a role's trust policy: additive, never a replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustAdvice {
    /// The role that was assumed.
    pub role: Identity,
    /// The statements that its trust policy must hold.
    pub document: iam::PolicyDocument,
}

/// What one of several workloads behind one identity would need of its own: a proposal, part of what the identity is granted.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The role or service account that they share.
    pub identity: Identity,
    /// To what the platform issued the credentials: an ARN, or `arn:...:instances` for all instances of the role; a workload of a
    /// cluster (`Deployment/web`).
    pub workload: String,
    /// The policies that its own role or service account would hold.
    pub documents: Documents,
}

/// What the owner of a resource in another account must add to the resource's own policy: additive, never a replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// The account that owns it: twelve digits.
    pub owner: String,
    /// The bucket, key, queue, topic, repository, secret or function; a pattern where the grant is one.
    pub resource: Arn,
    /// The statements that its policy must hold.
    pub document: iam::PolicyDocument,
}

/// A workload's way to `restricted`: which fields keep it back and a patch that sets them.
#[derive(Debug, Clone, PartialEq)]
pub struct PodPatch {
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The workload.
    pub workload: crate::access::pod::Workload,
    /// The strictest level that its pods satisfy.
    pub level: podsec::Level,
    /// The strictest level that they would satisfy with the patch.
    pub patched: podsec::Level,
    /// Every violation of `restricted`: check, field, what is wrong.
    pub violations: Vec<podsec::Violation>,
    /// A strategic-merge patch for the workload; `None` where no patch can lift it (hostPath, hostNetwork).
    pub patch: Option<serde_json::Value>,
    /// Paths in the patch whose need no log can show: run it in staging first.
    pub assumed_fields: Vec<String>,
    /// The violations that the patch leaves, all of them where there is no patch: they need a person's decision.
    pub remaining: Vec<podsec::Violation>,
}

/// Everything that was written or loaded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PolicySet {
    /// By identity; a namespace is the identity of a Pod Security level.
    pub policies: BTreeMap<Identity, Policy>,
    /// Roles of one name in many accounts to the one whose documents they share: that name in the account `all-accounts`.
    pub folds: BTreeMap<Identity, Identity>,
    /// By role.
    pub trust: Vec<TrustAdvice>,
    /// By role and workload.
    pub splits: Vec<Split>,
    /// By owner and resource.
    pub companions: Vec<Companion>,
    /// By workload.
    pub pod_patches: Vec<PodPatch>,
    /// By cluster and namespace: where a few accounts' pods need a looser level than all others.
    pub admission: Vec<podsec::admission::AdmissionProposal>,
    /// By cluster and namespace.
    pub network: Vec<NetworkProposal>,
    /// By cluster: what production's bindings give, against what was used; empty without a snapshot of the cluster.
    pub granted: Vec<rbac::ClusterUse>,
    /// What stands in `policies` for networks, in Cilium's language; by cluster and namespace. Nothing judges it.
    pub cilium: Vec<CiliumProposal>,
}
