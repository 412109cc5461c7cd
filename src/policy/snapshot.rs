//! A snapshot: the policies that production has, around those that are judged. Read once, by value; nothing here asks AWS.
//!
//! Invariant: what the snapshot does not hold is unknown, never taken as absent, and judged as if it did not stand in the way.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::Decision;
use super::iam::{self, Caller, Level, PolicyDocument, Stack, Who};
use crate::access::aws::{Arn, AwsRequest, Resource};
use crate::access::identity::Identity;
use crate::access::object::HeldObject;

mod cluster;

pub use cluster::{ClusterPart, Standing};

/// A role or user as production has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrincipalPart {
    /// The identity policies that it has today, inline, attached and its groups'.
    pub documents: Vec<PolicyDocument>,
    /// Its permissions boundary; `None` for none.
    pub boundary: Option<PolicyDocument>,
    /// A role's trust policy; `None` for users.
    pub trust: Option<PolicyDocument>,
}

/// The policy of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePolicy {
    /// The account that owns it, where its ARN does not say so and the file does.
    pub owner: Option<String>,
    /// The policy; `None` where the resource is known to have none.
    pub document: Option<PolicyDocument>,
}

/// A root, a unit or an account of an organization.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Target {
    /// What it stands below; `None` for the root.
    pub parent: Option<String>,
    /// Service control policies attached here.
    pub scps: Vec<PolicyDocument>,
    /// Resource control policies attached here, beside the one that AWS attaches everywhere.
    pub rcps: Vec<PolicyDocument>,
}

/// An organization: its targets by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Organization {
    /// Control policies don't limit this account.
    pub management_account: Option<String>,
    /// By id: `r-..`, `ou-..`, or twelve digits.
    pub targets: BTreeMap<String, Target>,
}

/// What production has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Roles and users.
    pub principals: BTreeMap<Identity, PrincipalPart>,
    /// Policies of resources, by the ARN of the bucket, key, queue, ...
    pub resource_policies: BTreeMap<String, ResourcePolicy>,
    /// Clusters by name; under the empty name those whose files name none.
    pub clusters: BTreeMap<String, ClusterPart>,
    /// Everything else that clusters hold: pods, what makes them, Services, ... They say what exists, not what is allowed.
    pub objects: Vec<HeldObject>,
    /// Levels of control policies by account, from the root down: service control policies, resource control policies.
    levels: BTreeMap<String, (Vec<Level>, Vec<Level>)>,
}

impl Snapshot {
    /// Lays an organization over the accounts.
    ///
    /// # Errors
    /// Names the target that has an unknown parent, stands below itself, or has no service control policy although others have.
    pub fn set_organization(&mut self, organization: &Organization) -> Result<(), String> {
        let with_scps = organization.targets.values().any(|target| !target.scps.is_empty());
        let with_rcps = organization.targets.values().any(|target| !target.rcps.is_empty());
        let full = iam::allows_everyone();
        for id in organization.targets.keys() {
            let path = organization.path(id)?;
            let is_account = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
            if !is_account || organization.management_account.as_ref() == Some(id) {
                continue;
            }
            let (mut scps, mut rcps) = (Vec::new(), Vec::new());
            for (name, target) in path {
                if with_scps && target.scps.is_empty() {
                    return Err(format!(
                        "target `{name}` has no service control policy, which AWS does not allow where others have one: add `p-FullAWSAccess` or what is attached there"
                    ));
                }
                let level = |documents: Vec<PolicyDocument>| Level { name: name.to_owned(), documents };
                if with_scps {
                    scps.push(level(target.scps.clone()));
                }
                if with_rcps {
                    rcps.push(level(std::iter::once(&full).chain(&target.rcps).cloned().collect()));
                }
            }
            self.levels.insert(id.clone(), (scps, rcps));
        }
        Ok(())
    }

    /// The policy that a resource stands under, with the ARN that it is attached to: a bucket's for its objects, a table's for its
    /// indexes, a function's for its versions, a topic's for its subscriptions.
    #[must_use]
    pub fn resource_policy(&self, arn: &Arn) -> Option<(String, &ResourcePolicy)> {
        let holder = policy_holder(arn)?;
        [arn.to_policy(), holder].into_iter().find_map(|text| self.resource_policies.get(&text).map(|policy| (text, policy)))
    }

    /// Who owns a resource: its ARN says so, else the record, else the snapshot; `None` where nobody does.
    #[must_use]
    pub fn owner(&self, request: &AwsRequest) -> Option<String> {
        let Resource::Arn(arn) = &request.key.resource else { return None };
        let told = owner_told(arn, || request.context.get(RESOURCE_ACCOUNT)?.first().map(String::as_str));
        told.or_else(|| self.resource_policy(arn).and_then(|(_, policy)| policy.owner.clone()))
    }

    /// What production would answer, were `documents` the identity policies of the caller. Of a policy that the snapshot does not
    /// hold nothing is assumed: where the answer would stand on one alone, `None`.
    #[must_use]
    pub fn authorize(&self, identity: &Identity, documents: &[PolicyDocument], request: &AwsRequest) -> Option<Decision> {
        let caller = Caller::of(identity)?;
        let owner = self.owner(request).unwrap_or_else(|| caller.account.clone());
        let request = with_known_context(request, &caller, &owner);
        let part = self.principals.get(identity);
        let (known, resource) = self.resource_side(&request);
        let boundary = part.and_then(|part| part.boundary.as_ref());
        let stack = Stack {
            identity: documents,
            boundary: boundary.map(std::slice::from_ref),
            scps: self.levels.get(&caller.account).map(|(scps, _)| scps.as_slice()).unwrap_or_default(),
            rcps: self.levels.get(&owner).map(|(_, rcps)| rcps.as_slice()).unwrap_or_default(),
            resource,
            ..Stack::default()
        };
        if known {
            return Some(iam::authorize(&stack, &caller, &owner, &request));
        }
        // The policy of the resource is not known: all else is judged as if it let the caller's account decide.
        let stands_in = iam::allows_account(&caller.partition, &caller.account);
        let stack = Stack { resource: Some(&stands_in), ..stack };
        matches!(caller.who, Who::Role { .. } | Who::User(_) | Who::Root)
            .then(|| iam::authorize(&stack, &caller, &owner, &request))
    }

    /// What the trust policy of the role that is to be assumed answers to a caller whose own policies are not known; `None` where
    /// it is no assumption, or the snapshot has no such role.
    #[must_use]
    pub fn trusts(&self, identity: &Identity, request: &AwsRequest) -> Option<Decision> {
        let caller = Caller::of(identity)?;
        self.trust(request)?;
        let owner = self.owner(request)?;
        let request = with_known_context(request, &caller, &owner);
        let allow_all = iam::allows_all();
        let stack = Stack { identity: allow_all.as_slice(), resource: self.trust(&request), ..Stack::default() };
        Some(iam::authorize(&stack, &caller, &owner, &request))
    }

    fn trust(&self, request: &AwsRequest) -> Option<&PolicyDocument> {
        let Resource::Arn(arn) = &request.key.resource else { return None };
        let role = iam::is_assumption(request).then(|| Identity::parse(&arn.to_policy()))??;
        self.principals.get(&role)?.trust.as_ref()
    }

    /// Whether the policy on the resource's side is known, and what it is.
    fn resource_side(&self, request: &AwsRequest) -> (bool, Option<&PolicyDocument>) {
        if let Some(trust) = self.trust(request) {
            return (true, Some(trust));
        }
        let Resource::Arn(arn) = &request.key.resource else { return (true, None) };
        match self.resource_policy(arn) {
            Some((_, policy)) => (true, policy.document.as_ref()),
            None => (false, None),
        }
    }
}

impl Organization {
    /// A target and what it stands below, from the root down.
    fn path<'a>(&'a self, id: &'a str) -> Result<Vec<(&'a str, &'a Target)>, String> {
        let mut path = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = Some(id);
        while let Some(name) = next {
            if !seen.insert(name) {
                return Err(format!("target `{name}` stands below itself"));
            }
            let Some(target) = self.targets.get(name) else {
                return Err(format!("target `{name}` is named as a parent but not listed"));
            };
            path.push((name, target));
            next = target.parent.as_deref();
        }
        path.reverse();
        Ok(path)
    }
}

/// The condition key that names a resource's account.
pub const RESOURCE_ACCOUNT: &str = "aws:ResourceAccount";

/// The owner that an ARN or the record names. S3 names no account in its ARNs; [`RESOURCE_ACCOUNT`] of the record does.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount>
#[must_use]
pub fn owner_told<'a>(arn: &'a Arn, told: impl FnOnce() -> Option<&'a str>) -> Option<String> {
    let is_account = |text: &&str| is_account(text);
    arn.account.as_literal().filter(is_account).or_else(|| told().filter(is_account)).map(str::to_owned)
}

/// Whether a text is an account's number.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ARN that the policy of a resource is attached to; itself where it is not part of another. `None` where the ARN is not
/// plain enough to tell.
#[must_use]
pub fn policy_holder(arn: &Arn) -> Option<String> {
    let service = arn.service.as_literal()?;
    let whole = arn.to_policy();
    let (fields, resource) = whole.match_indices(':').nth(4).map(|(at, _)| whole.split_at(at + 1))?;
    let parts = |delimiter: char, count: usize| resource.splitn(count + 1, delimiter).take(count).collect::<Vec<_>>();
    let held = match service {
        "s3" if arn.account.as_literal() == Some("") => parts('/', 1).join("/"),
        "lambda" if resource.starts_with("function:") => parts(':', 2).join(":"),
        "dynamodb" if resource.starts_with("table/") => parts('/', 2).join("/"),
        "sns" => parts(':', 1).join(":"),
        _ => resource.to_owned(),
    };
    Some(format!("{fields}{held}"))
}

/// The request with what is known of every request of this caller. A record does not say these; the platform adds them.
fn with_known_context(request: &AwsRequest, caller: &Caller, owner: &str) -> AwsRequest {
    let mut request = request.clone();
    let kind = match &caller.who {
        Who::Root | Who::SomeoneOf => "Account",
        Who::User(_) => "User",
        Who::Role { .. } => "AssumedRole",
        Who::FederatedUser(_) => "FederatedUser",
        Who::Service(_) | Who::Federated(_) | Who::Anonymous => "",
    };
    let region = match &request.key.resource {
        Resource::Arn(arn) => arn.region.as_literal().unwrap_or_default().to_owned(),
        Resource::NoResourceLevel | Resource::NotBuilt => String::new(),
    };
    let username = if let Who::User(name) = &caller.who { name.rsplit('/').next().unwrap_or_default() } else { "" };
    let service = matches!(caller.who, Who::Service(_));
    for (key, value) in [
        ("aws:PrincipalArn", caller.arn().unwrap_or_default()),
        ("aws:PrincipalAccount", caller.account.clone()),
        ("aws:PrincipalType", kind.to_owned()),
        ("aws:PrincipalIsAWSService", service.to_string()),
        (RESOURCE_ACCOUNT, owner.to_owned()),
        ("aws:RequestedRegion", region),
        // Every SDK and the CLI speak TLS unless they are told not to.
        ("aws:SecureTransport", "true".to_owned()),
        ("aws:ViaAWSService", "false".to_owned()),
        ("aws:username", username.to_owned()),
    ] {
        let known = request.context.keys().any(|name| name.eq_ignore_ascii_case(key));
        if !known && !value.is_empty() {
            request.context.insert(key.to_owned(), vec![value]);
        }
    }
    request
}
