//! Where the slots of a resource type's ARN stand in a call: by the names of its parameters.
//!
//! members, slot --score--> the best places
//!
//! A name matches a slot when both are one name, or one stem under another ending (`FunctionName`, `functionArn`), or when a bare `id`,
//! `name` or `arn` stands in an operation or below a parameter that is about the type.

use std::collections::BTreeSet;

use super::members::{Member, singular};
use crate::catalog::operation::{SlotPath, normal_name};
use crate::catalog::reference::{ResourceType, Service};
use crate::catalog::rules::ParameterPath;

/// Places of one slot that are kept.
const PLACES_MAX: usize = 4;

/// Ends of a name that say how it names, not what.
const ENDS: [&str; 8] = ["withpath", "identifier", "resourceid", "name", "arn", "uuid", "guid", "id"];

/// Words before a name that say which of several.
const WHICH: [&str; 10] = ["source", "target", "destination", "dest", "src", "parent", "primary", "peer", "existing", "original"];

/// Names that stand for whatever resource the action has. What is no ARN there is left to the slots.
const WHOLE: [&str; 8] =
    ["arn", "resourcearn", "resource", "resourceidentifier", "targetarn", "resourceid", "target", "principal"];

/// Verbs of operations that make something new.
const MAKING: [&str; 26] = [
    "Create",
    "Run",
    "Start",
    "Request",
    "Register",
    "Import",
    "Copy",
    "Submit",
    "Allocate",
    "Purchase",
    "Generate",
    "Put",
    "Provision",
    "Launch",
    "Open",
    "Issue",
    "Schedule",
    "Clone",
    "Restore",
    "Begin",
    "Publish",
    "Invite",
    "Add",
    "Build",
    "Deploy",
    "Upload",
];

/// A slot, as names are compared with it.
struct Slot {
    name: String,
    stem: String,
    /// The type's own name, for the main slot; else empty.
    kind: String,
    /// The names of the service's other types.
    others: BTreeSet<String>,
    /// How well a bare name at the top matches: the operation is about the type.
    about: Option<Score>,
}

/// How well a place matches; the more the better.
type Score = u8;

/// The score of the slot's own name.
const OWN_NAME: Score = 100;
/// What each level below the top costs.
const LEVEL: Score = 15;

/// Where the ARN of a type stands: a path for the whole, and one for each slot. Slots without a place are left out.
pub(super) fn find(operation: &str, kind: &ResourceType, kinds: &Kinds, members: &[Member]) -> Vec<SlotPath> {
    let mut found: Vec<SlotPath> = Vec::new();
    let (arns, others): (Vec<&Member>, Vec<&Member>) = members.iter().partition(|place| place.is_arn());
    for name in kind.format.slots() {
        let is_last = main_slot(kind) == Some(name);
        let slot = slot(operation, kind, kinds, name);
        let path = |slot: &str, place: &Member| SlotPath { kind: kind.name.clone(), slot: slot.to_owned(), path: at(place) };
        // The ARN of the type itself fills every slot; a neighbour's ARN only the slots that they share.
        best(&slot, &arns).into_iter().for_each(|place| push(&mut found, path(if is_last { "" } else { name }, place)));
        best(&slot, &others).into_iter().for_each(|place| push(&mut found, path(name, place)));
    }
    if covers(kind, &found) {
        return found;
    }
    for place in members.iter().filter(|place| place.depth == 1 && WHOLE.contains(&place.name.as_str())) {
        let path = ParameterPath { arn_only: !place.is_arn(), ..at(place) };
        push(&mut found, SlotPath { kind: kind.name.clone(), slot: String::new(), path });
    }
    found
}

/// The name that the service chooses for what the operation makes: its place in the answer, marked as any resource of the type.
pub(super) fn made(
    operation: &str,
    kind: &ResourceType,
    kinds: &Kinds,
    found: &[SlotPath],
    answer: &[Member],
) -> Option<SlotPath> {
    let name = main_slot(kind)?;
    let known = found.iter().any(|slot| slot.kind == kind.name && (slot.slot == name || slot.slot.is_empty()));
    if known || !MAKING.iter().any(|verb| operation.starts_with(verb)) {
        return None;
    }
    let slot = slot(operation, kind, kinds, name);
    let answer: Vec<&Member> = answer.iter().collect();
    let place = best(&slot, &answer).into_iter().next()?;
    let path = ParameterPath { response: true, any: true, ..at(place) };
    Some(SlotPath { kind: kind.name.clone(), slot: name.to_owned(), path })
}

/// Whether the type's ARN can be built from these places.
pub(super) fn covers(kind: &ResourceType, found: &[SlotPath]) -> bool {
    let own = || found.iter().filter(|slot| slot.kind == kind.name);
    own().any(|slot| slot.slot.is_empty()) || kind.format.slots().all(|name| own().any(|slot| slot.slot == name))
}

/// Whether a path is a parameter at the top that is called as the slot is, whatever its ending.
pub(super) fn is_called(path: &ParameterPath, slot: &str) -> bool {
    let [step] = path.steps.as_slice() else { return false };
    let (step, slot) = (normal_name(step), normal_name(slot));
    step == slot || (!stem(&slot).is_empty() && stem(&step) == stem(&slot))
}

pub(super) fn push(found: &mut Vec<SlotPath>, slot: SlotPath) {
    if !found.contains(&slot) {
        found.push(slot);
    }
}

fn at(place: &Member) -> ParameterPath {
    ParameterPath::request(place.path.clone())
}

/// The slot that tells resources of the type apart: the one that is called as the type is, else the last that a client could know.
fn main_slot(kind: &ResourceType) -> Option<&str> {
    let own = kind_name(kind);
    let is_unknown = |name: &str| ["version", "revision", "number", "uuid"].iter().any(|part| normal_name(name).contains(part));
    let names: Vec<&str> = kind.format.slots().collect();
    let called = names.iter().rfind(|name| stem(&normal_name(name)) == own && !is_unknown(name));
    called.or_else(|| names.iter().rfind(|name| !is_unknown(name))).or(names.last()).copied()
}

fn slot(operation: &str, kind: &ResourceType, kinds: &Kinds, name: &str) -> Slot {
    let own = kind_name(kind);
    let name = normal_name(name);
    let stem = stem(&name);
    if main_slot(kind).map(normal_name).as_ref() != Some(&name) {
        return Slot { name, stem, kind: String::new(), others: BTreeSet::new(), about: None };
    }
    let nouns = nouns(operation);
    let is_noun = |word: &String| !word.is_empty() && nouns.contains(word);
    // A longer name that holds it: `DataLakeNamespace`, `DistributionWebACL`.
    let is_part = |word: &String| word.len() >= 5 && nouns.iter().any(|noun| noun.contains(word.as_str()));
    let about = match (is_noun(&own) || is_noun(&stem), is_part(&own) || is_part(&stem)) {
        (true, _) => Some(85),
        (false, true) => Some(60),
        (false, false) => None,
    };
    let others = kinds.0.iter().filter(|other| **other != own && **other != stem).cloned().collect();
    Slot { name, stem, kind: own, others, about }
}

/// The names of all types of a service, as slots are compared with them.
#[derive(Debug, Default)]
pub(super) struct Kinds(BTreeSet<String>);

impl Kinds {
    pub(super) fn of(service: &Service) -> Kinds {
        Kinds(service.types().iter().map(kind_name).collect())
    }
}

fn kind_name(kind: &ResourceType) -> String {
    let name = normal_name(&kind.name);
    singular(name.strip_suffix("resource").filter(|rest| !rest.is_empty()).unwrap_or(&name))
}

/// What an operation is about: its name without the verb, in the singular, also without what stands before or after in it.
fn nouns(operation: &str) -> BTreeSet<String> {
    let verb =
        operation.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase()).map_or(operation.len(), |(at, _)| at);
    let rest = operation.get(verb..).unwrap_or_default();
    let mut nouns = BTreeSet::from([normal_name(rest), singular(&normal_name(rest))]);
    let batch = rest.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase()).map_or(0, |(at, _)| at);
    if operation.starts_with("Batch") {
        nouns.insert(singular(&normal_name(rest.get(batch..).unwrap_or_default())));
    }
    nouns
}

/// The name without how it names: `functionname` and `functionarn` are `function`; `id` is nothing.
fn stem(name: &str) -> String {
    let mut name = name;
    while let Some(rest) = ENDS.iter().find_map(|end| name.strip_suffix(end)) {
        name = rest;
    }
    singular(name)
}

/// The places that match best, in the order of the model; of a name that is the slot's own also those one level below the first.
fn best<'a>(slot: &Slot, members: &[&'a Member]) -> Vec<&'a Member> {
    let scored: Vec<(Score, Score, &Member)> = members
        .iter()
        .filter_map(|place| {
            let score = score(slot, place)?;
            let below = Score::try_from(place.depth.saturating_sub(1)).unwrap_or(Score::MAX).saturating_mul(LEVEL);
            Some((score.saturating_sub(below), score, *place))
        })
        .collect();
    let Some(most) = scored.iter().map(|(placed, _, _)| *placed).max() else { return Vec::new() };
    let first = scored.iter().find(|(placed, _, _)| *placed == most).map_or(0, |(_, _, place)| place.depth);
    let own = scored.iter().any(|(placed, score, _)| *placed == most && *score == OWN_NAME);
    let kept = scored
        .into_iter()
        .filter(|(placed, score, place)| *placed == most || (own && *score == OWN_NAME && place.depth <= first + 1));
    kept.map(|(_, _, place)| place).take(PLACES_MAX).collect()
}

/// Whether one is a name and the other an id: a broker's id in the place of its name makes the ARN of no broker.
fn names_otherwise(one: &str, other: &str) -> bool {
    let is_name = |text: &str| text.ends_with("name") || text.ends_with("namewithpath");
    let is_id = |text: &str| text.ends_with("id") && !text.ends_with("uuid") && !text.ends_with("guid");
    (is_name(one) && is_id(other)) || (is_id(one) && is_name(other))
}

fn score(slot: &Slot, place: &Member) -> Option<Score> {
    let own = stem(&place.name);
    let is_slot = |text: &str| !text.is_empty() && (text == slot.stem || text == slot.kind);
    if place.name == slot.name && !slot.stem.is_empty() {
        return Some(OWN_NAME);
    }
    if own.is_empty() {
        // A bare `id`: what it names is said by what stands before it, or by the operation. A bare `name` is rarely the id.
        let same = place.name == slot.name && place.depth == 1;
        let below = (place.depth > 1 && is_slot(&stem(&singular(&place.parent)))).then_some(85);
        let score = below.or(slot.about.filter(|_| place.depth == 1)).or(same.then_some(40));
        let other = place.name == "name" && slot.name.ends_with("id");
        return score.map(|score| if other { score.min(45) } else { score });
    }
    if !slot.stem.is_empty() && names_otherwise(&slot.name, &place.name) {
        return None;
    }
    if own == slot.stem {
        return Some(95);
    }
    if is_slot(&own) {
        return Some(90);
    }
    if WHICH.iter().any(|which| own.strip_prefix(which).is_some_and(is_slot)) {
        return Some(88);
    }
    // `api` of a `graphqlapi`, but not what another type is called; an ARN is judged again by its own type when it is read.
    let part = |one: &str, other: &str| one.len().min(other.len()) >= 3 && (one.ends_with(other) || other.ends_with(one));
    let certain = place.depth == 1 && !slot.others.contains(&own) && (place.required || place.is_arn());
    (certain && (part(&slot.stem, &own) || part(&slot.kind, &own))).then_some(50)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::format::Format;

    fn kind(name: &str, arn: &str) -> ResourceType {
        ResourceType {
            name: name.to_owned(),
            format: Format::parse(&format!("arn:${{Partition}}:svc:${{Region}}:${{Account}}:{arn}")),
        }
    }

    fn places(texts: &[&str]) -> Vec<Member> {
        let place = |text: &&str| {
            let path: Vec<String> = text.trim_end_matches('!').split('.').map(str::to_owned).collect();
            let names: Vec<&String> = path.iter().filter(|step| *step != "[]").collect();
            let name = normal_name(names.last().unwrap());
            let name = if path.last().is_some_and(|last| last == "[]") { singular(&name) } else { name };
            let parent = names.len().checked_sub(2).map_or(String::new(), |at| normal_name(names[at]));
            Member { depth: names.len(), name, parent, required: text.ends_with('!'), path: path.clone() }
        };
        texts.iter().map(place).collect()
    }

    fn found(operation: &str, kind: &ResourceType, texts: &[&str]) -> String {
        let found = find(operation, kind, &Kinds(BTreeSet::new()), &places(texts));
        found.iter().map(|slot| format!("{}={}", slot.slot, slot.path)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_of_slots_are_found() {
        let function = kind("function", "function:${FunctionName}");
        let service = kind("service", "service/${ClusterName}/${ServiceName}");
        let generic = kind("maintenancewindow", "maintenancewindow/${ResourceId}");
        let layer = kind("layer", "layer:${LayerName}:${LayerVersion}");
        let group = kind("nodegroup", "nodegroup/${ClusterName}/${NodegroupName}/${UUID}");
        let analysis = kind("analysis", "analysis/${ResourceId}");
        for (operation, kind, texts, expected) in [
            ("GetFunction", &function, &["Qualifier", "FunctionName"][..], "FunctionName=FunctionName"),
            ("GetFunction", &function, &["FunctionName", "FunctionArn"], "=FunctionArn FunctionName=FunctionName"),
            ("GetFunction", &function, &["functionArn"], "=functionArn"),
            ("ListFunctions", &function, &["FunctionNames.[]"], "FunctionName=FunctionNames.[]"),
            ("GetFunction", &function, &["Id"], "FunctionName=Id"),
            ("GetOther", &function, &["Id"], ""),
            ("GetOther", &function, &["Config.Function.Arn"], "=Config.Function.Arn"),
            ("GetOther", &function, &["Filters.[].Name"], ""),
            ("GetFunction", &function, &["functionId"], ""),
            ("CopyThing", &function, &["SourceFunctionName"], "FunctionName=SourceFunctionName"),
            ("UpdateFunction", &function, &["Function", "Upstreams.[].FunctionName"], "FunctionName=Function"),
            (
                "RunFunction",
                &function,
                &["FunctionName", "Layers.[].FunctionName"],
                "FunctionName=FunctionName FunctionName=Layers.[].FunctionName",
            ),
            (
                "DescribeNodegroup",
                &group,
                &["clusterName", "nodegroupName"],
                "ClusterName=clusterName NodegroupName=nodegroupName",
            ),
            ("DeleteLayer", &layer, &["LayerName", "VersionNumber"], "LayerName=LayerName"),
            ("CreateAnalysis", &analysis, &["Name", "AnalysisId"], "ResourceId=AnalysisId"),
            ("TagResource", &function, &["ResourceArn", "Tags.[].Key"], "=ResourceArn"),
            ("UpdateService", &service, &["cluster", "service"], "ClusterName=cluster ServiceName=service"),
            ("UpdateService", &service, &["clusterArn", "name"], "ClusterName=clusterArn ServiceName=name"),
            ("DescribeMaintenanceWindow", &generic, &["WindowId!"], "ResourceId=WindowId"),
            ("DescribeMaintenanceWindow", &generic, &["WindowId"], ""),
            ("AttachThing", &function, &["target"], "=@target"),
            ("GetMaintenanceWindow", &generic, &["MaintenanceWindowId"], "ResourceId=MaintenanceWindowId"),
        ] {
            assert_eq!(found(operation, kind, texts), expected, "{operation} {texts:?}");
        }
    }

    #[test]
    fn another_type_is_no_part() {
        let cluster = kind("cluster", "cluster:${DbClusterInstanceName}");
        let kinds = Kinds(["cluster", "globalcluster"].map(str::to_owned).into());
        assert_eq!(find("CreateGlobalCluster", &cluster, &kinds, &places(&["GlobalClusterIdentifier!"])), []);
        assert_eq!(find("ModifyOther", &cluster, &kinds, &places(&["RemoteCluster!"])).len(), 1);
    }

    #[test]
    fn what_is_made_is_any_of_its_type() {
        let volume = kind("volume", "volume/${VolumeId}");
        let all = Kinds(BTreeSet::from(["volume".to_owned()]));
        let answer = places(&["Volume.VolumeId", "Volume.Size"]);
        let path = made("CreateVolume", &volume, &all, &[], &answer).unwrap().path;
        assert_eq!(path.to_string(), "<Volume.VolumeId?any");
        assert_eq!(made("DeleteVolume", &volume, &all, &[], &answer), None);
        let given = find("CreateVolume", &volume, &all, &places(&["VolumeId"]));
        assert_eq!(made("CreateVolume", &volume, &all, &given, &answer), None);
    }

    #[test]
    fn stems_are_names_without_their_ends() {
        for (name, left) in
            [("functionname", "function"), ("rolenamewithpath", "role"), ("id", ""), ("resourceid", ""), ("bucket", "bucket")]
        {
            assert_eq!(stem(name), left, "{name}");
        }
    }
}
