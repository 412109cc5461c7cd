//! `tightfit catalog event`: what an event of CloudTrail is authorized as.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tightfit::access::aws::Action;
use tightfit::catalog::operation::{Operation, Origin};
use tightfit::catalog::rules::{Confidence, Mapped, Mapping};
use tightfit::catalog::{Catalog, Explained, bare_name};

use super::facts;
use crate::console::{Console, visible};
use crate::exit::{Exit, WrongValue};
use crate::settings::in_use::InUse;

/// What a record of an event may ask for that no row of the rules says: prefix, events, what is read beside.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
const BESIDE: [(&str, [&str; 2], [&str; 2]); 1] =
    [("s3", ["CopyObject", "UploadPartCopy"], ["s3:GetObject", "s3:GetObjectVersion"])];

pub(super) fn run(in_use: &InUse, source: &str, name: &str, console: &Console) -> Result<Exit> {
    for (label, text) in [("SOURCE", source), ("NAME", name)] {
        if text.trim().is_empty() {
            return Err(WrongValue(format!("{label} is empty: expected an event such as `s3 GetObject`")).into());
        }
    }
    let catalog = in_use.get();
    // Records spell their source in lower case, people as they like.
    let lower = source.to_ascii_lowercase();
    let explained = catalog.explain(&lower, name, |_| false);
    if explained.mapping == Mapping::Unknown {
        return Ok(unknown(in_use, (source, &lower), name, &explained, console));
    }
    let operation = operation(catalog, &explained, name);
    // The tables spell names as the API does.
    let spelled_name = operation.map_or(name, |operation| operation.name.as_str());
    let data = catalog.rules().is_data_event(explained.prefix, spelled_name);
    console.line(&format!("{} {}", visible(source), visible(name)));
    let variants = variants(catalog, &explained, name);
    let says = match &explained.mapping {
        Mapping::Permissionless => "needs no grant".to_owned(),
        Mapping::ServiceEvent => "is no API call that IAM authorizes".to_owned(),
        Mapping::Unknown | Mapping::Actions(_) => variants.iter().map(spelled).collect::<Vec<_>>().join("; "),
    };
    facts::labelled(console, "is", &says);
    facts::labelled(console, "because", explained.origin.says());
    let unlogged = unlogged(&variants);
    let recorded = match (unlogged, data) {
        (Some(page), _) => super::leaves_none(page),
        (None, true) => "as a data event: only where the trail's event selectors ask for it".to_owned(),
        (None, false) => "as a management event".to_owned(),
    };
    facts::labelled(console, "recorded", &recorded);
    let beside = beside(explained.prefix, spelled_name);
    if !beside.is_empty() {
        let says = format!("{} on the copy's source; see docs/translation.md", beside.join(" or "));
        facts::labelled(console, "beside", &says);
    }
    show(catalog, &variants, operation, console);
    let actions = variants.iter().map(|variant| document(catalog, variant, operation)).collect::<Vec<_>>();
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
            "unlogged": unlogged,
            "beside": beside,
            "actions": actions,
            "slots": operation.map_or(Value::Null, facts::places),
            "passes": operation.map_or(Value::Null, |operation| operation.passes.iter().map(ToString::to_string).collect()),
        }),
    ));
    Ok(Exit::Done)
}

/// Each action once, with what the catalog says of it.
fn show(catalog: &Catalog, variants: &[Variant], operation: Option<&Operation>, console: &Console) {
    let mut shown: Vec<&Action> = Vec::new();
    for variant in variants {
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
}

/// The call behind an event; where its name was cut to find the action, the call of that name too.
fn operation<'a>(catalog: &'a Catalog, explained: &Explained<'_>, name: &str) -> Option<&'a Operation> {
    let cut = || bare_name(name).filter(|_| explained.origin == Origin::VersionCut);
    catalog.operation(explained.prefix, name).or_else(|| catalog.operation(explained.prefix, cut()?))
}

/// The page that says that this leaves no event: where none of its actions does.
fn unlogged(variants: &[Variant]) -> Option<&'static str> {
    let mut pages = variants.iter().map(|variant| facts::unlogged(&variant.mapped.action));
    let first = pages.next()??;
    pages.all(|page| page.is_some()).then_some(first)
}

fn beside(prefix: &str, event: &str) -> &'static [&'static str] {
    let row = BESIDE.iter().find(|(of, events, _)| *of == prefix && events.contains(&event));
    row.map_or(&[], |(_, _, actions)| actions.as_slice())
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
    let (name, confidence) = match bare_name(name).filter(|_| explained.origin == Origin::VersionCut) {
        Some(bare) => (bare, Confidence::Derived),
        None => (name, Confidence::Exact),
    };
    for (actions, when, why) in catalog.rules().rows(explained.prefix, name) {
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
        Some((parameter, there)) => match (words(parameter), there) {
            (Some(words), true) => format!("{sure} where {words}"),
            (Some(words), false) => format!("{sure} except where {words}"),
            (None, true) => format!("{sure} with `{parameter}`"),
            (None, false) => format!("{sure} without `{parameter}`"),
        },
        None => sure,
    }
}

/// What the decoder tests where no single parameter tells; `None` for a parameter.
fn words(condition: &str) -> Option<&'static str> {
    Some(match condition.strip_prefix('~')? {
        "acl" => "an access list is sent",
        "acl-beyond-private" => "an access list other than `private` is sent",
        "versions" => "the batch names a version",
        _ => "the record says so",
    })
}

fn document(catalog: &Catalog, variant: &Variant, operation: Option<&Operation>) -> Value {
    let mut document = facts::document(catalog, &variant.mapped.action, operation);
    if let Value::Object(fields) = &mut document {
        fields.insert("confidence".to_owned(), json!(variant.mapped.confidence.name()));
        let when = variant.when.as_ref().map(|(parameter, there)| match words(parameter) {
            Some(words) => json!({ "where": words, "present": there }),
            None => json!({ "parameter": parameter, "present": there }),
        });
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

/// `source` as typed and in lower case.
fn unknown(in_use: &InUse, (source, lower): (&str, &str), name: &str, explained: &Explained<'_>, console: &Console) -> Exit {
    let catalog = in_use.get();
    let nearest = catalog.nearest_events(lower, name);
    let known_call = catalog.operation(explained.prefix, name).is_some();
    let what = match (explained.prefix.is_empty(), known_call) {
        (true, _) => format!("unknown source `{source}`"),
        (false, true) => {
            format!("`{name}` is an operation of {}, but no source says which action it is authorized as", explained.prefix)
        }
        (false, false) => format!("unknown event `{name}` of {}", explained.prefix),
    };
    console.error(&super::meant(if known_call { &[] } else { &nearest }, anyhow!(what)));
    console.document(&super::document(
        "catalog event",
        &in_use.place(),
        json!({ "source": source, "event": name, "mapping": "unknown", "known_operation": known_call, "nearest": nearest }),
    ));
    Exit::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_of_the_rules_has_words() {
        let catalog = Catalog::embedded();
        let rows = catalog.prefixes().flat_map(|prefix| {
            let names: Vec<&str> = catalog.rules().events(prefix).map(|(name, _)| name).collect();
            names.into_iter().flat_map(move |name| catalog.rules().rows(prefix, name).filter_map(|(_, when, _)| when))
        });
        let tests: Vec<&str> = rows.map(|(condition, _)| condition).filter(|condition| condition.starts_with('~')).collect();
        assert!(!tests.is_empty());
        for test in tests {
            assert!(words(test).is_some_and(|words| words != "the record says so"), "{test}");
        }
    }
}
