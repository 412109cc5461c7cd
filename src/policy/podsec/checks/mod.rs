//! The checks of the Pod Security Standards: one file each, one row each in [`CHECKS`], versions as data.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
//!
//! Invariant: a restricted check that overrides a baseline one replaces it only from its own first version on.

mod allow_privilege_escalation;
mod app_armor_profile;
mod capabilities_baseline;
mod capabilities_restricted;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes_and_host_lifecycle;
mod privileged;
mod proc_mount;
mod proc_mount_restricted;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux_options;
mod seccomp_profile_baseline;
mod seccomp_profile_restricted;
mod sysctls;
mod windows_host_process;

use std::borrow::Cow;

use super::cel::Uses;
use super::version::since;
use super::{Level, Violation};
use crate::access::pod::Pod;
use crate::config::KubeVersion;

/// What a check finds in a pod; empty means that it passes.
type Run = fn(&Pod) -> Vec<Violation>;

/// What a pod that violates a check uses of what it forbids.
type Beyond = fn(&Pod, &mut Uses);

/// The check as a condition in CEL at a minor version from [`CEL_MINOR_MIN`] on, less what is used beyond it; `None` where nothing
/// is left to hold.
type Write = fn(u32, &Uses) -> Option<String>;

/// The first minor version whose API servers serve `ValidatingAdmissionPolicy` as v1.
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>
pub(super) const CEL_MINOR_MIN: u32 = 30;

/// One check.
struct Check {
    /// As upstream names it.
    id: &'static str,
    /// The loosest level that asks for it.
    level: Level,
    /// The minor versions at which it began or changed, rising, each with what it does from then on.
    since: &'static [(u32, Run)],
    /// The baseline check that it replaces at `restricted`.
    overrides: Option<&'static str>,
    /// What a violating pod uses beyond it.
    uses: Beyond,
    /// The same check in CEL.
    cel: Write,
}

/// A check as a condition that an admission policy asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The check's id, as upstream names it.
    pub check: &'static str,
    /// What pods use beyond it, which is let through; empty holds them to the check as it is.
    pub uses: Uses,
    /// CEL that is true for what may run; `None` where the uses leave nothing to hold.
    pub expression: Option<String>,
}

const CHECKS: &[Check] = &[
    baseline(app_armor_profile::ID, (app_armor_profile::uses, app_armor_profile::cel), &[(0, app_armor_profile::since_0)]),
    baseline(
        capabilities_baseline::ID,
        (capabilities_baseline::uses, capabilities_baseline::cel),
        &[(0, capabilities_baseline::since_0)],
    ),
    baseline(host_namespaces::ID, (host_namespaces::uses, host_namespaces::cel), &[(0, host_namespaces::since_0)]),
    baseline(host_path_volumes::ID, (host_path_volumes::uses, host_path_volumes::cel), &[(0, host_path_volumes::since_0)]),
    baseline(host_ports::ID, (host_ports::uses, host_ports::cel), &[(0, host_ports::since_0)]),
    baseline(
        host_probes_and_host_lifecycle::ID,
        (host_probes_and_host_lifecycle::uses, host_probes_and_host_lifecycle::cel),
        &[(34, host_probes_and_host_lifecycle::since_34)],
    ),
    baseline(privileged::ID, (privileged::uses, privileged::cel), &[(0, privileged::since_0)]),
    baseline(proc_mount::ID, (proc_mount::uses, proc_mount::cel), &[(0, proc_mount::since_0), (35, proc_mount::since_35)]),
    baseline(
        se_linux_options::ID,
        (se_linux_options::uses, se_linux_options::cel),
        &[(0, se_linux_options::since_0), (31, se_linux_options::since_31)],
    ),
    baseline(
        seccomp_profile_baseline::ID,
        (seccomp_profile_baseline::uses, seccomp_profile_baseline::cel),
        &[(0, seccomp_profile_baseline::since_0), (19, seccomp_profile_baseline::since_19)],
    ),
    baseline(
        sysctls::ID,
        (sysctls::uses, sysctls::cel),
        &[
            (0, sysctls::since_0),
            (27, sysctls::since_27),
            (29, sysctls::since_29),
            (32, sysctls::since_32),
            (37, sysctls::since_37),
        ],
    ),
    baseline(
        windows_host_process::ID,
        (windows_host_process::uses, windows_host_process::cel),
        &[(0, windows_host_process::since_0)],
    ),
    restricted(
        allow_privilege_escalation::ID,
        (allow_privilege_escalation::uses, allow_privilege_escalation::cel),
        &[(8, allow_privilege_escalation::since_8), (25, allow_privilege_escalation::since_25)],
        None,
    ),
    restricted(
        capabilities_restricted::ID,
        (capabilities_restricted::uses, capabilities_restricted::cel),
        &[(22, capabilities_restricted::since_22), (25, capabilities_restricted::since_25)],
        Some(capabilities_baseline::ID),
    ),
    restricted(
        proc_mount_restricted::ID,
        (proc_mount_restricted::uses, proc_mount_restricted::cel),
        &[(35, proc_mount_restricted::since_35)],
        Some(proc_mount::ID),
    ),
    restricted(
        restricted_volumes::ID,
        (restricted_volumes::uses, restricted_volumes::cel),
        &[(0, restricted_volumes::since_0)],
        Some(host_path_volumes::ID),
    ),
    restricted(
        run_as_non_root::ID,
        (run_as_non_root::uses, run_as_non_root::cel),
        &[(0, run_as_non_root::since_0), (35, run_as_non_root::since_35)],
        None,
    ),
    restricted(
        run_as_user::ID,
        (run_as_user::uses, run_as_user::cel),
        &[(23, run_as_user::since_23), (35, run_as_user::since_35)],
        None,
    ),
    restricted(
        seccomp_profile_restricted::ID,
        (seccomp_profile_restricted::uses, seccomp_profile_restricted::cel),
        &[(19, seccomp_profile_restricted::since_19), (25, seccomp_profile_restricted::since_25)],
        Some(seccomp_profile_baseline::ID),
    ),
];

const fn baseline(id: &'static str, (uses, cel): (Beyond, Write), since: &'static [(u32, Run)]) -> Check {
    Check { id, level: Level::Baseline, since, overrides: None, uses, cel }
}

const fn restricted(
    id: &'static str,
    (uses, cel): (Beyond, Write),
    since: &'static [(u32, Run)],
    overrides: Option<&'static str>,
) -> Check {
    Check { id, level: Level::Restricted, since, overrides, uses, cel }
}

impl Check {
    /// What it does at a version; `None` before it began.
    fn at(&self, version: KubeVersion) -> Option<Run> {
        self.since.iter().rev().find(|(minor, _)| since(*minor) <= version).map(|(_, run)| *run)
    }
}

/// What the checks of a level at a version find, in the order of the table.
pub(super) fn at(level: Level, version: KubeVersion) -> impl Iterator<Item = Run> {
    standing(level, version).map(|(_, run)| run)
}

/// The checks of a level at a version as conditions, less what `pods` use beyond them. The pods are as admission sees them.
pub(super) fn conditions(level: Level, version: KubeVersion, pods: &[Cow<'_, Pod>]) -> Vec<Condition> {
    let written = standing(level, version).map(|(check, run)| {
        let mut uses = Uses::default();
        pods.iter().filter(|pod| !run(pod).is_empty()).for_each(|pod| (check.uses)(pod, &mut uses));
        let expression = (check.cel)(version.minor, &uses);
        Condition { check: check.id, uses, expression }
    });
    written.collect()
}

/// The ids of the checks of a level at a version.
pub(super) fn ids(level: Level, version: KubeVersion) -> impl Iterator<Item = &'static str> {
    standing(level, version).map(|(check, _)| check.id)
}

fn standing(level: Level, version: KubeVersion) -> impl Iterator<Item = (&'static Check, Run)> {
    let overridden = move |id: &str| {
        let overrides = |check: &Check| check.overrides == Some(id) && check.level <= level && check.at(version).is_some();
        CHECKS.iter().any(overrides)
    };
    let asked = CHECKS.iter().filter(move |check| check.level <= level && !overridden(check.id));
    asked.filter_map(move |check| Some((check, check.at(version)?)))
}

/// A pod in a user namespace: root inside is nobody outside.
fn in_user_namespace(pod: &Pod) -> bool {
    pod.spec.host_users == Some(false)
}

/// A pod that says to run on Windows: the API server refuses Linux-only fields in it.
fn on_windows(pod: &Pod) -> bool {
    pod.spec.os.name == "windows"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::podsec::version::NEWEST;

    #[test]
    fn the_table_is_sound() {
        for (place, check) in CHECKS.iter().enumerate() {
            assert!(check.since.windows(2).all(|pair| pair[0].0 < pair[1].0), "{} rises", check.id);
            assert!(CHECKS[..place].iter().all(|other| other.id != check.id), "{} is unique", check.id);
            if let Some(overridden) = check.overrides {
                assert_eq!(check.level, Level::Restricted, "{}", check.id);
                assert!(CHECKS.iter().any(|other| other.id == overridden && other.level == Level::Baseline), "{}", check.id);
            }
        }
        let newest = CHECKS.iter().flat_map(|check| check.since).map(|(minor, _)| *minor).max();
        assert_eq!(newest, Some(NEWEST.minor));
    }

    #[test]
    fn levels_hold_what_their_version_says() {
        let count = |level, minor| at(level, since(minor)).count();
        assert_eq!([0, 34, 37].map(|minor| count(Level::Baseline, minor)), [11, 12, 12]);
        // 1.0: volumes replace host paths, runAsNonRoot is new; 1.36: 12 less 4 replaced, and all 7 of restricted.
        assert_eq!([0, 8, 36].map(|minor| count(Level::Restricted, minor)), [12, 13, 15]);
        assert_eq!(count(Level::Privileged, 36), 0);
    }
}
