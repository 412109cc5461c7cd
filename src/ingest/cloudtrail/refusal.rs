//! What a refusal's message says: which action was refused, and on what.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
//!
//! Invariant: what a message names is only ever refused; nothing is granted from it.

use super::identity;
use super::record::Trail;
use super::resource::Built;
use super::want::Want;
use crate::access::aws::{Action, Arn, Resource, Segment, Text, Wildcard};
use crate::access::observation::Outcome;
use crate::catalog::Catalog;

/// The record does not show on what it was asked, but the message does.
const RESOURCE: &str = "the refusal's message names the resource";
/// Another action than the event's own was refused.
const ACTION: &str = "the refusal's message names the action";

/// What a message names; no action where it writes a placeholder for it (`iam:Action`).
struct Named {
    action: Option<Action>,
    resource: Option<Arn>,
}

/// Puts a refusal where its message says: on the action that it names. What was not named has not been answered.
pub(super) fn apply(trail: &Trail, wants: &mut Vec<Want>, answer: Outcome, catalog: &Catalog) {
    let Some(Named { action, resource }) = (answer == Outcome::Refused).then(|| named(trail, catalog)).flatten() else { return };
    let only = wants.len() == 1;
    let mut stated = false;
    for want in wants.iter_mut() {
        if action.as_ref().is_some_and(|action| want.action != *action) {
            want.outcome = Some(Outcome::Unknown);
            continue;
        }
        stated = true;
        let open = want.on.iter().all(|built| built.resource == Resource::NotBuilt);
        let told = resource.as_ref().filter(|arn| takes(catalog, &want.action, arn));
        if let Some(arn) = told.filter(|_| open && (action.is_some() || only)) {
            want.on = vec![Built { resource: Resource::Arn(arn.clone()), implied: Some(RESOURCE) }];
        }
    }
    let Some(action) = action.filter(|_| !stated) else { return };
    let no_level = catalog.action(&action).is_some_and(|definition| definition.types.is_empty());
    let resource = match resource {
        _ if no_level => Resource::NoResourceLevel,
        Some(arn) if takes(catalog, &action, &arn) => Resource::Arn(arn),
        Some(_) | None => Resource::NotBuilt,
    };
    wants.push(Want::implied(action, vec![Built { resource, implied: None }], ACTION));
}

/// Whether an action can be asked on it: some messages name what is no resource of the action (`arn:..:resource`).
fn takes(catalog: &Catalog, action: &Action, arn: &Arn) -> bool {
    let (Some(service), Some(definition)) = (catalog.service(&action.service), catalog.action(action)) else { return false };
    let named = arn.to_policy().replace('*', "x");
    service.types_of(&named).iter().any(|found| definition.types.iter().any(|used| used.name == found.name))
}

/// `User: ARN is not authorized to perform: ACTION on resource: ARN because ..`; `None` where it speaks of somebody else.
fn named(trail: &Trail, catalog: &Catalog) -> Option<Named> {
    let (before, after) = trail.error_message.split_once("is not authorized to perform: ")?;
    let user = trail.user.as_ref()?;
    let who = before.rsplit_once("User: ").map(|(_, who)| who.trim()).unwrap_or_default();
    // Anonymised copies change the account alone.
    let name = |arn: &str| arn.splitn(6, ':').nth(5).unwrap_or_default().to_owned();
    if !who.is_empty() && !user.arn.is_empty() && name(who) != name(&user.arn) {
        return None;
    }
    let told = Action::parse(after.split([' ', '\n']).next()?.trim_end_matches(['.', ',']))?;
    let action = catalog.action(&told).map(|known| Action { service: told.service, name: known.name.clone() });
    Some(Named { action, resource: resource(trail, after) })
}

fn resource(trail: &Trail, after: &str) -> Option<Arn> {
    let (_, told) = after.split_once("on resource: ")?;
    let end = [" because ", " with an explicit deny", "\n"].iter().filter_map(|end| told.find(end)).min().unwrap_or(told.len());
    let told = told.get(..end).unwrap_or_default().trim().trim_matches('"');
    let mut arn = Arn::literal(told).or_else(|| of_iam(trail, told))?;
    // EC2 names the type alone, `instance/*`.
    if let Some(open) = arn.resource.as_literal().and_then(|text| text.strip_suffix('*')) {
        let open = Segment::Literal(open.to_owned());
        arn.resource = Text::from_segments([open, Segment::Wildcard(Wildcard::Any)]);
    }
    Some(arn)
}

/// IAM names its own things by kind and name: `role app`.
fn of_iam(trail: &Trail, told: &str) -> Option<Arn> {
    let (kind, name) = told.rsplit_once(' ')?;
    let kind = match kind {
        "role" | "user" | "group" | "policy" => kind,
        "instance profile" => "instance-profile",
        _ => return None,
    };
    let own = trail.user.as_ref().map(|user| user.account.as_str()).unwrap_or_default();
    let account = identity::first(&[&trail.recipient, own]);
    (!account.is_empty() && !name.is_empty()).then(|| Arn {
        partition: Text::literal(identity::partition(trail)),
        service: Text::literal("iam"),
        region: Text::default(),
        account: Text::literal(account),
        resource: Text::literal(&format!("{kind}/{name}")),
    })
}
