//! Who acted: `userIdentity` -> identity.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
//!
//! Invariant: an assumed-role session is its role, with its path where the record has it.

use super::record::{Trail, User};
use crate::access::identity::{Home, Identity, Name};

/// The partition of a region, such as `aws-cn`.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
pub(super) fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("us-iso-") {
        "aws-iso"
    } else if region.starts_with("us-isob-") {
        "aws-iso-b"
    } else if region.starts_with("eu-isoe-") {
        "aws-iso-e"
    } else if region.starts_with("us-isof-") {
        "aws-iso-f"
    } else if region.starts_with("eusc-") {
        "aws-eusc"
    } else {
        "aws"
    }
}

/// The fields of an ARN that matter here.
struct Parts<'a> {
    partition: &'a str,
    account: &'a str,
    resource: &'a str,
}

fn parts(arn: &str) -> Option<Parts<'_>> {
    let mut fields = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (partition, _, _, account) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some(Parts { partition, account, resource: fields.next()? })
}

/// The partition of the record's principal, or else of its region.
pub(super) fn partition(trail: &Trail) -> &str {
    let arns = trail.user.iter().flat_map(|user| [user.arn.as_str(), user.issuer.arn.as_str()]);
    arns.filter_map(parts).map(|parts| parts.partition).next().unwrap_or_else(|| partition_of(&trail.region))
}

/// The identity of a record; `Err` names the userIdentity type that none can be told from.
pub(super) fn identity(trail: &Trail) -> Result<Identity, String> {
    let told = told(trail)?;
    let Home::Account { partition, id } = &told.home else { return Ok(told) };
    // A home with a separator in it would print as another identity.
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain(partition) && plain(id) { Ok(told) } else { Err("an account that is none".to_owned()) }
}

fn told(trail: &Trail) -> Result<Identity, String> {
    let Some(user) = &trail.user else { return Err("absent".to_owned()) };
    let unknown = || if user.kind.is_empty() { "no type".to_owned() } else { user.kind.clone() };
    let at = |account: &str, name: Name| Identity::aws(partition(trail), account, name);
    let account = first(&[&user.account, &trail.recipient]);
    Ok(match user.kind.as_str() {
        "AssumedRole" | "Role" => role(trail, user).ok_or_else(unknown)?,
        "IAMUser" => iam_user(trail, &user.arn, &user.account, &user.name).ok_or_else(unknown)?,
        "Root" => {
            let of_arn = parts(&user.arn).map(|parts| parts.account).unwrap_or_default();
            at(first(&[of_arn, account]), Name::Root)
        }
        // A federated session holds what its policies and the user's own both allow: the user's must hold it all.
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
        "FederatedUser" if user.issuer.kind == "IAMUser" => {
            iam_user(trail, &user.issuer.arn, &user.issuer.account, &user.issuer.name).ok_or_else(unknown)?
        }
        "FederatedUser" => {
            let of_arn = parts(&user.arn).and_then(|parts| parts.resource.strip_prefix("federated-user/")).unwrap_or_default();
            let after = user.principal.split_once(':').map_or("", |(_, name)| name);
            let name = first(&[of_arn, after, &user.name]);
            if name.is_empty() {
                return Err(unknown());
            }
            at(account, Name::FederatedUser(name.to_owned()))
        }
        "IdentityCenterUser" => {
            let name = first(&[&user.on_behalf_of, &user.principal, &user.name]);
            if name.is_empty() {
                return Err(unknown());
            }
            at(account, Name::IdentityCenterUser(name.to_owned()))
        }
        "SAMLUser" => at(account, Name::Saml(first(&[&user.name, &user.principal]).to_owned())),
        "WebIdentityUser" => at(account, Name::WebIdentity(web_identity(user))),
        "AWSService" => at("", Name::AwsService(first(&[&user.invoked_by, &trail.source]).to_owned())),
        "AWSAccount" => match first(&[&user.account, &user.principal]) {
            "" | "ANONYMOUS_PRINCIPAL" | "Anonymous" | "anonymous" => at("", Name::AwsAccount("anonymous".to_owned())),
            other => at(&user.account, Name::AwsAccount(other.to_owned())),
        },
        "" if !user.invoked_by.is_empty() => at("", Name::AwsService(user.invoked_by.clone())),
        "" => return Err(unknown()),
        other => {
            let principal = first(&[&user.arn, &user.principal, &user.name, &user.invoked_by]);
            at(account, Name::Other(format!("{other} {principal}").trim_end().to_owned()))
        }
    })
}

/// Provider and subject, each as the record spells them.
fn web_identity(user: &User) -> String {
    let subject = if user.name.is_empty() {
        let after = user.principal.strip_prefix(user.provider.as_str()).unwrap_or(&user.principal);
        after.trim_start_matches(':')
    } else {
        &user.name
    };
    format!("{} {subject}", user.provider)
}

/// Path and name of the role behind a session; its issuer may also be a user or root (GetSessionToken).
fn role(trail: &Trail, user: &User) -> Option<Identity> {
    let issuer = &user.issuer;
    match issuer.kind.as_str() {
        "IAMUser" => return iam_user(trail, &issuer.arn, &issuer.account, &issuer.name),
        "Root" => {
            let account = parts(&issuer.arn).map(|parts| parts.account).unwrap_or_default();
            let account = first(&[account, &issuer.account, &user.account]);
            return Some(Identity::aws(partition(trail), account, Name::Root));
        }
        _ => {}
    }
    for arn in [&issuer.arn, &user.arn] {
        let Some(parts) = parts(arn) else { continue };
        let role = parts.resource.strip_prefix("role/");
        let session =
            || parts.resource.strip_prefix("assumed-role/").map(|rest| rest.split_once('/').map_or(rest, |(name, _)| name));
        if let Some(name) = role.or_else(session).filter(|name| !name.is_empty()) {
            let account = first(&[parts.account, &issuer.account, &user.account]);
            return Some(Identity::aws(parts.partition, account, Name::Role(name.to_owned())));
        }
    }
    let account = first(&[&issuer.account, &user.account, &trail.recipient]);
    (!issuer.name.is_empty()).then(|| Identity::aws(partition(trail), account, Name::Role(issuer.name.clone())))
}

fn iam_user(trail: &Trail, arn: &str, account: &str, name: &str) -> Option<Identity> {
    if let Some(parts) = parts(arn)
        && let Some(name) = parts.resource.strip_prefix("user/").filter(|name| !name.is_empty())
    {
        return Some(Identity::aws(parts.partition, first(&[parts.account, account]), Name::User(name.to_owned())));
    }
    let account = first(&[account, &trail.recipient]);
    (!name.is_empty()).then(|| Identity::aws(partition(trail), account, Name::User(name.to_owned())))
}

/// The first text that is not empty; empty for none.
pub(super) fn first<'a>(texts: &[&'a str]) -> &'a str {
    texts.iter().copied().find(|text| !text.is_empty()).unwrap_or_default()
}
