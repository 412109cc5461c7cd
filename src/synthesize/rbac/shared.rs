//! Who shares a role with whom: several workloads behind one service account, several users in one group.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Home, Identity, Name, is_object_name};
use crate::access::inventory::{Inventory, Place};
use crate::access::kube::pod_of;
use crate::access::profile::{IdentityProfile, Profile, Seen};
use crate::access::request::RequestKey;
use crate::access::shape::kube_stem;
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::grant::Permit;
use crate::policy::set::{PolicySet, Split};
use crate::policy::snapshot::Standing;

use super::{count, policy_beside};

/// How many names a finding shows.
const SHOWN_MAX: usize = 6;

/// What one service account's tokens were issued to, where that is more than one workload, with the roles that each would need.
pub(in crate::synthesize) fn splits(
    identity: &Identity,
    seen: &IdentityProfile,
    (profile, config): (&Profile, &Config),
    standing: &Standing,
    findings: &mut Vec<Finding>,
) -> Vec<Split> {
    let (Home::Cluster(cluster), Name::ServiceAccount { namespace, name }) = (&identity.home, &identity.name) else {
        return Vec::new();
    };
    let mut workloads: BTreeMap<Workload, IdentityProfile> = BTreeMap::new();
    let (mut more, mut untold) = (false, 0_usize);
    for (key, requested) in &seen.requests {
        let RequestKey::Kube(_) = key else { continue };
        let parts = by_workload(requested, &profile.inventory, cluster);
        untold += usize::from(parts.is_empty());
        for (workload, part) in parts {
            let profile = workloads.entry(workload).or_default();
            profile.groups.clone_from(&seen.groups);
            profile.requests.entry(key.clone()).or_default().merge(&part);
        }
        more |= requested.outcomes.values().any(|tally| tally.issued_to.more);
    }
    if workloads.len() < 2 {
        return Vec::new();
    }
    let mut splits = Vec::new();
    for (workload, part) in &workloads {
        let own = format!("{name}-{}", workload.name.trim_end_matches(['-', '*']));
        if !is_object_name(&own) {
            continue;
        }
        let own = Identity::kube_user(cluster, &format!("system:serviceaccount:{namespace}:{own}"));
        // What a person should know of these requests is told of the service account as a whole.
        if let Some(written) = policy_beside(&own, part, config, standing, &mut Vec::new()) {
            splits.push(Split { identity: identity.clone(), workload: workload.to_string(), documents: written.documents });
        }
    }
    let shown: Vec<String> = workloads.keys().take(SHOWN_MAX).map(ToString::to_string).collect();
    let mut rest = match workloads.len().saturating_sub(shown.len()) {
        0 => String::new(),
        further => format!(" and {further} more"),
    };
    if more {
        rest.push_str("; more pods than are kept by name");
    }
    if untold > 0 {
        rest.push_str("; some requests name no pod and are in none of these");
    }
    if workloads.keys().any(|workload| workload.kind == GUESSED) {
        rest.push_str("; `pods` are told by their names alone, no record shows their owner");
    }
    let note = format!(
        "one service account for {} workloads ({}{rest}): each may do what the others need; `split/` holds the roles that each would \
         need with a service account of its own",
        workloads.len(),
        shown.join(", "),
    );
    findings.push(Finding::new(Code::SharedServiceAccount, identity.to_string(), note).counted(count(workloads.len())));
    splits
}

/// The kind of a workload that is told by the names of its pods alone.
const GUESSED: &str = "pods";

/// A workload as a split names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Workload {
    kind: String,
    name: String,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// One request's part by workload. Counts and evidence are those of the whole request: they are not kept by workload.
fn by_workload(seen: &Seen, inventory: &Inventory, cluster: &str) -> BTreeMap<Workload, Seen> {
    let mut parts: BTreeMap<Workload, Seen> = BTreeMap::new();
    for (outcome, tally) in &seen.outcomes {
        let pods = tally.issued_to.values.iter().filter_map(|text| pod_of(text));
        for (namespace, pod) in pods {
            let workload = workload(inventory, cluster, namespace, pod);
            let part = parts.entry(workload).or_insert_with(|| Seen { bases: seen.bases.clone(), ..Seen::default() });
            part.outcomes.insert(*outcome, tally.clone());
        }
    }
    parts
}

/// Who owns a pod: what a record showed, else the one workload whose name it begins with, else its name without what was generated.
fn workload(inventory: &Inventory, cluster: &str, namespace: &str, pod: &str) -> Workload {
    let place = Place { cluster: cluster.to_owned(), namespace: namespace.to_owned(), name: pod.to_owned() };
    if let Some(owner) = inventory.pod_owners.get(&place).and_then(|owners| owners.first()) {
        return Workload { kind: owner.kind.clone(), name: owner.name.clone() };
    }
    let ordinal = pod.rsplit_once('-').filter(|(_, last)| last.bytes().all(|byte| byte.is_ascii_digit())).map(|(front, _)| front);
    let stem = kube_stem(pod).map(|stem| stem.trim_end_matches('-')).or(ordinal).unwrap_or(pod);
    let place = Place { name: stem.to_owned(), ..place };
    let known = inventory.workloads.range((place.clone(), String::new())..).take_while(|((other, _), _)| *other == place);
    let kinds: Vec<&str> = known.map(|((_, kind), _)| kind.as_str()).filter(|kind| *kind != "Pod").collect();
    match kinds.as_slice() {
        [kind] => Workload { kind: (*kind).to_owned(), name: stem.to_owned() },
        _ => Workload { kind: GUESSED.to_owned(), name: if stem == pod { pod.to_owned() } else { format!("{stem}-*") } },
    }
}

/// Users of one group who each got a role of their own: what they have in common is a role for the group.
pub(in crate::synthesize) fn shared_groups(profile: &Profile, set: &PolicySet, findings: &mut Vec<Finding>) {
    let mut members: BTreeMap<(&str, &str), Vec<&Identity>> = BTreeMap::new();
    for (identity, part) in &profile.identities {
        let (Home::Cluster(cluster), Name::KubeUser(_)) = (&identity.home, &identity.name) else { continue };
        if set.policies.contains_key(identity) {
            for group in part.groups.iter().filter(|group| !group.starts_with("system:")) {
                members.entry((cluster, group)).or_default().push(identity);
            }
        }
    }
    for ((cluster, group), users) in members.into_iter().filter(|(_, users)| users.len() > 1) {
        let permits = |identity: &&Identity| -> BTreeSet<&Permit> {
            set.policies.get(identity).into_iter().flat_map(|policy| policy.grants.iter().map(|grant| &grant.permit)).collect()
        };
        let all: BTreeSet<&Permit> = users.iter().flat_map(permits).collect();
        let common: Vec<&&Permit> =
            all.iter().filter(|permit| users.iter().all(|user| permits(user).contains(**permit))).collect();
        let role: Vec<String> = common.iter().take(SHOWN_MAX).map(|permit| format!("`{permit}`")).collect();
        let role = match common.len().saturating_sub(role.len()) {
            _ if common.is_empty() => String::new(),
            0 => format!(" ({})", role.join(", ")),
            more => format!(" ({} and {more} more)", role.join(", ")),
        };
        let names: Vec<String> = users.iter().take(SHOWN_MAX).map(|user| user.short_name()).collect();
        let note = format!(
            "{} of its users ({}{}) each got roles of their own; {} of their {} grants are the same for all{role}. A role for the group \
             would give every member, those to come included, what one of them used",
            users.len(),
            names.join(", "),
            if users.len() > names.len() { ", ..." } else { "" },
            common.len(),
            all.len(),
        );
        findings.push(Finding::new(Code::SharedGroup, format!("{cluster}/group/{group}"), note).counted(count(users.len())));
    }
}
