//! allowPrivilegeEscalation: a process must not gain more privileges than its parent (set-user-ID programs).

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, on_windows};
use crate::access::pod::Pod;

pub(super) const ID: &str = "allowPrivilegeEscalation";

pub(super) fn since_8(pod: &Pod) -> Vec<Violation> {
    let escalating = containers(pod).filter(|place| place.container.security_context.allow_privilege_escalation != Some(false));
    escalating
        .map(|place| Violation {
            check: ID,
            field: place.field("securityContext.allowPrivilegeEscalation"),
            detail: "must be false".to_owned(),
        })
        .collect()
}

pub(super) fn since_25(pod: &Pod) -> Vec<Violation> {
    if on_windows(pod) { Vec::new() } else { since_8(pod) }
}

pub(super) fn uses(_: &Pod, uses: &mut Uses) {
    uses.add("may escalate", "");
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let condition = cel::everywhere("c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false");
    uses.is_empty().then(|| format!("variables.windows || ({condition})"))
}
