//! Pod Security in the report: each namespace's level, the workloads that force it, and what stands between them and `restricted`.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::Identity;
use crate::policy::podsec::{Level, Violation};
use crate::policy::set::{Documents, PodPatch, PolicySet};
use crate::render::markdown::{code, count, words};
use crate::render::redact::Detail;

/// Rows of namespace, level, workload, what it satisfies, what its patch sets, what remains: one for each workload below
/// `restricted`, one for a namespace without any. Every text is safe Markdown.
pub(crate) fn rows(policies: &PolicySet, detail: Detail) -> Vec<Vec<String>> {
    let mut patches: BTreeMap<Identity, Vec<&PodPatch>> = BTreeMap::new();
    for patch in &policies.pod_patches {
        patches.entry(Identity::namespace(&patch.cluster, &patch.namespace)).or_default().push(patch);
    }
    let mut rows = Vec::new();
    for (identity, policy) in &policies.policies {
        let Documents::PodSecurity(enforced) = &policy.documents else { continue };
        let (namespace, level) =
            (code(&detail.show(&identity.to_string())), format!("{} ({})", enforced.level, enforced.version));
        let patches = patches.get(identity).map(Vec::as_slice).unwrap_or_default();
        let mut row = |cells: [String; 4]| rows.push([namespace.clone(), level.clone()].into_iter().chain(cells).collect());
        if patches.is_empty() {
            row(["every one seen".to_owned(), Level::Restricted.to_string(), "none needed".to_owned(), "nothing".to_owned()]);
        }
        for patch in patches {
            let forces = if patch.level == enforced.level { "**" } else { "" };
            let set = match &patch.patch {
                Some(_) => format!("{} assumed", count(patch.assumed_fields.len(), "field")),
                None => "none can be written".to_owned(),
            };
            row([
                code(&detail.show(&patch.workload.to_string())),
                format!("{forces}{}{forces}", patch.level),
                set,
                checks(&patch.remaining),
            ]);
        }
    }
    rows
}

fn checks(remaining: &[Violation]) -> String {
    let checks: BTreeSet<&str> = remaining.iter().map(|violation| violation.check).collect();
    if checks.is_empty() { "nothing".to_owned() } else { words(&checks.into_iter().collect::<Vec<_>>().join(", ")) }
}
