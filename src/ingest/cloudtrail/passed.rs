//! Roles that a call hands to a service: the caller must be one who may pass them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
//!
//! Invariant: a role that the record does not name is never passed; one that it names through an instance profile is assumed.

use std::collections::BTreeMap;

use super::identity;
use super::record::Trail;
use super::resource::{Built, read};
use super::want::Want;
use crate::access::aws::{Action, Arn, Resource, Text};
use crate::access::observation::{Basis, Outcome};
use crate::catalog::Catalog;
use crate::catalog::side::{self, PassedRole};

const PASSED: &str = "a role that is handed to a service must be one that the caller may pass";
const PROFILE: &str = "an instance profile usually holds the role of its own name";
const NO_PATH: &str = "the record does not show the path of this name: taken as `/`";

/// `iam:PassRole` for every role that the record names. A call that was refused or failed says nothing about it: whether it was
/// asked for at all depends on the order in which the service asks, and anybody can name any role.
pub(super) fn wants(trail: &Trail, stated: &[Want], answer: Outcome, catalog: &Catalog) -> Vec<Want> {
    if answer != Outcome::Allowed {
        return Vec::new();
    }
    let mut wants: Vec<Want> = Vec::new();
    for want in stated.iter().filter(|want| want.basis == Basis::Stated) {
        for (parameter, text) in named_roles(trail, &want.action, catalog) {
            let Some(next) = passed(trail, parameter, &text).filter(|next| next.outcome.is_none_or(|wanted| wanted == answer))
            else {
                continue;
            };
            if !wants.iter().any(|known| known.on == next.on && known.context == next.context) {
                wants.push(next);
            }
        }
    }
    wants
}

/// What names a role or its profile in a call: by the table written by hand, else where the API's model has a role that is passed,
/// which counts only as an ARN.
fn named_roles(trail: &Trail, action: &Action, catalog: &Catalog) -> Vec<(&'static PassedRole, String)> {
    static BY_MODEL: PassedRole = PassedRole { steps: Vec::new(), profile: false, to: "" };
    let by_hand = side::passed_roles(action);
    if !by_hand.is_empty() {
        let texts = |parameter: &'static PassedRole| {
            read(&trail.request, &parameter.steps).into_iter().map(move |text| (parameter, text))
        };
        return by_hand.iter().flat_map(texts).collect();
    }
    let operation = catalog.operation(&action.service, &trail.event);
    let paths = operation.into_iter().flat_map(|operation| &operation.passes).filter(|path| !path.response);
    let texts = paths.flat_map(|path| read(&trail.request, &path.steps));
    texts.filter(|text| text.starts_with("arn:")).map(|text| (&BY_MODEL, text)).collect()
}

fn passed(trail: &Trail, parameter: &PassedRole, text: &str) -> Option<Want> {
    let (arn, rule) = if parameter.profile { (profile_role(trail, text)?, None) } else { role(trail, text)? };
    let action = Action { service: "iam".to_owned(), name: "PassRole".to_owned() };
    let on = vec![Built { resource: Resource::Arn(arn), implied: None }];
    let mut want = if parameter.profile {
        Want { outcome: Some(Outcome::Allowed), ..Want::assumed(action, on, PROFILE) }
    } else {
        Want::implied(action, on, rule.unwrap_or(PASSED))
    };
    if !parameter.to.is_empty() {
        want.context = BTreeMap::from([("iam:PassedToService".to_owned(), vec![to(trail, parameter.to)])]);
    }
    Some(want)
}

/// The principal as the partition spells it; EC2's ends in `.cn` in China.
/// <https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html>
fn to(trail: &Trail, service: &str) -> String {
    let suffix = if identity::partition(trail) == "aws-cn" && service == "ec2.amazonaws.com" { ".cn" } else { "" };
    format!("{service}{suffix}")
}

/// The account in which the call was made.
fn account(trail: &Trail) -> Option<&str> {
    let own = trail.user.as_ref().map(|user| user.account.as_str()).unwrap_or_default();
    let account = identity::first(&[&trail.recipient, own]);
    (!account.is_empty() && account.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(account)
}

fn named(trail: &Trail, name: &str) -> Option<Arn> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
    let name = name.strip_prefix('/').unwrap_or(name);
    let account = account(trail).filter(|_| !name.is_empty() && name.bytes().all(plain))?;
    Some(Arn {
        partition: Text::literal(identity::partition(trail)),
        service: Text::literal("iam"),
        region: Text::default(),
        account: Text::literal(account),
        resource: Text::literal(&format!("role/{name}")),
    })
}

/// A role by ARN or name. One of another account cannot be passed, so it is none.
fn role(trail: &Trail, text: &str) -> Option<(Arn, Option<&'static str>)> {
    if !text.starts_with("arn:") {
        return Some((named(trail, text)?, Some(NO_PATH)));
    }
    let arn = Arn::literal(text)?;
    let is_role = arn.service.as_literal() == Some("iam") && arn.resource.as_literal()?.starts_with("role/");
    (is_role && arn.account.as_literal() == account(trail)).then_some((arn, None))
}

/// The role that an instance profile, by ARN or name, is taken to hold: the console and most tools give both one name and path.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html>
fn profile_role(trail: &Trail, text: &str) -> Option<Arn> {
    if !text.starts_with("arn:") {
        return named(trail, text);
    }
    let arn = Arn::literal(text)?;
    let name = arn.resource.as_literal()?.strip_prefix("instance-profile/")?;
    (arn.account.as_literal() == account(trail)).then(|| named(trail, name)).flatten()
}
