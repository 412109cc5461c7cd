//! What the operation map says of slots, laid over what names suggest.
//!
//! Invariant: the map beats names, except where a parameter that is called as the slot is stands at the top, and where several types of the
//! operation have a slot of that name: the map does not say whose it means.

use std::collections::BTreeMap;

use super::Conflicts;
use super::members::Member;
use super::operation_map::Row;
use super::passes::place_of;
use super::slots::{is_called, push};
use crate::catalog::operation::SlotPath;
use crate::catalog::reference::ResourceType;
use crate::catalog::rules::ParameterPath;

/// Corrects the slots of one type; `kinds` are all types of the operation.
pub(super) fn lay(
    own: &mut Vec<SlotPath>,
    kind: &ResourceType,
    kinds: &[&ResourceType],
    map: &[Row],
    input: &[Member],
    conflicts: &mut Conflicts,
) {
    for (slot, paths) in said(kind, map, input, conflicts) {
        let ours = || own.iter().filter(|known| known.slot == slot || known.slot.is_empty());
        let same = |known: &SlotPath| paths.iter().any(|path| path.path.steps == known.path.steps);
        if ours().any(same) {
            *conflicts.entry("map-slot-agrees").or_default() += 1;
            continue;
        }
        let shared = !slot.is_empty() && kinds.iter().filter(|other| other.format.slots().any(|name| name == slot)).count() > 1;
        let named = |known: &SlotPath| is_called(&known.path, &slot);
        if ours().next().is_none() {
            own.extend(paths);
        } else if shared || ours().any(named) {
            *conflicts.entry("map-slot-beaten-by-name").or_default() += 1;
        } else {
            *conflicts.entry("map-slot-differs").or_default() += 1;
            own.retain(|known| known.slot != slot);
            own.extend(paths);
        }
    }
}

/// What the map says of a type's slots, as far as the call still has the parameters.
fn said(kind: &ResourceType, map: &[Row], input: &[Member], conflicts: &mut Conflicts) -> BTreeMap<String, Vec<SlotPath>> {
    let mut said: BTreeMap<String, Vec<SlotPath>> = BTreeMap::new();
    let names: Vec<&str> = kind.format.slots().collect();
    let mut say = |slot: &str, path: &[String]| match place_of(path, input) {
        Some(place) => {
            let arn_only = slot.is_empty() && !place.is_arn();
            let path = ParameterPath { arn_only, ..ParameterPath::request(place.path.clone()) };
            let paths = said.entry(slot.to_owned()).or_default();
            push(paths, SlotPath { kind: kind.name.clone(), slot: slot.to_owned(), path });
        }
        None => *conflicts.entry("map-parameter-gone").or_default() += 1,
    };
    for row in map.iter().filter(|row| row.action != "iam:PassRole") {
        for (slot, path) in row.slots.iter().filter(|(slot, _)| names.contains(&slot.as_str())) {
            say(slot, path);
        }
        for (_, path) in row.arns.iter().filter(|(arn_of, _)| *arn_of == kind.name) {
            say("", path);
        }
    }
    said
}
