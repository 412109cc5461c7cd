//! Forward-access maps: which calls a service makes in its caller's name.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::package::{listing, read_bytes};
use super::text::Lines;
use super::{Conflicts, CurateError};
use crate::access::aws::Action;
use crate::catalog::rules::Mapping;
use crate::catalog::{Catalog, Source};

/// The maps of a folder.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) source: Source,
    maps: Vec<Map>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Map {
    name: String,
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Operation {
    name: String,
    #[serde(default)]
    fas_operations: Vec<Forwarded>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Forwarded {
    operation: String,
    service: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
}

pub(super) fn read(folder: &Path) -> Result<Maps, CurateError> {
    let mut maps = Vec::new();
    let mut digest = blake3::Hasher::new();
    for path in listing(folder)?.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let bytes = read_bytes(&path)?;
        digest.update(&bytes);
        maps.push(serde_json::from_slice(&bytes).map_err(|source| CurateError::Shape { path: path.clone(), source })?);
    }
    if maps.is_empty() {
        return Err(CurateError::Package { path: folder.to_owned(), expected: "folder of forward-access maps" });
    }
    let source = Source {
        name: "iam-policy-autopilot forward-access maps".to_owned(),
        // They carry no version.
        version: digest.finalize().to_hex().chars().take(12).collect(),
        licence: "Apache-2.0".to_owned(),
        home: "https://github.com/awslabs/iam-policy-autopilot".to_owned(),
    };
    Ok(Maps { source, maps })
}

/// Adds the lines of forwarded calls to those of operations: each action that an operation of the maps is authorized as.
pub(super) fn lines(
    maps: &Maps,
    known: &Catalog,
    calls: &mut BTreeMap<String, String>,
    conflicts: &mut Conflicts,
) -> Result<(), CurateError> {
    let mut forwarded: BTreeMap<Action, BTreeSet<(Action, String)>> = BTreeMap::new();
    for (map, operation) in maps.maps.iter().flat_map(|map| map.operations.iter().map(move |operation| (map, operation))) {
        let Mapping::Actions(actions) = known.map(&map.name, &operation.name, |_| false) else {
            *conflicts.entry("forwarding-operation-unknown").or_default() += 1;
            continue;
        };
        for asked in &operation.fas_operations {
            let action = Action { service: asked.service.clone(), name: asked.operation.clone() };
            let Some(definition) = known.action(&action) else {
                *conflicts.entry("forwarded-action-unknown").or_default() += 1;
                continue;
            };
            let action = Action { name: definition.name.clone(), ..action };
            let via = asked.context.get("kms:ViaService").map_or_else(
                || format!("{}.amazonaws.com", map.name),
                |via| via.replace(".${region}", "").replace("${region}.", ""),
            );
            for by in &actions {
                forwarded.entry(by.action.clone()).or_default().insert((action.clone(), via.clone()));
            }
        }
    }
    let mut written: BTreeMap<String, Lines> = BTreeMap::new();
    for (by, asked) in forwarded {
        for (action, via) in asked {
            let lines = written.entry(by.service.clone()).or_default();
            lines.line(&["forward", &by.name, &action.to_string(), &via])?;
        }
    }
    for (prefix, lines) in written {
        calls.entry(prefix).or_default().push_str(&lines.into_text());
    }
    Ok(())
}
