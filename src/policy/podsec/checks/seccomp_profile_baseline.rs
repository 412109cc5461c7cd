//! seccompProfile_baseline: seccomp must not be switched off: by annotation before 1.19, by field since.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, Profile};

pub(super) const ID: &str = "seccompProfile_baseline";

const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let keys = std::iter::once(POD_ANNOTATION.to_owned())
        .chain(containers(pod).map(|place| format!("{CONTAINER_ANNOTATION}{}", place.container.name)));
    let mut violations = Vec::new();
    for key in keys {
        if let Some(value) = pod.metadata.annotations.get(&key)
            && !matches!(value.as_str(), "runtime/default" | "docker/default")
            && !value.starts_with("localhost/")
        {
            let field = format!("metadata.annotations[{key}]");
            violations.push(Violation { check: ID, field, detail: format!("must not be `{value}`") });
        }
    }
    violations
}

pub(super) fn since_19(pod: &Pod) -> Vec<Violation> {
    unsafe_profiles(pod, ID)
}

/// Whether a profile confines.
pub(super) fn confines(profile: &Profile) -> bool {
    matches!(profile.r#type.as_str(), "RuntimeDefault" | "Localhost")
}

/// A violation wherever a profile is set that does not confine.
pub(super) fn unsafe_profiles(pod: &Pod, check: &'static str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut judge = |profile: &Option<Profile>, field: &dyn Fn(&str) -> String| {
        if let Some(profile) = profile.as_ref().filter(|profile| !confines(profile)) {
            let field = field("securityContext.seccompProfile.type");
            violations.push(Violation { check, field, detail: format!("must not be `{}`", profile.r#type) });
        }
    };
    judge(&pod.spec.security_context.seccomp_profile, &|rest| format!("spec.{rest}"));
    for place in containers(pod) {
        judge(&place.container.security_context.seccomp_profile, &|rest| place.field(rest));
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    use_unsafe(pod, uses);
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    Some(confined_or_unset(uses))
}

/// Every profile that does not confine.
pub(super) fn use_unsafe(pod: &Pod, uses: &mut Uses) {
    let own = containers(pod).map(|place| &place.container.security_context.seccomp_profile);
    let all = own.chain(std::iter::once(&pod.spec.security_context.seccomp_profile)).flatten();
    all.filter(|profile| !confines(profile)).for_each(|profile| uses.add("type", &profile.r#type));
}

/// The condition that no profile is set which does not confine.
pub(super) fn confined_or_unset(uses: &Uses) -> String {
    let types = types(uses);
    cel::of_pod_and_everywhere(|context| format!("{context}.?seccompProfile.?type.orValue('RuntimeDefault') in {types}"))
}

/// The types that are allowed.
pub(super) fn types(uses: &Uses) -> String {
    cel::texts(["RuntimeDefault", "Localhost"].into_iter().chain(uses.values("type")))
}
