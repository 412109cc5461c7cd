//! API Gateway: an event is an HTTP verb on a path.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-create-and-manage-api.html>

use super::identity;
use super::record::Trail;
use super::resource::{Built, text};
use super::want::Want;
use crate::access::aws::{Action, Arn, Resource, Text};
use crate::catalog::side::{self, Route};

/// Tried against AWS by the makers of the operation map: <https://github.com/iann0036/iam-dataset/pull/39>.
const TAGGED: &str = "a REST API that gets a tag is changed by it";

/// The verb on the path; `None` for events that have actions of their own, or that nothing is known of.
pub(super) fn wants(trail: &Trail) -> Option<Vec<Want>> {
    let routes = side::routes(&trail.event);
    let filled = routes.iter().find_map(|route| path(trail, route).filter(|_| suits(trail, route)).map(|path| (route, path)));
    let (route, resource) = match filled {
        Some((route, path)) => {
            let arn = Arn {
                partition: Text::literal(identity::partition(trail)),
                service: Text::literal("apigateway"),
                region: Text::literal(&trail.region),
                account: Text::default(),
                resource: Text::literal(&path),
            };
            (route, Resource::Arn(arn))
        }
        None => (routes.first()?, Resource::NotBuilt),
    };
    let mut wants = vec![Want::stated(action(route.verb), vec![Built { resource, implied: None }])];
    let tagged = text(&trail.request, "resourceArn").filter(|arn| trail.event == "TagResource" && arn.contains("::/restapis"));
    if let Some(arn) = tagged.and_then(Arn::literal) {
        let on = vec![Built { resource: Resource::Arn(arn), implied: None }];
        wants.push(Want::implied(action("PATCH"), on, TAGGED));
    }
    Some(wants)
}

fn action(verb: &str) -> Action {
    Action { service: "apigateway".to_owned(), name: verb.to_owned() }
}

/// Both APIs tag under the same path, with another verb: what is tagged tells them apart.
fn suits(trail: &Trail, route: &Route) -> bool {
    let rest = side::routes(&trail.event).first() == Some(route);
    let tagged = text(&trail.request, "resourceArn").filter(|_| route.path.starts_with("/tags/"));
    tagged.is_none_or(|arn| rest != arn.contains("::/apis/") || side::routes(&trail.event).len() == 1)
}

/// The path with its parameters; `None` where one is absent.
fn path(trail: &Trail, route: &Route) -> Option<String> {
    let mut filled = String::new();
    let mut rest = route.path;
    while let Some((fixed, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(fixed);
        let value = text(&trail.request, name)?;
        if name.eq_ignore_ascii_case("resourceArn") {
            filled.push_str(&percent_encoded(value))
        } else {
            filled.push_str(value)
        }
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// Everything but letters, digits and `-._~` as `%41`: an ARN inside a path.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
