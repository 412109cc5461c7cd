//! A literal reading of IAM's pages: characters and recursion, nothing shared with the judge.

use proptest::prelude::*;
use serde_json::{Map, Value};
use tightfit::access::aws::Context;

use super::language::{Asked, case};
use super::simulator::decided;

/// A character of a pattern: itself, `*` or `?`.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Char(char),
    Many,
    One,
}

/// Characters of a policy text; `None` where a variable has no value.
fn marks(text: &str, context: &Context) -> Option<Vec<Mark>> {
    let all: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let closing = all[at..].iter().position(|character| *character == '}').map(|length| at + length);
        match (all[at], all.get(at + 1), closing) {
            ('$', Some('{'), Some(end)) => {
                let name: String = all[at + 2..end].iter().collect();
                match name.as_str() {
                    "*" | "?" | "$" => out.extend(name.chars().map(Mark::Char)),
                    name => {
                        let (_, values) = context.iter().find(|(key, _)| key.to_lowercase() == name.to_lowercase())?;
                        match values.as_slice() {
                            [value] => out.extend(value.chars().map(Mark::Char)),
                            _ => return None,
                        }
                    }
                }
                at = end + 1;
                continue;
            }
            ('*', _, _) => out.push(Mark::Many),
            ('?', _, _) => out.push(Mark::One),
            (plain, _, _) => out.push(Mark::Char(plain)),
        }
        at += 1;
    }
    Some(out)
}

fn glob(pattern: &[Mark], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(Mark::Many), None) => glob(&pattern[1..], text),
        (Some(Mark::Many), Some(_)) => glob(&pattern[1..], text) || glob(pattern, &text[1..]),
        (Some(_), None) => false,
        (Some(Mark::One), Some(_)) => glob(&pattern[1..], &text[1..]),
        (Some(Mark::Char(wanted)), Some(character)) => wanted == character && glob(&pattern[1..], &text[1..]),
    }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn action_matches(pattern: &str, action: &str) -> bool {
    glob(&marks(&pattern.to_lowercase(), &Context::new()).unwrap(), &chars(&action.to_lowercase()))
}

fn resource_matches(pattern: &str, asked: &Asked) -> bool {
    if pattern == "*" || asked.resource == "*" {
        return pattern == "*";
    }
    // No generated variable holds a colon outside its own name, so protect those before cutting at colons.
    let guarded = pattern.replace("${aws:username}", "${user}").replace("${aws:nothing}", "${nothing}");
    let fields: Vec<&str> = guarded.splitn(6, ':').collect();
    let wanted: Vec<&str> = asked.resource.splitn(6, ':').collect();
    let context: Context =
        asked.context.iter().map(|(key, values)| (key.replace("aws:username", "user"), values.clone())).collect();
    fields.iter().zip(wanted).all(|(field, wanted)| marks(field, &context).is_some_and(|marks| glob(&marks, &chars(wanted))))
}

fn condition_holds(operator: &str, key: &str, wanted: &[&str], context: &Context) -> bool {
    let values = context.get(key);
    let like = |value: &str, text: &str| match marks(text, context) {
        Some(marks) if operator.contains("Like") => glob(&marks, &chars(value)),
        Some(marks) => {
            let literal: Vec<Mark> = marks
                .iter()
                .map(|mark| match mark {
                    Mark::Many => Mark::Char('*'),
                    Mark::One => Mark::Char('?'),
                    plain => *plain,
                })
                .collect();
            glob(&literal, &chars(value))
        }
        None => false,
    };
    let any = |value: &String| wanted.iter().any(|text| like(value, text));
    match (operator, values) {
        ("Null", values) => values.is_none() == (wanted == ["true"]),
        ("StringEquals" | "StringLike", values) => values.is_some_and(|values| any(&values[0])),
        ("StringNotEquals" | "StringNotLike", values) => values.is_none_or(|values| !any(&values[0])),
        ("StringEqualsIfExists", values) => values.is_none_or(|values| any(&values[0])),
        ("ForAllValues:StringLike", values) => values.is_none_or(|values| values.iter().all(any)),
        ("ForAnyValue:StringLike", values) => values.is_some_and(|values| values.iter().any(any)),
        other => panic!("{other:?}"),
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// `a`, `d` or `i`, as the simulator's script writes them.
fn literal_reading(policy: &Value, asked: &Asked) -> char {
    let mut verdict = 'i';
    for statement in policy["Statement"].as_array().unwrap() {
        let action = match statement.get("Action") {
            Some(all) => texts(all).iter().any(|pattern| action_matches(pattern, &asked.action)),
            None => !texts(&statement["NotAction"]).iter().any(|pattern| action_matches(pattern, &asked.action)),
        };
        let resource = match statement.get("Resource") {
            Some(all) => texts(all).iter().any(|pattern| resource_matches(pattern, asked)),
            None => !texts(&statement["NotResource"]).iter().any(|pattern| resource_matches(pattern, asked)),
        };
        let empty = Map::new();
        let conditions = statement.get("Condition").and_then(Value::as_object).unwrap_or(&empty);
        let condition = conditions.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, wanted)| condition_holds(operator, key, &texts(wanted), &asked.context))
        });
        match (action && resource && condition, statement["Effect"].as_str()) {
            (true, Some("Deny")) => return 'd',
            (true, _) => verdict = 'a',
            (false, _) => {}
        }
    }
    verdict
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn a_literal_reading_agrees((policy, requests) in case()) {
        for asked in requests {
            prop_assert_eq!(decided(&policy, &asked), literal_reading(&policy, &asked), "{} {:?}", policy, asked);
        }
    }
}
