//! What trails did not record: data events by account, by identity and service, and changes of the trails themselves.

use std::collections::BTreeMap;

use super::{Expected, account_named};
use crate::access::coverage::{Capped, Coverage, Touch, TrailCoverage};
use crate::access::identity::Identity;
use crate::finding::{Code, Finding, Severity};

/// How sure it is that an identity used the data of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// It touched the service; nothing says that it used its data.
    Weak,
    /// The service called KMS for it: it used data.
    Proven,
}

/// What the missing events would have cost, as far as this recording tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// So many were counted by aggregated events, on so many days.
    Aggregated(u64, u32),
    /// At least so many on so many days, by the calls of KMS and the most that one event stands for.
    AtLeast(u64, u32),
    /// So many calls of KMS on so many days; how many one event stands for is not known.
    Calls(u64, u32),
    /// Nothing tells.
    Unknown,
}

/// An identity that used a service whose data events were not recorded for it.
#[derive(Debug, Clone)]
pub struct Blind<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// In whose account's trail.
    pub account: &'a str,
    /// The IAM prefix of the service.
    pub service: &'a str,
    /// Its management events.
    pub management: u64,
    /// Its data events.
    pub data: u64,
    /// Calls of KMS that the service made for it.
    pub through: u64,
    /// Data events of the service that the account's trail holds of anyone.
    pub data_of_account: u64,
    /// How sure it is that it used data.
    pub strength: Strength,
    /// Buckets, tables, queues that it is known to use.
    pub holders: &'a Capped<()>,
    /// What recording its data would have cost.
    pub cost: Cost,
}

impl Coverage {
    /// Every identity and service for which data events are missing: by account, identity and service.
    #[must_use]
    pub fn blind<'a>(&'a self, expected: &Expected<'_>) -> Vec<Blind<'a>> {
        let mut found = Vec::new();
        for (account, trail) in &self.trails {
            let judged = trail.identities.iter().filter(|(identity, _)| (expected.judged)(identity));
            for (identity, services) in judged {
                let with_data = services.iter().filter(|(service, _)| expected.data_events.of(service).next().is_some());
                found.extend(with_data.filter_map(|(service, touch)| {
                    let calls_max = expected.data_events.of(service).map(|kind| kind.kms_calls_max).max().unwrap_or_default();
                    blind((account, trail), (identity, service, touch), calls_max)
                }));
            }
        }
        found
    }
}

/// `calls_max`: the most calls of KMS that one data event stands for; 0 where that is not bounded.
fn blind<'a>(
    (account, trail): (&'a str, &'a TrailCoverage),
    (identity, service, touch): (&'a Identity, &'a str, &'a Touch),
    calls_max: u64,
) -> Option<Blind<'a>> {
    let counts = touch.counts();
    let (management, data, through) = (counts.management, counts.data, touch.through);
    let data_of_account = trail.data.get(service).copied().unwrap_or_default();
    let more_calls_than_events = calls_max > 0 && through > data.saturating_mul(calls_max);
    let strength = if through > 0 && (data == 0 || more_calls_than_events) {
        Strength::Proven
    } else if data_of_account == 0 && management > 0 {
        Strength::Weak
    } else {
        return None;
    };
    let days = trail.span.days.count();
    let cost = match trail.aggregated.get(service) {
        Some(aggregated) => Cost::Aggregated(aggregated.count(), aggregated.span.days.count()),
        None if through > 0 && calls_max > 0 => Cost::AtLeast(through.div_ceil(calls_max), days),
        None if through > 0 => Cost::Calls(through, days),
        None => Cost::Unknown,
    };
    let holders = &touch.holders;
    Some(Blind { identity, account, service, management, data, through, data_of_account, strength, holders, cost })
}

impl Blind<'_> {
    /// As a finding; a weak one is a note, and still a hole.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let Blind { service, management, data, through, .. } = self;
        let seen = format!("{service}: {management} management and {data} data events in {}", account_named(self.account));
        let note = match (self.strength, self.data_of_account) {
            (Strength::Proven, 0) => format!("{seen}; KMS calls through it: {through}, so data was used and not recorded"),
            (Strength::Proven, _) => {
                format!(
                    "{seen}; KMS calls through it: {through}, so the event selectors leave out its use of data, or a part of it"
                )
            }
            (Strength::Weak, _) => format!("{seen}: if it reads or writes data there, that was not recorded"),
        };
        let mut finding = Finding::new(Code::IdentityBlind, self.identity.to_string(), note).counted((*through).max(*management));
        if self.strength == Strength::Weak {
            finding.severity = Severity::Note;
        }
        finding
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let daily = |count: u64, days: u32| count.div_ceil(u64::from(days.max(1)));
        match *self {
            Cost::Aggregated(count, days) => write!(f, "{} a day, all identities, by aggregated events", daily(count, days)),
            Cost::AtLeast(count, days) => write!(f, "at least {} a day, by calls of KMS", daily(count, days)),
            Cost::Calls(count, days) => write!(f, "not known; {} calls of KMS a day", daily(count, days)),
            Cost::Unknown => f.write_str("not known from this recording"),
        }
    }
}

/// Accounts without any data event, and services of other accounts without one of theirs.
pub(super) fn data_holes(coverage: &Coverage, data_services: &[&str], holes: &mut Vec<Finding>) {
    // Accounts of which the same is to be said are told together: an organization has hundreds.
    let mut silent: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (account, trail) in &coverage.trails {
        if trail.data.is_empty() && !trail.regions.is_empty() {
            silent.entry(no_data(trail, data_services)).or_default().push(account);
        } else if !trail.data.is_empty() {
            service_holes(account, trail, data_services, holes);
        }
    }
    for (note, accounts) in silent {
        holes.push(Finding::new(Code::DataEventsOff, accounts_named(&accounts), note));
    }
}

fn accounts_named(accounts: &[&str]) -> String {
    /// How many are named.
    const NAMED_MAX: usize = 5;
    if let [account] = accounts {
        return account_named(account);
    }
    let named: Vec<&str> =
        accounts.iter().map(|account| if account.is_empty() { "(not named)" } else { account }).take(NAMED_MAX).collect();
    let left = accounts.len().saturating_sub(NAMED_MAX);
    let left = if left > 0 { format!(" and {left} more") } else { String::new() };
    format!("accounts {}{left}", named.join(", "))
}

fn no_data(trail: &TrailCoverage, data_services: &[&str]) -> String {
    if !trail.aggregated.is_empty() {
        let counted: Vec<String> =
            trail.aggregated.iter().map(|(service, counted)| format!("{service} {}", counted.count())).collect();
        return format!(
            "data events were counted ({}), but none was read: name the trail's data event files too",
            counted.join(", ")
        );
    }
    let used: Vec<&str> = data_services.iter().copied().filter(|service| trail.management.contains_key(*service)).collect();
    let used = if used.is_empty() { String::new() } else { format!(" (seen through management events: {})", used.join(", ")) };
    format!(
        "no data event was recorded: reads and writes of objects, table entries, messages and invocations are invisible{used}; switch data events on in the trail's event selectors"
    )
}

/// Services of an account without data events, where others have some.
fn service_holes(account: &str, trail: &TrailCoverage, data_services: &[&str], holes: &mut Vec<Finding>) {
    for service in data_services {
        if let Some(count) = trail.management.get(*service).filter(|_| !trail.data.contains_key(*service)) {
            let counted_only = trail.aggregated.contains_key(*service);
            let way_out = if counted_only { "name its data event files too" } else { "add it to the trail's event selectors" };
            let note = format!("{service} was used through management events, but no data event of it was recorded; {way_out}");
            holes.push(
                Finding::new(Code::DataEventsOff, format!("{service} in {}", account_named(account)), note).counted(*count),
            );
        }
    }
}

/// Whether a change can have taken something out of the recording.
pub(super) fn breaks(event: &str) -> bool {
    matches!(event, "StopLogging" | "DeleteTrail" | "PutEventSelectors" | "UpdateTrail")
}

/// Changes of the trails while the log was made.
pub(super) fn changes(account: &str, trail: &TrailCoverage, wanted: impl Fn(&str) -> bool, findings: &mut Vec<Finding>) {
    for change in trail.changes.iter().filter(|change| wanted(&change.event)) {
        let by = if change.by.is_empty() { String::new() } else { format!(" by {}", change.by) };
        let what = match change.event.as_str() {
            _ if !change.says.is_empty() => format!("from then on {}", change.says),
            "StopLogging" | "DeleteTrail" => "from then on this trail recorded nothing".to_owned(),
            "PutEventSelectors" | "UpdateTrail" => "before and after, other events were recorded".to_owned(),
            _ => "what came before may be missing".to_owned(),
        };
        let note = format!("{} of trail {} at {}{by}: {what}", change.event, change.trail, change.time);
        let mut finding = Finding::new(Code::RecordingChanged, account_named(account), note).counted(1);
        if !breaks(&change.event) {
            finding.severity = Severity::Note;
        }
        findings.push(finding);
    }
}
