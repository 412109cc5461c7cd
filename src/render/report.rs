//! The report: verdict, coverage and findings for a person, as Markdown.

mod network;

use serde::Serialize;

use super::coverage::{self, Sight};
use super::markdown::{code, count, words};
use super::rbac;
use super::redact::Detail;
use super::{RenderError, Templates, podsec};
use crate::access::identity::Identity;
use crate::access::ledger::{FileFault, Ledger};
use crate::access::observation::Undecided;
use crate::access::profile::Profile;
use crate::artifact::{self, Artifact};
use crate::config::Config;
use crate::finding::{Finding, Severity};
use crate::policy::set::{Documents, Policy, PolicySet};
use crate::verdict::{CounterExample, Verdict, VerdictBasis, VerdictState};

/// Longest list shown; the rest is in `verdict.json` or `evidence.json`, and how much was left out is said.
const ROWS_MAX: usize = 50;

/// What the template sees: every text is already safe Markdown.
#[derive(Serialize)]
struct View {
    state: &'static str,
    basis: &'static str,
    meaning: &'static str,
    span: String,
    sufficiency: String,
    necessity: String,
    restraint: String,
    coverage: String,
    undecided: String,
    written: Vec<Written>,
    /// How many resources of other accounts need a statement of their owner; empty for none.
    companions: String,
    gaps: List,
    leaks: List,
    contested: List,
    excess: List,
    widened: List,
    pod_security: List,
    network: List,
    holes: List,
    blind: List,
    selectors: Vec<coverage::Block>,
    audits: Vec<coverage::AuditPolicy>,
    granted: List,
    findings: List,
    left_out: List,
    causes: List,
    records: Vec<Count>,
    faults: List,
    files: String,
    rejected: List,
    redacted: bool,
}

#[derive(Serialize)]
struct Written {
    identity: String,
    kind: &'static str,
    folder: String,
    grants: usize,
    widened: usize,
}

#[derive(Serialize)]
struct Count {
    name: String,
    count: u64,
}

/// Rows of a table, and how many more there are.
#[derive(Serialize)]
struct List {
    rows: Vec<Vec<String>>,
    more: usize,
}

impl List {
    fn of<T>(all: &[T], row: impl Fn(&T) -> Vec<String>) -> Self {
        List { rows: all.iter().take(ROWS_MAX).map(row).collect(), more: all.len().saturating_sub(ROWS_MAX) }
    }
}

/// What the report is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was seen.
    pub profile: &'a Profile,
    /// What was written.
    pub policies: &'a PolicySet,
    /// What replay proved.
    pub verdict: &'a Verdict,
    /// Everything to know, arranged.
    pub findings: &'a [Finding],
    /// How identities were chosen.
    pub config: &'a Config,
    /// Whom the recording was blind for, and what would open its eyes.
    pub sight: &'a Sight,
}

/// `report.md`.
///
/// # Errors
/// When a user's template is broken.
pub fn artifact(subject: Subject<'_>, templates: &Templates, detail: Detail) -> Result<Artifact, RenderError> {
    let body = templates.render("report/report.md", &view(subject, detail))?;
    Ok(Artifact { path: "report.md".to_owned(), body })
}

fn view(subject: Subject<'_>, detail: Detail) -> View {
    let Subject { profile, policies, verdict, findings, .. } = subject;
    let (sufficiency, restraint, necessity) = (&verdict.sufficiency, &verdict.restraint, &verdict.necessity);
    let example = |example: &CounterExample| row_of_example(example, detail);
    let finding = |finding: &Finding| row_of_finding(finding, detail);
    let show = |text: &str| code(&detail.show(text));
    let ledger = &profile.ledger;
    let causes: Vec<(&Undecided, &u64)> = ledger.undecided.iter().collect();
    let span = profile.coverage.span();
    let said: Vec<Finding> = findings.iter().filter(|finding| !verdict.coverage.contains(finding)).cloned().collect();
    View {
        state: state_name(verdict.state()),
        basis: if verdict.basis == VerdictBasis::Log {
            "the log, read again"
        } else {
            "a stored profile: **not proven against a log**"
        },
        meaning: meaning(verdict.state()),
        span: match (span.first, span.last) {
            (Some(first), Some(last)) => format!("{first} to {last}, {} with events", count(span.days.count(), "day")),
            _ => "no event has a time".to_owned(),
        },
        sufficiency: format!(
            "{} requests ({} records) judged, {} would be denied",
            sufficiency.judged,
            sufficiency.records,
            sufficiency.gaps.len()
        ),
        necessity: format!("{} grants judged, {} without a need", necessity.judged, necessity.excess.len()),
        restraint: format!(
            "{} only-refused requests judged, {} would be allowed; {} contested",
            restraint.judged,
            restraint.leaks.len(),
            restraint.contested.len()
        ),
        coverage: format!("{} in the recording", count(verdict.coverage.len(), "hole")),
        undecided: count(verdict.undecided, "record"),
        written: written(policies, detail),
        companions: if policies.companions.is_empty() { String::new() } else { count(policies.companions.len(), "resource") },
        gaps: List::of(&sufficiency.gaps, example),
        leaks: List::of(&restraint.leaks, example),
        contested: List::of(&restraint.contested, example),
        excess: List::of(&necessity.excess, |excess| vec![show(&excess.identity.to_string()), show(&excess.permit.to_string())]),
        widened: widened(subject.policies, detail),
        pod_security: List::of(&podsec::rows(policies, detail), Clone::clone),
        network: List::of(&network::rows(policies, profile, detail), Clone::clone),
        holes: List::of(&verdict.coverage, finding),
        blind: List::of(&subject.sight.blind, |row| row.cells(detail)),
        selectors: subject.sight.blocks(),
        audits: subject.sight.audit_policies(),
        granted: List::of(&rbac::use_rows(&policies.granted, detail), Clone::clone),
        findings: List::of(&said, finding),
        left_out: List::of(&verdict.left_out, |left| vec![show(&left.identity.to_string()), words(&left.why)]),
        causes: List::of(&causes, |(why, count)| vec![show(&spell_undecided(why)), count.to_string()]),
        records: records(ledger),
        faults: faults(ledger),
        files: count(ledger.files.len(), "file"),
        rejected: rejected(ledger, detail),
        redacted: detail == Detail::Redacted,
    }
}

/// The verdict in one word, as people and machines read it.
#[must_use]
pub const fn state_name(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Clean => "clean",
        VerdictState::Incomplete => "incomplete",
        VerdictState::NotClean => "not clean",
    }
}

const fn meaning(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Clean => {
            "Everything observed of the identities written for is allowed, nothing else is granted without a named reason, and the recording shows no hole."
        }
        VerdictState::Incomplete => {
            "Everything observed and understood of the identities written for is allowed, but the recording could not show everything: see the holes and undecided records below."
        }
        VerdictState::NotClean => "The policies do not fit the log: see the counter-examples below.",
    }
}

/// An undecided cause in words.
#[must_use]
pub fn spell_undecided(why: &Undecided) -> String {
    match why {
        Undecided::EventUnmapped(event) => format!("no IAM action is known for {event}"),
        Undecided::IdentityUnknown(kind) => format!("the identity cannot be told ({kind})"),
        Undecided::ResponseMissing => "the answer was never recorded".to_owned(),
        Undecided::NotCarried(what) => format!("the log form does not carry {what}"),
        Undecided::DirectionUnknown(protocol) => {
            format!("nothing says who opened the connection ({protocol}, no flags, ports of one kind on both ends)")
        }
    }
}

fn row_of_example(example: &CounterExample, detail: Detail) -> Vec<String> {
    let events: Vec<String> = example
        .events
        .iter()
        .take(3)
        .map(|event| code(&format!("{} {} {}:{}", event.time, event.id, event.file, event.record)))
        .collect();
    vec![
        code(&detail.show(&example.identity.to_string())),
        code(&detail.show(&example.request)),
        example.count.to_string(),
        words(&detail.show(&example.note)),
        events.join("<br>"),
    ]
}

fn row_of_finding(finding: &Finding, detail: Detail) -> Vec<String> {
    let severity = match finding.severity {
        Severity::Off | Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::High => "**high**",
    };
    let count = if finding.count == 0 { String::new() } else { finding.count.to_string() };
    vec![
        severity.to_owned(),
        code(finding.code.name()),
        code(&detail.show(&finding.about)),
        words(&detail.show(&finding.note)),
        count,
    ]
}

/// Every pattern that stands for observed names, with what else it lets in.
fn widened(policies: &PolicySet, detail: Detail) -> List {
    let of = |(identity, policy): (&'_ Identity, &'_ Policy)| {
        let wider = policy.grants.iter().filter_map(|grant| Some((grant.permit.to_string(), grant.generalization.clone()?)));
        wider.map(|(permit, wider)| (identity.to_string(), permit, wider)).collect::<Vec<_>>()
    };
    let all: Vec<_> = policies.policies.iter().flat_map(of).collect();
    let show = |text: &str| code(&detail.show(text));
    List::of(&all, |(identity, permit, wider)| {
        vec![show(identity), show(permit), words(&wider.rule), wider.names.to_string(), words(&detail.show(&wider.admits))]
    })
}

fn written(policies: &PolicySet, detail: Detail) -> Vec<Written> {
    let rows = policies.policies.iter().map(|(identity, policy)| Written {
        identity: code(&detail.show(&identity.to_string())),
        kind: match policy.documents {
            Documents::Iam(_) => "IAM",
            Documents::Rbac(_) => "RBAC",
            Documents::PodSecurity(_) => "Pod Security",
            Documents::Network(_) => "NetworkPolicy",
        },
        folder: code(&detail.show(&artifact::folder(policies.folds.get(identity).unwrap_or(identity)))),
        grants: policy.grants.len(),
        widened: policy.grants.iter().filter(|grant| grant.generalization.is_some()).count(),
    });
    rows.collect()
}

fn records(ledger: &Ledger) -> Vec<Count> {
    let row = |name: String, count: u64| Count { name, count };
    let spelled = |value: serde_json::Result<String>| value.unwrap_or_default().replace('"', "").replace('-', " ");
    let mut rows = vec![row("observed".to_owned(), ledger.observed), row("undecided".to_owned(), ledger.undecided_count())];
    rows.extend(
        ledger.skipped.iter().map(|(skip, number)| row(format!("skipped: {}", spelled(serde_json::to_string(skip))), *number)),
    );
    rows.extend(
        ledger
            .rejected
            .iter()
            .map(|(reject, rejections)| row(format!("rejected: {}", spelled(serde_json::to_string(reject))), rejections.count)),
    );
    rows.push(row("**all records**".to_owned(), ledger.records()));
    rows
}

fn faults(ledger: &Ledger) -> List {
    let faulty: Vec<(&String, &FileFault)> =
        ledger.files.iter().filter_map(|(file, state)| Some((file, state.fault.as_ref()?))).collect();
    List::of(&faulty, |(file, fault)| {
        let (kind, detail) = match fault {
            FileFault::Foreign(detail) => ("not a log", detail),
            FileFault::Unusable(detail) => ("nothing usable", detail),
            FileFault::Truncated(detail) => ("truncated", detail),
            FileFault::Unreadable(detail) => ("unreadable", detail),
        };
        vec![code(file), kind.to_owned(), words(detail)]
    })
}

fn rejected(ledger: &Ledger, detail: Detail) -> List {
    let samples: Vec<&(String, u64, String)> = ledger.rejected.values().flat_map(|rejections| &rejections.samples).collect();
    List::of(&samples, |(file, record, why)| vec![code(file), record.to_string(), words(&detail.show(why))])
}
