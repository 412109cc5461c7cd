//! GKE: an audit event as Cloud Logging keeps it. It has no groups, stage or level, and its status is gRPC's.
//! <https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging>

use std::cell::OnceCell;

use super::body::Sent;
use super::event::{Decision, Event, Status, User, allowed_by, cluster_of};
use super::uri::{Uri, resource_of};
use crate::access::coverage::Bodies;
use crate::access::kube::{KubeResource, REASON_KEY};
use crate::ingest::decoded::{Stage, Surround};
use crate::ingest::members::Members;
use crate::ingest::moment;

/// Reads a log entry; `None` where it is another service's.
///
/// # Errors
/// The field that has the wrong type, or a method that names no verb.
pub(super) fn event<'a>(members: &Members<'a>, surround: &Surround) -> Result<Option<Event<'a>>, String> {
    let payload: Members<'a> = members.field("protoPayload")?.unwrap_or_default();
    let method: String = payload.field("methodName")?.unwrap_or_default();
    let ours = match payload.text("serviceName") {
        Some(service) => service == "k8s.io",
        None => method.starts_with("io.k8s."),
    };
    if !ours {
        return Ok(None);
    }
    let name: String = payload.field("resourceName")?.unwrap_or_default();
    let (verb, object) = asked(&method, &name)?;
    let labels = members.object("labels").unwrap_or_default();
    let decision = labels.text("authorization.k8s.io/decision").as_deref().and_then(Decision::parse);
    let operation = members.object("operation").unwrap_or_default();
    let caller = payload.object("authenticationInfo").unwrap_or_default();
    let body = |key| payload.get(key).filter(|body| body.starts_with('{'));
    let time = members.get("timestamp").or_else(|| members.get("receiveTimestamp")).and_then(moment::parse_json);
    let (cluster, cluster_named) = cluster_of(surround);
    Ok(Some(Event {
        // Both parts of a long-running request carry one operation.
        id: operation.text("id").or_else(|| members.text("insertId")).unwrap_or_default(),
        stage: Stage::Answered,
        panicked: false,
        level: String::new(),
        time: time.or(surround.time),
        verb,
        uri: if object.is_none() { Uri::parse(&format!("/{}", name.trim_start_matches('/'))) } else { None },
        user: User { username: caller.text("principalEmail").unwrap_or_default(), ..User::default() },
        impersonated: None,
        constraint: String::new(),
        allowed_by: allowed_by(labels.text(REASON_KEY).as_deref()),
        object,
        status: status(&payload)?,
        decision: decision.or_else(|| granted(&payload)),
        bodies: Bodies::AsLevel,
        violation: None,
        request: body("request").map(Sent::new),
        response: body("response").map(Sent::new),
        written: OnceCell::new(),
        cluster,
        cluster_named,
    }))
}

/// gRPC's status in HTTP's words; success carries none.
/// <https://grpc.io/docs/guides/status-codes/>
fn status(payload: &Members<'_>) -> Result<Status, String> {
    let mut status: Status = payload.field("status")?.unwrap_or_default();
    status.code = Some(match status.code {
        None | Some(0) => 200,
        Some(3) => 400,
        Some(5) => 404,
        Some(6 | 10) => 409,
        Some(7) => 403,
        Some(8) => 429,
        Some(9 | 11) => 422,
        Some(16) => 401,
        Some(http @ 100..=599) => http,
        Some(_) => 500,
    });
    Ok(status)
}

fn granted(payload: &Members<'_>) -> Option<Decision> {
    let checks: Vec<serde_json::Value> = payload.field("authorizationInfo").ok()??;
    let granted: Vec<Option<bool>> =
        checks.iter().map(|check| check.get("granted").and_then(serde_json::Value::as_bool)).collect();
    if granted.contains(&Some(false)) {
        return Some(Decision::Forbid);
    }
    // JSON leaves out what is false: a check that does not say so was not granted, or nobody said.
    (!granted.is_empty() && !granted.contains(&None)).then_some(Decision::Allow)
}

fn is_version(part: &str) -> bool {
    let rest = part.strip_prefix('v').unwrap_or_default();
    rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Verb and resource from `io.k8s.GROUP.VERSION.RESOURCE[.SUBRESOURCE].VERB` and `GROUP/VERSION/namespaces/NS/RESOURCE/NAME`.
/// The second knows the full group and every name, so it wins where both speak.
fn asked(method: &str, name: &str) -> Result<(String, Option<KubeResource>), String> {
    let parts: Vec<&str> = method.split('.').collect();
    let verb = parts.last().copied().unwrap_or_default();
    let version = parts.iter().position(|part| is_version(part));
    let named = named(name);
    let Some(version) = version else {
        // `io.k8s.readyz`, `/readyz`: a path, asked for with GET.
        let path = name.starts_with('/') || method.starts_with("io.k8s.");
        return if path && !verb.is_empty() {
            Ok(("get".to_owned(), None))
        } else {
            Err(format!("`methodName` `{method}` names no verb"))
        };
    };
    let words = parts.get(version + 1..parts.len().saturating_sub(1)).unwrap_or_default();
    let Some(resource) = words.first().filter(|_| !verb.is_empty()) else {
        return Err(format!("`methodName` `{method}` names no resource and verb"));
    };
    let prefix = parts.get(..version).unwrap_or_default();
    let group = match prefix {
        ["io", "k8s", group @ ..] => api_group(&group.join(".")),
        // A group of another domain, written from its end.
        other => other.iter().rev().copied().collect::<Vec<_>>().join("."),
    };
    let object = named.unwrap_or_else(|| KubeResource {
        api_group: group,
        resource: (*resource).to_owned(),
        subresource: words.get(1).map_or(String::new(), |sub| (*sub).to_owned()),
        ..KubeResource::default()
    });
    Ok((verb.to_ascii_lowercase(), Some(object)))
}

fn named(name: &str) -> Option<KubeResource> {
    let parts: Vec<&str> = name.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        [group, version, rest @ ..] if is_version(version) && !rest.is_empty() => resource_of(api_group(group), rest),
        _ => None,
    }
}

/// The group as an API server knows it: Cloud Logging writes `core` for the empty one and leaves `k8s.io` off in a method.
fn api_group(group: &str) -> String {
    match group {
        "core" => String::new(),
        "apps" | "batch" | "autoscaling" | "policy" | "extensions" => group.to_owned(),
        "rbac" | "rbac.authorization" | "authorization.rbac" => "rbac.authorization.k8s.io".to_owned(),
        "apiserver.flowcontrol" => "flowcontrol.apiserver.k8s.io".to_owned(),
        word if !word.contains('.') => format!("{word}.k8s.io"),
        dotted => dotted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_names_become_requests() {
        let table = [
            ("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/ns/pods/p/exec", "create |pods|exec|ns|p"),
            ("io.k8s.core.v1.pods.exec.create", "", "create |pods|exec||"),
            ("io.k8s.core.v1.secrets.list", "core/v1/secrets", "list |secrets|||"),
            ("io.k8s.authorization.rbac.v1.roles.create", "", "create rbac.authorization.k8s.io|roles|||"),
            (
                "io.k8s.rbac.authorization.v1.roles.get",
                "rbac.authorization.k8s.io/v1/namespaces/a/roles/r",
                "get rbac.authorization.k8s.io|roles||a|r",
            ),
            ("io.k8s.rbac.v1.clusterroles.create", "", "create rbac.authorization.k8s.io|clusterroles|||"),
            ("io.k8s.apps.v1.deployments.patch", "apps/v1/namespaces/a/deployments/d", "patch apps|deployments||a|d"),
            ("io.k8s.networking.v1beta1.ingresses.get", "", "get networking.k8s.io|ingresses|||"),
            (
                "io.cert-manager.v1.certificates.get",
                "cert-manager.io/v1/namespaces/a/certificates/c",
                "get cert-manager.io|certificates||a|c",
            ),
        ];
        for (method, name, expected) in table {
            let (verb, object) = asked(method, name).expect(method);
            let KubeResource { api_group, resource, subresource, namespace, name } = object.expect(method);
            assert_eq!(format!("{verb} {api_group}|{resource}|{subresource}|{namespace}|{name}"), expected);
        }
        assert_eq!(asked("io.k8s.readyz", "/readyz"), Ok(("get".to_owned(), None)));
        assert!(asked("", "").is_err());
    }
}
