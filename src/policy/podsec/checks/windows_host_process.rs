//! windowsHostProcess: a Windows container must not be a process of the node.

use super::super::cel::{self, Uses};
use super::super::visitor::containers;
use super::Violation;
use crate::access::pod::{Pod, WindowsOptions};

pub(super) const ID: &str = "windowsHostProcess";

pub(super) fn since_0(pod: &Pod) -> Vec<Violation> {
    let is_host_process = |options: &Option<WindowsOptions>| options.as_ref().and_then(|set| set.host_process) == Some(true);
    let mut fields = Vec::new();
    if is_host_process(&pod.spec.security_context.windows_options) {
        fields.push("spec.securityContext.windowsOptions.hostProcess".to_owned());
    }
    for place in containers(pod) {
        if is_host_process(&place.container.security_context.windows_options) {
            fields.push(place.field("securityContext.windowsOptions.hostProcess"));
        }
    }
    fields.into_iter().map(|field| Violation { check: ID, field, detail: "must not be true".to_owned() }).collect()
}

pub(super) fn uses(_: &Pod, uses: &mut Uses) {
    uses.add("hostProcess", "");
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    let unset = |context: &str| format!("{context}.?windowsOptions.?hostProcess.orValue(false) == false");
    uses.is_empty().then(|| cel::of_pod_and_everywhere(unset))
}
