//! Kubernetes audit events as a busy cluster makes them: controllers, operators, a few people; 8 % with bodies.

use std::fmt::Write as _;

use super::draw::Draw;

/// A cluster's callers.
pub(crate) struct Cluster {
    callers: Vec<Caller>,
}

struct Caller {
    namespace: String,
    name: String,
    /// What it does, the first far more often: verb, group, resource.
    calls: Vec<(&'static str, &'static str, &'static str)>,
}

const CALLERS: usize = 120;

/// Versions of each service that ran during the recording.
const VERSIONS: usize = 5;

const CALLS: [(&str, &str, &str); 14] = [
    ("get", "coordination.k8s.io", "leases"),
    ("update", "coordination.k8s.io", "leases"),
    ("watch", "", "pods"),
    ("list", "", "pods"),
    ("get", "", "configmaps"),
    ("patch", "apps", "deployments"),
    ("get", "apps", "deployments"),
    ("create", "", "events"),
    ("create", "", "pods"),
    ("get", "", "secrets"),
    ("list", "networking.k8s.io", "ingresses"),
    ("create", "batch", "jobs"),
    ("delete", "", "pods"),
    ("get", "apps.example.com", "widgets"),
];

impl Cluster {
    pub(crate) fn new(draw: &mut Draw) -> Self {
        let callers = (0..CALLERS)
            .map(|number| Caller {
                namespace: format!("team-{:02}", number % 20),
                name: format!("service-{number:03}"),
                calls: (0..2 + draw.below(5)).map(|_| CALLS[draw.below(CALLS.len())]).collect(),
            })
            .collect();
        Cluster { callers }
    }

    /// Appends one event, without a line end.
    pub(crate) fn event(&self, draw: &mut Draw, out: &mut String) {
        let caller = &self.callers[draw.tailed(CALLERS)];
        let (verb, group, resource) = *draw.mostly_first(&caller.calls);
        let Caller { namespace, name, .. } = caller;
        let day = draw.below(28) + 1;
        let (received, answered) = (draw.time(day as u64, true), draw.time(day as u64, true));
        let named = !matches!(verb, "list" | "watch" | "create");
        let version = draw.below(VERSIONS);
        let object = match resource {
            "pods" => format!("{}-{}", replica_set(name, version), draw.hex(5)),
            "leases" | "deployments" => name.clone(),
            _ => format!("{name}-{}", draw.tailed(20)),
        };
        let base = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        let place = if named { format!("/{object}") } else { String::new() };
        let query =
            if verb == "watch" { format!("?resourceVersion={}&watch=true", draw.below(1_000_000)) } else { String::new() };
        let bodies = matches!(verb, "create" | "patch") && draw.percent(22);
        let level = if bodies { "RequestResponse" } else { "Metadata" };
        let code = if draw.percent(2) { 403 } else { if verb == "create" { 201 } else { 200 } };
        let decision = if code == 403 { "forbid" } else { "allow" };
        let _ = write!(
            out,
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"{level}\",\"auditID\":\"{}\",\"stage\":\"ResponseComplete\",\
             \"requestURI\":\"{base}/namespaces/{namespace}/{resource}{place}{query}\",\"verb\":\"{verb}\",\"user\":{{\"username\":\
             \"system:serviceaccount:{namespace}:{name}\",\"uid\":\"{}\",\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:\
             {namespace}\",\"system:authenticated\"],\"extra\":{{\"authentication.kubernetes.io/credential-id\":[\"JTI={}\"],\
             \"authentication.kubernetes.io/node-name\":[\"node-{}\"],\"authentication.kubernetes.io/pod-name\":[\"{name}-7d4b9c6f5-x{}\"],\
             \"authentication.kubernetes.io/pod-uid\":[\"{}\"]}}}},\"sourceIPs\":[\"10.244.{}.{}\"],\"userAgent\":\"{name}/v1.4.2 \
             (linux/amd64) kubernetes/$Format\",\"objectRef\":{{\"resource\":\"{resource}\",\"namespace\":\"{namespace}\"",
            draw.uuid(),
            fixed_uuid(name),
            draw.uuid(),
            draw.below(12),
            draw.below(3),
            fixed_uuid(name),
            draw.below(16),
            draw.below(256),
        );
        if named || bodies {
            let _ = write!(out, ",\"name\":\"{object}\"");
        }
        if !group.is_empty() {
            let _ = write!(out, ",\"apiGroup\":\"{group}\"");
        }
        let _ = write!(out, ",\"apiVersion\":\"v1\"}},\"responseStatus\":{{\"metadata\":{{}},\"code\":{code}}}");
        if bodies {
            let body = body(draw, (group, resource), caller, &object, version);
            let _ = write!(out, ",\"requestObject\":{body},\"responseObject\":{body}");
        }
        let _ = write!(
            out,
            ",\"requestReceivedTimestamp\":\"{received}\",\"stageTimestamp\":\"{answered}\",\"annotations\":{{\
             \"authorization.k8s.io/decision\":\"{decision}\",\"authorization.k8s.io/reason\":\"RBAC: allowed by RoleBinding \
             \\\"{name}/{namespace}\\\" of Role \\\"{name}\\\" to ServiceAccount \\\"{name}/{namespace}\\\"\"}}}}"
        );
    }
}

/// What tells the pods of one version from those of another.
fn template_hash(version: usize) -> String {
    format!("{:010x}", (version + 1) * 0x9_7d4b_9c6f)
}

/// The replica set of one version of a service.
fn replica_set(name: &str, version: usize) -> String {
    format!("{name}-{}", template_hash(version))
}

/// A UUID that belongs to a name.
fn fixed_uuid(name: &str) -> String {
    let sum: u64 = name.bytes().fold(7, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
    format!("{:08x}-0000-4000-8000-{:012x}", sum >> 32, sum & 0xffff_ffff_ffff)
}

/// An object of one version of a service; a pod as its replica set makes it.
fn body(draw: &mut Draw, (group, resource): (&str, &str), caller: &Caller, object: &str, version: usize) -> String {
    let Caller { namespace, name, .. } = caller;
    let kind = match resource {
        "pods" => "Pod",
        "deployments" => "Deployment",
        "jobs" => "Job",
        "events" => "Event",
        "leases" => "Lease",
        _ => "Widget",
    };
    let api = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let pod = format!(
        "{{\"serviceAccountName\":\"{name}\",\"securityContext\":{{\"runAsNonRoot\":true,\"seccompProfile\":{{\"type\":\"RuntimeDefault\"}}}},\
         \"containers\":[{{\"name\":\"app\",\"image\":\"registry.example.com/{name}:1.{version}\",\"env\":[{{\"name\":\"GREETING\",\"value\":\
         \"say \\\"hello\\\"\"}}],\"securityContext\":{{\"allowPrivilegeEscalation\":false,\"capabilities\":{{\"drop\":[\"ALL\"]}}}}}}]}}"
    );
    let spec = match kind {
        "Pod" => pod,
        "Deployment" | "Job" => format!("{{\"template\":{{\"metadata\":{{\"labels\":{{\"app\":\"{name}\"}}}},\"spec\":{pod}}}}}"),
        _ => format!("{{\"note\":\"{}\"}}", draw.hex(200)),
    };
    let owner = if kind == "Pod" {
        let owner = replica_set(name, version);
        format!(
            ",\"generateName\":\"{owner}-\",\"ownerReferences\":[{{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"{owner}\",\
             \"uid\":\"{}\",\"controller\":true,\"blockOwnerDeletion\":true}}]",
            fixed_uuid(&owner)
        )
    } else {
        String::new()
    };
    format!(
        "{{\"kind\":\"{kind}\",\"apiVersion\":\"{api}\",\"metadata\":{{\"name\":\"{object}\",\"namespace\":\"{namespace}\",\"uid\":\"{}\",\
         \"labels\":{{\"app\":\"{name}\",\"pod-template-hash\":\"{}\"}}{owner}}},\"spec\":{spec}}}",
        draw.uuid(),
        template_hash(version)
    )
}
