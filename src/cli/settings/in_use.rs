//! Which catalog a run uses: the one that was named, else the one that `catalog refresh` wrote, else the embedded one.
//!
//! Invariant: a catalog that cannot be read is an error, never a silent fall-back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tightfit::catalog::Catalog;
use tightfit::config::Config;

use crate::args::Shared;

/// How one gets out of an unusable catalog.
const WAY_OUT: &str = "`tightfit catalog refresh` writes a new one; without the file the embedded one is used";

/// A catalog, and where it came from.
pub(crate) enum InUse {
    /// The one of this version.
    Embedded(&'static Catalog),
    /// A file's.
    File(PathBuf, Box<Catalog>),
}

impl InUse {
    /// Opens the catalog of `--catalog`, else of the settings, else of the default place if there is one.
    pub(crate) fn open(shared: &Shared, config: &Config) -> Result<InUse> {
        let named = shared.catalog.clone().or_else(|| config.catalog_file.clone());
        match named.or_else(|| default_place().filter(|place| place.exists())) {
            Some(file) => InUse::read(&file),
            None => Ok(InUse::Embedded(Catalog::embedded())),
        }
    }

    fn read(file: &Path) -> Result<InUse> {
        let unusable = || format!("the catalog `{}` cannot be used: {WAY_OUT}", file.display());
        let bytes = std::fs::read(file).with_context(unusable)?;
        let catalog = Catalog::from_bytes(&bytes).with_context(unusable)?;
        Ok(InUse::File(file.to_owned(), Box::new(catalog)))
    }

    pub(crate) fn get(&self) -> &Catalog {
        match self {
            InUse::Embedded(catalog) => catalog,
            InUse::File(_, catalog) => catalog,
        }
    }

    /// `embedded`, or the file's path.
    pub(crate) fn place(&self) -> String {
        match self {
            InUse::Embedded(_) => "embedded".to_owned(),
            InUse::File(file, _) => file.display().to_string(),
        }
    }
}

/// Where `catalog refresh` writes: `$XDG_DATA_HOME/tightfit/catalog`, else below `~/.local/share`. `None` where neither is known.
/// <https://specifications.freedesktop.org/basedir-spec/latest/>
pub(crate) fn default_place() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")))?;
    Some(data.join("tightfit").join("catalog"))
}
