//! Publish: artifacts -> disk. An output folder is replaced whole: a killed run leaves the old one.
//!
//! artifacts --write--> staging folder beside the target --exchange--> target; the old one is removed last.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::artifact::Artifact;
use crate::policy::manifest;

/// Why a folder could not be written. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Something could not be written.
    #[error("`{path}` cannot be written; the output folder is as it was")]
    Write {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The target exists and tightfit did not write it.
    #[error("`{path}` is not empty and no folder that tightfit wrote: choose another `--out`, or empty it first")]
    NotOurs {
        /// The target.
        path: String,
    },
    /// The target is the working directory's root or has no name.
    #[error("`{path}` cannot be replaced as a folder: name a folder below an existing one")]
    NoName {
        /// The target.
        path: String,
    },
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.display().to_string();
    move |source| PublishError::Write { path, source }
}

/// Replaces `target` by these artifacts. The staging folder is removed when anything fails.
///
/// # Errors
/// When the target is not ours or anything cannot be written; the target is then as it was.
pub fn folder(target: &Path, artifacts: &[Artifact]) -> Result<(), PublishError> {
    // What a link leads to is replaced, not the link: others read through it.
    let resolved = if target.is_symlink() { fs::canonicalize(target).map_err(write_error(target))? } else { target.to_owned() };
    let target = resolved.as_path();
    let (parent, name) = split(target)?;
    refuse_foreign(target)?;
    fs::create_dir_all(&parent).map_err(write_error(&parent))?;
    let staging =
        tempfile::Builder::new().prefix(&format!(".{name}.tightfit-")).tempdir_in(&parent).map_err(write_error(&parent))?;
    let mut made = PathBuf::new();
    for artifact in artifacts {
        let path = staging.path().join(&artifact.path);
        if let Some(parent) = path.parent().filter(|parent| *parent != made) {
            fs::create_dir_all(parent).map_err(write_error(parent))?;
            parent.clone_into(&mut made);
        }
        let mut file = fs::File::create_new(&path).map_err(write_error(&path))?;
        file.write_all(artifact.body.as_bytes()).map_err(write_error(&path))?;
    }
    sync(staging.path(), artifacts)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // tempfile makes a folder that only its owner may read; what is published is read by others.
        fs::set_permissions(staging.path(), fs::Permissions::from_mode(0o755)).map_err(write_error(staging.path()))?;
    }
    swap(staging, target)
}

/// Writes one file beside its target first, then renames it into place.
///
/// # Errors
/// When it cannot be written, or `fill` fails; a target that existed is then as it was.
pub fn file<E: From<PublishError>>(target: &Path, fill: impl FnOnce(&mut fs::File) -> Result<(), E>) -> Result<(), E> {
    let (parent, name) = split(target)?;
    let staging = tempfile::Builder::new().prefix(&format!(".{name}.tightfit-")).tempfile_in(&parent);
    let mut staging = staging.map_err(write_error(&parent))?;
    fill(staging.as_file_mut())?;
    staging.as_file().sync_all().map_err(write_error(target))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        staging.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(write_error(target))?;
    }
    staging.persist(target).map_err(|error| write_error(target)(error.error))?;
    Ok(())
}

/// Writes bytes as one file, as [`file`] does.
///
/// # Errors
/// When they cannot be written; a target that existed is then as it was.
pub fn bytes(target: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    file(target, |file| file.write_all(bytes).map_err(write_error(target)))
}

fn split(target: &Path) -> Result<(PathBuf, String), PublishError> {
    let no_name = || PublishError::NoName { path: target.display().to_string() };
    let name = target.file_name().ok_or_else(no_name)?.to_string_lossy().into_owned();
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_owned(), name))
}

/// A folder that holds something else than an earlier output is never replaced.
fn refuse_foreign(target: &Path) -> Result<(), PublishError> {
    let not_ours = || PublishError::NotOurs { path: target.display().to_string() };
    let listing = match fs::read_dir(target) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(not_ours()),
        Err(error) => return Err(write_error(target)(error)),
    };
    if listing.count() == 0 {
        return Ok(());
    }
    let text = fs::read_to_string(target.join(manifest::FILE)).map_err(|_| not_ours())?;
    let manifest: manifest::Manifest = serde_json::from_str(&text).map_err(|_| not_ours())?;
    if manifest.tool == "tightfit" { Ok(()) } else { Err(not_ours()) }
}

/// Returns when everything below the folder is on disk: it is before the folder takes the target's place. One call for all files
/// where the system has it: a journal is written once, not for each of ten thousand small files.
fn sync(staging: &Path, artifacts: &[Artifact]) -> Result<(), PublishError> {
    #[cfg(target_os = "linux")]
    {
        let folder = fs::File::open(staging).map_err(write_error(staging))?;
        if rustix::fs::syncfs(&folder).is_ok() {
            return Ok(());
        }
    }
    for artifact in artifacts {
        let path = staging.join(&artifact.path);
        fs::File::open(&path).and_then(|file| file.sync_all()).map_err(write_error(&path))?;
    }
    Ok(())
}

/// Puts the staging folder in the target's place. Where the file system can exchange two names at once there is no moment
/// without a target; elsewhere the old one is moved aside first and moved back when the second rename fails.
fn swap(staging: tempfile::TempDir, target: &Path) -> Result<(), PublishError> {
    if !target.exists() {
        let staged = staging.keep();
        return fs::rename(&staged, target).map_err(|error| {
            drop(fs::remove_dir_all(&staged));
            write_error(target)(error)
        });
    }
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, staging.path(), CWD, target, RenameFlags::EXCHANGE).is_ok() {
            // The staging name now holds the old folder; dropping it removes that.
            return Ok(());
        }
    }
    let aside = staging.path().with_extension("old");
    fs::rename(target, &aside).map_err(write_error(target))?;
    let staged = staging.keep();
    if let Err(error) = fs::rename(&staged, target) {
        drop(fs::rename(&aside, target));
        drop(fs::remove_dir_all(&staged));
        return Err(write_error(target)(error));
    }
    fs::remove_dir_all(&aside).map_err(write_error(&aside))
}
