//! What AWS remembers of uses, held against what the log shows.

use jiff::Timestamp;

use crate::access::coverage::{Coverage, Span};
use crate::access::identity::Home;
use crate::access::last_accessed::LastUse;
use crate::finding::{Code, Finding};

/// Uses inside the window that the log does not show.
pub(super) fn holes(coverage: &Coverage, uses: &[LastUse], holes: &mut Vec<Finding>) {
    for last in uses {
        let span = window(coverage, last);
        if !is_seen(coverage, last) && is_service_or_seen(coverage, last) && within(&span, last.time) {
            let note = format!(
                "AWS says that {} was last used at {}{}, but the log holds no such request of this identity: the recording has a hole",
                last.what(),
                last.time,
                place(last)
            );
            holes.push(Finding::new(Code::LastAccessedUnseen, last.identity.to_string(), note));
        }
    }
}

/// Uses outside the window that the log does not show.
pub(super) fn remarks(coverage: &Coverage, uses: &[LastUse], remarks: &mut Vec<Finding>) {
    for last in uses {
        let span = window(coverage, last);
        let (Some(first), Some(_)) = (span.first, span.last) else { continue };
        if is_seen(coverage, last) || !is_service_or_seen(coverage, last) || within(&span, last.time) {
            continue;
        }
        let side = if last.time < first { "before" } else { "after" };
        let note = format!(
            "AWS says that {} was last used at {}{}, {side} the recording: nothing is granted for it",
            last.what(),
            last.time,
            place(last)
        );
        remarks.push(Finding::new(Code::LastAccessedOutside, last.identity.to_string(), note));
    }
}

/// When the identity's account was recorded; where it was not, when anything was.
fn window(coverage: &Coverage, last: &LastUse) -> Span {
    let account = match &last.identity.home {
        Home::Account { id, .. } => coverage.trails.get(id),
        Home::Cluster(_) => None,
    };
    account.map_or_else(|| coverage.span(), |trail| trail.span.clone())
}

fn within(span: &Span, time: Timestamp) -> bool {
    matches!((span.first, span.last), (Some(first), Some(end)) if (first..=end).contains(&time))
}

/// Whether any record shows the use, whatever its answer: AWS counts refused attempts too.
fn is_seen(coverage: &Coverage, last: &LastUse) -> bool {
    let touches = coverage.trails.values().filter_map(|trail| trail.identities.get(&last.identity)?.get(&last.service));
    touches.into_iter().any(|touch| match &last.action {
        Some(action) => touch.actions.contains(action),
        None => !touch.regions.is_empty() || !touch.actions.is_empty() || touch.through > 0,
    })
}

/// A service that was never seen is told once, not again for each of its actions.
fn is_service_or_seen(coverage: &Coverage, last: &LastUse) -> bool {
    last.action.is_none() || is_seen(coverage, &LastUse { action: None, ..last.clone() })
}

fn place(last: &LastUse) -> String {
    if last.region.is_empty() { String::new() } else { format!(" in {}", last.region) }
}
