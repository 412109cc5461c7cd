//! Statements: actions and resources that belong together, each statement under a Sid that says what it is for.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{self, Rectangle};
use crate::access::aws::Action;
use crate::access::shape::Shape;
use crate::catalog::Catalog;
use crate::catalog::reference::AccessLevel;
use crate::policy::grant::Condition;
use crate::policy::iam::conditions;
use crate::policy::iam::model::{ActionPattern, Actions, Effect, ResourcePattern, Resources, Statement, Version};

/// What kind of statement; also their order in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// On named resources.
    Named,
    /// On `*`, since the action takes no resource.
    NoResourceLevel,
    /// On `*`, since the record does not name the resource.
    NotBuilt,
    /// Kept from production, since no recording shows whether it is needed.
    Kept,
    /// Denied: only ever refused, and a `*` above would let it through.
    KeepRefused,
    /// Denied: production denies it beside a grant that is kept.
    KeptDeny,
}

/// What each action is allowed, or denied, on.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<(Kind, Condition, Action), BTreeSet<String>>);

impl Rows {
    /// One action on one resource under a condition, as the policy writes them.
    pub(super) fn insert(&mut self, kind: Kind, action: &Action, condition: &Condition, resource: String) {
        self.0.entry((kind, condition.clone(), action.clone())).or_default().insert(resource);
    }

    /// The statements, in order: each table of one kind, condition and service in as few characters as [`merge`] finds.
    pub(super) fn into_statements(self, catalog: &Catalog) -> Vec<Statement> {
        let mut tables: BTreeMap<(Kind, String, Condition), BTreeMap<Action, BTreeSet<String>>> = BTreeMap::new();
        for ((kind, condition, action), resources) in self.0 {
            // A service's statement is about that service; `*` needs no such care.
            let service =
                if matches!(kind, Kind::NoResourceLevel | Kind::NotBuilt) { String::new() } else { action.service.clone() };
            tables.entry((kind, service, condition)).or_default().insert(action, resources);
        }
        let mut all: Vec<(Kind, Condition, Rectangle, String)> = Vec::new();
        for ((kind, service, condition), rows) in tables {
            let length = if condition.is_empty() { 0 } else { serde_json::to_string(&condition).map_or(0, |text| text.len()) };
            for rectangle in merge::rectangles(&rows, FRAME + length) {
                let sid = sid(kind, &service, &rectangle, catalog);
                all.push((kind, condition.clone(), rectangle, sid));
            }
        }
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        all.iter().for_each(|(.., sid)| *times.entry(sid.clone()).or_default() += 1);
        for (_, condition, rectangle, sid) in &mut all {
            if times.get(sid.as_str()).is_some_and(|times| *times > 1) {
                sid.push_str(&digest(rectangle, condition));
            }
        }
        all.into_iter().map(|(kind, condition, rectangle, sid)| statement(sid, kind, &rectangle, &condition)).collect()
    }
}

/// What a statement costs beside its actions, resources and condition, with a Sid of usual length.
const FRAME: usize = r#"{"Sid":"ServiceUseNameOfThing","Effect":"Allow","Action":[],"Resource":[]},"#.len();

fn statement(sid: String, kind: Kind, Rectangle { actions, resources }: &Rectangle, condition: &Condition) -> Statement {
    Statement {
        sid: Some(sid),
        effect: if matches!(kind, Kind::KeepRefused | Kind::KeptDeny) { Effect::Deny } else { Effect::Allow },
        principal: None,
        actions: Actions::Action(actions.iter().map(|action| ActionPattern::new(&action.to_string())).collect()),
        resources: Resources::Resource(resources.iter().map(|text| ResourcePattern::new(text, Version::V2012)).collect()),
        condition: conditions(condition),
    }
}

/// Letters and digits only, and the same for the same statement whatever else the document holds.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>
fn sid(kind: Kind, service: &str, Rectangle { actions, resources }: &Rectangle, catalog: &Catalog) -> String {
    let start = match kind {
        Kind::NoResourceLevel => return "NoResourceLevel".to_owned(),
        Kind::NotBuilt => return "ResourceNotInLog".to_owned(),
        Kind::Named => "",
        Kind::Kept => "Kept",
        Kind::KeptDeny => "KeptDeny",
        Kind::KeepRefused => "KeepRefused",
    };
    let access = access(actions, catalog);
    let mut names: Vec<String> = resources.iter().map(|resource| name(resource)).collect();
    names.dedup();
    let others = if names.len() > 1 { "AndOthers" } else { "" };
    let name = names.into_iter().next().unwrap_or_default();
    format!("{start}{}{access}{name}{others}", word(service, 24))
}

/// One word for what the actions do, by the catalog's access levels; what changes who may do what is always said.
fn access(actions: &BTreeSet<Action>, catalog: &Catalog) -> &'static str {
    let level = |action: &Action| catalog.action(action).map_or(AccessLevel::Unknown, |known| known.access);
    let levels: BTreeSet<AccessLevel> = actions.iter().map(level).collect();
    let only = |wanted: &[AccessLevel]| levels.iter().all(|level| wanted.contains(level));
    if levels.contains(&AccessLevel::PermissionsManagement) {
        "Manage"
    } else if only(&[AccessLevel::List, AccessLevel::Read]) {
        "Read"
    } else if only(&[AccessLevel::Tagging]) {
        "Tag"
    } else if only(&[AccessLevel::Write, AccessLevel::Tagging]) {
        "Write"
    } else {
        "Use"
    }
}

/// The words of a resource that a person would call it by: a bucket's name, else the last words behind the type.
fn name(resource: &str) -> String {
    let mut fields = resource.splitn(6, ':').skip(2);
    let (service, name) = (fields.next().unwrap_or_default(), fields.nth(2).unwrap_or_default());
    if service == "s3" {
        let (bucket, objects) = name.split_once('/').map_or((name, ""), |(bucket, _)| (bucket, "Objects"));
        return word(bucket, 32) + objects;
    }
    let parts: Vec<&str> = name.split(['/', ':']).collect();
    let behind_type = parts.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&parts);
    let chosen = |part: &&&str| !part.contains(['*', '?']) && Shape::of(part).is_none();
    let chosen: Vec<&str> = behind_type.iter().filter(chosen).copied().collect();
    let last = chosen.get(chosen.len().saturating_sub(2)..).unwrap_or_default();
    word(&last.join("-"), 32)
}

/// `order-items` as `OrderItems`; what is no ASCII letter or digit is left out.
fn word(text: &str, length_max: usize) -> String {
    let mut out = String::new();
    let mut start = true;
    for character in text.chars() {
        if !character.is_ascii_alphanumeric() {
            start = true;
        } else if out.len() < length_max {
            out.push(if start { character.to_ascii_uppercase() } else { character });
            start = false;
        }
    }
    out
}

fn digest(Rectangle { actions, resources }: &Rectangle, condition: &Condition) -> String {
    let mut hasher = blake3::Hasher::new();
    let of_condition = condition.iter().flat_map(|(operator, keys)| {
        keys.iter().flat_map(move |(key, values)| [operator, key].into_iter().chain(values).cloned())
    });
    for text in resources.iter().cloned().chain(actions.iter().map(Action::to_string)).chain(of_condition) {
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sids(rows: &[(&str, &str)]) -> Vec<String> {
        let mut all = Rows::default();
        for (action, resource) in rows {
            all.insert(Kind::Named, &Action::parse(action).unwrap(), &Condition::new(), (*resource).to_owned());
        }
        all.into_statements(Catalog::embedded()).into_iter().filter_map(|statement| statement.sid).collect()
    }

    #[test]
    fn sids_say_what_they_are_for() {
        assert_eq!(sids(&[("dynamodb:GetItem", "arn:aws:dynamodb:r:1:table/orders")]), ["DynamodbReadOrders"]);
        assert_eq!(
            sids(&[("s3:GetObject", "arn:aws:s3:::in-box/a/*"), ("s3:PutObject", "arn:aws:s3:::in-box/a/*")]),
            ["S3UseInBoxObjects"]
        );
        assert_eq!(
            sids(&[("sqs:SendMessage", "arn:aws:sqs:r:1:a"), ("sqs:SendMessage", "arn:aws:sqs:r:1:b")]),
            ["SqsWriteAAndOthers"]
        );
        assert_eq!(sids(&[("sqs:SendMessage", "arn:aws:sqs:r:1:\"é\n${*}")]), ["SqsWrite"]);
    }

    #[test]
    fn two_statements_never_share_a_sid() {
        let sids = sids(&[("s3:GetObject", "arn:aws:s3:::b/x"), ("s3:GetObjectAcl", "arn:aws:s3:::b/y")]);
        assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), 2);
        assert!(sids.iter().all(|sid| sid.starts_with("S3ReadBObjects") && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
