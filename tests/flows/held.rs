//! Whose an address is: only what the API server itself says counts, and only until it is given back.

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, Point, Transport, Unresolved, resolve};
use tightfit::access::inventory::{Holder, Inventory};

use crate::read::profile;
use crate::shop::{START, event};

const ADDRESS: &str = "10.0.1.10";

fn inventory(lines: &[String]) -> Inventory {
    profile(&[("audit.log", (lines.join("\n") + "\n").as_bytes())]).inventory
}

fn pod(namespace: &str, name: &str) -> Value {
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "x"}]}, "status": {"podIP": ADDRESS, "phase": "Running"}})
}

fn of_pod(verb: &str, namespace: &str, name: &str, at: i64) -> String {
    let object = json!({"resource": "pods", "namespace": namespace, "name": name, "apiVersion": "v1"});
    event(verb, &format!("/api/v1/namespaces/{namespace}/pods/{name}"), object, at, pod(namespace, name))
}

fn holders(inventory: &Inventory) -> Vec<&Holder> {
    inventory.addresses.values().flat_map(|holders| holders.keys()).collect()
}

fn client(inventory: &Inventory, at: i64) -> Result<Vec<Flow>, Unresolved> {
    let flow = Flow {
        client: End::address(ADDRESS.parse().unwrap()),
        server: End::address("203.0.113.9".parse().unwrap()),
        transport: Transport::Tcp,
        port: 443,
        hour: Some((START + at).div_euclid(3600)),
        family: None,
        point: Point::Whole,
    };
    resolve(&flow, "cluster", inventory)
}

#[test]
fn what_a_client_sends_moves_no_address() {
    let mut sent: Value = serde_json::from_str(&of_pod("create", "evil", "evil-0", 7200)).unwrap();
    sent["level"] = json!("Request");
    sent["requestObject"] = sent["responseObject"].take();
    sent.as_object_mut().unwrap().remove("responseObject");
    let seen = inventory(&[of_pod("update", "shop", "web", 60), sent.to_string()]);
    assert_eq!(holders(&seen), [&Holder::Pod { namespace: "shop".into(), pod: "web".into() }]);
}

#[test]
fn endpoints_count_where_the_control_plane_wrote_them_and_for_their_own_namespace() {
    let slice = |namespace: &str| {
        let body = json!({"kind": "EndpointSlice", "metadata": {"name": "s", "namespace": "shop"},
            "endpoints": [{"addresses": [ADDRESS], "targetRef": {"kind": "Pod", "namespace": namespace, "name": "web"}}]});
        let object = json!({"resource": "endpointslices", "namespace": "shop", "name": "s", "apiGroup": "discovery.k8s.io", "apiVersion": "v1"});
        event("create", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", object, 60, body)
    };
    let by_controller =
        |line: String| line.replace("system:node:n1", "system:serviceaccount:kube-system:endpointslice-controller");
    assert_eq!(holders(&inventory(&[slice("shop")])), Vec::<&Holder>::new());
    assert_eq!(holders(&inventory(&[by_controller(slice("other"))])), Vec::<&Holder>::new());
    assert_eq!(holders(&inventory(&[by_controller(slice("shop"))])).len(), 1);
}

#[test]
fn an_address_that_was_given_back_is_nobodys() {
    let seen = inventory(&[of_pod("update", "shop", "web", 60)]);
    assert!(client(&seen, 20 * 86_400).unwrap()[0].client.pod().is_some());
    let ended = inventory(&[of_pod("update", "shop", "web", 60), of_pod("delete", "shop", "web", 1800)]);
    assert!(client(&ended, 60).unwrap()[0].client.pod().is_some());
    assert!(matches!(client(&ended, 20 * 86_400), Err(Unresolved::OwnerUnknown(_))));
    // The next pod has it from when it is seen with it.
    let again = inventory(&[of_pod("delete", "shop", "web", 1800), of_pod("update", "shop", "next", 7200)]);
    assert_eq!(client(&again, 20 * 86_400).unwrap()[0].client.to_string(), "Pod/next in shop");
}

/// One that is seen later may have been there before, unless its own beginning says that it was not.
#[test]
fn nothing_before_its_beginning_is_a_pods() {
    let begun = |at: i64, seen: i64| {
        let started = jiff::Timestamp::from_second(START + at).unwrap();
        of_pod("update", "shop", "web", seen).replace("\"podIP\"", &format!("\"startTime\":\"{started}\",\"podIP\""))
    };
    let day = 86_400;
    assert!(client(&inventory(&[of_pod("update", "shop", "web", 5 * day)]), 60).unwrap()[0].client.pod().is_some());
    let later = inventory(&[begun(5 * day, 5 * day + 3)]);
    assert!(matches!(client(&later, 60), Err(Unresolved::OwnerUnknown(_))), "{later:?}");
    assert!(client(&later, 5 * day).unwrap()[0].client.pod().is_some());
    let early = inventory(&[begun(0, 5 * day)]);
    assert!(client(&early, day).unwrap()[0].client.pod().is_some());
    // Another of its name had the address before.
    let twice = inventory(&[of_pod("update", "shop", "web", 2 * day), begun(5 * day, 5 * day + 3)]);
    assert!(client(&twice, 60).unwrap()[0].client.pod().is_some());
    for seen in [later, early, twice] {
        let mut again = Inventory::default();
        again.merge(&seen);
        assert_eq!(again, seen);
        assert_eq!(serde_json::from_str::<Inventory>(&serde_json::to_string(&seen).unwrap()).unwrap(), seen);
    }
}

fn written(kind: &str, plural: &str, group: &str, name: &str, at: i64, spec: &Value) -> String {
    let body = json!({"kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    let object = json!({"resource": plural, "namespace": "shop", "name": name, "apiGroup": group, "apiVersion": "v1"});
    let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
    event("update", &format!("{root}/v1/namespaces/shop/{plural}/{name}"), object, at, body)
}

/// A replica of Deployment web.
fn replica(name: &str, at: i64, app: &str, host_network: bool) -> String {
    let mut body = pod("shop", name);
    body["metadata"]["labels"] = json!({"app": app, "pod-template-hash": "6d4b9c5f7d"});
    body["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "name": "web-6d4b9c5f7d", "controller": true}]);
    body["spec"]["hostNetwork"] = json!(host_network);
    let object = json!({"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1"});
    event("update", &format!("/api/v1/namespaces/shop/pods/{name}"), object, at, body)
}

#[test]
fn the_controllers_template_says_what_its_pods_bear() {
    let spec = json!({"containers": [{"name": "c", "image": "x"}]});
    let template = json!({"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}});
    let name = "web-6d4b9c5f7d-x2x4z";
    let lines = [
        written("Deployment", "deployments", "apps", "web", 4, &template),
        replica(name, 5, "web", false),
        replica(name, 3000, "xquarantine", false),
        replica("web-6d4b9c5f7d-hhhhh", 4000, "web", true),
    ];
    let mut reversed = lines.clone();
    reversed.reverse();
    let seen = inventory(&lines);
    assert_eq!(seen.workloads, inventory(&reversed).workloads);
    assert_eq!(seen.pod_labels, inventory(&reversed).pod_labels);
    let mut split = inventory(&lines[2..]);
    split.merge(&inventory(&lines[..2]));
    let mut other = inventory(&lines[..2]);
    other.merge(&inventory(&lines[2..]));
    assert_eq!((&split.workloads, &other.workloads), (&seen.workloads, &seen.workloads));
    let kept = seen.workloads.values().next().unwrap();
    assert_eq!(kept.pod.metadata.labels.get("app").map(String::as_str), Some("web"));
    assert!(!kept.pod.spec.host_network, "some of its pods have a network of their own, which policies hold");
    assert_eq!(client(&seen, 60).unwrap()[0].client.to_string(), "Deployment/web in shop");
    // One that only ever bore others stands for those.
    let foreign = inventory(&[lines[0].clone(), lines[2].clone()]);
    let flows = client(&foreign, 60).unwrap();
    let bearer = flows[0].client.pod().unwrap();
    assert_eq!((bearer.workload.as_ref(), bearer.labels.get("app").map(String::as_str)), (None, Some("xquarantine")));
}

#[test]
fn a_service_that_selected_other_pods_is_ambiguous() {
    let deployment = |color: &str| {
        let labels = json!({"app": "front", "color": color});
        let template =
            json!({"template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}});
        written("Deployment", "deployments", "apps", color, 4, &template)
    };
    let service = |selector: Value, at: i64| {
        let spec = json!({"selector": selector, "ports": [{"port": 443, "targetPort": 8443}], "clusterIP": "203.0.113.9"});
        written("Service", "services", "", "front", at, &spec).replace("system:node:n1", "system:apiserver")
    };
    let (blue, green) = (json!({"color": "blue"}), json!({"color": "green"}));
    let same = json!({"app": "front", "color": "blue"});
    let of = |services: &[String]| inventory(&[&[deployment("blue"), deployment("green")], services].concat());
    let server = |seen: &Inventory| client(seen, 60).map(|flows| flows[0].server.to_string());
    assert_eq!(server(&of(&[service(blue.clone(), 5), service(same, 9)])).unwrap(), "Deployment/blue in shop");
    for (one, two) in [(&blue, &green), (&green, &blue)] {
        let seen = of(&[service(one.clone(), 5), service(two.clone(), 9000)]);
        assert!(matches!(server(&seen), Err(Unresolved::OwnerAmbiguous(_))), "{seen:?}");
        let mut merged = of(&[service(one.clone(), 5)]);
        merged.merge(&of(&[service(two.clone(), 9000)]));
        assert_eq!(merged.changed_selectors, seen.changed_selectors);
        let mut again = Inventory::default();
        again.merge(&seen);
        assert_eq!(again, seen);
    }
}

/// Whoever makes pods chooses names of containers, and so which texts come first; the checks themselves are few.
#[test]
fn many_violations_of_one_kind_hide_no_other() {
    let violation = |checks: &str| {
        format!(
            "{{\"annotations\":{{\"pod-security.kubernetes.io/audit-violations\":\"would violate PodSecurity \\\"restricted:latest\\\": {checks}\"}}}}"
        )
    };
    let mut lines = Vec::new();
    for number in 0..20 {
        let mut line: Value = serde_json::from_str(&of_pod("create", "shop", "web", number)).unwrap();
        line["level"] = json!("Metadata");
        line.as_object_mut().unwrap().remove("responseObject");
        let checks = if number == 19 {
            "privileged (container x)".to_owned()
        } else {
            format!("allowPrivilegeEscalation != false (container a{number})")
        };
        let annotations: Value = serde_json::from_str(&violation(&checks)).unwrap();
        line["annotations"] = annotations["annotations"].clone();
        line["auditID"] = json!(format!("v{number}"));
        lines.push(line.to_string());
    }
    let seen = inventory(&lines);
    let kept: Vec<&String> = seen.pod_violations.values().flatten().collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().any(|text| text.contains("privileged (")), "{kept:?}");
}
