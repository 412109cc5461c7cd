//! Reading a pod from an audit body: strict on the type of every field that is known, blind to all others.
//!
//! Invariant: a known field of a wrong type is an error that names it; it never reads as absent, since absent can mean safe.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{Pod, Volume};

/// A known field of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is not {expected}")]
pub struct PodReadError {
    /// The field's path, such as `spec.containers[0].securityContext.privileged`; hostile text inside map keys.
    pub field: String,
    /// What it should be, such as `true or false`.
    pub expected: &'static str,
}

impl Pod {
    /// Reads a pod, a pod template or any object that has their `metadata` and `spec`, as a log carries it. `null` and absent
    /// mean the default; numbers, ports above all, may be spelled as text.
    ///
    /// # Errors
    /// When a known field has the wrong type: nothing is known about such a pod.
    pub fn from_json(value: &Value) -> Result<Pod, PodReadError> {
        Pod::read(value, &Path::Root)
    }
}

/// Where a value stands, as a chain back to the root; spelled only when something is wrong.
pub(super) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Place(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("pod"),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Place(parent, place) => write!(f, "{parent}[{place}]"),
        }
    }
}

impl Path<'_> {
    fn expected(&self, expected: &'static str) -> PodReadError {
        PodReadError { field: self.to_string(), expected }
    }
}

/// Something that is read strictly; `null` is its default, as Kubernetes' own decoder has it.
pub(super) trait Read: Sized + Default {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError>;
}

/// The members of an object; `None` for `null`.
pub(super) fn members<'a>(value: &'a Value, path: &Path<'_>) -> Result<Option<&'a Map<String, Value>>, PodReadError> {
    if value.is_null() {
        return Ok(None);
    }
    value.as_object().map(Some).ok_or_else(|| path.expected("an object"))
}

/// One member, by its field's name in Rust.
pub(super) fn member<T: Read>(members: &Map<String, Value>, field: &str, path: &Path<'_>) -> Result<T, PodReadError> {
    let name = camel_case(field);
    match members.get(&name) {
        Some(value) => T::read(value, &Path::Field(path, &name)),
        None => Ok(T::default()),
    }
}

/// `host_p_i_d` -> `hostPID`, as serde's `camelCase` has it.
fn camel_case(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut upper = false;
    for character in field.trim_start_matches("r#").chars() {
        if character == '_' {
            upper = true;
        } else {
            name.push(if upper { character.to_ascii_uppercase() } else { character });
            upper = false;
        }
    }
    name
}

impl Read for String {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        if value.is_null() {
            return Ok(String::new());
        }
        value.as_str().map(str::to_owned).ok_or_else(|| path.expected("a text"))
    }
}

impl Read for bool {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        if value.is_null() {
            return Ok(false);
        }
        value.as_bool().ok_or_else(|| path.expected("true or false"))
    }
}

impl Read for i64 {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        let number = match value {
            Value::Null => Some(0),
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.ok_or_else(|| path.expected("a whole number"))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        if value.is_null() { Ok(None) } else { T::read(value, path).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        if value.is_null() {
            return Ok(Vec::new());
        }
        let values = value.as_array().ok_or_else(|| path.expected("a list"))?;
        values.iter().enumerate().map(|(place, value)| T::read(value, &Path::Place(path, place))).collect()
    }
}

impl Read for BTreeMap<String, String> {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        let Some(members) = members(value, path)? else { return Ok(BTreeMap::new()) };
        let read = |(key, value): (&String, &Value)| Ok((key.clone(), String::read(value, &Path::Field(path, key))?));
        members.iter().map(read).collect()
    }
}

impl Read for Volume {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self, PodReadError> {
        let Some(members) = members(value, path)? else { return Ok(Volume::default()) };
        let mut volume = Volume::default();
        for (name, value) in members {
            let path = Path::Field(path, name);
            if name == "name" {
                volume.name = String::read(value, &path)?;
            } else if value.is_object() {
                volume.sources.insert(name.clone(), super::canonical(value));
            } else if !value.is_null() {
                return Err(path.expected("an object"));
            }
        }
        Ok(volume)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_type_is_named() {
        let cases = [
            (json!([]), "pod"),
            (json!({"spec": "x"}), "spec"),
            (json!({"spec": {"hostNetwork": "true"}}), "spec.hostNetwork"),
            (json!({"spec": {"hostPID": 1}}), "spec.hostPID"),
            (json!({"spec": {"hostUsers": "false"}}), "spec.hostUsers"),
            (json!({"spec": {"securityContext": []}}), "spec.securityContext"),
            (json!({"spec": {"containers": {}}}), "spec.containers"),
            (json!({"spec": {"containers": [{}, []]}}), "spec.containers[1]"),
            (
                json!({"spec": {"containers": [{"securityContext": {"privileged": "true"}}]}}),
                "spec.containers[0].securityContext.privileged",
            ),
            (
                json!({"spec": {"containers": [{"securityContext": {"capabilities": {"add": "ALL"}}}]}}),
                "spec.containers[0].securityContext.capabilities.add",
            ),
            (
                json!({"spec": {"initContainers": [{"securityContext": {"seccompProfile": {"type": 1}}}]}}),
                "spec.initContainers[0].securityContext.seccompProfile.type",
            ),
            (
                json!({"spec": {"ephemeralContainers": [{"ports": [{"hostPort": "http"}]}]}}),
                "spec.ephemeralContainers[0].ports[0].hostPort",
            ),
            (json!({"spec": {"securityContext": {"runAsUser": 0.5}}}), "spec.securityContext.runAsUser"),
            (json!({"spec": {"volumes": [{"name": "v", "hostPath": "/"}]}}), "spec.volumes[0].hostPath"),
            (json!({"metadata": {"annotations": {"a": 1}}}), "metadata.annotations.a"),
        ];
        for (value, field) in cases {
            assert_eq!(Pod::from_json(&value).map_err(|error| error.field), Err(field.to_owned()), "{value}");
        }
    }

    #[test]
    fn known_fields_are_read_and_others_ignored() {
        let value = json!({
            "kind": 7, "status": [],
            "metadata": {"name": null, "labels": {"app": "web"}, "creationTimestamp": null},
            "spec": {
                "nodeName": 3, "hostPID": true, "hostUsers": false,
                "securityContext": null,
                "containers": [{"name": "web", "ports": [{"containerPort": "8080", "hostPort": 80}], "resources": "?"}],
                "volumes": [{"name": "a"}, {"name": "b", "hostPath": {"type": "", "path": "/"}, "emptyDir": null}],
            },
        });
        let pod = Pod::from_json(&value).unwrap();
        assert!(pod.spec.host_p_i_d && pod.spec.host_users == Some(false));
        assert_eq!((pod.spec.containers[0].ports[0].container_port, pod.spec.containers[0].ports[0].host_port), (8080, 80));
        assert!(pod.spec.volumes[0].sources.is_empty());
        let sources: Vec<_> = pod.spec.volumes[1].sources.iter().collect();
        assert_eq!(sources, [(&"hostPath".to_owned(), &r#"{"path":"/","type":""}"#.to_owned())]);
        assert_eq!(Pod::from_json(&serde_json::to_value(&pod).unwrap()).unwrap(), pod, "what is written reads the same");
        assert_eq!(serde_json::from_value::<Pod>(serde_json::to_value(&pod).unwrap()).unwrap(), pod, "by serde too");
    }
}
