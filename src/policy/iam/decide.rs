//! What identity policies answer: an explicit deny wins, then an allow, else nothing allows it.
//!
//! Invariant: an Allow that is not fully understood does not allow; a Deny that may apply is not passed over.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use super::condition::{self, any};
use super::model::{Actions, Effect, PolicyDocument, Principal, ResourcePattern, Resources, Statement};
use super::principal::{self, Caller, Nearness};
use crate::access::aws::{AwsRequest, Resource};
use crate::policy::decision::{Decision, Layer};

/// What identity policies answer, all of them applying together. A statement without a Sid is named by its place.
#[must_use]
pub fn decide(documents: &[PolicyDocument], request: &AwsRequest) -> Decision {
    let answer = evaluate(documents, request, About::Identity);
    match (answer.denied, answer.allowed) {
        (Some(by), _) => Decision::ExplicitDeny { layer: Layer::Own, by },
        (None, Some((_, by))) if !answer.may_deny => Decision::Allow { by },
        (None, _) => Decision::ImplicitDeny { layer: Layer::Own, not_understood: answer.not_understood },
    }
}

/// Whom the statements of a document are about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// Whoever it is attached to: identity policies, boundaries, session policies, service control policies.
    Identity,
    /// Those whom its principals name.
    Principals {
        /// Who asks.
        caller: &'a Caller,
        /// Whether a permissions boundary is set on the caller: a Deny with `NotPrincipal` always reaches it then.
        is_bounded: bool,
    },
}

/// What documents of one layer answer together.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The first statement that denies.
    pub(super) denied: Option<String>,
    /// The statement that allows with the nearest principal.
    pub(super) allowed: Option<(Nearness, String)>,
    /// Whether a Deny may apply that is not understood.
    pub(super) may_deny: bool,
    /// What was not understood.
    pub(super) not_understood: Vec<String>,
}

/// Evaluates documents of one layer.
pub(super) fn evaluate(documents: &[PolicyDocument], request: &AwsRequest, about: About<'_>) -> Answer {
    let mut answer = Answer::default();
    let mut allowed: Option<(Nearness, Place<'_>)> = None;
    for (document, statement) in statements(documents) {
        match (statement.1.effect, applies(statement.1, request, about, &mut answer.not_understood)) {
            (Effect::Deny, Some(Some(_))) => {
                answer.denied = Some(name(document, statement));
                return answer;
            }
            (Effect::Deny, None) => answer.may_deny = true,
            (Effect::Allow, Some(Some(near))) if allowed.is_none_or(|(known, _)| known < near) => {
                allowed = Some((near, (document, statement)));
            }
            (Effect::Allow, _) | (Effect::Deny, Some(None)) => {}
        }
    }
    answer.allowed = allowed.map(|(near, (document, statement))| (near, name(document, statement)));
    answer
}

/// A statement with its document's number and its own.
type Place<'a> = (usize, (usize, &'a Statement));

fn statements(documents: &[PolicyDocument]) -> impl Iterator<Item = Place<'_>> {
    let numbered = documents.iter().enumerate();
    numbered.flat_map(|(document, one)| one.statements.iter().enumerate().map(move |statement| (document, statement)))
}

pub(super) fn name(document: usize, (place, statement): (usize, &Statement)) -> String {
    match &statement.sid {
        Some(sid) if !sid.is_empty() => sid.clone(),
        Some(_) | None => format!("document {}, statement {}", document + 1, place + 1),
    }
}

/// How near a statement that applies comes to the caller; `Some(None)` where it does not apply, `None` where that is not known,
/// with the reason added to `not_understood`.
fn applies(
    statement: &Statement,
    request: &AwsRequest,
    about: About<'_>,
    not_understood: &mut Vec<String>,
) -> Option<Option<Nearness>> {
    let key = &request.key;
    let action = match &statement.actions {
        Actions::Action(patterns) => any(patterns.iter().map(|pattern| pattern.matches(&key.action))),
        Actions::NotAction(patterns) => any(patterns.iter().map(|pattern| pattern.matches(&key.action))).map(|any| !any),
    };
    if action == Some(false) {
        return Some(None);
    }
    let resource = match &statement.resources {
        Resources::Resource(patterns) => any(patterns.iter().map(|pattern| pattern.matches(&key.resource, &request.context))),
        Resources::NotResource(patterns) => not_resource(statement.effect, patterns, request),
        // Trust policies, and resource policies of services that leave the element out, are about what they are attached to.
        Resources::Absent => matches!(about, About::Principals { .. }).then_some(true),
    };
    if resource == Some(false) {
        return Some(None);
    }
    let near = whom(statement, request, about);
    if near == Ok(None) {
        return Some(None);
    }
    let start = not_understood.len();
    let condition = condition::holds(&statement.condition, &request.context, not_understood);
    if condition == Some(false) {
        not_understood.truncate(start);
        return Some(None);
    }
    if action.is_none() {
        not_understood.push("action pattern".to_owned());
    }
    if resource.is_none() {
        not_understood.push("resource pattern".to_owned());
    }
    match near {
        Ok(near) => action.and(resource).and(condition).map(|_| near),
        Err(why) => {
            not_understood.push(why);
            None
        }
    }
}

/// How near the statement's principal comes to whoever asks.
fn whom(statement: &Statement, request: &AwsRequest, about: About<'_>) -> Result<Option<Nearness>, String> {
    match (about, &statement.principal) {
        (About::Identity, None) => Ok(Some(Nearness::Direct)),
        (About::Identity, Some(_)) => Err("`Principal` in an identity policy".to_owned()),
        (About::Principals { .. }, None) => Err("no `Principal` in a resource policy".to_owned()),
        (About::Principals { caller, is_bounded }, Some(Principal::Not(listed))) if statement.effect == Effect::Deny => {
            let outside = is_bounded || principal::is_outside(listed, caller, &request.context)?;
            Ok(outside.then_some(Nearness::Direct))
        }
        (About::Principals { caller, .. }, Some(principal)) => principal::matches(principal, caller, &request.context),
    }
}

/// Whether the request's resource is outside all patterns. Where the record does not name the resource, it may be one of those
/// left out: an Allow is not sure to reach it, a Deny may.
fn not_resource(effect: Effect, patterns: &[ResourcePattern], request: &AwsRequest) -> Option<bool> {
    let key = &request.key;
    let outside = any(patterns.iter().map(|pattern| pattern.matches(&key.resource, &request.context))).map(|any| !any);
    let unresolved = || patterns.iter().any(|pattern| pattern.is_unresolved(&request.context));
    match (&key.resource, effect) {
        (Resource::NotBuilt, Effect::Allow) => outside.filter(|outside| !outside),
        (Resource::Arn(_), _) if unresolved() => outside.filter(|outside| !outside),
        (Resource::NotBuilt, Effect::Deny) | (Resource::NoResourceLevel | Resource::Arn(_), _) => outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::aws::{Action, Arn, AwsRequestKey, Context};

    fn request(action: &str, resource: Resource) -> AwsRequest {
        AwsRequest { key: AwsRequestKey { action: Action::parse(action).unwrap(), resource, via: None }, context: Context::new() }
    }

    fn judged(statements: &str, action: &str, arn: &str) -> String {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        let document: PolicyDocument = serde_json::from_str(&text).unwrap();
        let resource = match arn {
            "*" => Resource::NoResourceLevel,
            "?" => Resource::NotBuilt,
            arn => Resource::Arn(Arn::literal(arn).unwrap()),
        };
        match decide(&[document], &request(action, resource)) {
            Decision::Allow { by } => format!("allow {by}"),
            Decision::ExplicitDeny { by, .. } => format!("deny {by}"),
            Decision::ImplicitDeny { not_understood, .. } => format!("none {}", not_understood.join(", ")),
        }
    }

    #[test]
    fn statements_are_decided_as_documented() {
        let read = r#"{"Sid":"R","Effect":"Allow","Action":"s3:get*","Resource":"arn:aws:s3:::b/*"}"#;
        assert_eq!(judged(read, "s3:GetObject", "arn:aws:s3:::b/k"), "allow R");
        assert_eq!(judged(read, "s3:GetObject", "*"), "none ");
        assert_eq!(judged(read, "s3:PutObject", "arn:aws:s3:::b/k"), "none ");
        let deny = format!(r#"[{read},{{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/secret"}}]"#);
        assert_eq!(judged(&deny, "s3:GetObject", "arn:aws:s3:::b/secret"), "deny document 1, statement 2");
        assert_eq!(judged(&deny, "s3:GetObject", "arn:aws:s3:::b/x"), "allow R");
        let all = r#"{"Sid":"A","Effect":"Allow","Action":"ec2:*","Resource":"*"}"#;
        assert_eq!(judged(all, "ec2:DescribeInstances", "*"), "allow A");
        assert_eq!(judged(all, "ec2:StartInstances", "?"), "allow A");
    }

    #[test]
    fn not_elements_leave_out() {
        let not = r#"{"Sid":"N","Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b/*"}"#;
        assert_eq!(judged(not, "s3:GetObject", "arn:aws:s3:::c/k"), "allow N");
        assert_eq!(judged(not, "s3:GetObject", "arn:aws:s3:::b/k"), "none ");
        assert_eq!(judged(not, "iam:GetRole", "arn:aws:iam::1:role/r"), "none ");
        assert_eq!(judged(not, "s3:ListAllMyBuckets", "*"), "allow N");
        assert_eq!(judged(not, "s3:GetObject", "?"), "none resource pattern");
    }

    #[test]
    fn what_is_not_understood_never_allows() {
        let strange = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Odd":{"k":"v"}}}"#;
        assert_eq!(judged(strange, "s3:GetObject", "*"), "none condition operator `Odd`");
        let denied = r#"[{"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Odd":{"k":"v"}}}]"#;
        assert_eq!(judged(denied, "s3:GetObject", "*"), "none condition operator `Odd`");
        assert_eq!(judged(denied, "sqs:SendMessage", "*"), "allow document 1, statement 1");
        let resource = r#"{"Effect":"Allow","Action":"*","Resource":"b/*"}"#;
        assert_eq!(judged(resource, "s3:GetObject", "arn:aws:s3:::b/k"), "none resource pattern");
    }
}
