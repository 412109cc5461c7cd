//! IAM policies: what a document says (`model`) and what it means (`decide`).

mod arn;
mod condition;
mod decide;
pub mod model;
mod value;
mod wire;

pub use decide::decide;
pub use model::{Actions, Effect, PolicyDocument, Principal, Resources, Statement, Version};

use crate::access::aws::AwsRequest;
use crate::policy::grant::Permit;
use model::{ActionPattern, ResourcePattern};

/// The action x resource units of one document's Allow statements, conditions aside. `NotAction` and `NotResource` count as `*`:
/// what they leave out is not a unit of its own.
#[must_use]
pub fn permits(document: &PolicyDocument) -> Vec<Permit> {
    let mut permits = Vec::new();
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        let actions: Vec<&str> = match &statement.actions {
            Actions::Action(patterns) => patterns.iter().map(ActionPattern::text).collect(),
            Actions::NotAction(_) => vec!["*"],
        };
        let resources: Vec<&str> = match &statement.resources {
            Resources::Resource(patterns) => patterns.iter().map(ResourcePattern::text).collect(),
            Resources::NotResource(_) => vec!["*"],
            Resources::Absent => Vec::new(),
        };
        for action in &actions {
            let unit = |resource: &&str| Permit::Iam { action: (*action).to_owned(), resource: (*resource).to_owned() };
            permits.extend(resources.iter().map(unit));
        }
    }
    permits
}

/// Whether one action on one resource, as a policy writes them, covers a request (conditions aside).
#[must_use]
pub fn covers(action: &str, resource: &str, request: &AwsRequest) -> bool {
    ActionPattern::new(action).matches(&request.key.action) == Some(true)
        && arn::may_match(resource, &request.key.resource)
        && ResourcePattern::new(resource, Version::V2012).matches(&request.key.resource, &request.context) == Some(true)
}
