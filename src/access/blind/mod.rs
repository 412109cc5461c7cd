//! What a recording could not have shown, as findings: a verdict over such a recording is incomplete.

mod audit;
mod flows;
mod trail;
mod used;

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{Coverage, Span};
use super::data_events::DataEvents;
use super::days::Day;
use super::identity::Identity;
use super::inventory::Inventory;
use super::last_accessed::LastUse;
use super::mention::CONFIG_HOSTS_MAX;
use crate::finding::{Code, Finding, Severity};
pub use trail::{Blind, Cost, Strength};

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// A day without events is a gap where the others hold at least so many, on average.
const GAP_EVENTS_A_DAY_MIN: u64 = 100;

/// Accounts and regions that must be in a recording.
#[derive(Debug, Clone, Default)]
pub struct MustHold {
    /// Account ids; empty for whichever are in it.
    pub accounts: BTreeSet<String>,
    /// Regions, for each account; empty for whichever are in it.
    pub regions: BTreeSet<String>,
}

/// What a complete recording is held against.
pub struct Expected<'a> {
    /// What CloudTrail records only when asked to, or never.
    pub data_events: &'a DataEvents,
    /// IAM prefixes of the services that have data events.
    pub data_services: &'a [&'a str],
    /// Fewer days make the window short.
    pub days_min: u32,
    /// Accounts and regions that settings ask for.
    pub must_hold: &'a MustHold,
    /// What AWS remembers beside the log; empty where nothing was given.
    pub last_uses: &'a [LastUse],
    /// What the log showed to exist.
    pub inventory: &'a Inventory,
    /// For whom policies are written: others are not told one by one.
    pub judged: &'a dyn Fn(&Identity) -> bool,
}

impl Coverage {
    /// Every hole that the recording itself, or what is known beside it, reveals.
    #[must_use]
    pub fn holes(&self, expected: &Expected<'_>) -> Vec<Finding> {
        let mut holes = Vec::new();
        for (account, trail) in &self.trails {
            trail::changes(account, trail, trail::breaks, &mut holes);
            let events = trail.regions.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
            gap_hole(&account_named(account), &trail.span, events, &mut holes);
        }
        trail::data_holes(self, expected.data_services, &mut holes);
        holes.extend(self.blind(expected).iter().map(Blind::finding));
        self.absent_holes(expected, &mut holes);
        used::holes(self, expected.last_uses, &mut holes);
        for (cluster, audit) in &self.audits {
            holes.extend(audit::holes(cluster, audit, expected.inventory));
            gap_hole(&format!("cluster {cluster}"), &audit.span, audit.reads.saturating_add(audit.writes), &mut holes);
        }
        holes.extend(self.response_missing.keys().filter_map(|cluster| self.unanswered(cluster)));
        for (cluster, flows) in &self.flows {
            flows::holes(cluster, flows, self.audits.get(cluster), &mut holes);
        }
        self.window_hole(expected.days_min, &mut holes);
        holes
    }

    /// Findings about the recording that do not make a verdict incomplete.
    #[must_use]
    pub fn remarks(&self, expected: &Expected<'_>) -> Vec<Finding> {
        let mut remarks = Vec::new();
        let named = self.audits.values().any(|audit| audit.named);
        for (cluster, audit) in self.audits.iter().filter(|(_, audit)| audit.unnamed) {
            let note = "audit events name no cluster; all of them were taken as one cluster: name it with `--cluster NAME=GLOB`";
            let mut remark = Finding::new(Code::ClusterUnnamed, cluster.clone(), note).counted(audit.reads + audit.writes);
            if !named {
                remark.severity = Severity::Note;
            }
            remarks.push(remark);
        }
        let audited = self.audits.values().any(|audit| audit.named);
        for (cluster, flows) in self.flows.iter().filter(|(_, flows)| flows.unnamed && audited) {
            let note = "flow records name no cluster but audit events do, so nothing tells whose addresses these are: name it with `--cluster NAME=GLOB`";
            let count = flows.sources.values().sum();
            remarks.push(Finding::new(Code::ClusterUnnamed, cluster.clone(), note).counted(count));
        }
        if self.duplicate_id_count > 0 {
            let ids: Vec<&str> = self.duplicate_ids.iter().map(String::as_str).collect();
            let note = format!("the same event id stands on records of different content; each was kept: {}", ids.join(", "));
            remarks.push(Finding::new(Code::DuplicateId, "the log", note).counted(self.duplicate_id_count));
        }
        for (account, trail) in &self.trails {
            trail::changes(account, trail, |event| !trail::breaks(event), &mut remarks);
        }
        for (place, _) in expected.inventory.config_maps.iter().filter(|(_, hosts)| hosts.len() >= CONFIG_HOSTS_MAX) {
            let about = format!("ConfigMap/{} in {} of cluster {}", place.name, place.namespace, place.cluster);
            let note = format!(
                "it names {CONFIG_HOSTS_MAX} hosts or more; the first {CONFIG_HOSTS_MAX} in order were kept, so calls to \
                                Services that others name are not assumed"
            );
            remarks.push(Finding::new(Code::ConfigMapCut, about, note));
        }
        self.mentioned(expected, &mut remarks);
        self.unlogged(expected, &mut remarks);
        used::remarks(self, expected.last_uses, &mut remarks);
        remarks
    }

    fn unanswered(&self, cluster: &str) -> Option<Finding> {
        let count = self.response_missing.get(cluster).filter(|count| **count > 0)?;
        let note = "requests whose answer was never recorded are not decided: record the stage ResponseComplete";
        Some(Finding::new(Code::ResponseMissing, cluster, note).counted(*count))
    }

    /// Clusters whose log has holes that an audit policy closes, and which kinds.
    #[must_use]
    pub fn audit_policies(&self, expected: &Expected<'_>) -> BTreeMap<&str, BTreeSet<&'static str>> {
        // A form without levels (GKE) has no policy that anybody could set.
        let own = self.audits.iter().filter(|(_, audit)| !audit.levels.keys().eq([""]));
        let codes = own.map(|(cluster, audit)| {
            let holes = audit::holes(cluster, audit, expected.inventory).into_iter().chain(self.unanswered(cluster));
            let codes = holes.map(|hole| hole.code).filter(|code| audit::policy_closes(*code)).map(Code::name);
            (cluster.as_str(), codes.collect::<BTreeSet<_>>())
        });
        codes.filter(|(_, codes)| !codes.is_empty()).collect()
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

    /// Accounts and regions that settings ask for and that have no record.
    fn absent_holes(&self, expected: &Expected<'_>, holes: &mut Vec<Finding>) {
        for account in expected.must_hold.accounts.iter().filter(|account| !self.trails.contains_key(*account)) {
            let note = "`coverage.accounts` names this account, but no record of it was read: name its logs too";
            holes.push(Finding::new(Code::AccountMissing, account_named(account), note));
        }
        for (account, trail) in &self.trails {
            let missing: Vec<&str> = expected
                .must_hold
                .regions
                .iter()
                .filter(|region| !trail.regions.contains_key(*region))
                .map(String::as_str)
                .collect();
            if !missing.is_empty() && (expected.must_hold.accounts.is_empty() || expected.must_hold.accounts.contains(account)) {
                let note = format!("`coverage.regions` names regions without a record of this account: {}", missing.join(", "));
                holes.push(Finding::new(Code::RegionMissing, account_named(account), note));
            }
        }
    }

    /// Accounts and regions that ARNs mention and that have no record. Other accounts are often other people's: a note.
    fn mentioned(&self, expected: &Expected<'_>, remarks: &mut Vec<Finding>) {
        if self.trails.is_empty() {
            return;
        }
        for (account, count) in &self.accounts_mentioned.kept {
            if !self.trails.contains_key(account) && !expected.must_hold.accounts.contains(account) {
                let note = "requests name resources of this account, but no record of its own was read; if it is yours, name its logs too";
                remarks.push(noted(Code::AccountMissing, account_named(account), note).counted(*count));
            }
        }
        for (region, count) in &self.regions_mentioned.kept {
            let recorded = self.trails.values().any(|trail| trail.regions.contains_key(region));
            if !recorded && !expected.must_hold.regions.contains(region) {
                let note = "requests name resources of this region, but no record of it was read; a trail of one region shows only that one";
                remarks.push(noted(Code::RegionMissing, format!("region {region}"), note).counted(*count));
            }
        }
    }

    /// Identities that used a service some of whose actions leave no event.
    fn unlogged(&self, expected: &Expected<'_>, remarks: &mut Vec<Finding>) {
        for (identity, services) in self.trails.values().flat_map(|trail| &trail.identities) {
            for row in &expected.data_events.unlogged {
                let Some(touch) = services.get(row.service).filter(|_| (expected.judged)(identity)) else { continue };
                let note = format!(
                    "used {}; whether it also uses {} no log can show ({})",
                    row.service,
                    row.actions.join(", "),
                    row.page
                );
                let counts = touch.counts();
                remarks.push(
                    Finding::new(Code::UnloggedActions, identity.to_string(), note).counted(counts.management + counts.data),
                );
            }
        }
    }
}

/// A finding that is only worth knowing.
fn noted(code: Code, about: String, note: &str) -> Finding {
    Finding { severity: Severity::Note, ..Finding::new(code, about, note) }
}

fn account_named(account: &str) -> String {
    if account.is_empty() { "records without an account".to_owned() } else { format!("account {account}") }
}

/// The date of a day, such as `2026-10-04`; the number of the day where it lies outside of all calendars.
fn date(day: Day) -> String {
    let moment = jiff::Timestamp::from_second(i64::from(day) * DAY_SECONDS);
    moment
        .map_or_else(|_| day.to_string(), |moment| moment.to_string().chars().take_while(|character| *character != 'T').collect())
}

/// Days without events between days with many.
fn gap_hole(about: &str, span: &Span, events: u64, holes: &mut Vec<Finding>) {
    /// How many runs of days are named.
    const RUNS_MAX: usize = 5;
    let gaps = span.days.gaps();
    if gaps.is_empty() || events / u64::from(span.days.count().max(1)) < GAP_EVENTS_A_DAY_MIN {
        return;
    }
    let days = gaps.iter().fold(0_i64, |sum, (first, last)| sum + i64::from(*last) - i64::from(*first) + 1);
    let run =
        |(first, last): &(Day, Day)| if first == last { date(*first) } else { format!("{} to {}", date(*first), date(*last)) };
    let mut runs: Vec<String> = gaps.iter().take(RUNS_MAX).map(run).collect();
    if gaps.len() > RUNS_MAX {
        runs.push(format!("{} more", gaps.len() - RUNS_MAX));
    }
    let note =
        format!("no event on {}, though the other days hold many: logs are missing, or recording was off", runs.join(", "));
    holes.push(Finding::new(Code::RecordingGap, about, note).counted(u64::try_from(days).unwrap_or_default()));
}
