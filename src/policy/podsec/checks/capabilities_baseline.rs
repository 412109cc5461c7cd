//! capabilities_baseline: a container may add back default capabilities (NET_RAW aside), no others.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "capabilities_baseline";

const ALLOWED: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    added_beyond(pod, ID, ALLOWED)
}

/// A violation for every container that adds a capability which is not on the list.
pub(super) fn added_beyond(pod: &Pod, check: &'static str, allowed: &[&str]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in containers(pod) {
        let added = place.container.security_context.capabilities.iter().flat_map(|capabilities| &capabilities.add);
        let beyond: Vec<&str> = added.map(String::as_str).filter(|name| !allowed.contains(name)).collect();
        if !beyond.is_empty() {
            let field = place.field("securityContext.capabilities.add");
            violations.push(Violation { check, field, detail: format!("must not include {}", beyond.join(", ")) });
        }
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    use_beyond(pod, ALLOWED, uses);
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    Some(add_only(ALLOWED, uses))
}

/// Every capability that is added and not on the list.
pub(super) fn use_beyond(pod: &Pod, allowed: &[&str], uses: &mut Uses) {
    let sets = containers(pod).filter_map(|place| place.container.security_context.capabilities.as_ref());
    sets.flat_map(|set| &set.add).filter(|name| !allowed.contains(&name.as_str())).for_each(|name| uses.add("add", name));
}

/// The condition that no container adds anything else.
pub(super) fn add_only(allowed: &[&str], uses: &Uses) -> String {
    let names = cel::texts(allowed.iter().copied().chain(uses.values("add")));
    cel::everywhere(&format!("c.?securityContext.?capabilities.?add.orValue([]).all(k, k in {names})"))
}
