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
