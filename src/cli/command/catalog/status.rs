//! `tightfit catalog status`: which catalog is in use, what it was made from, how much it knows.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tightfit::catalog::Catalog;
use tightfit::catalog::operation::{Operation, Origin};
use tightfit::catalog::rules::Confidence;

use super::facts::labelled;
use crate::console::Console;
use crate::exit::Exit;
use crate::settings::in_use::InUse;

pub(super) fn run(in_use: &InUse, console: &Console) -> Exit {
    console.line(&format!("catalog of {} ({})", in_use.get().date(), in_use.place()));
    describe(in_use.get(), console);
    console.document(&document(in_use.get(), "catalog status", &in_use.place()));
    Exit::Done
}

/// What a catalog holds, in numbers.
struct Counts {
    services: usize,
    actions: usize,
    types: usize,
    /// By how sure the least sure of their actions is; then those without a grant and the undecided.
    operations: BTreeMap<&'static str, usize>,
    origins: BTreeMap<Origin, usize>,
    with_slots: usize,
    passing: usize,
}

fn counts(catalog: &Catalog) -> Counts {
    let services: Vec<_> = catalog.prefixes().filter_map(|prefix| catalog.service(prefix)).collect();
    let mut counts = Counts {
        services: services.len(),
        actions: services.iter().map(|service| service.actions().count()).sum(),
        types: services.iter().map(|service| service.types().len()).sum(),
        operations: BTreeMap::new(),
        origins: BTreeMap::new(),
        with_slots: 0,
        passing: 0,
    };
    for operation in catalog.prefixes().flat_map(|prefix| catalog.operations(prefix)) {
        *counts.operations.entry(sureness(operation)).or_default() += 1;
        *counts.origins.entry(operation.origin).or_default() += 1;
        counts.with_slots += usize::from(!operation.slots.is_empty());
        counts.passing += usize::from(!operation.passes.is_empty());
    }
    counts
}

fn sureness(operation: &Operation) -> &'static str {
    let least = operation.actions.iter().map(|(_, confidence)| *confidence).max();
    match (operation.permissionless, least) {
        (true, _) => "permissionless",
        (false, None) => "undecided",
        (false, Some(confidence)) => Confidence::name(confidence),
    }
}

/// Numbers, sources and conflicts.
pub(super) fn describe(catalog: &Catalog, console: &Console) {
    let counts = counts(catalog);
    labelled(
        console,
        "reference",
        &format!(
            "{} services, {} actions, {} resource types",
            number(counts.services),
            number(counts.actions),
            number(counts.types)
        ),
    );
    let total: usize = counts.operations.values().sum();
    let by = ["exact", "derived", "assumed", "permissionless", "undecided"];
    let parts = by.map(|name| format!("{} {name}", number(counts.operations.get(name).copied().unwrap_or_default())));
    labelled(console, "operations", &format!("{}: {}", number(total), parts.join(", ")));
    labelled(
        console,
        "",
        &format!("{} say where a resource stands in the call, {} pass a role", number(counts.with_slots), number(counts.passing)),
    );
    for (index, source) in catalog.sources().iter().enumerate() {
        let label = if index == 0 { "sources" } else { "" };
        labelled(console, label, &format!("{} {} ({}) {}", source.name, source.version, source.licence, source.home));
    }
    let (agreed, differ): (Vec<_>, Vec<_>) = catalog.conflicts().iter().partition(|(kind, _)| kind.ends_with("agrees"));
    for (label, kinds) in [("agreements", agreed), ("conflicts", differ)] {
        for (index, (kind, times)) in kinds.into_iter().enumerate() {
            labelled(console, if index == 0 { label } else { "" }, &format!("{:>5} {kind}", number(times)));
        }
    }
}

/// With a comma between thousands.
fn number(of: impl std::fmt::Display) -> String {
    let digits = of.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let letters = digits.chars().enumerate();
    letters.flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain(std::iter::once(digit))).collect()
}

pub(super) fn document(catalog: &Catalog, command: &str, place: &str) -> Value {
    let counts = counts(catalog);
    let origins: BTreeMap<&str, usize> = counts.origins.iter().map(|(origin, count)| (origin.name(), *count)).collect();
    let sources = catalog
        .sources()
        .iter()
        .map(|source| json!({ "name": source.name, "version": source.version, "licence": source.licence, "home": source.home }));
    super::document(
        command,
        place,
        json!({
            "date": catalog.date(),
            "sources": sources.collect::<Vec<_>>(),
            "services": counts.services,
            "actions": counts.actions,
            "resource_types": counts.types,
            "operations": counts.operations,
            "origins": origins,
            "operations_with_slots": counts.with_slots,
            "operations_passing_roles": counts.passing,
            "conflicts": catalog.conflicts(),
        }),
    )
}
