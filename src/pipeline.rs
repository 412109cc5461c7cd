//! The pipeline: the only composition of the verbs. Sources and settings in, a plan out; nothing is written here.
//!
//! inputs --ingest, aggregate--> Profile --synthesize--> PolicySet --ingest, verify--> Verdict --render--> artifacts

use std::collections::BTreeMap;
use std::path::Path;

use crate::access::blind::Expected;
use crate::access::ledger::Ledger;
use crate::access::object::HeldObject;
use crate::access::observation::Undecided;
use crate::access::profile::Profile;
use crate::access::survey::Survey;
use crate::access::{flow, folded};
use crate::aggregate::{self, Aggregator, ProfileError};
use crate::artifact::Artifact;
use crate::catalog::{Catalog, data_events};
use crate::config::{Config, NetworkBasis};
use crate::finding::{self, Code, Finding};
use crate::ingest::{self, IngestError, Input, InputKind, Reading};
use crate::load::{self, LoadError};
use crate::policy::set::{Documents, PolicySet};
use crate::policy::snapshot::Snapshot;
use crate::render::coverage::Sight;
use crate::render::redact::Detail;
use crate::render::report::Subject;
use crate::render::{self, RenderError, Templates};
use crate::synthesize;
use crate::verdict::{Verdict, VerdictBasis};
use crate::verify::Replay;

/// Why a stage failed. Rejected records and findings are values, not errors.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// An input could not be found or changed while it was read.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A stored profile could not be read or made.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A policy folder could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Something could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// What to read and how.
pub struct Source<'a> {
    /// Logs and stored profiles.
    pub inputs: &'a [Input],
    /// Settings.
    pub config: &'a Config,
    /// What the platforms define.
    pub catalog: &'a Catalog,
    /// A folder that holds what production has; `None` judges the documents alone.
    pub snapshot: Option<&'a Path>,
    /// How many files are read at a time; at least one.
    pub jobs: usize,
    /// Called now and then with bytes and records read so far.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// What a first reading learned.
#[derive(Debug)]
pub struct Learned {
    /// Everything seen.
    pub profile: Profile,
    /// Whether any of it came from a stored profile.
    pub basis: VerdictBasis,
    /// How the logs were read, to be compared with the second pass.
    reading: Reading,
}

/// Everything that one run comes to.
#[derive(Debug)]
pub struct Plan {
    /// Everything seen.
    pub profile: Profile,
    /// What was written or loaded.
    pub policies: PolicySet,
    /// What replay proved.
    pub verdict: Verdict,
    /// Everything a person should know, arranged; holes of the recording among them.
    pub findings: Vec<Finding>,
}

impl Source<'_> {
    fn options(&self) -> ingest::Options<'_> {
        ingest::Options {
            catalog: self.catalog,
            clusters: &self.config.clusters,
            vpc_format: self.config.vpc_format.as_ref(),
            since: self.config.choose.since,
            until: self.config.choose.until,
            jobs: self.jobs.max(1),
            ..ingest::Options::new(self.catalog)
        }
    }

    fn snapshot(&self) -> Result<(Option<Snapshot>, Vec<Finding>), LoadError> {
        let Some(folder) = self.snapshot else { return Ok((None, Vec::new())) };
        let (snapshot, findings) = load::snapshot::folder(folder, &self.config.clusters)?;
        Ok((Some(snapshot), findings))
    }

    fn stored(&self) -> Result<Vec<Profile>, ProfileError> {
        let stored = self.inputs.iter().filter(|input| input.kind == InputKind::Profile);
        stored.map(|input| aggregate::read(&input.name, &input.path)).collect()
    }
}

/// Reads every input once and aggregates what was seen.
///
/// # Errors
/// When a stored profile cannot be read; bad logs are values in the ledger.
pub fn learn(source: &Source<'_>) -> Result<Learned, PipelineError> {
    let mut aggregator = Aggregator::default();
    let names_max = source.config.names_max;
    let options = ingest::Options { names_max, ..source.options() };
    let reading = ingest::read(source.inputs, &options, &mut aggregator, source.progress);
    let mut profile = aggregator.finish()?;
    note_reading(&mut profile.ledger, &mut profile.coverage, &reading);
    let stored = source.stored()?;
    let basis = if stored.is_empty() { VerdictBasis::Log } else { VerdictBasis::Profile };
    for part in stored {
        // One profile alone is that profile: it may be large.
        if profile == Profile::default() {
            profile = part;
        } else {
            profile.merge(&part);
        }
    }
    // What is stored may keep fewer names than are asked for.
    let kept = Ledger { names_max, ..Ledger::default() };
    profile.ledger.merge(&kept);
    profile.fold_names();
    Ok(Learned { profile, basis, reading })
}

/// Takes in what a snapshot shows of the clusters that the log is of; gives what of it was not read.
fn add_held(profile: &mut Profile, objects: &[HeldObject]) -> Result<Vec<Finding>, ProfileError> {
    let mut aggregator = Aggregator::default();
    let (files, unread) = ingest::held(objects, &profile.coverage, &mut aggregator);
    let mut held = aggregator.finish()?;
    held.ledger.files = files;
    profile.merge(&held);
    Ok(unread)
}

/// What only the reader of files knows: faults, requests without an answer, forged ids.
fn note_reading(ledger: &mut crate::access::ledger::Ledger, coverage: &mut crate::access::coverage::Coverage, reading: &Reading) {
    ledger.files.clone_from(&reading.files);
    ledger.ids_forgotten = reading.ids_forgotten;
    coverage.response_missing.clone_from(&reading.response_missing);
    coverage.duplicate_ids.clone_from(&reading.duplicate_ids);
    coverage.duplicate_id_count = reading.duplicate_id_count;
}

/// Learns, writes policies, and proves them by reading the log again.
///
/// # Errors
/// When the snapshot or a stored profile cannot be read or a log changed between the two readings.
pub fn generate(source: &Source<'_>) -> Result<Plan, PipelineError> {
    // A snapshot that cannot be read is told before minutes of reading.
    let (snapshot, told) = source.snapshot()?;
    let mut learned = learn(source)?;
    let objects = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.objects);
    let unread = add_held(&mut learned.profile, objects)?;
    let (policies, mut findings) = synthesize::policies(&learned.profile, source.config, source.catalog, snapshot.as_ref());
    findings.extend(told);
    findings.extend(unread);
    findings.extend(snapshot.iter().flat_map(|snapshot| not_in_snapshot(&policies, snapshot)));
    let mut replay = Replay::new(&policies, source.config).within(snapshot.as_ref());
    if learned.basis == VerdictBasis::Log {
        let reading = ingest::read(source.inputs, &source.options(), &mut replay, source.progress);
        learned.reading.check_unchanged(&reading)?;
        ingest::held(objects, &learned.profile.coverage, &mut replay);
    } else {
        replay.profile(&learned.profile);
    }
    replay.resolve(&learned.profile.inventory);
    let holes = holes(&learned.profile, source);
    let verdict = replay.verdict(learned.basis, holes.clone());
    findings.extend(holes);
    findings.extend(remarks(&learned.profile, source, &verdict));
    let findings = finding::arrange(findings, &source.config.findings);
    Ok(Plan { profile: learned.profile, policies, verdict, findings })
}

/// Judges the policies of a folder against every input, read once.
///
/// # Errors
/// When the folder, the snapshot or a stored profile cannot be read.
pub fn verify(source: &Source<'_>, folder: &Path) -> Result<Plan, PipelineError> {
    let (policies, mut findings) = load::folder(folder)?;
    let (snapshot, told) = source.snapshot()?;
    findings.extend(told);
    findings.extend(snapshot.iter().flat_map(|snapshot| not_in_snapshot(&policies, snapshot)));
    let mut replay = Replay::new(&policies, source.config).within(snapshot.as_ref());
    let mut survey = Survey::default();
    let reading = ingest::read(source.inputs, &source.options(), &mut (&mut survey, &mut replay), source.progress);
    note_reading(&mut survey.ledger, &mut survey.coverage, &reading);
    let mut profile =
        Profile { identities: BTreeMap::new(), inventory: survey.inventory, coverage: survey.coverage, ledger: survey.ledger };
    let stored = source.stored()?;
    for part in &stored {
        replay.profile(part);
        profile.merge(part);
    }
    let objects = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.objects);
    let mut held = Survey::default();
    let (files, unread) = ingest::held(objects, &profile.coverage, &mut (&mut held, &mut replay));
    held.ledger.files = files;
    profile.inventory.merge(&held.inventory);
    profile.ledger.merge(&held.ledger);
    findings.extend(unread);
    let basis = if stored.is_empty() { VerdictBasis::Log } else { VerdictBasis::Profile };
    replay.resolve(&profile.inventory);
    let holes = holes(&profile, source);
    let verdict = replay.verdict(basis, holes.clone());
    findings.extend(holes);
    findings.extend(remarks(&profile, source, &verdict));
    let findings = finding::arrange(findings, &source.config.findings);
    Ok(Plan { profile, policies, verdict, findings })
}

/// The files of an output folder.
///
/// # Errors
/// When a user's template is broken or changes a policy.
pub fn artifacts(
    plan: &Plan,
    config: &Config,
    catalog: &Catalog,
    templates: &Templates,
    detail: Detail,
) -> Result<Vec<Artifact>, RenderError> {
    let Plan { profile, policies, verdict, findings } = plan;
    let sight = sight(profile, config, catalog);
    let subject = Subject { profile, policies, verdict, findings, config, sight: &sight };
    render::artifacts(subject, catalog, templates, detail)
}

/// What the recording could not show, as configuration weighs it.
#[must_use]
pub fn holes(profile: &Profile, source: &Source<'_>) -> Vec<Finding> {
    let mut holes = with_expected(profile, source.config, source.catalog, |expected| profile.coverage.holes(expected));
    if source.config.network.basis != NetworkBasis::Off {
        holes.extend(flow::without_flows(profile, &|identity| source.config.left_out(identity).is_none()));
    }
    if profile.ledger.observed == 0 {
        let note = "no record is an observed request, so nothing can be written or judged: name another input, or widen `--since` and `--until`";
        holes.push(Finding::new(Code::NothingObserved, "the log", note));
    }
    finding::arrange(holes, &source.config.findings)
}

/// Identities with a policy that the snapshot does not hold: their boundary is not known.
fn not_in_snapshot(policies: &PolicySet, snapshot: &Snapshot) -> Vec<Finding> {
    let iam = policies.policies.iter().filter(|(_, policy)| matches!(policy.documents, Documents::Iam(_)));
    let absent = iam.filter(|(identity, _)| !snapshot.principals.contains_key(identity));
    let note = "the snapshot does not hold it: its boundary and trust policy are not known, so only the organization's and the resources' policies were judged beside its own";
    absent.map(|(identity, _)| Finding::new(Code::NotInSnapshot, identity.to_string(), note)).collect()
}

/// What is worth knowing of the recording and does not make a verdict incomplete.
#[must_use]
pub fn recording_remarks(profile: &Profile, source: &Source<'_>) -> Vec<Finding> {
    let remarks = with_expected(profile, source.config, source.catalog, |expected| profile.coverage.remarks(expected));
    finding::arrange(remarks, &source.config.findings)
}

/// Calls `look` with what a complete recording is held against.
fn with_expected<T>(profile: &Profile, config: &Config, catalog: &Catalog, look: impl FnOnce(&Expected<'_>) -> T) -> T {
    let data_services: Vec<&str> = catalog.rules().data_services().collect();
    look(&Expected {
        data_events: data_events::embedded(),
        data_services: &data_services,
        days_min: config.days_min,
        must_hold: &config.must_hold,
        last_uses: &config.last_uses,
        inventory: &profile.inventory,
        judged: &|identity| config.left_out(identity).is_none(),
    })
}

/// Whom the recording was blind for, and the event selectors that would end it.
#[must_use]
pub fn sight(profile: &Profile, config: &Config, catalog: &Catalog) -> Sight {
    with_expected(profile, config, catalog, |expected| Sight::of(&profile.coverage, expected))
}

/// Findings about the reading itself.
fn remarks(profile: &Profile, source: &Source<'_>, verdict: &Verdict) -> Vec<Finding> {
    let mut remarks = recording_remarks(profile, source);
    remarks.extend(flow::remarks(profile));
    for contested in &verdict.restraint.contested {
        let note = format!("{}; it stays granted, find out which answer is meant: {}", contested.note, contested.request);
        remarks.push(Finding::new(Code::Contested, contested.identity.to_string(), note).counted(contested.count));
    }
    for (why, count) in &profile.ledger.undecided {
        let note = format!("{}: nothing was written for these records", render::report::spell_undecided(why));
        let code = if matches!(why, Undecided::DirectionUnknown(_)) { Code::FlowDirectionUnknown } else { Code::EventUnmapped };
        remarks.push(Finding::new(code, "the log", note).counted(*count));
    }
    let twice = profile.ledger.counted_twice.len();
    if twice > 0 {
        let note = "these logs are in more than one of the profiles: their records count twice, so counts are upper bounds";
        let logs = u64::try_from(twice).unwrap_or(u64::MAX);
        remarks.push(Finding::new(Code::CountsUpperBound, "the profiles", note).counted(logs));
    }
    if profile.ledger.ids_forgotten > 0 {
        let note = "so many ids were no longer remembered at the end: a record that was delivered again half a million records later was \
                    counted again; what is granted does not change by that";
        remarks.push(Finding::new(Code::IdsForgotten, "the log", note).counted(profile.ledger.ids_forgotten));
    }
    let folded = folded::count(profile);
    if folded > 0 {
        let note = format!(
            "requests stand for all names below the same directories, or of the same kind: more than {} names (`ingest.names-max`) are \
             not kept side by side; each grant says so",
            profile.ledger.names_max
        );
        remarks.push(Finding::new(Code::NamesFolded, "the log", note).counted(folded));
    }
    let rejected = profile.ledger.rejected_count().saturating_sub(profile.ledger.passed_over());
    if rejected > 0 {
        remarks.push(
            Finding::new(Code::RecordsRejected, "the log", "records that could not be used; the report names some")
                .counted(rejected),
        );
    }
    remarks
}
