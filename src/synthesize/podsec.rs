//! Pod Security levels from the pods that were seen to run.

mod change;
mod patch;

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Home, Identity, Name};
use crate::access::observation::Outcome;
use crate::access::pod::{Pod, PodBasis, PodRequest, Workload};
use crate::access::profile::IdentityProfile;
use crate::access::request::RequestKey;
use crate::config::{Config, KubeVersion};
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Reason};
use crate::policy::podsec::{Level, NamespacePolicy, permits, strictest, version};
use crate::policy::set::{Documents, PodPatch, Policy};

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
/// that keeps the namespace below `restricted`. The level is pinned to the target version, or to the newest one whose checks are
/// known, where the target is newer.
pub fn policy(
    identity: &Identity,
    seen: &IdentityProfile,
    config: &Config,
    patches: &mut Vec<PodPatch>,
    findings: &mut Vec<Finding>,
) -> Option<Policy> {
    let (Home::Cluster(cluster), Name::Namespace(namespace)) = (&identity.home, &identity.name) else { return None };
    let workloads = workloads(seen);
    let version = config.kubernetes.min(version::NEWEST);
    let pods = || workloads.values().flat_map(Specs::best);
    let Some(level) = pods().map(|pod| strictest(version, pod)).min() else {
        findings.push(no_evidence(identity, &workloads));
        return None;
    };
    for (workload, specs) in &workloads {
        let patch = patch::patch((cluster, namespace), workload, specs.best(), &specs.all(), version);
        if !patch.violations.is_empty() {
            findings.push(not_restricted(identity, &patch, version));
            patches.push(patch);
        }
    }
    let policy = NamespacePolicy { level, version };
    let grants = permits(&policy).into_iter().map(|permit| Grant { permit, reason: Reason::Observed, generalization: None });
    Some(Policy { grants: grants.collect(), documents: Documents::PodSecurity(policy) })
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

fn not_restricted(identity: &Identity, patch: &PodPatch, version: KubeVersion) -> Finding {
    let checks = |violations: &[crate::policy::podsec::Violation]| {
        let checks: BTreeSet<&str> = violations.iter().map(|violation| violation.check).collect();
        checks.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut note = format!("{} violates {} {version}: {}", patch.workload, Level::Restricted, checks(&patch.violations));
    note.push_str(match (&patch.patch, patch.remaining.is_empty()) {
        (Some(_), true) => "; the patch lifts all of it, run it in staging first",
        (Some(_), false) => "; the patch lifts a part, run it in staging first; a person must decide on ",
        (None, _) => "; no patch can be written, a person must decide on ",
    });
    note.push_str(&checks(&patch.remaining));
    let count = u64::try_from(patch.violations.len()).unwrap_or(u64::MAX);
    Finding::new(Code::PodNotRestricted, identity.to_string(), note).counted(count)
}
