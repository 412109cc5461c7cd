//! What an API server asks its authorizers beside the request that an event states: each rule with the code of 1.36 that it stands on.

#![cfg(test)]

mod harness;

use harness::{audit_of, decoded};
use serde_json::{Value, json};
use tightfit::access::inventory::{Fact, Place};
use tightfit::access::kube::AllowedBy;
use tightfit::access::observation::Basis;
use tightfit::ingest::decoded::End;

/// An event of the service account `ci/build`: verb, URI, what else is said.
fn event(verb: &str, uri: &str, more: Value) -> Value {
    audit_of("ci:build", verb, uri, more)
}

/// What was asked beside the stated request, as text: `REQUEST = OUTCOME (implied | assumed)`.
fn beside(event: &Value) -> Vec<String> {
    let End::Observed(asked) = decoded(event).end else { panic!("observed") };
    let word = |basis: &Basis| match basis {
        Basis::Stated => None,
        Basis::Implied(_) => Some("implied"),
        Basis::Assumed(_) => Some("assumed"),
    };
    asked
        .iter()
        .filter_map(|asked| Some(format!("{} = {:?} ({})", asked.request.key(), asked.outcome, word(&asked.basis)?)))
        .collect()
}

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// `BindingAuthorized`: on the role by name, where the binding stands.
#[test]
fn a_binding_asks_for_bind() {
    let reference = |kind: &str| json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"}});
    let in_shop = format!("{RBAC}/namespaces/shop/rolebindings");
    let cluster = format!("{RBAC}/clusterrolebindings");
    let created = |uri: &str, kind: &str| {
        beside(&event("create", uri, json!({"requestObject": reference(kind), "responseStatus": {"code": 201}})))
    };
    assert_eq!(created(&in_shop, "Role"), ["bind roles.rbac.authorization.k8s.io r in shop = Allowed (assumed)"]);
    assert_eq!(created(&in_shop, "ClusterRole"), ["bind clusterroles.rbac.authorization.k8s.io r in shop = Allowed (assumed)"]);
    assert_eq!(created(&cluster, "ClusterRole"), ["bind clusterroles.rbac.authorization.k8s.io r = Allowed (assumed)"]);
    assert_eq!(created(&cluster, "Robot"), Vec::<String>::new());
    // A dry run is authorized as the real request is.
    let dry = format!("{in_shop}?dryRun=All");
    assert_eq!(created(&dry, "Role").len(), 1);
    // A patch says the role only in its answer.
    let one = format!("{in_shop}/b");
    let patched = |more: Value| beside(&event("patch", &one, more));
    assert_eq!(patched(json!({"requestObject": reference("Role")})), Vec::<String>::new());
    assert_eq!(patched(json!({"responseObject": reference("Role")})).len(), 1);
    // Nothing but owners and finalizers: no rights are looked at (`IsOnlyMutatingGCFields`).
    let touching = |sent: Value| patched(json!({"requestObject": sent, "responseObject": reference("Role")}));
    assert_eq!(
        touching(json!({"metadata": {"ownerReferences": null, "finalizers": []}})),
        ["delete rolebindings.rbac.authorization.k8s.io b in shop = Allowed (assumed)"],
        "of the role nothing; the owners' own plugin, where it is on, is another matter"
    );
    // What only tests a value changes nothing; what moves it away does.
    assert_eq!(
        touching(json!([{"op": "test", "path": "/subjects/0", "value": 1}, {"op": "remove", "path": "/metadata/finalizers/0"}])),
        Vec::<String>::new()
    );
    assert_eq!(touching(json!([{"op": "move", "from": "/subjects", "path": "/metadata/finalizers/0"}])).len(), 1);
    assert_eq!(touching(json!([{"op": "test", "path": "/subjects/0"}])).len(), 1, "nothing changes at all");
    assert_eq!(touching(json!([{"op": "remove", "path": "/metadata/finalizers/0"}])), Vec::<String>::new());
    assert_eq!(touching(json!({"metadata": {"finalizers": []}, "subjects": []})).len(), 1);
    assert_eq!(touching(json!({"metadata": {"labels": {"a": "b"}}})).len(), 1);
    assert_eq!(
        touching(json!([{"op": "remove", "path": "/metadata/finalizers/0"}, {"op": "remove", "path": "/subjects/0"}])).len(),
        1
    );
    // RBAC's own 403 is no evidence, and reading needs nothing.
    let refused = json!({"requestObject": reference("Role"), "responseStatus": {"code": 403}});
    assert_eq!(beside(&event("create", &in_shop, refused)), Vec::<String>::new());
    assert_eq!(beside(&event("get", &one, json!({"responseObject": reference("Role")}))), Vec::<String>::new());
}

/// `RoleEscalationAuthorized`, else `ConfirmNoEscalation`: each rule of the role must be held.
#[test]
fn a_role_asks_for_its_rules() {
    let roles = format!("{RBAC}/namespaces/shop/roles");
    let created = |rules: Value| beside(&event("create", &roles, json!({"requestObject": {"kind": "Role", "rules": rules}})));
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["web"], "verbs": ["get", "patch"]},
    ]);
    assert_eq!(
        created(rules.clone()),
        [
            "get pods in shop = Allowed (assumed)",
            "get pods/log in shop = Allowed (assumed)",
            "get deployments.apps web in shop = Allowed (assumed)",
            "patch deployments.apps web in shop = Allowed (assumed)",
        ]
    );
    assert_eq!(created(json!([])), Vec::<String>::new());
    let uri = format!("{RBAC}/clusterroles/r");
    let cluster = json!({"responseObject": {"rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}});
    assert_eq!(beside(&event("patch", &uri, cluster)), ["get /metrics = Allowed (assumed)"]);
    // What no request can say: a POST is asked without a name, a PUT and a PATCH with it.
    let wild = json!([{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]);
    assert_eq!(created(wild.clone()), ["escalate roles.rbac.authorization.k8s.io in shop = Allowed (assumed)"]);
    let updated = event("update", &uri, json!({"requestObject": {"rules": wild}}));
    assert_eq!(beside(&updated), ["escalate clusterroles.rbac.authorization.k8s.io r = Allowed (assumed)"]);
    let aggregated = json!({"responseObject": {"rules": rules, "aggregationRule": {"clusterRoleSelectors": [{}]}}});
    assert_eq!(
        beside(&event("patch", &uri, aggregated)),
        ["escalate clusterroles.rbac.authorization.k8s.io r = Allowed (assumed)"]
    );
    let words = |word: &str| (0..40).map(|number| format!("{word}{number}")).collect::<Vec<_>>();
    let many = json!([{"apiGroups": [""], "resources": words("r"), "verbs": words("v")}]);
    assert_eq!(created(many).len(), 1, "too many to hold one by one");
    for odd in [json!("x"), json!([1, {"verbs": 3}, {"verbs": ["get"], "resources": {"a": 1}}]), json!(null)] {
        assert_eq!(created(odd), Vec::<String>::new());
    }
}

/// The admission plugins CertificateApproval and CertificateSigning.
#[test]
fn certificates_ask_for_their_signer() {
    let put = |subresource: &str, object: Value| {
        let uri = format!("/apis/certificates.k8s.io/v1/certificatesigningrequests/csr/{subresource}");
        beside(&event("update", &uri, json!({"responseObject": object})))
    };
    let spec = json!({"signerName": "example.com/web"});
    let approved = json!({"spec": spec, "status": {"conditions": [{"type": "Approved"}]}});
    assert_eq!(put("approval", approved.clone()), ["approve signers.certificates.k8s.io example.com/web = Allowed (implied)"]);
    let issued = json!({"spec": spec, "status": {"certificate": "AAAA"}});
    assert_eq!(put("status", issued), ["sign signers.certificates.k8s.io example.com/web = Allowed (implied)"]);
    assert_eq!(put("status", approved), Vec::<String>::new());
    assert_eq!(put("approval", json!({"spec": {}})), Vec::<String>::new());
    assert_eq!(put("approval", json!({"spec": {"signerName": "example.com/*"}})), Vec::<String>::new());
}

/// `authorizeCreate` of validatingadmissionpolicy/authz.go: all objects of the kind, whatever their names and namespaces.
#[test]
fn an_admission_policy_asks_for_its_parameters() {
    let policy = |verb: &str, code: u16, spec: Value| {
        let uri = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/limits";
        beside(&event(verb, uri, json!({"responseObject": {"spec": spec}, "responseStatus": {"code": code}})))
    };
    let kind = json!({"paramKind": {"apiVersion": "rules.example.com/v1", "kind": "ReplicaLimit"}});
    let expected = ["get replicalimits.rules.example.com = Allowed (implied)"];
    assert_eq!(policy("create", 201, kind.clone()), expected);
    let applied = policy("patch", 201, kind.clone());
    assert!(applied.contains(&expected[0].to_owned()), "a server-side apply that creates: {applied:?}");
    assert_eq!(policy("update", 200, kind), Vec::<String>::new(), "an update that keeps the kind asks nothing");
    assert_eq!(policy("create", 201, json!({})), Vec::<String>::new());
}

/// OwnerReferencesPermissionEnforcement.
#[test]
fn blocking_an_owners_deletion_asks_for_its_finalizers() {
    let owned = |owners: Value| json!({"kind": "ConfigMap", "metadata": {"name": "c", "ownerReferences": owners}});
    let written = |verb: &str, uri: &str, owners: Value| beside(&event(verb, uri, json!({"requestObject": owned(owners)})));
    let uri = "/api/v1/namespaces/shop/configmaps";
    let owner = |group: &str, kind: &str| json!([{"apiVersion": group, "kind": kind, "name": "o", "blockOwnerDeletion": true}]);
    for (group, kind, expected) in [
        ("apps/v1", "Deployment", "deployments/finalizers.apps o in shop"),
        ("v1", "Node", "nodes/finalizers o"),
        ("example.com/v1", "NetworkPolicy", "networkpolicies/finalizers.example.com o in shop"),
        ("gateway.networking.k8s.io/v1", "Gateway", "gateways/finalizers.gateway.networking.k8s.io o in shop"),
        ("networking.k8s.io/v1", "Ingress", "ingresses/finalizers.networking.k8s.io o in shop"),
    ] {
        assert_eq!(written("create", uri, owner(group, kind)), [format!("update {expected} = Allowed (assumed)")], "{kind}");
    }
    let plain = json!([{"apiVersion": "v1", "kind": "Pod", "name": "o", "blockOwnerDeletion": false}, {"kind": 3, "blockOwnerDeletion": true}]);
    assert_eq!(written("create", uri, plain), Vec::<String>::new());
    let one = format!("{uri}/c");
    let both =
        ["delete configmaps c in shop = Allowed (assumed)", "update deployments/finalizers.apps o in shop = Allowed (assumed)"];
    assert_eq!(written("patch", &one, owner("apps/v1", "Deployment")), both);
    assert_eq!(written("patch", &one, json!([])), both[..1], "owners that are taken away are changed too");
    let json_patch = |operations: Value| beside(&event("patch", &one, json!({"requestObject": operations})));
    let deployment = owner("apps/v1", "Deployment")[0].clone();
    let (all, at) = ("/metadata/ownerReferences", "/metadata/ownerReferences/0");
    for (operations, expected) in [
        (json!([{"op": "add", "path": all, "value": [deployment]}]), &both[..]),
        (json!([{"op": "add", "path": "/metadata/ownerReferences/-", "value": deployment}]), &both[..]),
        (json!([{"op": "replace", "path": "/metadata", "value": {"ownerReferences": [deployment]}}]), &both[..]),
        (json!([{"op": "remove", "path": at}]), &both[..1]),
        (json!([{"op": "add", "path": "/metadata/ownerReferences/0/blockOwnerDeletion", "value": true}]), &both[..1]),
        (json!([{"op": "move", "path": "/data/x", "from": all}]), &both[..1]),
        (json!([{"op": "test", "path": all, "value": [deployment]}, {"op": "add", "path": "/data/x", "value": "y"}]), &[][..]),
        (json!([{"op": "add", "path": "/metadata/ownerReferencesX", "value": [deployment]}]), &[][..]),
        (json!([{"op": 1, "path": [all]}, 5, null, "ownerReferences"]), &[][..]),
    ] {
        assert_eq!(json_patch(operations.clone()), expected, "{operations}");
    }
    let created = json!({"requestObject": owned(owner("apps/v1", "Deployment")), "responseStatus": {"code": 201}});
    assert!(!beside(&event("patch", &one, created)).join(" ").contains("delete"), "who creates may set owners");
    assert_eq!(
        written("update", &one, owner("apps/v1", "Deployment")),
        Vec::<String>::new(),
        "what was there before asks nothing"
    );
}

/// `ConstraintAppliesTo` of OpenShift: `use` in the pod's namespace, by name.
#[test]
fn a_pod_of_openshift_asks_for_its_constraints() {
    let pod = |scc: Value, account: Value| {
        json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "shop", "annotations": {"openshift.io/scc": scc}},
            "spec": {"serviceAccountName": account, "containers": [{"name": "c"}]}})
    };
    let who = |verb: &str, uri: &str, more: Value| -> Vec<String> {
        let End::Observed(asked) = decoded(&event(verb, uri, more)).end else { panic!("observed") };
        let used = asked.iter().filter(|asked| asked.request.key().to_string().starts_with("use "));
        used.map(|asked| {
            assert!(matches!(asked.basis, Basis::Assumed(_)));
            format!("{}: {}", asked.identity, asked.request.key())
        })
        .collect()
    };
    let uri = "/api/v1/namespaces/shop/pods";
    let created = |scc: Value, account: Value| who("create", uri, json!({"responseObject": pod(scc, account)}));
    let used = |account: &str| {
        [format!("cluster/serviceaccount/shop/{account}: use securitycontextconstraints.security.openshift.io anyuid in shop")]
    };
    assert_eq!(created(json!("anyuid"), json!("web")), used("web"));
    assert_eq!(created(json!("anyuid"), json!(null)), used("default"));
    for odd in [json!("*"), json!(""), json!(["anyuid"]), json!("a/b")] {
        assert_eq!(created(odd, json!("web")), Vec::<String>::new());
    }
    // What a client asks for says nothing, nor does a dry run, nor reading.
    assert_eq!(who("create", uri, json!({"requestObject": pod(json!("anyuid"), json!("web"))})), Vec::<String>::new());
    let answered = || json!({"responseObject": pod(json!("anyuid"), json!("web"))});
    assert_eq!(who("create", &format!("{uri}?dryRun=All"), answered()), Vec::<String>::new());
    assert_eq!(who("get", &format!("{uri}/p"), answered()), Vec::<String>::new());
    let refused = json!({"responseObject": pod(json!("anyuid"), json!("web")), "responseStatus": {"code": 403}});
    assert_eq!(who("create", uri, refused), Vec::<String>::new());
}

/// Constrained impersonation, 1.35 (alpha) and 1.36 (beta): the event says in which mode.
#[test]
fn a_constrained_impersonation_asks_twice() {
    let impersonated = |user: &str, mode: &str, more: Value| {
        let mut impersonated = json!({"username": user, "groups": ["system:authenticated", "system:nodes"]});
        impersonated.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let more = json!({"impersonatedUser": impersonated, "authenticationMetadata": {"impersonationConstraint": mode}});
        beside(&event("list", "/api/v1/namespaces/shop/pods", more))
    };
    let group = "authentication.k8s.io";
    assert_eq!(
        impersonated("bob", "impersonate:user-info", json!({"uid": "7"})),
        [
            format!("impersonate:user-info users.{group} bob = Allowed (implied)"),
            format!("impersonate:user-info groups.{group} system:nodes = Allowed (implied)"),
            format!("impersonate:user-info uids.{group} 7 = Allowed (implied)"),
            "impersonate-on:user-info:list pods in shop = Allowed (implied)".to_owned(),
        ]
    );
    assert_eq!(
        impersonated("system:serviceaccount:shop:web", "impersonate:serviceaccount", json!({"groups": []})),
        [
            format!("impersonate:serviceaccount serviceaccounts.{group} web in shop = Allowed (implied)"),
            "impersonate-on:serviceaccount:list pods in shop = Allowed (implied)".to_owned(),
        ]
    );
    for (mode, name) in [("associated-node", "*"), ("arbitrary-node", "n1")] {
        assert_eq!(
            impersonated("system:node:n1", &format!("impersonate:{mode}"), json!({})),
            [
                format!("impersonate:{mode} nodes.{group} {name} = Allowed (implied)"),
                format!("impersonate-on:{mode}:list pods in shop = Allowed (implied)"),
            ]
        );
    }
    // Refused: the answer says which check.
    let refused = |verb: &str, kind: &str| {
        let message = format!(
            "pods is forbidden: User \"b\" cannot {verb} resource \"{kind}\" in API group \"\" in the namespace \"shop\""
        );
        let more = json!({"responseStatus": {"code": 403, "message": message, "details": {"kind": kind, "name": "bob"}}, "annotations": null});
        beside(&event("list", "/api/v1/namespaces/shop/pods", more))
    };
    assert_eq!(
        refused("impersonate-on:user-info:list", "pods"),
        ["impersonate-on:user-info:list pods in shop = Refused (implied)"]
    );
    assert_eq!(refused("impersonate:user-info", "users"), ["impersonate:user-info users bob = Refused (implied)"]);
    assert_eq!(refused("impersonated", "users"), Vec::<String>::new());
}

/// The pod behind a bound token travels with the observation, and RBAC's word on the binding.
#[test]
fn the_pod_and_the_binding_travel() {
    let reason = r#"RBAC: allowed by RoleBinding "b/shop" of Role "r" to ServiceAccount "build/ci""#;
    let more = |extra: Value, reason: &str| {
        json!({"user": {"username": "system:serviceaccount:ci:build", "extra": {"authentication.kubernetes.io/pod-name": extra}},
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}})
    };
    let uri = "/api/v1/namespaces/shop/pods";
    let own = decoded(&event("list", uri, more(json!(["runner-1"]), reason)));
    assert_eq!((own.issued_to.as_str(), own.allowed_by.as_str()), ("pod/ci/runner-1", reason));
    assert_eq!(AllowedBy::parse(&own.allowed_by).map(|by| (by.namespace, by.binding)), Some(("shop".into(), "b".into())));
    for odd in [json!([]), json!(["a", "b"]), json!(["../x"]), json!([""])] {
        assert_eq!(decoded(&event("list", uri, more(odd, "as the webhook says"))).issued_to, "");
    }
    let mut impersonating = more(json!(["runner-1"]), reason);
    impersonating["impersonatedUser"] =
        json!({"username": "system:serviceaccount:a:b", "extra": {"authentication.kubernetes.io/pod-name": ["forged"]}});
    assert_eq!(decoded(&event("list", uri, impersonating)).issued_to, "", "who impersonates can claim any pod");
    // A refusal's reason names no binding.
    let mut forbidden = more(json!(["runner-1"]), reason);
    forbidden["annotations"]["authorization.k8s.io/decision"] = json!("forbid");
    assert_eq!(decoded(&event("list", uri, forbidden)).allowed_by, "");
    let pod = json!({"metadata": {"name": "runner-1", "namespace": "ci", "ownerReferences": [{"kind": "Job", "name": "runner", "controller": true}]},
        "spec": {"containers": [{"name": "c"}]}});
    let facts = decoded(&event("create", "/api/v1/namespaces/ci/pods", json!({"responseObject": pod}))).facts;
    let owner = facts.iter().find_map(|fact| {
        let Fact::PodOwner { place: Place { name, .. }, workload } = fact else { return None };
        Some(format!("{name} of {workload}"))
    });
    assert_eq!(owner.as_deref(), Some("runner-1 of Job/runner"));
}
