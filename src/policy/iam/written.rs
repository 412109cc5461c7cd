//! A document as it is written: always lists, and only what is there. `wire` reads it back.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::model::{ActionPattern, Actions, PolicyDocument, Principal, ResourcePattern, Resources, Statement, Version, Written};

impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let version = match self.version {
            Version::Unstated => None,
            Version::V2008 => Some("2008-10-17"),
            Version::V2012 => Some("2012-10-17"),
        };
        let mut map = serializer.serialize_map(None)?;
        optional(&mut map, "Version", version.as_ref())?;
        optional(&mut map, "Id", self.id.as_ref())?;
        map.serialize_entry("Statement", &self.statements)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        optional(&mut map, "Sid", self.sid.as_ref())?;
        map.serialize_entry("Effect", &self.effect)?;
        if let Some(principal) = &self.principal {
            let (key, these) = negated(principal, ["Principal", "NotPrincipal"]);
            map.serialize_entry(key, these)?;
        }
        match &self.actions {
            Actions::Action(these) => map.serialize_entry("Action", these)?,
            Actions::NotAction(these) => map.serialize_entry("NotAction", these)?,
        }
        match &self.resources {
            Resources::Resource(these) => map.serialize_entry("Resource", these)?,
            Resources::NotResource(these) => map.serialize_entry("NotResource", these)?,
            Resources::Absent => {}
        }
        optional(&mut map, "Condition", Some(&self.condition).filter(|condition| !condition.is_empty()))?;
        map.end()
    }
}

fn optional<M: SerializeMap>(map: &mut M, key: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// The principal without its `Not`s, and the key that says the same. Twice all but these is these.
fn negated<'a>(principal: &'a Principal, [key, not]: [&'static str; 2]) -> (&'static str, &'a Principal) {
    match principal {
        Principal::Everyone | Principal::ByKind(_) => (key, principal),
        Principal::Not(these) => negated(these, [not, key]),
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Principal::Everyone => serializer.serialize_str("*"),
            Principal::ByKind(kinds) => kinds.serialize(serializer),
            // The statement's key says it.
            Principal::Not(these) => these.serialize(serializer),
        }
    }
}

impl Serialize for ActionPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl Serialize for ResourcePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
