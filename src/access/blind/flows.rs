//! Holes of flow logs, by cluster: what they lost, and how much of the time they cover.

use super::super::coverage::{AuditCoverage, FlowCoverage};
use super::gap_hole;
use crate::finding::{Code, Finding};

/// Seconds of an hour.
const HOUR_SECONDS: i64 = 3600;

/// Of so many parts of the audit log's time one must be without flow logs to be told.
const SHORT_PARTS: i64 = 10;

/// What one cluster's flow logs could not have shown, held against its audit log.
pub(super) fn holes(cluster: &str, flows: &FlowCoverage, audit: Option<&AuditCoverage>, holes: &mut Vec<Finding>) {
    let about = format!("cluster {cluster}");
    for (source, count) in &flows.lost {
        let note = format!("the {source} flow log says that it lost records: connections may be missing; record longer");
        holes.push(Finding::new(Code::FlowsLost, about.clone(), note).counted(*count));
    }
    holes.extend(audit.and_then(|audit| short(&about, flows, audit)));
    let records = flows.sources.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    gap_hole(&format!("flow logs of {about}"), &flows.span, records, holes);
}

fn short(about: &str, flows: &FlowCoverage, audit: &AuditCoverage) -> Option<Finding> {
    let seconds = |time: Option<jiff::Timestamp>| time.map(jiff::Timestamp::as_second);
    let (first, last) = (seconds(audit.span.first)?, seconds(audit.span.last)?);
    let (flows_first, flows_last) = (seconds(flows.span.first)?, seconds(flows.span.last)?);
    let whole = last.saturating_sub(first);
    let missing =
        flows_first.saturating_sub(first).clamp(0, whole).saturating_add(last.saturating_sub(flows_last).clamp(0, whole));
    let missing = missing.min(whole);
    (missing >= HOUR_SECONDS && missing.saturating_mul(SHORT_PARTS) >= whole).then(|| {
        let note = format!(
            "the flow logs cover {} of the {} hours of the audit log: what connects in the rest is not known, and the default deny stops it; record flows for as long",
            whole.saturating_sub(missing) / HOUR_SECONDS,
            whole / HOUR_SECONDS
        );
        Finding::new(Code::FlowsShort, about, note)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::coverage::Span;

    fn span(first: i64, last: i64) -> Span {
        let mut span = Span::default();
        for hours in [first, last] {
            span.insert(jiff::Timestamp::from_second(hours * HOUR_SECONDS).unwrap());
        }
        span
    }

    #[test]
    fn flows_that_begin_later_or_end_earlier_are_told() {
        let said = |flows: (i64, i64), audit: (i64, i64)| {
            let flows = FlowCoverage { span: span(flows.0, flows.1), ..FlowCoverage::default() };
            let audit = AuditCoverage { span: span(audit.0, audit.1), ..AuditCoverage::default() };
            let mut found = Vec::new();
            holes("c", &flows, Some(&audit), &mut found);
            let short = found.into_iter().filter(|hole| hole.code == Code::FlowsShort);
            short.map(|hole| hole.note.chars().filter(char::is_ascii_digit).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(said((100, 101), (100, 820)), ["1720"]);
        assert_eq!(said((818, 820), (100, 820)), ["2720"]);
        assert_eq!(said((2000, 2001), (100, 820)), ["0720"]);
        assert_eq!(said((0, 1), (100, 820)), ["0720"]);
        assert_eq!(said((110, 815), (100, 820)), Vec::<String>::new());
        assert_eq!(said((0, 900), (100, 820)), Vec::<String>::new());
        assert_eq!(said((100, 100), (100, 100)), Vec::<String>::new());
        assert_eq!(said((0, 0), (2_000_000, 2_000_000)), Vec::<String>::new());
    }
}
