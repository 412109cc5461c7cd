//! HCL spelling: texts, values and names of blocks for Terraform; the one home of its escaping.
//!
//! Invariant: a text reads back as itself, whatever it holds: no interpolation, no directive, no early end. (The formatter of hcl-rs 0.20 is
//! not used: it writes the `${` of a value as it is, which Terraform would evaluate.)
//! <https://developer.hashicorp.com/terraform/language/expressions/strings>

use std::fmt::Write;

use hcl::Value;

/// A quoted text. `${` becomes `$${` and `%{` becomes `%%{`; a `$` or `%` in front of another one is spelled by its number, since
/// `$$${` is read differently by different parsers.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('$' | '%', Some('{')) => out.extend([character, character]),
            ('$' | '%', Some('$' | '%')) => escape(&mut out, character),
            ('"' | '\\', _) => out.extend(['\\', character]),
            ('\n', _) => out.push_str("\\n"),
            ('\r', _) => out.push_str("\\r"),
            ('\t', _) => out.push_str("\\t"),
            // Line and paragraph separators and marks of direction would make the file lie to its reader.
            (control, _) if control.is_control() || is_invisible(control) => escape(&mut out, control),
            (plain, _) => out.push(plain),
        }
    }
    out.push('"');
    out
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn escape(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(character));
}

/// A longer key does not push its neighbours' `=` away.
const KEY_COLUMNS_MAX: usize = 64;

/// A value as an HCL expression, laid out as `terraform fmt` does; `depth` is the attribute's own indentation.
pub(super) fn value(json: &Value, depth: usize) -> String {
    let mut out = String::new();
    write_value(&mut out, json, depth);
    out
}

fn write_value(out: &mut String, json: &Value, depth: usize) {
    match json {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(string) => out.push_str(&text(string)),
        Value::Array(all) if all.is_empty() => out.push_str("[]"),
        Value::Object(all) if all.is_empty() => out.push_str("{}"),
        Value::Array(all) => {
            out.push_str("[\n");
            for one in all {
                indent(out, depth + 1);
                write_value(out, one, depth + 1);
                out.push_str(",\n");
            }
            indent(out, depth);
            out.push(']');
        }
        Value::Object(all) => {
            let rows: Vec<(String, &Value)> = all.iter().map(|(key, one)| (key_text(key), one)).collect();
            out.push_str("{\n");
            // Neighbours on one line each have their `=` in one column.
            for run in rows.chunk_by(|(_, one), (_, next)| !has_lines(one) && !has_lines(next)) {
                let longest = run.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default();
                for (key, one) in run {
                    indent(out, depth + 1);
                    out.push_str(key);
                    let padding = longest.min(KEY_COLUMNS_MAX).saturating_sub(key.chars().count());
                    out.extend(std::iter::repeat_n(' ', padding));
                    out.push_str(" = ");
                    write_value(out, one, depth + 1);
                    out.push('\n');
                }
            }
            indent(out, depth);
            out.push('}');
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Whether a value is laid out on several lines; a text never is.
fn has_lines(json: &Value) -> bool {
    match json {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
    }
}

fn key_text(key: &str) -> String {
    let plain =
        key.starts_with(|first: char| first.is_ascii_alphabetic()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let word = ["for", "null", "true", "false", "if"].contains(&key);
    if plain && !word { key.to_owned() } else { text(key) }
}

/// The name of a block, of ASCII letters, digits, `-` and `_`: `role_NAME` where the name has only letters, digits and `-`, else
/// `role_SPELLING_DIGEST`, so that two names never meet.
pub(super) fn label(kind: &str, name: &str) -> String {
    const LENGTH_MAX: usize = 64;
    let keep = |character: char| character.is_ascii_alphanumeric() || character == '-';
    if !name.is_empty() && name.len() <= LENGTH_MAX && name.chars().all(keep) {
        return format!("{kind}_{name}");
    }
    let spelled: String = name.chars().map(|character| if keep(character) { character } else { '-' }).take(LENGTH_MAX).collect();
    let digest: String = blake3::hash(name.as_bytes()).to_hex().chars().take(16).collect();
    format!("{kind}_{spelled}_{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_never_survive() {
        assert_eq!(text("a${b}%{c}"), r#""a$${b}%%{c}""#);
        assert_eq!(text("$${x}%${y}$%{z}"), r#""\u0024$${x}\u0025$${y}\u0024%%{z}""#);
        assert_eq!(text("\"\\\n\0 $"), r#""\"\\\n\u0000 $""#);
    }

    #[test]
    fn labels_never_meet() {
        assert_eq!(label("role", "shop-api"), "role_shop-api");
        let labels: std::collections::BTreeSet<String> =
            ["a/b", "a_b", "a.b", "a-b", "", "a\"b", "é", &"x".repeat(200), &"x".repeat(201)]
                .iter()
                .map(|name| label("role", name))
                .collect();
        assert_eq!(labels.len(), 9);
    }
}
