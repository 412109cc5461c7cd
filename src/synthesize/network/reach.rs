//! What a workload needs beside connections between known pods: its callers by configuration, whom nothing names, and the API server and
//! AWS, whose addresses are production's. One list for proposals and for policies from flows, each with its reason.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::ports;
use super::topology::{Front, Node, Topology};
use crate::access::cidr::Cidr;
use crate::access::identity::Identity;
use crate::access::inventory::Caller;
use crate::config::Network;
use crate::finding::{Code, Finding};
use crate::policy::network::{Direction, Peer, Port};
use crate::policy::rbac::LabelSelector;

/// Where API servers listen: behind the Service `kubernetes`, and by themselves.
/// <https://kubernetes.io/docs/concepts/security/controlling-access/#transport-security>
pub(super) const API_SERVER_PORTS: &[u16] = &[443, 6443];
/// Where AWS listens.
pub(super) const HTTPS: &[u16] = &[443];

/// How many workloads a finding names.
const NAMED_MAX: usize = 5;

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Far {
    /// Anyone outside, or the node that hands a load balancer's traffic on.
    World,
    /// Pods that nothing names: a gateway's, an ingress controller's, a scraper's; or machines that do the same.
    Unnamed,
    /// The API server.
    ApiServer,
    /// AWS.
    Aws,
}

/// A need with its reason.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) direction: Direction,
    pub(super) far: Far,
    /// Not empty.
    pub(super) ports: Vec<Port>,
    /// Not empty.
    pub(super) peers: Vec<Peer>,
    /// Whether the peers are every address, since nothing says which.
    pub(super) anywhere: bool,
    /// Hostile text inside.
    pub(super) why: String,
}

/// What the peers of needs are made of.
pub(super) struct Peers<'a> {
    pub(super) network: &'a Network,
    /// The blocks that stand for every address.
    pub(super) families: &'a [Cidr],
}

impl Peers<'_> {
    fn reach(&self, direction: Direction, far: Far, ports: Vec<Port>, why: String) -> Option<Reach> {
        let (named, key) = match far {
            Far::ApiServer => (&self.network.api_server, "network.api-server"),
            Far::Aws => (&self.network.vpc_endpoints, "network.vpc-endpoints"),
            Far::World | Far::Unnamed => (&Vec::new(), ""),
        };
        let why = match (key, named.is_empty()) {
            ("", _) => why,
            (key, true) => format!("{why}; `{key}` can say where that is in production"),
            (key, false) => format!("{why}, where `{key}` says"),
        };
        let blocks = if named.is_empty() { self.families } else { named };
        let pods = (far == Far::Unnamed).then(every_pod);
        let peers: Vec<Peer> = pods.into_iter().chain(blocks.iter().map(|block| Peer::addresses(*block))).collect();
        (!ports.is_empty()).then_some(Reach { direction, far, ports, peers, anywhere: named.is_empty(), why })
    }
}

/// Pods of whatever labels in whatever namespace.
pub(super) fn every_pod() -> Peer {
    Peer { namespace_selector: Some(LabelSelector::default()), ..Peer::default() }
}

/// Everything that this workload needs.
pub(super) fn reaches(index: usize, node: &Node<'_>, topology: &Topology<'_>, peers: &Peers<'_>) -> Vec<Reach> {
    let fronts = topology.services.values().filter(|front| front.place.cluster == node.cluster && front.nodes.contains(&index));
    let mut reaches: Vec<Reach> = fronts.flat_map(|front| entered(front, node, peers)).collect();
    reaches.extend(scraped(node, peers));
    reaches.extend(calls(node, peers));
    reaches
}

/// Who comes in through a Service.
fn entered(front: &Front<'_>, node: &Node<'_>, peers: &Peers<'_>) -> Vec<Reach> {
    let service = &front.place.name;
    let ingress = front.ingress.map(|ingress| {
        let why = format!(
            "Ingress {ingress} sends traffic to Service {service}; where its controller runs is not known here: narrow `from`"
        );
        peers.reach(Direction::Ingress, Far::Unnamed, ports(front, &[], node), why)
    });
    let entrances = front.entrances.iter().map(|entrance| {
        let by = &entrance.by;
        let (far, why) = match entrance.caller {
            Caller::World => (Far::World, format!("Service {service} is open to anyone by {by}: narrow `from` to who is meant")),
            Caller::Gateway => {
                let why = format!("{by} sends traffic to Service {service}; where its gateway runs is not known here");
                (Far::Unnamed, format!("{why}: narrow `from`"))
            }
            Caller::ApiServer => (Far::ApiServer, format!("the API server calls Service {service} for {by}")),
        };
        peers.reach(Direction::Ingress, far, ports(front, entrance.port.as_slice(), node), why)
    });
    ingress.into_iter().chain(entrances).flatten().collect()
}

/// Metrics that the pod's annotations offer; by convention of Prometheus, whose pods nothing names.
fn scraped(node: &Node<'_>, peers: &Peers<'_>) -> Option<Reach> {
    let annotations = &node.pod.metadata.annotations;
    let annotation = |name: &str| annotations.get(&format!("prometheus.io/{name}")).map(String::as_str);
    let port = annotation("port").and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0)?;
    let why = "its annotations ask to be scraped; where Prometheus runs is not known here: narrow `from`".to_owned();
    let asks = annotation("scrape") == Some("true");
    asks.then(|| peers.reach(Direction::Ingress, Far::Unnamed, vec![Port::number("TCP", port)], why)).flatten()
}

/// The API server and AWS.
fn calls(node: &Node<'_>, peers: &Peers<'_>) -> Vec<Reach> {
    let needs = [
        (node.calls_api_server, Far::ApiServer, API_SERVER_PORTS, "its service account calls the API server"),
        (node.calls_aws, Far::Aws, HTTPS, "its service account has an AWS role, and reaches AWS over HTTPS"),
    ];
    let tcp = |ports: &[u16]| ports.iter().map(|port| Port::number("TCP", *port)).collect();
    let needs = needs.into_iter().filter(|(needed, ..)| *needed);
    needs.filter_map(|(_, far, ports, why)| peers.reach(Direction::Egress, far, tcp(ports), why.to_owned())).collect()
}

/// Workloads that may reach, or be entered from, any address; by namespace, direction and whom it is for.
#[derive(Debug, Default)]
pub(super) struct Anywhere(BTreeMap<(String, Direction, Far), BTreeMap<String, BTreeSet<String>>>);

impl Anywhere {
    /// Takes in a need that was written.
    pub(super) fn add(&mut self, node: &Node<'_>, reach: &Reach) {
        if reach.anywhere {
            let workloads = self.0.entry((node.namespace.to_owned(), reach.direction, reach.far)).or_default();
            let ports = workloads.entry(format!("{}/{}", node.kind, node.name)).or_default();
            ports.extend(reach.ports.iter().map(Port::to_string));
        }
    }

    /// One finding for each namespace and kind of need.
    pub(super) fn say(self, cluster: &str, findings: &mut Vec<Finding>) {
        for ((namespace, direction, far), workloads) in self.0 {
            let count = u64::try_from(workloads.len()).unwrap_or(u64::MAX);
            let spelled = |(name, ports): (&String, &BTreeSet<String>)| {
                format!("{name} on {}", ports.iter().map(String::as_str).collect::<Vec<_>>().join(" and "))
            };
            let named: Vec<String> = workloads.iter().take(NAMED_MAX).map(spelled).collect();
            let more = workloads.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let note = format!("assumed: {} ({}{more})", anywhere(direction, far), named.join("; "));
            let about = Identity::namespace(cluster, &namespace).to_string();
            findings.push(Finding::new(Code::AnyAddress, about, note).counted(count));
        }
    }
}

/// What is open, since when, and the way out.
fn anywhere(direction: Direction, far: Far) -> &'static str {
    match (direction, far) {
        (Direction::Egress, Far::ApiServer) => {
            "workloads whose service accounts call the API server may reach every address on its ports, since no flow shows where it is: name production's in `network.api-server`"
        }
        (Direction::Egress, _) => {
            "workloads whose service accounts have AWS roles may reach every address over HTTPS, since no flow shows where they reach AWS: name the VPC endpoints' subnets in `network.vpc-endpoints`"
        }
        (Direction::Ingress, Far::ApiServer) => {
            "the API server calls these workloads, and every address may, since no flow shows its own: name production's in `network.api-server`"
        }
        (Direction::Ingress, Far::World) => {
            "a Service opens these workloads to anyone, and no flow shows who comes: narrow `from` to who is meant"
        }
        (Direction::Ingress, Far::Unnamed | Far::Aws) => {
            "an Ingress, a route or a scrape annotation brings traffic to these workloads, and no flow shows from where: every pod and every address may enter; narrow `from` to the gateway's or the scraper's pods"
        }
    }
}
