//! runAsNonRoot: every container must be started as another user than root, by its own field or the pod's.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, in_user_namespace};
use crate::access::pod::Pod;

pub(super) const ID: &str = "runAsNonRoot";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let of_pod = pod.spec.security_context.run_as_non_root;
    let mut violations = Vec::new();
    if of_pod == Some(false) {
        let field = "spec.securityContext.runAsNonRoot".to_owned();
        violations.push(Violation { check: ID, field, detail: "must not be false".to_owned() });
    }
    for place in containers(pod) {
        let detail = match place.container.security_context.run_as_non_root {
            Some(true) => continue,
            Some(false) => "must not be false",
            None if of_pod == Some(true) => continue,
            None => "must be true, here or for the pod",
        };
        let field = place.field("securityContext.runAsNonRoot");
        violations.push(Violation { check: ID, field, detail: detail.to_owned() });
    }
    violations
}

pub(super) fn since_35(pod: &Pod) -> Vec<Violation> {
    if in_user_namespace(pod) { Vec::new() } else { since_0(pod) }
}

pub(super) fn uses(_: &Pod, uses: &mut Uses) {
    uses.add("may run as root", "");
}

pub(super) fn cel(minor: u32, uses: &Uses) -> Option<String> {
    let of_pod = "object.spec.?securityContext.?runAsNonRoot";
    let own = cel::everywhere(&format!("c.?securityContext.?runAsNonRoot.orValue({of_pod}.orValue(false))"));
    let condition = format!("{of_pod}.orValue(true) && {own}");
    let condition = if minor < 35 { condition } else { format!("variables.userNamespace || ({condition})") };
    uses.is_empty().then_some(condition)
}
