//! The translation of one API event: what IAM was asked, by whom, with what answer.
//!
//! event --catalog--> actions --resources--> stated --s3, dynamodb, ..--> implied --passed, forwarded--> beside it --refusal--> asked

use serde_json::Value;

use super::record::Trail;
use super::resource::{Built, resources};
use super::want::Want;
use super::{apigateway, context, dynamodb, forwarded, identity, outcome, passed, refusal, s3};
use crate::access::aws::{AwsRequest, AwsRequestKey, Resource};
use crate::access::inventory::Fact;
use crate::access::observation::{Basis, Outcome, Skip, Undecided};
use crate::access::request::Request;
use crate::catalog::rules::{Mapped, Mapping};
use crate::catalog::{Catalog, side};
use crate::ingest::decoded::{Asked, End};

const KEY_ROLES: &str = "the record does not say which key was the source";

/// How an API event ends, and what it shows to exist.
pub(super) fn end(trail: &Trail, catalog: &Catalog) -> (End, Vec<Fact>) {
    let undecided = |why: Undecided| (End::Undecided { why, identity: identity::identity(trail).ok() }, Vec::new());
    let mapped = match catalog.map(s3::source(trail), &trail.event, |name| carries(trail, name)) {
        Mapping::Permissionless => return (End::Skipped(Skip::Permissionless), Vec::new()),
        Mapping::ServiceEvent => return (End::Skipped(Skip::ServiceEvent), Vec::new()),
        Mapping::Unknown => return undecided(Undecided::EventUnmapped(format!("{} {}", trail.source, trail.event))),
        Mapping::Actions(mapped) => mapped,
    };
    let me = match identity::identity(trail) {
        Ok(me) => me,
        Err(kind) => return undecided(Undecided::IdentityUnknown(kind)),
    };
    let mut wants = match wants(trail, &mapped, catalog) {
        Ok(wants) => wants,
        Err(missing) => return undecided(Undecided::NotCarried(missing.to_owned())),
    };
    let answer = outcome::outcome(trail);
    let beside = [
        passed::wants(trail, &wants, answer, catalog),
        forwarded::wants(trail, &wants, answer),
        unrecorded(trail, &wants, answer, catalog),
    ];
    wants.extend(beside.into_iter().flatten());
    refusal::apply(trail, &mut wants, answer, catalog);
    let via = context::via(trail, &me);
    let mut asked: Vec<Asked> = Vec::new();
    for want in wants {
        let via = want.via.or(via);
        let mut context = context::context(trail, &want.action, via);
        context.extend(want.context.clone());
        for built in &want.on {
            let key =
                AwsRequestKey { action: want.action.clone(), resource: built.resource.clone(), via: via.map(str::to_owned) };
            let request = Request::Aws(AwsRequest { key, context: context.clone() });
            let (basis, outcome) = (want.basis_on(built), want.outcome.unwrap_or(answer));
            asked.push(Asked { identity: me.clone(), groups: Vec::new(), request, basis, outcome });
        }
    }
    (End::Observed(asked), context::facts(trail, answer))
}

/// Whether the parameters have a name at their top that says something; a name that begins with `~` is a test of S3's.
fn carries(trail: &Trail, name: &str) -> bool {
    if let Some(test) = name.strip_prefix('~') {
        return s3::carries(trail, test);
    }
    let empty = |value: &Value| value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
    let sent = trail.request.get(name).is_some_and(|value| !empty(value));
    sent && !(name == "versionId" && trail.request.get(name).and_then(Value::as_str) == Some("null"))
}

/// What the event states and what its own service asks for beside it.
///
/// # Errors
/// What the record would have to carry to tell.
fn wants(trail: &Trail, mapped: &[Mapped], catalog: &Catalog) -> Result<Vec<Want>, &'static str> {
    let plain = || {
        let want = |mapped: &Mapped| {
            let (action, on) = (mapped.action.clone(), resources(trail, &mapped.action, catalog));
            mapped
                .implied
                .map_or_else(|| Want::stated(action.clone(), on.clone()), |rule| Want::implied(action.clone(), on.clone(), rule))
        };
        mapped.iter().map(want).collect::<Vec<Want>>()
    };
    let service = mapped.first().map(|mapped| mapped.action.service.as_str()).unwrap_or_default();
    Ok(match service {
        "dynamodb" => dynamodb::wants(trail, catalog)?.unwrap_or_else(plain),
        "s3" | "s3express" => s3::wants(trail, plain(), catalog),
        "apigateway" => apigateway::wants(trail).unwrap_or_else(plain),
        "kms" if trail.event == "ReEncrypt" => re_encrypt(trail, plain()),
        _ => plain(),
    })
}

/// What is needed beside an allowed call and leaves no record; only on resources that the record names.
fn unrecorded(trail: &Trail, stated: &[Want], answer: Outcome, catalog: &Catalog) -> Vec<Want> {
    let stated = stated.iter().filter(|want| answer == Outcome::Allowed && want.basis == Basis::Stated);
    let needed = stated.flat_map(|want| side::unrecorded(&want.action)).map(|needed| {
        let mut on = resources(trail, &needed.action, catalog);
        on.retain(|built| matches!(built.resource, Resource::Arn(_)));
        Want::assumed(needed.action.clone(), on, needed.why)
    });
    needed.collect()
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
