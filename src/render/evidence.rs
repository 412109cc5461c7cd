//! The evidence file: counts, days, files and record numbers behind every request. Policies carry none of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::RenderError;
use super::redact::Detail;
use crate::access::evidence::EventRef;
use crate::access::observation::Outcome;
use crate::access::profile::{Profile, Seen};
use crate::access::request::RequestKey;
use crate::artifact::Artifact;

/// The version of this layout.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct EvidenceFile<'a> {
    schema: u32,
    identities: BTreeMap<String, Vec<RequestEvidence<'a>>>,
}

/// One request. It is spelled when it is written: all of them would take more room than their text.
struct RequestEvidence<'a> {
    key: &'a RequestKey,
    seen: &'a Seen,
    detail: Detail,
}

#[derive(Serialize)]
struct Spelled<'a> {
    request: Cow<'a, str>,
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
    id: Cow<'a, str>,
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
        let requests = part.requests.iter().map(|(key, seen)| RequestEvidence { key, seen, detail });
        identities.entry(detail.show(&identity.to_string())).or_default().extend(requests);
    }
    super::json("evidence.json", &EvidenceFile { schema: SCHEMA_VERSION, identities })
}

impl Serialize for RequestEvidence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.key.to_string();
        let outcomes = self.seen.outcomes.iter().map(|(outcome, tally)| {
            let evidence = OutcomeEvidence {
                count: tally.times.count,
                first: tally.times.first,
                last: tally.times.last,
                days: tally.times.days.count(),
                events: tally.times.evidence.events().into_iter().map(|event| shown(event, self.detail)).collect(),
            };
            (*outcome, evidence)
        });
        Spelled { request: self.detail.shown(&request), outcomes: outcomes.collect() }.serialize(serializer)
    }
}

/// A client can choose the id of an audit event.
fn shown(event: &EventRef, detail: Detail) -> Event<'_> {
    Event { time: event.time, id: detail.shown(&event.id), file: &event.file, record: event.record }
}
