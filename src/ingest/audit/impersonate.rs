//! What an impersonator was asked for before the request itself.
//! <https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/>

use super::event::{Event, User};
use crate::access::identity::{Identity, Name};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::access::observation::{Basis, Outcome};
use crate::access::request::Request;
use crate::ingest::decoded::Asked;

/// The group of the users, groups and nodes that a constrained impersonation names; the old form uses the core group.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The requests that let the impersonation through. The event carries the impersonated user only when all of it was allowed;
/// groups that the API server adds by itself are not asked for.
///
/// A constrained impersonation asks for the stated request too, as `impersonate-on:MODE:VERB`, and the event says in which mode
/// (apiserver/pkg/endpoints/filters/impersonation/{impersonation,mode}.go).
pub(super) fn asked(event: &Event<'_>, target: &KubeTarget) -> Vec<Asked> {
    let Some(user) = event.impersonated.as_ref().filter(|_| !event.user.username.is_empty()) else { return Vec::new() };
    let mode = event.constraint.strip_prefix("impersonate:");
    let verb = if mode.is_some() { event.constraint.as_str() } else { "impersonate" };
    let mut asked: Vec<Asked> = whom(event, user, mode)
        .into_iter()
        .map(|resource| ask(event, verb.to_owned(), KubeTarget::Resource(resource), Outcome::Allowed))
        .collect();
    asked.extend(mode.map(|mode| {
        ask(
            event,
            format!("impersonate-on:{mode}:{}", event.verb),
            super::translate::as_authorized(event, target),
            Outcome::Allowed,
        )
    }));
    asked
}

/// The user, the groups and whatever else of the impersonated user was asked about.
fn whom(event: &Event<'_>, user: &User, mode: Option<&str>) -> Vec<KubeResource> {
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
    let group = if mode.is_some() { AUTHENTICATION } else { "" };
    let mut added = vec!["system:authenticated".to_owned(), "system:unauthenticated".to_owned()];
    match (&Identity::kube_user(&event.cluster, &user.username).name, mode, user.username.strip_prefix("system:node:")) {
        (Name::ServiceAccount { namespace, name }, ..) => {
            add(group, "serviceaccounts", "", namespace, name);
            added.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
        }
        (_, Some(mode), Some(node)) => {
            // One check stands for every node that a service account may be on.
            add(group, "nodes", "", "", if mode == "associated-node" { "*" } else { node });
            added.push("system:nodes".to_owned());
        }
        _ => add(group, "users", "", "", &user.username),
    }
    user.groups.iter().filter(|name| !added.contains(name)).for_each(|name| add(group, "groups", "", "", name));
    if !user.uid.is_empty() {
        add(AUTHENTICATION, "uids", "", "", &user.uid);
    }
    for (key, values) in &user.extra {
        values.iter().for_each(|value| add(AUTHENTICATION, "userextras", key, "", value));
    }
    resources
}

fn ask(event: &Event<'_>, verb: String, target: KubeTarget, outcome: Outcome) -> Asked {
    Asked {
        identity: Identity::kube_user(&event.cluster, &event.user.username),
        groups: event.user.groups.clone(),
        request: Request::Kube(KubeRequest { verb, target }),
        basis: Basis::Implied("impersonation".to_owned()),
        outcome,
    }
}

/// The impersonator lacked the right: what was refused is the impersonation, and its object stands in the answer. Whom the
/// request was to be made as, it does not say.
pub(super) fn refused(event: &Event<'_>, target: &KubeTarget, outcome: Outcome) -> Asked {
    let verb = event.refused_impersonation().unwrap_or("impersonate");
    let details = &event.status.details;
    let object = KubeTarget::Resource(KubeResource {
        api_group: details.group.clone(),
        resource: if details.kind.is_empty() { "users".to_owned() } else { details.kind.clone() },
        name: details.name.clone(),
        ..KubeResource::default()
    });
    let about = if verb.starts_with("impersonate-on:") { super::translate::as_authorized(event, target) } else { object };
    let outcome = if outcome == Outcome::Failed { Outcome::Refused } else { outcome };
    ask(event, verb.to_owned(), about, outcome)
}
