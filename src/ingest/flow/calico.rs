//! Calico: flows that Goldmane (open source) or Enterprise and Cloud aggregated by owner; each end reports the same flow.
//! <https://github.com/projectcalico/calico/blob/master/goldmane/proto/api.proto>,
//! <https://docs.tigera.io/calico-enterprise/latest/observability/elastic/flow/datatypes>

use serde_json::Value;

use super::field;
use super::{Connection, Told, Why, not_carried};
use crate::access::flow::{End, Family, PodEnd, Point, Reserved};
use crate::access::observation::{Basis, Outcome, Skip};
use crate::ingest::members::Members;

/// A record of Calico's in any of its forms; `None` when it is none.
pub(super) fn told(members: &Members<'_>) -> Option<Told> {
    // A `FlowResult` or `FlowUpdate` wraps the flow, a flow its key; Enterprise writes all in one object.
    let wrapped = members.object("flow");
    let flow = wrapped.as_ref().filter(|flow| key_of(flow).is_some()).unwrap_or(members);
    let key = key_of(flow);
    let key = key.as_ref().or_else(|| Some(flow).filter(|flow| is_key(flow)))?;
    let time = field::time(flow, &["start_time", "startTime", "@timestamp"]);
    Some(Told { source: "calico", id: String::new(), time, connection: connection(flow, key) })
}

fn key_of<'a>(flow: &Members<'a>) -> Option<Members<'a>> {
    flow.object("Key").or_else(|| flow.object("key")).filter(is_key)
}

fn is_key(key: &Members<'_>) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| key.has(name));
    has(&["source_name", "sourceName", "source_name_aggr"])
        && has(&["dest_name", "destName", "dest_name_aggr"])
        && has(&["reporter", "action", "proto", "protocol"])
}

fn connection(flow: &Members<'_>, key: &Members<'_>) -> Result<Connection, Why> {
    let Some(transport) = field::transport("proto", field::value(key, &["proto", "protocol"]))? else {
        return Err(Why::Skip(Skip::OtherProtocol));
    };
    let client = end(flow, key, Side { snake: "source", camel: "source" })?;
    let to_apiserver = field::text(key, &["dest_service_name", "destServiceName"])? == "kubernetes"
        && field::text(key, &["dest_service_namespace", "destServiceNamespace"])? == "default";
    let server = if to_apiserver {
        End::Reserved(Reserved::KubeApiserver)
    } else {
        end(flow, key, Side { snake: "dest", camel: "dest" })?
    };
    let address = |name| field::text(key, &[name]).ok()?.parse().ok().map(Family::of);
    let family = address("dest_ip").or_else(|| address("source_ip"));
    let port = field::port("dest_port", field::number(key, &["dest_port", "destPort"])?)?;
    let reporter = word(key, "reporter", &["src", "dst"])?;
    let action = word(key, "action", &["allow", "deny", "pass"])?;
    let outcome = match (action.as_str(), reporter.as_str()) {
        // The end that a flow reaches decides too, and reports it by itself.
        ("allow", "src") if server.pod().is_some() => return Err(Why::Skip(Skip::Reply)),
        ("allow", _) => Outcome::Allowed,
        ("deny", _) => Outcome::Refused,
        _ => Outcome::Unknown,
    };
    Ok(Connection { client, server, transport, port, basis: Basis::Stated, outcome, point: Point::Whole, family })
}

/// A word of a list, by name or by the number that encoders of Go's structures write; empty where it is unspecified.
fn word(key: &Members<'_>, name: &str, words: &[&str]) -> Result<String, Why> {
    let known = match field::value(key, &[name]) {
        None => Some(String::new()),
        Some(Value::String(text)) => {
            let lower = text.to_ascii_lowercase();
            if lower.ends_with("unspecified") {
                Some(String::new())
            } else {
                Some(lower).filter(|word| words.contains(&word.as_str()))
            }
        }
        Some(Value::Number(number)) => match number.as_u64() {
            Some(0) => Some(String::new()),
            Some(number) => usize::try_from(number).ok().and_then(|number| words.get(number - 1)).map(|word| (*word).to_owned()),
            None => None,
        },
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    known.ok_or_else(|| Why::Field(format!("`{name}` is none that Calico writes")))
}

/// How the fields of one end begin.
struct Side {
    snake: &'static str,
    camel: &'static str,
}

fn end(flow: &Members<'_>, key: &Members<'_>, side: Side) -> Result<End, Why> {
    let snake = |what: &str| format!("{}_{what}", side.snake);
    let text = |what: &str, camel: &str| field::text(key, &[&snake(what), &format!("{}{camel}", side.camel)]);
    let kind = match field::value(key, &[&snake("type"), &format!("{}Type", side.camel)]) {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.to_ascii_lowercase(),
        None => String::new(),
        Some(_) => return Err(Why::Field(format!("`{}` is no type of an end", snake("type")))),
    };
    let (one, aggregated) = (text("name", "Name")?, field::text(key, &[&snake("name_aggr")])?);
    let name = if one.is_empty() { aggregated } else { one };
    let address = field::text(key, &[&snake("ip")])?;
    let by_address = || field::address(&snake("ip"), &address).map(End::address);
    match kind.as_str() {
        "1" | "wep" | "workloadendpoint" => {
            let namespace = field::object_name(&snake("namespace"), text("namespace", "Namespace")?)?;
            let stem = name.strip_suffix('*').unwrap_or(&name);
            // A stem keeps its dash: it stands for every name that goes on.
            let pod = if stem == name && !name.ends_with('-') {
                field::object_name("name", name)?
            } else {
                format!("{}*", stem_of(stem)?)
            };
            let mut end = PodEnd { namespace, pod, ..PodEnd::default() };
            for label in labels(flow, key, &side)? {
                let (name, value) = label.split_once('=').unwrap_or((&label, ""));
                if field::is_label(name.trim(), value.trim()) {
                    field::keep_label(&mut end.labels, name.trim(), value.trim())?;
                }
            }
            Ok(End::Pod(Box::new(end)))
        }
        "2" | "hep" | "hostendpoint" => Ok(End::Reserved(Reserved::RemoteNode)),
        "3" | "ns" | "networkset" if address.is_empty() => Err(not_carried("the addresses of a network set")),
        "4" | "net" | "network" if address.is_empty() => match name.as_str() {
            "pub" => Ok(End::Reserved(Reserved::World)),
            _ => Err(not_carried("the address of an end on a private network (`pvt`)")),
        },
        "3" | "ns" | "networkset" | "4" | "net" | "network" => by_address(),
        _ => Err(Why::Field(format!("`{}` is no type of an end", snake("type")))),
    }
}

fn stem_of(stem: &str) -> Result<&str, Why> {
    field::object_name("name", stem.to_owned()).map(|_| stem)
}

/// Goldmane lists labels beside the key, Enterprise inside an object; the console's API joins them by `|`.
fn labels(flow: &Members<'_>, key: &Members<'_>, side: &Side) -> Result<Vec<String>, Why> {
    let (snake, camel) = (format!("{}_labels", side.snake), format!("{}Labels", side.camel));
    let found = field::value(flow, &[&snake, &camel]).or_else(|| field::value(key, &[&snake, &camel]));
    let found = match found {
        Some(Value::Object(mut inner)) => inner.remove("labels"),
        other => other,
    };
    match found {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split('|').map(|label| label.trim().to_owned()).collect()),
        Some(Value::Array(labels)) => {
            let text = |label: Value| if let Value::String(text) = label { Some(text) } else { None };
            let labels: Option<Vec<String>> = labels.into_iter().map(text).collect();
            labels.ok_or_else(|| Why::Field(format!("`{snake}` is no list of texts")))
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Why::Field(format!("`{snake}` is no list of texts"))),
    }
}
