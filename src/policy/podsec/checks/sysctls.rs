//! sysctls: a pod may set only kernel parameters that stay inside it; the list grew by version.

use super::super::cel::{self, Uses};
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "sysctls";

/// The minor version and what it added.
const ALLOWED: &[(u32, &[&str])] = &[
    (
        0,
        &[
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
        ],
    ),
    (27, &["net.ipv4.ip_local_reserved_ports"]),
    (
        29,
        &[
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
        ],
    ),
    (32, &["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]),
    (37, &["net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat"]),
];

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    beyond(pod, 0)
}

pub(super) fn since_27(pod: &Pod) -> Vec<Violation> {
    beyond(pod, 27)
}

pub(super) fn since_29(pod: &Pod) -> Vec<Violation> {
    beyond(pod, 29)
}

pub(super) fn since_32(pod: &Pod) -> Vec<Violation> {
    beyond(pod, 32)
}

pub(super) fn since_37(pod: &Pod) -> Vec<Violation> {
    beyond(pod, 37)
}

fn beyond(pod: &Pod, minor: u32) -> Vec<Violation> {
    let allowed = |name: &str| ALLOWED.iter().any(|(since, names)| *since <= minor && names.contains(&name));
    let sysctls = pod.spec.security_context.sysctls.iter().filter(|sysctl| !allowed(&sysctl.name));
    sysctls
        .map(|sysctl| Violation {
            check: ID,
            field: format!("spec.securityContext.sysctls[{}]", sysctl.name),
            detail: "is not among the safe ones".to_owned(),
        })
        .collect()
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    pod.spec.security_context.sysctls.iter().for_each(|sysctl| uses.add("sysctl", &sysctl.name));
}

pub(super) fn cel(minor: u32, uses: &Uses) -> Option<String> {
    let safe: Vec<&str> = ALLOWED.iter().filter(|(since, _)| *since <= minor).flat_map(|(_, names)| *names).copied().collect();
    let beyond = uses.values("sysctl").filter(|name| !safe.contains(name));
    let names = cel::texts(safe.iter().copied().chain(beyond));
    Some(format!("object.spec.?securityContext.?sysctls.orValue([]).all(s, s.name in {names})"))
}
