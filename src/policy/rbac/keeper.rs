//! Who keeps an existing role or binding as it is: whoever else edits it is overruled sooner or later.

use std::fmt;

use super::model::ObjectMeta;

/// Who writes an object again when it is changed, or wrote it last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// The API server or an addon manager, at every start.
    Platform(&'static str),
    /// An operator's package or a Helm hook: made anew, so nothing else can narrow it.
    Operator(String),
    /// A tool that applies what stands somewhere else: change it there.
    Source(String),
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keeper::Platform(by) => f.write_str(by),
            Keeper::Operator(by) | Keeper::Source(by) => f.write_str(by),
        }
    }
}

/// Who keeps the object with this metadata; `None` where nothing says so. Labels and annotations are hostile text.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation>
/// <https://olm.operatorframework.io/docs/concepts/crds/operatorgroup/#rbac>
/// <https://helm.sh/docs/topics/charts_hooks/>
#[must_use]
pub fn keeper(metadata: &ObjectMeta) -> Option<Keeper> {
    let label = |key: &str| metadata.labels.get(key).map(String::as_str);
    let annotation = |key: &str| metadata.annotations.get(key).map(String::as_str);
    if label("kubernetes.io/bootstrapping") == Some("rbac-defaults") {
        return Some(Keeper::Platform("the API server, at every start"));
    }
    if label("addonmanager.kubernetes.io/mode") == Some("Reconcile") {
        return Some(Keeper::Platform("the addon manager"));
    }
    if let Some(hook) = annotation("helm.sh/hook") {
        return Some(Keeper::Operator(format!("a Helm hook ({hook})")));
    }
    let owner = label("olm.owner").or_else(|| metadata.labels.keys().find_map(|key| key.strip_prefix("operators.coreos.com/")));
    if let Some(owner) = owner {
        return Some(Keeper::Operator(format!("the Operator Lifecycle Manager ({owner})")));
    }
    let helm =
        annotation("meta.helm.sh/release-name").or_else(|| label("app.kubernetes.io/managed-by").filter(|by| *by == "Helm"));
    if let Some(release) = helm {
        return Some(Keeper::Source(format!("Helm ({release})")));
    }
    for (key, tool) in [
        ("argocd.argoproj.io/tracking-id", "Argo CD"),
        ("kustomize.toolkit.fluxcd.io/name", "Flux"),
        ("helm.toolkit.fluxcd.io/name", "Flux"),
    ] {
        if let Some(by) = annotation(key).or_else(|| label(key)) {
            return Some(Keeper::Source(format!("{tool} ({by})")));
        }
    }
    None
}
