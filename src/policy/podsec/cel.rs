//! CEL as checks write it: conditions over a pod that a `ValidatingAdmissionPolicy` asks, from Kubernetes 1.30 on.
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>
//!
//! Invariant: whatever a log held stands in the expression as a literal only.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What pods use beyond a check: facet of the check to values, an empty value where the facet is all there is to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<&'static str, BTreeSet<String>>);

impl Uses {
    pub(super) fn add(&mut self, facet: &'static str, value: &str) {
        self.0.entry(facet).or_default().insert(value.to_owned());
    }

    pub(super) fn has(&self, facet: &str) -> bool {
        self.0.contains_key(facet)
    }

    pub(super) fn values(&self, facet: &str) -> impl Iterator<Item = &str> {
        self.0.get(facet).into_iter().flatten().map(String::as_str)
    }

    /// Whether nothing is used beyond the check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each use in a few words, such as `add NET_ADMIN`; hostile text inside.
    pub fn spelled(&self) -> impl Iterator<Item = String> {
        let each = self.0.iter().flat_map(|(facet, values)| values.iter().map(move |value| (facet, value)));
        each.map(|(facet, value)| if value.is_empty() { (*facet).to_owned() } else { format!("{facet} {value}") })
    }
}

/// A name that expressions share, computed once for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name, behind `variables.`.
    pub name: &'static str,
    /// What it stands for.
    pub expression: &'static str,
}

/// What the conditions of checks are written with. Ephemeral containers are of another type, so they are a list of their own.
pub(super) const VARIABLES: &[Variable] = &[
    Variable {
        name: "containers",
        expression: "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])",
    },
    Variable { name: "ephemeral", expression: "has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers : []" },
    Variable { name: "windows", expression: "object.spec.?os.?name.orValue('') == 'windows'" },
    Variable { name: "userNamespace", expression: "object.spec.?hostUsers.orValue(true) == false" },
];

/// A condition on a container `c`, asked of every one of every kind.
pub(super) fn everywhere(condition: &str) -> String {
    format!("variables.containers.all(c, {condition}) && variables.ephemeral.all(c, {condition})")
}

/// A condition on a security context, asked of the pod's and of every container's. `write` gets the context's path.
pub(super) fn of_pod_and_everywhere(write: impl Fn(&str) -> String) -> String {
    format!("{} && {}", write("object.spec.?securityContext"), everywhere(&write("c.?securityContext")))
}

/// A list of texts.
pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", values.into_iter().map(text).collect::<Vec<_>>().join(", "))
}

/// A text: whatever is no plain ASCII, or could end it, is escaped.
/// <https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values>
pub(super) fn text(value: &str) -> String {
    let mut literal = String::from("'");
    for character in value.chars() {
        match character {
            '\\' | '\'' => literal.extend(['\\', character]),
            ' '..='~' => literal.push(character),
            _ if u32::from(character) < 0x1_0000 => literal.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => literal.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_quotes() {
        let table = [("a b", "'a b'"), ("it's", r"'it\'s'"), (r"\", r"'\\'"), ("\n\0\u{7f}", r"'\u000a\u0000\u007f'")];
        for (value, expected) in table.into_iter().chain([("é🦀\u{2028}", r"'\u00e9\U0001f980\u2028'")]) {
            assert_eq!(text(value), expected);
        }
        assert_eq!(texts(["a", "b"]), "['a', 'b']");
    }
}
