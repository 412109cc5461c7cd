//! capabilities_restricted: a container must drop every capability and may add only NET_BIND_SERVICE.

use super::super::visitor::containers;
use super::{Violation, capabilities_baseline, on_windows};
use crate::access::pod::Pod;

pub(super) const ID: &str = "capabilities_restricted";

pub(super) fn since_22(pod: &Pod) -> Vec<Violation> {
    let drops_all = |names: &[String]| names.iter().any(|name| name == "ALL");
    let keeping = containers(pod)
        .filter(|place| !place.container.security_context.capabilities.as_ref().is_some_and(|set| drops_all(&set.drop)));
    let mut violations: Vec<Violation> = keeping
        .map(|place| Violation {
            check: ID,
            field: place.field("securityContext.capabilities.drop"),
            detail: "must include ALL".to_owned(),
        })
        .collect();
    violations.extend(capabilities_baseline::added_beyond(pod, ID, &["NET_BIND_SERVICE"]));
    violations
}

pub(super) fn since_25(pod: &Pod) -> Vec<Violation> {
    if on_windows(pod) { Vec::new() } else { since_22(pod) }
}
