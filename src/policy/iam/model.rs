//! What an IAM policy document says: statements over patterns that are parsed once, when the document is made or read.
//!
//! Invariant: reading what was written gives the same document; a text that is not understood is kept and never matches an Allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire;
use crate::access::aws::{Action, Arn, Segment, Text, Wildcard};

/// The version of the policy language; variables exist only in the later one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// No `Version` element: means the same as 2008-10-17.
    Unstated,
    /// `2008-10-17`: `${..}` stands for itself.
    V2008,
    /// `2012-10-17`.
    #[default]
    V2012,
}

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "wire::Document")]
pub struct PolicyDocument {
    /// The language's version.
    pub version: Version,
    /// `Id`, which identity policies don't use.
    pub id: Option<String>,
    /// The statements, in the order of the document.
    pub statements: Vec<Statement>,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`: wins over every Allow.
    Deny,
}

/// Condition operator to condition key to values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<Written>>>;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name; `None` where it has none.
    pub sid: Option<String>,
    /// Allow or deny.
    pub effect: Effect,
    /// Whom it is about; only in trust and resource policies.
    pub principal: Option<Principal>,
    /// Which actions.
    pub actions: Actions,
    /// Which resources.
    pub resources: Resources,
    /// When; empty means always.
    pub condition: Conditions,
}

impl Statement {
    /// Whether it names its actions and resources rather than leaving some out.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!((&self.actions, &self.resources), (Actions::Action(_), Resources::Resource(_)))
    }
}

/// Whom a statement of a trust or resource policy is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// `*`.
    Everyone,
    /// Kind (`AWS`, `Service`, `Federated`) to principals.
    ByKind(BTreeMap<String, Vec<String>>),
    /// `NotPrincipal`: all but these.
    Not(Box<Principal>),
}

/// The `Action` or `NotAction` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actions {
    /// These.
    Action(Vec<ActionPattern>),
    /// All but these.
    NotAction(Vec<ActionPattern>),
}

/// The `Resource` or `NotResource` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resources {
    /// These.
    Resource(Vec<ResourcePattern>),
    /// All but these.
    NotResource(Vec<ResourcePattern>),
    /// Neither, as in a trust policy.
    Absent,
}

/// A text of a condition: as written, and parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    text: String,
    parsed: Text,
}

impl Written {
    /// Parses a text as documents of this version write it.
    #[must_use]
    pub fn new(text: &str, version: Version) -> Self {
        Written { text: text.to_owned(), parsed: parse(text, version) }
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As elements.
    #[must_use]
    pub fn parsed(&self) -> &Text {
        &self.parsed
    }
}

/// A text of a document: variables and `${*}` exist only in version 2012-10-17.
pub(super) fn parse(text: &str, version: Version) -> Text {
    match version {
        Version::V2012 => Text::from_policy(text),
        Version::Unstated | Version::V2008 => wildcards_only(text),
    }
}

/// `*` and `?` as wildcards, all else as it stands.
pub(super) fn wildcards_only(text: &str) -> Text {
    if !text.contains(['*', '?']) {
        return Text::literal(text);
    }
    Text::from_segments(text.chars().map(|character| match character {
        '*' => Segment::Wildcard(Wildcard::Any),
        '?' => Segment::Wildcard(Wildcard::One),
        other => Segment::Literal(other.to_string()),
    }))
}

/// An action as a policy writes it: `*`, or `service:` and a name with wildcards. Never case-sensitive.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern {
    text: String,
    pub(super) parsed: ParsedAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParsedAction {
    All,
    /// Both lower-case.
    Named {
        service: String,
        name: Text,
    },
    NotUnderstood,
}

impl ActionPattern {
    /// Parses an action.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let parsed = match text.split_once(':') {
            None if wildcards_only(text) == Text::any() => ParsedAction::All,
            Some(("*", "*")) => ParsedAction::All,
            Some((service, name)) if !service.is_empty() && !name.is_empty() && !service.contains(['*', '?']) => {
                ParsedAction::Named { service: service.to_ascii_lowercase(), name: wildcards_only(&name.to_ascii_lowercase()) }
            }
            None | Some(_) => ParsedAction::NotUnderstood,
        };
        ActionPattern { text: text.to_owned(), parsed }
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches; `None` where it is not understood.
    #[must_use]
    pub fn matches(&self, action: &Action) -> Option<bool> {
        match &self.parsed {
            ParsedAction::All => Some(true),
            ParsedAction::NotUnderstood => None,
            ParsedAction::Named { service, name } => Some(
                service.eq_ignore_ascii_case(&action.service)
                    && match name.as_literal() {
                        Some(name) => name.eq_ignore_ascii_case(&action.name),
                        None => crate::policy::pattern::matches(name, &action.name.to_ascii_lowercase()),
                    },
            ),
        }
    }
}

/// A resource as a policy writes it: `*` or an ARN with wildcards and variables.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePattern {
    text: String,
    pub(super) parsed: ParsedResource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParsedResource {
    All,
    Arn(Box<Arn>),
    NotUnderstood,
}

impl ResourcePattern {
    /// Parses a resource as documents of this version write it.
    #[must_use]
    pub fn new(text: &str, version: Version) -> Self {
        let parsed = if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            ParsedResource::All
        } else {
            super::arn::parse(text, version).map_or(ParsedResource::NotUnderstood, |arn| ParsedResource::Arn(Box::new(arn)))
        };
        ResourcePattern { text: text.to_owned(), parsed }
    }

    /// An ARN pattern, spelled as a 2012-10-17 document writes it.
    #[must_use]
    pub fn from_arn(arn: &Arn) -> Self {
        ResourcePattern { text: arn.to_policy(), parsed: ParsedResource::Arn(Box::new(arn.clone())) }
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is `*`.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.parsed == ParsedResource::All
    }
}

impl TryFrom<wire::Document> for PolicyDocument {
    type Error = String;

    fn try_from(document: wire::Document) -> Result<Self, String> {
        let version = match document.version.as_deref() {
            None => Version::Unstated,
            Some("2008-10-17") => Version::V2008,
            Some("2012-10-17") => Version::V2012,
            Some(other) => return Err(format!("version `{other}`: expected `2012-10-17` or `2008-10-17`")),
        };
        let statements = document.statement.into_iter().enumerate();
        let statements = statements
            .map(|(at, statement)| read(statement, version).map_err(|why| format!("statement {}: {why}", at + 1)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(PolicyDocument { version, id: document.id, statements })
    }
}

fn read(statement: wire::Statement, version: Version) -> Result<Statement, String> {
    let actions = |texts: wire::Texts| texts.0.iter().map(|text| ActionPattern::new(text)).collect();
    let resources = |texts: wire::Texts| texts.0.iter().map(|text| ResourcePattern::new(text, version)).collect();
    let values = |texts: wire::Texts| texts.0.iter().map(|text| Written::new(text, version)).collect();
    let keys = |keys: wire::Map<wire::Texts>| keys.0.into_iter().map(|(key, texts)| (key, values(texts))).collect();
    Ok(Statement {
        sid: statement.sid,
        effect: statement.effect,
        principal: match (statement.principal, statement.not_principal) {
            (None, None) => None,
            (Some(these), None) => Some(read_principal(these)?),
            (None, Some(these)) => Some(Principal::Not(Box::new(read_principal(these)?))),
            (Some(_), Some(_)) => return Err("`Principal` and `NotPrincipal` exclude each other".to_owned()),
        },
        actions: match (statement.action, statement.not_action) {
            (Some(texts), None) => Actions::Action(actions(texts)),
            (None, Some(texts)) => Actions::NotAction(actions(texts)),
            (Some(_), Some(_)) | (None, None) => return Err("expected either `Action` or `NotAction`".to_owned()),
        },
        resources: match (statement.resource, statement.not_resource) {
            (Some(texts), None) => Resources::Resource(resources(texts)),
            (None, Some(texts)) => Resources::NotResource(resources(texts)),
            (None, None) => Resources::Absent,
            (Some(_), Some(_)) => return Err("`Resource` and `NotResource` exclude each other".to_owned()),
        },
        condition: statement.condition.0.into_iter().map(|(operator, map)| (operator, keys(map))).collect(),
    })
}

fn read_principal(principal: wire::Principal) -> Result<Principal, String> {
    match principal {
        wire::Principal::Text(text) if text == "*" => Ok(Principal::Everyone),
        wire::Principal::Text(text) => Err(format!("principal `{text}`: expected `*` or an object")),
        wire::Principal::ByKind(kinds) => {
            Ok(Principal::ByKind(kinds.0.into_iter().map(|(kind, texts)| (kind, texts.0)).collect()))
        }
    }
}
