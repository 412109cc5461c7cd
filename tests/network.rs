//! Network proposals: what is inferred and assumed from declared topology, and that nothing escapes from the file.
#![cfg(test)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tightfit::access::identity::Identity;
use tightfit::access::inventory::{Fact, Place, ServicePort};
use tightfit::access::kube::{KubeRequest, KubeTarget};
use tightfit::access::observation::Outcome;
use tightfit::access::pod::{PodBasis, Workload};
use tightfit::access::profile::Profile;
use tightfit::access::request::RequestKey;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::finding::{Code, Finding};
use tightfit::policy::network::NetworkProposal;
use tightfit::render::{self, Templates};
use tightfit::synthesize::network::proposals;

fn config() -> Config {
    UncheckedConfig::default().check().unwrap_or_else(|error| panic!("{error}"))
}

fn place(namespace: &str, name: &str) -> Place {
    Place { cluster: "dev".to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

fn workload(namespace: &str, name: &str, pod: Value) -> Fact {
    Fact::Workload {
        cluster: "dev".to_owned(),
        namespace: namespace.to_owned(),
        workload: Workload { kind: "Deployment".to_owned(), name: name.to_owned() },
        pod: std::sync::Arc::new(serde_json::from_value(pod).unwrap_or_else(|error| panic!("{error}"))),
        basis: PodBasis::Template,
    }
}

fn service(namespace: &str, name: &str, app: &str, port: i64, target: &str) -> Fact {
    let port = ServicePort { name: String::new(), port, target_port: target.to_owned(), protocol: "TCP".to_owned() };
    Fact::Service {
        place: place(namespace, name),
        selector: BTreeMap::from([("app".to_owned(), app.to_owned())]),
        ports: vec![port],
    }
}

fn profile(facts: &[Fact]) -> Profile {
    let mut profile = Profile::default();
    for fact in facts {
        profile.inventory.insert(fact);
    }
    profile
}

fn shop() -> Profile {
    let mut profile = profile(&[
        workload(
            "shop",
            "web",
            json!({
                "metadata": {"labels": {"app": "web", "version": "7"}},
                "spec": {"serviceAccountName": "web", "containers": [{
                    "name": "web", "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [{"name": "DB", "value": "postgres://u:p@db.data.svc.cluster.local:5432/shop"}],
                    "args": ["--cache=cache:6379", "queue"]
                }]}
            }),
        ),
        workload(
            "data",
            "db",
            json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "ports": [{"name": "pg", "containerPort": 15432}]}]}}),
        ),
        workload("shop", "cache", json!({"metadata": {"labels": {"app": "cache"}}, "spec": {"containers": [{"name": "c"}]}})),
        workload("shop", "queue", json!({"metadata": {"labels": {"app": "queue"}}, "spec": {"containers": [{"name": "q"}]}})),
        workload("shop", "node", json!({"metadata": {"labels": {"app": "node"}}, "spec": {"hostNetwork": true}})),
        service("data", "db", "db", 5432, "pg"),
        service("shop", "cache", "cache", 6379, ""),
        service("shop", "queue", "queue", 5672, ""),
        service("shop", "web", "web", 80, "http"),
        Fact::Ingress { place: place("shop", "front"), services: BTreeSet::from(["web".to_owned()]) },
        Fact::ServiceAccountRole { namespace: "shop".to_owned(), name: "web".to_owned(), role_arn: "arn".to_owned() },
    ]);
    let seen = harness::seen(&[Outcome::Allowed]);
    let request = KubeRequest { verb: "get".to_owned(), target: KubeTarget::NonResource("/api".to_owned()) };
    let web = Identity::kube_user("dev", "system:serviceaccount:shop:web");
    profile.identities.entry(web).or_default().requests.insert(RequestKey::Kube(request), seen);
    profile
}

fn propose(profile: &Profile) -> (Vec<NetworkProposal>, Vec<Finding>) {
    let mut findings = Vec::new();
    (proposals(profile, &config(), &mut findings), findings)
}

fn body(proposal: &NetworkProposal) -> String {
    let artifacts = render::network::artifacts(proposal, &Templates::new(None).unwrap_or_else(|error| panic!("{error}")));
    artifacts.unwrap_or_else(|error| panic!("{error}")).first().map(|artifact| artifact.body.clone()).unwrap_or_default()
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn declared_topology_becomes_rules() {
    let (proposals, findings) = propose(&shop());
    let [data, shop] = proposals.as_slice() else { panic!("{} proposals", proposals.len()) };
    let db = documents(&body(data)).into_iter().find(|one| one["metadata"]["name"] == "tightfit-deployment-db").unwrap();
    assert_eq!(
        db["spec"],
        json!({
            "podSelector": {"matchLabels": {"app": "db"}},
            "policyTypes": ["Ingress"],
            "ingress": [{
                "from": [{
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                    "podSelector": {"matchLabels": {"app": "web"}}
                }],
                "ports": [{"protocol": "TCP", "port": 15432}]
            }]
        })
    );
    let text = body(shop);
    let read = documents(&text);
    let names: Vec<&str> = read.iter().filter_map(|one| one["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["tightfit-default-deny", "tightfit-dns", "tightfit-deployment-cache", "tightfit-deployment-web"]);
    let web = read.last().unwrap();
    let ports: Vec<&Value> = web["spec"]["egress"].as_array().unwrap().iter().map(|rule| &rule["ports"]).collect();
    assert_eq!(ports.len(), 4, "db, cache, API server, AWS; `queue` alone in args is no host: {web}");
    let anyone = json!([{"namespaceSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]);
    assert_eq!(web["spec"]["ingress"], json!([{"from": anyone, "ports": [{"protocol": "TCP", "port": 8080}]}]));
    assert!(text.contains("# inferred: egress to Deployment/db in data on TCP 15432"), "{text}");
    assert!(text.contains("# assumed: ingress from anywhere on TCP 8080; Ingress front"), "{text}");
    assert!(text.contains("PROPOSAL"));
    let about: Vec<&str> = findings.iter().map(|finding| finding.about.as_str()).collect();
    assert!(about.contains(&"dev/namespace/shop Deployment/node"), "host network is said: {about:?}");
    assert!(!text.contains("u:p"), "no credentials of an address");
}

#[test]
fn a_selector_never_takes_a_neighbour_along() {
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let facts = [
        workload("shop", "a", labels(json!({"app": "x"}))),
        workload("shop", "b", labels(json!({"app": "x", "app.kubernetes.io/name": "b", "tier": "t"}))),
        service("shop", "x", "x", 80, ""),
        Fact::Ingress { place: place("shop", "front"), services: BTreeSet::from(["x".to_owned()]) },
    ];
    let (proposals, _) = propose(&profile(&facts));
    let selectors: Vec<Value> =
        documents(&body(&proposals[0])).iter().skip(2).map(|one| one["spec"]["podSelector"].clone()).collect();
    assert_eq!(selectors, [json!({"matchLabels": {"app": "x"}}), json!({"matchLabels": {"app.kubernetes.io/name": "b"}})]);
}

#[test]
fn a_label_of_two_workloads_names_neither() {
    let labels = |tier: &str| json!({"metadata": {"labels": {"app": "x", "tier": tier}}});
    let facts = [
        workload("shop", "a", labels("front")),
        workload("shop", "b", labels("back")),
        service("shop", "x", "x", 80, ""),
        Fact::Ingress { place: place("shop", "front"), services: BTreeSet::from(["x".to_owned()]) },
    ];
    let (proposals, _) = propose(&profile(&facts));
    let selectors: Vec<Value> =
        documents(&body(&proposals[0])).iter().skip(2).map(|one| one["spec"]["podSelector"]["matchLabels"].clone()).collect();
    assert_eq!(selectors, [json!({"app": "x", "tier": "front"}), json!({"app": "x", "tier": "back"})]);
}

/// Its peers see the node's address, so a selector would promise what no rule can hold.
#[test]
fn a_pod_on_the_nodes_network_is_no_peer() {
    let calls = |host: &str, own: bool| {
        let env = json!([{"name": "A", "value": format!("http://{host}:80")}]);
        json!({"metadata": {"labels": {"app": if own { "node" } else { "web" }}}, "spec": {"hostNetwork": own, "containers": [{"env": env}]}})
    };
    let facts = [
        workload("shop", "node", calls("web", true)),
        workload("shop", "web", calls("node", false)),
        service("shop", "node", "node", 80, ""),
        service("shop", "web", "web", 80, ""),
    ];
    let (proposals, _) = propose(&profile(&facts));
    let named: Vec<Value> = documents(&body(&proposals[0])).iter().map(|one| one["metadata"]["name"].clone()).collect();
    assert_eq!(named, ["tightfit-default-deny", "tightfit-dns"]);
}

#[test]
fn system_and_unchosen_namespaces_are_left_out() {
    let pod = json!({"metadata": {"labels": {"app": "x"}}});
    let (proposals, findings) = propose(&profile(&[workload("kube-system", "x", pod)]));
    assert!(proposals.is_empty() && findings.is_empty());
}

const HOSTILE: &[&str] =
    &["a\nb: c", "x\n---\nkind: Secret", "\u{2028}evil: true", "*a", "# c", "yes", "'\"", "${x}", "\u{0}", "{{ x }}"];

#[test]
fn hostile_names_neither_escape_nor_select() {
    for hostile in HOSTILE {
        let pod = |key: &str, value: &str| json!({"metadata": {"labels": {key: value}}, "spec": {"containers": [{"env": [{"name": "A", "value": format!("http://{hostile}:80")}]}]}});
        let mut selector = service("shop", hostile, hostile, 80, hostile);
        if let Fact::Service { selector, .. } = &mut selector {
            selector.insert((*hostile).to_owned(), "x".to_owned());
        }
        let facts = [
            workload("shop", hostile, pod("app", "web")),
            workload("shop", "by-value", pod("app", hostile)),
            workload("shop", "by-key", pod(hostile, "x")),
            workload(hostile, "by-namespace", pod("app", "web")),
            selector,
            service("shop", hostile, "web", 80, hostile),
            service("shop", "port", "web", 99_999, ""),
            service("shop", "good", "web", 8080, ""),
            Fact::Ingress { place: place("shop", hostile), services: BTreeSet::from([(*hostile).to_owned(), "port".to_owned()]) },
            Fact::Ingress { place: place("shop", "front"), services: BTreeSet::from(["good".to_owned()]) },
        ];
        let (proposals, findings) = propose(&profile(&facts));
        assert!(findings.iter().any(|finding| finding.code == Code::NameNotCarried) || *hostile == "yes", "{hostile:?}");
        for proposal in &proposals {
            let text = body(proposal);
            let read = documents(&text);
            assert_eq!(read.len(), proposal.policies.len(), "{text}");
            assert!(
                read.iter()
                    .all(|one| one["kind"] == "NetworkPolicy" && one["metadata"]["namespace"] == "shop" || *hostile == "yes")
            );
            let object_name = |one: &Value| {
                let name = one["metadata"]["name"].as_str().unwrap_or_default();
                name.len() < 254 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            };
            assert!(read.iter().all(object_name), "{text}");
            let own = |line: &&str| line.starts_with("evil") || line.starts_with("b: c") || line.starts_with("kind: Secret");
            assert_eq!(text.lines().find(own), None, "{text}");
        }
    }
}

#[test]
fn order_does_not_matter() {
    let first = shop();
    let mut backwards = Profile { identities: first.identities.clone(), ..Profile::default() };
    let mut facts: Vec<Fact> = first.inventory.facts().collect();
    facts.reverse();
    for fact in &facts {
        backwards.inventory.insert(fact);
    }
    assert_eq!(propose(&first).0, propose(&backwards).0);
}
