//! What a record shows of the context that IAM judged in, and of things that exist.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use serde_json::Value;

use super::identity;
use super::record::Trail;
use super::resource::text;
use crate::access::aws::{Action, Context};
use crate::access::identity::{Identity, Name};
use crate::access::inventory::Fact;
use crate::access::observation::Outcome;

/// The condition keys that the record shows; `via` is the service that asks with the caller's credentials.
pub(super) fn context(trail: &Trail, action: &Action, via: Option<&str>) -> Context {
    let mut context = Context::new();
    for (key, value) in trail.request_context.iter().take(KEYS_MAX) {
        let values = match value {
            Value::String(text) => vec![text.clone()],
            Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Null | Value::Object(_) => Vec::new(),
        };
        if !values.is_empty() {
            context.insert(key.clone(), values);
        }
    }
    let mut put = |key: &str, value: &str| {
        context.insert(key.to_owned(), vec![value.to_owned()]);
    };
    if !trail.region.is_empty() {
        put("aws:RequestedRegion", &trail.region);
    }
    if !trail.vpc_endpoint.is_empty() {
        put("aws:SourceVpce", &trail.vpc_endpoint);
    }
    if let Some(given) = trail.user.as_ref().and_then(|user| user.mfa) {
        put("aws:MultiFactorAuthPresent", &given.to_string());
    }
    if let Some(service) = via {
        if service.ends_with(".amazonaws.com") {
            put("aws:ViaAWSService", "true");
        }
        if let Some(name) = service.strip_suffix(".amazonaws.com") {
            put("aws:CalledVia", service);
            if action.service == "kms" && !trail.region.is_empty() {
                put("kms:ViaService", &format!("{name}.{}.amazonaws.com", trail.region));
            }
        }
    }
    if matches!(action.service.as_str(), "s3" | "s3express") && !trail.owner.is_empty() {
        put("aws:ResourceAccount", &trail.owner);
    }
    match (action.service.as_str(), action.name.as_str()) {
        ("s3", "ListBucket" | "ListBucketVersions") if trail.event.starts_with("ListObject") => {
            if let Some(prefix) = trail.request.get("prefix").and_then(Value::as_str).filter(|prefix| !prefix.is_empty()) {
                put("s3:prefix", prefix);
            }
        }
        ("sts", "AssumeRole") => {
            if let Some(external) = text(&trail.request, "externalId") {
                put("sts:ExternalId", external);
            }
        }
        ("sts", "AssumeRoleWithWebIdentity") => {
            let (host, subject, audience) = web_identity(trail);
            if !host.is_empty() {
                [("sub", subject), ("aud", audience)]
                    .iter()
                    .filter(|(_, value)| !value.is_empty())
                    .for_each(|(key, value)| put(&format!("{host}:{key}"), value));
            }
        }
        _ => {}
    }
    context
}

/// How many condition keys of a record are kept: callers choose the tags among them.
const KEYS_MAX: usize = 64;

/// The service that called with the caller's credentials; `None` where nobody did, or where it used a role of its own.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
pub(super) fn via<'a>(trail: &'a Trail, me: &Identity) -> Option<&'a str> {
    let service = trail.user.as_ref().map(|user| user.invoked_by.as_str()).filter(|service| !service.is_empty())?;
    // The console signs people in and asks in their name: nothing is forwarded.
    if service == "signin.amazonaws.com" || service.starts_with("console.") {
        return None;
    }
    let own = match &me.name {
        Name::Role(name) => name.starts_with("aws-service-role/") || name.starts_with("service-role/"),
        Name::User(_) | Name::Root | Name::FederatedUser(_) | Name::IdentityCenterUser(_) => false,
        Name::WebIdentity(_)
        | Name::Saml(_)
        | Name::AwsService(_)
        | Name::AwsAccount(_)
        | Name::Other(_)
        | Name::ServiceAccount { .. }
        | Name::KubeUser(_)
        | Name::Namespace(_)
        | Name::Network => true,
    };
    (!own).then_some(service)
}

/// The provider's host with its path, the subject and the audience of a web identity; empty where the record does not say.
fn web_identity(trail: &Trail) -> (String, String, String) {
    let Some(user) = &trail.user else { return Default::default() };
    let answered = |name: &str| text(trail.response(), name).unwrap_or_default();
    let provider = identity::first(&[answered("provider"), &user.provider]);
    let host = provider.split_once("oidc-provider/").map_or(provider, |(_, host)| host);
    let host = host.strip_prefix("https://").unwrap_or(host);
    let subject = identity::first(&[answered("subjectFromWebIdentityToken"), &user.name]);
    // principalId is `PROVIDER:AUDIENCE:SUBJECT`.
    let told = user.principal.strip_prefix(user.provider.as_str()).and_then(|rest| rest.strip_prefix(':'));
    let told = told.and_then(|rest| rest.strip_suffix(subject)).and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
    let audience = identity::first(&[answered("audience"), told]);
    (host.to_owned(), subject.to_owned(), audience.to_owned())
}

/// What the record shows to exist.
pub(super) fn facts(trail: &Trail, outcome: Outcome) -> Vec<Fact> {
    let mut facts = Vec::new();
    if trail.source == "sts.amazonaws.com" && trail.event == "AssumeRoleWithWebIdentity" && outcome == Outcome::Allowed {
        let (_, subject, _) = web_identity(trail);
        let account = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        if let (Some((namespace, name)), Some(role_arn)) = (account, text(&trail.request, "roleArn")) {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            facts.push(Fact::ServiceAccountRole { namespace, name, role_arn: role_arn.to_owned() });
        }
    }
    if trail.source == "sts.amazonaws.com" && trail.event == "AssumeRole" && outcome == Outcome::Allowed {
        facts.extend(pod_identity(trail));
    }
    facts.extend(access_key(trail));
    if trail.source == "kms.amazonaws.com" && outcome == Outcome::Allowed {
        facts.extend(key_alias(trail));
    }
    facts
}

/// EKS Pod Identity hands a role to a pod and says in the session's tags to which.
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
fn pod_identity(trail: &Trail) -> Option<Fact> {
    trail.user.as_ref().filter(|user| user.kind == "AWSService" && user.invoked_by == "pods.eks.amazonaws.com")?;
    let tags = trail.request.get("tags")?.as_array()?;
    let tag = |name: &str| {
        let named = tags.iter().find(|tag| tag.get("key").and_then(Value::as_str) == Some(name))?;
        named.get("value")?.as_str().map(str::to_owned)
    };
    let (namespace, name) = (tag("kubernetes-namespace")?, tag("kubernetes-service-account")?);
    Some(Fact::ServiceAccountRole { namespace, name, role_arn: text(&trail.request, "roleArn")?.to_owned() })
}

/// A key that does not expire by itself: its id begins so.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
fn access_key(trail: &Trail) -> Option<Fact> {
    let key = trail.user.as_ref().map(|user| user.access_key.as_str()).filter(|key| key.starts_with("AKIA"))?;
    let end = key.len().checked_sub(4).filter(|end| *end >= 8).and_then(|end| key.get(end..))?;
    let identity = identity::identity(trail).ok()?;
    matches!(identity.name, Name::User(_) | Name::Root).then(|| Fact::AccessKey { identity, key: format!("AKIA...{end}") })
}

/// A call by alias whose record lists the key, or one that makes or moves the alias.
fn key_alias(trail: &Trail) -> Option<Fact> {
    let keys: Vec<&String> = trail.resources.iter().filter(|arn| arn.contains(":key/")).collect();
    let [key] = keys.as_slice() else { return None };
    let named = text(&trail.request, "aliasName").or_else(|| text(&trail.request, "keyId"))?;
    let alias_arn = if named.starts_with("arn:") && named.contains(":alias/") {
        named.to_owned()
    } else if named.starts_with("alias/") {
        // The alias lives beside the key.
        format!("{}:{named}", key.split(':').take(5).collect::<Vec<_>>().join(":"))
    } else {
        return None;
    };
    (trail.event != "DeleteAlias").then(|| Fact::KeyAlias { alias_arn, key_arn: (*key).clone() })
}
