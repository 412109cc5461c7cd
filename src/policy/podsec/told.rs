//! What the API server itself told of a pod that no log shows whole: the annotation `audit-violations`, at every audit level.
//! <https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/#pod-security-kubernetes-io-audit-violations>

use super::Level;
use super::checks;
use crate::config::KubeVersion;

/// The annotation, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// The strictest level that the pod can still satisfy.
    pub level_max: Level,
    /// The ids of the violated checks, sorted; empty where no reason is one that is known.
    pub checks: Vec<&'static str>,
}

/// How each check words its reason, and the check. One reason can stand for two checks, the baseline one first.
/// <https://github.com/kubernetes/pod-security-admission/tree/v0.36.2/policy>
const REASONS: &[(&str, &[&str])] = &[
    ("allowPrivilegeEscalation != false", &["allowPrivilegeEscalation"]),
    ("forbidden AppArmor profile", &["appArmorProfile"]),
    ("forbidden AppArmor profiles", &["appArmorProfile"]),
    ("non-default capabilities", &["capabilities_baseline"]),
    ("unrestricted capabilities", &["capabilities_restricted"]),
    ("host namespaces", &["hostNamespaces"]),
    ("hostPath volumes", &["hostPathVolumes"]),
    ("hostPort", &["hostPorts"]),
    ("probe or lifecycle host", &["hostProbesAndHostLifecycle"]),
    ("privileged", &["privileged"]),
    ("procMount", &["procMount", "procMount_restricted"]),
    ("restricted volume types", &["restrictedVolumes"]),
    ("runAsNonRoot != true", &["runAsNonRoot"]),
    ("runAsUser=0", &["runAsUser"]),
    ("seLinuxOptions", &["seLinuxOptions"]),
    ("seccompProfile", &["seccompProfile_baseline", "seccompProfile_restricted"]),
    ("forbidden sysctls", &["sysctls"]),
    ("hostProcess", &["windowsHostProcess"]),
];

/// Reads `would violate PodSecurity "restricted:v1.36": reason (detail), reason (detail)` as it stands at a target version: a check
/// that is not asked there is left out. `None` where nothing is left, or the text is another one.
#[must_use]
pub fn read(version: KubeVersion, text: &str) -> Option<Told> {
    let (policy, reasons) = text.strip_prefix("would violate PodSecurity \"")?.split_once("\": ")?;
    let audited = Level::from_name(policy.split_once(':')?.0)?;
    let asked: Vec<&'static str> = checks::ids(audited, version).collect();
    let at_baseline: Vec<&'static str> = checks::ids(Level::Baseline, version).collect();
    let mut told = Told { level_max: Level::Baseline, checks: Vec::new() };
    for (reason, detail) in split(reasons) {
        let Some((_, candidates)) = REASONS.iter().find(|(known, _)| *known == reason) else { continue };
        let Some(check) = candidates.iter().rev().find(|check| asked.contains(check)) else { continue };
        told.checks.push(check);
        let host_path = *check == "restrictedVolumes" && detail.contains("\"hostPath\"");
        let unconfined = *check == "seccompProfile_restricted" && detail.contains("must not set");
        if at_baseline.contains(check) || host_path || unconfined {
            told.level_max = Level::Privileged;
        }
    }
    told.checks.sort_unstable();
    told.checks.dedup();
    (!told.checks.is_empty()).then_some(told)
}

/// The reasons and their details. Names in a detail stand in quotes and can hold anything.
fn split(reasons: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let (mut begin, mut open, mut depth, mut quoted, mut escaped) = (0, None, 0_u32, false, false);
    for (place, character) in reasons.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => {
                depth += 1;
                open = open.or(Some(place));
            }
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push((begin, open, place));
                (begin, open) = (place + 1, None);
            }
            _ => {}
        }
    }
    found.push((begin, open, reasons.len()));
    let part = |begin: usize, end: usize| reasons.get(begin..end).unwrap_or_default().trim();
    found.into_iter().map(|(begin, open, end)| (part(begin, open.unwrap_or(end)), part(open.unwrap_or(end), end))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::version::since;
    use super::*;

    /// Policy, reasons, minor version of the target, what is told.
    type Row<'a> = (&'a str, &'a str, u32, Option<(Level, &'a [&'a str])>);

    #[test]
    fn the_annotation_says_how_strict_it_can_be_at_most() {
        let usual = r#"allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "web" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#;
        let table: &[Row<'_>] = &[
            (
                "restricted:latest",
                usual,
                36,
                Some((
                    Level::Baseline,
                    &["allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted"],
                )),
            ),
            ("restricted:latest", r#"privileged (container "a" must not)"#, 36, Some((Level::Privileged, &["privileged"]))),
            (
                "restricted:v1.36",
                r#"restricted volume types (volume "v" uses restricted volume type "nfs")"#,
                36,
                Some((Level::Baseline, &["restrictedVolumes"])),
            ),
            (
                "restricted:v1.36",
                r#"restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")"#,
                36,
                Some((Level::Privileged, &["restrictedVolumes"])),
            ),
            (
                "baseline:v1.36",
                r#"seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")"#,
                36,
                Some((Level::Privileged, &["seccompProfile_baseline"])),
            ),
            ("baseline:v1.36", "probe or lifecycle host (x)", 33, None),
            ("baseline:v1.36", "probe or lifecycle host (x)", 34, Some((Level::Privileged, &["hostProbesAndHostLifecycle"]))),
            // What a name holds is no reason.
            (
                "restricted:v1.36",
                r#"runAsNonRoot != true (pod or container "a), privileged (" must set \", host namespaces)"#,
                36,
                Some((Level::Baseline, &["runAsNonRoot"])),
            ),
            ("restricted:v1.36", "something new (x)", 36, None),
            ("strict:v1.36", "privileged (x)", 36, None),
        ];
        for (policy, reasons, minor, expected) in table {
            let text = format!("would violate PodSecurity \"{policy}\": {reasons}");
            let told = read(since(*minor), &text).map(|told| (told.level_max, told.checks));
            assert_eq!(told, expected.map(|(level, checks)| (level, checks.to_vec())), "{text}");
        }
        assert_eq!(read(since(36), ""), None);
        assert_eq!(read(since(36), "would violate PodSecurity \""), None);
    }
}
