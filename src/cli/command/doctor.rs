//! `tightfit doctor`: the first look at a folder of logs, without credentials.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;
use tightfit::access::coverage::Coverage;
use tightfit::access::identity::{Home, Name};
use tightfit::access::profile::Profile;
use tightfit::config::{Class, Config};
use tightfit::finding::Finding;
use tightfit::pipeline;
use tightfit::render::coverage::Sight;
use tightfit::render::markdown::count;
use tightfit::render::redact::Detail;

use super::{JSON_SCHEMA, Session, records, redacted, say_ledger};
use crate::args::{Doctor, Shape, Shared};
use crate::console::{self, Console, visible};
use crate::exit::Exit;

pub(super) fn run(shared: &Shared, command: &Doctor, console: &Console) -> Result<Exit> {
    let session = Session::open(shared, &command.choose, &Shape::default(), &command.inputs, console)?.beside(&command.beside)?;
    let (profile, holes, remarks, sight) = session.with_source("reading", |source| {
        pipeline::learn(source).map(|learned| {
            let holes = pipeline::holes(&learned.profile, source);
            let remarks = pipeline::recording_remarks(&learned.profile, source);
            let sight = pipeline::sight(&learned.profile, source.config, source.catalog);
            (learned.profile, holes, remarks, sight)
        })
    })?;
    let damaged = session.damaged(&profile.ledger);
    say_ledger(console, &profile.ledger);
    say_recording(console, &profile.coverage);
    say_identities(console, &profile, &session.config);
    console.line("");
    console.line("what the recording cannot show, and what to switch on:");
    holes.iter().for_each(|hole| say(console, hole));
    if holes.is_empty() {
        console.line("  no hole is known");
    }
    say_sight(console, &sight);
    if !remarks.is_empty() {
        console.line("");
        console.line("worth knowing:");
        remarks.iter().for_each(|remark| say(console, remark));
    }
    console.line("");
    console.line("what can be generated now:");
    let ready = ready(&profile, &session.config);
    for (kind, count) in &ready {
        console.line(&format!("  {kind}: {count}"));
    }
    console.document(&json!({
        "schema": JSON_SCHEMA, "tool": "tightfit", "version": env!("CARGO_PKG_VERSION"), "command": "doctor",
        "records": records(&profile.ledger),
        "coverage": redacted(serde_json::to_value(&profile.coverage)?),
        "holes": redacted(serde_json::to_value(&holes)?),
        "remarks": redacted(serde_json::to_value(&remarks)?),
        "event_selectors": sight.plans.iter().map(|(account, plan)| (account, &plan.whole)).collect::<BTreeMap<_, _>>(),
        "ready": ready.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect::<BTreeMap<_, _>>(),
    }));
    Ok(if damaged { Exit::Failed } else { Exit::Done })
}

fn say(console: &Console, finding: &Finding) {
    let (about, note) = (Detail::Redacted.show(&finding.about), Detail::Redacted.show(&finding.note));
    console.line(&format!(
        "  {} {} {}: {}",
        console::severity(finding.severity),
        finding.code.name(),
        visible(&about),
        visible(&note)
    ));
}

/// Whom the recording is blind for, and how to go on.
fn say_sight(console: &Console, sight: &Sight) {
    if sight.blind.is_empty() {
        return;
    }
    console.line("");
    console.line(
        "data that could not be seen (management / data events, KMS through the service), and what recording it would cost:",
    );
    let limit = if console.verbose() { usize::MAX } else { 15 };
    for row in sight.blind.iter().take(limit) {
        let [management, data, through] = row.counts;
        let used = if row.proven { "data was used" } else { "data may have been used" };
        let identity = Detail::Redacted.show(&row.identity);
        let counts = format!("{management} / {data}, {through}");
        console.line(&format!("  {}  {} {counts}: {used}; events: {}", visible(&identity), visible(&row.service), row.cost));
    }
    super::say_more(console, sight.blind.len(), limit);
    console.line("`tightfit generate` writes the event selectors that would record it to coverage/ACCOUNT/event-selectors.json; --json shows them");
}

fn say_recording(console: &Console, coverage: &Coverage) {
    for (account, trail) in &coverage.trails {
        let account = if account.is_empty() { "(not named)" } else { account };
        let regions: Vec<&str> = trail.regions.keys().map(String::as_str).collect();
        let sum = |services: &BTreeMap<String, u64>| services.values().sum::<u64>();
        console.line("");
        console.line(&format!("AWS account {}: {}", visible(account), span(&trail.span)));
        console.line(&format!("  regions   {}", visible(&regions.join(", "))));
        console.line(&format!("  events    {} management, {} data", sum(&trail.management), sum(&trail.data)));
        let mut services: Vec<(&String, u64)> = Vec::new();
        for (service, events) in trail.management.iter().chain(&trail.data) {
            match services.iter_mut().find(|(name, _)| *name == service) {
                Some((_, sum)) => *sum += events,
                None => services.push((service, *events)),
            }
        }
        services.sort_by_key(|(name, events)| (std::cmp::Reverse(*events), *name));
        let named: Vec<String> = services.iter().take(10).map(|(name, events)| format!("{name} {events}")).collect();
        console.line(&format!("  services  {}{}", visible(&named.join(", ")), if services.len() > 10 { ", ..." } else { "" }));
    }
    for (cluster, audit) in &coverage.audits {
        let named = if audit.named { "" } else { " (named by nothing in the log; use --cluster NAME=GLOB)" };
        let levels: Vec<String> = audit
            .levels
            .iter()
            .map(|(level, count)| format!("{} {count}", if level.is_empty() { "without level" } else { level }))
            .collect();
        console.line("");
        console.line(&format!("Kubernetes cluster {}{named}: {}", visible(cluster), span(&audit.span)));
        console.line(&format!("  events    {} reads, {} writes; {}", audit.reads, audit.writes, visible(&levels.join(", "))));
        console
            .line(&format!("  pods      {} writes of pods and controllers, {} with a spec", audit.pod_writes, audit.pod_specs));
    }
}

fn span(span: &tightfit::access::coverage::Span) -> String {
    match (span.first, span.last) {
        (Some(first), Some(last)) => format!("{first} to {last}, {} with events", count(span.days.count(), "day")),
        _ => "no event has a time".to_owned(),
    }
}

fn say_identities(console: &Console, profile: &Profile, config: &Config) {
    let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
    for identity in profile.identities.keys() {
        *classes.entry(config.class_of(identity)).or_default() += 1;
    }
    let words: Vec<String> = classes.iter().map(|(class, count)| format!("{count} {}", class.name())).collect();
    console.line("");
    console.line(&format!("{} identities: {}", profile.identities.len(), words.join(", ")));
    let limit = if console.verbose() { usize::MAX } else { 15 };
    for (identity, part) in profile.identities.iter().take(limit) {
        let why = config.left_out(identity).map_or_else(String::new, |why| format!(" (left out: {why})"));
        let name = Detail::Redacted.show(&identity.to_string());
        console.line(&format!("  {}  {} requests{why}", visible(&name), part.requests.len()));
    }
    if profile.identities.len() > limit {
        console.line(&format!("  ... {} more (--verbose)", profile.identities.len() - limit));
    }
}

/// For how many identities each kind of policy can be written.
fn ready(profile: &Profile, config: &Config) -> [(&'static str, u64); 4] {
    let (mut iam, mut rbac, mut podsec, mut network) = (0, 0, 0, 0);
    for (identity, part) in &profile.identities {
        let evidence = part.requests.values().any(|seen| seen.is_evidence(config.failed_is_evidence));
        if !evidence || config.left_out(identity).is_some() {
            continue;
        }
        match (&identity.home, &identity.name) {
            (Home::Account { .. }, _) => iam += 1,
            (Home::Cluster(_), Name::Namespace(_)) => podsec += 1,
            (Home::Cluster(_), Name::Network) => network += 1,
            (Home::Cluster(_), _) => rbac += 1,
        }
    }
    [
        ("IAM policies for roles and users", iam),
        ("RBAC for service accounts and users", rbac),
        ("Pod Security for namespaces", podsec),
        ("NetworkPolicies from flows for clusters", network),
    ]
}
