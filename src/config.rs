//! Settings: as written in `tightfit.toml` ([`UncheckedConfig`]) and as used ([`Config`]), checked once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::access::blind::MustHold;
use crate::access::identity::{Home, Identity, Name};
use crate::access::last_accessed::LastUse;
use crate::finding::{Code, Severity};

mod class;
mod conditions;
mod documents;
mod ingest;
mod kubernetes;
mod network;
mod pattern;
mod sensitive;

pub use class::Class;
use class::RECOGNISED;
pub use conditions::Conditions;
pub use documents::{Attach, Documents, UncheckedDocuments};
pub use ingest::{UncheckedIngest, VpcFormat};
pub use kubernetes::{KubeVersion, Rbac, TargetServer, UncheckedKubernetes};
pub use network::{Cni, Network, NetworkBasis};
use pattern::Forms;
pub use pattern::Pattern;

/// What is wrong with settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("`{file}` is not a valid configuration")]
    Syntax {
        /// The file.
        file: String,
        /// Where and what.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A pattern that is no glob.
    #[error("`{pattern}` in `{key}` is not a valid glob")]
    Glob {
        /// The key that holds it.
        key: String,
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: globset::Error,
    },
    /// A value out of its range.
    #[error("`{key}` = `{value}` is not usable: expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value as written.
        value: String,
        /// What would do.
        expected: String,
    },
}

/// `tightfit.toml`, as written. Unknown keys are errors; every key has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedConfig {
    /// Whom to write for.
    pub choose: UncheckedChoose,
    /// Which identities are what: class to globs over identities; added to the built-in ones.
    pub classes: BTreeMap<Class, Vec<String>>,
    /// Cluster name to glob over input files.
    pub clusters: BTreeMap<String, String>,
    /// When names become wildcards.
    pub generalize: UncheckedGeneralize,
    /// What kind of IAM document is written.
    pub documents: UncheckedDocuments,
    /// What counts as evidence.
    pub evidence: UncheckedEvidence,
    /// Which conditions are written.
    pub conditions: Conditions,
    /// The target cluster.
    pub kubernetes: UncheckedKubernetes,
    /// How NetworkPolicies are written.
    pub network: Network,
    /// What a complete recording is.
    pub coverage: UncheckedCoverage,
    /// What a usable log is.
    pub ingest: UncheckedIngest,
    /// Which catalog.
    pub catalog: UncheckedCatalog,
    /// Finding code to severity.
    pub findings: BTreeMap<Code, Severity>,
}

/// `[catalog]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedCatalog {
    /// The catalog's file; from the working directory.
    pub file: Option<std::path::PathBuf>,
}

/// `[choose]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedChoose {
    /// Globs over identities; empty chooses all.
    pub identities: Vec<String>,
    /// Globs over identities that are left out.
    pub exclude: Vec<String>,
    /// Account ids; empty chooses all.
    pub accounts: Vec<String>,
    /// Namespaces; empty chooses all.
    pub namespaces: Vec<String>,
    /// Classes that are written for beside workloads.
    pub classes: BTreeSet<Class>,
}

/// `[generalize]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedGeneralize {
    /// Turns every generalization off.
    pub exact: Option<bool>,
    /// How many S3 keys below one prefix become `prefix/*`; at least 2.
    pub object_keys_min: Option<u64>,
    /// How many names that share a generated part become one pattern; at least 2.
    pub generated_names_min: Option<u64>,
    /// How many names that differ in a part which a person may have chosen too become one pattern; at least 2.
    pub sibling_names_min: Option<u64>,
    /// Globs over names that are never taken in by a pattern, added to the built-in ones.
    pub sensitive: Vec<String>,
    /// Whether the built-in sensitive names hold; they do by default.
    pub sensitive_defaults: Option<bool>,
    /// Whether a service's actions of one verb and access level become `Verb*`.
    pub verb_families: bool,
    /// How many actions of one verb become `Verb*`; at least 2.
    pub verb_families_min: Option<u64>,
    /// How many Kubernetes names of one resource become every name; at least 2.
    pub kube_names_min: Option<u64>,
    /// How many namespaces become the whole cluster; at least 2. Off unless given.
    pub kube_namespaces_min: Option<u64>,
    /// Whether namespaces whose names a machine made become the whole cluster.
    pub generated_namespaces: bool,
    /// How many of `get`, `list`, `watch` become all three; at least 2. Off unless given.
    pub kube_read_verbs_min: Option<u64>,
    /// How many addresses of one /24, or of one /64 of IPv6, become one block; at least 2.
    pub cidr_addresses_min: Option<u64>,
}

/// `[evidence]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedEvidence {
    /// Whether calls that failed after authorization are evidence for a grant.
    pub failed: Option<bool>,
    /// Whether requests that leave no record, but must have been made beside one that does, are granted.
    pub assumed: Option<bool>,
}

/// `[coverage]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedCoverage {
    /// Fewer days than this make the recording short.
    pub days_min: Option<u32>,
    /// Account ids that must be in the recording; empty for whichever are.
    pub accounts: BTreeSet<String>,
    /// Regions that must be in it for each account; empty for whichever are.
    pub regions: BTreeSet<String>,
}

/// Whom to write for.
#[derive(Debug, Clone, Default)]
pub struct Choose {
    /// Empty chooses all.
    pub identities: Vec<Pattern>,
    /// Left out.
    pub exclude: Vec<Pattern>,
    /// Empty chooses all.
    pub accounts: BTreeSet<String>,
    /// Empty chooses all.
    pub namespaces: BTreeSet<String>,
    /// Written for beside workloads.
    pub classes: BTreeSet<Class>,
    /// Records before this are passed over.
    pub since: Option<Timestamp>,
    /// Records at or after this are passed over.
    pub until: Option<Timestamp>,
}

/// When names become wildcards; `exact` overrides all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generalize {
    /// No wildcard at all.
    pub exact: bool,
    /// S3 keys below one prefix that become `prefix/*`.
    pub object_keys_min: u64,
    /// Names with a generated part that become one pattern.
    pub generated_names_min: u64,
    /// Names that differ in a part which a person may have chosen too that become one pattern.
    pub sibling_names_min: u64,
    /// Actions of one verb that become `Verb*`; `None` where that is not asked for.
    pub verb_families_min: Option<u64>,
    /// Kubernetes names of one resource that become every name.
    pub kube_names_min: u64,
    /// Namespaces that become the whole cluster; `None` where that is not asked for.
    pub kube_namespaces_min: Option<u64>,
    /// Whether namespaces whose names a machine made become the whole cluster, as soon as `generated_names_min` were seen.
    pub generated_namespaces: bool,
    /// How many of `get`, `list`, `watch` become all three; `None` where that is not asked for.
    pub kube_read_verbs_min: Option<u64>,
    /// Addresses of one small network that become one block.
    pub cidr_addresses_min: u64,
}

/// Settings as used.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom to write for.
    pub choose: Choose,
    /// Which identities are what, most specific class first.
    pub classes: Vec<(Class, Vec<Pattern>)>,
    /// Cluster names by file.
    pub clusters: Vec<(String, Pattern)>,
    /// When names become wildcards.
    pub generalize: Generalize,
    /// Names that no pattern takes in.
    pub sensitive: Vec<Pattern>,
    /// What kind of IAM document is written.
    pub documents: Documents,
    /// Whether calls that failed after authorization are evidence for a grant.
    pub failed_is_evidence: bool,
    /// Whether requests that leave no record, but must have been made beside one that does, are granted.
    pub assumed: bool,
    /// Which conditions are written.
    pub conditions: Conditions,
    /// The target cluster.
    pub kubernetes: KubeVersion,
    /// How roles of clusters are written, and what stands beside them.
    pub rbac: Rbac,
    /// How NetworkPolicies are written.
    pub network: Network,
    /// Fewer days than this make the recording short.
    pub days_min: u32,
    /// Accounts and regions that must be in the recording.
    pub must_hold: MustHold,
    /// What AWS remembers of uses beside the log, as it was given with `--last-accessed`; empty where nothing was.
    pub last_uses: Vec<LastUse>,
    /// More rejected records than this, in percent, make a run fail.
    pub rejected_percent_max: u8,
    /// See [`crate::access::folded`]; 0 keeps every name.
    pub names_max: usize,
    /// How VPC Flow Logs without a header line are read; `None` knows AWS's default format alone.
    pub vpc_format: Option<VpcFormat>,
    /// The catalog's file; `None` for the one that is there.
    pub catalog_file: Option<std::path::PathBuf>,
    /// Severities that differ from the default.
    pub findings: BTreeMap<Code, Severity>,
}

fn patterns(key: &str, texts: &[String]) -> Result<Vec<Pattern>, ConfigError> {
    texts.iter().map(|text| Pattern::new(key, text)).collect()
}

fn at_least_two(key: &str, value: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    match value {
        None => Ok(default),
        Some(value) if value >= 2 => Ok(value),
        Some(value) => Err(ConfigError::Value {
            key: key.to_owned(),
            value: value.to_string(),
            expected: "a whole number of at least 2".to_owned(),
        }),
    }
}

fn optional(key: &str, value: Option<u64>) -> Result<Option<u64>, ConfigError> {
    value.map(|value| at_least_two(key, Some(value), value)).transpose()
}

impl UncheckedConfig {
    /// Reads the text of a `tightfit.toml`; `file` names it in messages.
    ///
    /// # Errors
    /// When it is not TOML, holds an unknown key, or a value of the wrong type.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Syntax { file: file.to_owned(), source: Box::new(source) })
    }

    /// Checks and compiles.
    ///
    /// # Errors
    /// When a pattern is no glob or a value is out of range.
    pub fn check(self) -> Result<Config, ConfigError> {
        let mut classes = Vec::new();
        for (class, texts) in &self.classes {
            classes.push((*class, patterns(&format!("classes.{}", class.name()), texts)?));
        }
        for (class, texts) in RECOGNISED {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            classes.push((*class, patterns("classes", &texts)?));
        }
        let mut clusters = Vec::new();
        for (name, glob) in &self.clusters {
            if name.is_empty() || !name.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character)) {
                let expected = "letters, digits, `.`, `_`, `-`".to_owned();
                return Err(ConfigError::Value { key: "clusters".to_owned(), value: name.clone(), expected });
            }
            clusters.push((name.clone(), Pattern::new("clusters", glob)?));
        }
        let (kubernetes, rbac) = self.kubernetes.check()?;
        Ok(Config {
            choose: Choose {
                identities: patterns("choose.identities", &self.choose.identities)?,
                exclude: patterns("choose.exclude", &self.choose.exclude)?,
                accounts: self.choose.accounts.into_iter().collect(),
                namespaces: self.choose.namespaces.into_iter().collect(),
                classes: self.choose.classes,
                since: None,
                until: None,
            },
            classes,
            clusters,
            generalize: Generalize {
                exact: self.generalize.exact.unwrap_or(false),
                object_keys_min: at_least_two("generalize.object-keys-min", self.generalize.object_keys_min, 10)?,
                generated_names_min: at_least_two("generalize.generated-names-min", self.generalize.generated_names_min, 2)?,
                sibling_names_min: at_least_two("generalize.sibling-names-min", self.generalize.sibling_names_min, 5)?,
                verb_families_min: self
                    .generalize
                    .verb_families
                    .then(|| at_least_two("generalize.verb-families-min", self.generalize.verb_families_min, 3))
                    .transpose()?,
                kube_names_min: at_least_two("generalize.kube-names-min", self.generalize.kube_names_min, 10)?,
                kube_namespaces_min: optional("generalize.kube-namespaces-min", self.generalize.kube_namespaces_min)?,
                generated_namespaces: self.generalize.generated_namespaces,
                kube_read_verbs_min: optional("generalize.kube-read-verbs-min", self.generalize.kube_read_verbs_min)?,
                cidr_addresses_min: at_least_two("generalize.cidr-addresses-min", self.generalize.cidr_addresses_min, 8)?,
            },
            sensitive: sensitive::patterns(&self.generalize.sensitive, self.generalize.sensitive_defaults.unwrap_or(true))?,
            documents: self.documents.check()?,
            failed_is_evidence: self.evidence.failed.unwrap_or(true),
            assumed: self.evidence.assumed.unwrap_or(true),
            conditions: self.conditions,
            kubernetes,
            rbac,
            network: self.network.check()?,
            days_min: self.coverage.days_min.unwrap_or(14),
            must_hold: MustHold { accounts: self.coverage.accounts, regions: self.coverage.regions },
            last_uses: Vec::new(),
            rejected_percent_max: self.ingest.rejected_percent_max.unwrap_or(50),
            names_max: self.ingest.names_max(&self.generalize),
            vpc_format: self.ingest.vpc_format.as_deref().map(VpcFormat::typed).transpose()?,
            catalog_file: self.catalog.file,
            findings: self.findings,
        })
    }
}

impl Config {
    /// What kind of identity this is: configured classes first, then the recognised ones, else a workload.
    #[must_use]
    pub fn class_of(&self, identity: &Identity) -> Class {
        self.class_told(identity, Class::Workload)
    }

    fn class_told(&self, identity: &Identity, told: Class) -> Class {
        let forms = Forms::of(identity);
        let matching = |(_, patterns): &&(Class, Vec<Pattern>)| patterns.iter().any(|pattern| forms.match_one(pattern));
        self.classes.iter().find(matching).map_or(told, |(class, _)| *class)
    }

    /// What was asked for by name and matches none of these identities; empty when everything was found.
    #[must_use]
    pub fn unmatched(&self, identities: &[&Identity]) -> Vec<String> {
        let patterns = self.choose.identities.iter().chain(&self.choose.exclude);
        let patterns: Vec<&Pattern> = patterns.collect();
        let forms: Vec<Forms> = identities.iter().filter(|_| !patterns.is_empty()).map(|identity| Forms::of(identity)).collect();
        let patterns = patterns.into_iter().filter(|pattern| !forms.iter().any(|forms| forms.match_one(pattern)));
        let account =
            |id: &String| identities.iter().any(|identity| matches!(&identity.home, Home::Account { id: own, .. } if own == id));
        let namespace = |name: &String| {
            identities.iter().any(|identity| {
                matches!(&identity.name, Name::ServiceAccount { namespace, .. } | Name::Namespace(namespace) if namespace == name)
            })
        };
        let accounts = self.choose.accounts.iter().filter(|id| !account(id));
        let namespaces = self.choose.namespaces.iter().filter(|name| !namespace(name));
        patterns.map(|pattern| &pattern.text).chain(accounts).chain(namespaces).cloned().collect()
    }

    /// Why nothing is written for this identity; `None` when it is chosen.
    #[must_use]
    pub fn left_out(&self, identity: &Identity) -> Option<String> {
        self.left_out_as(identity, None)
    }

    /// The same, where something else than its name told what an identity is, and in which words.
    #[must_use]
    pub fn left_out_as(&self, identity: &Identity, told: Option<(Class, String)>) -> Option<String> {
        match &identity.name {
            Name::AwsService(_) => return Some("an AWS service principal has no policy".to_owned()),
            Name::AwsAccount(_) => return Some("another account or an anonymous caller: its owner writes its policy".to_owned()),
            Name::Root => return Some("root never gets a policy".to_owned()),
            Name::WebIdentity(_) | Name::Saml(_) => {
                return Some("an identity provider's subject: the role's trust policy admits it".to_owned());
            }
            Name::FederatedUser(_) | Name::IdentityCenterUser(_) | Name::Other(_) => {
                return Some("no policy can be attached to this kind of principal".to_owned());
            }
            Name::KubeUser(name) if name == "system:anonymous" => return Some("an unauthenticated caller".to_owned()),
            Name::Role(_)
            | Name::User(_)
            | Name::ServiceAccount { .. }
            | Name::KubeUser(_)
            | Name::Namespace(_)
            | Name::Network => {}
        }
        let matched = |patterns: &[Pattern]| {
            let forms = (!patterns.is_empty()).then(|| Forms::of(identity));
            forms.is_some_and(|forms| patterns.iter().any(|pattern| forms.match_one(pattern)))
        };
        if matched(&self.choose.exclude) {
            return Some("excluded".to_owned());
        }
        if !self.choose.identities.is_empty() {
            let asked = matched(&self.choose.identities);
            return (!asked).then(|| "not asked for".to_owned());
        }
        let at_home = match (&identity.home, &identity.name) {
            (Home::Account { id, .. }, _) => self.choose.accounts.is_empty() || self.choose.accounts.contains(id),
            (Home::Cluster(_), Name::ServiceAccount { namespace, .. } | Name::Namespace(namespace)) => {
                self.choose.namespaces.is_empty() || self.choose.namespaces.contains(namespace)
            }
            // The network joins all namespaces; whose policies are written is chosen one by one.
            (Home::Cluster(_), Name::Network) => true,
            (Home::Cluster(_), _) => self.choose.namespaces.is_empty(),
        };
        if !at_home {
            return Some("outside the chosen accounts or namespaces".to_owned());
        }
        let class = self.class_told(identity, told.as_ref().map_or(Class::Workload, |(class, _)| *class));
        let words = told.filter(|(told, _)| *told == class).map(|(_, words)| format!(": {words}"));
        (class != Class::Workload && !self.choose.classes.contains(&class))
            .then(|| format!("recognised as {}{}", class.name(), words.unwrap_or_default()))
    }
}
