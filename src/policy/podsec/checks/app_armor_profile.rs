//! appArmorProfile: AppArmor must not be switched off, neither by field nor by the older annotation.

use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, Profile};

pub(super) const ID: &str = "appArmorProfile";

const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut judge = |profile: &Option<Profile>, field: &dyn Fn(&str) -> String| {
        if let Some(profile) = profile
            && !matches!(profile.r#type.as_str(), "RuntimeDefault" | "Localhost")
        {
            let field = field("securityContext.appArmorProfile.type");
            violations.push(Violation { check: ID, field, detail: format!("must not be `{}`", profile.r#type) });
        }
    };
    judge(&pod.spec.security_context.app_armor_profile, &|rest| format!("spec.{rest}"));
    for place in containers(pod) {
        judge(&place.container.security_context.app_armor_profile, &|rest| place.field(rest));
    }
    for (key, value) in pod.metadata.annotations.range(ANNOTATION.to_owned()..) {
        if !key.starts_with(ANNOTATION) {
            break;
        }
        if !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")) {
            let field = format!("metadata.annotations[{key}]");
            violations.push(Violation { check: ID, field, detail: format!("must not be `{value}`") });
        }
    }
    violations
}
