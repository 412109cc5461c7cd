//! Which catalog a run uses: the one that was named, else the one that `catalog refresh` wrote, else the embedded one.
//!
//! Invariant: a catalog that cannot be read is an error, never a silent fall-back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use tightfit::catalog::{Catalog, CatalogError};
use tightfit::config::Config;

use crate::args::Shared;

/// What every zstd frame begins with. <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1>
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that were never a catalog.
#[derive(Debug, thiserror::Error)]
#[error("it is no catalog of tightfit")]
struct NoCatalog;

/// Who names the catalog's file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Typed,
    Settings,
    Default,
}

impl Named {
    /// How one gets out of a catalog that cannot be used.
    fn way_out(self, file: &Path) -> String {
        let drop = match self {
            Named::Typed => "drop `--catalog`",
            Named::Settings => "drop the `[catalog] file` line",
            Named::Default => {
                return "`tightfit catalog refresh` writes a new one; without the file the embedded one is used".to_owned();
            }
        };
        format!("{drop}, or write a new one with `tightfit catalog refresh --out {}`", file.display())
    }
}

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
        match chosen(shared, config) {
            Some((file, named)) => InUse::read(&file, named),
            None => Ok(InUse::Embedded(Catalog::embedded())),
        }
    }

    /// The same for a run that writes a new catalog to `out`: the embedded one, and what was wrong, where the one at the default place is
    /// damaged, or where the settings name `out` itself and it is damaged or not there yet.
    pub(crate) fn or_embedded(shared: &Shared, config: &Config, out: &Path) -> Result<(InUse, Option<Error>)> {
        let error = match InUse::open(shared, config) {
            Ok(in_use) => return Ok((in_use, None)),
            Err(error) => error,
        };
        let damaged = error.is::<CatalogError>() || error.is::<NoCatalog>();
        let absent = error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let replaced = match chosen(shared, config) {
            Some((_, Named::Default)) => damaged,
            Some((file, Named::Settings)) => file == out && (damaged || absent),
            Some((_, Named::Typed)) | None => false,
        };
        if replaced { Ok((InUse::Embedded(Catalog::embedded()), Some(error))) } else { Err(error) }
    }

    fn read(file: &Path, named: Named) -> Result<InUse> {
        let unusable = || format!("the catalog `{}` cannot be used: {}", file.display(), named.way_out(file));
        let bytes = std::fs::read(file).with_context(unusable)?;
        if !bytes.starts_with(&FRAME) {
            return Err(Error::new(NoCatalog).context(unusable()));
        }
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

/// The file of the catalog that is in use, and who names it; `None` for the embedded one.
fn chosen(shared: &Shared, config: &Config) -> Option<(PathBuf, Named)> {
    let typed = shared.catalog.clone().map(|file| (file, Named::Typed));
    let settings = || config.catalog_file.clone().map(|file| (file, Named::Settings));
    let default = || default_place().filter(|place| place.exists()).map(|file| (file, Named::Default));
    typed.or_else(settings).or_else(default)
}

/// Where `catalog refresh` writes: `$XDG_DATA_HOME/tightfit/catalog`, else below `~/.local/share`. `None` where neither is known.
/// <https://specifications.freedesktop.org/basedir-spec/latest/>
pub(crate) fn default_place() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")))?;
    Some(data.join("tightfit").join("catalog"))
}
