//! The bodies of an event: which object was written, and which pods were admitted into a namespace by it.

use std::cell::Cell;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use super::event::Event;
use super::pod;
use crate::access::identity::{Identity, is_object_name};
use crate::access::kube::KubeResource;
use crate::access::observation::{Basis, Outcome};
use crate::access::pod::{Metadata, Pod, PodBasis, PodRequest, Workload};
use crate::access::request::Request;
use crate::ingest::decoded::Asked;

/// Controllers of pods: group, resource, kind. Other controllers are seen through the pods they make.
const CONTROLLERS: &[(&str, &str, &str)] = &[
    ("apps", "deployments", "Deployment"),
    ("extensions", "deployments", "Deployment"),
    ("apps", "statefulsets", "StatefulSet"),
    ("apps", "daemonsets", "DaemonSet"),
    ("extensions", "daemonsets", "DaemonSet"),
    ("apps", "replicasets", "ReplicaSet"),
    ("extensions", "replicasets", "ReplicaSet"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("batch", "jobs", "Job"),
    ("batch", "cronjobs", "CronJob"),
];

/// A template that nothing runs by itself: admission checks it as it checks a controller's.
const POD_TEMPLATE: &str = "PodTemplate";

/// Words that bodies are searched for before any of them is read: owners, and what OpenShift admitted a pod by.
pub(super) const WORDS: [&str; 2] = ["ownerReferences", "openshift.io/scc"];

/// Whether a body as written holds a word.
pub(super) fn holds(body: &str, word: &str) -> bool {
    memmem::find(body.as_bytes(), word.as_bytes()).is_some()
}

/// A body of an event, as it was sent or answered; it remembers whether it was read.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    json: &'a str,
    read: Cell<bool>,
}

impl<'a> Sent<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Sent { json, read: Cell::new(false) }
    }

    /// All of it, where it is JSON.
    pub(super) fn read(&self) -> Option<Value> {
        self.read.set(true);
        serde_json::from_str(self.json).ok()
    }

    /// Whether it holds one of [`WORDS`]; that is no reading.
    pub(super) fn holds(&self, word: &str) -> bool {
        holds(self.json, word)
    }

    pub(super) fn is_read(&self) -> bool {
        self.read.get()
    }
}

/// An object that an event carries, and where it stood.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) object: Value,
    pub(super) basis: PodBasis,
}

/// The object as stored, else as sent. A patch alone is no object. `None` where there is none, or only an error.
pub(super) fn written<'e>(event: &'e Event<'_>) -> Option<&'e Body> {
    let parse = |sent: Option<&Sent<'_>>, basis| {
        let object = sent?.read()?;
        let status = object.get("kind").and_then(Value::as_str) == Some("Status");
        (object.is_object() && !status).then_some(Body { object, basis })
    };
    let sent = || if event.verb == "patch" { None } else { parse(event.request.as_ref(), PodBasis::Request) };
    event.written.get_or_init(|| parse(event.response.as_ref(), PodBasis::Response).or_else(sent)).as_ref()
}

/// Whether nothing was stored.
pub(super) fn is_dry_run(event: &Event<'_>) -> bool {
    event.uri.as_ref().is_some_and(super::uri::Uri::is_dry_run)
}

pub(super) fn is_pods(resource: &KubeResource) -> bool {
    resource.api_group.is_empty() && resource.resource == "pods"
}

pub(super) fn controller_kind(resource: &KubeResource) -> Option<&'static str> {
    let same = |(group, name, _): &&(&str, &str, &str)| *group == resource.api_group && *name == resource.resource;
    CONTROLLERS.iter().find(same).map(|(_, _, kind)| *kind)
}

/// The kind of a resource that holds a pod's template.
fn template_kind(resource: &KubeResource) -> Option<&'static str> {
    let template = resource.api_group.is_empty() && resource.resource == "podtemplates";
    controller_kind(resource).or_else(|| template.then_some(POD_TEMPLATE))
}

/// Whether objects of a resource hold a pod's template.
pub(super) fn has_template(resource: &KubeResource) -> bool {
    template_kind(resource).is_some()
}

/// Whether an event asks for a new pod, a new controller, or a new container in a pod. The other patches change pods only by way of
/// new ones, which have events of their own.
pub(super) fn creates_pods(event: &Event<'_>) -> bool {
    let Some(object) = event.object.clone().or_else(|| event.uri.as_ref()?.resource()) else { return false };
    let new = event.verb == "create" && object.subresource.is_empty() && (is_pods(&object) || controller_kind(&object).is_some());
    let grown = adds_containers(&object) && matches!(event.verb.as_str(), "update" | "patch");
    (new || grown) && !is_dry_run(event)
}

fn adds_containers(resource: &KubeResource) -> bool {
    is_pods(resource) && resource.subresource == "ephemeralcontainers"
}

/// The pods that were admitted, or that Pod Security refused. Nothing where nothing was stored or no body is there.
pub(super) fn pods(event: &Event<'_>, resource: &KubeResource, outcome: Outcome) -> Vec<Asked> {
    let (verb, subresource) = (event.verb.as_str(), resource.subresource.as_str());
    let is_pod = is_pods(resource)
        && matches!((verb, subresource), ("create" | "update", "") | ("create" | "update" | "patch", "ephemeralcontainers"));
    let is_template = has_template(resource)
        && subresource.is_empty()
        && matches!(verb, "create" | "update" | "patch")
        && outcome == Outcome::Allowed;
    if is_dry_run(event) || !(is_pod || is_template) {
        return Vec::new();
    }
    let refused = is_pod && event.is_pod_security_refusal();
    if !refused && outcome != Outcome::Allowed {
        return Vec::new();
    }
    let Some(body) = written(event) else { return Vec::new() };
    let outcome = if refused { Outcome::Refused } else { Outcome::Allowed };
    admitted(&event.cluster, resource, &body.object, body.basis, outcome).into_iter().collect()
}

/// The pod that an object is, or whose template it has; `None` for other kinds, and for what another controller owns.
pub(super) fn admitted(
    cluster: &str,
    resource: &KubeResource,
    object: &Value,
    basis: PodBasis,
    outcome: Outcome,
) -> Option<Asked> {
    let namespace = namespace_of(object, resource)?;
    let ((workload, pod), basis) = match template_kind(resource) {
        Some(kind) => (template_of(kind, object, resource)?, PodBasis::Template),
        None => (is_pods(resource).then(|| pod_of(object, resource)).flatten()?, basis),
    };
    let stated = match basis {
        PodBasis::Template => Basis::Implied("a controller makes pods from its template".to_owned()),
        PodBasis::Request | PodBasis::Response => Basis::Stated,
    };
    Some(Asked {
        identity: Identity::namespace(cluster, &namespace),
        groups: Vec::new(),
        request: Request::Pod(Box::new(PodRequest { workload, pod: Arc::new(pod), basis })),
        basis: stated,
        outcome,
    })
}

/// Where an object stands: its own word, else the request's.
pub(super) fn namespace_of(object: &Value, resource: &KubeResource) -> Option<String> {
    let own = object.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
    let namespace = own.filter(|own| !own.is_empty()).unwrap_or(&resource.namespace);
    is_object_name(namespace).then(|| namespace.to_owned())
}

/// A pod's workload and the pod, normalised.
pub(super) fn pod_of(object: &Value, resource: &KubeResource) -> Option<(Workload, Pod)> {
    let mut found = pod::read(object)?;
    if found.metadata.name.is_empty() && found.metadata.generate_name.is_empty() {
        found.metadata.name.clone_from(&resource.name);
    }
    Some((pod::workload_of(&found.metadata)?, pod::normal(found)))
}

/// A controller as a workload and its template, normalised. `None` for one that another controller owns.
pub(super) fn template_of(kind: &str, object: &Value, resource: &KubeResource) -> Option<(Workload, Pod)> {
    let metadata: Metadata = object.get("metadata").cloned().map(serde_json::from_value).transpose().ok()?.unwrap_or_default();
    if !metadata.owner_references.is_empty() {
        return None;
    }
    let holder = match kind {
        POD_TEMPLATE => object,
        "CronJob" => object.get("spec")?.get("jobTemplate")?.get("spec")?,
        _ => object.get("spec")?,
    };
    let pod = pod::read(holder.get("template")?)?;
    let names = [metadata.name.as_str(), &resource.name, metadata.generate_name.trim_end_matches('-')];
    let name = names.into_iter().find(|name| !name.is_empty())?;
    Some((Workload { kind: kind.to_owned(), name: name.to_owned() }, pod::normal(pod)))
}
