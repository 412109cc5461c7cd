//! Granted versus used: the bindings of production held against what the recording shows.
//!
//! Invariant: only what counts as evidence for a grant counts as use.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Home, Identity};
use crate::access::kube::{AllowedBy, KubeRequest, REASON_KEY};
use crate::access::observation::Outcome;
use crate::access::profile::{IdentityProfile, Profile, Seen};
use crate::access::request::RequestKey;
use crate::config::Config;
use crate::finding::{Code, Finding, Severity};
use crate::policy::grant::Permit;
use crate::policy::rbac::{
    BindingUse, Bound, ClusterUse, Keeper, RbacPolicy, RuleUse, Subject, Use, WideUnit, bound, covers, groups_of, keeper, target,
};
use crate::policy::set::PolicySet;
use crate::policy::snapshot::Snapshot;

use super::evidence::exact;
use super::{MASTERS, risk};

/// How many units a finding shows.
const SHOWN_MAX: usize = 5;

/// What one identity of the cluster used.
struct User<'a> {
    identity: &'a Identity,
    groups: Vec<String>,
    /// As the target version asks it.
    part: Cow<'a, IdentityProfile>,
    /// What was written for it, so that what is wide by a named generalization is not called too wide here.
    written: BTreeSet<Permit>,
}

/// Every binding of the snapshot's clusters, with findings for those that were not used, or not as wide as they are.
pub(in crate::synthesize) fn versus_used(
    profile: &Profile,
    snapshot: Option<&Snapshot>,
    set: &PolicySet,
    config: &Config,
    findings: &mut Vec<Finding>,
) -> Vec<ClusterUse> {
    let mut clusters: BTreeMap<&str, Vec<User<'_>>> = BTreeMap::new();
    for (identity, part) in &profile.identities {
        let Home::Cluster(cluster) = &identity.home else { continue };
        let users = clusters.entry(cluster).or_default();
        // Whoever bypasses RBAC uses no binding.
        if !part.groups.contains(MASTERS) && identity.kube_username().is_some() {
            users.push(User::of(identity, part, set, config));
        }
    }
    let mut uses = Vec::new();
    for (cluster, users) in &clusters {
        let Some(part) = snapshot.and_then(|snapshot| snapshot.cluster(cluster)) else { continue };
        let bindings = bound(&part.rbac).map(|bound| binding_use(&bound, &part.rbac, users, config));
        let bindings: Vec<BindingUse> = bindings.collect();
        bindings.iter().for_each(|binding| tell(cluster, binding, config, findings));
        uses.push(ClusterUse { cluster: (*cluster).to_owned(), bindings });
    }
    if clusters.len() > 1 && snapshot.is_some_and(|snapshot| snapshot.clusters.contains_key("")) {
        let note = "its Kubernetes objects name no cluster and the log holds several, so they were taken for each of them; put each \
                    cluster's into a folder that `--cluster NAME=GLOB` matches";
        findings.push(Finding::new(Code::ClusterUnnamed, "the snapshot", note));
    }
    uses
}

impl<'a> User<'a> {
    fn of(identity: &'a Identity, part: &'a IdentityProfile, set: &PolicySet, config: &Config) -> Self {
        let groups: Vec<String> = part.groups.iter().cloned().collect();
        let written = set.policies.get(identity).map(|policy| policy.grants.iter().map(|grant| grant.permit.clone()).collect());
        User {
            identity,
            groups: groups_of(identity, &groups),
            part: target::profile(part, config.target_server()),
            written: written.unwrap_or_default(),
        }
    }
}

fn binding_use(bound: &Bound<'_>, policy: &RbacPolicy, users: &[User<'_>], config: &Config) -> BindingUse {
    let bound_users: Vec<&User<'_>> = users.iter().filter(|user| bound.binds(user.identity, &user.groups)).collect();
    let place = bound.place();
    let mut covered: BTreeMap<(&Identity, &KubeRequest), bool> = BTreeMap::new();
    let mut rules = Vec::new();
    for rule in bound.rules {
        let units = bound.permits(rule);
        let mut used: BTreeMap<&Permit, BTreeSet<Permit>> = BTreeMap::new();
        for user in &bound_users {
            for (request, seen) in user.evidence(config) {
                let mut hit = false;
                for unit in units.iter().filter(|unit| covers(unit, request)) {
                    used.entry(unit).or_default().insert(user.narrowest(unit, request));
                    hit = true;
                }
                if hit {
                    covered.insert((user.identity, request), named(seen, bound));
                }
            }
        }
        let unused: Vec<Permit> = units.iter().filter(|unit| !used.contains_key(unit)).cloned().collect();
        let (exact, wider): (Vec<_>, Vec<_>) = used.into_iter().partition(|(unit, asked)| asked.contains(*unit));
        let state = match (exact.is_empty() && wider.is_empty(), unused.is_empty() && wider.is_empty()) {
            (true, _) => Use::Unused,
            (false, true) => Use::Used,
            (false, false) => Use::WiderThanUsed,
        };
        let wide =
            |(unit, asked): (&Permit, BTreeSet<Permit>)| WideUnit { unit: unit.clone(), used_as: asked.into_iter().collect() };
        rules.push(RuleUse {
            rule: rule.clone(),
            used: state,
            exact: exact.into_iter().map(|(unit, _)| unit.clone()).collect(),
            wider: wider.into_iter().map(wide).collect(),
            unused,
        });
    }
    let used = match (rules.iter().all(|rule| rule.used == Use::Used), rules.iter().all(|rule| rule.used == Use::Unused)) {
        (_, true) => Use::Unused,
        (true, false) => Use::Used,
        (false, false) => Use::WiderThanUsed,
    };
    let kept = keeper(&bound.binding.metadata).or_else(|| role_keeper(bound, policy));
    BindingUse {
        binding: place,
        role: format!("{}/{}", bound.binding.role_ref.kind, bound.binding.role_ref.name),
        subjects: bound.binding.subjects.iter().map(|subject| spell(subject, bound.scope)).collect(),
        seen: bound_users.iter().map(|user| user.identity.to_string()).collect(),
        platform: matches!(kept, Some(Keeper::Platform(_))),
        keeper: kept.map(|keeper| keeper.to_string()),
        used,
        requests: u64::try_from(covered.len()).unwrap_or(u64::MAX),
        named_by_authorizer: u64::try_from(covered.values().filter(|named| **named).count()).unwrap_or(u64::MAX),
        rules,
    }
}

impl User<'_> {
    /// What it asked for that is evidence.
    fn evidence(&self, config: &Config) -> impl Iterator<Item = (&KubeRequest, &Seen)> {
        let failed = config.failed_is_evidence;
        self.part.requests.iter().filter_map(move |(key, seen)| match key {
            RequestKey::Kube(request) if seen.is_evidence(failed) => Some((request, seen)),
            RequestKey::Kube(_) | RequestKey::Aws(_) | RequestKey::Pod(_) | RequestKey::Flow(_) => None,
        })
    }

    /// The narrowest unit that still says what was used of `unit` by this request: the unit itself where the request asks for as
    /// much, or where what was written for the identity is as wide by a named generalization.
    fn narrowest(&self, unit: &Permit, request: &KubeRequest) -> Permit {
        if self.written.contains(unit) {
            return unit.clone();
        }
        let asked = exact(request);
        let written = |permit: &&Permit| covers(permit, request);
        self.written.iter().find(written).filter(|wide| !is_wider(wide, unit)).cloned().unwrap_or(asked)
    }
}

/// Whether `wide` reaches beyond `unit`: into other namespaces, or to other names.
fn is_wider(wide: &Permit, unit: &Permit) -> bool {
    let open = |of: fn(&Permit) -> Option<bool>| of(wide).unwrap_or(false) && !of(unit).unwrap_or(true);
    let everywhere: fn(&Permit) -> Option<bool> = |permit| super::scope_and_name(permit).map(|(scope, _)| scope.is_none());
    let any_name: fn(&Permit) -> Option<bool> = |permit| super::scope_and_name(permit).map(|(_, name)| name.is_none());
    open(everywhere) || open(any_name)
}

/// Whether the authorizer named this binding for some of these records.
fn named(seen: &Seen, bound: &Bound<'_>) -> bool {
    let is = |by: AllowedBy| by.binding == bound.binding.metadata.name && by.namespace == bound.scope.unwrap_or_default();
    let allowed = [Outcome::Allowed, Outcome::Failed].into_iter().filter_map(|outcome| seen.outcomes.get(&outcome));
    let mut reasons = allowed.filter_map(|tally| tally.context.get(REASON_KEY)).flat_map(|values| &values.values);
    reasons.any(|reason| AllowedBy::parse(reason).is_some_and(is))
}

fn role_keeper(bound: &Bound<'_>, policy: &RbacPolicy) -> Option<Keeper> {
    let reference = &bound.binding.role_ref;
    let cluster = policy.cluster_roles.iter().map(|role| ("ClusterRole", None, &role.metadata));
    let roles = policy.roles.iter().map(|role| ("Role", Some(role.metadata.namespace.as_str()), &role.metadata));
    let is = |(kind, scope, metadata): &(&str, Option<&str>, &crate::policy::rbac::ObjectMeta)| {
        *kind == reference.kind && metadata.name == reference.name && (scope.is_none() || *scope == bound.scope)
    };
    // A default role that somebody bound is not the platform's binding.
    let found = cluster.chain(roles).find(is).and_then(|(_, _, metadata)| keeper(metadata));
    found.filter(|keeper| !matches!(keeper, Keeper::Platform(_)))
}

fn spell(subject: &Subject, scope: Option<&str>) -> String {
    if subject.kind == "ServiceAccount" {
        let namespace = if subject.namespace.is_empty() { scope.unwrap_or_default() } else { &subject.namespace };
        format!("ServiceAccount {namespace}/{}", subject.name)
    } else {
        format!("{} {}", subject.kind, subject.name)
    }
}

/// One finding per binding that gives more than was used. The platform's own bindings, and those that a person keeps, have none.
fn tell(cluster: &str, binding: &BindingUse, config: &Config, findings: &mut Vec<Finding>) {
    let stays = config.rbac.surviving.iter().any(|pattern| pattern.matches(&binding.binding));
    if binding.platform || stays || binding.used == Use::Used || binding.rules.is_empty() {
        return;
    }
    let extra: Vec<&Permit> = binding.rules.iter().flat_map(extra).collect();
    if extra.is_empty() {
        return;
    }
    let risky = extra.iter().find_map(|permit| risk::risks(permit).first().map(|what| (*permit, *what)));
    let shown: Vec<String> = extra.iter().take(SHOWN_MAX).map(|permit| format!("`{permit}`")).collect();
    let more = match extra.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (code, begins) = match binding.used {
        Use::Unused if binding.seen.is_empty() => (Code::GrantUnused, "nobody that it binds is in the recording".to_owned()),
        Use::Unused | Use::Used => (Code::GrantUnused, format!("nothing of {} was used", binding.role)),
        Use::WiderThanUsed => (Code::GrantWiderThanUsed, format!("{} gives more than was used", binding.role)),
    };
    let kept = binding.keeper.as_ref().map(|by| format!("; kept by {by}: change it there")).unwrap_or_default();
    let risks = risky.map(|(permit, what)| format!("; `{permit}` {what}")).unwrap_or_default();
    let note =
        format!("{begins}: {}{more}{risks}{kept}. While it stands, a narrower role beside it changes nothing", shown.join(", "));
    let mut finding = Finding::new(code, format!("{cluster}/{}", binding.binding), note);
    if risky.is_some() {
        finding.severity = Severity::Warning;
    }
    findings.push(finding.counted(u64::try_from(extra.len()).unwrap_or(u64::MAX)));
}

/// The units of a rule that were not used as wide as they are.
fn extra(rule: &RuleUse) -> impl Iterator<Item = &Permit> {
    rule.unused.iter().chain(rule.wider.iter().map(|wide| &wide.unit))
}
