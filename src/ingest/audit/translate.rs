//! Translation: an event -> the requests that the API server's authorizers were asked.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/>

use super::event::{Event, User};
use super::{body, facts};
use crate::access::coverage::Sighting;
use crate::access::identity::{Identity, Name};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::access::observation::{Basis, Outcome, Undecided};
use crate::access::request::Request;
use crate::ingest::decoded::{Asked, Decoded, End, Stage};

/// Everything an event says.
pub(super) fn decoded(event: &Event<'_>) -> Decoded {
    let target = target(event);
    let outcome = if event.stage == Stage::Received { Some(Outcome::Unknown) } else { event.outcome() };
    let acting = event.impersonated.as_ref().unwrap_or(&event.user);
    let identity = (!acting.username.is_empty()).then(|| Identity::kube_user(&event.cluster, &acting.username));
    let mut facts = Vec::new();
    let mut pod_spec = false;
    let end = match (identity, target, outcome) {
        (None, _, _) => undecided(Undecided::IdentityUnknown("no user".to_owned()), None),
        (identity, None, _) => undecided(Undecided::NotCarried("objectRef and requestURI".to_owned()), identity),
        (identity, _, None) => undecided(Undecided::ResponseMissing, identity),
        (Some(_), Some(_), Some(outcome)) if event.is_impersonation_refusal() => {
            End::Observed(vec![refused_impersonation(event, outcome)])
        }
        (Some(identity), Some(target), Some(outcome)) => {
            let asker = Asker { event, identity, groups: &acting.groups, outcome };
            let mut asked = asker.requests(&target);
            asked.extend(impersonations(event));
            if let KubeTarget::Resource(resource) = &target
                && event.stage != Stage::Received
            {
                let pods = body::pods(event, resource, outcome);
                pod_spec = pods.iter().any(|pod| pod.outcome == Outcome::Allowed);
                asked.extend(pods);
                facts = facts::of(event, resource, outcome);
                facts.extend(facts::violation(event, resource, outcome).filter(|_| body::written(event).is_none()));
            }
            End::Observed(asked)
        }
    };
    let sighting = event.time.map(|time| Sighting::Audit {
        time,
        cluster: event.cluster.clone(),
        cluster_named: event.cluster_named,
        level: event.level.clone(),
        read: matches!(event.verb.as_str(), "get" | "list" | "watch" | "head" | "options"),
        truncated: event.truncated,
        pod_write: outcome == Some(Outcome::Allowed) && body::creates_pods(event),
        pod_spec,
    });
    Decoded { id: event.id.clone(), stage: event.stage, time: event.time, issued_to: String::new(), end, facts, sighting }
}

fn undecided(why: Undecided, identity: Option<Identity>) -> End {
    End::Undecided { why, identity }
}

/// What the request is about: the event's own word, else its path. `None` where it says neither.
fn target(event: &Event<'_>) -> Option<KubeTarget> {
    if let Some(object) = &event.object {
        return Some(KubeTarget::Resource(object.clone()));
    }
    let uri = event.uri.as_ref()?;
    Some(uri.resource().map_or_else(|| KubeTarget::NonResource(uri.path.clone()), KubeTarget::Resource))
}

struct Asker<'a> {
    event: &'a Event<'a>,
    identity: Identity,
    groups: &'a [String],
    outcome: Outcome,
}

impl Asker<'_> {
    fn ask(&self, verb: &str, target: KubeTarget, basis: Basis, outcome: Outcome) -> Asked {
        Asked {
            identity: self.identity.clone(),
            groups: self.groups.to_vec(),
            request: Request::Kube(KubeRequest { verb: verb.to_owned(), target }),
            basis,
            outcome,
        }
    }

    /// The stated request, and what the API server asks beside it.
    fn requests(&self, target: &KubeTarget) -> Vec<Asked> {
        let verb = self.event.verb.as_str();
        let KubeTarget::Resource(resource) = target else {
            return vec![self.ask(verb, target.clone(), Basis::Stated, self.outcome)];
        };
        let stated = KubeResource { name: self.name(resource), ..resource.clone() };
        let mut asked = vec![self.ask(verb, KubeTarget::Resource(stated), Basis::Stated, self.outcome)];
        let also = |rule: &str, outcome| {
            let basis = Basis::Implied(rule.to_owned());
            self.ask("create", KubeTarget::Resource(resource.clone()), basis, outcome)
        };
        let connects = matches!(resource.subresource.as_str(), "exec" | "attach" | "portforward");
        if verb == "get" && connects && resource.resource == "pods" && self.outcome != Outcome::Refused {
            // `get` was authorized before `create` is asked, so a 403 that follows is the answer to `create`.
            let refused = self.event.code() == Some(403) && self.outcome == Outcome::Failed;
            let outcome = if refused { Outcome::Refused } else { self.outcome };
            asked.push(also("a websocket exec is authorized as create too from Kubernetes 1.35", outcome));
        }
        // Both checks are made with the name: <https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go>
        if self.event.code() == Some(201) && self.outcome == Outcome::Allowed && resource.subresource.is_empty() {
            match verb {
                "patch" => asked.push(also("a server-side apply that creates is authorized as create too", self.outcome)),
                "update" => asked.push(also("an update that creates is authorized as create too", self.outcome)),
                _ => {}
            }
        }
        asked
    }

    /// The name that the authorizer was given: events are completed later from bodies, requests are not.
    /// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>
    fn name(&self, resource: &KubeResource) -> String {
        match (self.event.verb.as_str(), &self.event.uri) {
            ("create", _) if resource.subresource.is_empty() => String::new(),
            ("deletecollection", _) => String::new(),
            ("list" | "watch", Some(uri)) if resource.subresource.is_empty() => uri.selected_name().unwrap_or_default(),
            _ => resource.name.clone(),
        }
    }
}

/// What an impersonator was asked for before the request itself. The event carries the impersonated user only when all of it was
/// allowed; groups that the API server adds by itself are not asked for.
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>
fn impersonations(event: &Event<'_>) -> Vec<Asked> {
    let Some(user) = event.impersonated.as_ref().filter(|_| !event.user.username.is_empty()) else { return Vec::new() };
    let mut resources = Vec::new();
    let mut add = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
        resources.push(KubeResource {
            api_group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        });
    };
    let acting = Identity::kube_user(&event.cluster, &user.username).name;
    let mut added = vec!["system:authenticated".to_owned(), "system:unauthenticated".to_owned()];
    if let Name::ServiceAccount { namespace, name } = &acting {
        add("", "serviceaccounts", "", namespace, name);
        added.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
    } else {
        add("", "users", "", "", &user.username);
    }
    user.groups.iter().filter(|group| !added.contains(group)).for_each(|group| add("", "groups", "", "", group));
    if !user.uid.is_empty() {
        add("authentication.k8s.io", "uids", "", "", &user.uid);
    }
    for (key, values) in &user.extra {
        values.iter().for_each(|value| add("authentication.k8s.io", "userextras", key, "", value));
    }
    resources.into_iter().map(|resource| impersonation(event, &event.user, resource, Outcome::Allowed)).collect()
}

fn impersonation(event: &Event<'_>, user: &User, resource: KubeResource, outcome: Outcome) -> Asked {
    Asked {
        identity: Identity::kube_user(&event.cluster, &user.username),
        groups: user.groups.clone(),
        request: Request::Kube(KubeRequest { verb: "impersonate".to_owned(), target: KubeTarget::Resource(resource) }),
        basis: Basis::Implied("impersonation".to_owned()),
        outcome,
    }
}

/// The impersonator lacked the right: what was refused is the impersonation, and its object stands in the answer.
fn refused_impersonation(event: &Event<'_>, outcome: Outcome) -> Asked {
    let details = &event.status.details;
    let resource = KubeResource {
        api_group: details.group.clone(),
        resource: if details.kind.is_empty() { "users".to_owned() } else { details.kind.clone() },
        name: details.name.clone(),
        ..KubeResource::default()
    };
    impersonation(event, &event.user, resource, if outcome == Outcome::Failed { Outcome::Refused } else { outcome })
}
