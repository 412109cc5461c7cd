//! What the log says of how an identity is used: long-lived keys, a permission set behind its role, one role shared by several
//! workloads; and the policy that each of those would need of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Setting, policy};
use crate::access::identity::{Home, Identity, Name};
use crate::access::profile::{IdentityProfile, Profile, Seen, VALUES_MAX};
use crate::config::{Class, Config};
use crate::finding::{Code, Finding};
use crate::policy::set::Split;

/// How the names of roles begin that Identity Center makes: `AWSReservedSSO_SET_HASH`.
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>
const PERMISSION_SET: &str = "AWSReservedSSO_";

/// Long-lived keys in use: what stands in their place.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-workloads-use-roles>
pub(crate) fn long_lived_keys(profile: &Profile, config: &Config, findings: &mut Vec<Finding>) {
    for (identity, keys) in &profile.inventory.access_keys {
        let instead = match (&identity.name, config.class_of(identity)) {
            (Name::Root, _) => "delete root's keys",
            (_, Class::Ci) => "let the pipeline take on a role by its own OpenID Connect token",
            (_, Class::Human | Class::BreakGlass) => "let people sign in through IAM Identity Center",
            (_, Class::Workload | Class::System | Class::Operator) => {
                "give the workload a role: an instance profile, a task or function role, IRSA or EKS Pod Identity; outside of AWS, IAM Roles Anywhere"
            }
        };
        let shown: Vec<&str> = keys.iter().map(String::as_str).collect();
        let note = format!("signs with access keys that do not expire ({}): {instead}", shown.join(", "));
        let number = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        findings.push(Finding::new(Code::LongLivedKey, identity.to_string(), note).counted(number));
    }
}

/// The permission set that a role comes from; `None` for any other role.
pub(super) fn permission_set(identity: &Identity) -> Option<&str> {
    let Name::Role(path) = &identity.name else { return None };
    let name = path.rsplit('/').next()?.strip_prefix(PERMISSION_SET)?;
    let (set, hash) = name.rsplit_once('_')?;
    (!set.is_empty() && hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(set)
}

/// A role of a permission set is never edited itself.
pub(super) fn tell_permission_set(identity: &Identity, findings: &mut Vec<Finding>) {
    if let Some(set) = permission_set(identity) {
        let note = format!(
            "comes from the permission set `{set}` of IAM Identity Center: put the policy into that set, not on the role"
        );
        findings.push(Finding::new(Code::PermissionSet, identity.to_string(), note));
    }
}

/// What one role's credentials were issued to, where that is more than one workload, with the policy that each would need.
pub(crate) fn splits(
    identity: &Identity,
    seen: &IdentityProfile,
    setting: &Setting<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Split> {
    let tallies = seen.requests.values().flat_map(|seen| seen.outcomes.values());
    let issued_to: BTreeSet<&String> = tallies.flat_map(|tally| &tally.issued_to.values).collect();
    if issued_to.len() < 2 {
        return Vec::new();
    }
    let mut workloads: BTreeMap<String, IdentityProfile> = BTreeMap::new();
    let mut more = false;
    for (key, requested) in &seen.requests {
        for (workload, part) in by_workload(requested) {
            workloads.entry(workload).or_default().requests.entry(key.clone()).or_default().merge(&part);
        }
        more |= requested.outcomes.values().any(|tally| tally.issued_to.more);
    }
    if workloads.len() < 2 {
        return Vec::new();
    }
    let names: BTreeSet<&str> = workloads.keys().map(|arn| arn.rsplit(':').next().unwrap_or(arn)).take(VALUES_MAX).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let rest = if more { " and more than are kept by name" } else { "" };
    let note = format!(
        "one role for {} workloads ({}{rest}): each may do what the others need; `split/` holds the policy that each would need of its own",
        workloads.len(),
        names.join(", ")
    );
    findings.push(
        Finding::new(Code::SharedRole, identity.to_string(), note).counted(u64::try_from(workloads.len()).unwrap_or(u64::MAX)),
    );
    let mut splits = Vec::new();
    for (workload, part) in workloads {
        // What a person should know of these requests is told of the role as a whole.
        let Some(written) = policy(identity, &part, setting, &mut Vec::new()) else { continue };
        splits.push(Split { identity: identity.clone(), workload, documents: written.documents });
    }
    splits
}

/// One request's part by workload. Counts and evidence are those of the whole request: they are not kept by workload.
fn by_workload(seen: &Seen) -> BTreeMap<String, Seen> {
    let mut parts: BTreeMap<String, Seen> = BTreeMap::new();
    for (outcome, tally) in &seen.outcomes {
        for workload in tally.issued_to.values.iter().filter_map(|arn| workload(arn)) {
            let part = parts.entry(workload).or_insert_with(|| Seen { bases: seen.bases.clone(), ..Seen::default() });
            part.outcomes.insert(*outcome, tally.clone());
        }
    }
    parts
}

/// What runs with the credentials: a function by its ARN without version; instances of a role are one workload, since a group
/// replaces them at any time.
fn workload(arn: &str) -> Option<String> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = fields.as_slice() else { return None };
    match (*service, resource.split_once(['/', ':'])) {
        ("ec2", Some(("instance", _))) => Some(format!("arn:{partition}:ec2:{region}:{account}:instances")),
        ("lambda", Some(("function", name))) => {
            let name = name.split(':').next().unwrap_or(name);
            let front = fields.get(..5)?.join(":");
            Some(format!("{front}:function:{name}"))
        }
        _ => Some(arn.to_owned()),
    }
}

/// Whether the identity is one that a split or a fold can be about.
pub(crate) fn is_role(identity: &Identity) -> bool {
    matches!((&identity.home, &identity.name), (Home::Account { .. }, Name::Role(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_permission_sets_are_known_by_their_names() {
        let of = |name: &str| {
            let identity = Identity::aws("aws", "111122223333", Name::Role(name.to_owned()));
            permission_set(&identity).map(str::to_owned)
        };
        assert_eq!(
            of("aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Read_Only_0123456789abcdef").as_deref(),
            Some("Read_Only")
        );
        assert_eq!(of("AWSReservedSSO_Admin_0123456789abcdef").as_deref(), Some("Admin"));
        assert_eq!(of("AWSReservedSSO_Admin"), None);
        assert_eq!(of("app"), None);
    }

    #[test]
    fn instances_are_one_workload_and_versions_one_function() {
        for (arn, expected) in [
            ("arn:aws:ec2:r:1:instance/i-1", Some("arn:aws:ec2:r:1:instances")),
            ("arn:aws:lambda:r:1:function:f:7", Some("arn:aws:lambda:r:1:function:f")),
            ("arn:aws:ecs:r:1:task/c/t", Some("arn:aws:ecs:r:1:task/c/t")),
            ("i-1", None),
        ] {
            assert_eq!(workload(arn).as_deref(), expected);
        }
    }
}
