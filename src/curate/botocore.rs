//! API models: what PyPI `botocore` knows of every operation. Documentation texts are passed over.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;

use super::CurateError;
use super::package::{listing, wheel};
use crate::catalog::Source;

/// All models of one package.
#[derive(Debug)]
pub(super) struct Models {
    pub(super) source: Source,
    /// By folder name; of several versions of a service the latest.
    pub(super) models: BTreeMap<String, Model>,
}

/// The model of one service.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) metadata: Metadata,
    pub(super) operations: BTreeMap<String, Call>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) endpoint_prefix: String,
    #[serde(default)]
    pub(super) signing_name: String,
    #[serde(default)]
    pub(super) service_id: String,
    #[serde(default)]
    signature_version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) http: Http,
    #[serde(default)]
    pub(super) input: Option<Reference>,
    #[serde(default)]
    pub(super) output: Option<Reference>,
    #[serde(default)]
    authtype: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Http {
    pub(super) method: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reference {
    pub(super) shape: String,
}

/// What a value looks like.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: IndexMap<String, Reference>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    #[serde(default)]
    member: Option<Reference>,
    #[serde(default, rename = "enum")]
    choices: Vec<serde::de::IgnoredAny>,
}

/// What stands at a place of a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'a> {
    /// Members by name.
    Structure(&'a IndexMap<String, Reference>),
    /// Elements of one shape.
    List(&'a Reference),
    /// A name or a number that could name something.
    Text,
    /// A flag, a time, bytes, one of a closed list of words, a map under names that the client chooses.
    Other,
}

impl Model {
    pub(super) fn form(&self, shape: &str) -> Form<'_> {
        let Some(shape) = self.shapes.get(shape) else { return Form::Other };
        match (shape.kind.as_str(), &shape.member) {
            ("structure", _) => Form::Structure(&shape.members),
            ("list", Some(member)) => Form::List(member),
            ("string", _) if shape.choices.is_empty() => Form::Text,
            ("integer" | "long", _) => Form::Text,
            _ => Form::Other,
        }
    }

    pub(super) fn is_required(&self, shape: &str, member: &str) -> bool {
        self.shapes.get(shape).is_some_and(|shape| shape.required.iter().any(|required| required == member))
    }

    /// Whether a call is made without AWS credentials: unsigned, or with a bearer token.
    pub(super) fn is_unsigned(&self, call: &Call) -> bool {
        call.authtype == "none" || call.authtype == "bearer" || self.metadata.signature_version == "bearer"
    }
}

/// Reads the folder that an unpacked wheel is, or its `botocore` folder.
pub(super) fn read(folder: &Path) -> Result<Models, CurateError> {
    let not_here = || CurateError::Package { path: folder.to_owned(), expected: "PyPI `botocore` package" };
    let source = wheel(folder, "botocore")?.ok_or_else(not_here)?;
    let mut models = BTreeMap::new();
    for service in listing(&folder.join("botocore").join("data"))? {
        let name = service.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !service.is_dir() {
            continue;
        }
        // Versions are dates: the last in order is the latest.
        let mut versions = listing(&service)?.into_iter().map(|version| version.join("service-2.json.gz"));
        if let Some(latest) = versions.rfind(|file| file.is_file()) {
            models.insert(name, read_model(&latest)?);
        }
    }
    Ok(Models { source, models })
}

fn read_model(path: &PathBuf) -> Result<Model, CurateError> {
    let unreadable = |source| CurateError::Read { path: path.clone(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut text).map_err(unreadable)?;
    serde_json::from_slice(&text).map_err(|source| CurateError::Shape { path: path.clone(), source })
}
