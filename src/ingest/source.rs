//! Sources: which files the arguments name, each once, in a fixed order; standard input as a temporary file, since a log is read twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use tempfile::NamedTempFile;
use walkdir::{DirEntry, WalkDir};

use super::IngestError;
use crate::policy::manifest::{self, Manifest};

/// How many bytes of standard input (or of a pipe given as a file) are spooled.
pub const SPOOL_BYTES_MAX: u64 = 64 << 30;

/// What an input holds, told from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Records to read.
    Log,
    /// A stored profile (Parquet that is no table of flow records).
    Profile,
}

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// As shown: as the user named it, or below the directory that the user named; standard input is `-`.
    pub name: String,
    /// Where the bytes are; for standard input a temporary file.
    pub path: PathBuf,
    /// Whether the user named it, itself or by a pattern; `false` for what was found in a directory.
    pub named: bool,
    /// What it holds.
    pub kind: InputKind,
}

/// One of several parts of the inputs, told by a hash of their names, so that machines that read a part each read everything once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    number: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `I/N`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |part: &str| part.parse::<u64>().ok();
        match text.split_once('/').map(|(number, of)| (parse(number), parse(of))) {
            Some((Some(number), Some(of))) if (1..=of).contains(&number) => Ok(Shard { number, of }),
            _ => Err("expected `I/N` with I from 1 to N, as in `3/31`".to_owned()),
        }
    }
}

impl Shard {
    /// Whether an input of this name is read in this part.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        let mut first = [0_u8; 8];
        first.iter_mut().zip(blake3::hash(name.as_bytes()).as_bytes()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(first) % self.of == self.number - 1
    }
}

/// The files to read. Spooled ones exist as long as this does.
#[derive(Debug, Default)]
pub struct Inputs {
    /// In the order of the arguments, directories in the order of their names; no file twice.
    pub inputs: Vec<Input>,
    spools: Vec<NamedTempFile>,
    seen: BTreeSet<PathBuf>,
}

/// Finds the files that `inputs` name: files, directories (walked, hidden files and folders that tightfit wrote left out), patterns with `*`, `?`, `[`, `{`
/// where no such file exists, and `-` for standard input.
///
/// # Errors
/// When an argument names nothing, a directory holds no file, or standard input cannot be spooled.
pub fn discover(inputs: &[String], stdin: &mut dyn Read) -> Result<Inputs, IngestError> {
    let mut found = Inputs::default();
    for argument in inputs {
        let path = Path::new(argument);
        if argument == "-" {
            found.spool("-", stdin, SPOOL_BYTES_MAX)?;
        } else if let Ok(metadata) = path.metadata() {
            if metadata.is_dir() {
                found.walk(path, argument)?;
            } else if metadata.is_file() {
                found.add(argument.clone(), path.to_owned(), true);
            } else {
                let mut pipe = File::open(path).map_err(|source| IngestError::Spool { name: argument.clone(), source })?;
                found.spool(argument, &mut pipe, SPOOL_BYTES_MAX)?;
            }
        } else if argument.contains(['*', '?', '[', '{']) {
            found.expand(argument)?;
        } else if path.symlink_metadata().is_ok() || path.parent().is_some_and(is_closed) {
            // It is there, or may be: reading it says why it cannot be read.
            found.add(argument.clone(), path.to_owned(), true);
        } else {
            return Err(IngestError::NotFound { name: argument.clone() });
        }
    }
    Ok(found)
}

/// Whether a directory exists that may not be looked into.
fn is_closed(directory: &Path) -> bool {
    directory.read_dir().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn is_hidden(found: &DirEntry) -> bool {
    found.depth() > 0 && found.file_name().to_string_lossy().starts_with('.')
}

/// Whether this is a folder that tightfit wrote: policies and reports below a folder of logs are no logs.
fn is_output(found: &DirEntry) -> bool {
    if found.depth() == 0 || !found.file_type().is_dir() {
        return false;
    }
    let text = std::fs::read_to_string(found.path().join(manifest::FILE)).unwrap_or_default();
    serde_json::from_str::<Manifest>(&text).is_ok_and(|manifest| manifest.tool == "tightfit")
}

impl Inputs {
    fn add(&mut self, name: String, path: PathBuf, named: bool) {
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.seen.insert(identity) {
            let kind = kind_of(&path);
            self.inputs.push(Input { name, path, named, kind });
        } else if named {
            // Named after all: a fault in it is the user's to know.
            let same = |input: &&mut Input| input.path.canonicalize().ok() == path.canonicalize().ok();
            if let Some(input) = self.inputs.iter_mut().find(same) {
                input.named = true;
            }
        }
    }

    fn walk(&mut self, directory: &Path, argument: &str) -> Result<(), IngestError> {
        let mut files = 0_usize;
        let walk = WalkDir::new(directory).follow_links(true).sort_by_file_name();
        for step in walk.into_iter().filter_entry(|found| !is_hidden(found) && !is_output(found)) {
            match step {
                Ok(found) if found.file_type().is_file() => {
                    files += 1;
                    self.add(found.path().to_string_lossy().into_owned(), found.into_path(), false);
                }
                Ok(_) => {}
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => match error.path() {
                    // What cannot be opened is an input too: reading it says why.
                    Some(path) => {
                        files += 1;
                        self.add(path.to_string_lossy().into_owned(), path.to_owned(), false);
                    }
                    None => return Err(IngestError::Walk { name: argument.to_owned(), source: error }),
                },
            }
        }
        if files == 0 { Err(IngestError::Empty { name: argument.to_owned() }) } else { Ok(()) }
    }

    fn expand(&mut self, pattern: &str) -> Result<(), IngestError> {
        let matcher = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|source| IngestError::Pattern { pattern: pattern.to_owned(), source })?
            .compile_matcher();
        let mut files = 0_usize;
        for (name, path) in matches(pattern, &matcher) {
            if path.is_dir() {
                // A directory without files is no error here: the pattern may match others.
                files += usize::from(self.walk(&path, &name).is_ok());
            } else {
                files += 1;
                self.add(name, path, true);
            }
        }
        if files == 0 { Err(IngestError::NoMatch { pattern: pattern.to_owned() }) } else { Ok(()) }
    }

    /// Copies a stream into a temporary file of at most `bytes_max`.
    fn spool(&mut self, name: &str, stream: &mut dyn Read, bytes_max: u64) -> Result<(), IngestError> {
        if self.inputs.iter().any(|input| input.name == name) {
            return Ok(());
        }
        let failed = |source| IngestError::Spool { name: name.to_owned(), source };
        let mut spool = NamedTempFile::new().map_err(failed)?;
        let copied = io::copy(&mut stream.take(bytes_max.saturating_add(1)), &mut spool).map_err(failed)?;
        spool.flush().map_err(failed)?;
        if copied > bytes_max {
            return Err(IngestError::SpoolFull { name: name.to_owned(), bytes_max });
        }
        let path = spool.path().to_owned();
        let kind = kind_of(&path);
        self.inputs.push(Input { name: name.to_owned(), path, named: true, kind });
        self.spools.push(spool);
        Ok(())
    }
}

/// Paths that match, in order, with the name to show. Hidden files match only where the pattern itself names a dot.
fn matches(pattern: &str, matcher: &GlobMatcher) -> Vec<(String, PathBuf)> {
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{'])).count();
    let base = parts.get(..fixed).unwrap_or_default().join("/");
    let root = match (base.is_empty(), pattern.starts_with('/')) {
        (true, true) => Path::new("/"),
        (true, false) => Path::new("."),
        (false, _) => Path::new(&base),
    };
    // A brace may hold a separator, and `**` any number of them.
    let deep = pattern.contains("**") || pattern.contains('{');
    let depth = if deep { usize::MAX } else { parts.len().saturating_sub(fixed) };
    let hidden = parts.iter().any(|part| part.len() > 1 && part.starts_with('.') && *part != "..");
    let walk = WalkDir::new(root).min_depth(1).max_depth(depth).follow_links(true).sort_by_file_name();
    walk.into_iter()
        .filter_entry(|found| hidden || !is_hidden(found))
        .filter_map(Result::ok)
        .filter_map(|found| {
            let path = if base.is_empty() && !pattern.starts_with('/') {
                found.path().strip_prefix(".").unwrap_or(found.path()).to_owned()
            } else {
                found.path().to_owned()
            };
            matcher.is_match(&path).then(|| (path.to_string_lossy().into_owned(), path))
        })
        .collect()
}

/// A Parquet file is a profile, unless it is whole and says in its footer that it is none: then it is a table of flow records.
fn kind_of(path: &Path) -> InputKind {
    let mut magic = [0_u8; 4];
    let read = |mut file: File| {
        file.read_exact(&mut magic)?;
        footer_of(&mut file)
    };
    match File::open(path).and_then(read) {
        Ok(footer) if &magic == PARQUET => match footer {
            Some(footer) if memchr::memmem::find(&footer, PROFILE_MARK).is_none() => InputKind::Log,
            Some(_) | None => InputKind::Profile,
        },
        Ok(_) | Err(_) => {
            if &magic == PARQUET {
                InputKind::Profile
            } else {
                InputKind::Log
            }
        }
    }
}

/// How a Parquet file begins and ends. <https://parquet.apache.org/docs/file-format/>
const PARQUET: &[u8; 4] = b"PAR1";

/// What stands in the footer of every profile: the name of its version.
const PROFILE_MARK: &[u8] = b"tightfit.schema";

/// The footer of a file; `None` where it has none as its last bytes say, or one larger than any log's.
fn footer_of(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    const FOOTER_BYTES_MAX: u32 = 64 << 20;
    let mut end = [0_u8; 8];
    let length = file.seek(SeekFrom::End(0))?;
    if length < 12 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut end)?;
    let [a, b, c, d, magic @ ..] = end;
    let bytes = u32::from_le_bytes([a, b, c, d]);
    if &magic != PARQUET || bytes > FOOTER_BYTES_MAX || u64::from(bytes) + 12 > length {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8 - i64::from(bytes)))?;
    let mut footer = vec![0_u8; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact(&mut footer)?;
    Ok(Some(footer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_has_an_end() {
        let mut inputs = Inputs::default();
        let full = inputs.spool("-", &mut io::repeat(b' '), 1000);
        assert!(matches!(full, Err(IngestError::SpoolFull { bytes_max: 1000, .. })));
        inputs.spool("-", &mut io::repeat(b' ').take(1000), 1000).expect("fits");
        assert_eq!(inputs.inputs.len(), 1);
    }
}
