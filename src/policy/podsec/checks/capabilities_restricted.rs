//! capabilities_restricted: a container must drop every capability and may add only NET_BIND_SERVICE.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, capabilities_baseline, on_windows};
use crate::access::pod::Pod;

pub(super) const ID: &str = "capabilities_restricted";

const ALLOWED: &[&str] = &["NET_BIND_SERVICE"];

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
    violations.extend(capabilities_baseline::added_beyond(pod, ID, ALLOWED));
    violations
}

pub(super) fn since_25(pod: &Pod) -> Vec<Violation> {
    if on_windows(pod) { Vec::new() } else { since_22(pod) }
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    capabilities_baseline::use_beyond(pod, ALLOWED, uses);
    if since_22(pod).iter().any(|violation| violation.field.ends_with(".drop")) {
        uses.add("keeps default capabilities", "");
    }
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let mut condition = capabilities_baseline::add_only(ALLOWED, uses);
    if !uses.has("keeps default capabilities") {
        let dropped = cel::everywhere("c.?securityContext.?capabilities.?drop.orValue([]).exists(k, k == 'ALL')");
        condition = format!("{dropped} && {condition}");
    }
    Some(format!("variables.windows || ({condition})"))
}
