//! The audit policy that we advise, by Kubernetes' own loader and rules: it is valid, and it carries every body that we read.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tightfit::ingest::audit::decode;
use tightfit::ingest::decoded::{Decoded, End, Surround};

use super::judge::{folder, judged_text};

/// Group, resource, subresource: what a cluster serves, as far as a body of it could matter, and some that must stay closed.
const RESOURCES: &[(&str, &str, &str)] = &[
    ("", "bindings", ""),
    ("", "configmaps", ""),
    ("", "endpoints", ""),
    ("", "events", ""),
    ("", "limitranges", ""),
    ("", "namespaces", ""),
    ("", "namespaces", "finalize"),
    ("", "namespaces", "status"),
    ("", "nodes", ""),
    ("", "nodes", "status"),
    ("", "persistentvolumeclaims", ""),
    ("", "persistentvolumes", ""),
    ("", "pods", ""),
    ("", "pods", "binding"),
    ("", "pods", "ephemeralcontainers"),
    ("", "pods", "eviction"),
    ("", "pods", "exec"),
    ("", "pods", "log"),
    ("", "pods", "status"),
    ("", "podtemplates", ""),
    ("", "replicationcontrollers", ""),
    ("", "replicationcontrollers", "scale"),
    ("", "secrets", ""),
    ("", "serviceaccounts", ""),
    ("", "serviceaccounts", "token"),
    ("", "services", ""),
    ("", "services", "status"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies", ""),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", ""),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", ""),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
    ("apiregistration.k8s.io", "apiservices", ""),
    ("apps", "daemonsets", ""),
    ("apps", "deployments", ""),
    ("apps", "deployments", "scale"),
    ("apps", "deployments", "status"),
    ("apps", "replicasets", ""),
    ("apps", "statefulsets", ""),
    ("authentication.k8s.io", "tokenreviews", ""),
    ("authorization.k8s.io", "subjectaccessreviews", ""),
    ("batch", "cronjobs", ""),
    ("batch", "jobs", ""),
    ("certificates.k8s.io", "certificatesigningrequests", ""),
    ("certificates.k8s.io", "certificatesigningrequests", "approval"),
    ("certificates.k8s.io", "certificatesigningrequests", "status"),
    ("coordination.k8s.io", "leases", ""),
    ("discovery.k8s.io", "endpointslices", ""),
    ("events.k8s.io", "events", ""),
    ("extensions", "daemonsets", ""),
    ("extensions", "deployments", ""),
    ("extensions", "ingresses", ""),
    ("gateway.networking.k8s.io", "httproutes", ""),
    ("gateway.networking.k8s.io", "tcproutes", ""),
    ("networking.k8s.io", "ingresses", ""),
    ("networking.k8s.io", "networkpolicies", ""),
    ("rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
    ("rbac.authorization.k8s.io", "rolebindings", ""),
    ("rbac.authorization.k8s.io", "roles", ""),
    ("route.openshift.io", "routes", ""),
    ("widgets.example.com", "widgets", ""),
];

const VERBS: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// What is advised, without the lines that a recording fills in.
fn advised() -> String {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/coverage/audit-policy.yaml");
    let text = std::fs::read_to_string(template).unwrap();
    text.lines().filter(|line| !line.contains("{%")).map(|line| format!("{line}\n")).collect()
}

/// An object that is something of every kind, so that whatever is read from a body is in it.
fn everything() -> Value {
    let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}});
    let service = json!({"namespace": "shop", "name": "web", "port": 80});
    json!({
        "kind": "Anything", "apiVersion": "v1", "type": "any",
        "metadata": {"name": "one", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"},
            "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/r"}},
        "spec": {
            "containers": [{"name": "c"}], "nodeName": "n1", "template": pod, "jobTemplate": {"spec": {"template": pod}},
            "schedule": "@daily", "selector": {"app": "web"}, "type": "LoadBalancer", "clusterIP": "10.96.0.7",
            "ports": [{"port": 80}], "rules": [{"backendRefs": [service], "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}],
            "defaultBackend": {"service": {"name": "web"}}, "to": {"kind": "Service", "name": "web"}, "service": service,
            "conversion": {"webhook": {"clientConfig": {"service": service}}},
            "paramKind": {"apiVersion": "widgets.example.com/v1", "kind": "Widget"}, "signerName": "example.com/s",
        },
        "status": {"podIP": "10.0.0.5", "hostIP": "192.0.2.1", "certificate": "eA==",
            "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]},
        "template": pod,
        "subsets": [{"addresses": [{"ip": "10.0.0.5", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "one"}}]}],
        "endpoints": [{"addresses": ["10.0.0.5"], "targetRef": {"kind": "Pod", "namespace": "shop", "name": "one"}}],
        "webhooks": [{"clientConfig": {"service": service}}],
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    })
}

fn event(verb: &str, (group, resource, subresource): (&str, &str, &str), body: Option<Value>) -> Decoded {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "id", "stage": "ResponseComplete",
        "requestURI": "/x", "verb": verb, "user": {"username": "system:kube-controller-manager"},
        "objectRef": {"apiGroup": group, "resource": resource, "subresource": subresource, "namespace": "shop", "name": "one"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    });
    if let Some(body) = body {
        event["responseObject"] = if verb == "list" { json!({"kind": "List", "items": [body]}) } else { body };
    }
    decode(event.to_string().as_bytes(), &Surround::default()).unwrap()
}

/// Whether a body tells more than the event without it.
fn is_read(verb: &str, resource: (&str, &str, &str)) -> bool {
    let said = |decoded: Decoded| {
        let asked = if let End::Observed(asked) = decoded.end { asked.len() } else { 0 };
        (asked, decoded.facts.len())
    };
    said(event(verb, resource, Some(everything()))) > said(event(verb, resource, None))
}

#[test]
fn the_advised_audit_policy_carries_every_body_that_is_read() {
    let Some(folder) = folder() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("audit-policy.yaml");
    std::fs::write(&file, advised()).unwrap();
    // A subresource is no collection, and is not deleted.
    let served = |verb: &str, subresource: &str| subresource.is_empty() || matches!(verb, "get" | "create" | "update" | "patch");
    let all = RESOURCES.iter().flat_map(|resource| VERBS.iter().map(move |verb| (*verb, *resource)));
    let asked: Vec<(&str, (&str, &str, &str))> = all.filter(|(verb, (_, _, subresource))| served(verb, subresource)).collect();
    let mut lines: String = asked
        .iter()
        .map(|(verb, (group, resource, subresource))| {
            let line =
                json!({"verb": verb, "apiGroup": group, "resource": resource, "subresource": subresource, "namespace": "shop"});
            format!("{line}\n")
        })
        .collect();
    lines.push_str("{\"verb\": \"get\", \"path\": \"/healthz\"}\n");
    let mut levels = judged_text(&folder, "auditpolicy", &[file.to_str().unwrap()], lines);
    assert_eq!(levels.pop(), Some(json!("Metadata")), "URLs are recorded too");
    assert_eq!(levels.len(), asked.len(), "one answer for each");
    let mut carried = BTreeSet::new();
    for ((verb, about), level) in asked.into_iter().zip(levels) {
        let (group, resource, subresource) = about;
        let spelled = format!("{verb} {resource}/{subresource}.{group}");
        let secret = matches!((group, resource, subresource), ("", "secrets" | "configmaps", _) | ("", _, "token"))
            || group == "authentication.k8s.io";
        if secret {
            assert_eq!(level, "Metadata", "{spelled}: a secret");
            continue;
        }
        assert!(level == "Metadata" || !matches!(verb, "get" | "watch"), "{spelled}: {level}");
        // What is read one by one is written, or listed once; all kinds listed with their schemas would be megabytes.
        let enough_otherwise = verb == "get" || (verb, resource) == ("list", "customresourcedefinitions");
        if is_read(verb, about) && !enough_otherwise {
            assert_eq!(level, "RequestResponse", "{spelled}: its body is read");
            carried.insert(spelled);
        } else {
            assert_ne!(level, "None", "{spelled}");
        }
    }
    println!("audit policy: {} kinds of request whose body is read, all carried", carried.len());
    for needed in
        ["list nodes/.", "patch nodes/status.", "update endpoints/.", "create endpointslices/.discovery.k8s.io", "delete pods/."]
    {
        assert!(carried.contains(needed), "{needed}: {carried:?}");
    }
}
