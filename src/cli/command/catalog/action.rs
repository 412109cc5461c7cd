//! `tightfit catalog action`: what an IAM action is, and which events ask for it.

use anyhow::Result;
use serde_json::json;
use tightfit::access::aws::Action;
use tightfit::catalog::lookup::Caller;

use super::facts;
use crate::console::{Console, visible};
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
        console.warn(&format!("unknown {what} in `{}`", visible(text)));
        if !nearest.is_empty() {
            console.line(&format!("did you mean {}?", nearest.join(", ")));
        }
        let rest = json!({ "action": text, "known": false, "nearest": nearest });
        console.document(&super::document("catalog action", &in_use.place(), rest));
        return Ok(Exit::Failed);
    };
    let action = Action { name: definition.name.clone(), ..typed };
    let callers = catalog.callers(&action);
    let data = |caller: &Caller| catalog.rules().is_data_event(&caller.prefix, &caller.event);
    console.line(&format!("{action}"));
    facts::show(catalog, &action, catalog.operation(&action.service, &action.name), console);
    let shown: Vec<String> = callers.iter().map(|caller| spelled(caller, &action, data(caller))).collect();
    match shown.as_slice() {
        [] => facts::labelled(console, "events", "none of its own"),
        shown => facts::listed(console, "events", shown),
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
    let rest = json!({ "known": true, "facts": facts::document(catalog, &action), "events": events.collect::<Vec<_>>(), "needed_by": needed_by });
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
