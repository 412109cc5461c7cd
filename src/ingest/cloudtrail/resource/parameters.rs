//! Parameters that name resources: by the catalog's table of paths, or by a parameter's name being a slot's name.

use serde_json::Value;

use super::{Found, SELECTED, Scene, any_of, exceptions};
use crate::access::aws::Arn;
use crate::catalog::format::Fill;
use crate::catalog::reference::ResourceType;
use crate::catalog::rules::ParameterPath;
use crate::ingest::cloudtrail::named::{ARN, Named, Parameters};
use crate::ingest::cloudtrail::record::Object;

/// How deep an answer is searched for ARNs.
const DEPTH_MAX: usize = 4;

/// Ends of names of parameters that hold what a person or a client wrote: an ARN in there names nothing that was asked for.
const FREE_TEXT: [&str; 18] = [
    "description",
    "comment",
    "comments",
    "message",
    "subject",
    "body",
    "input",
    "output",
    "value",
    "content",
    "text",
    "reason",
    "title",
    "payload",
    "cause",
    "label",
    "note",
    "data",
];

/// Parameters that hold an object's key or a part of one: a key may be spelled as another object's ARN.
const OBJECT_TEXT: [&str; 6] = ["key", "prefix", "marker", "start-after", "delimiter", "x-amz-copy-source"];

fn is_free_text(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FREE_TEXT.iter().any(|end| name.ends_with(end)) || OBJECT_TEXT.contains(&name.as_str())
}

/// Whether a parameter is one that APIs name a resource by; a call's own name or tags may be spelled as any ARN.
fn names_a_resource(name: &str) -> bool {
    const ENDS: [&str; 9] = ["arn", "arns", "id", "ids", "identifier", "identifiers", "resource", "resources", "url"];
    let name = name.to_ascii_lowercase();
    // `functionName` names one, `name` is whatever the caller calls the thing.
    (name.ends_with("name") && name != "name") || ENDS.iter().any(|end| name.ends_with(end))
}

/// ARNs that stand at the top of the parameters, alone or in a list. Of S3's parameters only the bucket may be one.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub(super) fn top_arns(service: &str, request: &Parameters) -> Vec<String> {
    let taken = |name: &str| if service == "s3" { name == "bucketName" } else { !is_free_text(name) && names_a_resource(name) };
    let texts = request.arns_and_lists(taken).flat_map(|value| match value {
        Value::String(text) => vec![text],
        Value::Array(list) => {
            list.iter().filter_map(|one| if let Value::String(text) = one { Some(text) } else { None }).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    });
    texts.filter(|text| text.starts_with(ARN)).cloned().collect()
}

/// ARNs anywhere near the top of an answer.
pub(super) fn deep_arns(response: &Object) -> Vec<String> {
    let mut arns = Vec::new();
    response.iter().filter(|(name, _)| !is_free_text(name)).for_each(|(_, value)| {
        walk(value, 0, &mut |text| {
            if text.starts_with("arn:") {
                arns.push(text.to_owned());
            }
        })
    });
    arns
}

/// Whether a text stands anywhere near the top of the parameters.
pub(super) fn holds(request: &Parameters, wanted: &str) -> bool {
    let mut held = false;
    request.all().values().for_each(|value| walk(value, 0, &mut |text| held |= text == wanted));
    held
}

fn walk(value: &Value, depth: usize, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(list) if depth < DEPTH_MAX => list.iter().for_each(|value| walk(value, depth + 1, see)),
        Value::Object(object) if depth < DEPTH_MAX => {
            let named = object.iter().filter(|(name, _)| !is_free_text(name));
            named.for_each(|(_, value)| walk(value, depth + 1, see));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {}
    }
}

/// A parameter at the top by its name in any case; AWS writes `dBInstanceIdentifier` and `dbInstanceIdentifier`.
pub(in crate::ingest::cloudtrail) fn get<'a>(object: &'a impl Named, name: &str) -> Option<&'a Value> {
    object.value_in_any_case(name).filter(|value| !value.is_null())
}

/// A text at the top; `None` where it is absent, empty or no text.
pub(in crate::ingest::cloudtrail) fn text<'a>(object: &'a impl Named, name: &str) -> Option<&'a str> {
    get(object, name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Which places of a call are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// Those written by hand, and parameters that are called as the slot is.
    Known,
    /// Those of the API's model too.
    Modelled,
}

/// The resources of a type that the parameters name.
pub(super) fn fill(scene: &Scene<'_>, resource_type: &ResourceType, places: Places) -> Vec<Found> {
    let slots: Vec<&str> = resource_type.format.slots().collect();
    if slots.is_empty() {
        return Vec::new();
    }
    let mut filled: Vec<(&str, Vec<String>)> = Vec::new();
    for slot in slots {
        let values = candidates(scene, resource_type, slot, places);
        if values.is_empty() && exceptions::is_open(scene.prefix, slot) {
            continue;
        }
        if values.is_empty() {
            let paths = scene.catalog.rules().parameter(scene.prefix, &resource_type.name, slot).iter();
            let selected = paths.filter(|path| path.any).any(|path| !read(&scene.trail.request, &path.steps).is_empty());
            return if selected { any_of(scene, resource_type, SELECTED).into_iter().collect() } else { Vec::new() };
        }
        filled.push((slot, values));
    }
    // With two lists the record does not say which goes with which.
    if filled.iter().filter(|(_, values)| values.len() > 1).count() > 1 {
        return Vec::new();
    }
    let count = filled.iter().map(|(_, values)| values.len()).max().unwrap_or_default();
    (0..count).filter_map(|index| one(scene, resource_type, &filled, index)).collect()
}

fn one(scene: &Scene<'_>, resource_type: &ResourceType, filled: &[(&str, Vec<String>)], index: usize) -> Option<Found> {
    let mut place: Option<(String, String, String)> = None;
    let mut values: Vec<(&str, Fill)> = Vec::new();
    let mut implied = None;
    for (slot, candidates) in filled {
        let value = candidates.get(index).or_else(|| candidates.first())?;
        if !is_arn_here(scene, slot, value) {
            let (fill, why) = exceptions::fill(scene, slot, value)?;
            implied = implied.or(why);
            values.push((slot, fill));
            continue;
        }
        if resource_type.format.captures(value).is_some() {
            return Some(Found { kind: resource_type.name.clone(), arn: Arn::literal(value)?, implied: None });
        }
        // An ARN of a neighbour: a cluster's ARN names the cluster of a service.
        let captures = scene
            .service
            .types_of(value)
            .into_iter()
            .find_map(|neighbour| neighbour.format.captures(value).filter(|captures| captures.slots.contains_key(*slot)))?;
        let text = |name: &str| captures.slots.get(name).cloned().unwrap_or_default();
        values.push((slot, Fill::Literal(text(slot))));
        place = Some((text("Partition"), text("Region"), text("Account")));
    }
    let arn = resource_type.format.make(|slot| {
        if let Some((_, fill)) = values.iter().find(|(name, _)| *name == slot) {
            return Some(fill.clone());
        }
        if exceptions::is_open(scene.prefix, slot) {
            implied = implied.or(Some(exceptions::ORGANIZATION));
            return Some(Fill::Any);
        }
        let Some((partition, region, account)) = &place else { return scene.place(slot) };
        let text = match slot {
            "Partition" => partition,
            "Region" => region,
            "Account" => account,
            _ => return None,
        };
        Some(Fill::Literal(text.clone()))
    })?;
    Some(Found { kind: resource_type.name.clone(), arn, implied })
}

/// Whether a value names its resource by ARN. An object's key may begin as an ARN does, and a name that is another service's ARN is a
/// name that a client made up: both stand for themselves, so that nothing wider follows from them.
fn is_arn_here(scene: &Scene<'_>, slot: &str, value: &str) -> bool {
    let service = value.strip_prefix("arn:").map(|rest| rest.split(':').nth(1).unwrap_or_default());
    service.is_some_and(|service| slot != "ObjectName" && (service == scene.prefix || !slot.ends_with("Name")))
}

/// The texts that stand where the API's model has this slot.
fn placed(scene: &Scene<'_>, resource_type: &ResourceType, slot: &str) -> Vec<String> {
    let operation = scene.catalog.operation(scene.prefix, &scene.trail.event);
    let places = operation.into_iter().flat_map(|operation| &operation.slots);
    let here = places.filter(|place| {
        let of_slot = place.slot == slot || place.slot.is_empty();
        place.kind == resource_type.name && of_slot && !place.path.response && !place.path.any
    });
    here.flat_map(|place| read(&scene.trail.request, &place.path.steps).into_iter().filter(|text| counts(&place.path, text)))
        .collect()
}

/// The texts that may fill a slot, each once, in order.
fn candidates(scene: &Scene<'_>, resource_type: &ResourceType, slot: &str, places: Places) -> Vec<String> {
    let paths = scene.catalog.rules().parameter(scene.prefix, &resource_type.name, slot);
    let of = |response: bool| {
        let paths = paths.iter().filter(move |path| path.response == response && !path.any);
        let texts = move |path: &ParameterPath| match response {
            true => read(scene.trail.response(), &path.steps),
            false => read(&scene.trail.request, &path.steps),
        };
        paths.flat_map(move |path| texts(path).into_iter().filter(move |text| counts(path, text)))
    };
    let mut texts: Vec<String> = of(false).collect();
    if texts.is_empty() && paths.is_empty() {
        let wanted = normal(slot);
        let same = scene.trail.request.selected(|name| normal(name) == wanted);
        texts.extend(same.flat_map(|(_, value)| leaves(value)));
    }
    if texts.is_empty() && paths.is_empty() && places == Places::Modelled {
        texts.extend(placed(scene, resource_type, slot));
    }
    // A call on something that exists is asked on what it names alone, whatever else RDS tells of that.
    let makes = ["Create", "Restore"].iter().any(|verb| scene.action.starts_with(verb));
    if texts.is_empty() && (makes || scene.prefix != "rds") {
        texts.extend(of(true));
    }
    let mut unique: Vec<String> = Vec::new();
    for text in texts {
        if !text.is_empty() && !unique.contains(&text) {
            unique.push(text);
        }
    }
    unique
}

fn counts(path: &ParameterPath, text: &str) -> bool {
    (!path.arn_only || text.starts_with("arn:")) && text.starts_with(&path.begins)
}

/// `TableName`, `tableName` and `table-name` are one name.
fn normal(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect()
}

/// The texts at a path.
pub(in crate::ingest::cloudtrail) fn read<S: AsRef<str>>(object: &impl Named, steps: &[S]) -> Vec<String> {
    let Some((first, rest)) = steps.split_first() else { return Vec::new() };
    let Some(value) = get(object, first.as_ref()) else { return Vec::new() };
    follow(value, rest)
}

fn follow<S: AsRef<str>>(value: &Value, steps: &[S]) -> Vec<String> {
    match (steps.split_first().map(|(first, rest)| (first.as_ref(), rest)), value) {
        (None, value) => leaves(value),
        (Some(("[]", rest)), Value::Array(list)) => list.iter().flat_map(|value| follow(value, rest)).collect(),
        // A list of one is sometimes written without its brackets.
        (Some(("[]", rest)), value) => follow(value, rest),
        (Some(("{}", _)), Value::Object(object)) => object.keys().cloned().collect(),
        (Some(_), Value::Object(object)) => read(object, steps),
        (Some(_), _) => Vec::new(),
    }
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}
