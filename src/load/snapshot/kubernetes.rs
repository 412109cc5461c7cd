//! Kubernetes objects of a snapshot: roles, bindings and service accounts, as `kubectl get -o yaml` prints them or manifests hold
//! them; several documents in a file, lists within. All other objects are kept as they are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::access::object::HeldObject;
use crate::config::Pattern;
use crate::policy::rbac::{Kind, ObjectMeta, RbacPolicy};
use crate::policy::snapshot::{ClusterPart, Snapshot};

/// A role or binding by kind, namespace and name, with the file that it was read from.
type Place = (&'static str, String, String);

/// The objects of all files, by cluster.
#[derive(Default)]
pub(super) struct Objects {
    clusters: BTreeMap<String, Part>,
    held: Vec<HeldObject>,
}

#[derive(Default)]
struct Part {
    /// Every role and binding with the file it stood in, so that one which stands twice is told.
    placed: BTreeMap<Place, (Value, String)>,
    service_accounts: BTreeMap<(String, String), ObjectMeta>,
}

/// Whether a document is a Kubernetes object.
pub(super) fn is_object(value: &Value) -> bool {
    let text = |field: &str| value.get(field).is_some_and(Value::is_string);
    text("kind") && text("apiVersion")
}

impl Objects {
    /// Takes in the documents of one file, each an object or a list of such. The file's cluster is the first whose glob matches it.
    ///
    /// # Errors
    /// Says what is wrong with an object.
    pub(super) fn take(&mut self, file: &str, documents: Vec<Value>, clusters: &[(String, Pattern)]) -> Result<(), String> {
        let cluster = clusters.iter().find(|(_, glob)| glob.matches(file)).map(|(name, _)| name.clone()).unwrap_or_default();
        let part = self.clusters.entry(cluster.clone()).or_default();
        let mut number = 0_u64;
        for document in documents {
            for object in members(document)? {
                number += 1;
                if let Some(object) = part.insert(file, object)? {
                    self.held.push(HeldObject { cluster: cluster.clone(), file: file.to_owned(), number, object });
                }
            }
        }
        Ok(())
    }

    /// Puts everything into the snapshot, aggregated roles filled in.
    pub(super) fn finish(self, snapshot: &mut Snapshot) -> Result<(), String> {
        for (name, part) in self.clusters {
            let mut rbac = RbacPolicy { cluster: name.clone(), ..RbacPolicy::default() };
            for ((kind, namespace, object), (value, file)) in part.placed {
                let known = Kind::from_name(kind).ok_or_else(|| format!("`{kind}` is no kind of RBAC"))?;
                rbac.insert(known, value).map_err(|error| format!("{file}: {kind} `{namespace}/{object}`: {error}"))?;
            }
            let part = ClusterPart { rbac: rbac.aggregated(), service_accounts: part.service_accounts };
            snapshot.clusters.insert(name, part);
        }
        snapshot.objects = self.held;
        Ok(())
    }
}

impl Part {
    /// Takes in one object of RBAC; gives back any other. A service account is both: who keeps it, and which role of AWS it has.
    fn insert(&mut self, file: &str, object: Value) -> Result<Option<Value>, String> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, version) = (text("kind"), text("apiVersion"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let meta = |field: &str| {
            let value = object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let (namespace, name) = (meta("namespace"), meta("name"));
        match Kind::from_name(&kind).filter(|_| group == "rbac.authorization.k8s.io") {
            Some(kind) => {
                if name.is_empty() {
                    return Err(format!("a {} without a name", kind.name()));
                }
                if namespace.is_empty() && matches!(kind, Kind::Role | Kind::RoleBinding) {
                    return Err(format!("{} `{name}` names no namespace", kind.name()));
                }
                let object = without_server_fields(object);
                let place = (kind.name(), namespace, name);
                if let Some((other, before)) = self.placed.get(&place)
                    && *other != object
                {
                    return Err(format!("{} `{}/{}` is another one than in `{before}`", place.0, place.1, place.2));
                }
                self.placed.insert(place, (object, file.to_owned()));
                Ok(None)
            }
            None if kind == "ServiceAccount" && version == "v1" => {
                let metadata = object.get("metadata").cloned().unwrap_or_default();
                let metadata: ObjectMeta =
                    serde_json::from_value(metadata).map_err(|error| format!("ServiceAccount `{namespace}/{name}`: {error}"))?;
                self.service_accounts.insert((namespace, name), metadata);
                Ok(Some(object))
            }
            None => Ok(Some(object)),
        }
    }
}

/// An object without what the API server alone fills in, so that the same object read twice is the same.
fn without_server_fields(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"] {
            metadata.remove(field);
        }
    }
    object
}

/// A document's objects: itself, or the members of a `List`, `RoleList`, ...; none of an empty document.
fn members(document: Value) -> Result<Vec<Value>, String> {
    if document.is_null() {
        return Ok(Vec::new());
    }
    if !is_object(&document) {
        return Err("a document without `kind` and `apiVersion`".to_owned());
    }
    let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let Some(member) = kind.strip_suffix("List") else { return Ok(vec![document]) };
    let mut document = document;
    let Some(Value::Array(members)) = document.get_mut("items").map(Value::take) else {
        return Err(format!("a `{kind}` without `items`"));
    };
    let named = |mut one: Value| {
        // The members of a typed list need not repeat their kind.
        if let Some(fields) = one.as_object_mut().filter(|_| !member.is_empty()) {
            fields.entry("kind").or_insert_with(|| member.into());
            fields.entry("apiVersion").or_insert_with(|| version.clone().into());
        }
        if is_object(&one) { Ok(one) } else { Err(format!("a `{kind}` with a member that has no `kind`")) }
    };
    members.into_iter().map(named).collect()
}
