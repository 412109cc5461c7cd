//! The binary: parses, runs one command, maps its end to an exit code.

mod args;
mod command;
mod console;
mod exit;
mod settings;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exit::Exit;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let publishing = Arc::new(Mutex::new(()));
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() else {
        return Exit::Failed.into();
    };
    runtime.spawn(end_when_interrupted(Arc::clone(&publishing)));
    let console = console::Console::new(&arguments.shared);
    // The command runs here, on the main thread: memory is handed to other threads page by page, which takes long for a large profile.
    let run = || exit::report(&console, command::run(&arguments, &console, &publishing));
    let exit = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Failed);
    runtime.shutdown_background();
    exit.into()
}

/// Ends the process when the user interrupts it. An interrupt waits for an output that is being put in its place.
async fn end_when_interrupted(publishing: Arc<Mutex<()>>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        let _whole = publishing.lock().await;
        std::process::exit(Exit::Interrupted.code().into());
    }
}
