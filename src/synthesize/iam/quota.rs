//! Quotas: statements are spread over as many managed policies as they need, never widened to fit.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use crate::policy::iam::model::{Actions, PolicyDocument, Resources, Statement, Version};

/// Characters of a managed policy. IAM leaves white space out of the count; white space inside texts is counted here all the same.
pub(super) const CHARACTERS_MAX: usize = 6_144;
/// Managed policies that can be attached to a role or user unless a higher quota was asked for.
pub(super) const POLICIES_MAX: usize = 10;

/// The characters of a document without statements.
const FRAME: usize = r#"{"Version":"2012-10-17","Statement":[]}"#.len();

/// The documents, and whether the quotas are kept.
pub(super) fn documents(statements: Vec<Statement>) -> (Vec<PolicyDocument>, bool) {
    let mut fits = true;
    let mut documents: Vec<(usize, PolicyDocument)> = Vec::new();
    for statement in statements {
        for (length, part) in parts(statement) {
            fits &= FRAME + length <= CHARACTERS_MAX;
            // The comma counts too.
            let place = documents.iter_mut().find(|(taken, _)| taken.saturating_add(length + 1) <= CHARACTERS_MAX);
            match place {
                Some((taken, document)) => {
                    *taken += length + 1;
                    document.statements.push(part);
                }
                None => {
                    let document = PolicyDocument { version: Version::V2012, id: None, statements: vec![part] };
                    documents.push((FRAME + length, document));
                }
            }
        }
    }
    fits &= documents.len() <= POLICIES_MAX;
    (documents.into_iter().map(|(_, document)| document).collect(), fits)
}

/// A statement in parts that each fit a document, with their lengths; the parts together say the same.
fn parts(statement: Statement) -> Vec<(usize, Statement)> {
    let mut done = Vec::new();
    let mut open = vec![statement];
    while let Some(statement) = open.pop() {
        let length = length(&statement);
        match (FRAME + length > CHARACTERS_MAX).then(|| halves(&statement)).flatten() {
            Some((first, second)) => open.extend([second, first]),
            None => done.push((length, statement)),
        }
    }
    if done.len() > 1 {
        for (number, (length, part)) in done.iter_mut().enumerate() {
            if let Some(sid) = &mut part.sid {
                let suffix = format!("Part{}", number + 1);
                *length += suffix.len();
                sid.push_str(&suffix);
            }
        }
    }
    done
}

/// Room for the `PartN` that a split adds to a Sid.
const SUFFIX_ROOM: usize = 12;

fn length(statement: &Statement) -> usize {
    let document = PolicyDocument { version: Version::V2012, id: None, statements: vec![statement.clone()] };
    serde_json::to_string(&document).map_or(usize::MAX, |text| text.chars().count() - FRAME.min(text.len()) + SUFFIX_ROOM)
}

fn halves(statement: &Statement) -> Option<(Statement, Statement)> {
    let (mut first, mut second) = (statement.clone(), statement.clone());
    let longer_resources = match (&statement.actions, &statement.resources) {
        (Actions::Action(actions), Resources::Resource(resources)) => resources.len() >= actions.len(),
        (Actions::NotAction(_), _) | (_, Resources::NotResource(_) | Resources::Absent) => return None,
    };
    if longer_resources {
        let (Resources::Resource(front), Resources::Resource(back)) = (&mut first.resources, &mut second.resources) else {
            return None;
        };
        halve(front, back)?;
    } else {
        let (Actions::Action(front), Actions::Action(back)) = (&mut first.actions, &mut second.actions) else { return None };
        halve(front, back)?;
    }
    Some((first, second))
}

/// Leaves one half of the same list in each; `None` where there is only one.
fn halve<T>(front: &mut Vec<T>, back: &mut Vec<T>) -> Option<()> {
    let middle = front.len() / 2;
    if middle == 0 {
        return None;
    }
    front.truncate(middle);
    back.drain(..middle);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::iam::model::{ActionPattern, Conditions, Effect, ResourcePattern};
    use crate::policy::iam::permits;

    fn statement(sid: &str, resources: usize, length: usize) -> Statement {
        let resource = |number| ResourcePattern::new(&format!("arn:aws:s3:::{}{number:05}", "b".repeat(length)), Version::V2012);
        Statement {
            sid: Some(sid.to_owned()),
            effect: Effect::Allow,
            principal: None,
            actions: Actions::Action(vec![ActionPattern::new("s3:ListBucket"), ActionPattern::new("s3:GetBucketAcl")]),
            resources: Resources::Resource((0..resources).map(resource).collect()),
            condition: Conditions::new(),
        }
    }

    #[test]
    fn documents_keep_the_quota_and_say_the_same() {
        let statements: Vec<Statement> = (0..30).map(|number| statement(&format!("S{number}"), 10, 20)).collect();
        let whole = PolicyDocument {
            version: Version::V2012,
            id: None,
            statements: [statements, vec![statement("Big", 300, 30)]].concat(),
        };
        let (documents, fits) = documents(whole.statements.clone());
        assert!(fits && documents.len() > 2);
        for document in &documents {
            assert!(serde_json::to_string(document).unwrap().len() <= CHARACTERS_MAX);
        }
        let sorted = |documents: &[PolicyDocument]| {
            let mut all: Vec<_> = documents.iter().flat_map(permits).collect();
            all.sort();
            all
        };
        assert_eq!(sorted(&documents), sorted(&[whole]));
    }

    #[test]
    fn what_cannot_fit_is_said() {
        assert!(!documents(vec![statement("Long", 1, 7_000)]).1);
        assert!(!documents(vec![statement("Many", 2_000, 50)]).1);
    }
}
