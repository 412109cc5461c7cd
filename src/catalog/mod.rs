//! The catalog: what the platforms define, dated. A value that is passed in; one is embedded.
//!
//! Invariant: every action that the rules name exists in the embedded reference (held by `tests/cloudtrail.rs`).

pub mod data_events;
pub mod format;
pub mod reference;
pub mod rules;
pub mod side;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use reference::Service;
use rules::{Confidence, Mapped, Mapping, RuleEnd, Rules};

use crate::access::aws::Action;

/// The version of the text that a catalog's bytes unpack to.
pub const FORMAT_VERSION: &str = "1";

/// The most that catalog bytes may unpack to.
const TEXT_BYTES_MAX: usize = 64 << 20;

const EMBEDDED: &[u8] = include_bytes!("aws/reference.txt.zst");

/// Why bytes are no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// They cannot be decompressed.
    #[error("the catalog cannot be decompressed")]
    Compressed(#[source] std::io::Error),
    /// They unpack to something that is not UTF-8.
    #[error("the catalog is not UTF-8")]
    Encoding,
    /// The first line names another format or version.
    #[error("the catalog is of another format or version (expected `{FORMAT_VERSION}`)")]
    Version,
    /// A line has another shape than expected.
    #[error("line {number} of the catalog has not the expected shape")]
    Line {
        /// From 1.
        number: usize,
    },
}

/// A public table that the catalog was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence.
    pub licence: String,
    /// Where it is kept; may be empty.
    pub home: String,
}

/// What the platforms define.
#[derive(Debug)]
pub struct Catalog {
    text: String,
    date: String,
    sources: Vec<Source>,
    services: BTreeMap<String, Unparsed>,
    rules: &'static Rules,
}

#[derive(Debug, Default)]
struct Unparsed {
    lines: Range<usize>,
    parsed: OnceLock<Service>,
}

impl Catalog {
    /// The catalog that ships with this version.
    #[must_use]
    pub fn embedded() -> &'static Catalog {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the bytes are part of the build, no input; tests/cloudtrail.rs reads them")]
            Catalog::from_bytes(EMBEDDED).expect("the embedded catalog is readable")
        });
        &CATALOG
    }

    /// A catalog from the bytes that [`crate::curate::build`] makes. Services are indexed here and parsed when first asked for.
    ///
    /// # Errors
    /// Where the bytes are no catalog of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Catalog, CatalogError> {
        let text = zstd::bulk::decompress(bytes, TEXT_BYTES_MAX).map_err(CatalogError::Compressed)?;
        let text = String::from_utf8(text).map_err(|_| CatalogError::Encoding)?;
        let mut catalog = Catalog {
            text: String::new(),
            date: String::new(),
            sources: Vec::new(),
            services: BTreeMap::new(),
            rules: Rules::embedded(),
        };
        let mut current: Option<(String, Range<usize>)> = None;
        let mut place = 0_usize;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let end = place + line.len();
            let fields: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
            match (index, fields.as_slice()) {
                (0, ["tightfit-catalog", FORMAT_VERSION]) => {}
                (0, _) => return Err(CatalogError::Version),
                (_, ["date", date]) => catalog.date = (*date).to_owned(),
                (_, ["source", name, version, licence, home]) => catalog.sources.push(Source {
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    licence: (*licence).to_owned(),
                    home: (*home).to_owned(),
                }),
                (_, ["service", service]) => {
                    catalog.insert(current.take());
                    current = Some(((*service).to_owned(), end..end));
                }
                (_, ["type", _, _] | ["action", _, _, _, _, _]) => match &mut current {
                    Some((_, lines)) => lines.end = end,
                    None => return Err(CatalogError::Line { number: index + 1 }),
                },
                _ => return Err(CatalogError::Line { number: index + 1 }),
            }
            place = end;
        }
        catalog.insert(current);
        catalog.text = text;
        // Decompression reserves room for the largest text.
        catalog.text.shrink_to_fit();
        Ok(catalog)
    }

    fn insert(&mut self, service: Option<(String, Range<usize>)>) {
        if let Some((name, lines)) = service {
            self.services.insert(name, Unparsed { lines, parsed: OnceLock::new() });
        }
    }

    /// The day of the reference, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// What the reference was made from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Date and sources on one line, for manifests.
    #[must_use]
    pub fn provenance(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(|source| format!("{} {}", source.name, source.version)).collect();
        format!("{} from {}", self.date, sources.join(", "))
    }

    /// Every IAM prefix, in order.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// What the reference says of a service; `None` for an unknown prefix.
    #[must_use]
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        let unparsed = self.services.get(prefix)?;
        Some(unparsed.parsed.get_or_init(|| Service::parse(self.text.get(unparsed.lines.clone()).unwrap_or_default())))
    }

    /// What the reference says of an action; its name in any case. `None` for an unknown one.
    #[must_use]
    pub fn action(&self, action: &Action) -> Option<&reference::ActionDefinition> {
        self.service(&action.service)?.action(&action.name)
    }

    /// The rules for event sources, events and parameters.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        self.rules
    }

    /// The IAM prefixes that an eventSource (`s3.amazonaws.com`) may mean, the likeliest first; empty for an unknown one.
    #[must_use]
    pub fn prefixes_of(&self, event_source: &str) -> Vec<&str> {
        let host = event_source.strip_suffix(".cn").unwrap_or(event_source);
        let host = host.strip_suffix(".amazonaws.com").unwrap_or(host);
        match self.rules.prefixes(host) {
            Some(prefixes) => prefixes.iter().map(String::as_str).collect(),
            None => self.services.get_key_value(host).map(|(prefix, _)| prefix.as_str()).into_iter().collect(),
        }
    }

    /// The IAM actions that a CloudTrail event stands for. `carries` tells whether requestParameters has a name at its top.
    #[must_use]
    pub fn map(&self, event_source: &str, event_name: &str, carries: impl Fn(&str) -> bool) -> Mapping {
        let prefixes = self.prefixes_of(event_source);
        for prefix in &prefixes {
            let literal = self.map_literal(prefix, event_name, &carries);
            if literal != Mapping::Unknown {
                return literal;
            }
        }
        // A versioned name is cut only where the literal one means nothing: 64 actions end in a digit.
        if let Some(bare) = bare_name(event_name) {
            for prefix in &prefixes {
                if let Mapping::Actions(mut actions) = self.map_literal(prefix, bare, &carries) {
                    for mapped in &mut actions {
                        mapped.confidence = mapped.confidence.max(Confidence::Derived);
                    }
                    return Mapping::Actions(actions);
                }
            }
        }
        Mapping::Unknown
    }

    fn map_literal(&self, prefix: &str, event_name: &str, carries: &impl Fn(&str) -> bool) -> Mapping {
        let literal = self.service(prefix).and_then(|service| service.action(event_name));
        let rule = self.rules.event(prefix, event_name, carries);
        let rule = if literal.is_none() { rule.or_else(|| self.rules.family(prefix, event_name, carries)) } else { rule };
        match rule {
            Some(RuleEnd::Permissionless) => return Mapping::Permissionless,
            Some(RuleEnd::ServiceEvent) => return Mapping::ServiceEvent,
            Some(RuleEnd::Actions(actions)) => return Mapping::Actions(actions),
            None => {}
        }
        let Some(definition) = literal else { return Mapping::Unknown };
        let confidence = if definition.name == event_name { Confidence::Exact } else { Confidence::Derived };
        let action = Action { service: prefix.to_owned(), name: definition.name.clone() };
        Mapping::Actions(vec![Mapped { action, confidence, implied: None }])
    }
}

/// The name without a date or version at its end: `GetAlias20150331`, `UpdateFunctionCode20150331v2`, `CreateDistribution2015_07_27`.
/// `None` where there is none.
fn bare_name(event_name: &str) -> Option<&str> {
    let cut = |text: &'_ str| text.trim_end_matches(|character: char| character.is_ascii_digit()).len();
    let unversioned = match event_name.get(..cut(event_name)) {
        Some(front) if front.len() < event_name.len() && front.ends_with(['v', 'V']) => front.get(..front.len() - 1)?,
        _ => event_name,
    };
    let undated = unversioned.trim_end_matches(|character: char| character.is_ascii_digit() || character == '_');
    let tail = unversioned.get(undated.len()..)?;
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    let bare = if digits == 8 { undated } else { unversioned };
    (bare.len() < event_name.len() && !bare.is_empty()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_versions_are_cut() {
        for (name, bare) in [
            ("GetAlias20150331", Some("GetAlias")),
            ("UpdateFunctionCode20150331v2", Some("UpdateFunctionCode")),
            ("CreateDistribution2015_07_27", Some("CreateDistribution")),
            ("ListThingPrincipalsV2", Some("ListThingPrincipals")),
            ("RestoreDBInstanceFromS3", None),
            ("GetObject", None),
            ("20150331", None),
            ("", None),
        ] {
            assert_eq!(bare_name(name), bare, "{name}");
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(Catalog::from_bytes(b"plain"), Err(CatalogError::Compressed(_))));
        let packed = |text: &str| zstd::bulk::compress(text.as_bytes(), 1).unwrap();
        assert!(matches!(Catalog::from_bytes(&packed("tightfit-catalog\t0\n")), Err(CatalogError::Version)));
        let stray = Catalog::from_bytes(&packed("tightfit-catalog\t1\ntype\ta\tb\n"));
        assert!(matches!(stray, Err(CatalogError::Line { number: 2 })));
    }
}
