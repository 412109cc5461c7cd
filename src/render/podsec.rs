//! Pod Security artifacts: the labels of a Namespace and patches of workloads.

mod admission;
mod summary;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{RenderError, Templates, yaml};
use crate::access::identity::{Home, Identity, Name, is_object_name};
use crate::artifact::{self, Artifact};
use crate::policy::podsec::{Level, NamespacePolicy};
use crate::policy::set::PodPatch;

pub use admission::artifacts as admission_artifacts;
pub(super) use summary::rows;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: ManifestMetadata<'a>,
}

#[derive(Serialize)]
struct ManifestMetadata<'a> {
    name: &'a str,
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct LabelsView<'a> {
    cluster: String,
    namespace: String,
    level: &'a str,
    ahead: &'a str,
    version: String,
    body: &'a str,
}

#[derive(Serialize)]
struct PatchView<'a> {
    cluster: String,
    namespace: String,
    workload: String,
    kind: String,
    target: Option<String>,
    file: &'a str,
    recreate: bool,
    assumed: Vec<String>,
    remaining: Vec<RemainingView>,
    body: &'a str,
}

#[derive(Serialize)]
struct RemainingView {
    check: &'static str,
    field: String,
    detail: String,
}

/// `pod-security.yaml` in the namespace's folder: a Namespace that enforces the level, with audit and warn at `restricted`,
/// all pinned. Empty for an identity that is no namespace of a cluster.
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces>
///
/// # Errors
/// When a template of the user's is broken.
pub fn artifacts(identity: &Identity, policy: &NamespacePolicy, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let (Home::Cluster(cluster), Name::Namespace(namespace)) = (&identity.home, &identity.name) else { return Ok(Vec::new()) };
    let (level, ahead) = (policy.level.name(), Level::Restricted.name());
    let mut labels = BTreeMap::new();
    for (mode, level) in [("enforce", level), ("audit", ahead), ("warn", ahead)] {
        labels.insert(format!("pod-security.kubernetes.io/{mode}"), level.to_owned());
        labels.insert(format!("pod-security.kubernetes.io/{mode}-version"), policy.version.to_string());
    }
    let metadata = ManifestMetadata { name: namespace, labels };
    let body = yaml::document(&Manifest { api_version: "v1", kind: "Namespace", metadata })?;
    let view = LabelsView {
        cluster: comment(cluster),
        namespace: comment(namespace),
        level,
        ahead,
        version: policy.version.to_string(),
        body: body.trim_end(),
    };
    let path = format!("{}/pod-security.yaml", artifact::folder(identity));
    Ok(vec![Artifact { path, body: templates.render("podsec/pod-security.yaml", &view)? }])
}

/// `pod-security/KIND-NAME.patch.yaml` in the namespace's folder. Empty where no patch can be written: the report lists what remains.
///
/// # Errors
/// When a template of the user's is broken.
pub fn patch_artifacts(patch: &PodPatch, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let Some(document) = &patch.patch else { return Ok(Vec::new()) };
    let (kind, name) = (&patch.workload.kind, &patch.workload.name);
    let named = !kind.is_empty() && kind.chars().all(|character| character.is_ascii_alphabetic());
    // A kind of letters ends at the first dash, so two workloads never meet; of any other kind the path's digest takes care.
    let stem = if named { format!("{}-{name}", kind.to_lowercase()) } else { patch.workload.to_string() };
    let file = format!("{}.patch.yaml", artifact::path(&[&stem]));
    // A command that a person will paste: names only, none of them an option.
    let word = |name: &str| is_object_name(name) && !name.starts_with('-');
    let words = word(name) && word(&patch.namespace) && named;
    let body = yaml::document(document)?;
    let remaining = patch.remaining.iter().map(|violation| RemainingView {
        check: violation.check,
        field: comment(&violation.field),
        detail: comment(&violation.detail),
    });
    let view = PatchView {
        cluster: comment(&patch.cluster),
        namespace: comment(&patch.namespace),
        workload: comment(&patch.workload.to_string()),
        kind: comment(kind),
        target: words.then(|| format!("{} {name} --namespace {}", kind.to_lowercase(), patch.namespace)),
        file: &file,
        recreate: matches!(kind.as_str(), "Pod" | "Job"),
        assumed: patch.assumed_fields.iter().map(|field| comment(field)).collect(),
        remaining: remaining.collect(),
        body: body.trim_end(),
    };
    let folder = artifact::folder(&Identity::namespace(&patch.cluster, &patch.namespace));
    let body = templates.render("podsec/workload.patch.yaml", &view)?;
    Ok(vec![Artifact { path: format!("{folder}/pod-security/{file}"), body }])
}

/// Longest hostile text in a comment, in characters.
const COMMENT_CHARS_MAX: usize = 200;

/// Hostile text inside a YAML comment: whatever could end the line, or is no printable ASCII, is escaped.
/// <https://yaml.org/spec/1.2.2/#54-line-break-characters>
fn comment(text: &str) -> String {
    let mut safe: String = text.chars().take(COMMENT_CHARS_MAX).flat_map(printable).collect();
    if text.chars().nth(COMMENT_CHARS_MAX).is_some() {
        safe.push_str("...");
    }
    safe
}

fn printable(character: char) -> Vec<char> {
    if character == ' ' || character.is_ascii_graphic() { vec![character] } else { character.escape_default().collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::access::pod::Workload;
    use crate::config::KubeVersion;
    use crate::load;
    use crate::policy::podsec::Violation;

    const HOSTILE: &[&str] = &[
        "web",
        "a\nb: c",
        "\r\n---\n",
        "#",
        "'\"",
        "${x}",
        "&a *a",
        "{{ body }}",
        "{% raw %}",
        "\u{2028}x\u{85}",
        "\0",
        "yes",
        "",
    ];

    fn templates() -> Templates {
        Templates::new(None).unwrap()
    }

    /// Every line before the document is a comment, and the document is one.
    fn parsed(body: &str) -> Value {
        let comments = body.lines().take_while(|line| line.starts_with('#')).count();
        let document: Vec<&str> = body.lines().skip(comments).collect();
        assert!(comments > 0, "{body}");
        assert!(document.iter().all(|line| !line.starts_with('#')), "{body}");
        assert!(body.ends_with('\n'));
        serde_saphyr::from_str(body).unwrap()
    }

    #[test]
    fn labels_read_back_with_audit_and_warn_ahead() {
        for (level, ahead) in
            [(Level::Privileged, "restricted"), (Level::Baseline, "restricted"), (Level::Restricted, "restricted")]
        {
            let policy = NamespacePolicy { level, version: KubeVersion { major: 1, minor: 36 } };
            let identity = Identity::namespace("prod", "shop");
            let artifact = artifacts(&identity, &policy, &templates()).unwrap().remove(0);
            assert_eq!(artifact.path, "kubernetes/prod/shop/pod-security.yaml");
            assert_eq!(load::podsec::parse(&artifact.path, &artifact.body).unwrap(), policy);
            let labels = &parsed(&artifact.body)["metadata"]["labels"];
            for mode in ["audit", "warn"] {
                assert_eq!(labels[format!("pod-security.kubernetes.io/{mode}")], ahead);
                assert_eq!(labels[format!("pod-security.kubernetes.io/{mode}-version")], "v1.36");
            }
        }
    }

    #[test]
    fn hostile_names_stay_in_their_quotes_and_comments() {
        for name in HOSTILE {
            let policy = NamespacePolicy { level: Level::Baseline, version: KubeVersion { major: 1, minor: 36 } };
            let artifact = artifacts(&Identity::namespace(name, name), &policy, &templates()).unwrap().remove(0);
            assert_eq!(parsed(&artifact.body)["metadata"]["name"], *name);
            let document = json!({ "spec": { "containers": [{ "name": name }] } });
            let violation = Violation { check: "privileged", field: (*name).to_owned(), detail: (*name).to_owned() };
            let patch = PodPatch {
                cluster: (*name).to_owned(),
                namespace: (*name).to_owned(),
                workload: Workload { kind: (*name).to_owned(), name: (*name).to_owned() },
                level: Level::Baseline,
                patched: Level::Baseline,
                violations: vec![violation.clone()],
                patch: Some(document.clone()),
                assumed_fields: vec![(*name).to_owned()],
                remaining: vec![violation],
            };
            let artifact = patch_artifacts(&patch, &templates()).unwrap().remove(0);
            assert_eq!(parsed(&artifact.body), document, "{name:?}");
            assert!(artifact.path.ends_with(".patch.yaml") && !artifact.path.contains(".."), "{}", artifact.path);
        }
    }

    #[test]
    fn a_patch_says_how_to_use_it_and_what_it_leaves() {
        let mut patch = PodPatch {
            cluster: "prod".to_owned(),
            namespace: "shop".to_owned(),
            workload: Workload { kind: "Deployment".to_owned(), name: "web".to_owned() },
            level: Level::Baseline,
            patched: Level::Baseline,
            violations: Vec::new(),
            patch: Some(json!({ "kind": "Deployment" })),
            assumed_fields: vec!["spec.template.spec.securityContext.runAsNonRoot".to_owned()],
            remaining: vec![Violation {
                check: "hostNamespaces",
                field: "spec.hostNetwork".to_owned(),
                detail: "must not be true".to_owned(),
            }],
        };
        let artifact = patch_artifacts(&patch, &templates()).unwrap().remove(0);
        assert_eq!(artifact.path, "kubernetes/prod/shop/pod-security/deployment-web.patch.yaml");
        for line in [
            "#   kubectl patch deployment web --namespace shop --patch-file deployment-web.patch.yaml",
            "#   spec.template.spec.securityContext.runAsNonRoot",
            "#   hostNamespaces: spec.hostNetwork must not be true",
        ] {
            assert!(artifact.body.lines().any(|found| found == line), "{line}\n{}", artifact.body);
        }
        assert!(!artifact.body.contains("create it anew"));
        patch.workload.kind = "Job".to_owned();
        assert!(patch_artifacts(&patch, &templates()).unwrap()[0].body.contains("create it anew"));
        patch.patch = None;
        assert_eq!(patch_artifacts(&patch, &templates()).unwrap(), []);
    }
}
