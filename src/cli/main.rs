//! The binary: parses, runs one command, maps its end to an exit code.

mod args;
mod command;
mod console;
mod exit;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exit::Exit;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime
        .map_or(Exit::Failed, |runtime| {
            let exit = runtime.block_on(run(args::Arguments::parse()));
            runtime.shutdown_background();
            exit
        })
        .into()
}

/// Runs the command until it ends or the user interrupts it. An interrupt waits for an output that is being put in its place.
async fn run(arguments: args::Arguments) -> Exit {
    let publishing = Arc::new(Mutex::new(()));
    let held = Arc::clone(&publishing);
    let console = console::Console::new(&arguments.shared);
    let job = tokio::task::spawn_blocking(move || exit::report(&console, command::run(&arguments, &console, &held)));
    tokio::select! {
        ended = job => ended.unwrap_or(Exit::Failed),
        _ = tokio::signal::ctrl_c() => {
            let _whole = publishing.lock().await;
            Exit::Interrupted
        }
    }
}
