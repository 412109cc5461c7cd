//! Versions of the Pod Security Standards: Kubernetes minor versions, spelled as namespace labels spell them.
//! <https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces>

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::KubeVersion;

/// The newest version whose checks are known here. A cluster that is newer still evaluates a pinned version as it was.
pub const NEWEST: KubeVersion = since(37);

/// Version 1.`minor`.
pub(super) const fn since(minor: u32) -> KubeVersion {
    KubeVersion { major: 1, minor }
}

/// Reads `v1.36`, the only pinned form that the labels allow. `latest` names no version and gives `None`.
#[must_use]
pub fn parse(text: &str) -> Option<KubeVersion> {
    let digits = text.strip_prefix("v1.")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok().map(since) } else { None }
}

impl Serialize for KubeVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KubeVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no version such as `v1.36`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_is_the_inverse_of_display() {
        for minor in [0, 9, 10, 36, 100] {
            assert_eq!(parse(&since(minor).to_string()), Some(since(minor)));
        }
        for text in ["latest", "", "1.36", "v1", "v1.", "v2.0", "v1.01", "v1.+3", "v1.36.2", " v1.36", "v1.99999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
