//! Entrances: ways into a Service other than from a pod that names it — a load balancer, a route, the API server's own calls.

use serde_json::Value;

use super::Scene;
use crate::access::inventory::{Caller, Entrance, Fact, Place};

/// The entrances that an object opens.
pub(super) fn of(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let kind = (scene.resource.api_group.as_str(), scene.resource.resource.as_str());
    let name = super::name_of(scene, object).unwrap_or_default();
    match kind {
        ("", "services") => exposed(scene, object),
        ("gateway.networking.k8s.io", "httproutes" | "grpcroutes" | "tcproutes" | "tlsroutes" | "udproutes") => {
            let backends = members(object, "/spec/rules").flat_map(|rule| members(rule, "/backendRefs"));
            let is_service = |backend: &&Value| text(backend, "/kind").is_none_or(|kind| kind == "Service");
            let by = format!("{} {name}", scene.resource.resource);
            backends.filter(is_service).filter_map(|backend| to(scene, object, backend, Caller::Gateway, &by)).collect()
        }
        ("route.openshift.io", "routes") => {
            let backends = object.pointer("/spec/to").into_iter().chain(members(object, "/spec/alternateBackends"));
            let by = format!("route {name}");
            backends.filter_map(|backend| to(scene, object, backend, Caller::Gateway, &by)).collect()
        }
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations" | "mutatingwebhookconfigurations") => {
            let services = members(object, "/webhooks").filter_map(|webhook| webhook.pointer("/clientConfig/service"));
            let by = format!("{} {name}", scene.resource.resource);
            services.filter_map(|service| to(scene, object, service, Caller::ApiServer, &by)).collect()
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            let service = object.pointer("/spec/conversion/webhook/clientConfig/service");
            let by = format!("the conversion webhook of {name}");
            service.and_then(|service| to(scene, object, service, Caller::ApiServer, &by)).into_iter().collect()
        }
        ("apiregistration.k8s.io", "apiservices") => {
            let by = format!("APIService {name}");
            object
                .pointer("/spec/service")
                .and_then(|service| to(scene, object, service, Caller::ApiServer, &by))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A Service that its own type opens to the world.
/// <https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types>
fn exposed(scene: &Scene<'_>, object: &Value) -> Vec<Fact> {
    let kind = text(object, "/spec/type").filter(|kind| matches!(*kind, "LoadBalancer" | "NodePort"));
    let (Some(kind), Some(place)) = (kind, super::place(scene, object)) else { return Vec::new() };
    vec![Fact::Entrance { place, entrance: Entrance { caller: Caller::World, by: format!("its type {kind}"), port: None } }]
}

fn to(scene: &Scene<'_>, object: &Value, service: &Value, caller: Caller, by: &str) -> Option<Fact> {
    let own = super::namespace_of(object, scene.resource);
    let namespace = text(service, "/namespace").map(str::to_owned).or(own).filter(|namespace| !namespace.is_empty())?;
    let name = text(service, "/name").filter(|name| !name.is_empty())?.to_owned();
    // A webhook and an APIService without a port are called on 443.
    let port = service.get("port").and_then(Value::as_i64).or((caller == Caller::ApiServer).then_some(443));
    let place = Place { cluster: scene.cluster.to_owned(), namespace, name };
    Some(Fact::Entrance { place, entrance: Entrance { caller, by: by.to_owned(), port } })
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path).and_then(Value::as_str)
}

fn members<'v>(value: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}
