//! The manifest of an output folder: which document is whose, and the reason of every grant, so that the folder can be judged later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::grant::Grant;
use crate::access::identity::Identity;

/// The file name, at the top of an output folder.
pub const FILE: &str = "manifest.json";

/// The version of this layout.
pub const SCHEMA_VERSION: u32 = 1;

/// The language of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// IAM JSON.
    Iam,
    /// Kubernetes RBAC YAML.
    Rbac,
    /// Pod Security labels on a Namespace.
    PodSecurity,
    /// Kubernetes NetworkPolicy YAML.
    Network,
}

/// One identity's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPolicy {
    /// Whose.
    pub identity: Identity,
    /// In which language.
    pub language: Language,
    /// Its documents, relative to the folder.
    pub documents: Vec<String>,
    /// Why each of its grants is there.
    pub grants: Vec<Grant>,
}

/// What stands in an output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Always `tightfit`; a folder without this is never replaced.
    pub tool: String,
    /// The version of tightfit that wrote it.
    pub version: String,
    /// The catalog that it was written with.
    pub catalog: String,
    /// Policies by identity.
    pub policies: Vec<ManifestPolicy>,
    /// Every other file, with the BLAKE3 digest of what was written.
    pub files: BTreeMap<String, String>,
}

/// The digest of a file's text, as the manifest keeps it.
#[must_use]
pub fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
