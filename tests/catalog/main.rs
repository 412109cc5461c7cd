//! The catalog from outside: what it says of operations, how it is asked, refreshed, damaged, and rebuilt from its sources.
#![cfg(test)]

#[path = "../harness/mod.rs"]
mod harness;

mod lookup;
mod measure;
mod operations;
mod rebuild;
mod refresh;
mod server;

use std::path::Path;
use std::process::{Command, Output};

/// The binary with data kept below `home`, so that no catalog of the person who runs the tests is used.
fn tightfit_at(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tightfit"));
    command.current_dir(home).env("XDG_DATA_HOME", home.join("data")).env("HOME", home);
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    tightfit_at(home).args(arguments).output().unwrap()
}
