//! Which IAM prefix the operations of an API model are authorized under.

use std::collections::{BTreeMap, BTreeSet};

use super::botocore::Model;
use super::text::Hosts;
use crate::catalog::Catalog;

/// The prefix of a model: the hand-written one, else of its signing name, endpoint, folder and id the one that has actions for the
/// most of its operations; the earlier of equals. `None` where the reference knows none of them.
pub(super) fn of(folder: &str, model: &Model, known: &Catalog) -> Option<String> {
    if let Some(prefix) = known.rules().model_prefix(folder) {
        return known.service(prefix).map(|_| prefix.to_owned());
    }
    let metadata = &model.metadata;
    let id = metadata.service_id.to_ascii_lowercase();
    let names = [&metadata.signing_name, &metadata.endpoint_prefix, folder, &id.replace(' ', "-"), &id.replace([' ', '-'], "")];
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let Some(service) = known.service(name) else { continue };
        let same = model.operations.keys().filter(|operation| service.action(operation).is_some()).count();
        if best.is_none_or(|(most, _)| same > most) {
            best = Some((same, name));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// Hosts of API endpoints that are no prefixes themselves: CloudTrail's eventSource is one of them.
pub(super) fn hosts(models: &BTreeMap<String, Model>, known: &Catalog) -> Hosts {
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, model) in models {
        let Some(prefix) = of(folder, model, known) else { continue };
        for host in [&model.metadata.endpoint_prefix, &model.metadata.signing_name] {
            let host = host.to_ascii_lowercase();
            if !host.is_empty() && known.service(&host).is_none() && known.prefixes_of(&host).is_empty() {
                hosts.entry(host).or_default().insert(prefix.clone());
            }
        }
    }
    hosts.into_iter().map(|(host, prefixes)| (host, prefixes.into_iter().collect())).collect()
}
