//! What a called service asks KMS for with the caller's credentials, where the record names the key. CloudTrail leaves such events
//! out where a trail excludes KMS, so they are assumed; where it holds them, they are the same requests.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
//!
//! Invariant: nothing is assumed of a key that the record does not name, nor of an AWS managed one that it names as such.

use super::identity;
use super::record::Trail;
use super::resource::{Built, read};
use super::want::Want;
use crate::access::aws::{Action, Arn, Resource, Text};
use crate::access::observation::{Basis, Outcome};
use crate::catalog::side;

const FORWARDED: &str = "the service uses the named key with the caller's credentials";

/// What KMS is asked for beside the stated actions; only where the call itself was allowed.
pub(super) fn wants(trail: &Trail, stated: &[Want], answer: Outcome) -> Vec<Want> {
    if answer != Outcome::Allowed {
        return Vec::new();
    }
    let mut wants: Vec<Want> = Vec::new();
    for want in stated.iter().filter(|want| want.basis == Basis::Stated) {
        let Some(service) = principal(&want.action.service) else { continue };
        for parameter in side::named_keys(&want.action) {
            let texts = match parameter.response {
                true => read(trail.response(), &parameter.steps),
                false => read(&trail.request, &parameter.steps),
            };
            let mut asked = parameter.actions.clone();
            asked.extend(in_parts(trail));
            for arn in texts.iter().filter_map(|text| key(trail, text)) {
                let on = vec![Built { resource: Resource::Arn(arn), implied: None }];
                for action in &asked {
                    if !wants.iter().any(|known| known.action == *action && known.on == on) {
                        wants.push(Want { via: Some(service), ..Want::assumed(action.clone(), on.clone(), FORWARDED) });
                    }
                }
            }
        }
    }
    wants
}

/// The name under which a service asks.
fn principal(prefix: &str) -> Option<&'static str> {
    match prefix {
        "s3" => Some("s3.amazonaws.com"),
        "secretsmanager" => Some("secretsmanager.amazonaws.com"),
        "ssm" => Some("ssm.amazonaws.com"),
        "dynamodb" => Some("dynamodb.amazonaws.com"),
        _ => None,
    }
}

/// An upload in parts decrypts its parts before they are put together.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions>
fn in_parts(trail: &Trail) -> Option<Action> {
    let parts = matches!(
        trail.event.as_str(),
        "CreateMultipartUpload" | "InitiateMultipartUpload" | "UploadPart" | "UploadPartCopy" | "CompleteMultipartUpload"
    );
    parts.then(|| Action { service: "kms".to_owned(), name: "Decrypt".to_owned() })
}

/// A key by ARN or id. An alias names no key, and `alias/aws/..` needs no grant.
fn key(trail: &Trail, text: &str) -> Option<Arn> {
    if text.starts_with("arn:") {
        let arn = Arn::literal(text)?;
        let is_key = arn.service.as_literal() == Some("kms") && arn.resource.as_literal()?.starts_with("key/");
        return is_key.then_some(arn);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_id = plain && (text.len() == 36 || text.starts_with("mrk-"));
    let own = trail.user.as_ref().map(|user| user.account.as_str()).unwrap_or_default();
    let account = identity::first(&[&trail.recipient, own]);
    (is_id && !account.is_empty() && !trail.region.is_empty()).then(|| Arn {
        partition: Text::literal(identity::partition(trail)),
        service: Text::literal("kms"),
        region: Text::literal(&trail.region),
        account: Text::literal(account),
        resource: Text::literal(&format!("key/{text}")),
    })
}
