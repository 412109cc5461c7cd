//! procMount: `/proc` stays masked; since 1.35 a pod in a user namespace may unmask it.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, in_user_namespace};
use crate::access::pod::Pod;

pub(super) const ID: &str = "procMount";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    unmasked(pod, ID)
}

pub(super) fn since_35(pod: &Pod) -> Vec<Violation> {
    if in_user_namespace(pod) { Vec::new() } else { unmasked(pod, ID) }
}

pub(super) fn unmasked(pod: &Pod, check: &'static str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for place in containers(pod) {
        // An empty value that is set is no valid one; the API server refuses it, so it never reaches admission.
        let proc_mount = place.container.security_context.proc_mount.as_str();
        if !matches!(proc_mount, "" | "Default") {
            let field = place.field("securityContext.procMount");
            violations.push(Violation { check, field, detail: format!("must not be `{proc_mount}`") });
        }
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    let mounts = containers(pod).map(|place| place.container.security_context.proc_mount.as_str());
    mounts.filter(|mount| !matches!(*mount, "" | "Default")).for_each(|mount| uses.add("mount", mount));
}

pub(super) fn cel(minor: u32, uses: &Uses) -> Option<String> {
    let masked = masked(uses);
    Some(if minor < 35 { masked } else { format!("variables.userNamespace || ({masked})") })
}

/// The condition that no container mounts `/proc` otherwise.
pub(super) fn masked(uses: &Uses) -> String {
    let mounts = cel::texts(std::iter::once("Default").chain(uses.values("mount")));
    cel::everywhere(&format!("c.?securityContext.?procMount.orValue('Default') in {mounts}"))
}
