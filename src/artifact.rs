//! An artifact: a file that is to be written.

use crate::access::identity::{Home, Identity, Name};

/// A file of an output folder, whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Where, relative to the output folder: safe names joined by `/`, made by [`path`].
    pub path: String,
    /// What.
    pub body: String,
}

/// The folder of an identity's files: `aws/ACCOUNT/role/PATH/NAME`, `kubernetes/CLUSTER/NAMESPACE/serviceaccount/NAME`,
/// `kubernetes/CLUSTER/user/NAME`, `kubernetes/CLUSTER/NAMESPACE`; of a network `kubernetes/CLUSTER`.
#[must_use]
pub fn folder(identity: &Identity) -> String {
    match (&identity.home, &identity.name) {
        (Home::Account { id, .. }, Name::Role(name)) => format!("{}/{}", path(&["aws", id, "role"]), nested(name)),
        (Home::Account { id, .. }, Name::User(name)) => format!("{}/{}", path(&["aws", id, "user"]), nested(name)),
        (Home::Cluster(cluster), Name::ServiceAccount { namespace, name }) => {
            path(&["kubernetes", cluster, namespace, "serviceaccount", name])
        }
        (Home::Cluster(cluster), Name::KubeUser(name)) => path(&["kubernetes", cluster, "user", name]),
        (Home::Cluster(cluster), Name::Namespace(namespace)) => path(&["kubernetes", cluster, namespace]),
        (Home::Cluster(cluster), Name::Network) => path(&["kubernetes", cluster]),
        _ => path(&["other", &identity.to_string()]),
    }
}

/// An IAM path and name as folders below each other.
fn nested(name: &str) -> String {
    path(&name.split('/').collect::<Vec<_>>())
}

/// Joins hostile names into a relative path: each name keeps letters, digits, `.`, `_`, `-`, `+`, `=`, `@`; anything else becomes
/// `_` and a short digest of the name is added, so that two names never meet in one file. No name can climb or be hidden.
#[must_use]
pub fn path(names: &[&str]) -> String {
    let safe: Vec<String> = names.iter().map(|name| file_name(name)).collect();
    safe.join("/")
}

/// Longest name kept as it is; longer ones are cut and get a digest.
const NAME_CHARS_MAX: usize = 100;

fn file_name(name: &str) -> String {
    let keep = |character: char| character.is_ascii_alphanumeric() || "._-+=@".contains(character);
    let plain = !name.is_empty() && !name.starts_with('.') && name.len() <= NAME_CHARS_MAX && name.chars().all(keep);
    // Names that differ only in case meet on case-insensitive file systems; IAM and Kubernetes forbid such pairs themselves.
    if plain {
        return name.to_owned();
    }
    let cut: String = name.chars().map(|character| if keep(character) { character } else { '_' }).take(NAME_CHARS_MAX).collect();
    let digest = blake3::hash(name.as_bytes()).to_hex();
    format!("{}~{}", cut.trim_start_matches('.'), digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside() {
        assert_eq!(path(&["aws", "role.json"]), "aws/role.json");
        for name in ["..", "../x", "a/b", "", ".git", "a\nb", "/etc", "a\0b"] {
            let safe = path(&[name]);
            assert!(!safe.contains('/') && !safe.starts_with('.') && safe.contains('~'), "{name:?} -> {safe}");
        }
        assert_ne!(path(&["a/b"]), path(&["a:b"]));
        assert!(path(&[&"x".repeat(1 << 20)]).len() < 120);
    }
}
