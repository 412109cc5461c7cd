//! One document for a role that has one name in many accounts.
//!
//! Invariant: a folded grant reaches the account of whoever holds it, and no other; what another account's role was seen to use is
//! declared for this one, never observed.

use std::collections::BTreeMap;

use super::identities::permission_set;
use super::{Setting, policy};
use crate::access::aws::{Arn, AwsRequestKey, Resource, Text};
use crate::access::identity::{Home, Identity, Name};
use crate::access::profile::{IdentityProfile, Profile};
use crate::access::request::RequestKey;
use crate::config::Config;
use crate::finding::Finding;
use crate::policy::grant::{Condition, Reason};
use crate::policy::set::{Policy, with_accounts};
use crate::policy::snapshot::Snapshot;

/// Services whose requests may lack `aws:ResourceAccount`, and actions that lack it: their ARNs keep their account.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount>
const WITHOUT_RESOURCE_ACCOUNT: &[(&str, &str)] = &[
    ("iam", "*"),
    // Accounts of an organization are asked for under the management account's, which a member does not know.
    ("organizations", "*"),
    ("sts", "*"),
    ("ec2", "AcceptTransitGatewayPeeringAttachment"),
    ("ec2", "AcceptVpcEndpointConnections"),
    ("ec2", "AcceptVpcPeeringConnection"),
    ("ec2", "CopyImage"),
    ("ec2", "CopySnapshot"),
    ("ec2", "CreateTransitGatewayPeeringAttachment"),
    ("ec2", "CreateVolume"),
    ("ec2", "CreateVpcEndpoint"),
    ("ec2", "CreateVpcPeeringConnection"),
    ("ec2", "DeleteTransitGatewayPeeringAttachment"),
    ("ec2", "DeleteVpcPeeringConnection"),
    ("ec2", "RejectTransitGatewayPeeringAttachment"),
    ("ec2", "RejectVpcEndpointConnections"),
    ("ec2", "RejectVpcPeeringConnection"),
    ("events", "PutEvents"),
    ("route53", "*"),
];

/// Roles that are folded: name to those who bear it, two accounts or more.
pub(crate) fn groups<'a>(profile: &'a Profile, config: &Config) -> BTreeMap<(String, String), Vec<&'a Identity>> {
    let mut groups: BTreeMap<(String, String), Vec<&Identity>> = BTreeMap::new();
    if !config.documents.fold_accounts {
        return groups;
    }
    for identity in profile.identities.keys().filter(|identity| config.left_out(identity).is_none()) {
        let (Home::Account { partition, .. }, Name::Role(name)) = (&identity.home, &identity.name) else { continue };
        // The hash of a permission set's role differs from account to account.
        let name = permission_set(identity).map_or_else(|| name.clone(), |set| format!("permission-set/{set}"));
        groups.entry((partition.clone(), name)).or_default().push(identity);
    }
    groups.retain(|_, members| members.len() > 1);
    groups
}

/// The policy of each member: the same documents, each grant with the reason that it has for that member.
pub(crate) fn policies(
    members: &[&Identity],
    profile: &Profile,
    setting: &Setting<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<(Identity, Policy)> {
    let mut whole = IdentityProfile::default();
    for identity in members {
        for (key, seen) in profile.identities.get(*identity).iter().flat_map(|part| &part.requests) {
            whole.requests.entry(folded(key, identity)).or_default().merge(seen);
        }
    }
    let Some(first) = members.first() else { return Vec::new() };
    let snapshot = setting.snapshot.map(|snapshot| standing_for(snapshot, first, members));
    let assumers = setting.assumers.standing_for(first, members);
    let setting = &Setting { assumers, snapshot: snapshot.as_ref(), ..*setting };
    let Some(written) = policy(first, &whole, setting, findings) else { return Vec::new() };
    let of_member = |identity: &&Identity| {
        let mut own = written.clone();
        let part = profile.identities.get(*identity);
        let evidence = |seen: &crate::access::profile::Seen| seen.is_evidence(setting.config.failed_is_evidence);
        let used = part.iter().flat_map(|part| &part.requests).filter(|(_, seen)| evidence(seen));
        let used: Vec<_> =
            used.flat_map(|(key, seen)| seen.requests(key)).map(|request| with_accounts(identity, &request)).collect();
        for grant in &mut own.grants {
            let observed = matches!(grant.reason, Reason::Observed | Reason::Derived { .. });
            if observed && !used.iter().any(|request| grant.permit.covers(request)) {
                grant.reason =
                    Reason::Declared { by: "`fold-accounts`: the role of this name in another account used it".to_owned() };
            }
        }
        own.grants.sort();
        ((*identity).clone(), own)
    };
    members.iter().map(of_member).collect()
}

/// A snapshot in which one role has what all of them have today.
fn standing_for(snapshot: &Snapshot, one: &Identity, all: &[&Identity]) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let parts = all.iter().filter_map(|role| snapshot.principals.get(*role));
    let documents: Vec<_> = parts.flat_map(|part| part.documents.clone()).collect();
    snapshot.principals.entry(one.clone()).or_default().documents = documents;
    snapshot
}

/// The request with the caller's own account left open, where a condition can hold it.
fn folded(key: &RequestKey, identity: &Identity) -> RequestKey {
    let (RequestKey::Aws(asked), Home::Account { id, .. }) = (key, &identity.home) else { return key.clone() };
    let Resource::Arn(arn) = &asked.resource else { return key.clone() };
    let lacks = |(service, name): &(&str, &str)| asked.action.service == *service && (*name == "*" || asked.action.name == *name);
    if arn.account.as_literal() != Some(id) || WITHOUT_RESOURCE_ACCOUNT.iter().any(lacks) {
        return key.clone();
    }
    let resource = Resource::Arn(Arn { account: Text::any(), ..arn.clone() });
    RequestKey::Aws(AwsRequestKey { resource, ..asked.clone() })
}

/// A grant whose account is open holds for the holder's own.
pub(super) fn own_account(arn: &Arn, condition: &mut Condition) {
    let kept = |(service, name): &(&str, &str)| *name == "*" && arn.service.as_literal() == Some(service);
    if arn.account == Text::any() && !WITHOUT_RESOURCE_ACCOUNT.iter().any(kept) {
        let keys = condition.entry("StringEquals".to_owned()).or_default();
        keys.insert("aws:ResourceAccount".to_owned(), vec!["${aws:PrincipalAccount}".to_owned()]);
    }
}
