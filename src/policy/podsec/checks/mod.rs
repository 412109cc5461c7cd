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

use super::version::since;
use super::{Level, Violation};
use crate::access::pod::Pod;
use crate::config::KubeVersion;

/// What a check finds in a pod; empty means that it passes.
type Run = fn(&Pod) -> Vec<Violation>;

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
}

const CHECKS: &[Check] = &[
    baseline(app_armor_profile::ID, &[(0, app_armor_profile::since_0)]),
    baseline(capabilities_baseline::ID, &[(0, capabilities_baseline::since_0)]),
    baseline(host_namespaces::ID, &[(0, host_namespaces::since_0)]),
    baseline(host_path_volumes::ID, &[(0, host_path_volumes::since_0)]),
    baseline(host_ports::ID, &[(0, host_ports::since_0)]),
    baseline(host_probes_and_host_lifecycle::ID, &[(34, host_probes_and_host_lifecycle::since_34)]),
    baseline(privileged::ID, &[(0, privileged::since_0)]),
    baseline(proc_mount::ID, &[(0, proc_mount::since_0), (35, proc_mount::since_35)]),
    baseline(se_linux_options::ID, &[(0, se_linux_options::since_0), (31, se_linux_options::since_31)]),
    baseline(seccomp_profile_baseline::ID, &[(0, seccomp_profile_baseline::since_0), (19, seccomp_profile_baseline::since_19)]),
    baseline(
        sysctls::ID,
        &[
            (0, sysctls::since_0),
            (27, sysctls::since_27),
            (29, sysctls::since_29),
            (32, sysctls::since_32),
            (37, sysctls::since_37),
        ],
    ),
    baseline(windows_host_process::ID, &[(0, windows_host_process::since_0)]),
    restricted(
        allow_privilege_escalation::ID,
        &[(8, allow_privilege_escalation::since_8), (25, allow_privilege_escalation::since_25)],
        None,
    ),
    restricted(
        capabilities_restricted::ID,
        &[(22, capabilities_restricted::since_22), (25, capabilities_restricted::since_25)],
        Some(capabilities_baseline::ID),
    ),
    restricted(proc_mount_restricted::ID, &[(35, proc_mount_restricted::since_35)], Some(proc_mount::ID)),
    restricted(restricted_volumes::ID, &[(0, restricted_volumes::since_0)], Some(host_path_volumes::ID)),
    restricted(run_as_non_root::ID, &[(0, run_as_non_root::since_0), (35, run_as_non_root::since_35)], None),
    restricted(run_as_user::ID, &[(23, run_as_user::since_23), (35, run_as_user::since_35)], None),
    restricted(
        seccomp_profile_restricted::ID,
        &[(19, seccomp_profile_restricted::since_19), (25, seccomp_profile_restricted::since_25)],
        Some(seccomp_profile_baseline::ID),
    ),
];

const fn baseline(id: &'static str, since: &'static [(u32, Run)]) -> Check {
    Check { id, level: Level::Baseline, since, overrides: None }
}

const fn restricted(id: &'static str, since: &'static [(u32, Run)], overrides: Option<&'static str>) -> Check {
    Check { id, level: Level::Restricted, since, overrides }
}

impl Check {
    /// What it does at a version; `None` before it began.
    fn at(&self, version: KubeVersion) -> Option<Run> {
        self.since.iter().rev().find(|(minor, _)| since(*minor) <= version).map(|(_, run)| *run)
    }
}

/// The checks of a level at a version, in the order of the table.
pub(super) fn at(level: Level, version: KubeVersion) -> impl Iterator<Item = Run> {
    let overridden = move |id: &str| {
        let overrides = |check: &Check| check.overrides == Some(id) && check.level <= level && check.at(version).is_some();
        CHECKS.iter().any(overrides)
    };
    CHECKS.iter().filter(move |check| check.level <= level && !overridden(check.id)).filter_map(move |check| check.at(version))
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
