//! VPC Flow Logs: addresses, ports and flags, in lines, in rows or as JSON objects, with fields in any order.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>

use serde_json::Value;

use super::field;
use super::{Connection, Heading, Told, Why, orient};
use crate::access::flow::{End, Point, Transport};
use crate::access::observation::{Outcome, Skip};
use crate::config::VpcFormat;
use crate::ingest::members::Members;

/// The fields of a line where nobody chose others.
const DEFAULT: &str =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// The fields that are looked at, as AWS spells them; rows and objects leave out or replace the dashes.
const WANTED: &[&str] = &[
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "start",
    "action",
    "log-status",
    "status",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "tcp-flags",
    "flow-direction",
];

/// A name as AWS spells it: `tcp-flags` of `tcp_flags`, `tcpFlags`.
pub(in crate::ingest) fn spelled(name: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars().filter(|character| !matches!(character, '-' | '_')).map(|character| character.to_ascii_lowercase()).collect()
    };
    let name = plain(name);
    WANTED.iter().find(|wanted| plain(wanted) == name).copied()
}

/// The fields that a header line names; `None` where the line is none.
pub(in crate::ingest) fn header(line: &str) -> Option<VpcFormat> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let named = |name: &str| words.contains(&name);
    let ends = (named("srcaddr") || named("pkt-srcaddr")) && (named("dstaddr") || named("pkt-dstaddr"));
    if ends { VpcFormat::parse(line).ok() } else { None }
}

/// AWS's default format.
pub(in crate::ingest) fn default_format() -> Option<VpcFormat> {
    VpcFormat::parse(DEFAULT).ok()
}

/// Whether a line is of the default format by everything that it can show.
pub(in crate::ingest) fn is_default(line: &str) -> bool {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [version, account, interface, .., start, end, action, status] = words.as_slice() else { return false };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let count = DEFAULT.split(' ').count();
    words.len() == count
        && *version == "2"
        && (*account == "unknown" || (account.len() == 12 && number(account)))
        && interface.starts_with("eni-")
        && number(start)
        && number(end)
        && matches!(*action, "ACCEPT" | "REJECT" | "-")
        && matches!(*status, "OK" | "NODATA" | "SKIPDATA")
}

/// A line; `None` when it is none of VPC Flow Logs.
pub(super) fn told_of_line(line: &str, format: Option<&VpcFormat>) -> Option<Told> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let default = if is_default(line) { default_format() } else { None };
    let format = match format {
        Some(format) => format,
        None => default.as_ref()?,
    };
    if words.len() != format.fields.len() {
        let detail = format!("a line of {} fields where the format has {}", words.len(), format.fields.len());
        return Some(Told { source: "vpc", id: String::new(), time: None, connection: Err(Why::Field(detail)) });
    }
    let names: Vec<Option<&str>> = format.fields.iter().map(|field| spelled(field)).collect();
    let word = |wanted: &str| {
        let at = names.iter().position(|name| *name == Some(wanted));
        at.and_then(|at| words.get(at)).map(|word| (*word).to_owned())
    };
    Some(told_of_columns(&word))
}

/// A JSON object, as collectors spell it; `None` when it is none.
pub(super) fn told_of_object(members: &Members<'_>) -> Option<Told> {
    let has = |names: &[&str]| names.iter().any(|name| members.has(name));
    let ends = has(&["srcaddr", "srcAddr", "pkt_srcaddr", "pkt-srcaddr", "pktSrcAddr"])
        && has(&["dstaddr", "dstAddr", "pkt_dstaddr", "pkt-dstaddr", "pktDstAddr"]);
    if !ends && members.text("p_log_type").as_deref() != Some("AWS.VPCFlow") {
        return None;
    }
    let of = |wanted: &str| {
        let json = members.names().find(|name| spelled(name) == Some(wanted)).and_then(|name| members.get(name))?;
        Some(match serde_json::from_str::<Value>(json) {
            Ok(Value::String(text)) => text,
            _ => json.to_owned(),
        })
    };
    let mut told = told_of_columns(&of);
    told.time = told.time.or_else(|| field::time(members, &["p_event_time"]));
    Some(told)
}

/// A row, by the fields' names.
pub(super) fn told_of_columns(column: &dyn Fn(&str) -> Option<String>) -> Told {
    let text = |name: &str| column(name).filter(|text| text != "-").unwrap_or_default();
    let time = field::moment_of(&Value::String(text("start")));
    Told { source: "vpc", id: String::new(), time, connection: connection(&text) }
}

fn connection(text: &dyn Fn(&str) -> String) -> Result<Connection, Why> {
    let status = text("log-status");
    match if status.is_empty() { text("status") } else { status }.as_str() {
        "NODATA" => return Err(Why::Skip(Skip::NoData)),
        "SKIPDATA" => return Err(Why::Lost(1)),
        "OK" | "" => {}
        _ => return Err(Why::Field("`log-status` is none that AWS writes".to_owned())),
    }
    let number = |name: &str| field::digits(name, &text(name));
    // `srcaddr` and `dstaddr` are the interface's own first address; a pod's is another, and stands in `pkt-...`.
    let address = |own: &str, packet: &str| {
        let inner = text(packet);
        field::address(own, &if inner.is_empty() { text(own) } else { inner }).map(End::address)
    };
    let (source, destination) = (address("srcaddr", "pkt-srcaddr")?, address("dstaddr", "pkt-dstaddr")?);
    let protocol = text("protocol");
    let protocol = Some(protocol).filter(|protocol| !protocol.is_empty()).map(Value::String);
    let Some(transport) = field::transport("protocol", protocol)? else { return Err(Why::Skip(Skip::OtherProtocol)) };
    let ports = (field::port("srcport", number("srcport")?)?, field::port("dstport", number("dstport")?)?);
    let heading = match number("tcp-flags")?.filter(|_| transport == Transport::Tcp) {
        Some(flags) => Heading::of_flags(flags),
        None => Heading::Unknown,
    };
    let outcome = match (text("action").as_str(), heading) {
        // An answer that a network ACL stops says nothing of who may open a connection.
        ("REJECT", Heading::Answers) => Outcome::Unknown,
        ("ACCEPT", _) => Outcome::Allowed,
        ("REJECT", _) => Outcome::Refused,
        ("", _) => Outcome::Unknown,
        _ => return Err(Why::Field("`action` is none that AWS writes".to_owned())),
    };
    let answers = source.clone();
    let (client, server, port, basis) = orient((source, ports.0), (destination, ports.1), transport, heading)?;
    // Into an interface or out of it: what goes to the server comes in at the server's own, and an answer has been there.
    let point = match text("flow-direction").as_str() {
        _ if server == answers => Point::Whole,
        "ingress" => Point::Whole,
        "egress" => Point::Client,
        "" => Point::Either,
        _ => return Err(Why::Field("`flow-direction` is none that AWS writes".to_owned())),
    };
    Ok(Connection { client, server, transport, port, basis, outcome, point, family: None })
}
