//! `tightfit catalog refresh`: AWS's Service Reference over the catalog in use, judged whole, put in place at once.

use std::path::Path;

use anyhow::{Context, Error, Result, anyhow};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use tightfit::config::Config;
use tightfit::curate::service_reference::{self, Document};
use tightfit::fetch;
use tightfit::publish::{self, PublishError};
use tokio::sync::Mutex;

use super::facts::{labelled, listed};
use crate::args::Shared;
use crate::command::while_publishing;
use crate::console::Console;
use crate::exit::{Exit, WrongValue};
use crate::settings::in_use::{InUse, default_place};

/// Names that are shown of those that changed; all with `--verbose` and `--json`.
const SHOWN_MAX: usize = 12;

/// What was typed.
pub(super) struct Wanted<'a> {
    pub(super) from: &'a str,
    pub(super) out: Option<&'a Path>,
    pub(super) force: bool,
}

pub(super) fn run(
    shared: &Shared,
    config: &Config,
    wanted: &Wanted<'_>,
    console: &Console,
    publishing: &Mutex<()>,
) -> Result<Exit> {
    let unknown = || anyhow!("neither `XDG_DATA_HOME` nor `HOME` is set: say where to write with `--out FILE`");
    let out = wanted.out.map(Path::to_owned).or_else(default_place).ok_or_else(unknown)?;
    if out.is_dir() {
        return Err(WrongValue(format!("`--out {}`: a folder; expected the file to write", out.display())).into());
    }
    // A damaged catalog is what a refresh is for: the embedded one is the ground then, and that is said.
    let (in_use, damage) = InUse::or_embedded(shared, config, &out)?;
    if let Some(damage) = damage {
        console.warn(&format!("{damage:#}; starting from the embedded one"));
    }
    let read = fetch::service_reference::read(wanted.from)?;
    let documents: Vec<Document<'_>> =
        read.documents.iter().map(|document| Document { service: &document.service, bytes: &document.bytes }).collect();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date().to_string();
    let merged = service_reference::merge(in_use.get(), &documents, (&today, &read.home), wanted.force)
        .with_context(|| format!("the reference of `{}` is not taken; the catalog is as it was", wanted.from))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    while_publishing(publishing, || publish::bytes(&out, &merged.bytes).map_err(|error| unwritten(&out, error)))?;
    console.line(&format!("wrote {}: {} services of {}", out.display(), merged.services, wanted.from));
    for (label, names) in [("new", &merged.new_actions), ("gone", &merged.gone_actions)] {
        let shown = if console.verbose() { names.len() } else { SHOWN_MAX };
        labelled(console, label, &format!("{} actions", names.len()));
        listed(console, "", names.get(..shown.min(names.len())).unwrap_or_default());
    }
    if wanted.out.is_some() {
        labelled(console, "use it", &format!("with `--catalog {}`, or `[catalog] file` in tightfit.toml", out.display()));
    }
    let rest = json!({
        "from": wanted.from,
        "out": out.display().to_string(),
        "services": merged.services,
        "new_actions": merged.new_actions,
        "gone_actions": merged.gone_actions,
    });
    console.document(&super::document("catalog refresh", &in_use.place(), rest));
    Ok(Exit::Done)
}

/// Why the file could not be written, in the words of one file: `publish` speaks of folders.
fn unwritten(out: &Path, error: PublishError) -> Error {
    let cannot = format!("`{}` cannot be written", out.display());
    match error {
        PublishError::Write { source, .. } => Error::new(source).context(cannot),
        PublishError::NotOurs { .. } | PublishError::NoName { .. } => anyhow!("{cannot}: it names no file"),
    }
}
