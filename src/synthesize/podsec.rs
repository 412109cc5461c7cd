//! Pod Security levels from the pods that were seen to run.

mod change;
mod exception;
mod patch;

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Home, Identity, Name};
use crate::access::observation::Outcome;
use crate::access::pod::{Pod, PodBasis, PodRequest, Workload};
use crate::access::profile::{IdentityProfile, Profile};
use crate::access::request::RequestKey;
use crate::config::{Config, KubeVersion};
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Reason};
use crate::policy::podsec::{Level, NamespacePolicy, Violation, admission, permits, strictest, told, version};
use crate::policy::set::{Documents, PodPatch, Policy, PolicySet};

/// The specs of one workload that were admitted.
#[derive(Default)]
struct Specs<'a> {
    /// By how much of the truth they are.
    admitted: BTreeMap<PodBasis, Vec<&'a Pod>>,
    /// Whether one of its pods was refused.
    refused: bool,
}

impl<'a> Specs<'a> {
    /// The most trustworthy specs: what was admitted, else what was asked for, else the controller's template. A template whose
    /// pods were refused and never admitted shows nothing that ran.
    fn best(&self) -> &[&'a Pod] {
        match self.admitted.last_key_value() {
            Some((PodBasis::Template, _)) if self.refused => &[],
            Some((_, pods)) => pods,
            None => &[],
        }
    }

    /// Every spec, the less trustworthy ones too.
    fn all(&self) -> Vec<&'a Pod> {
        self.admitted.values().flatten().copied().collect()
    }
}

/// The strictest level that every observed pod of a namespace satisfies; `None` without evidence. Adds a patch for every workload
/// that keeps the namespace below `restricted`, and what would hold the others where a few do so. The level is pinned to the target
/// version, or to the newest one whose checks are known, where the target is newer.
pub fn policy(
    (identity, seen): (&Identity, &IdentityProfile),
    profile: &Profile,
    config: &Config,
    set: &mut PolicySet,
    findings: &mut Vec<Finding>,
) -> Option<Policy> {
    let (Home::Cluster(cluster), Name::Namespace(namespace)) = (&identity.home, &identity.name) else { return None };
    let workloads = workloads(seen);
    let version = config.kubernetes.min(version::NEWEST);
    let pods: Vec<&Pod> = workloads.values().flat_map(Specs::best).copied().collect();
    let Some(shown) = pods.iter().map(|pod| strictest(version, pod)).min() else {
        findings.push(no_evidence(identity, &workloads));
        return None;
    };
    let (mut patched, mut patches) = (BTreeMap::new(), Vec::new());
    for (workload, specs) in &workloads {
        let patch = patch::patch((cluster, namespace), workload, specs.best(), &specs.all(), version);
        if !specs.best().is_empty() {
            patched.insert(*workload, (patch.level, patch.patched));
        }
        if !patch.violations.is_empty() {
            patches.push(patch);
        }
    }
    findings.extend(not_restricted(identity, &patches, version));
    set.pod_patches.append(&mut patches);
    let (held, lasting) = exception::lasting(&patched);
    if !lasting.is_empty() {
        let proposal = admission::proposal(cluster, namespace, version, &pods);
        let advice = lasting.iter().filter_map(|(workload, level)| {
            Some(exception::advice(identity, (workload, *level), workloads.get(workload)?.best(), held, proposal.as_ref()))
        });
        findings.extend(advice);
        set.admission.extend(proposal);
    }
    let told = told(profile, cluster, namespace, version).filter(|told| told.level_max < shown);
    let (level, reason) = match told {
        None => (shown, Reason::Observed),
        Some(told) => {
            let why = format!("the API server wrote of a pod that no record shows whole: it violates {}", told.checks.join(", "));
            let note = format!("{why}; the level is {} instead of {shown}", told.level_max);
            findings.push(Finding::new(Code::PodUnseen, identity.to_string(), note));
            (told.level_max, Reason::Assumed { why })
        }
    };
    let policy = NamespacePolicy { level, version };
    let grant = |permit| Grant { permit, reason: reason.clone(), generalization: None };
    Some(Policy { grants: permits(&policy).into_iter().map(grant).collect(), documents: Documents::PodSecurity(policy) })
}

/// Namespaces of which only the API server's own words are known: it is said what these words come to.
pub fn unseen(profile: &Profile, config: &Config, set: &PolicySet, findings: &mut Vec<Finding>) {
    let version = config.kubernetes.min(version::NEWEST);
    for ((cluster, namespace), violations) in &profile.inventory.pod_violations {
        let identity = Identity::namespace(cluster, namespace);
        if config.left_out(&identity).is_some() || set.policies.contains_key(&identity) {
            continue;
        }
        let all: Vec<&str> = violations.iter().map(String::as_str).collect();
        let at_most = match told(profile, cluster, namespace, version) {
            Some(told) => format!("it is {} at most ({})", told.level_max, told.checks.join(", ")),
            None => format!("nothing of it counts at {version}"),
        };
        let note = format!("no pod was seen whole, so no level is chosen; {at_most}; the API server wrote: {}", all.join("; "));
        findings.push(Finding::new(Code::NoPodEvidence, identity.to_string(), note));
    }
}

/// Everything that the API server told of pods in a namespace, as one.
fn told(profile: &Profile, cluster: &str, namespace: &str, version: KubeVersion) -> Option<told::Told> {
    let violations = profile.inventory.pod_violations.get(&(cluster.to_owned(), namespace.to_owned()))?;
    let all = violations.iter().filter_map(|violation| told::read(version, violation));
    all.reduce(|mut one, other| {
        one.level_max = one.level_max.min(other.level_max);
        one.checks.extend(other.checks);
        one.checks.sort_unstable();
        one.checks.dedup();
        one
    })
}

fn workloads(seen: &IdentityProfile) -> BTreeMap<&Workload, Specs<'_>> {
    let mut workloads: BTreeMap<&Workload, Specs<'_>> = BTreeMap::new();
    for (key, seen) in &seen.requests {
        let RequestKey::Pod(request) = key else { continue };
        let PodRequest { workload, pod, basis } = &**request;
        let specs = workloads.entry(workload).or_default();
        specs.refused |= *basis != PodBasis::Template && seen.count(Outcome::Refused) > 0;
        if seen.count(Outcome::Allowed) > 0 {
            specs.admitted.entry(*basis).or_default().push(pod);
        }
    }
    workloads
}

fn no_evidence(identity: &Identity, workloads: &BTreeMap<&Workload, Specs<'_>>) -> Finding {
    let refused = workloads.values().filter(|specs| specs.refused).count();
    let why = if refused > 0 {
        format!("pods of {refused} workloads were refused and none was admitted")
    } else {
        "no spec of an admitted pod was recorded".to_owned()
    };
    let way_out = "record pods at audit level Request or RequestResponse while they are created";
    Finding::new(Code::NoPodEvidence, identity.to_string(), format!("no Pod Security level is chosen: {why}; {way_out}"))
}

/// How many workloads one finding names.
const NAMED_MAX: usize = 5;

/// The workloads of a namespace that keep it below `restricted`, as one finding; `None` where all satisfy it.
fn not_restricted(identity: &Identity, patches: &[PodPatch], version: KubeVersion) -> Option<Finding> {
    let first = patches.first()?;
    let (who, one) = match patches.len() {
        1 => (format!("{} violates", first.workload), true),
        many => (format!("{many} workloads violate"), false),
    };
    let mut note =
        format!("{who} {} {version}: {}", Level::Restricted, checks(patches.iter().flat_map(|patch| &patch.violations)));
    for (says, is_lifted, is_patched) in [
        ("a patch lifts all of it", true, true),
        ("a patch lifts a part", false, true),
        ("no patch can be written", false, false),
    ] {
        let of: Vec<&PodPatch> = patches
            .iter()
            .filter(|patch| patch.patch.is_some() == is_patched && patch.remaining.is_empty() == is_lifted)
            .collect();
        if of.is_empty() {
            continue;
        }
        let named = if one { String::new() } else { format!(" for {}", listed(&of)) };
        let run = if is_patched { ", run it in staging first" } else { "" };
        note.push_str(&format!("; {says}{named}{run}"));
        if !is_lifted {
            let left = checks(of.iter().flat_map(|patch| &patch.remaining));
            note.push_str(&format!("; a person must decide on {left}"));
        }
    }
    let count = u64::try_from(patches.len()).unwrap_or(u64::MAX);
    Some(Finding::new(Code::PodNotRestricted, identity.to_string(), note).counted(count))
}

fn checks<'a>(violations: impl Iterator<Item = &'a Violation>) -> String {
    let checks: BTreeSet<&str> = violations.map(|violation| violation.check).collect();
    checks.into_iter().collect::<Vec<_>>().join(", ")
}

fn listed(patches: &[&PodPatch]) -> String {
    let named: Vec<String> = patches.iter().take(NAMED_MAX).map(|patch| patch.workload.to_string()).collect();
    match patches.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
