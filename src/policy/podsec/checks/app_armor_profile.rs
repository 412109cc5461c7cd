//! appArmorProfile: AppArmor must not be switched off, neither by field nor by the older annotation.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, Profile};

pub(super) const ID: &str = "appArmorProfile";

const CONFINING: &[&str] = &["RuntimeDefault", "Localhost"];
const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut judge = |profile: &Option<Profile>, field: &dyn Fn(&str) -> String| {
        if let Some(profile) = profile
            && !CONFINING.contains(&profile.r#type.as_str())
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
        if !confines(value) {
            let field = format!("metadata.annotations[{key}]");
            violations.push(Violation { check: ID, field, detail: format!("must not be `{value}`") });
        }
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    let own = containers(pod).map(|place| &place.container.security_context.app_armor_profile);
    let all = own.chain(std::iter::once(&pod.spec.security_context.app_armor_profile));
    all.flatten()
        .filter(|profile| !CONFINING.contains(&profile.r#type.as_str()))
        .for_each(|profile| uses.add("type", &profile.r#type));
    let annotations = pod.metadata.annotations.iter().filter(|(key, _)| key.starts_with(ANNOTATION));
    annotations.filter(|(_, value)| !confines(value)).for_each(|(_, value)| uses.add("annotation", value));
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let types = cel::texts(CONFINING.iter().copied().chain(uses.values("type")));
    let fields =
        cel::of_pod_and_everywhere(|context| format!("{context}.?appArmorProfile.?type.orValue('RuntimeDefault') in {types}"));
    let values = cel::texts(["", "runtime/default"].into_iter().chain(uses.values("annotation")));
    let annotation =
        format!("object.metadata.annotations[k] in {values} || object.metadata.annotations[k].startsWith('localhost/')");
    let annotations = format!("object.metadata.annotations.all(k, !k.startsWith({}) || {annotation})", cel::text(ANNOTATION));
    Some(format!("{fields} && (!has(object.metadata.annotations) || {annotations})"))
}

fn confines(annotation: &str) -> bool {
    annotation.is_empty() || annotation == "runtime/default" || annotation.starts_with("localhost/")
}
