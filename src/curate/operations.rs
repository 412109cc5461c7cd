//! The table of operations: every model's operations, under the IAM prefix that they are authorized by.
//!
//! models --decide, find slots--> Operation --merge those of one prefix and name--> lines
//!
//! Invariant: a path names only what the call has.

use std::collections::BTreeMap;

use super::botocore::{Call, Model};
use super::members::members;
use super::operation_map::{OperationMap, Row};
use super::slots::Kinds;
use super::text::{Lines, list_safe};
use super::{Conflicts, CurateError, actions, map_slots, passes, prefix, slots};
use crate::access::aws::Action;
use crate::catalog::Catalog;
use crate::catalog::operation::{Operation, SlotPath};
use crate::catalog::reference::ResourceType;
use crate::catalog::rules::Confidence;

/// The lines of each prefix's operations.
pub(super) fn lines(
    models: &BTreeMap<String, Model>,
    known: &Catalog,
    map: Option<&OperationMap>,
    conflicts: &mut Conflicts,
) -> Result<BTreeMap<String, String>, CurateError> {
    let kinds = |prefix: &str| (prefix.to_owned(), known.service(prefix).map_or_else(Kinds::default, Kinds::of));
    let types = Table { known, kinds: known.prefixes().map(kinds).collect(), none: Kinds::default() };
    let mut tables: BTreeMap<String, BTreeMap<String, Operation>> = BTreeMap::new();
    for (folder, model) in models {
        let Some(prefix) = prefix::of(folder, model, known) else { continue };
        let table = tables.entry(prefix.clone()).or_default();
        for (name, call) in &model.operations {
            let rows = map.map_or(&[][..], |map| map.rows(&model.metadata.service_id, &prefix, name));
            let operation = operation((&prefix, name), (model, call), rows, &types, conflicts);
            match table.get_mut(&name.to_ascii_lowercase()) {
                Some(other) => merge(other, operation, conflicts),
                None => {
                    table.insert(name.to_ascii_lowercase(), operation);
                }
            }
        }
    }
    tables.into_iter().map(|(prefix, table)| Ok((prefix.clone(), write(&prefix, &table)?))).collect()
}

/// The reference, and what the types of each service are called.
struct Table<'a> {
    known: &'a Catalog,
    kinds: BTreeMap<String, Kinds>,
    none: Kinds,
}

impl Table<'_> {
    fn kinds(&self, prefix: &str) -> &Kinds {
        self.kinds.get(prefix).unwrap_or(&self.none)
    }
}

/// The types of all actions of an operation, with their services; a type of two formats stands twice.
fn kinds_of<'a>(actions: &'a [(Action, Confidence)], known: &'a Catalog) -> Vec<(&'a str, &'a ResourceType)> {
    let mut kinds: Vec<(&str, &ResourceType)> = Vec::new();
    for (action, _) in actions {
        let Some((service, definition)) = known.service(&action.service).zip(known.action(action)) else { continue };
        for kind in service.types().iter().filter(|kind| definition.types.iter().any(|used| used.name == kind.name)) {
            if !kinds.contains(&(action.service.as_str(), kind)) {
                kinds.push((&action.service, kind));
            }
        }
    }
    kinds
}

fn write(prefix: &str, table: &BTreeMap<String, Operation>) -> Result<String, CurateError> {
    let mut lines = Lines::default();
    for operation in table.values() {
        for slot in &operation.slots {
            list_safe(&slot.kind)?;
        }
        let [name, origin, actions, slots, passes] = operation.to_fields(prefix);
        lines.line(&["operation", &name, &origin, &actions, &slots, &passes])?;
    }
    Ok(lines.into_text())
}

fn operation(
    (prefix, name): (&str, &str),
    (model, call): (&Model, &Call),
    map: &[Row],
    table: &Table<'_>,
    conflicts: &mut Conflicts,
) -> Operation {
    let decided = actions::decide((prefix, name), (model, call), map, table.known, conflicts);
    let kinds = kinds_of(&decided.actions, table.known);
    let asked = !map.is_empty() || !decided.actions.is_empty();
    let input = if asked { members(model, call.input.as_ref()) } else { Vec::new() };
    let types: Vec<&ResourceType> = kinds.iter().map(|(_, kind)| *kind).collect();
    let mut found: Vec<SlotPath> = Vec::new();
    for (prefix, kind) in &kinds {
        let mut own = slots::find(name, kind, table.kinds(prefix), &input);
        map_slots::lay(&mut own, kind, &types, map, &input, conflicts);
        own.into_iter().for_each(|slot| slots::push(&mut found, slot));
    }
    if types.iter().any(|kind| !slots::covers(kind, &found)) {
        let answer = members(model, call.output.as_ref());
        let made = |(prefix, kind): &(&str, &ResourceType)| slots::made(name, kind, table.kinds(prefix), &found, &answer);
        let made: Vec<SlotPath> = kinds.iter().filter_map(made).collect();
        found.extend(made);
    }
    Operation {
        name: name.to_owned(),
        passes: passes::find(&decided.actions, map, &input, table.known),
        actions: decided.actions,
        permissionless: decided.permissionless,
        slots: found,
        origin: decided.origin,
    }
}

/// Two models of one prefix have an operation of one name: the better source says the actions; both say where slots stand.
fn merge(one: &mut Operation, other: Operation, conflicts: &mut Conflicts) {
    if other.origin < one.origin {
        one.actions = other.actions;
        one.permissionless = other.permissionless;
        one.origin = other.origin;
    } else if other.origin == one.origin && other.actions != one.actions {
        *conflicts.entry("models-name-different-actions").or_default() += 1;
        for (action, _) in other.actions {
            if !one.actions.iter().any(|(known, _)| *known == action) {
                one.actions.push((action, Confidence::Assumed));
            }
        }
        one.actions.iter_mut().for_each(|(_, confidence)| *confidence = Confidence::Assumed);
    }
    for slot in other.slots {
        slots::push(&mut one.slots, slot);
    }
    for path in other.passes {
        if !one.passes.contains(&path) {
            one.passes.push(path);
        }
    }
}
