//! `tightfit catalog`: what the embedded catalog is, and how it is built.

use anyhow::Result;
use tightfit::catalog::Catalog;
use tightfit::{curate, publish};
use tokio::sync::Mutex;

use super::while_publishing;
use crate::args;
use crate::console::Console;
use crate::exit::Exit;

pub(super) fn run(command: &args::Catalog, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    match command {
        args::Catalog::Status => console.line(&Catalog::embedded().provenance()),
        args::Catalog::Build { iam_data, out } => {
            let bytes = curate::build(iam_data)?;
            while_publishing(publishing, || publish::bytes(out, &bytes))?;
            console.line(&format!("wrote {}: {} bytes", out.display(), bytes.len()));
        }
    }
    Ok(Exit::Done)
}
