//! Fields of flow records, strict on types: what is there with another type ends the record, it is never read as absent.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::Why;
use crate::access::flow::{Labels, Transport, is_stable_label};
use crate::access::identity::is_object_name;
use crate::ingest::members::Members;
use crate::ingest::moment;

/// Numbers of at least this are milliseconds since 1970: in seconds they would be beyond the year 5000.
const MILLISECONDS_MIN: i64 = 100_000_000_000;

fn wrong(key: &str, expected: &str) -> Why {
    Why::Field(format!("`{key}` is not {expected}"))
}

/// A member by the first of its names that is there; `null` is absent.
pub(super) fn value(members: &Members<'_>, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| members.get(name)).and_then(|json| serde_json::from_str(json).ok())
}

/// A text; empty where it is absent, or is the `-` that stands for nothing.
pub(super) fn text(members: &Members<'_>, names: &[&str]) -> Result<String, Why> {
    match value(members, names) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(if text == "-" { String::new() } else { text }),
        Some(_) => Err(wrong(names.first().copied().unwrap_or_default(), "a text")),
    }
}

/// A whole number of at least 0, as a number or in digits; `None` where it is absent or `-`.
pub(super) fn number(members: &Members<'_>, names: &[&str]) -> Result<Option<u64>, Why> {
    let key = names.first().copied().unwrap_or_default();
    match value(members, names) {
        None => Ok(None),
        Some(Value::Number(number)) => number.as_u64().map(Some).ok_or_else(|| wrong(key, "a whole number")),
        Some(Value::String(text)) => digits(key, &text),
        Some(_) => Err(wrong(key, "a whole number")),
    }
}

/// A whole number in digits; `None` for `-` and the empty text.
pub(super) fn digits(key: &str, text: &str) -> Result<Option<u64>, Why> {
    match text.trim() {
        "" | "-" => Ok(None),
        text => text.parse().map(Some).map_err(|_| wrong(key, "a whole number")),
    }
}

/// A port that must be there.
pub(super) fn port(key: &str, number: Option<u64>) -> Result<u16, Why> {
    let number = number.ok_or_else(|| Why::Field(format!("`{key}` is missing")))?;
    u16::try_from(number).map_err(|_| wrong(key, "a port"))
}

/// An address that must be there; a mapped one is the IPv4 address that it stands for.
pub(super) fn address(key: &str, text: &str) -> Result<IpAddr, Why> {
    if text.is_empty() {
        return Err(Why::Field(format!("`{key}` is missing")));
    }
    text.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| wrong(key, "an address"))
}

/// An address and a port: `10.0.0.1:80`, `[fd00::1]:80`, perhaps behind the name of a listener inside the proxy.
pub(super) fn socket(text: &str) -> Option<(IpAddr, u16)> {
    let text = text.rsplit('/').next()?;
    text.parse::<std::net::SocketAddr>().ok().map(|socket| (socket.ip().to_canonical(), socket.port()))
}

/// The protocol by name or number; `Ok(None)` for one that no NetworkPolicy can name.
pub(super) fn transport(key: &str, value: Option<Value>) -> Result<Option<Transport>, Why> {
    let number = match value {
        None => return Err(Why::Field(format!("`{key}` is missing"))),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(name)) => match name.to_ascii_lowercase().as_str() {
            "tcp" => return Ok(Some(Transport::Tcp)),
            "udp" => return Ok(Some(Transport::Udp)),
            "sctp" => return Ok(Some(Transport::Sctp)),
            "icmp" | "icmp6" | "icmpv6" | "udplite" => return Ok(None),
            digits => digits.parse().ok(),
        },
        Some(_) => None,
    };
    let number = number.and_then(|number| u8::try_from(number).ok()).ok_or_else(|| wrong(key, "a protocol"))?;
    Ok(Transport::of_number(number))
}

/// A moment: a text, or seconds or milliseconds since 1970. `None` where it is absent, 0, or none.
pub(super) fn time(members: &Members<'_>, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| moment_of(&value(members, &[name])?))
}

/// See [`time`].
pub(super) fn moment_of(value: &Value) -> Option<Timestamp> {
    let since = |number: i64| match number {
        ..=0 => None,
        1..MILLISECONDS_MIN => Timestamp::from_second(number).ok(),
        MILLISECONDS_MIN.. => Timestamp::from_millisecond(number).ok(),
    };
    match value {
        Value::String(text) => moment::parse(text).or_else(|| since(text.parse().ok()?)),
        Value::Number(number) => since(number.as_i64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A name of an object.
pub(super) fn object_name(key: &str, name: String) -> Result<String, Why> {
    if is_object_name(&name) { Ok(name) } else { Err(wrong(key, "the name of an object")) }
}

/// Whether Kubernetes allows this label. <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
pub(super) fn is_label(name: &str, value: &str) -> bool {
    let ends = |text: &str| {
        let alphanumeric = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        alphanumeric(text.bytes().next()) && alphanumeric(text.bytes().last())
    };
    let word = |text: &str| {
        text.len() <= 63
            && ends(text)
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let (prefix, own) = name.split_once('/').map_or((None, name), |(prefix, own)| (Some(prefix), own));
    prefix.is_none_or(is_object_name) && word(own) && (value.is_empty() || word(value))
}

/// Adds a label that does not change from replica to replica.
pub(super) fn keep_label(labels: &mut Labels, name: &str, value: &str) -> Result<(), Why> {
    if !is_label(name, value) {
        return Err(Why::Field("a label that Kubernetes does not allow".to_owned()));
    }
    if is_stable_label(name) {
        labels.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// DNS names, in lower case and without a dot at the end; what is none is left out.
pub(super) fn dns_names(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let is_name = |name: &String| {
        (1..=253).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    names.into_iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).filter(is_name).collect()
}
