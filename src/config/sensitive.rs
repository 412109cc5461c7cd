//! Names that no generalization takes in: what looks like a credential, and what the settings add.

use super::{ConfigError, Pattern};

/// Over the name behind a resource's type (an object's bucket and key), in any case. Backups are not here: a job that writes one
/// each night needs its dated names folded, and what a backup holds only its owner knows.
const DEFAULTS: &[&str] = &[
    "*secret*",
    "*credential*",
    "*password*",
    "*passwd*",
    "*private*key*",
    "*id_rsa*",
    "*id_ed25519*",
    "*.pem",
    "*.key",
    "*.pfx",
    "*.p12",
    "*.jks",
    "*.kdbx",
    "*.env",
    "*.tfstate*",
];

/// The globs: the built-in ones, and `added` ones.
pub(super) fn patterns(added: &[String], with_defaults: bool) -> Result<Vec<Pattern>, ConfigError> {
    let defaults = DEFAULTS.iter().copied().filter(|_| with_defaults);
    let all = defaults.chain(added.iter().map(String::as_str));
    all.map(|text| Pattern::ignoring_case("generalize.sensitive", text)).collect()
}
