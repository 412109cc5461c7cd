//! What owners of other accounts' resources must add: the resource's side of a grant across accounts.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>
//!
//! Invariant: only what was written into the identity's own policy is asked of the owner, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::aws::{Arn, Resource};
use crate::access::identity::{Home, Identity};
use crate::access::profile::{IdentityProfile, Profile, Seen};
use crate::access::request::RequestKey;
use crate::finding::{Code, Finding};
use crate::policy::grant::Permit;
use crate::policy::iam::model::{
    ActionPattern, Actions, Conditions, Effect, PolicyDocument, Principal, ResourcePattern, Resources, Statement, Version,
};
use crate::policy::set::{Companion, Documents, Policy};
use crate::policy::snapshot::{RESOURCE_ACCOUNT, is_account, owner_told, policy_holder};

/// How a service's resource policies write their `Resource`.
#[derive(Clone, Copy)]
enum Spelling {
    /// As the identity policy does.
    Same,
    /// `*`: the resource that the policy is attached to.
    All,
    /// Not at all.
    None,
}

/// Services with policies on a resource: IAM prefix, how the resource's own name begins, how `Resource` is written.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const SERVICES: &[(&str, &str, Spelling)] = &[
    ("ecr", "repository/", Spelling::None),
    ("kms", "key/", Spelling::All),
    ("lambda", "function:", Spelling::Same),
    ("s3", "", Spelling::Same),
    ("secretsmanager", "secret:", Spelling::All),
    ("sns", "", Spelling::Same),
    ("sqs", "", Spelling::Same),
];

/// Owner and the ARN that its policy is attached to.
type Place = (String, String);

/// What one identity needs of one resource: the texts of `Resource` to actions.
type Need = BTreeMap<String, BTreeSet<String>>;

/// The companions of every written policy, by owner and resource.
pub fn companions(profile: &Profile, policies: &BTreeMap<Identity, Policy>, findings: &mut Vec<Finding>) -> Vec<Companion> {
    let mut needs: BTreeMap<Place, BTreeMap<String, Need>> = BTreeMap::new();
    for (identity, policy) in policies {
        let (Documents::Iam(_), Home::Account { id, .. }, Some(principal)) = (&policy.documents, &identity.home, identity.arn())
        else {
            continue;
        };
        let buckets = profile.identities.get(identity).map(owners).unwrap_or_default();
        for grant in &policy.grants {
            let Permit::Iam { action, resource, .. } = &grant.permit else { continue };
            if names_account(resource, id) {
                continue;
            }
            let Some((place, written)) = across(resource, &buckets).filter(|((owner, _), _)| owner != id) else { continue };
            let need = needs.entry(place).or_default().entry(principal.clone()).or_default();
            need.entry(written).or_default().insert(action.clone());
        }
    }
    let mut companions = Vec::new();
    for ((owner, holder), needs) in needs {
        let Some(resource) = Arn::from_policy(&holder) else { continue };
        let note = format!(
            "belongs to account {owner}: its owner must add the statements of the companion file to the resource's own policy"
        );
        let principals = u64::try_from(needs.len()).unwrap_or(u64::MAX);
        findings.push(Finding::new(Code::CompanionNeeded, holder, note).counted(principals));
        let document = PolicyDocument { version: Version::V2012, id: None, statements: statements(needs) };
        companions.push(Companion { owner, resource, document });
    }
    companions
}

/// Whether a resource says itself that it is of this account: a quick yes before anything is parsed.
fn names_account(resource: &str, id: &str) -> bool {
    is_account(id) && !resource.contains("${") && resource.split(':').nth(4) == Some(id)
}

/// Where a grant's resource stands in another account's hands, and how a policy there writes it.
fn across(resource: &str, buckets: &BTreeMap<String, String>) -> Option<(Place, String)> {
    let arn = Arn::from_policy(resource)?;
    let service = arn.service.as_literal()?;
    let name = arn.resource.to_policy();
    let (_, _, spelling) = SERVICES.iter().find(|(known, start, _)| *known == service && name.starts_with(start))?;
    let holder = policy_holder(&arn)?;
    let owner = owner_told(&arn, || None).or_else(|| buckets.get(&holder).cloned())?;
    let written = match spelling {
        Spelling::Same => resource.to_owned(),
        Spelling::All => "*".to_owned(),
        Spelling::None => String::new(),
    };
    Some(((owner, holder), written))
}

/// Owners of resources whose ARN names none, from the records that do (`aws:ResourceAccount`).
fn owners(part: &IdentityProfile) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for (key, seen) in &part.requests {
        let RequestKey::Aws(key) = key else { continue };
        let Resource::Arn(arn) = &key.resource else { continue };
        if let (Some(owner), Some(holder)) = (owner_told(arn, || any_account(seen)), policy_holder(arn)) {
            owners.insert(holder, owner);
        }
    }
    owners
}

/// The account of the resource in a record of the request: an owner does not change from one to the next.
fn any_account(seen: &Seen) -> Option<&str> {
    let accounts = seen.outcomes.values().next()?.context.get(RESOURCE_ACCOUNT)?;
    accounts.values.first().map(String::as_str)
}

/// Principals that need the same stand together, and so do resources with the same actions.
fn statements(needs: BTreeMap<String, Need>) -> Vec<Statement> {
    type Same = (BTreeSet<String>, BTreeSet<String>);
    let mut groups: BTreeMap<Same, Vec<String>> = BTreeMap::new();
    for (principal, need) in needs {
        let mut by_actions: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
        for (resource, actions) in need {
            by_actions.entry(actions).or_default().insert(resource);
        }
        for same in by_actions {
            groups.entry(same).or_default().push(principal.clone());
        }
    }
    let statement = |(number, ((actions, resources), principals)): (usize, (Same, Vec<String>))| Statement {
        sid: Some(format!("Companion{}", number + 1)),
        effect: Effect::Allow,
        principal: Some(Principal::ByKind([("AWS".to_owned(), principals)].into())),
        actions: Actions::Action(actions.iter().map(|action| ActionPattern::new(action)).collect()),
        resources: if resources.iter().all(String::is_empty) {
            Resources::Absent
        } else {
            Resources::Resource(resources.iter().map(|text| ResourcePattern::new(text, Version::V2012)).collect())
        },
        condition: Conditions::new(),
    };
    groups.into_iter().enumerate().map(statement).collect()
}
