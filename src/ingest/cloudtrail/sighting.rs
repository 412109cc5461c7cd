//! What a CloudTrail record says about the recording itself: what kind of event it is, whose, and what it proves of events that
//! are not there.

use jiff::Timestamp;
use serde_json::Value;

use super::identity::{self, first};
use super::named::Parameters;
use super::record::{Object, Trail, time};
use super::resource::text;
use crate::access::aws::{Action, Arn, Resource};
use crate::access::coverage::{Sighting, TrailChange, TrailSighting};
use crate::access::data_events::DataEvents;
use crate::access::request::Request;
use crate::catalog::{Catalog, data_events};
use crate::ingest::decoded::End;

/// Longest text of a trail's configuration that is kept, in characters.
const SAYS_CHARS_MAX: usize = 300;

/// What an API event says; `end` is what its translation came to.
pub(super) fn sighting(trail: &Trail, end: &End, catalog: &Catalog) -> Sighting {
    let service = prefix(&trail.source, catalog);
    let tables = data_events::embedded();
    let account = trail.user.as_ref().map(|user| user.account.as_str()).unwrap_or_default();
    let (mut actions, mut arns): (Vec<Action>, Vec<Arn>) = (Vec::new(), Vec::new());
    for asked in if let End::Observed(asked) = end { asked.as_slice() } else { &[] } {
        let Request::Aws(request) = &asked.request else { continue };
        if !actions.contains(&request.key.action) {
            actions.push(request.key.action.clone());
        }
        if let Resource::Arn(arn) = &request.key.resource {
            arns.push(arn.clone());
        }
    }
    let through = through(trail, tables);
    let mut holders: Vec<(String, String)> = arns
        .iter()
        .filter_map(|arn| tables.holder(arn))
        .chain(through.as_ref().and_then(|(_, named)| tables.holder(named.as_ref()?)))
        .map(|(service, holder)| (service.to_owned(), holder))
        .collect();
    holders.sort();
    holders.dedup();
    Sighting::Trail(Box::new(TrailSighting {
        account: first(&[&trail.recipient, account]).to_owned(),
        region: trail.region.clone(),
        data: trail.data.unwrap_or_else(|| catalog.rules().is_data_event(&service, &trail.event)),
        service,
        identity: identity::identity(trail).ok(),
        actions,
        arns,
        holders,
        through: through.map(|(service, _)| service.to_owned()),
        change: change(trail),
    }))
}

/// What an aggregated event says: when, and how many events of its service, by its primary dimension. `None` where it does not say.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/aggregating-data-events.html>
pub(super) fn aggregated(record: &Object, catalog: &Catalog) -> Option<(Timestamp, Sighting)> {
    let primary = record.get("summary")?.get("primaryDimension")?;
    let counts = primary.get("statistics")?.as_array()?.iter().filter_map(|statistic| statistic.get("value")?.as_u64());
    let start = record.get("timeWindow")?.get("windowStart")?.as_str()?;
    let account = record.get("accountId").and_then(Value::as_str).unwrap_or_default();
    let time = start.parse().ok().or_else(|| time(record).ok())?;
    let sighting = Sighting::Aggregated {
        account: account.to_owned(),
        service: prefix(record.get("eventSource")?.as_str()?, catalog),
        dimension: primary.get("dimension")?.as_str()?.to_owned(),
        count: counts.fold(0, u64::saturating_add),
    };
    Some((time, sighting))
}

/// The IAM prefix of an event source, or the source where none is known.
fn prefix(source: &str, catalog: &Catalog) -> String {
    (*catalog.prefixes_of(source).first().unwrap_or(&source)).to_owned()
}

/// The service that called KMS for the caller and so used its data, with the holder where the encryption context names it.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html>
fn through<'a>(trail: &Trail, tables: &'a DataEvents) -> Option<(&'a str, Option<Arn>)> {
    if trail.source != "kms.amazonaws.com" || !trail.error_code.is_empty() {
        return None;
    }
    let told = trail.request.get("encryptionContext").and_then(Value::as_object);
    let mut with_keys = tables.kinds.iter().filter(|kind| !kind.kms_key.is_empty());
    if let Some((kind, named)) = with_keys.clone().find_map(|kind| Some((kind, text(told?, kind.kms_key)?))) {
        let arn = if kind.service == "dynamodb" {
            // The context holds the name of the table and its account, not its ARN.
            let account =
                first(&[told.and_then(|told| text(told, "aws:dynamodb:subscriberId")).unwrap_or_default(), &trail.recipient]);
            Arn::literal(&format!("arn:{}:dynamodb:{}:{account}:table/{named}", identity::partition(trail), trail.region))
        } else {
            Arn::literal(named)
        };
        return Some((kind.service, arn));
    }
    let via = trail.request_context.get("kms:ViaService").and_then(Value::as_str);
    let invoked_by = trail.user.as_ref().map(|user| user.invoked_by.as_str()).unwrap_or_default();
    let service = via.and_then(|via| via.split('.').next()).or_else(|| invoked_by.strip_suffix(".amazonaws.com"))?;
    with_keys.find(|kind| kind.service == service).map(|kind| (kind.service, None))
}

/// What the event changed of the trails: only a call that succeeded changed anything.
fn change(trail: &Trail) -> Option<TrailChange> {
    let changes = ["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging", "PutEventSelectors"];
    if trail.source != "cloudtrail.amazonaws.com" || !trail.error_code.is_empty() || !changes.contains(&trail.event.as_str()) {
        return None;
    }
    let named = ["name", "trailName"].iter().find_map(|name| text(&trail.request, name)).unwrap_or_default();
    let says: Vec<String> = basic(&trail.request).chain(advanced(&trail.request)).collect();
    Some(TrailChange {
        time: trail.time,
        event: trail.event.clone(),
        trail: cut(named),
        by: identity::identity(trail).map(|identity| identity.to_string()).unwrap_or_default(),
        says: cut(&says.join("; ")),
    })
}

fn cut(text: &str) -> String {
    text.chars().take(SAYS_CHARS_MAX).collect()
}

/// Basic selectors in words.
fn basic(request: &Parameters) -> impl Iterator<Item = String> {
    let selectors = request.get("eventSelectors").and_then(Value::as_array).into_iter().flatten();
    selectors.map(|selector| {
        let management = match selector.get("includeManagementEvents").and_then(Value::as_bool) {
            Some(false) => "no management events",
            _ => "management events",
        };
        let reads = selector.get("readWriteType").and_then(Value::as_str).unwrap_or("All");
        let types = selector.get("dataResources").and_then(Value::as_array).into_iter().flatten();
        let types: Vec<&str> = types.filter_map(|kind| kind.get("type")?.as_str()).collect();
        let data = if types.is_empty() { "no data events".to_owned() } else { format!("data events of {}", types.join(", ")) };
        format!("{management}, {data} ({reads})")
    })
}

/// Advanced selectors in words: their conditions.
fn advanced(request: &Parameters) -> impl Iterator<Item = String> {
    let selectors = request.get("advancedEventSelectors").and_then(Value::as_array).into_iter().flatten();
    selectors.map(|selector| {
        let fields = selector.get("fieldSelectors").and_then(Value::as_array).into_iter().flatten();
        let fields: Vec<String> = fields
            .filter_map(|field| {
                let values = field.get("equals").or_else(|| field.get("startsWith"))?.as_array()?;
                let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                Some(format!("{} {}", field.get("field")?.as_str()?, values.join(" or ")))
            })
            .collect();
        fields.join(", ")
    })
}
