//! `tightfit catalog`: what the platforms define, asked, refreshed, built.

mod action;
mod event;
mod facts;
mod refresh;
mod status;

use anyhow::{Error, Result, anyhow};
use serde_json::{Value, json};
use tightfit::{curate, publish};
use tokio::sync::Mutex;

use super::{JSON_SCHEMA, while_publishing};
use crate::args::{self, Choose, Shape, Shared};
use crate::console::Console;
use crate::exit::Exit;
use crate::settings;
use crate::settings::in_use::InUse;

pub(super) fn run(shared: &Shared, command: &args::Catalog, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let config = || settings::config(shared, &Choose::default(), &Shape::default());
    let open = || InUse::open(shared, &config()?);
    match command {
        args::Catalog::Status => Ok(status::run(&open()?, console)),
        args::Catalog::Event { source, name } => event::run(&open()?, source, name, console),
        args::Catalog::Action { action } => action::run(&open()?, action, console),
        args::Catalog::Refresh { from, out, force } => {
            let wanted = refresh::Wanted { from, out: out.as_deref(), force: *force };
            refresh::run(shared, &config()?, &wanted, console, publishing)
        }
        args::Catalog::Build { iam_data, botocore, map, fas, out } => {
            let inputs = curate::Inputs { iam_data, botocore: botocore.as_deref(), map: map.as_deref(), fas: fas.as_deref() };
            let bytes = curate::build(&inputs)?;
            while_publishing(publishing, || publish::bytes(out, &bytes))?;
            let catalog = tightfit::catalog::Catalog::from_bytes(&bytes)?;
            console.line(&format!("wrote {} ({} bytes)", out.display(), bytes.len()));
            status::describe(&catalog, console);
            console.document(&status::document(&catalog, "catalog build", &out.display().to_string()));
            Ok(Exit::Done)
        }
    }
}

/// An error about a name that is not known, with those that may be meant.
fn meant(nearest: &[String], unknown: Error) -> Error {
    if nearest.is_empty() {
        return unknown;
    }
    anyhow!("did you mean {}?", nearest.join(", ")).context(unknown.to_string())
}

/// That an action's use cannot be recorded, with the page that says so.
fn leaves_none(page: &str) -> String {
    format!("leaves no event, whatever is switched on ({page})")
}

/// What every document of `catalog` begins with.
fn document(command: &str, catalog: &str, rest: Value) -> Value {
    let mut document = json!({
        "schema": JSON_SCHEMA,
        "tool": "tightfit",
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "catalog": catalog,
    });
    if let (Value::Object(document), Value::Object(rest)) = (&mut document, rest) {
        document.extend(rest);
    }
    document
}
