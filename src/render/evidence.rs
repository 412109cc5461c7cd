//! The evidence file: counts, days, files and record numbers behind every request. Policies carry none of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::RenderError;
use super::redact::Detail;
use crate::access::evidence::EventRef;
use crate::access::observation::Outcome;
use crate::access::profile::Profile;
use crate::artifact::Artifact;

/// The version of this layout.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct EvidenceFile<'a> {
    schema: u32,
    identities: BTreeMap<String, Vec<RequestEvidence<'a>>>,
}

#[derive(Serialize)]
struct RequestEvidence<'a> {
    request: String,
    outcomes: BTreeMap<Outcome, OutcomeEvidence<'a>>,
}

#[derive(Serialize)]
struct OutcomeEvidence<'a> {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    days: u32,
    events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    time: Timestamp,
    id: String,
    file: &'a str,
    record: u64,
}

/// `evidence.json`: by identity and request.
///
/// # Errors
/// When it cannot be spelled.
pub fn artifact(profile: &Profile, detail: Detail) -> Result<Artifact, RenderError> {
    let mut identities: BTreeMap<String, Vec<RequestEvidence<'_>>> = BTreeMap::new();
    for (identity, part) in &profile.identities {
        let requests = identities.entry(detail.show(&identity.to_string())).or_default();
        for (key, seen) in &part.requests {
            let outcomes = seen.outcomes.iter().map(|(outcome, tally)| {
                let evidence = OutcomeEvidence {
                    count: tally.times.count,
                    first: tally.times.first,
                    last: tally.times.last,
                    days: tally.times.days.count(),
                    events: tally.times.evidence.events().into_iter().map(|event| shown(event, detail)).collect(),
                };
                (*outcome, evidence)
            });
            requests.push(RequestEvidence { request: detail.show(&key.to_string()), outcomes: outcomes.collect() });
        }
    }
    super::json("evidence.json", &EvidenceFile { schema: SCHEMA_VERSION, identities })
}

/// A client can choose the id of an audit event.
fn shown(event: &EventRef, detail: Detail) -> Event<'_> {
    Event { time: event.time, id: detail.show(&event.id), file: &event.file, record: event.record }
}
