//! The translation of one API event: what IAM was asked, by whom, with what answer.

use serde_json::Value;

use super::record::Trail;
use super::resource::{Built, resources};
use super::{context, dynamodb, identity, outcome, s3};
use crate::access::aws::{Action, AwsRequest, AwsRequestKey, Resource};
use crate::access::inventory::Fact;
use crate::access::observation::{Basis, Outcome, Skip, Undecided};
use crate::access::request::Request;
use crate::catalog::Catalog;
use crate::catalog::rules::Mapping;
use crate::ingest::decoded::{Asked, End};

/// An action with what it was asked on, and the named rule where the event does not state it.
pub(super) struct Want {
    pub(super) action: Action,
    pub(super) on: Vec<Built>,
    pub(super) implied: Option<&'static str>,
    /// Where it differs from the record's.
    pub(super) outcome: Option<Outcome>,
}

const KEY_ROLES: &str = "the record does not say which key was the source";

/// How an API event ends, and what it shows to exist.
pub(super) fn end(trail: &Trail, catalog: &Catalog) -> (End, Vec<Fact>) {
    let carries = |name: &str| {
        let empty = |value: &Value| value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
        let sent = trail.request.get(name).is_some_and(|value| !empty(value));
        sent && !(name == "versionId" && trail.request.get(name).and_then(Value::as_str) == Some("null"))
    };
    let who = identity::identity(trail);
    let undecided = |why: Undecided| (End::Undecided { why, identity: identity::identity(trail).ok() }, Vec::new());
    let mapped = match catalog.map(&trail.source, &trail.event, carries) {
        Mapping::Permissionless => return (End::Skipped(Skip::Permissionless), Vec::new()),
        Mapping::ServiceEvent => return (End::Skipped(Skip::ServiceEvent), Vec::new()),
        Mapping::Unknown => return undecided(Undecided::EventUnmapped(format!("{} {}", trail.source, trail.event))),
        Mapping::Actions(mapped) => mapped,
    };
    let me = match who {
        Ok(me) => me,
        Err(kind) => return undecided(Undecided::IdentityUnknown(kind)),
    };
    let plain = || {
        mapped
            .iter()
            .map(|mapped| Want {
                on: resources(trail, &mapped.action, catalog),
                action: mapped.action.clone(),
                implied: mapped.implied,
                outcome: None,
            })
            .collect::<Vec<Want>>()
    };
    let service = mapped.first().map(|mapped| mapped.action.service.as_str()).unwrap_or_default();
    let wants = match service {
        "dynamodb" => match dynamodb::wants(trail, catalog) {
            Ok(wants) => wants.unwrap_or_else(plain),
            Err(missing) => return undecided(Undecided::NotCarried(missing.to_owned())),
        },
        "s3" => s3::wants(trail, plain(), catalog),
        "kms" if trail.event == "ReEncrypt" => re_encrypt(trail, plain()),
        _ => plain(),
    };
    let answer = outcome::outcome(trail);
    let via = context::via(trail, &me).map(str::to_owned);
    let mut asked: Vec<Asked> = Vec::new();
    for want in wants {
        let context = context::context(trail, &want.action, &me);
        for built in want.on {
            let basis = match want.implied.or(built.implied) {
                Some(rule) => Basis::Implied(rule.to_owned()),
                None => Basis::Stated,
            };
            let key = AwsRequestKey { action: want.action.clone(), resource: built.resource, via: via.clone() };
            let request = Request::Aws(AwsRequest { key, context: context.clone() });
            let outcome = want.outcome.unwrap_or(answer);
            asked.push(Asked { identity: me.clone(), groups: Vec::new(), request, basis, outcome });
        }
    }
    (End::Observed(asked), context::facts(trail, answer))
}

/// ReEncrypt reads with one key and writes with another.
fn re_encrypt(trail: &Trail, mut wants: Vec<Want>) -> Vec<Want> {
    for want in &mut wants {
        let side = if want.action.name == "ReEncryptFrom" { "sourceKeyId" } else { "destinationKeyId" };
        let id = trail.request.get(side).and_then(Value::as_str).and_then(|id| id.rsplit('/').next()).unwrap_or_default();
        let names = |built: &Built| match &built.resource {
            Resource::Arn(arn) => !id.is_empty() && arn.resource.as_literal() == Some(format!("key/{id}").as_str()),
            Resource::NoResourceLevel | Resource::NotBuilt => false,
        };
        if want.on.iter().any(names) {
            want.on.retain(names);
        } else if want.on.len() > 1 {
            want.on.iter_mut().for_each(|built| built.implied = Some(KEY_ROLES));
        }
    }
    wants
}
