//! Flows: connections between pods, nodes and the world; what a NetworkPolicy is asked about, on both of its ends.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>
//!
//! ```text
//! record --ingest--> flow as the record names it --resolve, with the inventory--> flow whose ends carry labels
//! ```
//!
//! Invariant: a flow holds nothing that is unique to a connection: no client port, and no pod's own name where its owner is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::cidr::Cidr;
use super::pod::Workload;

mod passage;
mod remarks;
mod resolve;
mod unseen;

pub use passage::{Passage, Passages};
pub use remarks::remarks;
pub use resolve::{Unresolved, is_private, is_served, is_unknown_private, resolve};
pub use unseen::without_flows;

/// The rule behind a flow of which nothing but its ports says who opened it: clients are given ports from 32768 up, and only
/// servers have those below 1024. <https://docs.kernel.org/networking/ip-sysctl.html#ip-variables>
pub const LOWER_PORT: &str =
    "the record does not say who opened the connection: the end with the lower kind of port was taken as the server";

/// Labels that controllers add to each replica, revision or generation.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/>
const UNSTABLE_LABELS: &[&str] = &[
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
];

/// Whether a label stays the same from replica to replica and from rollout to rollout.
#[must_use]
pub fn is_stable_label(name: &str) -> bool {
    !UNSTABLE_LABELS.contains(&name) && !name.starts_with("batch.kubernetes.io/")
}

/// The labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A protocol that a NetworkPolicy can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A connection that was opened or tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// Who opened it.
    pub client: End,
    /// To whom.
    pub server: End,
    /// Over what.
    pub transport: Transport,
    /// The port on which the server's end was reached: of the pod, not of a Service in front of it.
    pub port: u16,
    /// The hour in which it was seen, in hours since 1970, where an end is known by its address alone and the inventory has to say
    /// whose it was; `None` where both ends are named.
    pub hour: Option<i64>,
    /// The family of its addresses, where an end is known by none and the record told the family all the same; `None` elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Where the record stood, as far as what it says of the outcome depends on it.
    #[serde(default, skip_serializing_if = "Point::is_whole")]
    pub point: Point,
}

/// Which of the two kinds of addresses: both ends of a connection have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4, inside of IPv6 too.
    V4,
    /// IPv6.
    V6,
}

/// Where a record of a flow was made. An interface that lets a flow out does not know what becomes of it at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Where the outcome is the connection's: at its server, of an answer, or where the network knows both ends.
    #[default]
    Whole,
    /// At the client's interface.
    Client,
    /// At the interface of one of the ends, and the record does not say of which.
    Either,
}

impl Family {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl Flow {
    /// The family of its addresses, by what the record told or by an end that is an address; `None` where neither says.
    #[must_use]
    pub fn told_family(&self) -> Option<Family> {
        let ends = [&self.client, &self.server].into_iter();
        self.family.or_else(|| ends.filter_map(End::known_address).map(Family::of).next())
    }
}

impl Flow {
    /// The same where settings say where the API server is: once for each block, with its first address in place of the word.
    #[must_use]
    pub fn where_told(&self, api_server: &[Cidr]) -> Vec<Flow> {
        let word = End::Reserved(Reserved::KubeApiserver);
        if api_server.is_empty() || (self.client != word && self.server != word) {
            return vec![self.clone()];
        }
        let told = |end: &End, block: &Cidr| if *end == word { End::address(block.first()) } else { end.clone() };
        let flow =
            |block| Flow { client: told(&self.client, block), server: told(&self.server, block), family: None, ..self.clone() };
        api_server.iter().map(flow).collect()
    }
}

impl Point {
    fn is_whole(&self) -> bool {
        *self == Point::Whole
    }
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// An address. Before it is resolved anyone's; after it, of no pod of the cluster.
    Address {
        /// The address.
        address: IpAddr,
        /// The DNS names that the record gives for it, in lower case and without a dot at the end; empty for none.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        names: BTreeSet<String>,
    },
    /// A pod.
    Pod(Box<PodEnd>),
    /// What the network itself knows by a word of its own.
    Reserved(Reserved),
}

/// A pod as one end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PodEnd {
    /// Its namespace.
    pub namespace: String,
    /// Its name; empty where `workload` names its owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// Its owner; `None` until the inventory tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// Its labels, without those that each rollout or replica changes; empty where the record carries none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    /// The labels of its namespace; empty until the inventory tells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_labels: Labels,
    /// The named ports of its containers; empty until the inventory tells.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<NamedPort>,
    /// Whether it shares its node's network, so that no policy holds for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
}

/// A port that a container names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedPort {
    /// The name.
    pub name: String,
    /// Over what.
    pub transport: Transport,
    /// The number.
    pub port: u16,
}

/// Ends that are no pods and that a network names without an address.
/// <https://docs.cilium.io/en/stable/gettingstarted/terminology/#special-identities>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reserved {
    /// The node that the other end runs on, and whatever shares its network.
    Host,
    /// Another node of the cluster.
    RemoteNode,
    /// The API server.
    KubeApiserver,
    /// Anywhere outside of the cluster; the record names no address.
    World,
}

impl Transport {
    /// As a NetworkPolicy spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
            Transport::Sctp => "SCTP",
        }
    }

    /// The protocol that an object of Kubernetes names; empty means TCP.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Transport> {
        match name {
            "" | "TCP" => Some(Transport::Tcp),
            "UDP" => Some(Transport::Udp),
            "SCTP" => Some(Transport::Sctp),
            _ => None,
        }
    }

    /// The protocol of an IP header; `None` for those that no NetworkPolicy can name.
    /// <https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml>
    #[must_use]
    pub const fn of_number(number: u8) -> Option<Transport> {
        match number {
            6 => Some(Transport::Tcp),
            17 => Some(Transport::Udp),
            132 => Some(Transport::Sctp),
            _ => None,
        }
    }
}

impl End {
    /// An address without names.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        End::Address { address, names: BTreeSet::new() }
    }

    /// The address of an end that is known by nothing else.
    #[must_use]
    pub fn known_address(&self) -> Option<IpAddr> {
        match self {
            End::Address { address, .. } => Some(*address),
            End::Pod(_) | End::Reserved(_) => None,
        }
    }

    /// Whether it has an address that a policy would have to name and that is not known: a node, a pod on a node's network, the API server,
    /// the world. A pod's own node needs no rule.
    #[must_use]
    pub fn lacks_address(&self) -> bool {
        match self {
            End::Address { .. } | End::Reserved(Reserved::Host) => false,
            End::Pod(pod) => pod.host_network,
            End::Reserved(Reserved::RemoteNode | Reserved::KubeApiserver | Reserved::World) => true,
        }
    }

    /// The pod at this end, if one is known.
    #[must_use]
    pub fn pod(&self) -> Option<&PodEnd> {
        match self {
            End::Pod(pod) => Some(pod),
            End::Address { .. } | End::Reserved(_) => None,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Address { address, names } => match names.first() {
                Some(name) => write!(f, "{address} ({name})"),
                None => write!(f, "{address}"),
            },
            End::Pod(pod) => match &pod.workload {
                Some(workload) => write!(f, "{workload} in {}", pod.namespace),
                None if pod.pod.is_empty() => {
                    let labels: Vec<String> = pod.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    write!(f, "pods with {} in {}", labels.join(","), pod.namespace)
                }
                None => write!(f, "Pod/{} in {}", pod.pod, pod.namespace),
            },
            End::Reserved(Reserved::Host) => f.write_str("its node"),
            End::Reserved(Reserved::RemoteNode) => f.write_str("another node"),
            End::Reserved(Reserved::KubeApiserver) => f.write_str("the API server"),
            End::Reserved(Reserved::World) => f.write_str("the world"),
        }
    }
}

/// One line: `connect Deployment/web in shop to Deployment/db in shop on TCP 5432`.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect {} to {} on {} {}", self.client, self.server, self.transport, self.port)
    }
}
