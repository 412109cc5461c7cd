//! procMount_restricted: `/proc` stays masked, in a user namespace too.

use super::super::cel::Uses;
use super::{Violation, proc_mount};
use crate::access::pod::Pod;

pub(super) const ID: &str = "procMount_restricted";

pub(super) fn since_35(pod: &Pod) -> Vec<Violation> {
    proc_mount::unmasked(pod, ID)
}

pub(super) fn uses(pod: &Pod, uses: &mut Uses) {
    proc_mount::uses(pod, uses);
}

pub(super) fn cel(_: u32, uses: &Uses) -> Option<String> {
    Some(proc_mount::masked(uses))
}
