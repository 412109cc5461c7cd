//! Whether a pattern for resources of one type would admit those of another that the same action takes.
//!
//! `table/orders-*` also matches `table/orders-x/index/by-date`, which is an index: IAM's `*` does not stop at `/`.

use std::collections::BTreeSet;

use crate::access::aws::{Action, Arn, Segment, Text, Wildcard};
use crate::catalog::Catalog;
use crate::catalog::format::{Fill, Format};

/// Stand for what a format's slot may hold, while both are compared; no text that IAM carries holds them.
const NAME: char = '\u{e000}';
const PATH: char = '\u{e001}';
const ANYTHING: char = '\u{e002}';

/// Whether `pattern`, made for `names`, admits a resource of a type that none of them is of and that the action takes. Where the
/// catalog does not know the names' type it knows no boundary either.
pub(super) fn crosses(catalog: &Catalog, action: &Action, pattern: &Arn, names: &[&Arn]) -> bool {
    let Some(service) = catalog.service(&action.service) else { return false };
    let own: BTreeSet<&str> =
        names.iter().flat_map(|name| service.types_of(&spelled(name))).map(|known| known.name.as_str()).collect();
    if own.is_empty() {
        return false;
    }
    let taken = catalog.action(action).map(|known| &known.types);
    let is_taken = |name: &str| taken.is_none_or(|types| types.iter().any(|used| used.name == name));
    let others = service.types().iter().filter(|other| !own.contains(other.name.as_str()) && is_taken(&other.name));
    others.filter_map(|other| example(&other.format)).any(|example| meets(pattern, &example))
}

/// An observed ARN as it stood in the log.
fn spelled(arn: &Arn) -> String {
    let fields = [&arn.partition, &arn.service, &arn.region, &arn.account, &arn.resource];
    let fields: Vec<&str> = fields.iter().map(|field| field.as_literal().unwrap_or("*")).collect();
    format!("arn:{}", fields.join(":"))
}

/// All ARNs of a format as one: each slot as a character that says what it may hold.
fn example(format: &Format) -> Option<Arn> {
    let last = format.slots().last().map(str::to_owned);
    format.make(|slot| {
        let holds = match slot {
            "ObjectName" | "LogStreamName" => ANYTHING,
            "BucketName" | "TableName" => NAME,
            _ if last.as_deref() == Some(slot) => PATH,
            _ => NAME,
        };
        Some(Fill::Literal(holds.to_string()))
    })
}

fn meets(pattern: &Arn, example: &Arn) -> bool {
    let pairs = [
        (&pattern.partition, &example.partition),
        (&pattern.service, &example.service),
        (&pattern.region, &example.region),
        (&pattern.account, &example.account),
        (&pattern.resource, &example.resource),
    ];
    pairs.into_iter().all(|(pattern, example)| overlap(&marks(pattern), &marks(example)))
}

/// What may stand at one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Character(char),
    One,
    /// Any number of characters, none included; in a format at least one, which makes no difference to the question.
    Many(char),
}

fn marks(text: &Text) -> Vec<Mark> {
    let mut marks = Vec::new();
    for segment in text.segments() {
        match segment {
            Segment::Literal(literal) => marks.extend(literal.chars().map(|character| match character {
                NAME | PATH | ANYTHING => Mark::Many(character),
                other => Mark::Character(other),
            })),
            Segment::Wildcard(Wildcard::One) => marks.push(Mark::One),
            Segment::Wildcard(Wildcard::Any) | Segment::Reference(_) => marks.push(Mark::Many(ANYTHING)),
        }
    }
    marks
}

/// Whether some text is of both. Work is at most the product of the lengths.
fn overlap(one: &[Mark], other: &[Mark]) -> bool {
    let takes = |mark: Mark, character: Option<char>| match (mark, character) {
        (Mark::Character(wanted), Some(found)) => wanted == found,
        (Mark::Many(NAME), Some('/' | ':')) | (Mark::Many(PATH), Some(':')) => false,
        (Mark::Character(_) | Mark::One | Mark::Many(_), _) => true,
    };
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut open = vec![(0_usize, 0_usize)];
    while let Some((at, place)) = open.pop() {
        if !seen.insert((at, place)) {
            continue;
        }
        let (left, right) = (one.get(at).copied(), other.get(place).copied());
        if left.is_none() && right.is_none() {
            return true;
        }
        // A wildcard may end here, or take what the other side has.
        if let Some(Mark::Many(_)) = left {
            open.push((at + 1, place));
        }
        if let Some(Mark::Many(_)) = right {
            open.push((at, place + 1));
        }
        if let (Some(left), Some(right)) = (left, right) {
            let character = |mark: Mark| if let Mark::Character(character) = mark { Some(character) } else { None };
            let both = takes(left, character(right)) && takes(right, character(left));
            if both {
                let next = |mark: Mark, at: usize| if matches!(mark, Mark::Many(_)) { at } else { at + 1 };
                open.push((next(left, at), next(right, place)));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(action: &str, pattern: &str, name: &str) -> bool {
        let (action, name) = (Action::parse(action).unwrap(), Arn::literal(&format!("arn:aws:{name}")).unwrap());
        let pattern = Arn::from_policy(&format!("arn:aws:{pattern}")).unwrap();
        crosses(Catalog::embedded(), &action, &pattern, &[&name])
    }

    #[test]
    fn a_wildcard_stops_at_the_type() {
        for (action, pattern, name, expected) in [
            ("dynamodb:Query", "dynamodb:r:1:table/orders-*", "dynamodb:r:1:table/orders-1", true),
            ("dynamodb:GetItem", "dynamodb:r:1:table/orders-*", "dynamodb:r:1:table/orders-1", false),
            ("lambda:UpdateFunctionCode", "lambda:r:1:function:web-*", "lambda:r:1:function:web-1", false),
            ("s3:GetObject", "s3:::b/in/*", "s3:::b/in/a", false),
            ("ecs:StopTask", "ecs:r:1:task/shop/*", "ecs:r:1:task/shop/1", false),
            ("states:StopExecution", "states:r:1:execution:orders:*", "states:r:1:execution:orders:1", false),
            ("logs:PutLogEvents", "logs:r:1:log-group:g:log-stream:*", "logs:r:1:log-group:g:log-stream:1", false),
            ("no:Such", "no:r:1:a/*", "no:r:1:a/b", false),
        ] {
            assert_eq!(crossing(action, pattern, name), expected, "{action} {pattern}");
        }
    }
}
