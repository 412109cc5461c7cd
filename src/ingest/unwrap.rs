//! Unwrapping: a value as it was delivered -> the record inside, with what its wrappers said about it.
//!
//! Invariant: depth and the bytes that one delivered value may expand to are bounded.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decoded::{Decoded, Leaf, Surround};
use super::frame::{ENVELOPE_KEYS, Frame, Framer};
use super::members::Members;
use super::memo::Memo;
use super::skim::{self, Member};
use super::skimmed::{Mark, Skimmed, listing};
use super::sniff::{EXPECTED, cri_prefix};
use super::{audit, cloudtrail, flow, moment};
use crate::access::identity::is_object_name;
use crate::access::observation::{Reject, Skip};
use crate::catalog::Catalog;
use crate::config::VpcFormat;

/// Wrappers inside each other that are opened.
const DEPTH_MAX: u32 = 8;

/// How many times the largest record one delivered value may expand to, over all its wrappers.
const EXPANSION_MAX: usize = 16;

/// Opens wrappers and has records decoded.
pub(super) struct Unwrapper<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) record_bytes_max: usize,
    pub(super) vpc_format: Option<&'a VpcFormat>,
    pub(super) memo: &'a RefCell<Memo>,
    /// Whether values are skimmed.
    pub(super) skims: bool,
}

/// How deep in wrappers, and how many bytes may still be made of the delivered value.
struct Budget {
    depth: u32,
    bytes: usize,
}

/// Names by which a CloudTrail record is told.
const TRAIL: [&str; 6] = ["eventVersion", "eventSource", "eventName", "digestStartTime", "insightDetails", "eventCategory"];

type Out<'o> = dyn FnMut(Leaf<'_>) + 'o;

fn rejected(reject: Reject, detail: impl Into<String>, out: &mut Out<'_>) {
    Leaf::fresh(Decoded::rejected(reject, detail), out);
}

fn foreign(what: &str, out: &mut Out<'_>) {
    rejected(Reject::Foreign, format!("{what}: {EXPECTED}"), out);
}

impl Unwrapper<'_> {
    /// What an envelope's members say about the records in its array.
    pub(super) fn surround(&self, head: &str, surround: &Surround) -> (Surround, bool) {
        match Members::of(head) {
            Some(members) => (about(&members, surround), is_control(&members)),
            None => (surround.clone(), false),
        }
    }

    /// Opens one framed value, with its members where it was skimmed; every record in it goes to `out`.
    pub(super) fn open(&self, json: &str, members: &[Member<Mark>], surround: &Surround, out: &mut Out<'_>) {
        let mut budget = Budget { depth: 0, bytes: self.record_bytes_max.saturating_mul(EXPANSION_MAX) };
        self.value(json, members, surround, &mut budget, out);
    }

    /// Hands over a record of a form that can be recalled where one like it was translated before; whether it was of such a form.
    fn recalled(&self, record: Skimmed<'_>, surround: &Surround, out: &mut Out<'_>) -> bool {
        let json = record.json;
        if let Some(record) = cloudtrail::Native::of(record) {
            let decode = || cloudtrail::decode_with_dependence(json.as_bytes(), self.catalog);
            return self.memo.borrow_mut().recall(&record, decode, out);
        }
        let decode = || audit::decode_with_dependence(&Members::of(json)?, surround);
        audit::Native::of(record, surround).is_some_and(|event| self.memo.borrow_mut().recall(&event, decode, out))
    }

    fn value(&self, json: &str, members: &[Member<Mark>], surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        if budget.depth >= DEPTH_MAX {
            return rejected(Reject::TooDeep, format!("more than {DEPTH_MAX} wrappers around it"), out);
        }
        let mut own = Vec::new();
        let is_whole = |length: Option<usize>| length == Some(json.len());
        let members = match members {
            [] if self.skims && is_whole(skim::object(json.as_bytes(), listing, &mut own)) => own.as_slice(),
            members => members,
        };
        if !members.is_empty() && self.recalled(Skimmed { json, members }, surround, out) {
            return;
        }
        budget.depth += 1;
        match json.as_bytes().first() {
            Some(b'{') => match serde_json::from_str::<Members<'_>>(json) {
                Ok(members) => self.object(json, &members, surround, budget, out),
                Err(error) => rejected(Reject::Malformed, error.to_string(), out),
            },
            Some(b'[') => self.stream(json.as_bytes(), surround, budget, out),
            Some(b'"') => match serde_json::from_str::<String>(json) {
                Ok(text) => self.text(&text, surround, budget, out),
                Err(error) => rejected(Reject::Malformed, error.to_string(), out),
            },
            _ => foreign("a number or a word where a record should be", out),
        }
        budget.depth -= 1;
    }

    fn object(&self, json: &str, members: &Members<'_>, surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        if TRAIL.iter().any(|key| members.has(key))
            && let Some(decoded) = cloudtrail::decode(json.as_bytes(), self.catalog)
        {
            return Leaf::fresh(decoded, out);
        }
        let surround = about(members, surround);
        let event = audit::decode_with_dependence(members, &surround).map(|(decoded, _)| decoded);
        if let Some(decoded) = event.or_else(|| flow::of(members, &surround)) {
            return Leaf::fresh(decoded, out);
        }
        if is_control(members) {
            return Leaf::fresh(Decoded::skipped(Skip::Control), out);
        }
        if self.wrapper(members, &surround, budget, out) {
            return;
        }
        match cloudtrail::decode(json.as_bytes(), self.catalog) {
            Some(decoded) => Leaf::fresh(decoded, out),
            None => foreign("a JSON object of another kind", out),
        }
    }

    /// Opens an object that is a wrapper; whether it was one.
    fn wrapper(&self, members: &Members<'_>, surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) -> bool {
        if let Some(key) = ENVELOPE_KEYS.iter().find(|key| members.get(key).is_some_and(|value| value.starts_with('['))) {
            self.stream(members.get(key).unwrap_or_default().as_bytes(), surround, budget, out);
            return true;
        }
        // AKS, Event Hub or storage: the event is a text, beside its category.
        // <https://learn.microsoft.com/azure/aks/monitor-aks-reference#resource-logs>
        if let Some(log) = members.object("properties").and_then(|properties| properties.get("log")) {
            match members.text("category").as_deref() {
                None | Some("kube-audit" | "kube-audit-admin") => self.value(log, &[], surround, budget, out),
                Some(category) => foreign(&format!("AKS category `{category}`, not `kube-audit`"), out),
            }
            return true;
        }
        // Lambda and Kinesis: base64 of gzip of a subscription's delivery.
        // <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html>
        for key in ["awslogs", "kinesis"] {
            if let Some(data) = members.object(key).and_then(|inner| inner.text("data")) {
                self.packed(&data, surround, budget, out);
                return true;
            }
        }
        if let Some(data) = members.text("data") {
            self.packed(&data, surround, budget, out);
            return true;
        }
        // EventBridge, Elasticsearch, Splunk, ViaQ, CloudWatch Logs and Vector, LookupEvents, container runtimes, Loki.
        let keys = ["detail", "_source", "result", "_raw", "structured", "CloudTrailEvent", "message", "@message", "log", "line"];
        let holds = |value: &str| value.starts_with('{') || value.starts_with('"');
        let Some(inner) = keys.iter().filter_map(|key| members.get(key)).find(|value| holds(value)) else { return false };
        self.value(inner, &[], surround, budget, out);
        true
    }

    /// Base64, gzipped or not, of JSON.
    fn packed(&self, data: &str, surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        let bytes = match STANDARD.decode(data.trim()) {
            Ok(bytes) => bytes,
            Err(error) => return rejected(Reject::Wrapper, format!("`data` is no base64: {error}"), out),
        };
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return self.inner(&bytes, surround, budget, out);
        }
        let most = self.record_bytes_max.min(budget.bytes);
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let mut inner = Vec::new();
        let read = std::io::Read::read_to_end(
            &mut std::io::Read::take(flate2::read::MultiGzDecoder::new(bytes.as_slice()), limit),
            &mut inner,
        );
        budget.bytes = budget.bytes.saturating_sub(inner.len());
        match read {
            Err(error) => rejected(Reject::Wrapper, format!("`data` is no gzip: {error}"), out),
            Ok(_) if inner.len() > most => {
                rejected(Reject::TooLarge, format!("`data` grows over {most} bytes when decompressed"), out);
            }
            Ok(_) => self.inner(&inner, surround, budget, out),
        }
    }

    /// A text that should hold JSON, perhaps behind a container runtime's prefix.
    fn text(&self, text: &str, surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        let Some(left) = budget.bytes.checked_sub(text.len()) else {
            return rejected(Reject::TooLarge, "its wrappers grow over the limit when opened", out);
        };
        budget.bytes = left;
        let text = cri_prefix(text.trim().as_bytes()).map_or(text.trim().as_bytes(), |(_, rest)| rest.trim_ascii());
        self.inner(text, surround, budget, out);
    }

    fn inner(&self, bytes: &[u8], surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        if bytes.starts_with(b"CWL CONTROL MESSAGE") {
            return Leaf::fresh(Decoded::skipped(Skip::Control), out);
        }
        if let Some(decoded) = flow::of_message(bytes, self.vpc_format, surround) {
            return Leaf::fresh(decoded, out);
        }
        let start = bytes.iter().position(|byte| matches!(byte, b'{' | b'['));
        match start.and_then(|start| bytes.get(start..)) {
            Some(json) if start == Some(0) || json.starts_with(b"{\"") => self.stream(json, surround, budget, out),
            _ => foreign("a text that holds no JSON", out),
        }
    }

    /// Every value in some bytes; what is malformed here is the wrapper's fault.
    fn stream(&self, bytes: &[u8], surround: &Surround, budget: &mut Budget, out: &mut Out<'_>) {
        if budget.depth >= DEPTH_MAX {
            return rejected(Reject::TooDeep, format!("more than {DEPTH_MAX} wrappers around it"), out);
        }
        budget.depth += 1;
        let mut framer = Framer::new(self.record_bytes_max, false, self.skims);
        let mut inside: Option<(Surround, bool)> = None;
        let mut take = |frame: Frame<'_>| match frame {
            Frame::Open(head) => inside = Some(self.surround(head, surround)),
            Frame::Close => inside = None,
            Frame::Value(json, members) => match &inside {
                Some((_, true)) => Leaf::fresh(Decoded::skipped(Skip::Control), out),
                Some((inside, false)) => self.value(json, members, inside, budget, out),
                None => self.value(json, members, surround, budget, out),
            },
            Frame::Rejected(Reject::Malformed | Reject::Truncated, detail) => rejected(Reject::Wrapper, detail, out),
            Frame::Rejected(reject, detail) => rejected(reject, detail, out),
        };
        framer.push(bytes, &mut take);
        framer.finish(&mut take);
        budget.depth -= 1;
    }
}

/// A control message of a CloudWatch Logs subscription: says that the destination is reachable.
fn is_control(members: &Members<'_>) -> bool {
    members.text("messageType").as_deref() == Some("CONTROL_MESSAGE")
}

/// What a wrapper adds to what the ones around it said: the outermost word on the cluster stands, the innermost on the time.
fn about(members: &Members<'_>, surround: &Surround) -> Surround {
    let cluster = surround.cluster.clone().or_else(|| cluster_of(members));
    let times = ["timestamp", "time", "@timestamp", "p_event_time", "TimeGenerated"];
    let time = times.iter().filter_map(|key| members.get(key)).find_map(moment::parse_json).or(surround.time);
    Surround { cluster, time, pod: pod_of(members).or_else(|| surround.pod.clone()) }
}

/// The pod whose output a wrapper holds, as fluent-bit, Fluentd and Vector name it.
/// <https://docs.fluentbit.io/manual/pipeline/filters/kubernetes>
fn pod_of(members: &Members<'_>) -> Option<(String, String)> {
    let kubernetes = members.object("kubernetes")?;
    let text = |names: [&str; 2]| names.iter().find_map(|name| kubernetes.text(name)).filter(|name| is_object_name(name));
    Some((text(["namespace_name", "pod_namespace"])?, text(["pod_name", "pod"])?))
}

/// The cluster that a wrapper names, where the name is fit to be one.
fn cluster_of(members: &Members<'_>) -> Option<String> {
    let eks = || {
        let group = members.text("logGroup").or_else(|| members.text("log_group")).or_else(|| members.text("logGroupName"))?;
        group.strip_prefix("/aws/eks/")?.strip_suffix("/cluster").map(str::to_owned)
    };
    let aks = || {
        let id = members.text("resourceId").or_else(|| members.text("_ResourceId")).or_else(|| members.text("ResourceId"))?;
        let id = id.to_ascii_lowercase();
        id.split_once("/managedclusters/").and_then(|(_, rest)| rest.split('/').next().map(str::to_owned))
    };
    let gke = || members.object("resource")?.object("labels")?.text("cluster_name");
    eks().or_else(aks).or_else(gke).filter(|name| is_cluster_name(name))
}

/// Whether a text may name a cluster: it becomes part of identities and of file names.
fn is_cluster_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
