//! runAsUser: neither pod nor container may name root as its user.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::{Violation, in_user_namespace};
use crate::access::pod::Pod;

pub(super) const ID: &str = "runAsUser";

pub(super) fn since_23(pod: &Pod) -> Vec<Violation> {
    let mut fields = Vec::new();
    if pod.spec.security_context.run_as_user == Some(0) {
        fields.push("spec.securityContext.runAsUser".to_owned());
    }
    let root = containers(pod).filter(|place| place.container.security_context.run_as_user == Some(0));
    fields.extend(root.map(|place| place.field("securityContext.runAsUser")));
    fields.into_iter().map(|field| Violation { check: ID, field, detail: "must not be 0".to_owned() }).collect()
}

pub(super) fn since_35(pod: &Pod) -> Vec<Violation> {
    if in_user_namespace(pod) { Vec::new() } else { since_23(pod) }
}

pub(super) fn uses(_: &Pod, uses: &mut Uses) {
    uses.add("names root", "");
}

pub(super) fn cel(minor: u32, uses: &Uses) -> Option<String> {
    let condition = cel::of_pod_and_everywhere(|context| format!("{context}.?runAsUser.orValue(1) != 0"));
    let condition = if minor < 35 { condition } else { format!("variables.userNamespace || ({condition})") };
    uses.is_empty().then_some(condition)
}
