//! Objects that a cluster held, read as the bodies of events are: what they show to exist, and which pods were admitted.

use jiff::Timestamp;

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
    Some(Standing { time, facts, pod })
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
