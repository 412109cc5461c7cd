//! An audit event, whatever form it came in: what translation needs of it.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::body::{Body, Sent};
use super::uri::Uri;
use crate::access::coverage::Bodies;
use crate::access::identity::CLUSTER_UNNAMED;
use crate::access::kube::{AllowedBy, KubeResource, REASON_KEY};
use crate::ingest::decoded::{Stage, Surround};
use crate::ingest::members::Members;
use crate::ingest::moment;

/// What stands where AKS left out a body that was too large.
/// <https://learn.microsoft.com/azure/azure-monitor/reference/tables/aksaudit>
const SKIPPED_BODY: &str = "\"skipped-too-big-size-object\"";

/// What the authorizers decided, by the event's own word.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/#authorization-k8s-io-decision>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allow,
    Forbid,
}

impl Decision {
    pub(super) fn parse(text: &str) -> Option<Decision> {
        match text {
            "allow" => Some(Decision::Allow),
            "forbid" | "deny" => Some(Decision::Forbid),
            _ => None,
        }
    }
}

/// `null` reads as the default, as Kubernetes' own decoder has it.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Who asked, or as whom.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    #[serde(deserialize_with = "or_default")]
    pub(super) username: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) uid: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) groups: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

/// The answer; a metav1.Status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(deserialize_with = "or_default")]
    pub(super) code: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    pub(super) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) details: Details,
}

/// What the answer is about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) group: String,
    /// The resource, for an answer that forbids.
    #[serde(deserialize_with = "or_default")]
    pub(super) kind: String,
}

/// How the request was authenticated, from 1.35.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AuthenticationMetadata {
    #[serde(deserialize_with = "or_default")]
    impersonation_constraint: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectReference {
    #[serde(deserialize_with = "or_default")]
    resource: String,
    #[serde(deserialize_with = "or_default")]
    namespace: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    api_group: String,
    #[serde(deserialize_with = "or_default")]
    api_version: String,
    #[serde(deserialize_with = "or_default")]
    subresource: String,
}

/// What translation needs of an event. Empty texts mean absent.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) id: String,
    pub(super) stage: Stage,
    /// The handler panicked after whatever it answered.
    pub(super) panicked: bool,
    pub(super) level: String,
    pub(super) time: Option<Timestamp>,
    pub(super) verb: String,
    pub(super) uri: Option<Uri>,
    pub(super) user: User,
    pub(super) impersonated: Option<User>,
    /// The verb of the constrained mode that let the impersonation through, such as `impersonate:user-info`; empty for the old one.
    pub(super) constraint: String,
    /// Which binding allowed it; kept only where it is RBAC's word and can be read.
    pub(super) allowed_by: String,
    /// The resource as the event states it; names are not cleared yet.
    pub(super) object: Option<KubeResource>,
    pub(super) status: Status,
    pub(super) decision: Option<Decision>,
    /// What became of the bodies.
    pub(super) bodies: Bodies,
    /// What Pod Security's audit mode wrote of this pod or controller; `None` where it found nothing or is not on.
    pub(super) violation: Option<String>,
    pub(super) request: Option<Sent<'a>>,
    pub(super) response: Option<Sent<'a>>,
    /// What it wrote, once that was asked; see [`super::body::written`].
    pub(super) written: OnceCell<Option<Body>>,
    pub(super) cluster: String,
    /// Whether anything named the cluster.
    pub(super) cluster_named: bool,
}

impl Event<'_> {
    /// Whether anything was read of what its bodies hold.
    pub(super) fn is_body_read(&self) -> bool {
        [&self.request, &self.response].into_iter().flatten().any(Sent::is_read)
    }
}

/// Whether this is an audit.k8s.io event of any version; not a core/v1 Event, which has the same kind.
pub(super) fn is_native(members: &Members<'_>) -> bool {
    let kind = members.text("kind");
    let version = members.text("apiVersion");
    let audit = version.as_deref().is_none_or(|version| version.starts_with("audit.k8s.io/"));
    let fields = ["auditID", "verb", "objectRef", "requestURI", "user"].iter().filter(|key| members.has(key)).count();
    let asked = members.has("verb") && members.has("user") && (members.has("objectRef") || members.has("requestURI"));
    match kind.as_deref() {
        Some("Event") => audit && fields > 0,
        Some(_) => false,
        None => audit && asked,
    }
}

/// The cluster that something named, or the name of clusters without one.
pub(super) fn cluster_of(surround: &Surround) -> (String, bool) {
    (surround.cluster.clone().unwrap_or_else(|| CLUSTER_UNNAMED.to_owned()), surround.cluster.is_some())
}

/// Reads a native event.
///
/// # Errors
/// The field that has the wrong type, or the missing verb.
pub(super) fn native<'a>(members: &Members<'a>, surround: &Surround) -> Result<Event<'a>, String> {
    let annotations: BTreeMap<String, serde_json::Value> = members.field("annotations")?.unwrap_or_default();
    let annotation = |key: &str| annotations.get(key).and_then(serde_json::Value::as_str);
    let stage: String = members.field("stage")?.unwrap_or_default();
    let verb: String = members.field("verb")?.unwrap_or_default();
    if verb.is_empty() {
        return Err("`verb` is missing".to_owned());
    }
    let body = |key| members.get(key).filter(|body| body.starts_with(['{', '[']));
    let skipped = |key| members.get(key) == Some(SKIPPED_BODY);
    let (cluster, cluster_named) = cluster_of(surround);
    let authentication: AuthenticationMetadata = members.field("authenticationMetadata")?.unwrap_or_default();
    Ok(Event {
        id: members.field("auditID")?.unwrap_or_default(),
        stage: match stage.as_str() {
            "RequestReceived" => Stage::Received,
            "ResponseStarted" => Stage::Started,
            "" => Stage::Whole,
            _ => Stage::Answered,
        },
        panicked: stage == "Panic",
        level: members.field("level")?.unwrap_or_default(),
        time: time_of(members).or(surround.time),
        verb: verb.to_ascii_lowercase(),
        uri: members.field::<String>("requestURI")?.as_deref().and_then(Uri::parse),
        user: members.field("user")?.unwrap_or_default(),
        impersonated: members.field::<User>("impersonatedUser")?.filter(|user| !user.username.is_empty()),
        constraint: authentication.impersonation_constraint,
        allowed_by: allowed_by(annotation(REASON_KEY)),
        object: members.field::<ObjectReference>("objectRef")?.and_then(resource_of),
        status: members.field("responseStatus")?.unwrap_or_default(),
        decision: annotation("authorization.k8s.io/decision").and_then(Decision::parse),
        violation: annotation("pod-security.kubernetes.io/audit-violations").map(str::to_owned),
        bodies: if skipped("requestObject") || skipped("responseObject") {
            Bodies::LeftOut
        } else if annotation("audit.k8s.io/truncated") == Some("true") {
            Bodies::Cut
        } else {
            Bodies::AsLevel
        },
        request: body("requestObject").map(Sent::new),
        response: body("responseObject").map(Sent::new),
        written: OnceCell::new(),
        cluster,
        cluster_named,
    })
}

/// The reason of an allowed request, where it says which binding served it.
pub(super) fn allowed_by(reason: Option<&str>) -> String {
    reason.filter(|reason| AllowedBy::parse(reason).is_some()).unwrap_or_default().to_owned()
}

/// When the request came in; older versions wrote other fields.
pub(super) fn time_of(members: &Members<'_>) -> Option<Timestamp> {
    let fields = ["requestReceivedTimestamp", "stageTimestamp", "timestamp"];
    let created = || members.object("metadata")?.get("creationTimestamp").and_then(moment::parse_json);
    let time = fields.iter().filter_map(|key| members.get(key)).find_map(moment::parse_json);
    // A clock that was never set writes the year 1.
    time.or_else(created).filter(|time| time.as_second() > 0)
}

fn resource_of(object: ObjectReference) -> Option<KubeResource> {
    if object.resource.is_empty() {
        return None;
    }
    // v1alpha1 wrote group and version as one.
    let group = match object.api_version.split_once('/') {
        Some((group, _)) if object.api_group.is_empty() => group.to_owned(),
        _ => object.api_group,
    };
    Some(KubeResource {
        api_group: if group == "core" { String::new() } else { group },
        resource: object.resource,
        subresource: object.subresource,
        namespace: object.namespace,
        name: object.name,
    })
}
