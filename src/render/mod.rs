//! Render: nouns -> artifacts. serde spells, tera arranges: no template decides a brace or comma of a policy.

pub mod coverage;
pub mod evidence;
mod hcl;
pub mod iam;
pub mod markdown;
pub mod network;
pub mod podsec;
pub mod rbac;
pub mod redact;
pub mod report;
pub mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::access::identity::Identity;
use crate::artifact::Artifact;
use crate::catalog::Catalog;
use crate::policy::grant::Grant;
use crate::policy::manifest::{self, Language, Manifest, ManifestPolicy};
use crate::policy::set::{Documents, PolicySet};
use crate::verdict::VerdictState;

/// Why something could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template is broken; only a user's own (`--templates`) can be.
    #[error("template `{name}` cannot be rendered")]
    Template {
        /// Its name, such as `report/report.md`.
        name: String,
        /// Why.
        #[source]
        source: Box<tera::Error>,
    },
    /// A template of the user's folder could not be read.
    #[error("template `{file}` cannot be read")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A user's folder without any template of a known name.
    #[error("`{folder}` holds no template that tightfit renders: expected {expected}")]
    NoTemplate {
        /// The folder.
        folder: String,
        /// The names that are looked for.
        expected: String,
    },
    /// What was written does not read back as what was meant: a defect, or a user's template that changes a policy.
    #[error("`{path}` does not read back as the policy that was rendered")]
    ReadBack {
        /// The artifact.
        path: String,
    },
    /// A document could not be spelled.
    #[error("`{path}` cannot be spelled: {detail}")]
    Spell {
        /// The artifact.
        path: String,
        /// Why.
        detail: String,
    },
}

/// Every template that ships, by name.
const EMBEDDED: &[(&str, &str)] = &[
    ("iam/policy.tf", include_str!("../../templates/iam/policy.tf")),
    ("podsec/admission.yaml", include_str!("../../templates/podsec/admission.yaml")),
    ("podsec/pod-security.yaml", include_str!("../../templates/podsec/pod-security.yaml")),
    ("podsec/workload.patch.yaml", include_str!("../../templates/podsec/workload.patch.yaml")),
    ("rbac/rbac.yaml", include_str!("../../templates/rbac/rbac.yaml")),
    ("network/network-policy.yaml", include_str!("../../templates/network/network-policy.yaml")),
    ("network/network-policy.cilium.yaml", include_str!("../../templates/network/network-policy.cilium.yaml")),
    ("network/network-policy.calico-staged.yaml", include_str!("../../templates/network/network-policy.calico-staged.yaml")),
    ("coverage/audit-policy.yaml", include_str!("../../templates/coverage/audit-policy.yaml")),
    ("network/network-policy.proposal.yaml", include_str!("../../templates/network/network-policy.proposal.yaml")),
    ("report/report.md", include_str!("../../templates/report/report.md")),
];

/// Templates: the embedded ones, each replaced by the user's of the same name.
#[derive(Debug)]
pub struct Templates(tera::Tera);

impl Templates {
    /// Embedded templates, with those of `overrides` (a folder laid out like `templates/`) in their place.
    ///
    /// # Errors
    /// When the folder holds no template of a known name, or one cannot be read or is broken.
    pub fn new(overrides: Option<&Path>) -> Result<Self, RenderError> {
        let mut tera = tera::Tera::default();
        // Escaping has one home per target, in this module's siblings: templates get text that is already safe.
        tera.autoescape_on(Vec::<&'static str>::new());
        let mut texts = Vec::new();
        if let Some(folder) = overrides
            && !EMBEDDED.iter().any(|(name, _)| folder.join(name).is_file())
        {
            let expected = EMBEDDED.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(RenderError::NoTemplate { folder: folder.display().to_string(), expected });
        }
        for (name, embedded) in EMBEDDED {
            let file = overrides.map(|folder| folder.join(name)).filter(|file| file.is_file());
            let text = match file {
                Some(file) => std::fs::read_to_string(&file)
                    .map_err(|source| RenderError::Read { file: file.display().to_string(), source })?,
                None => (*embedded).to_owned(),
            };
            texts.push(((*name).to_owned(), text));
        }
        let template_error = |source| RenderError::Template { name: "templates".to_owned(), source: Box::new(source) };
        tera.add_raw_templates(texts).map_err(template_error)?;
        Ok(Templates(tera))
    }

    /// Renders one template over a view.
    ///
    /// # Errors
    /// When the template asks for what the view does not have.
    pub fn render(&self, name: &str, view: &impl Serialize) -> Result<String, RenderError> {
        let error = |source| RenderError::Template { name: name.to_owned(), source: Box::new(source) };
        let context = tera::Context::from_serialize(view).map_err(error)?;
        self.0.render(name, &context).map_err(error)
    }
}

/// A JSON artifact, indented by two spaces and ended by a line break.
///
/// # Errors
/// When the value cannot be spelled as JSON.
pub fn json(path: &str, value: &impl Serialize) -> Result<Artifact, RenderError> {
    let spell = |error: serde_json::Error| RenderError::Spell { path: path.to_owned(), detail: error.to_string() };
    let mut body = serde_json::to_string_pretty(value).map_err(spell)?;
    body.push('\n');
    Ok(Artifact { path: path.to_owned(), body })
}

/// What stands in `verdict.json`.
#[derive(Serialize)]
struct VerdictFile {
    schema: u32,
    state: VerdictState,
    verdict: Value,
    findings: Value,
}

/// Every file of an output folder: policies by identity, advice and proposals, report, verdict, evidence, and the manifest last.
///
/// # Errors
/// When a user's template is broken or changes a policy.
pub fn artifacts(
    subject: report::Subject<'_>,
    catalog: &Catalog,
    templates: &Templates,
    detail: redact::Detail,
) -> Result<Vec<Artifact>, RenderError> {
    let mut artifacts = Vec::new();
    let mut policies = Vec::new();
    // Roles that share documents have them in one place.
    let mut shared: BTreeMap<&Identity, Vec<String>> = BTreeMap::new();
    for (identity, policy) in &subject.policies.policies {
        let grants = policy.grants.iter().map(|grant| shown(grant, detail)).collect();
        let bearer = subject.policies.folds.get(identity).unwrap_or(identity);
        if let Some(documents) = shared.get(bearer).cloned() {
            policies.push(ManifestPolicy { identity: identity.clone(), language: Language::Iam, documents, grants });
            continue;
        }
        let (language, written) = match &policy.documents {
            Documents::Iam(documents) => {
                (Language::Iam, iam::artifacts(bearer, documents, subject.config.documents.attach, templates)?)
            }
            Documents::Rbac(policy) => (Language::Rbac, rbac::artifacts(identity, policy, templates)?),
            Documents::PodSecurity(policy) => (Language::PodSecurity, podsec::artifacts(identity, policy, templates)?),
            Documents::Network(policies) => {
                let further = &subject.config.network;
                (Language::Network, network::policies(identity, policies, &policy.grants, further, templates)?)
            }
        };
        let is_document = |artifact: &&Artifact| match language {
            Language::Iam => artifact.path.ends_with(".json"),
            Language::Network => artifact.path.ends_with(&format!("/{}", network::FILE)),
            Language::Rbac | Language::PodSecurity => true,
        };
        let documents: Vec<String> = written.iter().filter(is_document).map(|artifact| artifact.path.clone()).collect();
        if bearer != identity {
            shared.insert(bearer, documents.clone());
        }
        policies.push(ManifestPolicy { identity: identity.clone(), language, documents, grants });
        artifacts.extend(written);
    }
    artifacts.extend(beside(subject.policies, templates, detail)?);
    artifacts.extend(coverage::artifacts(subject.sight, templates)?);
    artifacts.push(evidence::artifact(subject.profile, detail)?);
    artifacts.push(report::artifact(subject, templates, detail)?);
    artifacts.push(verdict_file(subject, detail)?);
    artifacts.sort();
    let files = artifacts.iter().map(|artifact| (artifact.path.clone(), manifest::digest(&artifact.body))).collect();
    let manifest = Manifest {
        schema: manifest::SCHEMA_VERSION,
        tool: "tightfit".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalog: catalog.provenance(),
        policies,
        files,
    };
    artifacts.push(json(manifest::FILE, &manifest)?);
    Ok(artifacts)
}

/// What stands beside the policies: advice and proposals.
fn beside(policies: &PolicySet, templates: &Templates, detail: redact::Detail) -> Result<Vec<Artifact>, RenderError> {
    let mut artifacts = Vec::new();
    for advice in &policies.trust {
        artifacts.push(iam::trust_artifact(advice, templates)?);
    }
    for split in &policies.splits {
        artifacts.extend(match &split.documents {
            Documents::Iam(documents) => iam::split_artifacts(&split.identity, &split.workload, documents)?,
            Documents::Rbac(policy) => rbac::split_artifacts(&split.identity, &split.workload, policy, templates)?,
            Documents::PodSecurity(_) | Documents::Network(_) => Vec::new(),
        });
    }
    for companion in &policies.companions {
        artifacts.push(iam::companion_artifact(companion)?);
    }
    for patch in &policies.pod_patches {
        artifacts.extend(podsec::patch_artifacts(patch, templates)?);
    }
    for proposal in &policies.admission {
        artifacts.extend(podsec::admission_artifacts(proposal, templates)?);
    }
    for proposal in &policies.network {
        artifacts.extend(network::artifacts(proposal, templates)?);
    }
    for granted in &policies.granted {
        artifacts.push(rbac::use_artifact(granted, detail)?);
    }
    for proposal in &policies.cilium {
        artifacts.push(network::cilium(proposal, templates)?);
    }
    Ok(artifacts)
}

/// A grant as the manifest keeps it: what it permits stands in the policy anyway, the names that it was widened from do not.
fn shown(grant: &Grant, detail: redact::Detail) -> Grant {
    let mut grant = grant.clone();
    if let Some(wider) = &mut grant.generalization {
        wider.examples = wider.examples.iter().map(|example| detail.show(example)).collect();
        wider.examples.dedup();
    }
    grant
}

fn verdict_file(subject: report::Subject<'_>, detail: redact::Detail) -> Result<Artifact, RenderError> {
    const PATH: &str = "verdict.json";
    let spell = |error: serde_json::Error| RenderError::Spell { path: PATH.to_owned(), detail: error.to_string() };
    let file = VerdictFile {
        schema: 1,
        state: subject.verdict.state(),
        verdict: detail.show_json(serde_json::to_value(subject.verdict).map_err(spell)?),
        findings: detail.show_json(serde_json::to_value(subject.findings).map_err(spell)?),
    };
    json(PATH, &file)
}
