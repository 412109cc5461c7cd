//! A request as a person types it: `service:Action ARN`, `VERB RESOURCE[.GROUP][/SUB] [NAME] [in NAMESPACE]`, `VERB /path`.
//!
//! Invariant: what a report prints of an AWS or Kubernetes request is understood here.

use crate::access::aws::{Action, Arn, AwsRequestKey, Resource};
use crate::access::identity::{Home, Identity, Name};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::access::request::RequestKey;

/// How a request of this identity is typed.
#[must_use]
pub fn expected(identity: &Identity) -> &'static str {
    match identity.home {
        Home::Cluster(_) if identity.name == Name::Network => {
            "type `connect A to B on TCP PORT` of a connection that the log shows"
        }
        Home::Cluster(_) if matches!(identity.name, Name::Namespace(_)) => {
            "type `run KIND/NAME` of a workload that the log shows, such as `run Deployment/web`"
        }
        Home::Account { .. } => "type `service:Action ARN`, or `service:Action` alone for an action without a resource",
        Home::Cluster(_) => "type `VERB RESOURCE[.GROUP][/SUB] [NAME] [in NAMESPACE]`, or `VERB /path`",
    }
}

/// Understands a typed request. `None` when it has another form; a pod or a connection cannot be typed, only found in a log.
#[must_use]
pub fn parse(identity: &Identity, text: &str) -> Option<RequestKey> {
    match identity.home {
        Home::Cluster(_) if matches!(identity.name, Name::Namespace(_) | Name::Network) => None,
        Home::Account { .. } => aws(text),
        Home::Cluster(_) => kube(text),
    }
}

fn aws(text: &str) -> Option<RequestKey> {
    let (action, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let action = Action::parse(action)?;
    let (rest, via) = match rest.trim().strip_suffix(']').and_then(|rest| rest.rsplit_once("[via ")) {
        Some((rest, via)) => (rest.trim(), Some(via.to_owned())),
        None => (rest.trim(), None),
    };
    let resource = match rest.strip_prefix("on ").unwrap_or(rest) {
        "" | "*" | "(no resource level)" => Resource::NoResourceLevel,
        "(resource not in the record)" => Resource::NotBuilt,
        // Reports print ARNs as a policy writes them, with `${*}` for an observed star.
        arn => Resource::Arn(Arn::from_policy(arn)?),
    };
    Some(RequestKey::Aws(AwsRequestKey { action, resource, via }))
}

fn kube(text: &str) -> Option<RequestKey> {
    let mut words = text.split_whitespace();
    let (verb, what) = (words.next()?.to_owned(), words.next()?);
    if what.starts_with('/') {
        let target = KubeTarget::NonResource(what.to_owned());
        return words.next().is_none().then_some(RequestKey::Kube(KubeRequest { verb, target }));
    }
    let (name, namespace) = match words.collect::<Vec<_>>().as_slice() {
        [] => ("", ""),
        ["in", namespace] => ("", *namespace),
        [name] => (*name, ""),
        [name, "in", namespace] => (*name, *namespace),
        _ => return None,
    };
    // `deployments.apps/scale` as kubectl has it, `deployments/scale.apps` as reports print it.
    let (resource, subresource, api_group) = match (what.split_once('.'), what.split_once('/')) {
        (Some((front, group)), _) if front.contains('/') => {
            let (resource, subresource) = front.split_once('/')?;
            (resource, subresource, group)
        }
        (Some((resource, rest)), _) => {
            let (group, subresource) = rest.split_once('/').unwrap_or((rest, ""));
            (resource, subresource, group)
        }
        (None, Some((resource, subresource))) => (resource, subresource, ""),
        (None, None) => (what, "", ""),
    };
    let resource = KubeResource {
        api_group: api_group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    Some(RequestKey::Kube(KubeRequest { verb, target: KubeTarget::Resource(resource) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_understood() {
        let role = Identity::aws("aws", "111122223333", Name::Role("app".to_owned()));
        for text in [
            "s3:GetObject on arn:aws:s3:::b/a ${*} b",
            "sqs:ListQueues (no resource level)",
            "kms:Decrypt on arn:aws:kms:r:1:key/k [via s3.amazonaws.com]",
        ] {
            assert_eq!(parse(&role, text).map(|key| key.to_string()).as_deref(), Some(text));
        }
        let user = Identity::kube_user("c", "bob");
        for text in ["get pods/log.apps web in shop", "list nodes", "get /healthz", "create pods in shop"] {
            assert_eq!(parse(&user, text).map(|key| key.to_string()).as_deref(), Some(text));
        }
        assert_eq!(parse(&user, "get deployments.apps/scale web"), parse(&user, "get deployments/scale.apps web"));
        assert_eq!(parse(&user, "get"), None);
        assert_eq!(parse(&Identity::namespace("c", "shop"), "run Deployment/web"), None);
    }
}
