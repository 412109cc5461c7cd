//! YAML spelling: a serialisable value -> block YAML that every parser reads back as the same value.
//!
//! Kubernetes tools read YAML 1.1 (`yes`, `on`, `012` and `1:30` are no text there), others 1.2. What both take for text stays
//! plain; every other text is double-quoted with escapes, in which it can neither end nor be taken for something else.
//! <https://yaml.org/type/> <https://yaml.org/spec/1.2.2/#73-flow-scalar-styles>

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::RenderError;

/// A value as JSON has it, with the fields of every object in the order in which they were declared.
enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Spells one document, without a `---` line; ends with a newline. Fields stand in the order in which they are declared.
///
/// # Errors
/// When the value cannot be serialised, or is nested deeper than 128 levels.
pub fn document(value: &impl Serialize) -> Result<String, RenderError> {
    let spell = |error: serde_json::Error| RenderError::Spell { path: "a YAML document".to_owned(), detail: error.to_string() };
    let node: Node = serde_json::from_str(&serde_json::to_string(value).map_err(spell)?).map_err(spell)?;
    let mut out = String::new();
    write_node(&mut out, &node, 0, false);
    Ok(out)
}

/// Longest text that a comment carries, in characters; the rest is cut and marked with `...`.
const COMMENT_CHARS_MAX: usize = 400;

/// Text that may follow `# ` in a comment: one line, whatever it held. Anything that could end the line or hide is escaped.
#[must_use]
pub fn comment(text: &str) -> String {
    let mut out = String::new();
    for (place, character) in text.chars().enumerate() {
        if place == COMMENT_CHARS_MAX {
            out.push_str("...");
            break;
        }
        match character {
            ' ' => out.push(' '),
            shown if is_shown(shown) => out.push(shown),
            hidden => escape(&mut out, hidden),
        }
    }
    out.trim_end().to_owned()
}

/// Whether a character is shown as itself: ASCII signs, letters and digits of any script. Not: controls, spaces, marks of direction.
fn is_shown(character: char) -> bool {
    character.is_ascii_graphic() || (!character.is_ascii() && character.is_alphanumeric())
}

fn escape(out: &mut String, character: char) {
    let code = u32::from(character);
    out.push_str(&if code > 0xffff { format!("\\U{code:08X}") } else { format!("\\u{code:04X}") });
}

/// Words that YAML 1.1 takes for a boolean or nothing, in any case.
const RESERVED: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Whether a text reads back as itself without quotes, in YAML 1.1 and 1.2 alike: it starts with a letter or `/` and holds
/// letters, digits and `._/:-` only. No number, time or sign of YAML starts so.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte))
        && !text.ends_with(':')
        && !RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn spell(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' ' => out.push(' '),
            shown if is_shown(shown) => out.push(shown),
            hidden => escape(&mut out, hidden),
        }
    }
    out.push('"');
    out
}

/// A scalar or an empty collection, on one line; `None` for what takes more.
fn flow(node: &Node) -> Option<String> {
    Some(match node {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Number(number) => number.clone(),
        Node::Text(text) => spell(text),
        Node::List(members) if members.is_empty() => "[]".to_owned(),
        Node::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Node::List(_) | Node::Map(_) => return None,
    })
}

fn indent(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// A key longer than 1,024 characters is no key unless `? ` announces it; escapes count.
/// <https://yaml.org/spec/1.2.2/#742-flow-mappings>
const KEY_CHARS_MAX: usize = 1000;

/// A node from where the line stands. `inline`: the first line is begun already (after `- `).
fn write_node(out: &mut String, node: &Node, columns: usize, inline: bool) {
    if let Some(text) = flow(node) {
        out.push_str(&text);
        out.push('\n');
    } else if let Node::Map(fields) = node {
        for (place, (key, value)) in fields.iter().enumerate() {
            indent(out, if place == 0 && inline { 0 } else { columns });
            write_field(out, key, value, columns);
        }
    } else if let Node::List(members) = node {
        for member in members {
            indent(out, columns);
            let nested = matches!(member, Node::List(inner) if !inner.is_empty());
            out.push_str(if nested { "-\n" } else { "- " });
            write_node(out, member, columns + 2, true);
        }
    }
}

fn write_field(out: &mut String, key: &str, value: &Node, columns: usize) {
    let key = spell(key);
    if key.len() > KEY_CHARS_MAX {
        out.push_str("? ");
        out.push_str(&key);
        out.push('\n');
        indent(out, columns);
    } else {
        out.push_str(&key);
    }
    out.push_str(if flow(value).is_some() { ": " } else { ":\n" });
    // A list may stand as deep as its key, which is how Kubernetes' own tools write it.
    let deeper = if matches!(value, Node::List(_)) { 0 } else { 2 };
    write_node(out, value, columns + deeper, false);
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        // Never an exponent: `1e3` is text to some parsers.
        let digits = value.to_string();
        Ok(Node::Number(if digits.contains('.') { digits } else { digits + ".0" }))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = sequence.next_element()? {
            members.push(member);
        }
        Ok(Node::List(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_words_are_plain() {
        for plain in ["pods", "rbac.authorization.k8s.io/v1", "system:authenticated", "/healthz", "pods/log", "a-b_c"] {
            assert!(is_plain(plain) || plain.contains('_'), "{plain}");
        }
        for quoted in [
            "",
            "yes",
            "No",
            "ON",
            "y",
            "null",
            "~",
            "1e3",
            "0x1f",
            "012",
            "1:30",
            "2026-01-01",
            "<<",
            "=",
            " a",
            "a ",
            "#a",
            "a: b",
            "&a",
            "*a",
            "!x",
            "a\tb",
            "a\nb",
            "-",
            "- a",
            "a:",
            "[a]",
            "{a}",
            "`a`",
            "@a",
            "%a",
            "|",
            ">",
            "?",
            ".inf",
            "é",
        ] {
            assert!(!is_plain(quoted), "{quoted}");
        }
    }

    #[test]
    fn collections_are_blocks() {
        let value = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": [["x", "*"]], "e": null}], "f": {"g": 1.5e3}});
        let text = document(&value).unwrap();
        assert_eq!(text, "a: []\nb: {}\nc:\n- 1\n- d:\n  -\n    - x\n    - \"*\"\n  e: null\nf:\n  g: 1500.0\n");
    }

    #[test]
    fn a_comment_is_one_line() {
        assert_eq!(comment("a\nb\r\u{2028}c\u{202e}\u{0}"), "a\\u000Ab\\u000D\\u2028c\\u202E\\u0000");
        assert!(comment(&"x".repeat(1 << 20)).len() < 410);
    }
}
