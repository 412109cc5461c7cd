//! Objects of a snapshot as records beside the log's: older than the recording, perhaps, and read by the same rules as its bodies.
//!
//! Invariant: an object is read for a cluster that the log is of, or not at all; what is not read is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::coverage::Coverage;
use crate::access::evidence::EventRef;
use crate::access::ledger::FileLedger;
use crate::access::object::HeldObject;
use crate::access::observation::{Record, Sink};
use crate::access::times::Times;
use crate::finding::{Code, Finding, Severity};

use super::audit;

/// Why objects of a file are not read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unread {
    /// Nothing is read from their kind.
    Kind,
    /// No API server stored them.
    Manifest,
    /// An API server stored them, it seems, but they do not have the form of their kind.
    Malformed,
    /// They are of a cluster that the log does not hold.
    Elsewhere,
    /// They name no cluster, and the log holds several.
    Unnamed,
}

impl Unread {
    fn note(self, kinds: &str) -> String {
        match self {
            Unread::Kind => format!("holds objects from which nothing is read ({kinds})"),
            Unread::Manifest => format!(
                "holds manifests of pods and the like ({kinds}): they show what is meant, not what a cluster has, so they were not \
                 used; `kubectl get -o yaml` prints what it has"
            ),
            Unread::Malformed => format!(
                "holds objects whose parts, or whose time of creation, do not have the form of their kind ({kinds}): what has not was not \
                 used; fetch them again with `kubectl get -o yaml`"
            ),
            Unread::Elsewhere => {
                format!("holds objects of a cluster of which the log holds nothing ({kinds}): only its RBAC was used")
            }
            Unread::Unnamed => format!(
                "holds objects that name no cluster ({kinds}), and the log holds several, so they were not used; put each \
                 cluster's into a folder that `--cluster NAME=GLOB` matches"
            ),
        }
    }
}

/// Pushes what the objects show into the sink: facts, and a record for each pod and each template of pods. `recorded` tells which
/// clusters the log is of. Gives the records by file, and what was not read.
pub fn held(objects: &[HeldObject], recorded: &Coverage, sink: &mut dyn Sink) -> (BTreeMap<String, FileLedger>, Vec<Finding>) {
    let clusters: BTreeSet<&str> = recorded.audits.keys().chain(recorded.flows.keys()).map(String::as_str).collect();
    let mut files: BTreeMap<String, FileLedger> = BTreeMap::new();
    let mut unread: BTreeMap<(&str, Unread), BTreeMap<&str, u64>> = BTreeMap::new();
    let mut seen: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for held in objects {
        let mut pass_over = |why: Unread| {
            *unread.entry((&held.file, why)).or_default().entry(held.text("/kind")).or_default() += 1;
        };
        let cluster = match (held.cluster.as_str(), clusters.first()) {
            ("", Some(only)) if clusters.len() == 1 => *only,
            ("", Some(_)) => {
                pass_over(Unread::Unnamed);
                continue;
            }
            (named, _) if clusters.contains(named) => named,
            _ => {
                pass_over(Unread::Elsewhere);
                continue;
            }
        };
        let Some(standing) = audit::standing(held, cluster) else {
            let is_account = held.text("/kind") == "ServiceAccount";
            match audit::is_read(held) {
                true if held.is_stored() => pass_over(Unread::Malformed),
                true if !is_account => pass_over(Unread::Manifest),
                true => {}
                false => pass_over(Unread::Kind),
            }
            continue;
        };
        // The same object may stand in two files: a pod by itself and in a list of everything.
        if !seen.insert((cluster, held.text("/metadata/uid"), held.text("/metadata/resourceVersion"))) {
            continue;
        }
        if standing.is_malformed {
            pass_over(Unread::Malformed);
        }
        standing.facts.iter().for_each(|fact| sink.fact(fact));
        if let Some(asked) = &standing.pod {
            let (id, file) = (held.text("/metadata/uid").to_owned(), held.file.clone());
            let times = Times::once(&EventRef { time: standing.time, id, file, record: held.number });
            sink.record(&Record::Observed { observations: vec![asked.observation(&times)], count: 1 });
            files.entry(held.file.clone()).or_insert(FileLedger { named: true, ..FileLedger::default() }).records += 1;
        }
    }
    let findings = unread.into_iter().map(|((file, why), kinds)| {
        let count = kinds.values().sum();
        let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        let code = if why == Unread::Unnamed { Code::ClusterUnnamed } else { Code::SnapshotUnread };
        let mut finding = Finding::new(code, file, why.note(&kinds.join(", "))).counted(count);
        if why == Unread::Kind {
            finding.severity = Severity::Note;
        }
        finding
    });
    (files, findings.collect())
}
