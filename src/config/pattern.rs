//! A glob over identities or files, and the forms in which it may name an identity.

use globset::{GlobBuilder, GlobMatcher};

use super::ConfigError;
use crate::access::identity::{Identity, Name};

/// A glob over identities or files, kept with its text.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub text: String,
    matcher: GlobMatcher,
    /// What every text that matches holds: it is looked for first, since most patterns match nothing. Empty where nothing is sure.
    held: String,
}

impl Pattern {
    /// A glob in which `*` also matches `/` and `:`.
    ///
    /// # Errors
    /// When `text` is no glob; `key` names the setting in the message.
    pub fn new(key: &str, text: &str) -> Result<Self, ConfigError> {
        Pattern::build(key, text, false)
    }

    /// The same, in any case of its letters.
    ///
    /// # Errors
    /// When `text` is no glob; `key` names the setting in the message.
    pub fn ignoring_case(key: &str, text: &str) -> Result<Self, ConfigError> {
        Pattern::build(key, text, true)
    }

    fn build(key: &str, text: &str, ignoring_case: bool) -> Result<Self, ConfigError> {
        let glob = GlobBuilder::new(text)
            .case_insensitive(ignoring_case)
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(|source| ConfigError::Glob { key: key.to_owned(), pattern: text.to_owned(), source })?;
        let held = if ignoring_case { "" } else { held(text) };
        Ok(Pattern { text: text.to_owned(), matcher: glob.compile_matcher(), held: held.to_owned() })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        text.contains(&self.held) && self.matcher.is_match(text)
    }

    /// Whether it matches an identity by its full form, its short name, or `namespace/name`, `namespace:name`.
    #[must_use]
    pub fn matches_identity(&self, identity: &Identity) -> bool {
        Forms::of(identity).match_one(self)
    }
}

/// The longest part of a glob that stands for itself; empty where the glob has more than `*` and `?`.
fn held(glob: &str) -> &str {
    if glob.contains(['{', '}', '\\']) || glob.contains("**") {
        return "";
    }
    let mut longest = "";
    for (number, piece) in glob.split('[').enumerate() {
        // A class of characters stands up to its bracket, and what is no plain class tells nothing.
        let plain = match piece.split_once(']') {
            _ if number == 0 => piece,
            Some(("" | "!" | "^", _)) | None => return "",
            Some((_, plain)) => plain,
        };
        if plain.contains(']') {
            return "";
        }
        longest = plain.split(['*', '?']).chain([longest]).max_by_key(|part| part.len()).unwrap_or_default();
    }
    longest
}

/// An identity in every form that a pattern may name it by, spelled once for many patterns.
#[derive(Debug)]
pub(super) struct Forms(Vec<String>);

impl Forms {
    pub(super) fn of(identity: &Identity) -> Self {
        let mut forms = vec![identity.to_string(), identity.short_name()];
        if let Name::ServiceAccount { namespace, name } = &identity.name {
            forms.push(format!("{namespace}/{name}"));
            forms.push(format!("{namespace}:{name}"));
            forms.push(format!("system:serviceaccount:{namespace}:{name}"));
        }
        Forms(forms)
    }

    /// Whether a pattern matches one of them.
    pub(super) fn match_one(&self, pattern: &Pattern) -> bool {
        self.0.iter().any(|form| pattern.matches(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_first_changes_no_answer() {
        let texts =
            ["", "a", "*", "a*", "*/b", "a?c", "ab*cd*e", "{x,y}", "[ab]c", "a\\*b", "**/b", "a/**", "a/**/b", "sys*:n?de:*"];
        for glob in
            ["*", "a", "a*", "*b", "a?c", "*cd*", "{x,y}", "[ab]c", "a\\*b", "**/b", "a/**", "a/**/b", "system:*", "?", "a**b"]
                .into_iter()
                .chain(["*[Bb]reak[Gg]lass*", "[*]b", "a[*?]b", "x[]]b", "[!]]b", "a[/]b", "[!x]b*", "*a[b-z]c"])
        {
            let pattern = Pattern::new("test", glob).unwrap();
            for text in
                texts.iter().copied().chain(["x", "a*b", "b", "a/b", "a/x/b", "abc", "x/b", "system:node:a", "ab", "*b", "x]b"])
            {
                assert_eq!(pattern.matches(text), pattern.matcher.is_match(text), "{glob} on {text}");
            }
        }
    }
}
