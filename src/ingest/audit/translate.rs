//! Translation: an event -> the requests that the API server's authorizers were asked.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/>

use super::body::is_pods;
use super::event::{Event, User};
use super::{body, carried, facts, impersonate};
use crate::access::coverage::{AuditSighting, Reach, Sighting, Wrote};
use crate::access::identity::{Identity, Name, is_object_name};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget, WEBSOCKET_CREATE, issued_to_pod};
use crate::access::observation::{Basis, Outcome, Undecided};
use crate::access::request::Request;
use crate::ingest::decoded::{Asked, Decoded, End, Stage};

/// Everything an event says.
pub(super) fn decoded(event: &Event<'_>) -> Decoded {
    let target = target(event);
    let outcome = if event.stage == Stage::Received { Some(Outcome::Unknown) } else { event.outcome() };
    let acting = acting(event);
    let identity = (!acting.username.is_empty()).then(|| Identity::kube_user(&event.cluster, &acting.username));
    let mut facts = Vec::new();
    let end = match (identity, target, outcome) {
        (None, _, _) => undecided(Undecided::IdentityUnknown("no user".to_owned()), None),
        (identity, None, _) => undecided(Undecided::NotCarried("objectRef and requestURI".to_owned()), identity),
        (identity, _, None) => undecided(Undecided::ResponseMissing, identity),
        (Some(_), Some(target), Some(outcome)) if event.is_impersonation_refusal() => {
            End::Observed(vec![impersonate::refused(event, &target, outcome)])
        }
        (Some(identity), Some(target), Some(outcome)) => {
            let asker = Asker { event, identity, groups: &acting.groups, outcome };
            let mut asked = asker.requests(&target);
            asked.extend(impersonate::asked(event, &target));
            if let KubeTarget::Resource(resource) = &target
                && event.stage != Stage::Received
            {
                asked.extend(body::pods(event, resource, outcome));
                asked.extend(constrained(event, resource, outcome));
                facts = facts::of(event, resource, outcome);
                facts.extend(facts::violation(event, resource, outcome).filter(|_| body::written(event).is_none()));
            }
            End::Observed(asked)
        }
    };
    let issued_to = issued_to(event);
    let sighting = event.time.map(|_| {
        Sighting::Audit(Box::new(AuditSighting {
            cluster: event.cluster.clone(),
            cluster_named: event.cluster_named,
            level: event.level.clone(),
            reach: match event.verb.as_str() {
                "watch" => Reach::Watch,
                "get" | "list" | "head" | "options" => Reach::Read,
                _ => Reach::Write,
            },
            bodies: event.bodies,
            wrote: if outcome == Some(Outcome::Allowed) { wrote(event) } else { Wrote::Other },
            pod: issued_to.clone(),
        }))
    });
    Decoded {
        id: event.id.clone(),
        stage: event.stage,
        time: event.time,
        issued_to,
        allowed_by: if outcome.is_some_and(|outcome| outcome != Outcome::Refused) {
            event.allowed_by.clone()
        } else {
            String::new()
        },
        end,
        facts,
        sighting,
    }
}

/// What the service account of a pod that was stored needs beside.
fn constrained(event: &Event<'_>, resource: &KubeResource, outcome: Outcome) -> Option<Asked> {
    let stored = outcome == Outcome::Allowed && !body::is_dry_run(event);
    let (account, request, basis) = stored.then(|| carried::constraints(event, resource)).flatten()?;
    let identity = Identity::kube_user(&event.cluster, &account);
    Some(Asked { identity, groups: Vec::new(), request: Request::Kube(request), basis, outcome })
}

/// As whom the request was made.
fn acting<'a>(event: &'a Event<'_>) -> &'a User {
    event.impersonated.as_ref().unwrap_or(&event.user)
}

/// What an event that was allowed wrote.
fn wrote(event: &Event<'_>) -> Wrote {
    let Some(KubeTarget::Resource(resource)) = target(event) else { return Wrote::Other };
    match body::creates_pods(event) {
        true if body::written(event).is_some() => Wrote::Pod,
        true => Wrote::PodWithoutSpec(resource.namespace),
        // Whom no authorizer is asked about must hold nothing.
        false if acting(event).groups.iter().any(|group| group == "system:masters") => Wrote::Other,
        false if carried::lacks_body(event, &resource) => Wrote::RightsWithoutBody,
        false => Wrote::Other,
    }
}

/// The pod that a service account's bound token was issued to. Who impersonates can claim any pod, so nothing is said then.
/// <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens>
fn issued_to(event: &Event<'_>) -> String {
    let own = Identity::kube_user(&event.cluster, &event.user.username).name;
    let (None, Name::ServiceAccount { namespace, .. }) = (&event.impersonated, &own) else { return String::new() };
    let name = event.user.extra.get("authentication.kubernetes.io/pod-name").map(Vec::as_slice);
    let Some([name]) = name else { return String::new() };
    issued_to_pod(namespace, name).filter(|_| is_object_name(name)).unwrap_or_default()
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
        let mut asked = vec![self.ask(verb, as_authorized(self.event, target), Basis::Stated, self.outcome)];
        let also = |rule: &str, outcome| {
            let basis = Basis::Implied(rule.to_owned());
            self.ask("create", KubeTarget::Resource(resource.clone()), basis, outcome)
        };
        let connects = matches!(resource.subresource.as_str(), "exec" | "attach" | "portforward");
        if verb == "get" && connects && is_pods(resource) && self.outcome != Outcome::Refused {
            // `get` was authorized before `create` is asked, so a 403 that follows is the answer to `create`.
            let refused = self.event.code() == Some(403) && self.outcome == Outcome::Failed;
            let outcome = if refused { Outcome::Refused } else { self.outcome };
            asked.push(also(WEBSOCKET_CREATE, outcome));
        }
        // Both checks are made with the name (`createAuthorizerAttributes` of apiserver/pkg/endpoints/handlers/{patch,update}.go).
        if self.event.code() == Some(201) && self.outcome == Outcome::Allowed && resource.subresource.is_empty() {
            match verb {
                "patch" => asked.push(also("a server-side apply that creates is authorized as create too", self.outcome)),
                "update" => asked.push(also("an update that creates is authorized as create too", self.outcome)),
                _ => {}
            }
        }
        if self.outcome == Outcome::Allowed && self.event.stage != Stage::Received {
            let carried = carried::requests(self.event, resource);
            asked
                .extend(carried.into_iter().map(|(request, basis)| self.ask(&request.verb, request.target, basis, self.outcome)));
        }
        asked
    }
}

/// The name that the authorizer was given: events are completed later from bodies, requests are not.
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>
fn authorized_name(event: &Event<'_>, resource: &KubeResource) -> String {
    match (event.verb.as_str(), &event.uri) {
        ("create", _) if resource.subresource.is_empty() => String::new(),
        ("deletecollection", _) => String::new(),
        ("list" | "watch", Some(uri)) if resource.subresource.is_empty() => uri.selected_name().unwrap_or_default(),
        _ => resource.name.clone(),
    }
}

/// The target of an event as the authorizer was asked about it.
pub(super) fn as_authorized(event: &Event<'_>, target: &KubeTarget) -> KubeTarget {
    match target {
        KubeTarget::NonResource(path) => KubeTarget::NonResource(path.clone()),
        KubeTarget::Resource(resource) => {
            KubeTarget::Resource(KubeResource { name: authorized_name(event, resource), ..resource.clone() })
        }
    }
}
