//! Grants that let their holder gain more than they say.
//! <https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks>

use std::collections::BTreeMap;

use crate::finding::{Code, Finding};
use crate::policy::grant::Permit;

/// Resources (`*` is any), verbs, and what the grant comes to.
const RISKS: &[(&[&str], &[&str], &str)] = &[
    (&["secrets"], &["get", "list", "watch"], "reads Secrets, and so the credentials in them"),
    (
        &["pods", "deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs"],
        &["create"],
        "creates pods, and so acts as any service account and reads any Secret of the namespace",
    ),
    (&["pods/exec", "pods/attach", "pods/ephemeralcontainers"], &["*"], "runs commands inside pods, with what those pods may do"),
    (&["serviceaccounts/token"], &["create"], "issues tokens, and so acts as those service accounts"),
    (&["nodes/proxy"], &["*"], "reaches the kubelet past the API server: commands in every pod of the node, unaudited"),
    (&["*"], &["escalate"], "writes roles with more than it has itself"),
    (&["*"], &["bind"], "gives itself or others any role"),
    (
        &["roles", "clusterroles", "rolebindings", "clusterrolebindings"],
        &["create", "update", "patch"],
        "writes roles or bindings, within what it has itself",
    ),
    (&["certificatesigningrequests/approval"], &["*"], "approves certificates, and so new identities"),
    (
        &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        &["create", "update", "patch"],
        "sees, and may change, every object that is written",
    ),
    (&["persistentvolumes"], &["create"], "mounts any path of a node through a volume of its making"),
];

/// Says which of these units are risky, one finding per kind of risk; and `impersonate`, under its own code.
pub(super) fn say<'a>(about: &str, permits: impl Iterator<Item = &'a Permit> + Clone, findings: &mut Vec<Finding>) {
    let has = |list: &[&str], wanted: &str| list.contains(&"*") || list.contains(&wanted);
    let mut found: BTreeMap<&str, (u64, &Permit)> = BTreeMap::new();
    let mut impersonated = 0;
    for permit in permits {
        let Permit::Rbac { verb, resource, .. } = permit else { continue };
        impersonated += u64::from(verb == "impersonate");
        for (resources, verbs, what) in RISKS {
            if has(resources, resource) && has(verbs, verb) {
                found.entry(what).or_insert((0, permit)).0 += 1;
            }
        }
    }
    for (what, (count, example)) in found {
        let note = format!("{what} (`{example}`); keep it only where it must be");
        findings.push(Finding::new(Code::RiskyGrant, about, note).counted(count));
    }
    if impersonated > 0 {
        let note = "it acted as somebody else, so it gets `impersonate` for those names: whatever they may do, it may do";
        findings.push(Finding::new(Code::Impersonation, about, note).counted(impersonated));
    }
}
