//! `tightfit profile`: stores what the logs show.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use tightfit::access::profile::Profile as Stored;
use tightfit::{aggregate, pipeline, publish};
use tokio::sync::Mutex;

use super::{JSON_SCHEMA, Session, records, say_ledger, too_many_rejected, while_publishing};
use crate::args::{Choose, Profile, Shape, Shared};
use crate::console::Console;
use crate::exit::Exit;

pub(super) fn run(shared: &Shared, command: &Profile, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let choose = Choose { window: command.window.clone(), ..Choose::default() };
    let mut session = Session::open(shared, &choose, &Shape::default(), &command.inputs, console)?;
    if let Some(shard) = command.shard {
        session.inputs.inputs.retain(|input| shard.holds(&input.name));
    }
    let profile = session.with_source("reading", pipeline::learn)?.profile;
    // With few files a part may have none: nothing is wrong then.
    let idle = command.shard.is_some() && session.inputs.inputs.is_empty();
    let damaged = !idle && (session.damaged(&profile.ledger) | too_many_rejected(&session, &profile.ledger));
    say_ledger(console, &profile.ledger);
    store(&profile, &command.out, "profile", console, publishing)?;
    Ok(if damaged { Exit::Failed } else { Exit::Done })
}

/// Writes a profile whole, and says so.
pub(super) fn store(profile: &Stored, out: &Path, command: &str, console: &Console, publishing: &Mutex<()>) -> Result<()> {
    let name = out.display().to_string();
    while_publishing(publishing, || publish::file(out, |file| -> Result<()> { Ok(aggregate::write(profile, &name, file)?) }))?;
    console.line(&format!("wrote {name}: {} identities, schema {}", profile.identities.len(), aggregate::SCHEMA_VERSION));
    console.document(&json!({
        "schema": JSON_SCHEMA, "tool": "tightfit", "version": env!("CARGO_PKG_VERSION"), "command": command,
        "records": records(&profile.ledger), "identities": profile.identities.len(), "file": name,
    }));
    Ok(())
}
