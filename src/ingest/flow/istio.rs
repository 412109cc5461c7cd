//! Istio: access logs of Envoy proxies as JSON, one line a request or TCP connection, seen from the proxy of one pod.
//! <https://istio.io/latest/docs/tasks/observability/logs/access-log/>

use super::field;
use super::{Connection, Told, Why, not_carried};
use crate::access::flow::{End, PodEnd, Point, Transport};
use crate::access::observation::{Basis, Outcome};
use crate::ingest::decoded::Surround;
use crate::ingest::members::Members;

/// Flags that say that no connection to the other end came to be, or none was tried.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#config-access-log-format-response-flags>
const NO_CONNECTION: &[&str] = &["UF", "UH", "NR", "NC", "URX", "UO", "UT", "UC", "LH", "DPE", "DC"];

/// A line of an access log; `None` when it is none.
pub(super) fn told(members: &Members<'_>, surround: &Surround) -> Option<Told> {
    let own = ["upstream_cluster", "upstream_host", "response_flags", "upstream_local_address"];
    let is_line = members.has("start_time") && members.has("downstream_remote_address") && own.iter().any(|key| members.has(key));
    if !is_line {
        return None;
    }
    let time = field::time(members, &["start_time"]);
    // A request's id goes on from proxy to proxy: the two ends of a flow share it, so it names no record.
    Some(Told { source: "istio", id: String::new(), time, connection: connection(members, surround) })
}

fn connection(members: &Members<'_>, surround: &Surround) -> Result<Connection, Why> {
    let text = |key: &str| field::text(members, &[key]);
    let cluster = text("upstream_cluster")?;
    let socket = |key: &str| text(key).map(|text| field::socket(&text).filter(|(address, _)| !address.is_loopback()));
    let proxy = surround.pod.as_ref().map(|(namespace, pod)| {
        End::Pod(Box::new(PodEnd { namespace: namespace.clone(), pod: pod.clone(), ..PodEnd::default() }))
    });
    let (client, server, port) = if cluster.starts_with("inbound|") {
        let (_, port) = reached(members)?.ok_or_else(|| not_carried("the port that a connection reached"))?;
        let own = reached(members)?.map(|(address, _)| End::address(address)).filter(|_| proxy.is_none());
        // Where the proxy took the address from a header (`X-Forwarded-For`), which any client can send, it has no port.
        let client = socket("downstream_direct_remote_address")?.or(socket("downstream_remote_address")?);
        let client =
            client.filter(|(_, port)| *port != 0).ok_or_else(|| not_carried("the address that a connection came from"))?;
        let server = proxy.or(own).ok_or_else(|| not_carried("whose proxy wrote the line"))?;
        (End::address(client.0), server, port)
    } else {
        let own = socket("upstream_local_address")?.or(socket("downstream_remote_address")?);
        let client = proxy.or_else(|| own.map(|(address, _)| End::address(address)));
        let client = client.ok_or_else(|| not_carried("whose proxy wrote the line"))?;
        // Without a connection there is no upstream host; where the client wanted to go may still be said.
        let passes = matches!(cluster.as_str(), "" | "PassthroughCluster" | "BlackHoleCluster");
        let wanted = if passes { socket("downstream_local_address")? } else { None };
        let (address, port) = socket("upstream_host")?.or(wanted).ok_or_else(|| not_carried("the host that a proxy chose"))?;
        // The server name that a client asked for in TLS is its own word; the mesh's name of where it went is not.
        (client, End::Address { address, names: field::dns_names(outside(&cluster)) }, port)
    };
    let outcome = outcome(members, &cluster)?;
    Ok(Connection {
        client,
        server,
        transport: Transport::Tcp,
        port,
        basis: Basis::Stated,
        outcome,
        point: Point::Whole,
        family: None,
    })
}

/// What a client of this pod reached: the address and port that it connected to, or the port of the cluster's name.
fn reached(members: &Members<'_>) -> Result<Option<(std::net::IpAddr, u16)>, Why> {
    let text = field::text(members, &["downstream_local_address"])?;
    let host = field::text(members, &["upstream_host"])?;
    let of = |text: &str| field::socket(text).filter(|(address, _)| !address.is_loopback());
    Ok(of(&text).or_else(|| of(&host)))
}

/// The host of a ServiceEntry: `outbound|443||api.example.com`. A Service of the cluster is no DNS name of an outside end.
fn outside(cluster: &str) -> Option<String> {
    let host = cluster.strip_prefix("outbound|")?.rsplit('|').next()?;
    (!host.ends_with(".cluster.local") && !host.starts_with('*')).then(|| host.to_owned())
}

/// A refusal is the mesh's own: its authorization policy, or a mesh that lets nothing out that it does not know.
fn outcome(members: &Members<'_>, cluster: &str) -> Result<Outcome, Why> {
    let text = |key: &str| field::text(members, &[key]);
    let details = [text("response_code_details")?, text("connection_termination_details")?];
    if details.iter().any(|details| details.starts_with("rbac_access_denied")) || cluster == "BlackHoleCluster" {
        return Ok(Outcome::Refused);
    }
    let flags = text("response_flags")?;
    let failed = flags.split(',').any(|flag| NO_CONNECTION.contains(&flag.trim()));
    Ok(if failed { Outcome::Unknown } else { Outcome::Allowed })
}
