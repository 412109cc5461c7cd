//! The catalog: what the platforms define, dated. A value that is passed in; one is embedded.
//!
//! Invariant: every action that the rules or an operation name exists in the reference (held by `tests/catalog.rs`).

pub mod data_events;
pub mod format;
mod index;
pub mod lookup;
mod mapping;
pub mod operation;
pub mod reference;
pub mod rules;
pub mod side;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use index::{Block, Text};
use operation::{Forwarded, Operation};
use reference::Service;
use rules::Rules;

pub use mapping::{Explained, bare_name};

use crate::access::aws::Action;

/// The version of the text that a catalog's bytes unpack to.
pub const FORMAT_VERSION: &str = "2";

const EMBEDDED: &[u8] = include_bytes!("aws/catalog.txt.zst");

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
    text: Text,
    parsed: BTreeMap<String, Parsed>,
    rules: &'static Rules,
}

/// What was read of one service so far: each part when it was first asked for.
#[derive(Debug, Default)]
struct Parsed {
    service: OnceLock<Service>,
    calls: OnceLock<Calls>,
}

/// The operations of one service, by lower-case name, and what they are forwarded as, by lower-case action.
#[derive(Debug, Default)]
struct Calls {
    operations: BTreeMap<String, Operation>,
    forwarded: BTreeMap<String, Vec<Forwarded>>,
}

impl Catalog {
    /// The catalog that ships with this version.
    #[must_use]
    pub fn embedded() -> &'static Catalog {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the bytes are part of the build, no input; tests/catalog.rs reads them")]
            Catalog::from_bytes(EMBEDDED).expect("the embedded catalog is readable")
        });
        &CATALOG
    }

    /// A catalog from the bytes that `curate` makes. Services are indexed here and parsed when first asked for.
    ///
    /// # Errors
    /// Where the bytes are no catalog of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Catalog, CatalogError> {
        Ok(Catalog::from_index(Text::from_bytes(bytes)?))
    }

    /// A catalog from its text.
    ///
    /// # Errors
    /// Where it is no catalog of this version.
    pub fn from_text(text: String) -> Result<Catalog, CatalogError> {
        Ok(Catalog::from_index(Text::index(text)?))
    }

    fn from_index(text: Text) -> Catalog {
        let parsed = text.blocks.keys().map(|prefix| (prefix.clone(), Parsed::default())).collect();
        Catalog { text, parsed, rules: Rules::embedded() }
    }

    /// The day of the reference, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.text.date
    }

    /// What the reference was made from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.text.sources
    }

    /// How often sources disagreed, by kind; `docs/catalog.md` says who won.
    #[must_use]
    pub fn conflicts(&self) -> &BTreeMap<String, u64> {
        &self.text.conflicts
    }

    /// Date and sources on one line, for manifests.
    #[must_use]
    pub fn provenance(&self) -> String {
        let sources: Vec<String> = self.sources().iter().map(|source| format!("{} {}", source.name, source.version)).collect();
        format!("{} from {}", self.date(), sources.join(", "))
    }

    /// Every IAM prefix, in order.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.parsed.keys().map(String::as_str)
    }

    /// What the reference says of a service; `None` for an unknown prefix.
    #[must_use]
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        let parsed = self.parsed.get(prefix)?;
        Some(parsed.service.get_or_init(|| Service::parse(self.text.part(prefix, |block| &block.reference))))
    }

    /// What the reference says of an action; its name in any case. `None` for an unknown one.
    #[must_use]
    pub fn action(&self, action: &Action) -> Option<&reference::ActionDefinition> {
        self.service(&action.service)?.action(&action.name)
    }

    /// The API operation of a service by its name in any case, as CloudTrail's eventName gives it; `None` for an unknown one.
    #[must_use]
    pub fn operation(&self, prefix: &str, event_name: &str) -> Option<&Operation> {
        self.calls(prefix)?.operations.get(&event_name.to_ascii_lowercase())
    }

    /// The API operations of a service, by lower-case name; none for an unknown prefix.
    pub fn operations(&self, prefix: &str) -> impl Iterator<Item = &Operation> {
        self.calls(prefix).into_iter().flat_map(|calls| calls.operations.values())
    }

    /// What a service asks for in its caller's name when this action is used, where the forward-access maps know; else empty.
    #[must_use]
    pub fn forwarded(&self, action: &Action) -> &[Forwarded] {
        let calls = self.calls(&action.service);
        calls.and_then(|calls| calls.forwarded.get(&action.name.to_ascii_lowercase())).map_or(&[], Vec::as_slice)
    }

    fn calls(&self, prefix: &str) -> Option<&Calls> {
        let parsed = self.parsed.get(prefix)?;
        Some(parsed.calls.get_or_init(|| Calls::parse(prefix, self.text.part(prefix, |block| &block.calls))))
    }

    /// The rules for event sources, events and parameters.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        self.rules
    }

    /// Every host of an API endpoint that is no IAM prefix itself, with the prefixes that its calls are authorized under.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.text.hosts.iter().map(|(host, prefixes)| (host.as_str(), prefixes.as_slice()))
    }

    /// The lines of a service as they stand in the text: types and actions, then operations and forwarded calls. Empty for an unknown
    /// prefix. What is merged over a catalog starts from them.
    #[must_use]
    pub fn lines(&self, prefix: &str) -> (&str, &str) {
        (self.text.part(prefix, |block| &block.reference), self.text.part(prefix, |block: &Block| &block.calls))
    }
}

impl Calls {
    /// Reads the lines of one service; a line of another shape was refused when the catalog was read.
    fn parse(prefix: &str, lines: &str) -> Calls {
        let mut calls = Calls::default();
        for line in lines.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                ["operation", name, origin, actions, slots, passes] => {
                    if let Some(operation) = Operation::parse(prefix, name, origin, actions, slots, passes) {
                        calls.operations.insert(name.to_ascii_lowercase(), operation);
                    }
                }
                ["forward", name, action, via] => {
                    if let Some(action) = Action::parse(action) {
                        let forwarded = Forwarded { action, via: (*via).to_owned() };
                        calls.forwarded.entry(name.to_ascii_lowercase()).or_default().push(forwarded);
                    }
                }
                _ => {}
            }
        }
        calls
    }
}
