//! IPFIX: flow records of switches and agents as collectors write them in JSON (goflow2, NetObserv).
//! <https://github.com/netobserv/flowlogs-pipeline>

use serde_json::Value;

use super::field;
use super::{Connection, Heading, Told, Why, orient};
use crate::access::flow::{End, PodEnd, Point, Transport};
use crate::access::observation::{Outcome, Skip};
use crate::access::pod::Workload;
use crate::ingest::members::Members;

/// A record; `None` when it is none.
pub(super) fn told(members: &Members<'_>) -> Option<Told> {
    let is_record = members.has("SrcAddr") && members.has("DstAddr") && (members.has("Proto") || members.has("Etype"));
    let times = ["TimeFlowStartMs", "TimeFlowStart", "TimeReceived"];
    is_record.then(|| Told {
        source: "ipfix",
        id: String::new(),
        time: field::time(members, &times),
        connection: connection(members),
    })
}

fn connection(members: &Members<'_>) -> Result<Connection, Why> {
    let Some(transport) = field::transport("Proto", field::value(members, &["Proto"]))? else {
        return Err(Why::Skip(Skip::OtherProtocol));
    };
    let port = |key| field::port(key, field::number(members, &[key])?);
    let source = (end(members, "Src")?, port("SrcPort")?);
    let destination = (end(members, "Dst")?, port("DstPort")?);
    let heading = if transport == Transport::Tcp { heading(members)? } else { Heading::Unknown };
    let (client, server, port, basis) = orient(source, destination, transport, heading)?;
    // A record counts packets that were forwarded; those that were dropped are counted apart.
    let dropped = field::number(members, &["PktDropPackets"])?.unwrap_or_default();
    let outcome = if dropped > 0 { Outcome::Unknown } else { Outcome::Allowed };
    Ok(Connection { client, server, transport, port, basis, outcome, point: Point::Whole, family: None })
}

/// TCP's flags as one number, or as a list of names, where an answer is told by a name of its own.
fn heading(members: &Members<'_>) -> Result<Heading, Why> {
    match field::value(members, &["TCPFlags", "TcpFlags", "Flags"]) {
        None => Ok(Heading::Unknown),
        Some(Value::Number(number)) => {
            let flags = number.as_u64().ok_or_else(|| Why::Field("`TCPFlags` is not a whole number".to_owned()))?;
            // Flags are or-ed over a flow: a client's own ACK stands beside its SYN, so both say nothing. NetObserv's agent counts
            // an answer's SYN-ACK by a bit of its own.
            Ok(match (flags & 0x100 != 0, Heading::of_flags(flags)) {
                (true, _) => Heading::Answers,
                (false, Heading::Opens) => Heading::Opens,
                (false, Heading::Answers | Heading::Unknown) => Heading::Unknown,
            })
        }
        Some(Value::Array(names)) => {
            let has = |wanted: &str| names.iter().any(|name| name.as_str() == Some(wanted));
            let (opens, answers) = (has("SYN"), has("SYN_ACK"));
            Ok(match (opens, answers) {
                (_, true) => Heading::Answers,
                (true, false) => Heading::Opens,
                (false, false) => Heading::Unknown,
            })
        }
        Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_)) => {
            Err(Why::Field("`TCPFlags` is no number and no list".to_owned()))
        }
    }
}

/// A pod only where its namespace is told with it: a name alone could be any namespace's.
fn end(members: &Members<'_>, side: &str) -> Result<End, Why> {
    let text = |what: &str| field::text(members, &[&format!("{side}{what}")]);
    let (namespace, kind, name) = (text("K8S_Namespace")?, text("K8S_Type")?, text("K8S_Name")?);
    if namespace.is_empty() || name.is_empty() || kind != "Pod" {
        return field::address(&format!("{side}Addr"), &text("Addr")?).map(End::address);
    }
    let mut end = PodEnd { namespace: field::object_name("K8S_Namespace", namespace)?, ..PodEnd::default() };
    let (owner_kind, owner) = (text("K8S_OwnerType")?, text("K8S_OwnerName")?);
    let is_kind = !owner_kind.is_empty() && owner_kind.len() <= 63 && owner_kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_kind && !owner.is_empty() && owner_kind != "Pod" {
        end.workload = Some(Workload { kind: owner_kind, name: field::object_name("K8S_OwnerName", owner)? });
    } else {
        end.pod = field::object_name("K8S_Name", name)?;
    }
    Ok(End::Pod(Box::new(end)))
}
