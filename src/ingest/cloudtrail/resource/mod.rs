//! The resources that an action was asked on, as far as the record shows them.
//!
//! record's resources[] -> its parameters -> what its answer says -> any of a required type, where all are asked; else not built
//!
//! Invariant: a wildcard appears only where a named reason stands beside it; observed text is literal.

pub(super) mod access_point;
mod exceptions;
mod parameters;

use crate::access::aws::{Action, Arn, Resource, Text};
use crate::catalog::Catalog;
use crate::catalog::format::Fill;
use crate::catalog::reference::{ActionDefinition, ResourceType, Service};

use parameters::Places;
pub(super) use parameters::{read, text};

use super::identity;
use super::record::Trail;

/// A resource that was asked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) resource: Resource,
    /// The named rule behind it; `None` where the record states it.
    pub(super) implied: Option<&'static str>,
}

/// A new resource has no name yet when IAM is asked.
const CREATED: &str = "a new resource has no name yet when IAM is asked: any name of its type";
/// A required type that the record does not show.
const NOT_SHOWN: &str = "the record does not show which resource of this required type was meant: any of the account";
/// A parameter selects resources by tag or the like.
const SELECTED: &str = "a parameter selects resources without naming them: any of the account";

/// A listing.
const LISTED: &str = "a listing that names nothing is asked on any resource of its type";

/// Services that ask about every required type of a call at once. Elsewhere the reference marks types as required side by side
/// although a call names one of them (a model or an inference profile).
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-policy-structure.html>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_service-with-iam.html>
const ALL_REQUIRED: [&str; 2] = ["ec2", "rds"];

/// Services whose required types are alternatives even where one of them is written without a slot: a call on a model is not asked
/// on the marketplace's endpoint beside it.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>
const ALTERNATIVES: [&str; 1] = ["bedrock"];

/// Where a record plays: what the fields of an ARN are filled with where nothing else says it.
pub(super) struct Scene<'a> {
    pub(super) trail: &'a Trail,
    pub(super) catalog: &'a Catalog,
    pub(super) service: &'a Service,
    pub(super) prefix: &'a str,
    pub(super) action: &'a str,
    pub(super) partition: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

impl Scene<'_> {
    /// An ARN of the service at this place, from observed text.
    pub(super) fn arn(&self, service: &str, account: &str, resource: Text) -> Arn {
        Arn {
            partition: Text::literal(self.partition),
            service: Text::literal(service),
            region: Text::literal(self.region),
            account: Text::literal(account),
            resource,
        }
    }

    /// What stands for partition, region and account.
    fn place(&self, slot: &str) -> Option<Fill> {
        let text = match slot {
            "Partition" => self.partition,
            "Region" => self.region,
            "Account" => self.account,
            _ => return None,
        };
        Some(Fill::Literal(text.to_owned()))
    }
}

/// A found resource and the type it is of.
pub(super) struct Found {
    pub(super) kind: String,
    pub(super) arn: Arn,
    pub(super) implied: Option<&'static str>,
}

/// The resources that `action` was asked on; at least one.
pub(super) fn resources(trail: &Trail, action: &Action, catalog: &Catalog) -> Vec<Built> {
    let definition = catalog.action(action);
    let (Some(service), Some(definition)) = (catalog.service(&action.service), definition) else {
        return vec![Built { resource: Resource::NotBuilt, implied: None }];
    };
    if definition.types.is_empty() {
        return vec![Built { resource: Resource::NoResourceLevel, implied: None }];
    }
    let user_account = trail.user.as_ref().map(|user| user.account.as_str()).unwrap_or_default();
    let account = exceptions::account(trail, &action.service);
    let scene = Scene {
        trail,
        catalog,
        service,
        prefix: &action.service,
        action: &definition.name,
        partition: identity::partition(trail),
        region: plain(&trail.region),
        account: plain(identity::first(&[account.as_str(), &trail.recipient, user_account])),
    };
    let mut found = exceptions::first(&scene, definition).unwrap_or_else(|| generic(&scene, definition));
    exceptions::after(&scene, definition, &mut found);
    let mut built: Vec<Built> = Vec::new();
    for Found { arn, implied, .. } in found {
        let next = Built { resource: Resource::Arn(arn), implied };
        if !built.iter().any(|known| known.resource == next.resource) {
            built.push(next);
        }
    }
    if built.is_empty() {
        built.push(Built { resource: Resource::NotBuilt, implied: None });
    }
    built
}

/// Regions and accounts hold no separators; a text that does is not used.
fn plain(text: &str) -> &str {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') { text } else { "" }
}

fn generic(scene: &Scene<'_>, definition: &ActionDefinition) -> Vec<Found> {
    let mut found = listed(scene, definition);
    let settled: Vec<String> = found.iter().map(|found| found.kind.clone()).collect();
    for arn in parameters::top_arns(scene.prefix, &scene.trail.request) {
        found.extend(of_types(scene, definition, &arn).filter(|next| !settled.contains(&next.kind)));
    }
    for resource_type in types(scene, definition) {
        if !found.iter().any(|known| known.kind == resource_type.name) {
            found.extend(parameters::fill(scene, resource_type, Places::Known));
        }
    }
    if found.is_empty() {
        // One parameter may name any of several types: where nothing else says which, all of them that fit.
        found.extend(types(scene, definition).flat_map(|resource_type| parameters::fill(scene, resource_type, Places::Modelled)));
    }
    found.extend(created(scene, definition, &found));
    if found.is_empty() {
        found.extend(answered(scene, definition));
    }
    let missing = not_shown(scene, definition, &found);
    found.extend(missing);
    if found.is_empty() && lists(scene) {
        found.extend(types(scene, definition).filter_map(|resource_type| any_of(scene, resource_type, LISTED)));
    }
    found
}

/// Whether the call lists what it is allowed to see, and says so by asking on any resource of its type, as RDS does on `db:*`.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_id-based-policy-examples.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/permissions-reference-cw.html>
fn lists(scene: &Scene<'_>) -> bool {
    let named = scene.prefix == "rds" && scene.action.starts_with("Describe");
    let alarms = scene.prefix == "cloudwatch" && scene.action.starts_with("DescribeAlarm");
    (named || alarms) && !scene.account.is_empty()
}

/// ARNs of the record's own list that are of the action's types.
pub(super) fn listed(scene: &Scene<'_>, definition: &ActionDefinition) -> Vec<Found> {
    let arns = scene.trail.resources.iter();
    arns.flat_map(|arn| of_types(scene, definition, arn)).collect()
}

/// The ARN as a resource of one of the action's types.
pub(super) fn of_types<'a>(
    scene: &'a Scene<'_>,
    definition: &'a ActionDefinition,
    arn: &str,
) -> impl Iterator<Item = Found> + use<'a> {
    let bare = if scene.prefix == "logs" { arn.strip_suffix(":*").unwrap_or(arn) } else { arn };
    let kinds: Vec<String> = scene.service.types_of(bare).into_iter().map(|resource_type| resource_type.name.clone()).collect();
    let taken = kinds.into_iter().find_map(|kind| {
        let wider = exceptions::wider(scene.prefix, &kind);
        definition.types.iter().find(|used| used.name == kind || Some(used.name.as_str()) == wider)
    });
    let found = taken.and_then(|used| Some(Found { kind: used.name.clone(), arn: Arn::literal(bare)?, implied: None }));
    found.into_iter()
}

pub(super) fn types<'a>(scene: &'a Scene<'_>, definition: &'a ActionDefinition) -> impl Iterator<Item = &'a ResourceType> {
    definition.types.iter().filter_map(|used| scene.service.resource_type(&used.name))
}

/// Any resource of a type, at this place.
pub(super) fn any_of(scene: &Scene<'_>, resource_type: &ResourceType, implied: &'static str) -> Option<Found> {
    let arn = resource_type.format.make(|slot| scene.place(slot).or(Some(Fill::Any)))?;
    Some(Found { kind: resource_type.name.clone(), arn, implied: Some(implied) })
}

/// Types of which the action makes new ones.
fn created(scene: &Scene<'_>, definition: &ActionDefinition, found: &[Found]) -> Vec<Found> {
    let mut kinds: Vec<&str> = scene.catalog.rules().created(scene.prefix, scene.action).to_vec();
    // In EC2 the service names everything that is made.
    let makes = ["Create", "Allocate", "Import", "Request", "Start", "Accept"].iter().any(|verb| scene.action.starts_with(verb));
    if scene.prefix == "ec2" && makes {
        let required = definition.types.iter().filter(|used| used.required);
        kinds.extend(required.map(|used| used.name.as_str()).filter(|kind| !found.iter().any(|known| known.kind == **kind)));
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().filter_map(|kind| any_of(scene, scene.service.resource_type(kind)?, CREATED)).collect()
}

/// What the answer names. A name that the caller did not choose is not known when IAM is asked.
fn answered(scene: &Scene<'_>, definition: &ActionDefinition) -> Vec<Found> {
    let mut found = Vec::new();
    for arn in parameters::deep_arns(scene.trail.response()) {
        for next in of_types(scene, definition, &arn) {
            let Some(resource_type) = scene.service.resource_type(&next.kind) else { continue };
            let Some(captures) = resource_type.format.captures(&arn) else { continue };
            let chosen = resource_type
                .format
                .slots()
                .all(|slot| captures.slots.get(slot).is_some_and(|value| parameters::holds(&scene.trail.request, value)));
            if chosen || !scene.action.starts_with("Create") {
                found.push(next);
            } else {
                found.extend(any_of(scene, resource_type, CREATED));
            }
        }
    }
    found
}

/// Required types that nothing in the record shows, beside some that it does.
fn not_shown(scene: &Scene<'_>, definition: &ActionDefinition, found: &[Found]) -> Vec<Found> {
    let constant = |resource_type: &&ResourceType| {
        let without_slots = resource_type.format.slots().next().is_none() && !resource_type.format.is_open();
        let required = || definition.types.iter().any(|used| used.required && used.name == resource_type.name);
        let needed = definition.types.len() == 1 || (!ALTERNATIVES.contains(&scene.prefix) && required());
        without_slots && needed
    };
    let constants = types(scene, definition).filter(constant).filter_map(|resource_type| {
        let arn = resource_type.format.make(|slot| scene.place(slot))?;
        Some(Found { kind: resource_type.name.clone(), arn, implied: None })
    });
    let mut missing: Vec<Found> = constants.collect();
    // RDS answers with everything that the call touched.
    let told = scene.prefix == "rds" && !scene.trail.response().is_empty();
    if found.is_empty() || told || !ALL_REQUIRED.contains(&scene.prefix) || scene.action.contains("Tag") {
        return missing;
    }
    for used in definition.types.iter().filter(|used| used.required) {
        let known = found.iter().chain(&missing).any(|known| known.kind == used.name);
        if !known && let Some(resource_type) = scene.service.resource_type(&used.name) {
            missing.extend(any_of(scene, resource_type, NOT_SHOWN));
        }
    }
    missing
}
