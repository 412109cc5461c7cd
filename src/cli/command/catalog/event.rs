//! `tightfit catalog event`: what an event of CloudTrail is authorized as.

use serde_json::{Value, json};
use tightfit::access::aws::Action;
use tightfit::catalog::rules::{Mapped, Mapping};
use tightfit::catalog::{Catalog, Explained};

use super::facts;
use crate::console::{Console, visible};
use crate::exit::Exit;
use crate::settings::in_use::InUse;

pub(super) fn run(in_use: &InUse, source: &str, name: &str, console: &Console) -> Exit {
    let catalog = in_use.get();
    let explained = catalog.explain(source, name, |_| false);
    if explained.mapping == Mapping::Unknown {
        return unknown(in_use, source, name, &explained, console);
    }
    let operation = catalog.operation(explained.prefix, name);
    let data = catalog.rules().is_data_event(explained.prefix, name);
    console.line(&format!("{} {}", visible(source), visible(name)));
    let variants = variants(catalog, &explained, name);
    let says = match &explained.mapping {
        Mapping::Permissionless => "needs no grant".to_owned(),
        Mapping::ServiceEvent => "is no API call that IAM authorizes".to_owned(),
        Mapping::Unknown | Mapping::Actions(_) => variants.iter().map(spelled).collect::<Vec<_>>().join("; "),
    };
    facts::labelled(console, "is", &says);
    facts::labelled(console, "because", explained.origin.says());
    let recorded =
        if data { "as a data event: only where the trail's event selectors ask for it" } else { "as a management event" };
    facts::labelled(console, "recorded", recorded);
    if let Some(operation) = operation {
        let passes: Vec<String> = operation.passes.iter().map(|path| path.steps.join(".").replace(".[]", "[]")).collect();
        facts::listed(console, "passes roles", &passes);
    }
    let mut shown: Vec<&Action> = Vec::new();
    for variant in &variants {
        if shown.contains(&&variant.mapped.action) {
            continue;
        }
        shown.push(&variant.mapped.action);
        console.line(&format!("{}", variant.mapped.action));
        if let Some(why) = &variant.why {
            facts::labelled(console, "asked for", why);
        }
        facts::show(catalog, &variant.mapped.action, operation, console);
    }
    let actions = variants.iter().map(|variant| document(catalog, variant)).collect::<Vec<_>>();
    console.document(&super::document(
        "catalog event",
        &in_use.place(),
        json!({
            "source": source,
            "event": name,
            "prefix": explained.prefix,
            "mapping": kind(&explained.mapping),
            "origin": explained.origin.name(),
            "data_event": data,
            "actions": actions,
            "slots": operation.map_or(Value::Null, facts::places),
            "passes": operation.map_or(Value::Null, |operation| operation.passes.iter().map(ToString::to_string).collect()),
        }),
    ));
    Exit::Done
}

/// One action of an event, and when it is asked for.
struct Variant {
    mapped: Mapped,
    /// A parameter that must be there, or must not.
    when: Option<(String, bool)>,
    /// Why the platform asks for this one too.
    why: Option<String>,
}

/// Every action that an event may stand for: of rules all rows, whatever a call holds.
fn variants(catalog: &Catalog, explained: &Explained<'_>, name: &str) -> Vec<Variant> {
    let Mapping::Actions(mapped) = &explained.mapping else { return Vec::new() };
    let mut variants: Vec<Variant> = Vec::new();
    for (actions, when, why) in catalog.rules().rows(explained.prefix, name) {
        let confidence = tightfit::catalog::rules::Confidence::Exact;
        let own = |action: &Action| Variant {
            mapped: Mapped { action: action.clone(), confidence, implied: None },
            when: when.map(|(parameter, there)| (parameter.to_owned(), there)),
            why: why.map(str::to_owned),
        };
        variants.extend(actions.iter().map(own));
    }
    if variants.is_empty() {
        variants.extend(mapped.iter().map(|mapped| Variant { mapped: mapped.clone(), when: None, why: None }));
    }
    variants
}

fn spelled(variant: &Variant) -> String {
    let sure = format!("{} ({})", variant.mapped.action, variant.mapped.confidence.name());
    match &variant.when {
        Some((parameter, true)) => format!("{sure} with `{parameter}`"),
        Some((parameter, false)) => format!("{sure} without `{parameter}`"),
        None => sure,
    }
}

fn document(catalog: &Catalog, variant: &Variant) -> Value {
    let mut document = facts::document(catalog, &variant.mapped.action);
    if let Value::Object(fields) = &mut document {
        fields.insert("confidence".to_owned(), json!(variant.mapped.confidence.name()));
        let when = variant.when.as_ref().map(|(parameter, there)| json!({ "parameter": parameter, "present": there }));
        fields.insert("when".to_owned(), when.unwrap_or(Value::Null));
        fields.insert("why".to_owned(), json!(variant.why));
    }
    document
}

const fn kind(mapping: &Mapping) -> &'static str {
    match mapping {
        Mapping::Actions(_) => "actions",
        Mapping::Permissionless => "permissionless",
        Mapping::ServiceEvent => "service-event",
        Mapping::Unknown => "unknown",
    }
}

fn unknown(in_use: &InUse, source: &str, name: &str, explained: &Explained<'_>, console: &Console) -> Exit {
    let catalog = in_use.get();
    let nearest = catalog.nearest_events(source, name);
    let known_call = catalog.operation(explained.prefix, name).is_some();
    let what = match (explained.prefix.is_empty(), known_call) {
        (true, _) => format!("unknown source `{}`", visible(source)),
        (false, true) => format!(
            "`{}` is an operation of {}, but no source says which action it is authorized as",
            visible(name),
            explained.prefix
        ),
        (false, false) => format!("unknown event `{}` of {}", visible(name), explained.prefix),
    };
    console.warn(&what);
    if !known_call && !nearest.is_empty() {
        console.line(&format!("did you mean {}?", nearest.join(", ")));
    }
    console.document(&super::document(
        "catalog event",
        &in_use.place(),
        json!({ "source": source, "event": name, "mapping": "unknown", "known_operation": known_call, "nearest": nearest }),
    ));
    Exit::Failed
}
