//! A policy document as AWS's tools write it: an object, its text, or its text percent-encoded.

use serde::Deserialize;
use serde_json::Value;

use crate::policy::iam::PolicyDocument;

/// Reads a document.
///
/// # Errors
/// Says what is wrong with it, in `what`.
pub(super) fn read(what: &str, value: &Value) -> Result<PolicyDocument, String> {
    let invalid = |error: serde_json::Error| format!("{what} is no policy document: {error}");
    match value {
        Value::String(text) if text.trim_start().starts_with('{') => serde_json::from_str(text).map_err(invalid),
        // The API itself answers with percent-encoded text (RFC 3986); the CLI decodes it.
        Value::String(text) => {
            let decoded = decode(text).ok_or_else(|| format!("{what} is neither JSON nor percent-encoded JSON"))?;
            serde_json::from_str(&decoded).map_err(invalid)
        }
        Value::Object(_) => PolicyDocument::deserialize(value).map_err(invalid),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err(format!("{what} is no policy document: expected an object or its text"))
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        let object = serde_json::json!({"Version": "2012-10-17", "Statement": []});
        let text = Value::String(object.to_string());
        let encoded = Value::String("%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D".to_owned());
        let wanted = read("it", &object).unwrap();
        assert!(read("it", &text).is_ok_and(|read| read == wanted) && read("it", &encoded).is_ok_and(|read| read == wanted));
        for wrong in [
            serde_json::json!("%7"),
            serde_json::json!("%zz"),
            serde_json::json!("%ff"),
            serde_json::json!(1),
            serde_json::json!(""),
        ] {
            assert!(read("it", &wrong).is_err(), "{wrong}");
        }
    }
}
