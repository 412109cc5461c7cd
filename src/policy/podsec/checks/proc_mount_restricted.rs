//! procMount_restricted: `/proc` stays masked, in a user namespace too.

use super::{Violation, proc_mount};
use crate::access::pod::Pod;

pub(super) const ID: &str = "procMount_restricted";

pub(super) fn since_35(pod: &Pod) -> Vec<Violation> {
    proc_mount::unmasked(pod, ID)
}
