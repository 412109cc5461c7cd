//! What the catalog says of one action, for a person and as JSON.

use serde_json::{Value, json};
use tightfit::access::aws::{Action, Text};
use tightfit::catalog::operation::{Operation, SlotPath, normal_name};
use tightfit::catalog::{Catalog, data_events, side};
use tightfit::policy::pattern;

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
    let roles: Vec<String> = roles(action, operation).iter().map(Role::spelled).collect();
    listed(console, "passes roles", &roles);
    if !roles.is_empty() {
        labelled(console, "", "iam:PassRole is asked for on each role that is named there");
    }
    for needed in side::unrecorded(action) {
        labelled(console, "taken along", &format!("{}: {}", needed.action, needed.why));
    }
    let forwarded = catalog.forwarded(action).iter().map(|call| format!("{} (through {})", call.action, call.via));
    listed(console, "forwards", &forwarded.collect::<Vec<_>>());
}

/// A parameter by which a call hands a role over.
struct Role {
    path: String,
    /// It names an instance profile, which holds the role.
    profile: bool,
    /// The service that gets it; empty where that is not sure.
    to: &'static str,
}

impl Role {
    fn spelled(&self) -> String {
        let mut notes = Vec::new();
        notes.extend(self.profile.then(|| "an instance profile".to_owned()));
        notes.extend((!self.to.is_empty()).then(|| format!("to {}", self.to)));
        let path = self.path.replace(".[]", "[]");
        if notes.is_empty() { path } else { format!("{path} ({})", notes.join(", ")) }
    }
}

/// Where a call hands roles over: the hand table first, which knows to whom, then what the API's model says more.
fn roles(action: &Action, operation: Option<&Operation>) -> Vec<Role> {
    let by_hand = side::passed_roles(action).iter();
    let mut roles: Vec<Role> =
        by_hand.map(|role| Role { path: role.steps.join("."), profile: role.profile, to: role.to }).collect();
    // An operation that stands for several actions hands its roles over under its own name.
    let own = operation.filter(|operation| operation.name == action.name || operation.actions.len() == 1);
    for path in own.into_iter().flat_map(|operation| &operation.passes) {
        let path = path.steps.join(".");
        if !roles.iter().any(|role| normal_name(&role.path) == normal_name(&path)) {
            roles.push(Role { path, profile: false, to: "" });
        }
    }
    roles
}

/// The page that says that using an action leaves no event, whatever is switched on; `None` where it leaves one.
pub(super) fn unlogged(action: &Action) -> Option<&'static str> {
    let lower = |text: &str| Text::from_policy(&text.to_ascii_lowercase());
    let asked = lower(&action.to_string());
    let names = |pattern: &&str| pattern::contains(&lower(pattern), &asked);
    data_events::embedded().unlogged.iter().find(|row| row.actions.iter().any(&names)).map(|row| row.page)
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
pub(super) fn document(catalog: &Catalog, action: &Action, operation: Option<&Operation>) -> Value {
    let Some(definition) = catalog.action(action) else { return Value::Null };
    let types = catalog
        .types_for(action)
        .into_iter()
        .map(|(kind, required)| json!({ "type": kind.name, "required": required, "arn": kind.format.to_string() }));
    let forwarded = catalog.forwarded(action).iter();
    let roles = roles(action, operation);
    let roles = roles.iter().map(|role| json!({ "path": role.path, "profile": role.profile, "to": role.to }));
    let along = side::unrecorded(action).iter().map(|needed| json!({ "action": needed.action.to_string(), "why": needed.why }));
    json!({
        "action": action.to_string(),
        "level": definition.access.name(),
        "resources": types.collect::<Vec<_>>(),
        "condition_keys": definition.condition_keys,
        "dependent_actions": definition.dependent,
        "passed_roles": roles.collect::<Vec<_>>(),
        "taken_along": along.collect::<Vec<_>>(),
        "unlogged": unlogged(action),
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
