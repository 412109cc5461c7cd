//! Reads logs into a profile, and its flows into text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tightfit::access::flow::{Flow, resolve};
use tightfit::access::identity::Identity;
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::profile::{Profile, Seen};
use tightfit::access::request::RequestKey;
use tightfit::aggregate::Aggregator;
use tightfit::catalog::Catalog;
use tightfit::ingest::{Options, discover, read};

/// Reads files, each written with these bytes.
pub(crate) fn profile(files: &[(&str, &[u8])]) -> Profile {
    profile_with(files, &Options::new(Catalog::embedded()))
}

pub(crate) fn profile_with(files: &[(&str, &[u8])], options: &Options<'_>) -> Profile {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    of_folder(folder.path(), options)
}

pub(crate) fn of_folder(folder: &Path, options: &Options<'_>) -> Profile {
    let inputs = discover(&[folder.to_string_lossy().into_owned()], &mut std::io::empty()).unwrap();
    let mut aggregator = Aggregator::default();
    let reading = read(&inputs.inputs, options, &mut aggregator, &|_, _| {});
    let mut profile = aggregator.finish().unwrap();
    profile.ledger.files = reading.files.clone();
    assert_eq!(profile.ledger.records(), reading.records, "every record ends exactly once");
    profile
}

/// Everything that the profile holds of the network of the cluster without a name.
pub(crate) fn network(profile: &Profile) -> Vec<(Flow, Seen)> {
    let Some(part) = profile.identities.get(&Identity::network("cluster")) else { return Vec::new() };
    let flows = part.requests.iter().filter_map(|(request, seen)| match request {
        RequestKey::Flow(flow) => Some(((**flow).clone(), seen.clone())),
        RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) => None,
    });
    flows.collect()
}

/// What stands behind a resolved flow.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) allowed: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    /// Whether any record states who opened it.
    pub(crate) stated: bool,
}

/// Resolved flows, each with what stands behind it, and the flows that could not be resolved.
pub(crate) fn resolved(profile: &Profile) -> (BTreeMap<Flow, Behind>, Vec<String>) {
    let (mut flows, mut unresolved) = (BTreeMap::<Flow, Behind>::new(), Vec::new());
    for (flow, seen) in network(profile) {
        match resolve(&flow, "cluster", &profile.inventory) {
            Ok(found) => {
                for one in found {
                    let behind = flows.entry(one).or_default();
                    behind.allowed += seen.count(Outcome::Allowed);
                    behind.refused += seen.count(Outcome::Refused);
                    behind.unknown += seen.count(Outcome::Unknown);
                    behind.stated |= seen.bases.contains(&Basis::Stated);
                }
            }
            Err(why) => unresolved.push(format!("{flow}: {why:?}")),
        }
    }
    (flows, unresolved)
}
