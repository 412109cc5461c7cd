//! Who asks, as resource and trust policies name them, and whether a `Principal` or `NotPrincipal` element is about them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
//!
//! Invariant: a principal that cannot be told from the caller with certainty is not understood, never a match.

use super::arn::values_of;
use super::model::Principal;
use crate::access::aws::Context;
use crate::access::identity::{Home, Identity, Name};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The account; empty for what has none (AWS services, anonymous callers).
    pub account: String,
    /// What kind, and its name there.
    pub who: Who,
}

/// What kind of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The account's root user.
    Root,
    /// A user, path included.
    User(String),
    /// A session of a role.
    Role {
        /// The role, path included.
        name: String,
        /// The session's name; `None` where it is not known: then `aws:userid` of the context may say it.
        session: Option<String>,
    },
    /// A session of GetFederationToken.
    FederatedUser(String),
    /// An AWS service with its own principal.
    Service(String),
    /// A web identity or SAML subject before it assumed a role, by its provider: an ARN or a host.
    Federated(String),
    /// Nobody that AWS knows.
    Anonymous,
    /// Someone of an account of whom no more is known.
    SomeoneOf,
}

/// How near a statement's principal comes to the caller. The nearer, the fewer other policies can withhold what it allows.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The account is named: its own policies decide who may.
    Account,
    /// The role behind the session is named: boundary and session policies limit it.
    Role,
    /// The caller itself, or everyone.
    Direct,
}

/// The answer of one element: the nearest match; `None` for no match; `Err` names what stands in the way of knowing.
type Match = Result<Option<Nearness>, String>;

impl Caller {
    /// The caller behind an identity of a log; `None` where it is none that IAM knows.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<Caller> {
        let Home::Account { partition, id } = &identity.home else { return None };
        let who = match &identity.name {
            Name::Role(name) => Who::Role { name: name.clone(), session: None },
            Name::User(name) => Who::User(name.clone()),
            Name::Root => Who::Root,
            Name::FederatedUser(name) => Who::FederatedUser(name.clone()),
            Name::AwsService(name) => Who::Service(name.clone()),
            Name::WebIdentity(name) => Who::Federated(name.split(' ').next().unwrap_or_default().to_owned()),
            Name::Saml(name) => Who::Federated(saml_provider(name)?.to_owned()),
            Name::AwsAccount(id) if is_account(id) => {
                return Some(Caller { partition: partition.clone(), account: id.clone(), who: Who::SomeoneOf });
            }
            Name::AwsAccount(_) => Who::Anonymous,
            Name::IdentityCenterUser(_)
            | Name::Other(_)
            | Name::ServiceAccount { .. }
            | Name::KubeUser(_)
            | Name::Namespace(_)
            | Name::Network => return None,
        };
        let has_account = !matches!(who, Who::Service(_) | Who::Federated(_) | Who::Anonymous);
        Some(Caller { partition: partition.clone(), account: if has_account { id.clone() } else { String::new() }, who })
    }

    /// The ARN under `aws:PrincipalArn`: a session is its role there. `None` where it has none.
    #[must_use]
    pub fn arn(&self) -> Option<String> {
        let (service, name) = match &self.who {
            Who::Root => ("iam", "root".to_owned()),
            Who::User(name) => ("iam", format!("user/{name}")),
            Who::Role { name, .. } => ("iam", format!("role/{name}")),
            Who::FederatedUser(name) => ("sts", format!("federated-user/{name}")),
            Who::Service(_) | Who::Federated(_) | Who::Anonymous | Who::SomeoneOf => return None,
        };
        Some(format!("arn:{}:{service}::{}:{name}", self.partition, self.account))
    }

    /// Whether it is a service-linked role, which control policies don't limit.
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>
    #[must_use]
    pub fn is_service_linked(&self) -> bool {
        matches!(&self.who, Who::Role { name, .. } if name.starts_with("aws-service-role/"))
    }

    /// Whether policies of an account decide what it may: all but AWS services, federated subjects and anonymous callers.
    pub(super) fn has_identity(&self) -> bool {
        !matches!(self.who, Who::Service(_) | Who::Federated(_) | Who::Anonymous)
    }
}

fn saml_provider(name: &str) -> Option<&str> {
    name.split(' ').find(|word| word.starts_with("arn:") && word.contains(":saml-provider/"))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the element is about the caller.
pub(super) fn matches(principal: &Principal, caller: &Caller, context: &Context) -> Match {
    match principal {
        Principal::Everyone => Ok(Some(Nearness::Direct)),
        Principal::ByKind(kinds) => {
            let all = kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name.as_str())));
            nearest(all.map(|(kind, name)| named(kind, name, caller, context)))
        }
        // Which of several names of one caller must stand here is not said: see `is_outside`.
        Principal::Not(listed) => Ok(matches(listed, caller, context)?.is_none().then_some(Nearness::Direct)),
    }
}

/// Whether a Deny with `NotPrincipal` reaches the caller: not where every name of it is listed (account, role and session; account
/// and user), surely where none is. AWS may check any of them, so some of them listed is not known to be enough.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
pub(super) fn is_outside(listed: &Principal, caller: &Caller, context: &Context) -> Result<bool, String> {
    let Principal::ByKind(kinds) = listed else { return Ok(matches(listed, caller, context)?.is_none()) };
    let all: Vec<(&str, &str)> =
        kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name.as_str()))).collect();
    let mut near = Vec::new();
    for (kind, name) in all {
        near.extend(named(kind, name, caller, context)?);
    }
    let wanted: &[Nearness] = match &caller.who {
        Who::Role { .. } => &[Nearness::Account, Nearness::Role, Nearness::Direct],
        Who::User(_) | Who::FederatedUser(_) => &[Nearness::Account, Nearness::Direct],
        Who::Root | Who::SomeoneOf => &[Nearness::Account],
        Who::Service(_) | Who::Federated(_) | Who::Anonymous => &[Nearness::Direct],
    };
    if wanted.iter().all(|one| near.contains(one)) {
        Ok(false)
    } else if near.is_empty() {
        Ok(true)
    } else {
        Err("`NotPrincipal` that lists only part of the caller's account, role and session".to_owned())
    }
}

/// The nearest of several; unknown only where one that is unknown could have been nearer than what is known.
fn nearest(answers: impl Iterator<Item = Match>) -> Match {
    let mut best = None;
    let mut unknown = None;
    for answer in answers {
        match answer {
            Ok(near) => best = best.max(near),
            Err(why) => unknown = Some(why),
        }
    }
    match unknown {
        Some(why) if best.is_none() => Err(why),
        Some(_) | None => Ok(best),
    }
}

fn named(kind: &str, name: &str, caller: &Caller, context: &Context) -> Match {
    match (kind, &caller.who) {
        ("AWS", _) if name == "*" => Ok(Some(Nearness::Direct)),
        ("AWS", _) if !caller.has_identity() => Ok(None),
        ("AWS", _) => aws(name, caller, context),
        ("Service", Who::Service(service)) => Ok((service == name).then_some(Nearness::Direct)),
        ("Federated", Who::Federated(provider)) => Ok((host(provider) == host(name)).then_some(Nearness::Direct)),
        ("Service" | "Federated", _) => Ok(None),
        // Which account has which canonical id is told by no log.
        ("CanonicalUser", _) if caller.has_identity() => Err("`CanonicalUser` as principal".to_owned()),
        ("CanonicalUser", _) => Ok(None),
        (other, _) => Err(format!("principal kind `{other}`")),
    }
}

fn aws(name: &str, caller: &Caller, context: &Context) -> Match {
    if is_account(name) {
        return Ok((name == caller.account).then_some(Nearness::Account));
    }
    let mut fields = name.splitn(6, ':');
    let (Some("arn"), Some(partition), Some(service), Some(""), Some(account), Some(resource)) =
        (fields.next(), fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
    else {
        // What is left of a deleted role or user: its unique id, which is nobody's any more.
        let is_id = name.len() >= 16 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        return if is_id { Ok(None) } else { Err(format!("principal `{name}`")) };
    };
    if partition != caller.partition || account != caller.account {
        return Ok(None);
    }
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    match (service, kind, &caller.who) {
        ("iam", "root", _) => Ok(Some(Nearness::Account)),
        ("iam", "user", Who::User(user)) => Ok((user == name).then_some(Nearness::Direct)),
        ("iam", "role", Who::Role { name: role, .. }) => Ok((role == name).then_some(Nearness::Role)),
        ("sts", "federated-user", Who::FederatedUser(user)) => Ok((user == name).then_some(Nearness::Direct)),
        ("sts", "assumed-role", Who::Role { name: role, session }) => {
            let own = role.rsplit('/').next().unwrap_or(role);
            let Some((wanted_role, wanted)) = name.split_once('/').filter(|(wanted, _)| *wanted == own) else { return Ok(None) };
            match session.as_deref().or_else(|| session_of(context)) {
                Some(session) => Ok((session == wanted).then_some(Nearness::Direct)),
                None => Err(format!("session of role `{wanted_role}`, which the record does not name")),
            }
        }
        (_, _, Who::SomeoneOf) => Err("principal of an account of which the record names no more".to_owned()),
        _ => Ok(None),
    }
}

/// `aws:userid` of a role session is `ROLE-ID:SESSION`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>
fn session_of(context: &Context) -> Option<&str> {
    let [id] = values_of(context, "aws:userid")?.as_slice() else { return None };
    id.split_once(':').map(|(_, session)| session)
}

/// A provider without its account and scheme, as both sides spell it.
fn host(provider: &str) -> &str {
    let after = provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host);
    after.strip_prefix("https://").unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(kind: &str, name: &str, who: Who) -> Match {
        let caller = Caller { partition: "aws".into(), account: "111122223333".into(), who };
        let element = Principal::ByKind([(kind.to_owned(), vec![name.to_owned()])].into());
        matches(&element, &caller, &Context::from([("aws:UserId".into(), vec!["AROA:s".into()])]))
    }

    #[test]
    fn principals_are_told_apart() {
        let role = || Who::Role { name: "p/app".into(), session: None };
        for (kind, name, who, expected) in [
            ("AWS", "111122223333", role(), Some(Nearness::Account)),
            ("AWS", "arn:aws:iam::111122223333:root", role(), Some(Nearness::Account)),
            ("AWS", "arn:aws:iam::999922223333:root", role(), None),
            ("AWS", "arn:aws:iam::111122223333:role/p/app", role(), Some(Nearness::Role)),
            ("AWS", "arn:aws:iam::111122223333:role/app", role(), None),
            ("AWS", "arn:aws:sts::111122223333:assumed-role/app/s", role(), Some(Nearness::Direct)),
            ("AWS", "arn:aws:sts::111122223333:assumed-role/app/t", role(), None),
            ("AWS", "*", role(), Some(Nearness::Direct)),
            ("AWS", "AROAEXAMPLEEXAMPLE123", role(), None),
            ("AWS", "arn:aws:iam::111122223333:user/bob", Who::User("bob".into()), Some(Nearness::Direct)),
            ("AWS", "arn:aws-cn:iam::111122223333:user/bob", Who::User("bob".into()), None),
            ("AWS", "*", Who::Anonymous, Some(Nearness::Direct)),
            ("AWS", "111122223333", Who::Service("s3.amazonaws.com".into()), None),
            ("Service", "s3.amazonaws.com", Who::Service("s3.amazonaws.com".into()), Some(Nearness::Direct)),
            ("Service", "s3.amazonaws.com", role(), None),
            ("Federated", "arn:aws:iam::1:oidc-provider/h/id", Who::Federated("https://h/id".into()), Some(Nearness::Direct)),
        ] {
            assert_eq!(near(kind, name, who), Ok(expected), "{kind} {name}");
        }
        assert!(near("CanonicalUser", "79a5", role()).is_err() && near("Odd", "x", role()).is_err());
        assert!(near("AWS", "arn:aws:iam::111122223333:user/bob", Who::SomeoneOf).is_err());
        assert!(near("AWS", "bob", role()).is_err());
    }
}
