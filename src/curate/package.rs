//! Reading packages: JSON files, and what an unpacked Python wheel says about itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::CurateError;
use crate::catalog::Source;

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, CurateError> {
    fs::read(path).map_err(|source| CurateError::Read { path: path.to_owned(), source })
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CurateError> {
    serde_json::from_slice(&read_bytes(path)?).map_err(|source| CurateError::Shape { path: path.to_owned(), source })
}

/// What a folder holds, in the order of names.
pub(super) fn listing(folder: &Path) -> Result<Vec<PathBuf>, CurateError> {
    let read = |source| CurateError::Read { path: folder.to_owned(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for listed in fs::read_dir(folder).map_err(read)? {
        paths.push(listed.map_err(read)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Name, version, licence and home from the metadata of an unpacked wheel; `None` where the folder holds no such wheel.
/// <https://packaging.python.org/en/latest/specifications/core-metadata/>
pub(super) fn wheel(folder: &Path, name: &str) -> Result<Option<Source>, CurateError> {
    let is_metadata = |path: &PathBuf| {
        let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        file.starts_with(&format!("{name}-")) && file.ends_with(".dist-info")
    };
    let Some(metadata) = listing(folder)?.into_iter().find(is_metadata) else { return Ok(None) };
    let path = metadata.join("METADATA");
    let text = String::from_utf8_lossy(&read_bytes(&path)?).into_owned();
    let field = |name: &str| {
        let head = text.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
    };
    let classifier = || {
        let licence = text.lines().find_map(|line| line.strip_prefix("Classifier: License :: OSI Approved :: "))?;
        Some(licence.trim_end_matches(" License").to_owned())
    };
    let home = || field("Project-URL").and_then(|url| url.split_once(", ").map(|(_, url)| url.to_owned()));
    Ok(Some(Source {
        name: field("Name").unwrap_or_else(|| name.to_owned()),
        version: field("Version").unwrap_or_default(),
        licence: field("License-Expression").or_else(|| field("License")).or_else(classifier).unwrap_or_default(),
        home: field("Home-page").or_else(home).unwrap_or_default(),
    }))
}
