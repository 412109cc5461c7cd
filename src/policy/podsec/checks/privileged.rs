//! privileged: a container must not have all of the node's privileges.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::Pod;

pub(super) const ID: &str = "privileged";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let privileged = containers(pod).filter(|place| place.container.security_context.privileged == Some(true));
    privileged
        .map(|place| Violation {
            check: ID,
            field: place.field("securityContext.privileged"),
            detail: "must not be true".to_owned(),
        })
        .collect()
}

pub(super) fn uses(_: &Pod, uses: &mut Uses) {
    uses.add("privileged", "");
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    uses.is_empty().then(|| cel::everywhere("c.?securityContext.?privileged.orValue(false) == false"))
}
