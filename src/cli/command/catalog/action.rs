//! `tightfit catalog action`: what an IAM action is, and which events ask for it.

use anyhow::{Result, anyhow};
use serde_json::json;
use tightfit::access::aws::Action;
use tightfit::catalog::lookup::Caller;

use super::facts;
use crate::console::Console;
use crate::exit::{Exit, WrongValue};
use crate::settings::in_use::InUse;

/// Actions that are shown of those that need this one too.
const NEEDED_BY_SHOWN: usize = 12;

pub(super) fn run(in_use: &InUse, text: &str, console: &Console) -> Result<Exit> {
    let catalog = in_use.get();
    let typed =
        Action::parse(text).ok_or_else(|| WrongValue(format!("`{text}`: expected `service:Action`, such as `s3:GetObject`")))?;
    let typed = Action { service: typed.service.to_ascii_lowercase(), ..typed };
    let Some(definition) = catalog.action(&typed) else {
        let nearest = catalog.nearest_actions(&typed);
        let what = if catalog.service(&typed.service).is_some() { "action" } else { "service" };
        console.error(&super::meant(&nearest, anyhow!("unknown {what} in `{text}`")));
        let rest = json!({ "action": text, "known": false, "nearest": nearest });
        console.document(&super::document("catalog action", &in_use.place(), rest));
        return Ok(Exit::Failed);
    };
    let action = Action { name: definition.name.clone(), ..typed };
    let unlogged = facts::unlogged(&action);
    let callers = if unlogged.is_some() { Vec::new() } else { catalog.callers(&action) };
    let operation = catalog.operation(&action.service, &action.name);
    let data = |caller: &Caller| catalog.rules().is_data_event(&caller.prefix, &caller.event);
    console.line(&format!("{action}"));
    facts::show(catalog, &action, operation, console);
    let shown: Vec<String> = callers.iter().map(|caller| spelled(caller, &action, data(caller))).collect();
    match (shown.as_slice(), unlogged) {
        (_, Some(page)) => facts::labelled(console, "events", &super::leaves_none(page)),
        ([], None) => facts::labelled(console, "events", "none of its own"),
        (shown, None) => facts::listed(console, "events", shown),
    }
    let needed_by: Vec<String> = catalog.needed_by(&action).into_iter().collect();
    let limit = if console.verbose() { usize::MAX } else { NEEDED_BY_SHOWN };
    facts::listed(console, "needed by", &needed_by.iter().take(limit).cloned().collect::<Vec<_>>());
    if needed_by.len() > limit {
        facts::labelled(console, "", &format!("... {} more (--verbose, --json)", needed_by.len() - limit));
    }
    let events = callers.iter().map(|caller| {
        json!({
            "prefix": caller.prefix,
            "event": caller.event,
            "sometimes": caller.sometimes,
            "confidence": caller.confidence.name(),
            "data_event": data(caller),
        })
    });
    let rest = json!({ "known": true, "facts": facts::document(catalog, &action, operation), "events": events.collect::<Vec<_>>(), "needed_by": needed_by });
    console.document(&super::document("catalog action", &in_use.place(), rest));
    Ok(Exit::Done)
}

/// The event, with its prefix where that is another, and what is to be known about it.
fn spelled(caller: &Caller, action: &Action, data: bool) -> String {
    let name = if caller.prefix == action.service { caller.event.clone() } else { format!("{}/{}", caller.prefix, caller.event) };
    let mut notes = vec![caller.confidence.name()];
    notes.extend(caller.sometimes.then_some("some calls"));
    notes.extend(data.then_some("data event"));
    format!("{name} ({})", notes.join(", "))
}
