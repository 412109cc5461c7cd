//! Entrances, scrapes, the API server and AWS: the same with flows and without, unless flows show them met.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tightfit::finding::Code;

use crate::scene::{called, clean, deployment, file, flow, lines, made, notes, plan, policies, service};

/// `web` behind an Ingress and scraped, `api` behind a load balancer, `hook` called by the API server; `web` calls the API server and AWS.
pub(crate) fn shop() -> Vec<Value> {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let hook = json!({"kind": "ValidatingWebhookConfiguration",
        "webhooks": [{"name": "h", "clientConfig": {"service": {"namespace": "shop", "name": "hook", "port": 443}}}]});
    let role = json!({"kind": "ServiceAccount", "metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/web"}}});
    vec![
        deployment(("shop", "web"), &json!({"prometheus.io/scrape": "true", "prometheus.io/port": "9100"}), &json!({})),
        deployment(("shop", "api"), &json!({}), &json!({})),
        deployment(("shop", "hook"), &json!({}), &json!({})),
        service(("shop", "web"), "ClusterIP", &[(80, 8080)]),
        service(("shop", "api"), "LoadBalancer", &[(443, 8443)]),
        service(("shop", "hook"), "ClusterIP", &[(443, 9443)]),
        made(
            "networking.k8s.io",
            "ingresses",
            ("shop", "front"),
            &json!({"kind": "Ingress", "spec": {"rules": [{"http": {"paths": [{"backend": backend}]}}]}}),
        ),
        made("admissionregistration.k8s.io", "validatingwebhookconfigurations", ("", "hooks"), &hook),
        made("", "serviceaccounts", ("shop", "web"), &role),
        called("shop", "web"),
    ]
}

/// What `shop` needs where no address is known.
const NEEDS: &[&str] = &[
    "api in 0.0.0.0/0 8443",
    "api in ::/0 8443",
    "hook in 0.0.0.0/0 9443",
    "hook in ::/0 9443",
    "web in * 8080",
    "web in * 9100",
    "web in 0.0.0.0/0 8080",
    "web in 0.0.0.0/0 9100",
    "web in ::/0 8080",
    "web in ::/0 9100",
    "web out 0.0.0.0/0 443",
    "web out 0.0.0.0/0 6443",
    "web out ::/0 443",
    "web out ::/0 6443",
];

fn beyond_names(lines: &[String]) -> BTreeSet<&str> {
    lines.iter().map(String::as_str).filter(|line| !line.ends_with(" 53")).collect()
}

#[test]
fn needs_are_granted_with_flows_as_they_are_without() {
    let needs: BTreeSet<&str> = NEEDS.iter().copied().collect();
    let (proposed, _) = plan(&[], &shop(), "");
    assert_eq!(beyond_names(&lines(&policies(&proposed))), needs);

    let (enforced, _) = plan(&[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &shop(), "");
    let observed = BTreeSet::from(["web out api 8443", "api in web 8443"]);
    assert_eq!(beyond_names(&lines(&policies(&enforced))), needs.union(&observed).copied().collect());
    clean(&enforced);
    for plan in [&proposed, &enforced] {
        let said = notes(plan, Code::AnyAddress);
        assert_eq!(said.len(), 5, "{said:#?}");
        for part in [
            "Deployment/web on TCP 443 and TCP 6443",
            "network.api-server",
            "network.vpc-endpoints",
            "Deployment/hook",
            "Deployment/api on TCP 8443",
        ] {
            assert!(
                said.iter().any(|note| note.contains(part) && note.starts_with("cluster/namespace/shop: assumed: ")),
                "{part}: {said:#?}"
            );
        }
    }
    // With flows alone nothing is assumed, and nothing said.
    let (observed_only, _) = plan(&[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &shop(), "network.basis = \"observed\"");
    assert_eq!(lines(&policies(&observed_only)), ["api in web 8443", "web out api 8443"]);
    assert!(notes(&observed_only, Code::AnyAddress).is_empty());
}

#[test]
fn what_flows_show_is_not_assumed_beside_them() {
    let flows = [
        flow(1, "192.0.2.7", "shop/api", 8443, "FORWARDED"),
        flow(2, "edge/proxy", "shop/web", 8080, "FORWARDED"),
        flow(3, "shop/api", "shop/web", 9100, "FORWARDED"),
        flow(4, "shop/web", "203.0.113.20", 443, "FORWARDED"),
    ];
    let (plan, _) = plan(&flows, &shop(), "");
    let lines = lines(&policies(&plan));
    let of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("api in"), ["api in 192.0.2.7/32 8443"]);
    // A proxy of another namespace came; a neighbour is no scraper. Every known address is IPv4.
    assert_eq!(of("web in"), ["web in * 9100", "web in 0.0.0.0/0 9100", "web in api 9100", "web in proxy 8080"]);
    assert_eq!(of("web out 2"), ["web out 203.0.113.20/32 443"]);
    assert_eq!(of("web out 0"), Vec::<&str>::new());
    assert_eq!(of("hook in"), ["hook in 0.0.0.0/0 9443"]);
    clean(&plan);
}

#[test]
fn where_a_pod_was_refused_pods_that_nothing_names_stay_out() {
    let flows = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED"), flow(2, "shop/api", "shop/web", 8080, "DROPPED")];
    let (plan, _) = plan(&flows, &shop(), "");
    let lines = lines(&policies(&plan));
    assert!(lines.contains(&"web in 0.0.0.0/0 8080".to_owned()) && !lines.contains(&"web in * 8080".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"web in * 9100".to_owned()), "{lines:#?}");
    clean(&plan);
}

#[test]
fn settings_name_what_would_be_every_address() {
    let flows = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED")];
    let named = "[network]\napi-server = [\"10.9.0.1/32\", \"fd00::1/128\"]\nvpc-endpoints = [\"10.8.0.0/24\"]";
    for flows in [&flows[..], &[]] {
        let (plan, _) = plan(flows, &shop(), named);
        let lines = lines(&policies(&plan));
        let of = |start: &str| {
            lines.iter().filter(|line| line.starts_with(start) && !line.ends_with(" 53")).map(String::as_str).collect::<Vec<_>>()
        };
        assert_eq!(of("web out 1"), ["web out 10.8.0.0/24 443", "web out 10.9.0.1/32 443", "web out 10.9.0.1/32 6443"]);
        assert_eq!(of("web out 0"), Vec::<&str>::new());
        assert_eq!(of("hook in"), ["hook in 10.9.0.1/32 9443", "hook in fd00::1/128 9443"]);
        let said = notes(&plan, Code::AnyAddress);
        assert!(said.len() == 2 && said.iter().all(|note| note.contains("narrow `from`")), "{said:#?}");
    }
}

#[test]
fn cilium_has_words_for_what_addresses_stood_for() {
    let flows = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED"), flow(2, "shop/web", "shop/api", 9999, "DROPPED")];
    let (_, files) = plan(&flows, &shop(), "network.cilium = true");
    let text = file(&files, "shop/network-policy.cilium.yaml");
    let read: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let of =
        |app: &str| &read.iter().find(|one| one["metadata"]["name"] == format!("tightfit-deployment-{app}")).unwrap()["spec"];
    let ports = |rule: &Value| {
        rule["toPorts"][0]["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| port["port"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let entities = |rules: &Value, key: &str| {
        let rules = rules.as_array().unwrap().iter().filter(|rule| rule.get(key).is_some());
        rules.map(|rule| (rule[key].clone(), ports(rule).join(" "))).collect::<Vec<_>>()
    };
    let outside = json!(["world", "remote-node"]);
    assert_eq!(
        entities(&of("web")["egress"], "toEntities"),
        [(json!(["kube-apiserver"]), "443 6443".to_owned()), (json!(["world"]), "443".to_owned())]
    );
    assert_eq!(entities(&of("web")["ingress"], "fromEntities"), [(outside.clone(), "8080 9100".to_owned())]);
    assert_eq!(entities(&of("api")["ingress"], "fromEntities"), [(outside, "8443".to_owned())]);
    assert_eq!(entities(&of("hook")["ingress"], "fromEntities"), [(json!(["kube-apiserver"]), "9443".to_owned())]);
    let every = json!([{"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"}]}]);
    assert!(of("web")["ingress"].as_array().unwrap().iter().any(|rule| rule["fromEndpoints"] == every), "{text}");
    assert!(!text.contains("0.0.0.0/0") && !text.contains("::/0"), "{text}");
    // The header's promise: what no flow stands behind is listed above its policy.
    for comment in [
        "# assumed: to kube-apiserver on TCP 443; its service account calls the API server",
        "# assumed: to world on TCP 443; its service account has an AWS role",
    ] {
        assert!(text.contains(comment), "{comment}: {text}");
    }
}

#[test]
fn every_form_lists_the_reasons_of_its_rules() {
    let flows = [flow(1, "shop/web", "shop/api", 8443, "FORWARDED")];
    let (_, files) = plan(&flows, &shop(), "[network]\ncilium = true\ncalico-staged = true");
    let reasons = |name: &str| {
        let text = file(&files, &format!("shop/{name}")).to_owned();
        let assumed: BTreeSet<String> = text.lines().filter(|line| line.starts_with("# assumed: ")).map(str::to_owned).collect();
        (text, assumed)
    };
    let (_, plain) = reasons("network-policy.yaml");
    let (staged_text, staged) = reasons("network-policy.calico-staged.yaml");
    let (_, cilium) = reasons("network-policy.cilium.yaml");
    assert_eq!(plain, staged);
    assert!(plain.len() > 10 && staged_text.contains("enforces nothing"), "{staged_text}");
    // In Cilium's own words, so not line by line; every reason is there.
    let whys = |lines: &BTreeSet<String>| {
        lines.iter().filter_map(|line| line.split_once("; ")).map(|(_, why)| why.to_owned()).collect::<BTreeSet<_>>()
    };
    let missing: Vec<String> = whys(&plain).difference(&whys(&cilium)).cloned().collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
