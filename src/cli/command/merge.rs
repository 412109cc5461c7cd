//! `tightfit merge`: stored profiles as one.

use anyhow::{Result, bail};
use tightfit::aggregate;
use tightfit::ingest::{self, InputKind};
use tokio::sync::Mutex;

use super::profile::store;
use crate::args::Merge;
use crate::console::Console;
use crate::exit::Exit;

pub(super) fn run(command: &Merge, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let inputs = ingest::discover(&command.inputs, &mut std::io::empty())?;
    if let Some(log) = inputs.inputs.iter().find(|input| input.kind == InputKind::Log) {
        bail!("`{}` is no stored profile: `tightfit profile {} --out FILE` makes one of a log", log.name, log.name);
    }
    let parts = inputs.inputs.iter().map(|input| Ok((input.name.clone(), aggregate::read(&input.name, &input.path)?)));
    let profile = aggregate::merge(parts, command.overlapping)?;
    store(&profile, &command.out, "merge", console, publishing)?;
    Ok(Exit::Done)
}
