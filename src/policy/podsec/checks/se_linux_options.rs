//! seLinuxOptions: only the container types of SELinux, and neither user nor role.

use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, SeLinuxOptions};

pub(super) const ID: &str = "seLinuxOptions";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    beyond(pod, &["", "container_t", "container_init_t", "container_kvm_t"])
}

pub(super) fn since_31(pod: &Pod) -> Vec<Violation> {
    beyond(pod, &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"])
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
