//! Addresses: who had which, and whose a pod was, as bodies of pods, nodes, Services and endpoints show it at their time.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::{Scene, name_of};
use crate::access::identity::is_object_name;
use crate::access::inventory::{Fact, Holder};
use crate::ingest::audit::body::namespace_of;
use crate::ingest::moment;

/// The Service of the API server itself, and where it stands.
pub(super) const APISERVER: (&str, &str) = ("default", "kubernetes");

/// What one object shows; nothing where a client merely sent it, and of endpoints nothing but what the control plane wrote.
pub(super) fn of(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let endpoints_of_others = scene.resource.resource.starts_with("endpoint") && !scene.by_control_plane;
    if !scene.reported || endpoints_of_others {
        return Vec::new();
    }
    match scene.resource.resource.as_str() {
        "pods" => pod(scene, object),
        "nodes" => node(scene, object),
        "services" => service(scene, object),
        "endpoints" => list(object, "subsets").flat_map(|subset| endpoints(scene, object, subset)).collect(),
        "endpointslices" => list(object, "endpoints").flat_map(|endpoint| slice(scene, object, endpoint)).collect(),
        _ => Vec::new(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

/// A holder of an address; `None` where the text is none, such as the `None` of a headless Service.
fn held(scene: &Scene<'_>, address: &str, holder: &Holder, began: Option<Timestamp>) -> Option<Fact> {
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    Some(Fact::Address {
        cluster: scene.cluster.to_owned(),
        address,
        holder: holder.clone(),
        time: scene.time?,
        ended: scene.deletes,
        began,
    })
}

/// When an object began to be, by what the API server and the kubelet keep of it.
fn began(object: &Value) -> Option<Timestamp> {
    let started = text(object, &["status", "startTime"]).and_then(moment::parse);
    started.or_else(|| moment::parse(text(object, &["metadata", "creationTimestamp"])?))
}

/// A pod that shares its node's network has the node's address. One that ended keeps its address in its status, though another may
/// have it since: only the report of its end says when it still had it. <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus>
fn pod(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let Some((namespace, pod)) = namespace_of(object, scene.resource).zip(name_of(scene, object)) else { return Vec::new() };
    if !is_object_name(&pod) {
        return Vec::new();
    }
    let mut facts = Vec::new();
    let Some(status) = object.get("status") else { return facts };
    let several = |status: &Value, one: &str, many: &str| -> Vec<String> {
        let listed = list(status, many).filter_map(|address| text(address, &["ip"]));
        text(status, &[one]).into_iter().chain(listed).map(str::to_owned).collect()
    };
    let hosts = several(status, "hostIP", "hostIPs");
    if let Some(node) = text(object, &["spec", "nodeName"]).filter(|node| is_object_name(node)) {
        let holder = Holder::Node(node.to_owned());
        facts.extend(hosts.iter().filter_map(|address| held(scene, address, &holder, None)));
    }
    let on_host = object.get("spec").and_then(|spec| spec.get("hostNetwork")).and_then(Value::as_bool) == Some(true);
    let ended = !scene.changes && matches!(text(status, &["phase"]), Some("Succeeded" | "Failed"));
    if !on_host && !ended {
        let holder = Holder::Pod { namespace, pod };
        let own = several(status, "podIP", "podIPs").into_iter().filter(|address| !hosts.contains(address));
        facts.extend(own.filter_map(|address| held(scene, &address, &holder, began(object))));
    }
    facts
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/#NodeStatus>
fn node(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let Some(name) = name_of(scene, object).filter(|name| is_object_name(name)) else { return Vec::new() };
    let Some(status) = object.get("status") else { return Vec::new() };
    let holder = Holder::Node(name);
    let addresses =
        list(status, "addresses").filter(|address| matches!(text(address, &["type"]), Some("InternalIP" | "ExternalIP")));
    addresses.filter_map(|address| held(scene, text(address, &["address"])?, &holder, None)).collect()
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/>
fn service(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let Some((namespace, name)) = namespace_of(object, scene.resource).zip(name_of(scene, object)) else { return Vec::new() };
    let texts = |key: &str| -> Vec<&str> {
        let spec = object.get("spec");
        spec.into_iter().flat_map(|spec| list(spec, key)).filter_map(Value::as_str).collect()
    };
    let balancer = object.get("status").and_then(|status| status.get("loadBalancer"));
    let balanced =
        balancer.into_iter().flat_map(|balancer| list(balancer, "ingress")).filter_map(|ingress| text(ingress, &["ip"]));
    let own = text(object, &["spec", "clusterIP"]).into_iter().chain(texts("clusterIPs")).chain(texts("externalIPs"));
    let holder = Holder::Service { namespace, name };
    own.chain(balanced).filter_map(|address| held(scene, address, &holder, began(object))).collect()
}

/// The pod that an endpoint stands for; the API server's own endpoints are no pods.
fn behind(scene: &Scene<'_>, object: &Value, service: &str, endpoint: &Value) -> Option<Holder> {
    let own = namespace_of(object, scene.resource)?;
    match text(endpoint, &["targetRef", "kind"]) {
        Some("Pod") => {
            let namespace = text(endpoint, &["targetRef", "namespace"]).filter(|named| *named == own)?.to_owned();
            let pod = text(endpoint, &["targetRef", "name"])?.to_owned();
            (is_object_name(&namespace) && is_object_name(&pod)).then_some(Holder::Pod { namespace, pod })
        }
        Some(_) => None,
        None => {
            ((own.as_str(), service) == APISERVER).then(|| Holder::Service { namespace: own.clone(), name: service.to_owned() })
        }
    }
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/>
fn slice(scene: &Scene<'_>, object: &Value, endpoint: &Value) -> Vec<Fact> {
    let service = text(object, &["metadata", "labels", "kubernetes.io/service-name"]).unwrap_or_default();
    let Some(holder) = behind(scene, object, service, endpoint) else { return Vec::new() };
    list(endpoint, "addresses").filter_map(Value::as_str).filter_map(|address| held(scene, address, &holder, None)).collect()
}

/// <https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/>
fn endpoints(scene: &Scene<'_>, object: &Value, subset: &Value) -> Vec<Fact> {
    let service = name_of(scene, object).unwrap_or_default();
    let addresses = list(subset, "addresses").chain(list(subset, "notReadyAddresses"));
    addresses
        .filter_map(|address| held(scene, text(address, &["ip"])?, &behind(scene, object, &service, address)?, None))
        .collect()
}
