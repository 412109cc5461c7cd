//! What the catalog says of one action, for a person and as JSON.

use serde_json::{Value, json};
use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::catalog::operation::{Operation, SlotPath};

use crate::console::Console;

/// Where the second column begins.
const COLUMN: usize = 14;
/// How wide a listing may be.
const WIDTH: usize = 108;

/// One labelled line.
pub(super) fn labelled(console: &Console, label: &str, text: &str) {
    console.line(&format!("  {label:COLUMN$}{text}"));
}

/// Names after each other, on as many lines as they need; nothing where there is none.
pub(super) fn listed(console: &Console, label: &str, names: &[String]) {
    let mut line = String::new();
    let mut label = label;
    for name in names {
        if !line.is_empty() && COLUMN + line.len() + name.len() + 2 > WIDTH {
            labelled(console, label, line.trim_end());
            line.clear();
            label = "";
        }
        line.push_str(name);
        line.push_str("  ");
    }
    if !line.is_empty() {
        labelled(console, label, line.trim_end());
    }
}

/// The action's own facts; `operation` adds where its resources stand in the call.
pub(super) fn show(catalog: &Catalog, action: &Action, operation: Option<&Operation>, console: &Console) {
    let Some(definition) = catalog.action(action) else { return };
    labelled(console, "level", definition.access.name());
    let types = catalog.types_for(action);
    if types.is_empty() {
        labelled(console, "resources", "none: it can only be granted on `*`");
    }
    let mut label = "resources";
    for (kind, required) in types {
        let mark = if required { "" } else { " (optional)" };
        labelled(console, label, &format!("{}{mark}  {}", kind.name, kind.format));
        label = "";
        let slots = operation.map(|operation| operation.slots.as_slice()).unwrap_or_default();
        for slot in slots.iter().filter(|slot| slot.kind == kind.name && stands_for(slot, kind)) {
            labelled(console, "", &format!("  {}", place(slot)));
        }
    }
    listed(console, "conditions", &definition.condition_keys);
    listed(console, "needs too", &definition.dependent);
    let forwarded = catalog.forwarded(action).iter().map(|call| format!("{} (through {})", call.action, call.via));
    listed(console, "forwards", &forwarded.collect::<Vec<_>>());
}

/// Whether a place belongs to this format of its type: a type may have two.
fn stands_for(slot: &SlotPath, kind: &tightfit::catalog::reference::ResourceType) -> bool {
    slot.slot.is_empty() || kind.format.slots().any(|name| name == slot.slot)
}

fn place(slot: &SlotPath) -> String {
    let at = slot.path.steps.join(".").replace(".[]", "[]");
    match (slot.slot.is_empty(), slot.path.response && slot.path.any) {
        (_, true) => format!("{}: new, the service chooses it", slot.slot),
        (true, false) if slot.path.arn_only => format!("whole, where {at} is an ARN"),
        (true, false) => format!("whole, from {at}"),
        (false, false) => format!("{} from {at}", slot.slot),
    }
}

/// The same as JSON.
pub(super) fn document(catalog: &Catalog, action: &Action) -> Value {
    let Some(definition) = catalog.action(action) else { return Value::Null };
    let types = catalog
        .types_for(action)
        .into_iter()
        .map(|(kind, required)| json!({ "type": kind.name, "required": required, "arn": kind.format.to_string() }));
    let forwarded = catalog.forwarded(action).iter();
    json!({
        "action": action.to_string(),
        "level": definition.access.name(),
        "resources": types.collect::<Vec<_>>(),
        "condition_keys": definition.condition_keys,
        "dependent_actions": definition.dependent,
        "forwarded": forwarded.map(|call| json!({ "action": call.action.to_string(), "via": call.via })).collect::<Vec<_>>(),
    })
}

/// The places of an operation's resources as JSON.
pub(super) fn places(operation: &Operation) -> Value {
    let place = |slot: &SlotPath| {
        json!({
            "type": slot.kind,
            "slot": slot.slot,
            "path": slot.path.steps.join("."),
            "from": if slot.path.response { "response" } else { "request" },
            "arn_only": slot.path.arn_only,
            "any": slot.path.any,
        })
    };
    operation.slots.iter().map(place).collect()
}
