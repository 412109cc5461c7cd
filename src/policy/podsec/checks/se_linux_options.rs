//! seLinuxOptions: only the container types of SELinux, and neither user nor role.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, SeLinuxOptions};

pub(super) const ID: &str = "seLinuxOptions";

const TYPES: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t"];
const TYPES_31: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    beyond(pod, TYPES)
}

pub(super) fn since_31(pod: &Pod) -> Vec<Violation> {
    beyond(pod, TYPES_31)
}

fn beyond(pod: &Pod, types: &[&str]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut judge = |options: &Option<SeLinuxOptions>, field: &dyn Fn(&str) -> String| {
        let Some(options) = options else { return };
        let faults = [
            ("type", &options.r#type, !types.contains(&options.r#type.as_str())),
            ("user", &options.user, !options.user.is_empty()),
            ("role", &options.role, !options.role.is_empty()),
        ];
        for (name, value, _) in faults.into_iter().filter(|(_, _, at_fault)| *at_fault) {
            let field = field(&format!("securityContext.seLinuxOptions.{name}"));
            violations.push(Violation { check: ID, field, detail: format!("must not be `{value}`") });
        }
    };
    judge(&pod.spec.security_context.se_linux_options, &|rest| format!("spec.{rest}"));
    for place in containers(pod) {
        judge(&place.container.security_context.se_linux_options, &|rest| place.field(rest));
    }
    violations
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    let own = containers(pod).map(|place| &place.container.security_context.se_linux_options);
    for options in own.chain(std::iter::once(&pod.spec.security_context.se_linux_options)).flatten() {
        for (facet, value) in [("type", &options.r#type), ("user", &options.user), ("role", &options.role)] {
            if !value.is_empty() {
                uses.add(facet, value);
            }
        }
    }
}

pub(super) fn cel(minor: u32, uses: &Uses) -> Option<String> {
    let types = if minor < 31 { TYPES } else { TYPES_31 };
    let list = |facet: &str, types: &[&'static str]| {
        let beyond = uses.values(facet).filter(|value| !types.contains(value));
        cel::texts(types.iter().copied().chain(beyond))
    };
    let lists = [("type", list("type", types)), ("user", list("user", &[""])), ("role", list("role", &[""]))];
    Some(cel::of_pod_and_everywhere(|context| {
        let each = lists.iter().map(|(field, list)| format!("{context}.?seLinuxOptions.?{field}.orValue('') in {list}"));
        each.collect::<Vec<_>>().join(" && ")
    }))
}
