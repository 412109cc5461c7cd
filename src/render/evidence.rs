//! The evidence file: counts, days, files and record numbers behind every request. Policies carry none of it.

use std::collections::BTreeMap;

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
struct EvidenceFile {
    schema: u32,
    identities: BTreeMap<String, Vec<RequestEvidence>>,
}

#[derive(Serialize)]
struct RequestEvidence {
    request: String,
    outcomes: BTreeMap<Outcome, OutcomeEvidence>,
}

#[derive(Serialize)]
struct OutcomeEvidence {
    count: u64,
    first: String,
    last: String,
    days: u32,
    events: Vec<EventRef>,
}

/// `evidence.json`: by identity and request.
///
/// # Errors
/// When it cannot be spelled.
pub fn artifact(profile: &Profile, detail: Detail) -> Result<Artifact, RenderError> {
    let mut identities: BTreeMap<String, Vec<RequestEvidence>> = BTreeMap::new();
    // A client can choose the id of an audit event.
    let shown = |event: &EventRef| EventRef { id: detail.show(&event.id), ..event.clone() };
    for (identity, part) in &profile.identities {
        let requests = identities.entry(detail.show(&identity.to_string())).or_default();
        for (key, seen) in &part.requests {
            let outcomes = seen.outcomes.iter().map(|(outcome, tally)| {
                let evidence = OutcomeEvidence {
                    count: tally.times.count,
                    first: tally.times.first.to_string(),
                    last: tally.times.last.to_string(),
                    days: tally.times.days.count(),
                    events: tally.times.evidence.events().into_iter().map(shown).collect(),
                };
                (*outcome, evidence)
            });
            requests.push(RequestEvidence { request: detail.show(&key.to_string()), outcomes: outcomes.collect() });
        }
    }
    super::json("evidence.json", &EvidenceFile { schema: SCHEMA_VERSION, identities })
}
