//! Policies that synthesis writes from generated flows with known truth: by netpol-analyzer's word nothing observed is denied, and
//! nothing unobserved allowed beyond what a grant names as assumed or as a generalization.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, Labels, PodEnd, Point, Transport, resolve};
use tightfit::access::identity::Identity;
use tightfit::access::inventory::Fact;
use tightfit::access::observation::Outcome;
use tightfit::access::pod::{PodBasis, Workload};
use tightfit::access::profile::Profile;
use tightfit::access::request::{Request, RequestKey};
use tightfit::config::Config;
use tightfit::policy::grant::Permit;
use tightfit::policy::grant::Reason;
use tightfit::policy::network::{Direction, NAMESPACE_NAME};
use tightfit::policy::set::{Documents, Policy};
use tightfit::synthesize::network;

use super::generated::Dice;
use super::{harness, judge};

const FOLDERS: u64 = 120;
const NAMESPACES: [&str; 3] = ["shop", "data", "kube-tools"];
const PORTS: [(Transport, u16); 5] =
    [(Transport::Tcp, 80), (Transport::Tcp, 5432), (Transport::Udp, 53), (Transport::Udp, 8125), (Transport::Sctp, 9999)];

struct Scene {
    pods: Vec<PodEnd>,
    profile: Profile,
    granted: BTreeSet<Flow>,
    addresses: BTreeSet<String>,
}

fn scene(seed: u64) -> Scene {
    let mut dice = Dice::new(seed);
    let pods: Vec<PodEnd> = (0..5 + dice.below(4))
        .map(|place| {
            let mut labels = Labels::from([("app".to_owned(), (*dice.of(&["a", "b", "c"])).to_owned())]);
            for key in ["tier", "env"] {
                if dice.chance(50) {
                    labels.insert(key.to_owned(), (*dice.of(&["x", "y"])).to_owned());
                }
            }
            let workload = Some(Workload { kind: "Deployment".to_owned(), name: format!("w{place}") });
            PodEnd { namespace: (*dice.of(&NAMESPACES)).to_owned(), workload, labels, ..PodEnd::default() }
        })
        .collect();
    let mut profile = Profile::default();
    let (mut granted, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    let requests = &mut profile.identities.entry(Identity::network("dev")).or_default().requests;
    for _ in 0..6 + dice.below(30) {
        let mut end = |dice: &mut Dice| {
            if dice.chance(35) {
                let address = format!("{}.{}", dice.of(&["192.0.2", "198.51.100"]), dice.below(16));
                addresses.insert(address.clone());
                return End::address(address.parse().unwrap());
            }
            End::Pod(Box::new(dice.of(&pods).clone()))
        };
        let (client, server) = (end(&mut dice), end(&mut dice));
        if client.pod().is_none() && server.pod().is_none() {
            continue;
        }
        let (transport, port) = *dice.of(&PORTS);
        let flow = Flow { client, server, transport, port, hour: None, family: None, point: Point::Whole };
        let refused = dice.chance(20);
        let outcome = if refused { Outcome::Refused } else { Outcome::Allowed };
        if !refused {
            granted.insert(flow.clone());
        }
        requests.entry(RequestKey::Flow(Box::new(flow))).or_default().merge(&harness::seen(&[outcome]));
    }
    // Several addresses of one network, and one in between that nobody asked for.
    for last in [0, 1, 2, 4] {
        let address = format!("203.0.113.{last}");
        let (client, server) = (End::Pod(Box::new(pods[0].clone())), End::address(address.parse().unwrap()));
        let flow = Flow { client, server, transport: Transport::Tcp, port: 80, hour: None, family: None, point: Point::Whole };
        granted.insert(flow.clone());
        requests.entry(RequestKey::Flow(Box::new(flow))).or_default().merge(&harness::seen(&[Outcome::Allowed]));
        addresses.insert(address);
    }
    addresses.extend(["203.0.113.3".to_owned(), "203.0.113.9".to_owned()]);
    // Neighbours that opened nothing are known from the audit log.
    for pod in &pods {
        let template = json!({"metadata": {"labels": pod.labels}, "spec": {"containers": [{"name": "c"}]}});
        profile.inventory.insert(&Fact::Workload {
            cluster: "dev".to_owned(),
            namespace: pod.namespace.clone(),
            workload: pod.workload.clone().unwrap(),
            pod: std::sync::Arc::new(serde_json::from_value(template).unwrap()),
            basis: PodBasis::Template,
        });
    }
    // What resolving adds to every end.
    let granted = granted.iter().flat_map(|flow| resolve(flow, "dev", &profile.inventory).unwrap()).collect();
    let pods = pods
        .iter()
        .map(|pod| {
            let namespace_labels = Labels::from([(NAMESPACE_NAME.to_owned(), pod.namespace.clone())]);
            PodEnd { namespace_labels, ..pod.clone() }
        })
        .collect();
    Scene { pods, profile, granted, addresses }
}

impl Scene {
    fn policy(&self, config: &Config) -> Option<Policy> {
        let network = Identity::network("dev");
        let seen = self.profile.identities.get(&network).unwrap();
        network::policy(&network, seen, &self.profile, config, (&mut Vec::new(), &mut Vec::new()))
    }

    fn manifests(&self, policy: &Policy) -> Vec<Value> {
        let mut manifests: Vec<Value> = NAMESPACES
            .iter()
            .map(|name| {
                let labels = json!({"kubernetes.io/metadata.name": name});
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
            })
            .collect();
        manifests.extend(self.pods.iter().map(|pod| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": pod.workload.as_ref().unwrap().name, "namespace": pod.namespace},
                "spec": {"selector": {"matchLabels": pod.labels}, "template": {"metadata": {"labels": pod.labels},
                    "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
        }));
        let Documents::Network(policies) = &policy.documents else { panic!("{policy:?}") };
        manifests.extend(policies.iter().map(|policy| serde_json::to_value(policy).unwrap()));
        manifests
    }

    fn ends(&self) -> Vec<(String, End)> {
        let named = |pod: &PodEnd| format!("{}/{}[Deployment]", pod.namespace, pod.workload.as_ref().unwrap().name);
        let mut ends: Vec<(String, End)> = self.pods.iter().map(|pod| (named(pod), End::Pod(Box::new(pod.clone())))).collect();
        ends.extend(self.addresses.iter().map(|address| (address.clone(), End::address(address.parse().unwrap()))));
        ends
    }
}

/// Whether a grant that names why it is wider, or that workloads which no label tells apart share, covers a side of the flow.
fn named(policy: &Policy, flow: &Flow, direction: Direction, granted: &BTreeSet<Flow>) -> bool {
    policy.grants.iter().any(|grant| {
        let Permit::Network(permit) = &grant.permit else { return false };
        let wider = grant.generalization.is_some() || matches!(grant.reason, Reason::Assumed { .. });
        permit.direction == direction
            && grant.permit.covers(&Request::Flow(Box::new(flow.clone())))
            && (wider || granted.iter().any(|seen| alike(seen, flow)))
    })
}

/// Whether two flows are the same but for workloads with the same labels.
fn alike(one: &Flow, other: &Flow) -> bool {
    let same = |a: &End, b: &End| match (a, b) {
        (End::Pod(a), End::Pod(b)) => a.namespace == b.namespace && a.labels == b.labels,
        (a, b) => a == b,
    };
    same(&one.client, &other.client)
        && same(&one.server, &other.server)
        && (one.transport, one.port) == (other.transport, other.port)
}

fn prove(settings: &str) -> (usize, usize, Vec<String>) {
    let Some(program) = judge::program() else { return (0, 0, Vec::new()) };
    let config = harness::config(settings);
    let scratch = tempfile::tempdir().unwrap();
    let scenes: Vec<(Scene, Policy)> =
        (0..FOLDERS).map(scene).filter_map(|scene| scene.policy(&config).map(|policy| (scene, policy))).collect();
    let folders: Vec<PathBuf> = (0..scenes.len()).map(|place| scratch.path().join(place.to_string())).collect();
    for (folder, (scene, policy)) in folders.iter().zip(&scenes) {
        judge::write(folder, &scene.manifests(policy));
    }
    let (mut cases, mut beyond, mut wrong) = (0, 0, Vec::new());
    for (place, ((scene, policy), answer)) in scenes.iter().zip(judge::ask(&program, &folders)).enumerate() {
        assert_eq!(answer.error, "", "folder {place}");
        let held: BTreeSet<&str> = scene
            .granted
            .iter()
            .flat_map(|flow| [&flow.client, &flow.server])
            .filter_map(End::pod)
            .map(|pod| pod.namespace.as_str())
            .collect();
        let is_held = |end: &End| end.pod().is_some_and(|pod| held.contains(pod.namespace.as_str()));
        for (src, client) in scene.ends() {
            for (dst, server) in scene.ends() {
                if src == dst || !(is_held(&client) || is_held(&server)) {
                    continue;
                }
                for (transport, port) in PORTS {
                    let flow = Flow {
                        client: client.clone(),
                        server: server.clone(),
                        transport,
                        port,
                        hour: None,
                        family: None,
                        point: Point::Whole,
                    };
                    let allowed = answer.allows(&src, &dst, transport.name(), port);
                    cases += 1;
                    let observed = scene.granted.contains(&flow);
                    let by_name = (!is_held(&client) || named(policy, &flow, Direction::Egress, &scene.granted))
                        && (!is_held(&server) || named(policy, &flow, Direction::Ingress, &scene.granted));
                    beyond += usize::from(allowed && !observed);
                    if observed && !allowed {
                        wrong.push(format!("{place}: observed and denied: {flow}"));
                    } else if allowed && !observed && !by_name {
                        wrong.push(format!("{place}: unobserved and allowed: {flow}"));
                    }
                }
            }
        }
    }
    println!(
        "policies from flows ({settings}): {cases} connections in {} clusters, {beyond} allowed beyond those observed, each named",
        scenes.len()
    );
    (cases, beyond, wrong)
}

#[test]
fn nothing_observed_is_denied_and_nothing_unobserved_allowed_without_a_name() {
    if judge::program().is_none() {
        return;
    }
    let exact = prove("network.basis = \"observed\"\ngeneralize.exact = true");
    assert!(exact.0 > 5_000 && exact.2.is_empty(), "{:#?}", &exact.2[..exact.2.len().min(20)]);
    let merged = prove("network.basis = \"observed\"\ngeneralize.cidr-addresses-min = 3");
    assert!(merged.2.is_empty() && merged.1 > exact.1, "{:#?}", &merged.2[..merged.2.len().min(20)]);
    let inferred = prove("");
    assert!(inferred.2.is_empty(), "{:#?}", &inferred.2[..inferred.2.len().min(20)]);
}
