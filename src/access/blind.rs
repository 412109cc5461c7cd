//! What a recording could not have shown, as findings: a verdict over such a recording is incomplete.

use super::coverage::{AuditCoverage, Coverage, TrailCoverage};
use crate::finding::{Code, Finding};

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

impl Coverage {
    /// Every hole that the recording itself reveals. `data_services` are the IAM prefixes whose object-, item- or call-level
    /// events CloudTrail records only when asked to; fewer than `days_min` days make the window short.
    #[must_use]
    pub fn holes(&self, data_services: &[&str], days_min: u32) -> Vec<Finding> {
        let mut holes = Vec::new();
        for (account, trail) in &self.trails {
            trail_holes(account, trail, data_services, &mut holes);
        }
        for (cluster, audit) in &self.audits {
            audit_holes(cluster, audit, &mut holes);
        }
        for (cluster, count) in self.response_missing.iter().filter(|(_, count)| **count > 0) {
            let note = "requests whose answer was never recorded are not decided: record the stage ResponseComplete";
            holes.push(Finding::new(Code::ResponseMissing, cluster.clone(), note).counted(*count));
        }
        self.window_hole(days_min, &mut holes);
        holes
    }

    /// Findings about the recording that do not make a verdict incomplete.
    #[must_use]
    pub fn remarks(&self) -> Vec<Finding> {
        let mut remarks = Vec::new();
        let named = self.audits.values().any(|audit| audit.named);
        for (cluster, audit) in self.audits.iter().filter(|(_, audit)| audit.unnamed) {
            let note = "audit events name no cluster; all of them were taken as one cluster: name it with `--cluster NAME=GLOB`";
            let mut remark = Finding::new(Code::ClusterUnnamed, cluster.clone(), note).counted(audit.reads + audit.writes);
            if !named {
                remark.severity = crate::finding::Severity::Note;
            }
            remarks.push(remark);
        }
        if self.duplicate_id_count > 0 {
            let ids: Vec<&str> = self.duplicate_ids.iter().map(String::as_str).collect();
            let note = format!("the same event id stands on records of different content; each was kept: {}", ids.join(", "));
            remarks.push(Finding::new(Code::DuplicateId, "the log", note).counted(self.duplicate_id_count));
        }
        remarks
    }

    fn window_hole(&self, days_min: u32, holes: &mut Vec<Finding>) {
        let span = self.span();
        let (Some(first), Some(last)) = (span.first, span.last) else { return };
        let days = (last.as_second() - first.as_second()).div_euclid(DAY_SECONDS) + 1;
        if days < i64::from(days_min) {
            let note = format!(
                "the recording spans {days} of at least {days_min} days: jobs that run more rarely are not in it; record longer or set `coverage.days-min`"
            );
            holes.push(Finding::new(Code::WindowShort, "the log", note));
        }
    }
}

fn trail_holes(account: &str, trail: &TrailCoverage, data_services: &[&str], holes: &mut Vec<Finding>) {
    let about = if account.is_empty() { "records without an account".to_owned() } else { format!("account {account}") };
    if trail.data.is_empty() {
        let used: Vec<&str> = data_services.iter().copied().filter(|service| trail.management.contains_key(*service)).collect();
        let used =
            if used.is_empty() { String::new() } else { format!(" (seen through management events: {})", used.join(", ")) };
        let note = format!(
            "no data event was recorded: reads and writes of objects, table entries, messages and invocations are invisible{used}; switch data events on in the trail's event selectors"
        );
        holes.push(Finding::new(Code::DataEventsOff, about, note));
        return;
    }
    for service in data_services {
        if let Some(count) = trail.management.get(*service).filter(|_| !trail.data.contains_key(*service)) {
            let note = format!(
                "{service} was used through management events, but no data event of it was recorded; add it to the trail's event selectors"
            );
            holes.push(Finding::new(Code::DataEventsOff, format!("{service} in {about}"), note).counted(*count));
        }
    }
}

fn audit_holes(cluster: &str, audit: &AuditCoverage, holes: &mut Vec<Finding>) {
    let about = format!("cluster {cluster}");
    if audit.reads == 0 {
        let note = "no get, list or watch was recorded: what workloads read is unknown; on GKE switch Data Access logs on, on AKS use kube-audit";
        holes.push(Finding::new(Code::ReadsMissing, about.clone(), note));
    }
    let bodiless = audit.pod_writes.saturating_sub(audit.pod_specs);
    if bodiless > 0 {
        let note = "writes of pods and controllers were recorded without their bodies: record pods, workloads, services and namespaces at level RequestResponse";
        holes.push(Finding::new(Code::BodiesMissing, about.clone(), note).counted(bodiless));
    }
    if audit.pod_writes == 0 && !audit.levels.is_empty() && audit.levels.keys().all(|level| level == "Metadata") {
        let note = "every event was recorded at level Metadata: pods, services and what Pod Security and network rules need are invisible; record pods, workloads, services and namespaces at level RequestResponse";
        holes.push(Finding::new(Code::BodiesMissing, about.clone(), note));
    }
    if audit.truncated > 0 {
        let note = "the backend cut bodies of large events: raise its size limit or exclude the noisy resources";
        holes.push(Finding::new(Code::BodiesTruncated, about, note).counted(audit.truncated));
    }
}
