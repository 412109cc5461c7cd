//! Hubble: what Cilium saw of a connection, with both ends' identities.
//! <https://docs.cilium.io/en/stable/observability/hubble/configuration/export/>,
//! <https://github.com/cilium/cilium/blob/main/api/v1/flow/flow.proto>

use std::net::IpAddr;

use serde_json::Value;

use super::field;
use super::{Connection, Heading, Told, Why, not_carried, orient};
use crate::access::flow::{End, Family, PodEnd, Point, Reserved, Transport};
use crate::access::observation::{Basis, Outcome, Skip};
use crate::access::pod::Workload;
use crate::ingest::members::Members;

/// Reasons for a drop that are a policy's word: `POLICY_DENIED`, `POLICY_DENY`, `AUTH_REQUIRED`.
const POLICY_DROPS: &[&str] = &["POLICY_DENIED", "POLICY_DENY", "AUTH_REQUIRED"];
/// The same by number.
const POLICY_DROP_NUMBERS: &[u64] = &[133, 181, 189];

/// Where a packet is on its way, and whether the pod that it is for is still to decide.
const ON_ITS_WAY: &[&str] = &[
    "TO_PROXY",
    "TO_HOST",
    "TO_STACK",
    "TO_OVERLAY",
    "TO_NETWORK",
    "FROM_ENDPOINT",
    "FROM_PROXY",
    "FROM_HOST",
    "FROM_STACK",
    "FROM_OVERLAY",
    "FROM_NETWORK",
];

/// The event type of a policy's verdict.
const POLICY_VERDICT: u64 = 5;

/// A record of Hubble's in either envelope; `None` when it is none.
pub(super) fn told(members: &Members<'_>) -> Option<Told> {
    let told = |id, time, connection| Told { source: "hubble", id, time, connection };
    if let Some(lost) = members.object("lost_events") {
        let count = field::number(&lost, &["num_events_lost"]).map(|count| count.unwrap_or(1).max(1));
        return Some(told(String::new(), field::time(members, &["time"]), count.and_then(|count| Err(Why::Lost(count)))));
    }
    let is_flow = |flow: &Members<'_>| {
        let ends = flow.has("source") || flow.has("destination") || flow.has("IP");
        flow.has("verdict") && (flow.has("l4") || flow.has("event_type") || flow.has("Type")) && ends
    };
    let wrapped = members.object("flow").filter(is_flow);
    let flow = wrapped.as_ref().or_else(|| Some(members).filter(|flow| is_flow(flow)))?;
    let time = field::time(flow, &["time"]).or_else(|| field::time(members, &["time"]));
    match field::text(flow, &["uuid"]) {
        Ok(id) => Some(told(id, time, connection(flow))),
        Err(why) => Some(told(String::new(), time, Err(why))),
    }
}

fn connection(flow: &Members<'_>) -> Result<Connection, Why> {
    // What happens inside a connection (L7), and at a socket before the packet exists (SOCK), repeats a connection.
    if matches!(field::text(flow, &["Type"])?.as_str(), "L7" | "SOCK") {
        return Err(Why::Skip(Skip::Reply));
    }
    let verdict = field::text(flow, &["verdict"])?;
    if matches!(verdict.as_str(), "TRACED" | "TRANSLATED") {
        return Err(Why::Skip(Skip::Reply));
    }
    let reply = match field::value(flow, &["is_reply"]) {
        Some(Value::Bool(true)) => return Err(Why::Skip(Skip::Reply)),
        Some(Value::Bool(false)) => Some(false),
        None => None,
        Some(_) => return Err(Why::Field("`is_reply` is not true or false".to_owned())),
    };
    let (transport, ports, flags) = layer_four(flow)?;
    let heading = match (reply, flags) {
        (_, Some(Heading::Answers)) => return Err(Why::Skip(Skip::Reply)),
        (Some(false), _) => Heading::Opens,
        (_, flags) => flags.unwrap_or(Heading::Unknown),
    };
    let source = end(flow, "source", "source_names")?;
    let destination = end(flow, "destination", "destination_names")?;
    one_cluster(flow)?;
    let to_pod = destination.pod().is_some();
    let (client, server, port, basis) = orient((source, ports.0), (destination, ports.1), transport, heading)?;
    let outcome = outcome(flow, &verdict, to_pod && basis == Basis::Stated)?;
    Ok(Connection { client, server, transport, port, basis, outcome, point: Point::Whole, family: family(flow) })
}

/// The protocol, the ports of both ends, and what TCP's flags say.
type LayerFour = (Transport, (u16, u16), Option<Heading>);

fn layer_four(flow: &Members<'_>) -> Result<LayerFour, Why> {
    let Some(l4) = flow.object("l4") else { return Err(Why::Skip(Skip::OtherProtocol)) };
    let found = [("TCP", Transport::Tcp), ("UDP", Transport::Udp), ("SCTP", Transport::Sctp)];
    let Some((inner, transport)) = found.into_iter().find_map(|(name, transport)| Some((l4.object(name)?, transport))) else {
        return Err(Why::Skip(Skip::OtherProtocol));
    };
    let port = |key| field::port(key, field::number(&inner, &[key])?);
    let ports = (port("source_port")?, port("destination_port")?);
    let flags = inner.object("flags").map(|flags| {
        let set = |name| flags.get(name) == Some("true");
        Heading::of_flags(u64::from(set("SYN")) * 0x02 + u64::from(set("ACK")) * 0x10)
    });
    Ok((transport, ports, flags))
}

/// Cilium's clusters of a mesh see each other's pods under names of their own.
fn one_cluster(flow: &Members<'_>) -> Result<(), Why> {
    let cluster = |key| flow.object(key).map_or(Ok(String::new()), |end| field::text(&end, &["cluster_name"]));
    let (one, other) = (cluster("source")?, cluster("destination")?);
    if one.is_empty() || other.is_empty() || one == other {
        return Ok(());
    }
    Err(not_carried("which of two clusters of a mesh a flow between them was recorded in"))
}

/// A connection to a pod is decided where it is delivered: on its way there, only a drop is a last word.
fn outcome(flow: &Members<'_>, verdict: &str, to_pod: bool) -> Result<Outcome, Why> {
    let text = |key| field::text(flow, &[key]);
    match verdict {
        "FORWARDED" | "REDIRECTED" | "AUDIT" => {
            let leaving = text("traffic_direction")? == "EGRESS";
            let event = flow.object("event_type").map_or(Ok(None), |event| field::number(&event, &["type"]))?;
            let on_its_way = ON_ITS_WAY.contains(&text("trace_observation_point")?.as_str());
            let undecided = to_pod && (on_its_way || (leaving && event == Some(POLICY_VERDICT)));
            Ok(if undecided { Outcome::Unknown } else { Outcome::Allowed })
        }
        "DROPPED" => {
            let (name, number) = (text("drop_reason_desc")?, field::number(flow, &["drop_reason"])?);
            let by_policy = match (name.as_str(), number) {
                ("", None) => true,
                ("", Some(number)) => POLICY_DROP_NUMBERS.contains(&number),
                (name, _) => POLICY_DROPS.contains(&name),
            };
            Ok(if by_policy { Outcome::Refused } else { Outcome::Unknown })
        }
        "ERROR" => Ok(Outcome::Unknown),
        _ => Err(Why::Field("`verdict` is none that Hubble writes".to_owned())),
    }
}

/// The family of both ends' addresses.
fn family(flow: &Members<'_>) -> Option<Family> {
    let ip = flow.object("IP")?;
    let told = |key| field::text(&ip, &[key]).ok()?.parse::<IpAddr>().ok();
    told("source").or_else(|| told("destination")).map(Family::of)
}

/// One end: a pod, else what Cilium reserves a word for, else an address.
fn end(flow: &Members<'_>, key: &str, names: &str) -> Result<End, Why> {
    let at = flow.object(key);
    let labels: Vec<String> = match &at {
        Some(at) => at.field("labels").map_err(Why::Field)?.unwrap_or_default(),
        None if flow.has(key) => return Err(Why::Field(format!("`{key}` is no object"))),
        None => Vec::new(),
    };
    if let Some(at) = &at {
        let (namespace, pod) = (field::text(at, &["namespace"])?, field::text(at, &["pod_name"])?);
        if !namespace.is_empty() && !pod.is_empty() {
            return pod_end(at, namespace, pod, &labels).map(|pod| End::Pod(Box::new(pod)));
        }
    }
    let number = at.as_ref().map_or(Ok(None), |at| field::number(at, &["identity"]))?;
    let is =
        |name: &str, own: u64| labels.iter().any(|label| label.strip_prefix("reserved:") == Some(name)) || number == Some(own);
    if is("kube-apiserver", 7) {
        return Ok(End::Reserved(Reserved::KubeApiserver));
    }
    if is("host", 1) {
        return Ok(End::Reserved(Reserved::Host));
    }
    if is("remote-node", 6) {
        return Ok(End::Reserved(Reserved::RemoteNode));
    }
    if is("health", 4) || is("ingress", 8) || is("init", 5) {
        return Err(not_carried("a pod or an address for an end that Cilium reserves (health, ingress, init)"));
    }
    let address = flow.object("IP").map_or(Ok(String::new()), |ip| field::text(&ip, &[key]))?;
    if address.is_empty() {
        let world = is("world", 2) || is("world-ipv4", 9) || is("world-ipv6", 10);
        return if world { Ok(End::Reserved(Reserved::World)) } else { Err(not_carried("an end's pod or address")) };
    }
    let given: Vec<String> = flow.field(names).map_err(Why::Field)?.unwrap_or_default();
    Ok(End::Address { address: field::address("IP", &address)?, names: field::dns_names(given) })
}

fn pod_end(at: &Members<'_>, namespace: String, pod: String, labels: &[String]) -> Result<PodEnd, Why> {
    let mut end = PodEnd { namespace: field::object_name("namespace", namespace)?, ..PodEnd::default() };
    for label in labels.iter().filter_map(|label| label.strip_prefix("k8s:")) {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        if let Some(name) = name.strip_prefix("io.cilium.k8s.namespace.labels.") {
            field::keep_label(&mut end.namespace_labels, name, value)?;
        } else if !name.starts_with("io.cilium.") && name != "io.kubernetes.pod.namespace" {
            field::keep_label(&mut end.labels, name, value)?;
        }
    }
    let workloads: Vec<Value> = at.field("workloads").map_err(Why::Field)?.unwrap_or_default();
    if let Some(first) = workloads.first() {
        let text = |key: &str| first.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (text("kind"), text("name"));
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) || kind.len() > 63 {
            return Err(Why::Field("a workload without a kind".to_owned()));
        }
        end.workload = Some(Workload { kind, name: field::object_name("workloads", name)? });
    } else {
        end.pod = field::object_name("pod_name", pod)?;
    }
    Ok(end)
}
