//! Kubernetes audit events become the requests that the authorizers were asked; every trap seen in genuine logs is a case here.

#![cfg(test)]

mod harness;

use harness::{audit_of, decoded};
use serde_json::{Value, json};
use tightfit::access::coverage::{AuditSighting, Bodies, Reach, Sighting, Wrote};
use tightfit::access::inventory::Fact;
use tightfit::access::observation::{Basis, Outcome, Reject, Undecided};
use tightfit::access::pod::{PodBasis, PodRequest};
use tightfit::access::request::Request;
use tightfit::ingest::audit::decode;
use tightfit::ingest::decoded::{Decoded, End, Stage, Surround};

/// An event: verb, URI, what else is said.
fn event(verb: &str, uri: &str, more: Value) -> Value {
    audit_of("shop:web", verb, uri, more)
}

/// What was asked, as text: `WHO: REQUEST = OUTCOME`, with `(implied)` where a rule says so.
fn asked(event: &Value) -> Vec<String> {
    match decoded(event).end {
        End::Observed(asked) => asked
            .iter()
            .map(|asked| {
                let implied = if asked.basis == Basis::Stated { "" } else { " (implied)" };
                let who = asked.identity.to_string().replace("cluster/", "").replace("serviceaccount/shop/web", "web");
                format!("{who}: {} = {:?}{implied}", asked.request.key(), asked.outcome)
            })
            .collect(),
        end @ (End::Undecided { .. } | End::Skipped(_) | End::Rejected { .. }) => vec![format!("{end:?}")],
    }
}

fn pods(decoded: &Decoded) -> Vec<(PodRequest, Outcome)> {
    let End::Observed(asked) = &decoded.end else { panic!("{:?}", decoded.end) };
    let pod = |request: &Request| match request {
        Request::Pod(pod) => Some((**pod).clone()),
        Request::Kube(_) | Request::Aws(_) | Request::Flow(_) => None,
    };
    asked.iter().filter_map(|asked| pod(&asked.request).map(|pod| (pod, asked.outcome))).collect()
}

fn sighted(decoded: &Decoded) -> &AuditSighting {
    let Some(Sighting::Audit(sighting)) = &decoded.sighting else { panic!("{:?}", decoded.sighting) };
    sighting
}

fn pod_ref(name: &str, subresource: &str) -> Value {
    json!({"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1", "subresource": subresource})
}

fn decision(word: &str) -> Value {
    json!({"authorization.k8s.io/decision": word})
}

/// Trap 1: exec by websocket is audited as `get` and needs `create` as well.
#[test]
fn a_websocket_exec_needs_create_too() {
    let uri = "/api/v1/namespaces/shop/pods/one/exec?command=true";
    let exec = |code: u16, word: &str| {
        asked(&event(
            "get",
            uri,
            json!({"objectRef": pod_ref("one", "exec"), "responseStatus": {"code": code}, "annotations": decision(word)}),
        ))
    };
    let get = "web: get pods/exec one in shop";
    let create = "web: create pods/exec one in shop";
    assert_eq!(exec(101, "allow"), [format!("{get} = Allowed"), format!("{create} = Allowed (implied)")]);
    assert_eq!(exec(500, "allow"), [format!("{get} = Failed"), format!("{create} = Failed (implied)")]);
    // `get` was allowed, so the 403 answers `create`: no evidence for it.
    assert_eq!(exec(403, "allow"), [format!("{get} = Failed"), format!("{create} = Refused (implied)")]);
    assert_eq!(exec(403, "forbid"), [format!("{get} = Refused")]);
    let log = event("get", "/api/v1/namespaces/shop/pods/one/log", json!({"objectRef": pod_ref("one", "log")}));
    assert_eq!(asked(&log), ["web: get pods/log one in shop = Allowed"]);
}

/// Traps 2 and 3: a 403 is not always RBAC's, and what RBAC refused is never allowed.
#[test]
fn decision_and_code_are_told_apart() {
    let table: &[(Value, Value, &str)] = &[
        (json!({"code": 200}), decision("allow"), "Allowed"),
        (json!({"code": 101}), decision("allow"), "Allowed"),
        (json!({"code": 304}), decision("allow"), "Allowed"),
        (json!({"code": 403}), decision("allow"), "Failed"),
        (json!({"code": 404}), decision("allow"), "Failed"),
        (json!({"code": 409}), decision("allow"), "Failed"),
        (json!({"code": 500}), decision("allow"), "Failed"),
        (json!({"code": 429}), decision("allow"), "Failed"),
        (Value::Null, decision("allow"), "Allowed"),
        (json!({"code": 403}), decision("forbid"), "Refused"),
        (json!({"code": 200}), decision("forbid"), "Refused"),
        (json!({"code": 200}), Value::Null, "Allowed"),
        (json!({"code": 403}), Value::Null, "Refused"),
        (
            json!({"code": 403, "message": "pods \"x\" is forbidden: violates PodSecurity \"baseline:latest\": x"}),
            Value::Null,
            "Failed",
        ),
        (json!({"code": 404}), Value::Null, "Failed"),
        (json!({"code": 422}), Value::Null, "Failed"),
        (json!({"code": 401}), Value::Null, "Unknown"),
        (json!({"code": 429}), Value::Null, "Unknown"),
        (json!({"code": 503}), Value::Null, "Unknown"),
        (json!({"status": "Failure", "reason": "Forbidden"}), Value::Null, "Refused"),
        (json!({"status": "Success"}), Value::Null, "Allowed"),
    ];
    for (status, annotations, outcome) in table {
        let event =
            event("delete", "/api/v1/namespaces/shop/pods/p", json!({"responseStatus": status, "annotations": annotations}));
        assert_eq!(asked(&event), [format!("web: delete pods p in shop = {outcome}")], "{status} {annotations}");
    }
    let silent = event("get", "/api/v1/namespaces/shop/pods/p", json!({"responseStatus": null, "annotations": null}));
    assert!(matches!(decoded(&silent).end, End::Undecided { why: Undecided::ResponseMissing, identity: Some(_) }));
}

/// Trap 4: two events of one request, and paths that are no resource.
#[test]
fn stages_and_paths_that_name_no_resource() {
    for (stage, expected) in [
        ("RequestReceived", Stage::Received),
        ("ResponseStarted", Stage::Started),
        ("ResponseComplete", Stage::Answered),
        ("Panic", Stage::Answered),
    ] {
        assert_eq!(decoded(&event("watch", "/api/v1/pods?watch=true", json!({"stage": stage}))).stage, expected);
    }
    for (uri, path) in [
        ("/healthz?verbose", "/healthz"),
        ("/openapi/v3", "/openapi/v3"),
        ("/apis/apps/v1?timeout=32s", "/apis/apps/v1"),
        ("/api", "/api"),
    ] {
        assert_eq!(asked(&event("get", uri, json!({}))), [format!("web: get {path} = Allowed")]);
    }
}

/// Names are what the authorizer was given, not what the event was completed with.
#[test]
fn names_and_subresources() {
    let table = [
        ("create", "/api/v1/namespaces/shop/pods", "pods", "bad", "", "create pods in shop"),
        ("create", "/api/v1/namespaces/shop/pods/p/binding", "pods", "p", "binding", "create pods/binding p in shop"),
        (
            "create",
            "/api/v1/namespaces/shop/serviceaccounts/web/token",
            "serviceaccounts",
            "web",
            "token",
            "create serviceaccounts/token web in shop",
        ),
        (
            "deletecollection",
            "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dx",
            "pods",
            "x",
            "",
            "deletecollection pods in shop",
        ),
        ("list", "/api/v1/namespaces/shop/pods?limit=500", "pods", "x", "", "list pods in shop"),
        (
            "watch",
            "/api/v1/namespaces/shop/pods?watch=true&fieldSelector=metadata.name%3Dweb",
            "pods",
            "web",
            "",
            "watch pods web in shop",
        ),
        ("patch", "/api/v1/namespaces/shop/pods/p/status", "pods", "p", "status", "patch pods/status p in shop"),
    ];
    for (verb, uri, resource, name, subresource, expected) in table {
        let object = json!({"resource": resource, "namespace": "shop", "name": name, "subresource": subresource});
        assert_eq!(asked(&event(verb, uri, json!({"objectRef": object}))), [format!("web: {expected} = Allowed")]);
    }
    // Old dialects leave the reference out, or write group and version as one.
    assert_eq!(
        asked(&event("get", "/apis/apps/v1/namespaces/shop/deployments/d/scale", json!({}))),
        ["web: get deployments/scale.apps d in shop = Allowed"]
    );
    let old =
        json!({"objectRef": {"resource": "deployments", "namespace": "shop", "name": "d", "apiVersion": "extensions/v1beta1"}});
    assert_eq!(asked(&event("get", "/", old)), ["web: get deployments.extensions d in shop = Allowed"]);
}

/// Trap 5: a dry run needs the right like any other request, but nothing exists because of it.
#[test]
fn a_dry_run_counts_and_shows_nothing() {
    let spec = json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": [{"name": "c"}]}});
    let more =
        json!({"objectRef": pod_ref("p", ""), "responseStatus": {"code": 201}, "requestObject": spec, "responseObject": spec});
    let dry = decoded(&event("create", "/api/v1/namespaces/shop/pods?dryRun=All&fieldManager=kubectl", more.clone()));
    assert_eq!((pods(&dry).len(), dry.facts.len()), (0, 0));
    assert!(matches!(&dry.end, End::Observed(asked) if asked.len() == 1));
    let wet = decoded(&event("create", "/api/v1/namespaces/shop/pods?fieldManager=kubectl", more));
    assert_eq!((pods(&wet).len(), wet.facts.len()), (1, 2), "the workload, and the pod that belongs to it");
    assert!(matches!(sighted(&wet), AuditSighting { wrote: Wrote::Pod, reach: Reach::Write, .. }));
}

/// Trap 6 and law 2: what Pod Security refused is a pod that was refused, and its writer was authorized.
#[test]
fn pod_security_refuses_a_pod_and_not_the_request() {
    let spec =
        json!({"metadata": {"name": "bad"}, "spec": {"containers": [{"name": "c", "securityContext": {"privileged": true}}]}});
    let message = "pods \"bad\" is forbidden: violates PodSecurity \"baseline:latest\": privileged";
    let more = json!({"objectRef": pod_ref("bad", ""), "requestObject": spec,
        "responseObject": {"kind": "Status", "code": 403, "message": message},
        "responseStatus": {"code": 403, "message": message, "reason": "Forbidden"}});
    let event = event("create", "/api/v1/namespaces/shop/pods", more);
    assert_eq!(asked(&event), ["web: create pods in shop = Failed", "namespace/shop: run Pod/bad = Refused"]);
    let decoded = decoded(&event);
    assert_eq!(pods(&decoded)[0].0.basis, PodBasis::Request);
    assert_eq!(decoded.facts, []);
    assert!(matches!(sighted(&decoded), AuditSighting { wrote: Wrote::Other, .. }));
}

/// Trap 9: a volume without a source stays without one; whoever judges applies the platform's default.
#[test]
fn pods_lose_what_makes_each_replica_unique() {
    let pod = |suffix: &str, token: &str| {
        json!({"kind": "Pod", "metadata": {"name": format!("web-7f5-{suffix}"), "generateName": "web-7f5-", "namespace": "shop", "uid": suffix,
            "labels": {"app": "web", "pod-template-hash": "7f5"}, "annotations": {"cni.example/ip": suffix, "prometheus.io/port": "9"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7f5", "controller": true}]},
          "spec": {"serviceAccountName": "web", "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "scratch"}, {"name": format!("kube-api-access-{token}"), "projected": {"sources": []}},
                {"name": "data", "persistentVolumeClaim": {"claimName": format!("data-{suffix}")}}]}})
    };
    let admitted = |body: Value| {
        let more =
            json!({"objectRef": pod_ref("", ""), "responseStatus": {"code": 201}, "requestObject": body, "responseObject": body});
        pods(&decoded(&event("create", "/api/v1/namespaces/shop/pods", more)))
    };
    let one = admitted(pod("aaaaa", "vbjnn"));
    assert_eq!(one, admitted(pod("bbbbb", "xk2lq")));
    let (request, outcome) = &one[0];
    assert_eq!(
        (request.workload.to_string().as_str(), request.basis, *outcome),
        ("Deployment/web", PodBasis::Response, Outcome::Allowed)
    );
    assert_eq!(request.pod.metadata.labels.keys().collect::<Vec<_>>(), ["app"]);
    assert_eq!(request.pod.metadata.annotations.keys().collect::<Vec<_>>(), ["prometheus.io/port"]);
    let scratch = request.pod.spec.volumes.iter().find(|volume| volume.name == "scratch").expect("kept");
    assert!(scratch.sources.is_empty());
}

#[test]
fn controllers_show_templates_and_their_owners_only_once() {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}});
    let write = |resource: &str, object: Value| {
        let reference =
            json!({"resource": resource, "namespace": "shop", "apiGroup": if resource.ends_with("jobs") {"batch"} else {"apps"}});
        let more = json!({"objectRef": reference, "responseStatus": {"code": 201}, "requestObject": object});
        decoded(&event("create", "/apis/apps/v1/namespaces/shop/x", more))
    };
    let deployment = write("deployments", json!({"metadata": {"name": "web"}, "spec": {"template": template}}));
    assert_eq!(pods(&deployment)[0].0.workload.to_string(), "Deployment/web");
    assert_eq!(pods(&deployment)[0].0.basis, PodBasis::Template);
    assert!(matches!(&deployment.facts[..], [Fact::Workload { basis: PodBasis::Template, .. }]));
    let cron =
        write("cronjobs", json!({"metadata": {"name": "nightly"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}));
    assert_eq!(pods(&cron)[0].0.workload.to_string(), "CronJob/nightly");
    let owner = json!([{"kind": "Deployment", "name": "web", "controller": true}]);
    let owned =
        write("replicasets", json!({"metadata": {"name": "web-7f5", "ownerReferences": owner}, "spec": {"template": template}}));
    assert_eq!((pods(&owned).len(), owned.facts.len()), (0, 0));
}

#[test]
fn an_apply_or_update_that_creates_needs_create_with_the_name() {
    let object = json!({"resource": "configmaps", "namespace": "shop", "name": "c"});
    for (verb, code, expected) in [("patch", 201, 2), ("patch", 200, 1), ("update", 201, 2), ("update", 200, 1)] {
        let uri = "/api/v1/namespaces/shop/configmaps/c?fieldManager=argocd&force=true";
        let found = asked(&event(verb, uri, json!({"objectRef": object, "responseStatus": {"code": code}})));
        assert_eq!(found.len(), expected);
        assert!(expected == 1 || found[1] == "web: create configmaps c in shop = Allowed (implied)", "{found:?}");
    }
}

#[test]
fn the_impersonated_user_asks_and_the_impersonator_may_impersonate() {
    let uri = "/api/v1/namespaces/shop/pods";
    let bob = json!({"impersonatedUser": {"username": "bob", "groups": ["dev", "system:authenticated"], "uid": "7", "extra": {"scope": ["a"]}}});
    assert_eq!(
        asked(&event("list", uri, bob)),
        [
            "kube-user/bob: list pods in shop = Allowed",
            "web: impersonate users bob = Allowed (implied)",
            "web: impersonate groups dev = Allowed (implied)",
            "web: impersonate uids.authentication.k8s.io 7 = Allowed (implied)",
            "web: impersonate userextras/scope.authentication.k8s.io a = Allowed (implied)",
        ]
    );
    // What was refused is bob's request: the impersonation before it had been allowed.
    let account = json!({"impersonatedUser": {"username": "system:serviceaccount:ns1:sa1", "groups": ["system:serviceaccounts", "system:serviceaccounts:ns1", "system:authenticated"]},
        "responseStatus": {"code": 403}, "annotations": decision("forbid")});
    assert_eq!(
        asked(&event("list", uri, account)),
        [
            "serviceaccount/ns1/sa1: list pods in shop = Refused",
            "web: impersonate serviceaccounts sa1 in ns1 = Allowed (implied)"
        ]
    );
    // The impersonator lacked the right: its own request was never asked.
    let refused = json!({"responseStatus": {"code": 403, "message": "users \"bob\" is forbidden: User \"w\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
        "details": {"name": "bob", "kind": "users"}}, "annotations": null});
    assert_eq!(asked(&event("list", uri, refused)), ["web: impersonate users bob = Refused (implied)"]);
}

#[test]
fn groups_and_unnamed_users() {
    let End::Observed(own) = decoded(&event("get", "/api/v1/namespaces/shop/pods/p", json!({}))).end else { panic!("observed") };
    assert_eq!(own[0].groups, ["system:serviceaccounts", "system:authenticated"]);
    let anonymous = json!({"user": {"username": "system:anonymous", "groups": ["system:unauthenticated"]}});
    assert_eq!(asked(&event("get", "/healthz", anonymous)), ["kube-user/system:anonymous: get /healthz = Allowed"]);
    let nobody = event("get", "/healthz", json!({"user": {}, "responseStatus": {"code": 401}}));
    assert!(matches!(decoded(&nobody).end, End::Undecided { why: Undecided::IdentityUnknown(_), identity: None }));
}

#[test]
fn facts_come_from_what_was_written_or_listed() {
    let facts = |verb: &str, resource: &str, group: &str, body: Value| {
        let object = json!({"resource": resource, "namespace": "shop", "name": "x", "apiGroup": group});
        decoded(&event(verb, "/x", json!({"objectRef": object, "responseObject": body}))).facts
    };
    let service = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432, "targetPort": "pg"}, {"port": 53, "protocol": "UDP"}]}});
    let found = facts("create", "services", "", service.clone());
    let [Fact::Service { place, selector, ports }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((place.name.as_str(), selector.len()), ("db", 1));
    assert_eq!((ports[0].target_port.as_str(), ports[0].protocol.as_str(), ports[1].protocol.as_str()), ("pg", "TCP", "UDP"));
    assert_eq!(
        facts("list", "services", "", json!({"kind": "ServiceList", "items": [service.clone(), service.clone()]})).len(),
        1
    );
    assert_eq!(facts("delete", "services", "", service).len(), 0);
    let ingress = json!({"metadata": {"name": "i"}, "spec": {"defaultBackend": {"service": {"name": "a"}}, "rules": [{"http": {"paths": [{"backend": {"serviceName": "b"}}]}}]}});
    let found = facts("update", "ingresses", "networking.k8s.io", ingress);
    assert!(matches!(&found[..], [Fact::Ingress { services, .. }] if services.iter().eq(["a", "b"])), "{found:?}");
    let role =
        json!({"metadata": {"name": "web", "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/web"}}});
    assert!(
        matches!(&facts("get", "serviceaccounts", "", role)[..], [Fact::ServiceAccountRole { namespace, .. }] if namespace == "shop")
    );
    let labels = json!({"metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}});
    assert!(matches!(&facts("patch", "namespaces", "", labels)[..], [Fact::Namespace { labels, .. }] if labels.len() == 1));
    assert_eq!(facts("get", "secrets", "", json!({"metadata": {"name": "s"}, "data": {"k": "dg=="}})), []);
}

#[test]
fn cut_bodies_are_said() {
    for (more, expected) in [
        (json!({"annotations": {"audit.k8s.io/truncated": "true", "authorization.k8s.io/decision": "allow"}}), Bodies::Cut),
        (json!({"requestObject": "skipped-too-big-size-object"}), Bodies::LeftOut),
        (json!({}), Bodies::AsLevel),
    ] {
        let decoded = decoded(&event("create", "/api/v1/namespaces/shop/pods", more));
        let AuditSighting { bodies, wrote, .. } = sighted(&decoded);
        assert_eq!((*bodies, wrote), (expected, &Wrote::PodWithoutSpec("shop".to_owned())));
    }
}

#[test]
fn gke_status_is_grpc_and_bodies_are_read() {
    let entry = |code: Value, more: Value| {
        let mut entry = json!({"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.pods.create",
            "resourceName": "core/v1/namespaces/shop/pods/p", "authenticationInfo": {"principalEmail": "dev@example.com"}, "status": code,
            "request": {"@type": "core.k8s.io/v1.Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": [{"name": "c"}]}}},
            "insertId": "i", "timestamp": "2026-11-20T10:00:00.123456789Z"});
        if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
        }
        entry
    };
    let who = "kube-user/dev@example.com: create pods in shop";
    assert_eq!(
        asked(&entry(json!({}), json!({}))),
        [format!("{who} = Allowed"), "namespace/shop: run Pod/p = Allowed".to_owned()]
    );
    for (code, labels, outcome) in [
        (json!({"code": 7}), json!({}), "Refused"),
        (json!({"code": 7}), json!({"authorization.k8s.io/decision": "allow"}), "Failed"),
        (json!({}), json!({"authorization.k8s.io/decision": "forbid"}), "Refused"),
        (json!({"code": 10}), json!({}), "Failed"),
        (json!({"code": 14}), json!({}), "Unknown"),
        (json!({"code": 403}), json!({}), "Refused"),
    ] {
        assert_eq!(asked(&entry(code.clone(), json!({"labels": labels}))), [format!("{who} = {outcome}")], "{code} {labels}");
    }
    // JSON leaves out `"granted": false`.
    let mut checked = entry(json!({"code": 7}), json!({}));
    checked["protoPayload"]["authorizationInfo"] = json!([{"permission": "a", "granted": true}, {"permission": "b"}]);
    assert_eq!(asked(&checked), [format!("{who} = Refused")]);
    checked["protoPayload"]["authorizationInfo"] = json!([{"permission": "a", "granted": true}]);
    assert_eq!(asked(&checked), [format!("{who} = Failed")], "a 403 behind an allowed check is not RBAC's");
    assert_eq!(sighted(&decoded(&entry(json!({}), json!({})))).level, "");
}

#[test]
fn wrong_types_are_named() {
    for (field, value) in [
        ("verb", json!(1)),
        ("user", json!("bob")),
        ("objectRef", json!([1])),
        ("responseStatus", json!("200")),
        ("verb", Value::Null),
    ] {
        let decoded = decoded(&event("get", "/api/v1/namespaces/shop/pods/p", json!({field: value})));
        assert!(
            matches!(&decoded.end, End::Rejected { reject: Reject::Field, detail } if detail.contains(field)),
            "{field}: {:?}",
            decoded.end
        );
    }
    assert_eq!(decode(b"{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"verb\":\"x\"}", &Surround::default()), None);
    assert_eq!(decode(b"[]", &Surround::default()), None);
    assert_eq!(decode(b"\xff", &Surround::default()), None);
}

#[test]
fn what_audit_mode_wrote_is_evidence_without_a_body() {
    let words =
        "would violate PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"web\" must set it)";
    let annotations = json!({
        "authorization.k8s.io/decision": "allow", "pod-security.kubernetes.io/enforce-policy": "privileged:latest",
        "pod-security.kubernetes.io/audit-violations": words,
    });
    let more = json!({"level": "Metadata", "objectRef": pod_ref("web-1", ""), "responseStatus": {"code": 201}, "annotations": annotations});
    let told = |more: &Value, uri: &str| decoded(&event("create", uri, more.clone())).facts;
    let uri = "/api/v1/namespaces/shop/pods";
    let fact = Fact::PodViolation { cluster: "cluster".to_owned(), namespace: "shop".to_owned(), violation: words.to_owned() };
    assert_eq!(told(&more, uri), [fact]);
    assert_eq!(told(&more, "/api/v1/namespaces/shop/pods?dryRun=All"), []);
    let mut refused = more;
    refused["annotations"]["authorization.k8s.io/decision"] = json!("forbid");
    refused["responseStatus"]["code"] = json!(403);
    assert_eq!(told(&refused, uri), []);
}
