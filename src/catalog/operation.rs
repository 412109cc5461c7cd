//! One API operation: the actions it is authorized as, where its parameters name resources, and which roles it passes on.
//!
//! Invariant: [`Operation::parse`] reads what [`Operation::to_fields`] writes.

use std::fmt::Write as _;

use super::rules::{Confidence, ParameterPath};
use crate::access::aws::Action;

/// Which source, or which rule over it, says what an operation is authorized as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The reference has an action of the operation's name.
    SameName,
    /// A hand-written row of `events.tsv`.
    Rule,
    /// AWS's own Service Reference lists what the operation is authorized as.
    ServiceReference,
    /// The operation map of 2022, where its action still exists.
    OperationMap,
    /// The API asks for the HTTP verb of the call (API Gateway).
    HttpVerb,
    /// The reference has the name without its version.
    VersionCut,
    /// A batch of calls is authorized as the single one.
    Batch,
    /// The model says that the call is not signed, or signed with a bearer token, so that IAM is not asked.
    Unsigned,
    /// No source says anything: the operation is known, its action is not.
    Nothing,
}

impl Origin {
    /// All, in the order of trust.
    pub const ALL: [Origin; 9] = [
        Origin::SameName,
        Origin::Rule,
        Origin::ServiceReference,
        Origin::OperationMap,
        Origin::HttpVerb,
        Origin::VersionCut,
        Origin::Batch,
        Origin::Unsigned,
        Origin::Nothing,
    ];

    /// As the catalog's text and `--json` write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Origin::SameName => "same-name",
            Origin::Rule => "rule",
            Origin::ServiceReference => "service-reference",
            Origin::OperationMap => "operation-map",
            Origin::HttpVerb => "http-verb",
            Origin::VersionCut => "version-cut",
            Origin::Batch => "batch",
            Origin::Unsigned => "unsigned",
            Origin::Nothing => "nothing",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Origin::SameName => "the reference has an action of this name",
            Origin::Rule => "a rule of tightfit names the event",
            Origin::ServiceReference => "AWS's Service Reference lists it",
            Origin::OperationMap => "the operation map of 2022 names an action that still exists",
            Origin::HttpVerb => "this API is authorized by the HTTP verb of the call",
            Origin::VersionCut => "the reference has an action of this name without its version",
            Origin::Batch => "a batch is authorized as the single call",
            Origin::Unsigned => "the API model says that the call is not signed with AWS credentials",
            Origin::Nothing => "no source says what it is authorized as",
        }
    }

    fn parse(text: &str) -> Option<Origin> {
        Origin::ALL.into_iter().find(|origin| origin.name() == text)
    }
}

/// Where the text for one slot of a resource type's ARN stands in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPath {
    /// The resource type, in the service of the operation's actions.
    pub kind: String,
    /// The slot of its ARN format; empty where the parameter holds the whole ARN.
    pub slot: String,
    /// Where. With `response` and `any` the service chooses the name: IAM was asked before it existed, so any resource of the type.
    pub path: ParameterPath,
}

/// An API operation, as CloudTrail's eventName names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name as the API model writes it.
    pub name: String,
    /// What IAM is asked for; empty where it is permissionless or no source says.
    pub actions: Vec<(Action, Confidence)>,
    /// IAM is not asked.
    pub permissionless: bool,
    /// Where resources stand in the call. Names are spelled as the API model does; compare them with [`normal_name`].
    pub slots: Vec<SlotPath>,
    /// Where roles stand that the call passes on to a service (`iam:PassRole`).
    pub passes: Vec<ParameterPath>,
    /// Which source says so.
    pub origin: Origin,
}

/// CloudTrail writes `functionName` for `FunctionName` and `x-amz-acl` for `XAmzAcl`: names are compared by their letters and digits
/// in lower case.
#[must_use]
pub fn normal_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect()
}

impl Operation {
    /// Reads the fields after the name; `None` for another shape.
    #[must_use]
    pub fn parse(service: &str, name: &str, origin: &str, actions: &str, slots: &str, passes: &str) -> Option<Operation> {
        let slot = |text: &str| {
            let mut parts = text.splitn(3, '>');
            let (kind, slot, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some(SlotPath { kind: kind.to_owned(), slot: slot.to_owned(), path: ParameterPath::parse(path) })
        };
        let action = |text: &str| {
            let mut rest = text.chars();
            let confidence = match rest.next()? {
                '=' => Confidence::Exact,
                '~' => Confidence::Derived,
                '?' => Confidence::Assumed,
                _ => return None,
            };
            let action = match rest.as_str() {
                "" => Action { service: service.to_owned(), name: name.to_owned() },
                full if full.contains(':') => Action::parse(full)?,
                own => Action { service: service.to_owned(), name: own.to_owned() },
            };
            Some((action, confidence))
        };
        let permissionless = actions == "-";
        let listed = if permissionless { "" } else { actions };
        Some(Operation {
            name: name.to_owned(),
            actions: listed.split(' ').filter(|text| !text.is_empty()).map(action).collect::<Option<_>>()?,
            permissionless,
            slots: slots.split('|').filter(|text| !text.is_empty()).map(slot).collect::<Option<_>>()?,
            passes: passes.split('|').filter(|text| !text.is_empty()).map(ParameterPath::parse).collect(),
            origin: Origin::parse(origin)?,
        })
    }

    /// Name, origin, actions, slots, passed roles: the fields of a line of the catalog.
    #[must_use]
    pub fn to_fields(&self, service: &str) -> [String; 5] {
        let mut actions = String::from(if self.permissionless { "-" } else { "" });
        for (action, confidence) in &self.actions {
            let sign = match confidence {
                Confidence::Exact => '=',
                Confidence::Derived => '~',
                Confidence::Assumed => '?',
            };
            let space = if actions.is_empty() { "" } else { " " };
            let text = match (action.service == service, action.name == self.name) {
                (true, true) => String::new(),
                (true, false) => action.name.clone(),
                (false, _) => action.to_string(),
            };
            // Writing to a `String` cannot fail.
            let _ = write!(actions, "{space}{sign}{text}");
        }
        let slots: Vec<String> = self.slots.iter().map(|slot| format!("{}>{}>{}", slot.kind, slot.slot, slot.path)).collect();
        let passes: Vec<String> = self.passes.iter().map(ParameterPath::to_string).collect();
        [self.name.clone(), self.origin.name().to_owned(), actions, slots.join("|"), passes.join("|")]
    }
}

/// A call that a service makes for its caller, under the caller's name (a forward access session).
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// What is asked for as well.
    pub action: Action,
    /// The service that makes it, such as `s3.amazonaws.com`: the end of `kms:ViaService`, an element of `aws:CalledVia`.
    pub via: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let path = |text: &str| ParameterPath::parse(text);
        let slot = |kind: &str, slot: &str, at: &str| SlotPath { kind: kind.into(), slot: slot.into(), path: path(at) };
        let own = |name: &str| Action { service: "svc".into(), name: name.into() };
        let operation = Operation {
            name: "CreateThing".into(),
            actions: vec![
                (own("CreateThing"), Confidence::Exact),
                (own("MakeThing"), Confidence::Derived),
                (Action::parse("s3:GetObject").unwrap(), Confidence::Assumed),
            ],
            permissionless: false,
            slots: vec![slot("thing group", "ThingId", "Things.[].Id"), slot("thing", "", "<Thing.Arn?any")],
            passes: vec![path("Role.Arn")],
            origin: Origin::OperationMap,
        };
        let [name, origin, actions, slots, passes] = operation.to_fields("svc");
        assert_eq!(actions, "= ~MakeThing ?s3:GetObject");
        assert_eq!(Operation::parse("svc", &name, &origin, &actions, &slots, &passes), Some(operation));
        let free = Operation::parse("svc", "Free", "unsigned", "-", "", "").unwrap();
        assert!(free.permissionless && free.actions.is_empty());
        assert_eq!(free.to_fields("svc"), ["Free", "unsigned", "-", "", ""].map(str::to_owned));
        for bad in ["!x", "GetObject"] {
            assert_eq!(Operation::parse("svc", "Op", "rule", bad, "", ""), None, "{bad}");
        }
        assert_eq!(Operation::parse("svc", "Op", "hearsay", "", "", ""), None);
        assert_eq!(Operation::parse("svc", "Op", "rule", "", "kind", ""), None);
    }

    #[test]
    fn names_are_compared_by_letters_and_digits() {
        assert_eq!(normal_name("FunctionName"), normal_name("functionName"));
        assert_eq!(normal_name("dBInstanceIdentifier"), "dbinstanceidentifier");
        assert_eq!(normal_name("x-amz-acl"), "xamzacl");
    }
}
