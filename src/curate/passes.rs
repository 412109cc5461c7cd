//! Roles that a call passes on to a service: asked for as `iam:PassRole`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>

use super::members::Member;
use super::operation_map::Row;
use crate::access::aws::Action;
use crate::catalog::Catalog;
use crate::catalog::operation::normal_name;
use crate::catalog::rules::{Confidence, ParameterPath};

/// Roles of one call that are kept.
const ROLES_MAX: usize = 16;

/// The places of passed roles: those of the map, else, where the reference says that an action needs `iam:PassRole`, every place
/// that a role's name or ARN is named for.
pub(super) fn find(actions: &[(Action, Confidence)], map: &[Row], members: &[Member], known: &Catalog) -> Vec<ParameterPath> {
    let passing = map.iter().filter(|row| row.action == "iam:PassRole").flat_map(|row| &row.whole);
    // The map also names what leads to a role by way of something else: instance profiles, launch templates.
    let is_role = |place: &&Member| place.name.contains("role") || place.name.ends_with("permissionarn");
    let mut places: Vec<&Member> = passing.filter_map(|path| place_of(path, members)).filter(is_role).collect();
    let needs = |(action, _): &(Action, Confidence)| {
        known.action(action).is_some_and(|definition| definition.dependent.iter().any(|needed| needed == "iam:PassRole"))
    };
    if places.is_empty() && actions.iter().any(needs) {
        places = members.iter().filter(|place| place.name.ends_with("rolearn") || place.name.ends_with("role")).collect();
    }
    let mut paths: Vec<ParameterPath> = Vec::new();
    for place in places.into_iter().take(ROLES_MAX) {
        let path = ParameterPath::request(place.path.clone());
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The place that a path of the map means today, its names compared; `None` where the call no longer has it.
pub(super) fn place_of<'a>(path: &[String], members: &'a [Member]) -> Option<&'a Member> {
    let named = |path: &[String]| path.iter().filter(|step| *step != "[]").map(|step| normal_name(step)).collect::<Vec<_>>();
    let wanted = named(path);
    members.iter().find(|place| named(&place.path) == wanted)
}
