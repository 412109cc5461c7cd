//! Reading NetworkPolicies back: YAML or JSON, several documents, lists; nothing of another kind.

use serde_json::Value;

use crate::policy::network::NetworkPolicy;

use super::LoadError;

/// Reads every NetworkPolicy of a file; `path` names it in messages.
///
/// What a file can make the reader do is bounded: nesting, nodes, and how far aliases may unfold.
///
/// # Errors
/// When the text is not YAML, an object is of another kind, or a field is unknown or of the wrong type.
pub fn parse(path: &str, text: &str) -> Result<Vec<NetworkPolicy>, LoadError> {
    let syntax = |source: Box<dyn std::error::Error + Send + Sync>| LoadError::Syntax { file: path.to_owned(), source };
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 2_000_000, max_events: 8_000_000 },
        with_snippet: false,
    };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| syntax(Box::new(error)))?;
    let mut policies = Vec::new();
    for document in documents {
        let is_list =
            document.get("kind").and_then(Value::as_str).is_some_and(|kind| ["List", "NetworkPolicyList"].contains(&kind));
        let objects = match document.get("items") {
            Some(Value::Array(members)) if is_list => members.clone(),
            _ => vec![document],
        };
        for object in objects {
            policies.push(serde_json::from_value(object).map_err(|error| syntax(Box::new(error)))?);
        }
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: shop}\nspec:\n  podSelector: {}\n  ingress:\n  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]\n    ports: [{port: 80, endPort: 90}, {protocol: UDP, port: dns}, {}]\n";

    #[test]
    fn what_is_not_said_is_never_guessed() {
        let policies = parse("f", &format!("{GOOD}---\n{GOOD}")).unwrap();
        assert_eq!(policies.len(), 2);
        let list = serde_json::json!({"kind": "List", "items": policies}).to_string();
        assert_eq!(parse("f", &list).unwrap(), policies);
        for (from, to) in [
            ("podSelector", "podSelectors"),
            ("kind: NetworkPolicy", "kind: Role"),
            ("networking.k8s.io/v1", "extensions/v1beta1"),
            ("10.0.0.0/8", "10.0.0.0"),
            ("port: 80", "port: 80000"),
            ("cidr", "CIDR"),
            ("from", "form"),
        ] {
            assert!(parse("f", &GOOD.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert!(parse("f", "\0").is_err() && parse("f", &"[".repeat(10_000)).is_err());
    }
}
