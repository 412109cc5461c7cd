//! seccompProfile_restricted: every container must be confined by seccomp, by its own field or the pod's.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, on_windows, seccomp_profile_baseline};
use crate::access::pod::Pod;

pub(super) const ID: &str = "seccompProfile_restricted";

pub(super) fn since_19(pod: &Pod) -> Vec<Violation> {
    let mut violations = seccomp_profile_baseline::unsafe_profiles(pod, ID);
    let of_pod = pod.spec.security_context.seccomp_profile.as_ref();
    if !of_pod.is_some_and(seccomp_profile_baseline::confines) {
        let unset = containers(pod).filter(|place| place.container.security_context.seccomp_profile.is_none());
        violations.extend(unset.map(|place| Violation {
            check: ID,
            field: place.field("securityContext.seccompProfile.type"),
            detail: "must be RuntimeDefault or Localhost, here or for the pod".to_owned(),
        }));
    }
    violations
}

pub(super) fn since_25(pod: &Pod) -> Vec<Violation> {
    if on_windows(pod) { Vec::new() } else { since_19(pod) }
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    seccomp_profile_baseline::use_unsafe(pod, uses);
    let of_pod = pod.spec.security_context.seccomp_profile.is_some();
    if !of_pod && containers(pod).any(|place| place.container.security_context.seccomp_profile.is_none()) {
        uses.add("no profile", "");
    }
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let condition = if uses.has("no profile") {
        seccomp_profile_baseline::confined_or_unset(uses)
    } else {
        let types = seccomp_profile_baseline::types(uses);
        let of_pod = "object.spec.?securityContext.?seccompProfile.?type";
        let own = format!("c.?securityContext.?seccompProfile.?type.orValue({of_pod}.orValue('')) in {types}");
        format!("{of_pod}.orValue('RuntimeDefault') in {types} && {}", cel::everywhere(&own))
    };
    Some(format!("variables.windows || ({condition})"))
}
