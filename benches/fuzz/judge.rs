//! The judge: what the fast way reads of a log, against serde_json and against the slow way.

use std::fs;
use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::Value;
use tightfit::access::profile::Profile;
use tightfit::aggregate::Aggregator;
use tightfit::catalog::Catalog;
use tightfit::ingest::skim::{self, Listing};
use tightfit::ingest::{Input, InputKind, Options, Reading, read};

/// What differs; `None` for nothing. `file` is overwritten.
pub(crate) fn difference(log: &[u8], file: &Path) -> Option<String> {
    let starts = std::iter::once(0).chain(log.iter().enumerate().filter(|(_, byte)| **byte == b'{').map(|(place, _)| place));
    if let Some(found) = starts.take(200).filter_map(|start| log.get(start..)).find_map(skimmed) {
        return Some(found);
    }
    fs::write(file, log).ok()?;
    let (fast, fast_reading) = profile(file, false);
    let (slow, slow_reading) = profile(file, true);
    if fast_reading != slow_reading {
        return Some(format!("read differently:\n{fast_reading:?}\n{slow_reading:?}"));
    }
    (fast != slow).then(|| format!("profiles differ:\n{fast:?}\n{slow:?}"))
}

/// Whether what is skimmed is no JSON to serde_json, or has other members.
fn skimmed(bytes: &[u8]) -> Option<String> {
    let mut members = Vec::new();
    let length = skim::object(bytes, |_, _, _| Some(Listing { mark: (), opened: false }), &mut members)?;
    let json = match std::str::from_utf8(bytes.get(..length)?) {
        Ok(json) => json,
        Err(_) => return None,
    };
    let said = |what: &str| Some(format!("{what}: {json}"));
    let Ok(Value::Object(object)) = serde_json::from_str(json) else { return said("skimmed, and no object") };
    let names: std::collections::BTreeSet<&str> = members.iter().map(|member| member.name(json)).collect();
    if !names.iter().copied().eq(object.keys().map(String::as_str)) {
        return said("other names");
    }
    for member in &members {
        if serde_json::from_str::<IgnoredAny>(member.value(json)).is_err() {
            return said("a value that is none");
        }
    }
    // Of a repeated name the last counts.
    let last = |name: &str| members.iter().rfind(|member| member.name(json) == name).map(|member| member.value(json));
    let differs = |(name, value): (&String, &Value)| {
        last(name).and_then(|value| serde_json::from_str::<Value>(value).ok()).as_ref() != Some(value)
    };
    if object.iter().any(differs) { said("other values") } else { None }
}

fn profile(file: &Path, plainly: bool) -> (Profile, Reading) {
    let input = Input { name: "log".to_owned(), path: file.to_owned(), named: true, kind: InputKind::Log };
    let options = Options { plainly, ..Options::new(Catalog::embedded()) };
    let mut aggregator = Aggregator::default();
    let reading = read(&[input], &options, &mut aggregator, &|_, _| {});
    (aggregator.finish().unwrap_or_default(), reading)
}
