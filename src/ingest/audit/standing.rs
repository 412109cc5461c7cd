//! Objects that a cluster held, read as the bodies of events are: what they show to exist, and which pods were admitted.

use jiff::Timestamp;
use serde_json::Value;

use super::body;
use super::carried::{group_of, plural_of};
use super::facts;
use crate::access::inventory::Fact;
use crate::access::kube::KubeResource;
use crate::access::object::HeldObject;
use crate::access::observation::Outcome;
use crate::access::pod::PodBasis;
use crate::ingest::decoded::Asked;
use crate::ingest::moment;

/// What one object shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// When it was stored.
    pub time: Timestamp,
    /// What exists.
    pub facts: Vec<Fact>,
    /// The pod that was admitted, or that its template makes; `None` for other kinds.
    pub pod: Option<Asked>,
    /// Whether a part that is read has not the form that an object of its kind has, so that the object, or that part, was not read.
    pub is_malformed: bool,
}

/// Whether anything is read from objects of this kind.
#[must_use]
pub fn is_read(held: &HeldObject) -> bool {
    resource_of(held).is_some_and(|resource| facts::is_wanted(&resource) || body::has_template(&resource))
}

/// Reads an object that an API server of this cluster stored; `None` where nothing is read from its kind, or where it was not stored.
#[must_use]
pub fn standing(held: &HeldObject, cluster: &str) -> Option<Standing> {
    let resource = resource_of(held).filter(|_| is_read(held) && held.is_stored())?;
    let time = moment::parse(held.text("/metadata/creationTimestamp"))?;
    // A pod has its addresses from its start on.
    let started = moment::parse(held.text("/status/startTime")).unwrap_or(time);
    let facts = facts::standing(cluster, &resource, &held.object, started);
    let pod = body::admitted(cluster, &resource, &held.object, PodBasis::Response, Outcome::Allowed);
    let is_malformed = held.text("/metadata/name").is_empty() || lacks_form(held, &resource, pod.as_ref());
    Some(Standing { time, facts, pod, is_malformed })
}

fn lacks_form(held: &HeldObject, resource: &KubeResource, pod: Option<&Asked>) -> bool {
    let at = |pointer: &str| held.object.pointer(pointer).filter(|part| !part.is_null());
    let is_list = |pointer: &str| at(pointer).is_none_or(Value::is_array);
    let is_object = |pointer: &str| at(pointer).is_none_or(Value::is_object);
    // What another controller owns is seen through that one.
    let owned = at("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| !owners.is_empty());
    match held.text("/kind") {
        "Service" => !at("/spec").is_some_and(Value::is_object) || !is_object("/spec/selector") || !is_list("/spec/ports"),
        "ConfigMap" => !is_object("/data"),
        "Node" => !is_list("/status/addresses"),
        "Namespace" | "ServiceAccount" => !is_object("/metadata/labels") || !is_object("/metadata/annotations"),
        _ if body::is_pods(resource) => pod.is_none(),
        _ => body::has_template(resource) && !owned && pod.is_none(),
    }
}

/// The resource that serves objects of this kind.
fn resource_of(held: &HeldObject) -> Option<KubeResource> {
    Some(KubeResource {
        api_group: group_of(held.text("/apiVersion")).to_owned(),
        resource: plural_of(held.text("/kind"))?,
        namespace: held.text("/metadata/namespace").to_owned(),
        name: held.text("/metadata/name").to_owned(),
        ..KubeResource::default()
    })
}
