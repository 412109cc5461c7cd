//! What netpol-analyzer knows nothing of: IPv6, pods on the node's network, ends without an address, units and open namespaces.

#![cfg(test)]

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, Labels, NamedPort, PodEnd, Point, Reserved, Transport};
use tightfit::policy::network::{NetworkPolicy, concerns, decide, permits};

fn pod(app: &str) -> PodEnd {
    PodEnd { namespace: "shop".to_owned(), labels: Labels::from([("app".to_owned(), app.to_owned())]), ..PodEnd::default() }
}

fn end(app: &str) -> End {
    End::Pod(Box::new(pod(app)))
}

fn on_node(app: &str) -> End {
    End::Pod(Box::new(PodEnd { host_network: true, ..pod(app) }))
}

fn address(text: &str) -> End {
    End::address(text.parse().unwrap())
}

fn policy(spec: Value) -> NetworkPolicy {
    let manifest = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec});
    serde_json::from_value(manifest).unwrap()
}

fn allows(policies: &[NetworkPolicy], client: End, server: End, port: u16) -> bool {
    decide(policies, &Flow { client, server, transport: Transport::Tcp, port, hour: None, family: None, point: Point::Whole })
        .is_allow()
}

fn to_block(block: Value) -> Vec<NetworkPolicy> {
    vec![policy(json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": block}]}]}))]
}

#[test]
fn both_families_are_blocks_of_their_own() {
    let six = to_block(json!({"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}));
    assert!(allows(&six, end("a"), address("2001:db8::1"), 80));
    assert!(!allows(&six, end("a"), address("2001:db8:1::1"), 80));
    assert!(!allows(&six, end("a"), address("192.0.2.1"), 80));
    let four = to_block(json!({"cidr": "0.0.0.0/0"}));
    assert!(allows(&four, end("a"), address("192.0.2.1"), 80) && allows(&four, end("a"), address("::ffff:192.0.2.1"), 80));
    assert!(!allows(&four, end("a"), address("2001:db8::1"), 80));
}

#[test]
fn what_has_no_address_is_matched_by_every_address_alone() {
    let reserved = [Reserved::RemoteNode, Reserved::KubeApiserver, Reserved::World];
    for end_of in reserved.map(End::Reserved).into_iter().chain([on_node("b")]) {
        assert!(allows(&to_block(json!({"cidr": "0.0.0.0/0"})), end("a"), end_of.clone(), 80), "{end_of}");
        assert!(!allows(&to_block(json!({"cidr": "10.0.0.0/8"})), end("a"), end_of.clone(), 80), "{end_of}");
        assert!(
            !allows(&to_block(json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]})), end("a"), end_of.clone(), 80),
            "{end_of}"
        );
        let pods =
            [policy(json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"namespaceSelector": {}}]}]}))];
        assert!(!allows(&pods, end("a"), end_of, 80));
        assert!(allows(&pods, end("a"), end("b"), 80));
    }
    // No ipBlock matches a pod; its own node always reaches it.
    assert!(!allows(&to_block(json!({"cidr": "0.0.0.0/0"})), end("a"), end("b"), 80));
    let closed = [policy(json!({"podSelector": {}}))];
    assert!(allows(&closed, End::Reserved(Reserved::Host), end("a"), 80));
    assert!(!allows(&closed, End::Reserved(Reserved::RemoteNode), end("a"), 80));
}

#[test]
fn pods_on_the_nodes_network_are_held_by_no_policy() {
    let closed = [policy(json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}))];
    assert!(allows(&closed, address("192.0.2.1"), on_node("a"), 80) && allows(&closed, on_node("a"), address("192.0.2.1"), 80));
    let flow = |client, server| Flow {
        client,
        server,
        transport: Transport::Tcp,
        port: 80,
        hour: None,
        family: None,
        point: Point::Whole,
    };
    assert!(!concerns(&closed, &flow(address("192.0.2.1"), on_node("a"))));
    assert!(concerns(&closed, &flow(address("192.0.2.1"), end("a"))));
}

#[test]
fn a_selector_that_is_not_understood_isolates_and_lets_nothing_pass() {
    let odd = json!({"matchExpressions": [{"key": "app", "operator": "Near", "values": ["a"]}]});
    let open = json!([{}]);
    let flow = Flow {
        client: end("b"),
        server: end("a"),
        transport: Transport::Tcp,
        port: 80,
        hour: None,
        family: None,
        point: Point::Whole,
    };
    let decision = decide(&[policy(json!({"podSelector": odd, "ingress": open}))], &flow);
    assert!(!decision.is_allow() && decision.to_string().contains("pod selector of shop/p"), "{decision}");
    let peer = policy(json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": odd}]}]}));
    assert!(!decide(&[peer], &flow).is_allow());
}

#[test]
fn a_name_is_a_port_of_the_server_with_the_rules_protocol() {
    let named = |name: &str, transport| NamedPort { name: name.to_owned(), transport, port: 8080 };
    let server = |transport| End::Pod(Box::new(PodEnd { ports: [named("http", transport)].into(), ..pod("a") }));
    let rule = [policy(json!({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]}))];
    assert!(allows(&rule, address("192.0.2.1"), server(Transport::Tcp), 8080));
    assert!(!allows(&rule, address("192.0.2.1"), server(Transport::Udp), 8080));
    assert!(!allows(&rule, address("192.0.2.1"), server(Transport::Tcp), 80));
}

#[test]
fn a_namespace_without_a_default_deny_has_a_unit_of_anyone() {
    let count = |policies: &[NetworkPolicy]| permits(policies).len();
    let one = policy(json!({"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"ports": [{"port": 80}, {"port": 81}]}]}));
    let deny = policy(json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    assert_eq!(count(&[one.clone(), deny.clone()]), 2);
    assert_eq!(count(&[one]), 4);
    assert_eq!(count(&[policy(json!({"podSelector": {}})), deny]), 0);
    assert_eq!(count(&[policy(json!({"podSelector": {}}))]), 1);
}
