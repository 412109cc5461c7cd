//! Advice where a few workloads keep a namespace below what the others satisfy: a namespace of their own, and what would move.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::access::identity::Identity;
use crate::access::pod::{Pod, Workload};
use crate::finding::{Code, Finding};
use crate::policy::podsec::Level;
use crate::policy::podsec::admission::{AdmissionProposal, account, majority};

/// What at least half of the workloads satisfy, and the workloads that would not satisfy it even with their patches, with what they
/// need. `levels` is what each satisfies, as it is and with its patch.
pub(super) fn lasting<'a>(levels: &BTreeMap<&'a Workload, (Level, Level)>) -> (Level, Vec<(&'a Workload, Level)>) {
    let held = majority(levels.values().map(|(level, _)| *level));
    let below = levels.iter().filter(|(_, (_, patched))| *patched < held);
    (held, below.map(|(workload, (_, patched))| (*workload, *patched)).collect())
}

/// What to do about one of them.
pub(super) fn advice(
    identity: &Identity,
    (workload, level): (&Workload, Level),
    pods: &[&Pod],
    held: Level,
    proposal: Option<&AdmissionProposal>,
) -> Finding {
    let accounts: BTreeSet<&str> = pods.iter().map(|pod| account(pod)).collect();
    let told_apart = proposal.is_some_and(|proposal| proposal.exceptions().any(|name| accounts.contains(name)));
    let meanwhile = if told_apart {
        "until then, `pod-security/admission.proposal.yaml` holds the others and lets pods of this account through at exactly what they use; whoever may create pods there can still run them as this account"
    } else {
        "no admission policy can tell it apart until it has a service account of its own and the cluster is at 1.30 or newer"
    };
    let mut moves = vec![format!("service account {} and the bindings that name it", list(&accounts))];
    moves.extend(volumes(pods));
    let note = format!(
        "{workload} needs {level}, while at least half of the workloads satisfy {held}: give it a namespace of its own, with {}; {meanwhile}",
        moves.join("; ")
    );
    Finding::new(Code::OwnNamespace, identity.to_string(), note)
}

/// What the volumes name and must be there too, by kind.
fn volumes(pods: &[&Pod]) -> Vec<String> {
    let named = |source: &str, member: &str| -> BTreeSet<String> {
        let sources = pods.iter().flat_map(|pod| &pod.spec.volumes).filter_map(|volume| volume.sources.get(source));
        let names = sources.filter_map(|json| serde_json::from_str::<Value>(json).ok()?.get(member)?.as_str().map(str::to_owned));
        names.collect()
    };
    let kinds = [("config maps", named("configMap", "name")), ("secrets", named("secret", "secretName"))];
    kinds.into_iter().filter(|(_, names)| !names.is_empty()).map(|(kind, names)| format!("{kind} {}", list(&names))).collect()
}

fn list<T: AsRef<str>>(names: &BTreeSet<T>) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
