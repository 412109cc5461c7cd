//! CloudTrail records: decoding and translation into the requests that IAM was asked.
//!
//! record --record--> fields --identity, outcome, translate--> requests
//!
//! Invariant: text of a record enters an ARN only as literal text.

mod apigateway;
mod columns;
mod context;
mod dynamodb;
mod forwarded;
mod identity;
mod named;
mod outcome;
mod passed;
mod record;
mod refusal;
mod resource;
mod s3;
mod sighting;
mod signed;
mod translate;
mod want;

use std::collections::BTreeMap;

use serde_json::Value;

use super::decoded::{Decoded, Dependence, End, Reads, Stage};
use crate::access::coverage::Sighting;
use crate::access::observation::{Reject, Skip, Undecided};
use crate::catalog::Catalog;
use record::{Fault, Object, Trail};
pub(super) use signed::{Field, Native};

/// Decodes one CloudTrail record in its native JSON form. `None` when it is none; the wrappers around it are opened before.
#[must_use]
pub fn decode(record: &[u8], catalog: &Catalog) -> Option<Decoded> {
    decode_with_dependence(record, catalog).map(|(decoded, _)| decoded)
}

/// The same, and what it depends on.
pub(super) fn decode_with_dependence(record: &[u8], catalog: &Catalog) -> Option<(Decoded, Dependence)> {
    match serde_json::from_slice(record) {
        Ok(Value::Object(object)) => decode_object(&object, catalog),
        Ok(_) => None,
        Err(error) => {
            let names = |name: &str| memchr::memmem::find(record, name.as_bytes()).is_some();
            (names("\"eventSource\"") && names("\"eventName\"")).then(|| {
                let deep = error.to_string().contains("recursion limit");
                let reject = if deep { Reject::TooDeep } else { Reject::Malformed };
                (Decoded::rejected(reject, error.to_string()), Dependence::Unique)
            })
        }
    }
}

/// Decodes one row of a CloudTrail table (Athena, CloudTrail Lake): lower-case column name to text; `null` and empty text are absent.
#[must_use]
pub fn decode_columns(columns: &BTreeMap<String, String>, catalog: &Catalog) -> Decoded {
    match columns::record(columns) {
        Ok(object) => {
            let decoded = decode_object(&object, catalog).map(|(decoded, _)| decoded);
            decoded.unwrap_or_else(|| Decoded::rejected(Reject::Field, "eventsource, eventname: missing"))
        }
        Err(Fault(detail)) => Decoded::rejected(Reject::Field, detail),
    }
}

fn decode_object(object: &Object, catalog: &Catalog) -> Option<(Decoded, Dependence)> {
    if let Some(skip) = set_apart(object) {
        let mut decoded = Decoded::skipped(skip);
        decoded.id = record::id(object).unwrap_or_default();
        decoded.time = record::time(object).ok();
        if skip == Skip::Aggregated
            && let Some((time, sighting)) = sighting::aggregated(object, catalog)
        {
            (decoded.time, decoded.sighting) = (Some(time), Some(sighting));
        }
        return Some((decoded, Dependence::Unique));
    }
    if !object.contains_key("eventSource") || !object.contains_key("eventName") {
        return match columns::lower_case(object)? {
            Ok(record) => decode_object(&record, catalog),
            Err(Fault(detail)) => Some((Decoded::rejected(Reject::Field, detail), Dependence::Unique)),
        };
    }
    Some(match Trail::read(object) {
        Ok(trail) => {
            let mut decoded = decode_trail(&trail, catalog);
            if let Some(id) = updated(object) {
                decoded.id = id;
                decoded.stage = Stage::Updated;
            }
            let dependence = dependence(&trail, &decoded);
            (decoded, dependence)
        }
        Err(Fault(detail)) => {
            let mut decoded = Decoded::rejected(Reject::Field, detail);
            decoded.id = record::id(object).unwrap_or_default();
            (decoded, Dependence::Unique)
        }
    })
}

fn dependence(trail: &Trail, decoded: &Decoded) -> Dependence {
    let changes = matches!(&decoded.sighting, Some(Sighting::Trail(seen)) if seen.change.is_some());
    if changes {
        return Dependence::Unique;
    }
    let (parameters, looked_at) = trail.request.names_read();
    Dependence::Reads(Reads { parameters, looked_at, response: trail.depends_on_response() })
}

/// Records that are no API event of their own.
fn set_apart(object: &Object) -> Option<Skip> {
    let says = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let holds = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    match (says("eventType"), says("eventCategory")) {
        ("AwsCloudTrailInsight", _) | (_, "Insight") => return Some(Skip::Insight),
        ("AwsAggregatedEvent", _) | (_, "Aggregated") => return Some(Skip::Aggregated),
        ("AwsVpceEvent", _) | (_, "NetworkActivity") => return Some(Skip::NetworkActivity),
        _ => {}
    }
    if holds("insightDetails") {
        return Some(Skip::Insight);
    }
    if holds("digestStartTime") && !object.contains_key("eventName") {
        return Some(Skip::Digest);
    }
    None
}

/// The id of the event that this record updates: the original may lie outside of what is read, so the update counts where it says
/// something that the original did not.
fn updated(object: &Object) -> Option<String> {
    let addendum = object.get("addendum")?.as_object()?;
    let id = addendum.get("originalEventID")?.as_str().filter(|id| !id.is_empty())?;
    (addendum.get("reason")?.as_str() == Some("UPDATED_DATA")).then(|| id.to_owned())
}

fn decode_trail(trail: &Trail, catalog: &Catalog) -> Decoded {
    let (end, facts) = match trail.event_type.as_str() {
        "AwsServiceEvent" | "AwsConsoleSignIn" | "AwsConsoleSignin" | "ConsoleSignin" | "ConsoleSignIn" => {
            (End::Skipped(Skip::ServiceEvent), Vec::new())
        }
        _ => translate::end(trail, catalog),
    };
    // What the console does by itself is no API call; where it has the name of one, it is read as that.
    let console =
        trail.event_type == "AwsConsoleAction" && matches!(&end, End::Undecided { why: Undecided::EventUnmapped(_), .. });
    let end = if console { End::Skipped(Skip::ServiceEvent) } else { end };
    Decoded {
        id: trail.id.clone(),
        stage: Stage::Whole,
        time: Some(trail.time),
        issued_to: trail.user.as_ref().map(|user| user.issued_to.clone()).unwrap_or_default(),
        allowed_by: String::new(),
        sighting: Some(sighting::sighting(trail, &end, catalog)),
        end,
        facts,
    }
}
