//! One file per command; what they share: opening inputs, saying how records ended, printing a verdict.

mod catalog;
mod doctor;
mod explain;
mod generate;
mod merge;
mod profile;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use indexmap::IndexMap;
use serde_json::{Value, json};
use tightfit::access::ledger::{FileFault, Ledger};
use tightfit::config::Config;
use tightfit::finding::{Code, Finding, Severity};
use tightfit::ingest::{self, InputKind, Inputs};
use tightfit::load;
use tightfit::pipeline::{Plan, Source};
use tightfit::render::markdown::count;
use tightfit::render::redact::Detail;
use tightfit::verdict::Verdict;
use tokio::sync::Mutex;

use crate::args::{Arguments, Beside, Choose, Command, Evidence, FailOn, Shape, Shared};
use crate::console::{self, Console, visible};
use crate::exit::Exit;
use crate::settings;
use crate::settings::in_use::InUse;

/// The version of every `--json` document.
const JSON_SCHEMA: u32 = 1;

/// Runs the command that was typed. `publishing` is held while an output is put in its place.
pub(crate) fn run(arguments: &Arguments, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Generate(command) => generate::run(shared, command, console, publishing),
        Command::Verify(command) => verify::run(shared, command, console),
        Command::Profile(command) => profile::run(shared, command, console, publishing),
        Command::Merge(command) => merge::run(command, console, publishing),
        Command::Doctor(command) => doctor::run(shared, command, console),
        Command::Explain(command) => explain::run(shared, command, console),
        Command::Catalog(command) => catalog::run(shared, command, console, publishing),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "tightfit", &mut script);
            console.raw(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
    }
}

/// Opened inputs and checked settings.
struct Session<'a> {
    config: Config,
    catalog: InUse,
    inputs: Inputs,
    /// What production has, where it is given.
    snapshot: Option<PathBuf>,
    jobs: usize,
    lenient: bool,
    console: &'a Console,
}

impl<'a> Session<'a> {
    fn open(shared: &Shared, choose: &Choose, shape: &Shape, inputs: &[String], console: &'a Console) -> Result<Self> {
        let config = settings::config(shared, choose, shape)?;
        let catalog = InUse::open(shared, &config)?;
        let inputs = ingest::discover(inputs, &mut std::io::stdin().lock())?;
        let windowed = config.choose.since.is_some() || config.choose.until.is_some();
        if let Some(stored) = inputs.inputs.iter().find(|input| windowed && input.kind == InputKind::Profile) {
            bail!(
                "`{}` is a stored profile, which holds no records for `--since` and `--until` to pass over: give them to `tightfit profile`",
                stored.name
            );
        }
        let jobs = shared.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, std::num::NonZero::get);
        Ok(Session { config, catalog, inputs, snapshot: None, jobs, lenient: shared.lenient, console })
    }

    /// The same session within what production has.
    fn within(mut self, snapshot: Option<&Path>) -> Self {
        self.snapshot = snapshot.map(Path::to_path_buf);
        self
    }

    /// The same session with what is known beside the log.
    fn beside(mut self, beside: &Beside) -> Result<Self> {
        for file in &beside.last_accessed {
            self.config.last_uses.extend(load::last_accessed::read(file)?);
        }
        self.config.last_uses.sort();
        self.config.last_uses.dedup();
        Ok(self)
    }

    /// Runs a stage over the inputs with progress.
    fn with_source<T>(&self, what: &'static str, stage: impl FnOnce(&Source<'_>) -> T) -> T {
        let total =
            self.inputs.inputs.iter().filter_map(|input| std::fs::metadata(&input.path).ok()).map(|file| file.len()).sum();
        self.console.start(what, total);
        let progress = |bytes: u64, _records: u64| self.console.progress(bytes);
        let catalog = self.catalog.get();
        let ended = stage(&Source {
            inputs: &self.inputs.inputs,
            config: &self.config,
            catalog,
            snapshot: self.snapshot.as_deref(),
            jobs: self.jobs,
            progress: &progress,
        });
        self.console.finish();
        ended
    }

    /// Names every damaged input; true when that makes the run fail: a log that is cut or unreadable, a named file that is no
    /// log, or no log at all.
    fn damaged(&self, ledger: &Ledger) -> bool {
        let mut fails = false;
        for (file, state) in &ledger.files {
            let Some(fault) = &state.fault else { continue };
            let (words, counts) = match fault {
                FileFault::Foreign(what) => (format!("`{file}` is no log: {what}"), state.named),
                FileFault::Unusable(what) => (format!("`{file}` holds no usable record, the first one: {what}"), state.named),
                FileFault::Truncated(what) => {
                    (format!("`{file}` is cut short: {what}; what stood before the cut was used"), true)
                }
                FileFault::Unreadable(what) => (format!("`{file}` cannot be read: {what}"), true),
            };
            if counts || self.console.verbose() {
                self.console.warn(&words);
            }
            fails |= counts;
        }
        let nothing = ledger.records() == ledger.rejected_count();
        if nothing {
            self.console
                .warn("no input holds a record of a kind that tightfit reads: CloudTrail, Kubernetes audit logs or flow logs");
        }
        (fails || nothing) && !self.lenient
    }
}

/// How much is shown.
fn detail(evidence: Evidence) -> Detail {
    match evidence {
        Evidence::Redacted => Detail::Redacted,
        Evidence::Full => Detail::Full,
    }
}

/// From which severity findings fail a run.
fn threshold(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Never => None,
        FailOn::Note => Some(Severity::Note),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::High => Some(Severity::High),
    }
}

/// One line: how every record ended.
fn say_ledger(console: &Console, ledger: &Ledger) {
    console.line(&format!(
        "{} in {} = {} observed + {} undecided + {} skipped + {} rejected",
        count(ledger.records(), "record"),
        count(ledger.files.len(), "file"),
        ledger.observed,
        ledger.undecided_count(),
        ledger.skipped_count(),
        ledger.rejected_count()
    ));
}

/// The verdict and its four parts.
fn say_verdict(console: &Console, verdict: &Verdict) {
    let (sufficiency, necessity, restraint) = (&verdict.sufficiency, &verdict.necessity, &verdict.restraint);
    let basis = match verdict.basis {
        tightfit::verdict::VerdictBasis::Log => "",
        tightfit::verdict::VerdictBasis::Profile => " (from a profile: not proven against a log)",
    };
    console.line("");
    console.line(&format!("verdict: {}{basis}", console::verdict(verdict.state())));
    console.line(&format!(
        "  sufficiency  {:>6} requests judged, {} would be denied",
        sufficiency.judged,
        sufficiency.gaps.len()
    ));
    console.line(&format!("  necessity    {:>6} grants judged, {} without a need", necessity.judged, necessity.excess.len()));
    console.line(&format!(
        "  restraint    {:>6} only-refused requests judged, {} would be allowed, {} contested",
        restraint.judged,
        restraint.leaks.len(),
        restraint.contested.len()
    ));
    console.line(&format!("  coverage     {:>6} known to be missing from the recording", verdict.coverage.len()));
    console.line(&format!("  undecided    {:>6} records", verdict.undecided));
    let limit = if console.verbose() { usize::MAX } else { 5 };
    for (word, examples) in [("gap", &sufficiency.gaps), ("leak", &restraint.leaks)] {
        for example in examples.iter().take(limit) {
            let event = example
                .events
                .first()
                .map_or_else(String::new, |event| format!(" ({} {}:{})", event.id, event.file, event.record));
            console.line(&format!("  {word}: {} {}{}", shown(&example.identity), shown(&example.request), shown(&event)));
        }
        say_more(console, examples.len(), limit);
    }
    for excess in necessity.excess.iter().take(limit) {
        console.line(&format!("  excess: {} {}", shown(&excess.identity), shown(&excess.permit)));
    }
    say_more(console, necessity.excess.len(), limit);
}

/// Text of the log on a terminal, without emails and object keys.
fn shown(text: &impl ToString) -> String {
    visible(&Detail::Redacted.show(&text.to_string()))
}

/// That a list goes on.
fn say_more(console: &Console, all: usize, limit: usize) {
    if all > limit {
        console.line(&format!("  ... {} more (--verbose)", all - limit));
    }
}

/// How many findings of one code are shown unless more is asked for.
const FINDINGS_SHOWN: usize = 3;

/// Findings by severity: of each code the first few warnings, or everything when more is asked for.
fn say_findings(console: &Console, findings: &[Finding]) {
    let of = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    console.line("");
    let (warnings, notes) = (count(of(Severity::Warning), "warning"), count(of(Severity::Note), "note"));
    console.line(&format!("findings: {} high, {warnings}, {notes}", of(Severity::High)));
    let listed = findings.iter().filter(|finding| console.verbose() || finding.severity >= Severity::Warning);
    let mut by_code: IndexMap<Code, Vec<&Finding>> = IndexMap::new();
    listed.for_each(|finding| by_code.entry(finding.code).or_default().push(finding));
    for (code, findings) in by_code {
        let limit = if console.verbose() { usize::MAX } else { FINDINGS_SHOWN };
        for finding in findings.iter().take(limit) {
            let severity = console::severity(finding.severity);
            console.line(&format!("  {severity} {} {}: {}", code.name(), shown(&finding.about), shown(&finding.note)));
        }
        if findings.len() > limit {
            console.line(&format!("  ... {} more {} (--verbose, or the report)", findings.len() - limit, code.name()));
        }
    }
}

/// What every `--json` document begins with.
fn document(command: &str, plan: &Plan, detail: Detail) -> Result<Value> {
    let state = plan.verdict.state();
    Ok(json!({
        "schema": JSON_SCHEMA,
        "tool": "tightfit",
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "state": serde_json::to_value(state)?,
        "records": records(&plan.profile.ledger),
        "verdict": detail.show_json(serde_json::to_value(&plan.verdict)?),
        "findings": detail.show_json(serde_json::to_value(&plan.findings)?),
    }))
}

/// How records ended, in numbers.
fn records(ledger: &Ledger) -> Value {
    json!({
        "files": ledger.files.len(),
        "records": ledger.records(),
        "observed": ledger.observed,
        "undecided": ledger.undecided_count(),
        "skipped": ledger.skipped,
        "rejected": ledger.rejected.iter().map(|(reject, rejections)| (json!(reject).as_str().unwrap_or_default().to_owned(), rejections.count)).collect::<std::collections::BTreeMap<_, _>>(),
    })
}

/// The same document with every text redacted.
fn redacted(value: Value) -> Value {
    Detail::Redacted.show_json(value)
}

/// A rejected share above which a log is taken for damaged.
fn too_many_rejected(session: &Session<'_>, ledger: &Ledger) -> bool {
    let rejected = ledger.rejected_count().saturating_sub(ledger.passed_over());
    let records = ledger.records().saturating_sub(ledger.passed_over());
    let over = rejected.saturating_mul(100) > records.saturating_mul(u64::from(session.config.rejected_percent_max));
    if over {
        session.console.warn(&format!(
            "{rejected} of {records} records were rejected, more than {} percent",
            session.config.rejected_percent_max
        ));
    }
    over && !session.lenient
}

/// Holds the publishing lock while `publish` runs.
fn while_publishing<T, E: Into<anyhow::Error>>(publishing: &Mutex<()>, publish: impl FnOnce() -> Result<T, E>) -> Result<T> {
    let _held = publishing.blocking_lock();
    publish().map_err(Into::into).context("nothing was replaced")
}
