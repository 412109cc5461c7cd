//! A row of a CloudTrail table (Athena, CloudTrail Lake) as the record it was made from.
//! <https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table.html>
//!
//! Invariant: struct text in which a key stands twice at one level is refused: a value may have forged it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Fault, Object};

/// How deep struct text may nest.
const DEPTH_MAX: usize = 16;

/// Lower-case names and how the record spells them; a name that is not here is lower-case there too, or not needed.
const NAMES: [(&str, &str); 44] = [
    ("eventversion", "eventVersion"),
    ("eventtime", "eventTime"),
    ("eventsource", "eventSource"),
    ("eventname", "eventName"),
    ("eventtype", "eventType"),
    ("eventcategory", "eventCategory"),
    ("eventid", "eventID"),
    ("awsregion", "awsRegion"),
    ("useridentity", "userIdentity"),
    ("errorcode", "errorCode"),
    ("errormessage", "errorMessage"),
    ("requestparameters", "requestParameters"),
    ("responseelements", "responseElements"),
    ("recipientaccountid", "recipientAccountId"),
    ("managementevent", "managementEvent"),
    ("insightdetails", "insightDetails"),
    ("eventcontext", "eventContext"),
    ("requestcontext", "requestContext"),
    ("originaleventid", "originalEventID"),
    ("principalid", "principalId"),
    ("accountid", "accountId"),
    ("accesskeyid", "accessKeyId"),
    ("username", "userName"),
    ("invokedby", "invokedBy"),
    ("identityprovider", "identityProvider"),
    ("credentialid", "credentialId"),
    ("sessioncontext", "sessionContext"),
    ("sessionissuer", "sessionIssuer"),
    ("mfaauthenticated", "mfaAuthenticated"),
    ("creationdate", "creationDate"),
    ("webidfederationdata", "webIdFederationData"),
    ("federatedprovider", "federatedProvider"),
    ("sourceidentity", "sourceIdentity"),
    ("ec2roledelivery", "ec2RoleDelivery"),
    ("ec2issuedinvpc", "ec2IssuedInVpc"),
    ("assumedroot", "assumedRoot"),
    ("onbehalfof", "onBehalfOf"),
    ("userid", "userId"),
    ("identitystorearn", "identityStoreArn"),
    ("inscopeof", "inScopeOf"),
    ("sourcearn", "sourceArn"),
    ("sourceaccount", "sourceAccount"),
    ("issuertype", "issuerType"),
    ("credentialsissuedto", "credentialsIssuedTo"),
];

/// Names of struct text that need no other spelling.
const PLAIN: [&str; 6] = ["type", "arn", "attributes", "reason", "tags", "updatedfields"];

fn spelled(name: &str) -> &str {
    let name = name.trim();
    NAMES.iter().find(|(lower, _)| lower.eq_ignore_ascii_case(name)).map_or(name, |(_, record)| record)
}

/// The record that a row stands for.
pub(super) fn record(columns: &BTreeMap<String, String>) -> Result<Object, Fault> {
    let mut record = Object::new();
    for (column, text) in columns {
        let text = text.trim();
        if text.is_empty() || text == "null" || text == "NULL" {
            continue;
        }
        let name = spelled(column);
        let value = match name {
            "userIdentity" | "resources" | "addendum" | "eventContext" => structure(name, text)?,
            // These columns hold JSON; what is none (cut at the limit, a bare word) says nothing that can be relied on.
            "requestParameters" | "responseElements" | "insightDetails" => match serde_json::from_str(text) {
                Ok(value) => value,
                Err(_) if name == "requestParameters" => {
                    return Err(Fault(format!("{name}: expected JSON")));
                }
                Err(_) => Value::Null,
            },
            _ => Value::String(text.to_owned()),
        };
        if record.insert(name.to_owned(), value).is_some() {
            return Err(Fault(format!("{name}: two columns")));
        }
    }
    Ok(record)
}

/// A JSON object with a table's lower-case names (CloudTrail Lake exports) as the record it was made from; `None` where it is no API event.
pub(super) fn lower_case(object: &Object) -> Option<Result<Object, Fault>> {
    let lower = |name: &str| object.contains_key(name);
    if !lower("eventsource") || !lower("eventname") {
        return None;
    }
    let mut record = Object::new();
    for (name, value) in object {
        let name = spelled(name);
        let value = if name == "userIdentity" { respelled(value.clone(), 0) } else { Some(value.clone()) };
        let twice = || Fault(format!("{name}: a key stands twice or too deep"));
        let Some(value) = value else { return Some(Err(twice())) };
        if record.insert(name.to_owned(), value).is_some() {
            return Some(Err(twice()));
        }
    }
    Some(Ok(record))
}

/// JSON, or struct text as Athena prints it: `{type=IAMUser, sessioncontext={attributes=null}}`, `[{arn=..}, {arn=..}]`.
fn structure(name: &str, text: &str) -> Result<Value, Fault> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return respelled(value, 0).ok_or_else(|| Fault(format!("{name}: a key stands twice or too deep")));
    }
    let mut rest = text;
    let value = value(&mut rest, 0).map_err(|why| Fault(format!("{name}: {why}")))?;
    if rest.trim().is_empty() { Ok(value) } else { Err(Fault(format!("{name}: text after its end"))) }
}

fn respelled(value: Value, depth: usize) -> Option<Value> {
    match value {
        Value::Object(object) => {
            let mut record = Object::new();
            for (name, value) in object {
                let value = if depth < DEPTH_MAX { respelled(value, depth + 1)? } else { return None };
                if record.insert(spelled(&name).to_owned(), value).is_some() {
                    return None;
                }
            }
            Some(Value::Object(record))
        }
        Value::Array(list) => list.into_iter().map(|value| respelled(value, depth + 1)).collect::<Option<_>>().map(Value::Array),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(plain),
    }
}

fn value(rest: &mut &str, depth: usize) -> Result<Value, &'static str> {
    if depth > DEPTH_MAX {
        return Err("nested too deep");
    }
    *rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('{') {
        *rest = after;
        return fields(rest, depth).map(Value::Object);
    }
    if let Some(after) = rest.strip_prefix('[') {
        *rest = after;
        return elements(rest, depth);
    }
    // A bare text ends where the next known field begins, or at the end of its struct.
    let end = end_of_text(rest);
    let (text, after) = rest.split_at_checked(end).ok_or("not cut at a character")?;
    *rest = after;
    Ok(if text == "null" { Value::Null } else { Value::String(text.to_owned()) })
}

fn fields(rest: &mut &str, depth: usize) -> Result<Object, &'static str> {
    let mut object = Object::new();
    loop {
        *rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return Ok(object);
        }
        let (name, after) = rest.split_once('=').ok_or("a field without `=`, or no `}` at the end")?;
        *rest = after;
        let value = value(rest, depth + 1)?;
        if object.insert(spelled(name).to_owned(), value).is_some() {
            return Err("a key stands twice: a value may have forged it");
        }
    }
}

fn elements(rest: &mut &str, depth: usize) -> Result<Value, &'static str> {
    let mut list = Vec::new();
    loop {
        *rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix(']') {
            *rest = after;
            return Ok(Value::Array(list));
        }
        if rest.is_empty() {
            return Err("no `]` at the end");
        }
        let before = rest.len();
        list.push(value(rest, depth + 1)?);
        if rest.len() == before {
            return Err("an empty element");
        }
    }
}

fn end_of_text(text: &str) -> usize {
    for (at, character) in text.char_indices() {
        if matches!(character, '}' | ']') {
            return at;
        }
        let next = text.get(at..).and_then(|rest| rest.strip_prefix(", "));
        let begins_field = |rest: &str| {
            rest.split_once('=').is_some_and(|(name, _)| {
                PLAIN.contains(&name) || NAMES.iter().any(|(lower, record)| *lower == name || *record == name)
            })
        };
        if next.is_some_and(begins_field) {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn struct_text_is_read() {
        let text = "{type=AssumedRole, principalid=A:s, arn=arn:aws:sts::1:assumed-role/r/a=b,c, sessioncontext={attributes=\
                    {mfaauthenticated=false}, sessionissuer={type=Role, username=null}}}";
        let value = structure("userIdentity", text).unwrap();
        assert_eq!(value.get("arn").and_then(Value::as_str), Some("arn:aws:sts::1:assumed-role/r/a=b,c"));
        assert_eq!(value.pointer("/sessionContext/sessionIssuer/type").and_then(Value::as_str), Some("Role"));
        assert_eq!(value.pointer("/sessionContext/sessionIssuer/userName"), Some(&Value::Null));
    }

    #[test]
    fn forged_and_broken_text_is_refused() {
        for text in [
            "{type=IAMUser, username=x, type=Root}",
            "{type=IAMUser",
            "{type}",
            "[",
            "{a={a={a=",
            "{\"type\":\"a\",\"Type\":1, x}",
        ] {
            assert!(structure("userIdentity", text).is_err(), "{text}");
        }
    }
}
