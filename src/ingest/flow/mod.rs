//! Flow logs: records of connections, each decoded into one flow as the record names its ends.
//!
//! ```text
//! Hubble ---------.
//! VPC Flow Logs --|
//! Calico ---------+--> Told { time, connection or why not } --> one observation of the cluster's network
//! Istio ----------|
//! IPFIX ----------'
//! ```
//!
//! Invariant: a record that does not say what is needed ends with a named reason; the only assumption made is
//! [`flow::LOWER_PORT`], and it is marked as one.

mod calico;
mod field;
mod hubble;
mod ipfix;
mod istio;
pub(super) mod vpc;

use jiff::Timestamp;

use super::decoded::{Asked, Decoded, End as Ended, Stage, Surround};
use super::members::Members;
use crate::access::coverage::Sighting;
use crate::access::flow::{self, End, Family, Flow, Point, Transport};
use crate::access::identity::{CLUSTER_UNNAMED, Identity};
use crate::access::observation::{Basis, Outcome, Reject, Skip, Undecided};
use crate::access::request::Request;
use crate::config::VpcFormat;

/// Seconds of an hour.
const HOUR_SECONDS: i64 = 3600;

/// What a record says.
struct Told {
    /// Which kind of flow log.
    source: &'static str,
    /// Its own id; empty for none.
    id: String,
    /// When.
    time: Option<Timestamp>,
    /// The connection, or why there is none.
    connection: Result<Connection, Why>,
}

/// A connection that was opened or tried.
struct Connection {
    client: End,
    server: End,
    transport: Transport,
    port: u16,
    basis: Basis,
    outcome: Outcome,
    point: Point,
    /// Of its addresses, where the record says and an end has none.
    family: Option<Family>,
}

/// Why a record is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// A field is missing or of the wrong type.
    Field(String),
    Skip(Skip),
    Undecided(Undecided),
    /// So many records or events were lost here.
    Lost(u64),
}

/// What a record's flags say of the packets that it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heading {
    /// The source opened the connection.
    Opens,
    /// The source answered an opening.
    Answers,
    /// Nothing is said.
    Unknown,
}

impl Heading {
    /// From TCP flags, or-ed over a window: SYN without ACK opens, both answer. <https://www.rfc-editor.org/rfc/rfc9293#section-3.5>
    const fn of_flags(flags: u64) -> Heading {
        match (flags & 0x02 != 0, flags & 0x10 != 0) {
            (true, false) => Heading::Opens,
            (true, true) => Heading::Answers,
            (false, _) => Heading::Unknown,
        }
    }
}

/// Client, server, the server's port, and how that is known.
fn orient(
    source: (End, u16),
    destination: (End, u16),
    transport: Transport,
    heading: Heading,
) -> Result<(End, End, u16, Basis), Why> {
    let kind = |port: u16| match port {
        0..1024 => 0,
        1024..32768 => 1,
        32768.. => 2,
    };
    let lower = || Basis::Assumed(flow::LOWER_PORT.to_owned());
    match (heading, kind(source.1).cmp(&kind(destination.1))) {
        (Heading::Opens, _) => Ok((source.0, destination.0, destination.1, Basis::Stated)),
        (Heading::Answers, _) => Ok((destination.0, source.0, source.1, Basis::Stated)),
        (Heading::Unknown, std::cmp::Ordering::Greater) => Ok((source.0, destination.0, destination.1, lower())),
        (Heading::Unknown, std::cmp::Ordering::Less) => Ok((destination.0, source.0, source.1, lower())),
        (Heading::Unknown, std::cmp::Ordering::Equal) => {
            Err(Why::Undecided(Undecided::DirectionUnknown(transport.name().to_owned())))
        }
    }
}

fn not_carried(what: &str) -> Why {
    Why::Undecided(Undecided::NotCarried(what.to_owned()))
}

/// Decodes one JSON record of a flow log; `None` when it is none.
#[must_use]
pub fn decode(record: &[u8], surround: &Surround) -> Option<Decoded> {
    of(&Members::of(std::str::from_utf8(record).ok()?)?, surround)
}

/// Decodes a JSON object that is a record of a flow log; `None` when it is none.
pub(super) fn of(members: &Members<'_>, surround: &Surround) -> Option<Decoded> {
    let told = hubble::told(members)
        .or_else(|| calico::told(members))
        .or_else(|| ipfix::told(members))
        .or_else(|| istio::told(members, surround))
        .or_else(|| vpc::told_of_object(members))?;
    Some(decoded(told, surround))
}

/// Decodes a line of VPC Flow Logs; `None` when it is none.
pub(super) fn of_line(line: &[u8], format: Option<&VpcFormat>, surround: &Surround) -> Option<Decoded> {
    Some(decoded(vpc::told_of_line(std::str::from_utf8(line).ok()?, format)?, surround))
}

/// Decodes a text inside a wrapper that is a line of VPC Flow Logs, by the given format or by AWS's default; `None` when it is none.
pub(super) fn of_message(text: &[u8], format: Option<&VpcFormat>, surround: &Surround) -> Option<Decoded> {
    let line = std::str::from_utf8(text).ok()?;
    let fits = |format: &&VpcFormat| format.fields.len() == line.split_ascii_whitespace().count() && !line.contains(['{', '"']);
    of_line(text, format.filter(fits), surround)
}

/// Decodes the named columns of a row of VPC Flow Logs.
pub(super) fn of_row(columns: &[(&'static str, String)], surround: &Surround) -> Decoded {
    decoded(vpc::told_of_columns(&|name| columns.iter().find(|(own, _)| *own == name).map(|(_, text)| text.clone())), surround)
}

fn decoded(told: Told, surround: &Surround) -> Decoded {
    let Told { source, id, time, connection } = told;
    let time = time.or(surround.time);
    let cluster = surround.cluster.clone().unwrap_or_else(|| CLUSTER_UNNAMED.to_owned());
    let lost = if let Err(Why::Lost(lost)) = &connection { *lost } else { 0 };
    let end = match connection {
        Ok(connection) => Ended::Observed(vec![asked(connection, time, &cluster)]),
        Err(Why::Skip(skip)) => Ended::Skipped(skip),
        Err(Why::Lost(_)) => Ended::Skipped(Skip::NoData),
        Err(Why::Undecided(why)) => Ended::Undecided { why, identity: Some(Identity::network(&cluster)) },
        Err(Why::Field(detail)) => return Decoded::rejected(Reject::Field, detail),
    };
    let cluster_named = surround.cluster.is_some();
    let sighting = time.map(|_| Sighting::Flow { cluster, cluster_named, source: source.to_owned(), lost });
    let (issued_to, allowed_by) = (String::new(), String::new());
    Decoded { id, stage: Stage::Whole, time, issued_to, allowed_by, end, facts: Vec::new(), sighting }
}

fn asked(connection: Connection, time: Option<Timestamp>, cluster: &str) -> Asked {
    let Connection { client, server, transport, port, basis, outcome, point, family } = connection;
    let by_address = [&client, &server].iter().any(|end| matches!(end, End::Address { .. }));
    let hour = time.filter(|_| by_address).map(|time| time.as_second().div_euclid(HOUR_SECONDS));
    let family = family.filter(|_| client.lacks_address() || server.lacks_address());
    Asked {
        identity: Identity::network(cluster),
        groups: Vec::new(),
        request: Request::Flow(Box::new(Flow { client, server, transport, port, hour, family, point })),
        basis,
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_opened_is_told_by_flags_then_by_the_kind_of_port() {
        let end = |last: u8| End::address(std::net::IpAddr::from([10, 0, 0, last]));
        let told = |flags: u64, source: u16, destination: u16| match orient(
            (end(1), source),
            (end(2), destination),
            Transport::Tcp,
            Heading::of_flags(flags),
        ) {
            Ok((client, _, port, basis)) => {
                let first = if client == end(1) { "source" } else { "destination" };
                format!("{first} {port}{}", if basis == Basis::Stated { "" } else { " assumed" })
            }
            Err(why) => format!("{why:?}"),
        };
        for (flags, source, destination, expected) in [
            (2, 40000, 80, "source 80"),
            (3, 80, 40000, "source 40000"),
            (18, 80, 40000, "destination 80"),
            (19, 80, 40000, "destination 80"),
            (0, 40000, 8080, "source 8080 assumed"),
            (4, 8080, 40000, "destination 8080 assumed"),
            (1, 53, 1024, "destination 53 assumed"),
        ] {
            assert_eq!(told(flags, source, destination), expected, "{flags} {source} {destination}");
        }
        assert!(told(0, 8080, 9090).contains("DirectionUnknown"));
        assert!(told(0, 40000, 50000).contains("DirectionUnknown"));
    }
}
