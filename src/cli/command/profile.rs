//! `tightfit profile`: stores what the logs show.

use anyhow::Result;
use serde_json::json;
use tightfit::{aggregate, pipeline, publish};
use tokio::sync::Mutex;

use super::{JSON_SCHEMA, Session, records, say_ledger, too_many_rejected, while_publishing};
use crate::args::{Choose, Profile, Shape, Shared};
use crate::console::Console;
use crate::exit::Exit;

pub(super) fn run(shared: &Shared, command: &Profile, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let choose = Choose { window: command.window.clone(), ..Choose::default() };
    let session = Session::open(shared, &choose, &Shape::default(), &command.inputs, console)?;
    let profile = session.with_source("reading", pipeline::learn)?.profile;
    let damaged = session.damaged(&profile.ledger) | too_many_rejected(&session, &profile.ledger);
    let name = command.out.display().to_string();
    while_publishing(publishing, || {
        publish::file(&command.out, |file| -> Result<()> { Ok(aggregate::write(&profile, &name, file)?) })
    })?;
    say_ledger(console, &profile.ledger);
    console.line(&format!("wrote {name}: {} identities, schema {}", profile.identities.len(), aggregate::SCHEMA_VERSION));
    console.document(&json!({
        "schema": JSON_SCHEMA, "tool": "tightfit", "version": env!("CARGO_PKG_VERSION"), "command": "profile",
        "records": records(&profile.ledger), "identities": profile.identities.len(), "file": name,
    }));
    Ok(if damaged { Exit::Failed } else { Exit::Done })
}
