//! The whole authorization of a request: every policy that AWS asks, and which of them must say yes.
//!
//! ```text
//! a deny anywhere -> denied; else every level of SCPs and RCPs and the endpoint must allow; else
//!   one account:    identity and boundary and session, or the resource's policy, as near as it names the caller
//!   two accounts:   identity and boundary and session, and the resource's policy
//!   keys and roles: their own policy must allow, or name the account and so enable its identity policies
//! ```
//!
//! Invariant: what is not understood never lets a request through.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>

use super::decide::{About, Answer, evaluate};
use super::model::{
    ActionPattern, Actions, Conditions, Effect, PolicyDocument, Principal, ResourcePattern, Resources, Statement, Version,
};
use super::principal::{Caller, Nearness, Who};
use super::rcp;
use crate::access::aws::{AwsRequest, Resource};
use crate::policy::decision::{Decision, Layer};

/// The control policies attached to a root, a unit or an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Level {
    /// Which, for a person: `r-ab12`, `ou-ab12-production`, `111122223333`.
    pub name: String,
    /// All that are attached there; one of them must allow.
    pub documents: Vec<PolicyDocument>,
}

/// Every policy that may be asked about one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stack<'a> {
    /// Identity policies of the caller, its groups' included.
    pub identity: &'a [PolicyDocument],
    /// Its permissions boundary; `None` where none is set.
    pub boundary: Option<&'a [PolicyDocument]>,
    /// Policies passed when the session was made; `None` where none were passed.
    pub session: Option<&'a [PolicyDocument]>,
    /// Service control policies of the caller's account, from the root down; empty where none apply (no organization, the
    /// management account).
    pub scps: &'a [Level],
    /// Resource control policies of the resource owner's account, from the root down; empty where none apply.
    pub rcps: &'a [Level],
    /// The policy of the VPC endpoint that the request came through; `None` for none.
    pub endpoint: Option<&'a [PolicyDocument]>,
    /// The policy of the resource, of the key, or the trust policy of the role; `None` where it has none.
    pub resource: Option<&'a PolicyDocument>,
}

/// Actions that assume a role: the role's trust policy is their resource policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
#[must_use]
pub fn is_assumption(request: &AwsRequest) -> bool {
    let action = &request.key.action;
    const NAMES: &[&str] =
        &["AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "TagSession", "SetSourceIdentity", "SetContext"];
    action.service.eq_ignore_ascii_case("sts") && NAMES.iter().any(|name| name.eq_ignore_ascii_case(&action.name))
}

/// Whether only the resource's own policy can open it: keys, and roles to be assumed.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>
fn needs_resource_policy(request: &AwsRequest) -> bool {
    let on_key = || match &request.key.resource {
        Resource::Arn(arn) => arn.resource.as_literal().is_some_and(|name| name.starts_with("key/")),
        Resource::NoResourceLevel | Resource::NotBuilt => false,
    };
    is_assumption(request) || (request.key.action.service.eq_ignore_ascii_case("kms") && on_key())
}

/// What AWS would answer: `owner` is the account of the resource.
#[must_use]
pub fn authorize(stack: &Stack<'_>, caller: &Caller, owner: &str, request: &AwsRequest) -> Decision {
    let resource_layer = resource_layer(request);
    let principals = About::Principals { caller, is_bounded: stack.boundary.is_some() };
    let own = |documents: &[PolicyDocument]| evaluate(documents, request, About::Identity);
    let has_identity = caller.has_identity();
    let optional = |documents: Option<&[PolicyDocument]>| documents.filter(|_| has_identity).map(own);
    let identity = own(if has_identity { stack.identity } else { &[] });
    let boundary = optional(stack.boundary);
    let session = optional(stack.session);
    let levels = |levels: &[Level], applies: bool, about: About<'_>| -> Vec<(String, Answer)> {
        let levels = levels.iter().filter(|_| applies);
        levels.map(|level| (level.name.clone(), evaluate(&level.documents, request, about))).collect()
    };
    let scps = levels(stack.scps, has_identity && !caller.is_service_linked(), About::Identity);
    let rcps = levels(stack.rcps, rcp::applies(request) && !caller.is_service_linked(), principals);
    let endpoint = stack.endpoint.map(|documents| evaluate(documents, request, principals));
    let resource = stack.resource.map(|document| evaluate(std::slice::from_ref(document), request, principals));

    let mut layers: Vec<(Layer, &Answer)> = vec![(Layer::Own, &identity)];
    layers.extend(boundary.as_ref().map(|answer| (Layer::Boundary, answer)));
    layers.extend(session.as_ref().map(|answer| (Layer::Session, answer)));
    layers.extend(scps.iter().map(|(level, answer)| (Layer::Scp(level.clone()), answer)));
    layers.extend(rcps.iter().map(|(level, answer)| (Layer::Rcp(level.clone()), answer)));
    layers.extend(endpoint.as_ref().map(|answer| (Layer::Endpoint, answer)));
    layers.extend(resource.as_ref().map(|answer| (resource_layer.clone(), answer)));
    for (layer, answer) in &layers {
        if let Some(by) = &answer.denied {
            return Decision::ExplicitDeny { layer: layer.clone(), by: by.clone() };
        }
    }
    if let Some((layer, answer)) = layers.iter().find(|(_, answer)| answer.may_deny) {
        return missing(layer.clone(), Some(answer));
    }
    let must = |layer: &Layer| matches!(layer, Layer::Scp(_) | Layer::Rcp(_) | Layer::Endpoint);
    if let Some((layer, answer)) = layers.iter().find(|(layer, answer)| must(layer) && answer.allowed.is_none()) {
        return missing(layer.clone(), Some(answer));
    }
    let core = Core { identity: &identity, boundary: boundary.as_ref(), session: session.as_ref(), resource: resource.as_ref() };
    core.decide(caller, owner, request, resource_layer)
}

fn resource_layer(request: &AwsRequest) -> Layer {
    let Resource::Arn(arn) = &request.key.resource else { return Layer::Resource("*".to_owned()) };
    if is_assumption(request) { Layer::Trust(arn.to_policy()) } else { Layer::Resource(arn.to_policy()) }
}

fn missing(layer: Layer, answer: Option<&Answer>) -> Decision {
    Decision::ImplicitDeny { layer, not_understood: answer.map(|answer| answer.not_understood.clone()).unwrap_or_default() }
}

/// A resource policy that leaves everything to the policies of one account.
#[must_use]
pub fn allows_account(partition: &str, account: &str) -> PolicyDocument {
    let account = format!("arn:{partition}:iam::{account}:root");
    allowing(Some(Principal::ByKind([("AWS".to_owned(), vec![account])].into())))
}

/// Identity policies that allow everything.
#[must_use]
pub fn allows_all() -> Vec<PolicyDocument> {
    vec![allowing(None)]
}

/// A resource policy that allows everyone everything, as AWS attaches it to every target of an organization.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
#[must_use]
pub fn allows_everyone() -> PolicyDocument {
    allowing(Some(Principal::Everyone))
}

fn allowing(principal: Option<Principal>) -> PolicyDocument {
    let statement = Statement {
        sid: None,
        effect: Effect::Allow,
        principal,
        actions: Actions::Action(vec![ActionPattern::new("*")]),
        resources: Resources::Resource(vec![ResourcePattern::new("*", Version::V2012)]),
        condition: Conditions::new(),
    };
    PolicyDocument { version: Version::V2012, id: None, statements: vec![statement] }
}

/// Who must allow, once nothing denies and every ceiling is high enough.
struct Core<'a> {
    identity: &'a Answer,
    boundary: Option<&'a Answer>,
    session: Option<&'a Answer>,
    resource: Option<&'a Answer>,
}

impl Core<'_> {
    fn decide(&self, caller: &Caller, owner: &str, request: &AwsRequest, layer: Layer) -> Decision {
        let near = self.resource.and_then(|answer| answer.allowed.as_ref());
        let by_resource = |by: &str| Decision::Allow { by: format!("{layer}, {by}") };
        if !caller.has_identity() {
            return near.map_or_else(|| missing(layer.clone(), self.resource), |(_, by)| by_resource(by));
        }
        if caller.account != owner {
            return match near {
                None => missing(layer, self.resource),
                Some(_) => self.by_identity(caller),
            };
        }
        match near {
            Some((Nearness::Direct, by)) => by_resource(by),
            Some((Nearness::Role, by)) => self.limits().unwrap_or_else(|| by_resource(by)),
            None if needs_resource_policy(request) => missing(layer, self.resource),
            Some((Nearness::Account, _)) | None => self.by_identity(caller),
        }
    }

    /// Identity policies and what limits them. The root user needs none.
    fn by_identity(&self, caller: &Caller) -> Decision {
        let by = match (&self.identity.allowed, &caller.who) {
            (_, Who::Root) => "the root user",
            (Some((_, by)), _) => by,
            (None, _) => return missing(Layer::Own, Some(self.identity)),
        };
        self.limits().unwrap_or_else(|| Decision::Allow { by: by.to_owned() })
    }

    /// The first of boundary and session policies that does not allow.
    fn limits(&self) -> Option<Decision> {
        let limits = [(Layer::Boundary, self.boundary), (Layer::Session, self.session)];
        let mut lacking = limits.into_iter().filter(|(_, answer)| answer.is_some_and(|answer| answer.allowed.is_none()));
        lacking.next().map(|(layer, answer)| missing(layer, answer))
    }
}
