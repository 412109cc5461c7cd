//! The policies that AWS manages: which actions their patterns stand for, against the list that came with each of them and a naive
//! expansion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::policy::iam::{PolicyDocument, effective_actions};

/// One policy with the actions that the list beside it names, lower-case.
struct Managed {
    name: String,
    document: Value,
    listed: BTreeSet<String>,
}

fn managed() -> Option<Vec<Managed>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/policies/aws-managed-policies");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared/data/policies/aws-managed-policies is absent");
        return None;
    };
    let read = |file: std::fs::DirEntry| {
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
        let listed = whole["effective_actions"].as_array().into_iter().flatten();
        Managed {
            name: file.file_name().to_string_lossy().into_owned(),
            document: whole["document"].clone(),
            listed: listed.filter_map(|one| one["effective_action"].as_str()).map(str::to_lowercase).collect(),
        }
    };
    let is_json = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|end| end == "json");
    Some(files.map(Result::unwrap).filter(is_json).map(read).collect())
}

fn lower(actions: impl IntoIterator<Item = Action>) -> BTreeSet<String> {
    actions.into_iter().map(|action| action.to_string().to_lowercase()).collect()
}

/// Every action of the catalog, lower-case.
fn known() -> BTreeSet<String> {
    let catalog = Catalog::embedded();
    let of = |prefix: &str| -> Vec<String> {
        let service = catalog.service(prefix).unwrap();
        service.actions().map(|one| format!("{prefix}:{}", one.name).to_lowercase()).collect()
    };
    catalog.prefixes().flat_map(of).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let one = value.as_str().into_iter();
    one.chain(value.as_array().into_iter().flatten().filter_map(Value::as_str)).map(str::to_lowercase).collect()
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', after)), rest) => glob(after, text) || rest.is_some_and(|(_, rest)| glob(pattern, rest)),
        (Some((b'?', after)), Some((_, rest))) => glob(after, rest),
        (Some((wanted, after)), Some((found, rest))) => wanted == found && glob(after, rest),
        (Some(_), None) => false,
    }
}

/// Actions allowed by name, less those denied on `*` without a condition.
fn naive(document: &Value, known: &BTreeSet<String>) -> BTreeSet<String> {
    let all = document["Statement"].as_array();
    let statements: Vec<&Value> = all.map_or_else(|| vec![&document["Statement"]], |all| all.iter().collect());
    /// Effect, whether the patterns name what is meant, the patterns, whether it is whole.
    type Read = (bool, bool, Vec<String>, bool);
    let read = |statement: &&Value| -> Read {
        let by_name = statement.get("Action").is_some();
        let patterns = texts(&statement[if by_name { "Action" } else { "NotAction" }]);
        let whole = statement.get("Condition").is_none() && texts(&statement["Resource"]).contains(&"*".to_owned());
        (statement["Effect"] == "Allow", by_name, patterns, whole)
    };
    let statements: Vec<Read> = statements.iter().map(read).collect();
    let mut allowed = BTreeSet::new();
    for action in known {
        let names = |(_, by_name, patterns, _): &Read| {
            patterns.iter().any(|pattern| glob(pattern.as_bytes(), action.as_bytes())) == *by_name
        };
        let allows = statements.iter().any(|one| one.0 && names(one));
        if allows && !statements.iter().any(|one| !one.0 && one.3 && names(one)) {
            allowed.insert(action.clone());
        }
    }
    allowed
}

#[test]
fn effective_actions_agree() {
    let Some(all) = managed() else { return };
    let known = known();
    let listed_anywhere: BTreeSet<&String> = all.iter().flat_map(|one| &one.listed).collect();
    let (mut ours_alone, mut theirs_alone) = (BTreeMap::new(), BTreeMap::new());
    let (mut agreed, mut unknown) = (0, 0);
    for Managed { name, document, listed } in &all {
        let parsed: PolicyDocument = serde_json::from_value(document.clone()).unwrap();
        let ours = lower(effective_actions(&[parsed], Catalog::embedded()));
        assert_eq!(ours, naive(document, &known), "{name}");
        agreed += ours.intersection(listed).count();
        for action in ours.difference(listed) {
            // What no list names anywhere is newer than the lists.
            if listed_anywhere.contains(action) {
                ours_alone.entry(name).or_insert_with(Vec::new).push(action.clone());
            }
        }
        for action in listed.difference(&ours) {
            if known.contains(action) {
                theirs_alone.entry(name).or_insert_with(Vec::new).push(action.clone());
            } else {
                unknown += 1;
            }
        }
    }
    println!("{} policies: {agreed} actions agree, {unknown} are unknown to the catalog", all.len());
    println!("ours alone: {ours_alone:?}\ntheirs alone: {theirs_alone:?}");
    assert!(all.len() == 102 && agreed > 5_000);
    assert!(ours_alone.is_empty() && theirs_alone.is_empty());
}
