//! Load: bytes -> policies. Reads an output folder back by its manifest, and a snapshot of production.

pub mod iam;
pub mod last_accessed;
pub mod network;
pub mod podsec;
pub mod rbac;
pub mod snapshot;

use std::collections::BTreeSet;
use std::path::Path;

use crate::finding::{Code, Finding, Severity};
use crate::policy::manifest::{self, Language, Manifest, ManifestPolicy};
use crate::policy::set::{Documents, Policy, PolicySet};

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be opened or read.
    #[error("`{file}` cannot be read")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds no manifest.
    #[error(
        "`{folder}` is no folder that tightfit wrote: `manifest.json` is missing; write one with `tightfit generate INPUT... --out {folder}`"
    )]
    NoManifest {
        /// The folder.
        folder: String,
    },
    /// Not JSON or YAML of the expected form.
    #[error("`{file}` cannot be parsed")]
    Syntax {
        /// The file.
        file: String,
        /// Where and what.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Well-formed, but not what was expected.
    #[error("`{file}`: {detail}")]
    Unexpected {
        /// The file.
        file: String,
        /// What was found and what was expected.
        detail: String,
    },
}

/// Every policy of an output folder, with the reasons that its manifest states.
///
/// # Errors
/// When the manifest or a document that it names is missing or cannot be parsed.
pub fn folder(folder: &Path) -> Result<(PolicySet, Vec<Finding>), LoadError> {
    let file = folder.join(manifest::FILE);
    if !file.is_file() {
        return Err(LoadError::NoManifest { folder: folder.display().to_string() });
    }
    let manifest: Manifest = serde_json::from_str(&read(&file)?)
        .map_err(|source| LoadError::Syntax { file: file.display().to_string(), source: Box::new(source) })?;
    if manifest.schema != manifest::SCHEMA_VERSION {
        let detail = format!("schema version `{}`, expected `{}`", manifest.schema, manifest::SCHEMA_VERSION);
        return Err(LoadError::Unexpected { file: file.display().to_string(), detail });
    }
    let mut set = PolicySet::default();
    let mut findings = unjudged(folder, &manifest);
    for listed in manifest.policies {
        let documents = documents(folder, &listed, &manifest.files, &mut findings)?;
        set.policies.insert(listed.identity, Policy { documents, grants: listed.grants });
    }
    Ok((set, findings))
}

/// What someone may apply from this folder although nothing judges it: a Terraform spelling that was edited, and documents that
/// the manifest does not list.
fn unjudged(folder: &Path, manifest: &Manifest) -> Vec<Finding> {
    let warn = |file: &str, note: &str| {
        let mut finding = Finding::new(Code::FileEdited, file, note);
        finding.severity = Severity::Warning;
        finding
    };
    let mut findings = Vec::new();
    for (file, digest) in manifest.files.iter().filter(|(file, _)| file.ends_with(".tf")) {
        if std::fs::read_to_string(folder.join(file)).is_ok_and(|text| manifest::digest(&text) != *digest) {
            findings.push(warn(file, "is not as tightfit wrote it and is not judged: only `policy.json` beside it is"));
        }
    }
    let listed: BTreeSet<&str> = manifest.policies.iter().flat_map(|policy| &policy.documents).map(String::as_str).collect();
    let walk = walkdir::WalkDir::new(folder).min_depth(2).sort_by_file_name();
    for found in walk.into_iter().filter_map(Result::ok).filter(|found| found.file_type().is_file()) {
        let file = found.path().strip_prefix(folder).unwrap_or(found.path()).to_string_lossy().into_owned();
        let applied = [".json", ".tf", ".yaml", ".yml"].iter().any(|suffix| file.ends_with(suffix));
        if applied && !manifest.files.contains_key(&file) && !listed.contains(file.as_str()) {
            findings.push(warn(&file, "was not written by tightfit: the manifest does not list it, so it is not judged"));
        }
    }
    findings
}

fn read(file: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(file).map_err(|source| LoadError::Read { file: file.display().to_string(), source })
}

fn documents(
    folder: &Path,
    listed: &ManifestPolicy,
    digests: &std::collections::BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) -> Result<Documents, LoadError> {
    let mut texts = Vec::new();
    for document in &listed.documents {
        let climbs = Path::new(document).components().any(|part| !matches!(part, std::path::Component::Normal(_)));
        if climbs {
            let detail = format!("document `{document}` stands outside the folder");
            return Err(LoadError::Unexpected { file: manifest::FILE.to_owned(), detail });
        }
        let file = folder.join(document);
        let text = read(&file)?;
        if digests.get(document).is_some_and(|digest| *digest != manifest::digest(&text)) {
            findings.push(Finding::new(
                Code::FileEdited,
                document.clone(),
                "is not as tightfit wrote it; it was judged as it stands",
            ));
        }
        texts.push((file.display().to_string(), text));
    }
    let one = || match texts.as_slice() {
        [(file, text)] => Ok((file.as_str(), text.as_str())),
        other => Err(LoadError::Unexpected {
            file: manifest::FILE.to_owned(),
            detail: format!("{} documents listed for `{}`, expected one", other.len(), listed.identity),
        }),
    };
    Ok(match listed.language {
        Language::Iam => {
            let documents: Result<Vec<_>, LoadError> = texts.iter().map(|(file, text)| iam::parse(file, text)).collect();
            Documents::Iam(documents?)
        }
        Language::Rbac => one().and_then(|(file, text)| rbac::parse(file, text)).map(Documents::Rbac)?,
        Language::Network => {
            let policies: Result<Vec<_>, LoadError> = texts.iter().map(|(file, text)| network::parse(file, text)).collect();
            Documents::Network(policies?.into_iter().flatten().collect())
        }
        Language::PodSecurity => one().and_then(|(file, text)| podsec::parse(file, text)).map(Documents::PodSecurity)?,
    })
}
