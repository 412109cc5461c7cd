//! Facts: what the objects in an event's bodies show to exist. Values of secrets are never looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::body::{self, controller_kind, is_dry_run, is_pods, namespace_of, pod_of, template_of};
use super::event::Event;
use crate::access::flow::is_stable_label;
use crate::access::inventory::{Fact, Place, ServicePort};
use crate::access::kube::KubeResource;
use crate::access::mention::config_hosts;
use crate::access::observation::Outcome;
use crate::access::pod::PodBasis;

mod addresses;
mod entrances;

/// The annotation that ties a service account to an IAM role.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// Longer schedules, in bytes, are none.
const SCHEDULE_BYTES_MAX: usize = 200;

/// Where an object stands and where it was read from.
struct Scene<'a> {
    cluster: &'a str,
    resource: &'a KubeResource,
    basis: PodBasis,
    time: Option<Timestamp>,
    /// Whether the event changed the object, so that it is as it is at that time; else it was read, and may have ended long ago.
    changes: bool,
    /// Whether the event deleted it.
    deletes: bool,
    /// Whether a body like this one says what the API server itself holds to be so: its answer, or the report of a status. What a
    /// client merely sent may name any address, and the API server drops it.
    reported: bool,
    /// Whether the control plane wrote it.
    by_control_plane: bool,
}

/// Who keeps endpoints up: in the endpoints that anyone else writes, any address can be tied to any pod.
/// <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management>
const ENDPOINT_WRITERS: &[&str] = &[
    "system:apiserver",
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:endpoint-controller",
    "system:serviceaccount:kube-system:endpointslice-controller",
];

/// What Pod Security's audit mode wrote into an event that was allowed: there even where no body was recorded.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/>
pub(super) fn violation(event: &Event<'_>, resource: &KubeResource, outcome: Outcome) -> Option<Fact> {
    let violation = event.violation.clone()?;
    let wanted = outcome == Outcome::Allowed && !is_dry_run(event) && !resource.namespace.is_empty();
    wanted.then(|| Fact::PodViolation { cluster: event.cluster.clone(), namespace: resource.namespace.clone(), violation })
}

/// What an event that was allowed, and not a dry run, shows: the object that it wrote or read, or the objects that it listed.
pub(super) fn of(event: &Event<'_>, resource: &KubeResource, outcome: Outcome) -> Vec<Fact> {
    let changes = matches!(event.verb.as_str(), "create" | "update" | "patch" | "delete");
    // The answer to a deletion is the object once more, with the time at which a pod gave its address back.
    let carries = match event.verb.as_str() {
        "create" | "update" | "patch" | "get" | "list" => true,
        "delete" => is_pods(resource),
        _ => false,
    };
    let whole = match resource.subresource.as_str() {
        "" => true,
        "ephemeralcontainers" => is_pods(resource),
        // What a kubelet or a controller reports is the whole object again, with the addresses that it was given.
        "status" => matches!((resource.api_group.as_str(), resource.resource.as_str()), ("", "pods" | "services" | "nodes")),
        _ => false,
    };
    if outcome != Outcome::Allowed || !carries || !whole || is_dry_run(event) || !is_wanted(resource) {
        return Vec::new();
    }
    let Some(body) = body::written(event) else { return Vec::new() };
    let scene = Scene {
        cluster: &event.cluster,
        resource,
        basis: body.basis,
        time: event.time,
        changes,
        deletes: event.verb == "delete",
        reported: body.basis == PodBasis::Response || resource.subresource == "status",
        by_control_plane: event.impersonated.is_none() && ENDPOINT_WRITERS.contains(&event.user.username.as_str()),
    };
    let one = std::slice::from_ref(&body.object);
    shown(&scene, body.object.get("items").and_then(Value::as_array).map_or(one, Vec::as_slice))
}

/// What an object shows that the cluster held from `time` on.
pub(super) fn standing(cluster: &str, resource: &KubeResource, object: &Value, time: Timestamp) -> Vec<Fact> {
    if !is_wanted(resource) {
        return Vec::new();
    }
    let scene = Scene {
        cluster,
        resource,
        basis: PodBasis::Response,
        time: Some(time),
        changes: false,
        deletes: false,
        reported: true,
        // Who wrote an object, it does not say itself. The API server keeps its own endpoints as they must be.
        by_control_plane: (resource.namespace.as_str(), resource.name.as_str()) == addresses::APISERVER,
    };
    shown(&scene, std::slice::from_ref(object))
}

fn shown(scene: &Scene<'_>, objects: &[Value]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for object in objects {
        if is_pods(scene.resource) {
            facts.extend(pod_facts(scene, object).into_iter().flatten().flatten());
        } else {
            facts.extend(fact(scene, object));
            facts.extend(schedule(scene, object));
        }
    }
    facts.extend(objects.iter().flat_map(|object| addresses::of(scene, object)));
    facts.extend(objects.iter().flat_map(|object| entrances::of(scene, object)));
    facts.sort();
    facts.dedup();
    facts
}

/// Whether anything is read from objects of this kind.
pub(super) fn is_wanted(resource: &KubeResource) -> bool {
    let kind = (resource.api_group.as_str(), resource.resource.as_str());
    matches!(
        kind,
        ("", "pods" | "services" | "namespaces" | "serviceaccounts" | "nodes" | "endpoints" | "configmaps")
            | ("discovery.k8s.io", "endpointslices")
            | ("networking.k8s.io" | "extensions", "ingresses")
            | ("gateway.networking.k8s.io", "httproutes" | "grpcroutes" | "tcproutes" | "tlsroutes" | "udproutes")
            | ("route.openshift.io", "routes")
            | ("admissionregistration.k8s.io", "validatingwebhookconfigurations" | "mutatingwebhookconfigurations")
            | ("apiextensions.k8s.io", "customresourcedefinitions")
            | ("apiregistration.k8s.io", "apiservices")
    ) || controller_kind(resource).is_some()
}

fn fact(scene: &Scene<'_>, object: &Value) -> Option<Fact> {
    if let Some(kind) = controller_kind(scene.resource) {
        let (workload, pod) = template_of(kind, object, scene.resource)?;
        return workload_fact(scene, object, workload, pod, PodBasis::Template);
    }
    match scene.resource.resource.as_str() {
        "services" => service(scene, object),
        "ingresses" => ingress(scene, object),
        "configmaps" => {
            let place = place(scene, object)?;
            let hosts = config_hosts(object, &place.namespace);
            (!hosts.is_empty()).then_some(Fact::ConfigMap { place, hosts })
        }
        "namespaces" => {
            let labels = texts(object.get("metadata")?.get("labels"));
            Some(Fact::Namespace { cluster: scene.cluster.to_owned(), name: name_of(scene, object)?, labels })
        }
        "serviceaccounts" => {
            let role_arn = object.get("metadata")?.get("annotations")?.get(ROLE_ANNOTATION)?.as_str()?;
            let role_arn = role_arn.starts_with("arn:").then(|| role_arn.to_owned())?;
            let namespace = namespace_of(object, scene.resource)?;
            Some(Fact::ServiceAccountRole { namespace, name: name_of(scene, object)?, role_arn })
        }
        _ => None,
    }
}

/// What a pod shows: its workload, and by its name, which only the API server's own word gives where it was generated, its owner and
/// the labels that it bears where something owns it: what it says of its owner need not be true, and policies select by labels.
fn pod_facts(scene: &Scene<'_>, object: &Value) -> Option<[Option<Fact>; 3]> {
    let (workload, pod) = pod_of(object, scene.resource)?;
    let place = place(scene, object);
    let mut labels = pod.metadata.labels.clone();
    labels.retain(|name, _| is_stable_label(name));
    let bears = place.clone().filter(|_| workload.kind != "Pod" && !labels.is_empty());
    Some([
        place.map(|place| Fact::PodOwner { place, workload: workload.clone() }),
        bears.map(|place| Fact::PodLabels { place, labels }),
        workload_fact(scene, object, workload, pod, scene.basis),
    ])
}

/// When a cron job is due; nothing for one that is suspended.
fn schedule(scene: &Scene<'_>, object: &Value) -> Option<Fact> {
    let spec = (controller_kind(scene.resource) == Some("CronJob")).then(|| object.get("spec")).flatten()?;
    let suspended = spec.get("suspend").and_then(Value::as_bool) == Some(true);
    let schedule = spec.get("schedule").and_then(Value::as_str).filter(|text| !suspended && text.len() <= SCHEDULE_BYTES_MAX)?;
    Some(Fact::Schedule { place: place(scene, object)?, schedule: schedule.to_owned() })
}

fn workload_fact(
    scene: &Scene<'_>,
    object: &Value,
    workload: crate::access::pod::Workload,
    pod: crate::access::pod::Pod,
    basis: PodBasis,
) -> Option<Fact> {
    let namespace = namespace_of(object, scene.resource)?;
    Some(Fact::Workload { cluster: scene.cluster.to_owned(), namespace, workload, pod: Arc::new(pod), basis })
}

fn name_of(scene: &Scene<'_>, object: &Value) -> Option<String> {
    let own = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    Some(own.unwrap_or(&scene.resource.name).to_owned()).filter(|name| !name.is_empty())
}

fn place(scene: &Scene<'_>, object: &Value) -> Option<Place> {
    let namespace = namespace_of(object, scene.resource)?;
    Some(Place { cluster: scene.cluster.to_owned(), namespace, name: name_of(scene, object)? })
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/>
fn service(scene: &Scene<'_>, object: &Value) -> Option<Fact> {
    let spec = object.get("spec")?;
    let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten().filter_map(|port| {
        let text = |key: &str| match port.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let protocol = text("protocol");
        Some(ServicePort {
            name: text("name"),
            port: port.get("port")?.as_i64()?,
            target_port: text("targetPort"),
            protocol: if protocol.is_empty() { "TCP".to_owned() } else { protocol },
        })
    });
    Some(Fact::Service { place: place(scene, object)?, selector: texts(spec.get("selector")), ports: ports.collect() })
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/>; before v1 a backend named its Service flat.
fn ingress(scene: &Scene<'_>, object: &Value) -> Option<Fact> {
    let spec = object.get("spec")?;
    let service = |backend: &Value| {
        let name = backend.get("service").and_then(|service| service.get("name")).or_else(|| backend.get("serviceName"));
        name.and_then(Value::as_str).map(str::to_owned)
    };
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let rules = list(spec.get("rules"));
    let paths = rules.iter().flat_map(|rule| list(rule.get("http").and_then(|http| http.get("paths"))));
    let mut services: BTreeSet<String> = paths.filter_map(|path| service(path.get("backend")?)).collect();
    services.extend(spec.get("defaultBackend").or_else(|| spec.get("backend")).and_then(service));
    Some(Fact::Ingress { place: place(scene, object)?, services })
}
