//! Reading Pod Security levels back from a Namespace manifest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::LoadError;
use crate::policy::podsec::{Level, NamespacePolicy, version};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Reads what a Namespace enforces from its labels; `path` names the file in messages.
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/>
///
/// # Errors
/// When the text is not one YAML document with a v1 Namespace, or its `enforce` labels are absent, misspelled or not pinned: a
/// cluster would then fall back to a default that the file does not show.
pub fn parse(path: &str, text: &str) -> Result<NamespacePolicy, LoadError> {
    let unexpected = |detail: String| LoadError::Unexpected { file: path.to_owned(), detail };
    let manifest: Manifest =
        serde_saphyr::from_str(text).map_err(|source| LoadError::Syntax { file: path.to_owned(), source: Box::new(source) })?;
    if (manifest.api_version.as_str(), manifest.kind.as_str()) != ("v1", "Namespace") {
        let found = format!("expected a v1 Namespace, found `{}` `{}`", manifest.api_version, manifest.kind);
        return Err(unexpected(found));
    }
    let label = |name: &str| {
        let label = format!("pod-security.kubernetes.io/{name}");
        let value = manifest.metadata.labels.get(&label).cloned();
        value.ok_or_else(|| unexpected(format!("expected the label `{label}`")))
    };
    let level = label("enforce")?;
    let pinned = label("enforce-version")?;
    Ok(NamespacePolicy {
        level: Level::from_name(&level)
            .ok_or_else(|| unexpected(format!("`{level}` is no level: expected privileged, baseline or restricted")))?,
        version: version::parse(&pinned)
            .ok_or_else(|| unexpected(format!("`{pinned}` is no pinned version: expected one such as `v1.36`")))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KubeVersion;

    fn manifest(labels: &str) -> String {
        format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    a: b\n{labels}")
    }

    #[test]
    fn enforce_labels_are_read() {
        let text = manifest(
            "    pod-security.kubernetes.io/enforce: \"baseline\"\n    pod-security.kubernetes.io/enforce-version: v1.36\n    pod-security.kubernetes.io/audit: restricted\n",
        );
        let expected = NamespacePolicy { level: Level::Baseline, version: KubeVersion { major: 1, minor: 36 } };
        assert_eq!(parse("f", &text).unwrap(), expected);
    }

    #[test]
    fn what_is_not_said_is_never_guessed() {
        let enforce = |level: &str, version: &str| {
            manifest(&format!(
                "    pod-security.kubernetes.io/enforce: {level}\n    pod-security.kubernetes.io/enforce-version: {version}\n"
            ))
        };
        let good = enforce("baseline", "v1.36");
        let bad = [
            manifest(""),
            enforce("Baseline", "v1.36"),
            enforce("baseline", "latest"),
            enforce("[baseline]", "v1.36"),
            good.replace("kind: Namespace", "kind: Pod"),
            format!("{good}---\n{good}"),
            String::new(),
            "[".repeat(10_000),
            "\0".to_owned(),
        ];
        for text in bad {
            assert!(parse("f", &text).is_err(), "{text}");
        }
        assert!(parse("f", &good).is_ok());
    }
}
