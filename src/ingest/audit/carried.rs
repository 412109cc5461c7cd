//! What the API server asks because of what a request carries: the role of a binding, the rules of a role, the signer of a
//! certificate, the owner of an object. It leaves no event of its own, so it is read from the bodies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::body::{self, Sent};
use super::event::Event;
use crate::access::identity::is_object_name;
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget, OWNERS_ENFORCED};
use crate::access::observation::Basis;

const RBAC: &str = "rbac.authorization.k8s.io";

const ADMISSION: &str = "admissionregistration.k8s.io";

/// A role that comes to more requests than this is not held rule by rule.
const RULES_MAX: usize = 512;

/// How many owners of one object are looked at.
const OWNERS_MAX: usize = 8;

/// Owners that stand in no namespace, by kind; others stand where the object stands.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "Node",
    "PersistentVolume",
    "StorageClass",
];

/// The requests that follow from the bodies of an event that was allowed. Dry runs are authorized as the real ones are.
pub(super) fn requests(event: &Event<'_>, resource: &KubeResource) -> Vec<(KubeRequest, Basis)> {
    match rights(event, resource) {
        Some(Rights::Binding) => bound(event, resource).into_iter().collect(),
        Some(Rights::Role) => held(event, resource),
        Some(Rights::Certificate) => signer(event, resource).into_iter().collect(),
        Some(Rights::Parameters) => parameters(event).into_iter().collect(),
        None => owners(event, resource),
    }
}

/// Whether an event wrote what takes rights of its own, without the body that says which.
pub(super) fn lacks_body(event: &Event<'_>, resource: &KubeResource) -> bool {
    rights(event, resource).is_some() && body::written(event).is_none()
}

/// What is written that takes rights of its own.
enum Rights {
    Binding,
    Role,
    Certificate,
    /// An admission policy, which may read parameters.
    Parameters,
}

fn rights(event: &Event<'_>, resource: &KubeResource) -> Option<Rights> {
    if !matches!(event.verb.as_str(), "create" | "update" | "patch") {
        return None;
    }
    let rights = match (resource.api_group.as_str(), resource.resource.as_str(), resource.subresource.as_str()) {
        (RBAC, "rolebindings" | "clusterrolebindings", "") => Some(Rights::Binding),
        (RBAC, "roles" | "clusterroles", "") => Some(Rights::Role),
        ("certificates.k8s.io", "certificatesigningrequests", "approval" | "status") if event.verb != "create" => {
            Some(Rights::Certificate)
        }
        (ADMISSION, "validatingadmissionpolicies" | "mutatingadmissionpolicies", "")
            if event.verb == "create" || event.code() == Some(201) =>
        {
            Some(Rights::Parameters)
        }
        _ => None,
    };
    rights.filter(|_| !changes_owners_alone(event))
}

/// Whether a patch touches nothing but finalizers and owners: then no rights are looked at. What an update changes cannot be told.
/// (`IsOnlyMutatingGCFields` of pkg/registry/rbac/helpers.go)
fn changes_owners_alone(event: &Event<'_>) -> bool {
    const FIELDS: &[&str] = &["finalizers", "ownerReferences", "managedFields"];
    let sent = event.request.as_ref().filter(|_| event.verb == "patch");
    match sent.and_then(Sent::read) {
        Some(Value::Array(operations)) => {
            let of_owners = |path: &str| {
                path.split('/').nth(1) == Some("metadata") && path.split('/').nth(2).is_some_and(|field| FIELDS.contains(&field))
            };
            let changes: Vec<&Value> = operations.iter().filter(|operation| text(operation, "op") != "test").collect();
            // What is moved away from a path changes there too.
            let kept = |operation: &&Value| of_owners(text(operation, "path")) && text(operation, "op") != "move";
            !changes.is_empty() && changes.iter().all(kept)
        }
        Some(Value::Object(members)) => {
            let own = |key: &String| {
                FIELDS.contains(&key.as_str()) || matches!(key.as_str(), "name" | "namespace" | "uid" | "resourceVersion")
            };
            let metadata = members.get("metadata").and_then(Value::as_object);
            metadata.is_some_and(|metadata| metadata.keys().all(own))
                && members.keys().all(|key| matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
        }
        _ => false,
    }
}

fn ask(verb: &str, resource: KubeResource) -> KubeRequest {
    KubeRequest { verb: verb.to_owned(), target: KubeTarget::Resource(resource) }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn elements(value: &Value) -> Vec<&Value> {
    value.as_array().into_iter().flatten().collect()
}

fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Who writes a binding must hold every rule of its role, or `bind` on it: `bind` is what the log can name.
/// (`BindingAuthorized` of pkg/registry/rbac/escalation_check.go: by name, where the binding stands)
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#restrictions-on-role-binding-creation-or-update>
fn bound(event: &Event<'_>, resource: &KubeResource) -> Option<(KubeRequest, Basis)> {
    let body = body::written(event)?;
    let role = body.object.get("roleRef")?;
    let plural = match text(role, "kind") {
        "ClusterRole" => "clusterroles",
        "Role" => "roles",
        _ => return None,
    };
    let name = Some(text(role, "name")).filter(|name| !name.is_empty())?;
    let about = KubeResource {
        api_group: RBAC.to_owned(),
        resource: plural.to_owned(),
        namespace: resource.namespace.clone(),
        name: name.to_owned(),
        ..KubeResource::default()
    };
    let rule = "who writes a binding must hold all rules of its role, or `bind` on it; which of the two, no event says";
    Some((ask("bind", about), Basis::Assumed(rule.to_owned())))
}

/// Who writes a role must hold every rule of it, or `escalate`. Its rules are the narrower of the two: they give no more than the
/// role does. `escalate` is asked for where a rule holds `*`, where rules are aggregated, or where they are too many.
/// (`RoleEscalationAuthorized` of pkg/registry/rbac/escalation_check.go: a POST is asked without a name)
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#restrictions-on-role-creation-or-update>
fn held(event: &Event<'_>, resource: &KubeResource) -> Vec<(KubeRequest, Basis)> {
    let Some(body) = body::written(event) else { return Vec::new() };
    let rules = body.object.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let selectors = body.object.get("aggregationRule").and_then(|rule| rule.get("clusterRoleSelectors"));
    let aggregates = selectors.and_then(Value::as_array).is_some_and(|selectors| !selectors.is_empty());
    let requests = if aggregates { None } else { spelled(rules, &resource.namespace) };
    match requests {
        Some(requests) => {
            let rule = "who writes a role must hold each of its rules, or `escalate`; which of the two, no event says";
            requests.into_iter().map(|request| (request, Basis::Assumed(rule.to_owned()))).collect()
        }
        None => {
            let name = if event.verb == "create" { String::new() } else { resource.name.clone() };
            let rule = "who writes a role with wildcards, aggregation or very many rules must hold them all, or `escalate`";
            vec![(ask("escalate", KubeResource { name, ..resource.clone() }), Basis::Assumed(rule.to_owned()))]
        }
    }
}

/// The rules of a role as requests in its namespace; `None` where no request says the same.
fn spelled(rules: &[Value], namespace: &str) -> Option<BTreeSet<KubeRequest>> {
    let mut requests = BTreeSet::new();
    for rule in rules {
        let verbs = texts(rule, "verbs");
        let paths = texts(rule, "nonResourceURLs");
        let names = texts(rule, "resourceNames");
        let (groups, resources) = (texts(rule, "apiGroups"), texts(rule, "resources"));
        let count = verbs.len().checked_mul(groups.len())?.checked_mul(resources.len())?.checked_mul(names.len().max(1))?;
        let wild = [&verbs, &paths, &groups, &resources].into_iter().flatten().any(|word| word.contains('*'));
        if wild || count > RULES_MAX {
            return None;
        }
        for verb in verbs {
            for path in &paths {
                requests.insert(KubeRequest { verb: verb.to_owned(), target: KubeTarget::NonResource((*path).to_owned()) });
            }
            for (group, word) in groups.iter().flat_map(|group| resources.iter().map(move |word| (group, word))) {
                let (plural, subresource) = word.split_once('/').unwrap_or((word, ""));
                let named = |name: &str| KubeResource {
                    api_group: (*group).to_owned(),
                    resource: plural.to_owned(),
                    subresource: subresource.to_owned(),
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                };
                let all = names.is_empty().then_some("");
                requests.extend(names.iter().copied().chain(all).map(|name| ask(verb, named(name))));
            }
        }
        if requests.len() > RULES_MAX {
            return None;
        }
    }
    Some(requests)
}

/// Approving a certificate needs `approve`, issuing one or failing it needs `sign`, each on the signer.
/// (plugin/pkg/admission/certificates/{approval,signing}/admission.go, pkg/certauthorization)
/// <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization>
fn signer(event: &Event<'_>, resource: &KubeResource) -> Option<(KubeRequest, Basis)> {
    let body = body::written(event)?;
    let name = Some(text(body.object.get("spec")?, "signerName")).filter(|name| !name.is_empty() && !name.contains('*'))?;
    let status = body.object.get("status").unwrap_or(&Value::Null);
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let issued = !text(status, "certificate").is_empty() || conditions.into_iter().any(|one| text(one, "type") == "Failed");
    let (verb, rule) = match resource.subresource.as_str() {
        "approval" => ("approve", "who approves a certificate needs `approve` on its signer"),
        _ if issued => ("sign", "who issues a certificate needs `sign` on its signer"),
        _ => return None,
    };
    let signer = KubeResource {
        api_group: "certificates.k8s.io".to_owned(),
        resource: "signers".to_owned(),
        name: name.to_owned(),
        ..KubeResource::default()
    };
    Some((ask(verb, signer), Basis::Implied(rule.to_owned())))
}

/// Who writes an admission policy with parameters must be able to read every object of their kind. (What its binding needs depends
/// on the policy, which the binding's event does not hold.)
/// (pkg/registry/admissionregistration/validatingadmissionpolicy/authz.go)
fn parameters(event: &Event<'_>) -> Option<(KubeRequest, Basis)> {
    let body = body::written(event)?;
    let kind = body.object.get("spec")?.get("paramKind")?;
    let about = KubeResource {
        api_group: group_of(text(kind, "apiVersion")).to_owned(),
        resource: plural_of(text(kind, "kind"))?,
        ..KubeResource::default()
    };
    let rule =
        "who writes an admission policy with parameters must be able to read them all; their resource is told from their kind";
    Some((ask("get", about), Basis::Implied(rule.to_owned())))
}

/// The group of an `apiVersion`.
pub(super) fn group_of(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Where OwnerReferencesPermissionEnforcement is on, changing owners needs `delete` on what is owned, and an object that blocks its
/// owner's deletion `update` on the owner's `finalizers`. Only what a request itself sets is looked at: an update repeats what was
/// there before, so whether it changes owners cannot be told. An owner's resource is told from its kind. (plugin/pkg/admission/gc/gc_admission.go)
/// <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement>
fn owners(event: &Event<'_>, resource: &KubeResource) -> Vec<(KubeRequest, Basis)> {
    let sent = event.request.as_ref().or(event.response.as_ref().filter(|_| event.verb == "create"));
    let [word, _] = body::WORDS;
    let sent = sent.filter(|sent| matches!(event.verb.as_str(), "create" | "patch") && sent.holds(word));
    let Some(object) = sent.and_then(Sent::read) else { return Vec::new() };
    let Some(set) = owners_set(&object) else { return Vec::new() };
    let blocking = |owner: &&Value| owner.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true);
    let owners = set.into_iter().filter(blocking).take(OWNERS_MAX);
    let finalized = owners.filter_map(|owner| Some(ask("update", owner_of(owner, &resource.namespace)?)));
    let is_status_of_pods = body::is_pods(resource) && resource.subresource == "status";
    let owned =
        (event.verb == "patch" && event.code() != Some(201) && !is_status_of_pods).then(|| ask("delete", resource.clone()));
    let assumed = |request| (request, Basis::Assumed(OWNERS_ENFORCED.to_owned()));
    owned.into_iter().chain(finalized).map(assumed).collect()
}

/// The owners that an object, a merge patch or a JSON patch sets; `None` where it touches none. What a JSON patch takes from elsewhere,
/// or changes inside one owner, changes owners, but which one stands there is not known.
fn owners_set(sent: &Value) -> Option<Vec<&Value>> {
    const OWNERS: &str = "/metadata/ownerReferences";
    let Value::Array(operations) = sent else {
        return Some(elements(sent.get("metadata")?.get("ownerReferences")?));
    };
    let mut set = None;
    for operation in operations.iter().filter(|operation| text(operation, "op") != "test") {
        let below = |key: &str| text(operation, key).strip_prefix(OWNERS).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let value = operation.get("value").unwrap_or(&Value::Null);
        let owners = match (below("path"), text(operation, "path")) {
            (Some(""), _) => elements(value),
            (Some(rest), _) if rest.matches('/').count() == 1 => vec![value],
            (Some(_), _) => Vec::new(),
            (None, "/metadata") => match value.get("ownerReferences") {
                Some(owners) => elements(owners),
                None => continue,
            },
            (None, _) if text(operation, "op") == "move" && below("from").is_some() => Vec::new(),
            (None, _) => continue,
        };
        set.get_or_insert_with(Vec::new).extend(owners);
    }
    set
}

/// On OpenShift a pod is admitted by one SecurityContextConstraints, which its annotation names: its service account, or who created
/// it, may `use` it. Which of the two, no event says; the service account needs it where a controller makes the pod.
/// (`ConstraintAppliesTo` of openshift/apiserver-library-go pkg/securitycontextconstraints/sccmatching)
/// <https://docs.redhat.com/en/documentation/openshift_container_platform/4.16/html/authentication_and_authorization/managing-pod-security-policies>
pub(super) fn constraints(event: &Event<'_>, resource: &KubeResource) -> Option<(String, KubeRequest, Basis)> {
    let [_, annotation] = body::WORDS;
    let creates = event.verb == "create" && body::is_pods(resource) && resource.subresource.is_empty();
    let pod = event.response.as_ref().filter(|sent| creates && sent.holds(annotation))?.read()?;
    let namespace = body::namespace_of(&pod, resource)?;
    let name = text(pod.get("metadata")?.get("annotations")?, annotation);
    let account = Some(text(pod.get("spec")?, "serviceAccountName")).filter(|account| !account.is_empty()).unwrap_or("default");
    let constraints = KubeResource {
        api_group: "security.openshift.io".to_owned(),
        resource: "securitycontextconstraints".to_owned(),
        namespace: namespace.clone(),
        name: name.to_owned(),
        ..KubeResource::default()
    };
    let rule = "OpenShift admits a pod where its service account, or who creates it, may use the SecurityContextConstraints that its \
                annotation names; which of the two, no event says";
    (is_object_name(name) && is_object_name(account)).then(|| {
        (format!("system:serviceaccount:{namespace}:{account}"), ask("use", constraints), Basis::Assumed(rule.to_owned()))
    })
}

fn owner_of(owner: &Value, namespace: &str) -> Option<KubeResource> {
    let (kind, name) = (text(owner, "kind"), text(owner, "name"));
    let outside = CLUSTER_SCOPED.contains(&kind);
    is_object_name(name).then_some(KubeResource {
        api_group: group_of(text(owner, "apiVersion")).to_owned(),
        resource: plural_of(kind)?,
        subresource: "finalizers".to_owned(),
        namespace: if outside { String::new() } else { namespace.to_owned() },
        name: name.to_owned(),
    })
}

/// The resource of a kind, as API machinery guesses it (`UnsafeGuessKindToResource`), with `gateways` for `Gateway`.
pub(super) fn plural_of(kind: &str) -> Option<String> {
    let kind = kind.to_ascii_lowercase();
    let whole = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends = |ends: &[&str]| ends.iter().any(|end| kind.ends_with(end));
    whole.then(|| match kind.strip_suffix('y') {
        _ if kind == "endpoints" => kind.clone(),
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch", "sh"]) => format!("{kind}es"),
        _ => format!("{kind}s"),
    })
}
