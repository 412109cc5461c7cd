//! Reading RBAC manifests: YAML or JSON, several documents, lists, each object of a known kind.

use serde_json::Value;

use crate::policy::rbac::{Kind, RbacPolicy};

use super::LoadError;

/// Reads every RBAC object of a file; the policy's cluster is left empty, since a manifest names none.
///
/// What a file can make the reader do is bounded: nesting, nodes, and how far aliases may unfold.
///
/// # Errors
/// When the text is not YAML, an object is of another kind, or a field that decides is unknown, missing or of the wrong type.
pub fn parse(path: &str, text: &str) -> Result<RbacPolicy, LoadError> {
    let syntax = |source: Box<dyn std::error::Error + Send + Sync>| LoadError::Syntax { file: path.to_owned(), source };
    let mut policy = RbacPolicy::default();
    for document in documents(path, text)? {
        let unexpected = |detail| LoadError::Unexpected { file: path.to_owned(), detail };
        for (kind, object) in objects(document).map_err(unexpected)? {
            policy.insert(kind, object).map_err(|error| syntax(Box::new(error)))?;
        }
    }
    Ok(policy)
}

/// The documents of a YAML file, within bounds.
///
/// # Errors
/// When the text is not YAML, or reaches a bound.
pub(super) fn documents(path: &str, text: &str) -> Result<Vec<Value>, LoadError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 2_000_000, max_events: 8_000_000 },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| LoadError::Syntax { file: path.to_owned(), source: Box::new(error) })
}

/// The objects of a document: itself, or the members of a `List`, `RoleList`, ...
fn objects(document: Value) -> Result<Vec<(Kind, Value)>, String> {
    let kind = kind_of(&document);
    let Some(member) = kind.strip_suffix("List") else { return Ok(vec![(rbac_kind(&document, &kind)?, document)]) };
    let Some(Value::Array(members)) = document.get("items") else {
        return Err(format!("a `{kind}` without `items`"));
    };
    let object = |one: &Value| {
        let own = kind_of(one);
        // The members of a typed list need not repeat their kind.
        let kind = if own.is_empty() && !member.is_empty() {
            Kind::from_name(member).ok_or_else(|| foreign(member))?
        } else {
            rbac_kind(one, &own)?
        };
        Ok((kind, one.clone()))
    };
    members.iter().map(object).collect()
}

fn kind_of(object: &Value) -> String {
    object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn rbac_kind(object: &Value, kind: &str) -> Result<Kind, String> {
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let known = Kind::from_name(kind).ok_or_else(|| foreign(kind))?;
    if version.split_once('/').is_none_or(|(group, _)| group != "rbac.authorization.k8s.io") {
        return Err(format!("a `{kind}` of apiVersion `{version}`, expected `rbac.authorization.k8s.io/v1`"));
    }
    Ok(known)
}

fn foreign(kind: &str) -> String {
    format!("kind `{kind}`, expected Role, ClusterRole, RoleBinding or ClusterRoleBinding")
}
