//! The only file that prints: results to standard output, progress and errors to standard error.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use tightfit::finding::Severity;
use tightfit::render::markdown::one_line;
use tightfit::verdict::VerdictState;

use crate::args::{Color, Shared};

/// Where a command says what it has to say.
pub(crate) struct Console {
    choice: ColorChoice,
    json: bool,
    verbose: bool,
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    pub(crate) fn new(shared: &Shared) -> Self {
        let choice = match shared.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let (json, verbose, quiet) = (shared.json, shared.verbose, shared.quiet);
        Console { choice, json, verbose, quiet, bar: Mutex::new(None) }
    }

    /// Whether more is asked for.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose
    }

    /// One line of text for a person. A reader that went away is no error.
    pub(crate) fn line(&self, text: &str) {
        if !self.quiet && !self.json {
            let mut out = AutoStream::new(std::io::stdout(), self.choice);
            drop(writeln!(out, "{text}"));
        }
    }

    /// Whether a JSON document is asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One JSON document, whatever `--quiet` says: it was asked for.
    pub(crate) fn document(&self, document: &serde_json::Value) {
        if self.json {
            self.raw(&format!("{document:#}\n"));
        }
    }

    /// Text as it is: a script, a document.
    pub(crate) fn raw(&self, text: &str) {
        drop(std::io::stdout().write_all(text.as_bytes()));
    }

    /// An error with its causes, each on one line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut out = AutoStream::new(std::io::stderr(), self.choice);
        let style = bold(AnsiColor::Red);
        drop(writeln!(out, "{style}error{style:#}: {}", visible(&error.to_string())));
        for cause in error.chain().skip(1) {
            for line in cause.to_string().lines() {
                drop(writeln!(out, "  {}", visible(line)));
            }
        }
    }

    /// A warning.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            let mut out = AutoStream::new(std::io::stderr(), self.choice);
            let style = bold(AnsiColor::Yellow);
            drop(writeln!(out, "{style}warning{style:#}: {}", visible(text)));
        }
    }

    /// Progress over `bytes_total`, on a terminal only.
    pub(crate) fn start(&self, what: &'static str, bytes_total: u64) {
        if self.quiet || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new(bytes_total).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}") {
            bar.set_style(style);
        }
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    /// How many bytes are read.
    pub(crate) fn progress(&self, bytes: u64) {
        if let Ok(slot) = self.bar.lock()
            && let Some(bar) = slot.as_ref()
        {
            bar.set_position(bytes);
        }
    }

    /// The end of progress: its line goes away.
    pub(crate) fn finish(&self) {
        if let Ok(mut slot) = self.bar.lock()
            && let Some(bar) = slot.take()
        {
            bar.finish_and_clear();
        }
    }
}

fn bold(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(color.into()))
}

/// Text of others on a terminal: one line, nothing that the terminal would act on.
pub(crate) fn visible(text: &str) -> String {
    one_line(text)
}

/// The verdict's word in its colour.
pub(crate) fn verdict(state: VerdictState) -> String {
    let style = bold(match state {
        VerdictState::Clean => AnsiColor::Green,
        VerdictState::Incomplete => AnsiColor::Yellow,
        VerdictState::NotClean => AnsiColor::Red,
    });
    format!("{style}{}{style:#}", tightfit::render::report::state_name(state))
}

/// A severity's word in its colour.
pub(crate) fn severity(severity: Severity) -> String {
    let (style, name) = match severity {
        Severity::High => (bold(AnsiColor::Red), "high"),
        Severity::Warning => (bold(AnsiColor::Yellow), "warning"),
        Severity::Note | Severity::Off => (Style::new(), "note"),
    };
    format!("{style}{name}{style:#}")
}
