//! How much of AWS's API the catalog decides, counted over botocore's models read here anew, and side by side with the map of 2022.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tightfit::catalog::Catalog;
use tightfit::catalog::rules::Mapping;

use crate::harness::shared;

#[derive(serde::Deserialize)]
struct Model {
    metadata: Value,
    operations: BTreeMap<String, serde::de::IgnoredAny>,
}

/// Operation names by model folder; the latest version of each.
fn operations(package: &Path) -> BTreeMap<String, (Value, Vec<String>)> {
    let mut found = BTreeMap::new();
    for service in std::fs::read_dir(package.join("botocore/data")).unwrap().flatten().filter(|listed| listed.path().is_dir()) {
        let versions = std::fs::read_dir(service.path()).unwrap().flatten();
        let files = versions.map(|version| version.path().join("service-2.json.gz")).filter(|file| file.is_file());
        let Some(latest) = files.max() else { continue };
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(latest).unwrap()).read_to_end(&mut text).unwrap();
        let model: Model = serde_json::from_slice(&text).unwrap();
        let names = model.operations.into_keys().collect();
        found.insert(service.file_name().to_string_lossy().into_owned(), (model.metadata, names));
    }
    found
}

/// The prefix of a model, from its own names and what the catalog says of hosts.
fn prefix(folder: &str, metadata: &Value) -> Option<String> {
    let catalog = Catalog::embedded();
    let own = catalog.rules().model_prefix(folder).map(str::to_owned);
    let names = ["signingName", "endpointPrefix"].map(|name| metadata[name].as_str().unwrap_or_default().to_ascii_lowercase());
    let known = names
        .iter()
        .chain(std::iter::once(&folder.to_owned()))
        .find_map(|name| catalog.prefixes_of(name).first().map(|prefix| (*prefix).to_owned()));
    own.or(known).filter(|prefix| catalog.service(prefix).is_some())
}

#[derive(Default)]
struct Counts {
    operations: usize,
    actions: usize,
    permissionless: usize,
    unknown: BTreeMap<String, Vec<String>>,
    outside: BTreeMap<String, usize>,
    invalid: Vec<String>,
}

impl Counts {
    fn decided_percent(&self) -> f64 {
        let unknown: usize = self.unknown.values().map(Vec::len).sum();
        let known = self.actions + self.permissionless;
        100.0 * known as f64 / (known + unknown) as f64
    }
}

fn count(package: &Path) -> Counts {
    let catalog = Catalog::embedded();
    let mut counts = Counts::default();
    for (folder, (metadata, names)) in operations(package) {
        counts.operations += names.len();
        let Some(prefix) = prefix(&folder, &metadata) else {
            counts.outside.insert(folder, names.len());
            continue;
        };
        for name in names {
            match catalog.map(&prefix, &name, |_| false) {
                Mapping::Actions(mapped) => {
                    counts.actions += 1;
                    let unknown = mapped.iter().filter(|mapped| catalog.action(&mapped.action).is_none());
                    counts.invalid.extend(unknown.map(|mapped| mapped.action.to_string()));
                }
                Mapping::Permissionless | Mapping::ServiceEvent => counts.permissionless += 1,
                Mapping::Unknown => counts.unknown.entry(prefix.clone()).or_default().push(name),
            }
        }
    }
    counts
}

/// Against the models of the reference's own day; newer ones have operations that the reference cannot know yet.
#[test]
fn almost_every_operation_is_decided() {
    let Some(packages) = std::env::var_os("TIGHTFIT_CATALOG_SOURCES").map(PathBuf::from) else {
        eprintln!("skipped: TIGHTFIT_CATALOG_SOURCES is not set (tests/catalog/install.sh)");
        return;
    };
    for (folder, least) in [("botocore-then", 99.0), ("botocore", 97.5)] {
        let package = std::env::var_os("TIGHTFIT_BOTOCORE")
            .filter(|_| folder == "botocore")
            .map_or_else(|| packages.join(folder), PathBuf::from);
        let counts = count(&package);
        let unknown: usize = counts.unknown.values().map(Vec::len).sum();
        let outside: usize = counts.outside.values().sum();
        eprintln!(
            "{folder}: {} operations; {} have valid actions, {} need no grant, {unknown} are unknown: {:.2} % decided; {outside} in {} services that the reference does not know: {}",
            counts.operations,
            counts.actions,
            counts.permissionless,
            counts.decided_percent(),
            counts.outside.len(),
            counts.outside.keys().cloned().collect::<Vec<_>>().join(" ")
        );
        for (prefix, names) in &counts.unknown {
            eprintln!("  {prefix} {}: {}", names.len(), names.join(" "));
        }
        assert_eq!(counts.invalid, Vec::<String>::new());
        assert!(counts.decided_percent() >= least, "{:.2}", counts.decided_percent());
    }
}

/// Of operations with resource-level support, those whose ARN can be built: every slot of one type has a place, in the table or in
/// the hand-written rules, or the operation makes what it is about.
#[test]
fn resources_of_most_operations_have_a_place() {
    let catalog = Catalog::embedded();
    let (mut all, mut placed, mut named) = (0_usize, 0_usize, 0_usize);
    let mut gaps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for prefix in catalog.prefixes() {
        for operation in catalog.operations(prefix) {
            let kinds: Vec<_> = operation
                .actions
                .iter()
                .flat_map(|(action, _)| catalog.types_for(action).into_iter().map(move |(kind, _)| (action, kind)))
                .collect();
            if kinds.is_empty() {
                continue;
            }
            all += 1;
            let places = |kind: &str, slot: &str| operation.slots.iter().any(|known| known.kind == kind && known.slot == slot);
            let built = kinds.iter().any(|(action, kind)| {
                let by_hand = |slot: &str| !catalog.rules().parameter(&action.service, &kind.name, slot).is_empty();
                places(&kind.name, "")
                    || kind.format.slots().all(|slot| places(&kind.name, slot) || by_hand(slot))
                    || catalog.rules().created(&action.service, &action.name).contains(&kind.name.as_str())
            });
            // Of `stack/${StackName}/${Id}` a call names the stack; the rest is the service's own and becomes a wildcard.
            let partly = kinds.iter().any(|(_, kind)| kind.format.slots().any(|slot| places(&kind.name, slot)));
            if built {
                placed += 1;
            } else if partly {
                named += 1;
            } else {
                gaps.entry(prefix).or_default().push(&operation.name);
            }
        }
    }
    let share = 100.0 * placed as f64 / all as f64;
    let partly = 100.0 * (placed + named) as f64 / all as f64;
    eprintln!(
        "of {all} operations with resource-level support {placed} ({share:.1} %) name a resource whole, {named} more a part of it ({partly:.1} %); of the others:"
    );
    let mut by_size: Vec<_> = gaps.into_iter().collect();
    by_size.sort_by_key(|(prefix, names)| (std::cmp::Reverse(names.len()), *prefix));
    for (prefix, names) in by_size.iter().take(40) {
        eprintln!("  {prefix} {}: {}", names.len(), names.iter().take(6).copied().collect::<Vec<_>>().join(" "));
    }
    eprintln!("  and {} services with fewer", by_size.len().saturating_sub(40));
    assert!(share >= 90.5 && partly >= 94.0, "{share:.1} {partly:.1}");
}

/// The map of 2022 against ours, by cause.
#[test]
fn the_map_of_2022_agrees() {
    let Some(shared) = shared() else { return };
    let text = std::fs::read_to_string(shared.join("reference/iam-dataset-map-2022-08-19.json")).unwrap();
    let map: Value = serde_json::from_str(&text).unwrap();
    let catalog = Catalog::embedded();
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differ = Vec::new();
    for (method, rows) in map["sdk_method_iam_mappings"].as_object().unwrap() {
        let (sdk, operation) = method.split_once('.').unwrap();
        let lower = sdk.to_ascii_lowercase();
        let prefix = map["sdk_service_mappings"][sdk].as_str().unwrap_or(&lower);
        let theirs: BTreeSet<String> = rows
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["action"].as_str())
            .map(str::to_ascii_lowercase)
            .filter(|action| action != "iam:passrole")
            .collect();
        let exist = theirs.iter().filter(|action| {
            tightfit::access::aws::Action::parse(action).is_some_and(|action| catalog.action(&action).is_some())
        });
        let exist: BTreeSet<&String> = exist.collect();
        let (mut with, without) = (BTreeSet::new(), catalog.map(prefix, operation, |_| false));
        for mapping in [&without, &catalog.map(prefix, operation, |_| true)] {
            if let Mapping::Actions(mapped) = mapping {
                with.extend(mapped.iter().map(|mapped| mapped.action.to_string().to_ascii_lowercase()));
            }
        }
        let cause = match without {
            _ if theirs.is_empty() => "they name no action",
            Mapping::Permissionless | Mapping::ServiceEvent => "ours needs no grant",
            Mapping::Unknown if catalog.prefixes_of(prefix).is_empty() => "a service that is gone",
            Mapping::Unknown => "an operation that is gone or undecided",
            Mapping::Actions(_) if theirs.iter().any(|action| with.contains(action)) && theirs.len() > 1 => {
                "agree; they name further ones"
            }
            Mapping::Actions(_) if theirs.iter().any(|action| with.contains(action)) => "agree",
            Mapping::Actions(_) if exist.is_empty() => "their action is gone",
            Mapping::Actions(_) => {
                differ.push(format!("{method}: theirs {theirs:?}, ours {with:?}"));
                "differ"
            }
        };
        *causes.entry(cause).or_default() += 1;
    }
    eprintln!("the map of 2022: {causes:?}");
    differ.iter().for_each(|line| eprintln!("  {line}"));
    assert!(causes.get("agree").is_some_and(|count| *count > 10_500) && differ.len() < 60, "{causes:?}");
}
