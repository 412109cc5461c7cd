//! Each network plugin's rules: what is written for it, and what it cannot hold.

use serde_json::Value;
use tightfit::finding::Code;
use tightfit::policy::network::NetworkPolicy;

use crate::needs::shop;
use crate::scene::{clean, deployment, flow, lines, notes, plan, policies, service};

/// What each plugin is said not to hold, of connections with these ends.
#[test]
fn what_a_plugin_cannot_hold_is_said() {
    let pods = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED")];
    let api_server =
        [flow(1, "shop/web", "shop/api", 8443, "FORWARDED"), flow(2, "shop/web", "reserved:kube-apiserver", 6443, "FORWARDED")];
    let node =
        [flow(1, "shop/web", "shop/api", 8443, "FORWARDED"), flow(2, "reserved:remote-node", "shop/web", 8080, "FORWARDED")];
    let (dnat, start, entities) = ("is not defined", "NETWORK_POLICY_ENFORCING_MODE", "`toEntities`");
    let table: [(&str, &[Value], &[&str]); 12] = [
        ("generic", &pods, &[]),
        ("generic", &api_server, &[dnat]),
        ("generic", &node, &[]),
        ("vpc", &pods, &[start]),
        ("vpc", &api_server, &[start]),
        ("vpc", &node, &[start]),
        ("cilium", &pods, &[]),
        ("cilium", &api_server, &[entities]),
        ("cilium", &node, &[entities]),
        ("calico", &pods, &[]),
        ("calico", &api_server, &[]),
        ("calico", &node, &[]),
    ];
    for (cni, flows, expected) in table {
        let (plan, _) = plan(flows, &[], &format!("network.cni = \"{cni}\""));
        let said = notes(&plan, Code::CniCannotHold);
        assert!(
            said.len() == expected.len() && said.iter().zip(expected).all(|(note, part)| note.contains(part)),
            "{cni}: {said:#?}"
        );
        let nodes = notes(&plan, Code::NodePeer).len();
        assert_eq!(nodes, usize::from(flows == &node[..]), "{cni}: a node is a node whatever the plugin");
    }
    // An API server that is only assumed is no less behind a node's address.
    let (plan, _) = plan(&pods, &shop(), "network.cni = \"cilium\"");
    assert!(notes(&plan, Code::CniCannotHold).iter().any(|note| note.contains(entities)));
}

/// `containerPort` must be the Service's port for Amazon's CNI alone.
#[test]
fn services_whose_port_is_not_the_containers_are_named_for_amazons_plugin() {
    let objects = |port: u16| {
        let place = ("shop", "api");
        vec![deployment(place, &serde_json::json!({}), &serde_json::json!({})), service(place, "ClusterIP", &[(port, 8443)])]
    };
    let flows = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED")];
    for (cni, port, expected) in
        [("vpc", 443, true), ("vpc", 8443, false), ("cilium", 443, false), ("generic", 443, false), ("calico", 443, false)]
    {
        let (plan, _) = plan(&flows, &objects(port), &format!("network.cni = \"{cni}\""));
        let said = notes(&plan, Code::CniCannotHold);
        let named = said.iter().any(|note| note.starts_with("Service/api in shop") && note.contains("port 443 leads to another"));
        assert_eq!(named, expected, "{cni} {port}: {said:#?}");
    }
}

/// The most distinct pairs of port and protocol of one peer in one policy.
fn widest(policies: &[NetworkPolicy]) -> usize {
    let rules = policies.iter().flat_map(|policy| {
        let ingress = policy.spec.ingress.iter().map(|rule| (&rule.from, rule.ports.len()));
        let egress = policy.spec.egress.iter().map(|rule| (&rule.to, rule.ports.len()));
        ingress
            .chain(egress)
            .flat_map(move |(peers, ports)| peers.iter().map(move |peer| ((policy.metadata.name.clone(), peer), ports)))
    });
    let mut sums = std::collections::BTreeMap::new();
    rules.for_each(|(key, ports)| *sums.entry(key).or_insert(0) += ports);
    sums.into_values().max().unwrap_or(0)
}

/// Twenty-four ports of a peer to a policy for Amazon's CNI; the same is let through however it is divided.
#[test]
fn policies_are_divided_for_amazons_plugin_and_say_the_same() {
    for (count, expected) in [(24_u16, 1), (25, 2), (48, 2), (49, 3)] {
        let mut flows: Vec<Value> =
            (0..count).map(|port| flow(u64::from(port), "shop/web", "data/db", 5000 + port, "FORWARDED")).collect();
        flows.push(flow(400, "shop/web", "192.0.2.7", 443, "FORWARDED"));
        let of = |cni: &str| plan(&flows, &[], &format!("[network]\nbasis = \"observed\"\ncni = \"{cni}\"")).0;
        let (vpc, generic) = (of("vpc"), of("generic"));
        let (divided, whole) = (policies(&vpc), policies(&generic));
        assert!(widest(&divided) <= 24 && widest(&whole) == usize::from(count), "{count}");
        let named = |policies: &[NetworkPolicy], app: &str| {
            policies.iter().filter(|policy| policy.metadata.name.starts_with(&format!("tightfit-deployment-{app}"))).count()
        };
        for app in ["web", "db"] {
            assert_eq!((named(&divided, app), named(&whole, app)), (expected, 1), "{count} ports of {app}");
        }
        assert_eq!(lines(&divided), lines(&whole));
        clean(&vpc);
    }
}
