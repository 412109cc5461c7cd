//! The places of a call that could name something: the texts in its input or output, with the path to each.
//!
//! Invariant: bounded in depth and number, whatever a model holds; no shape within itself.

use super::botocore::{Form, Model, Reference};
use crate::catalog::operation::normal_name;

/// Named steps from the top.
const DEPTH_MAX: usize = 4;
/// Places of one call.
const COUNT_MAX: usize = 2_000;

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Names from the top, `[]` for the elements of a list.
    pub(super) path: Vec<String>,
    /// The last name, compared; of a list in the singular.
    pub(super) name: String,
    /// The name before it, compared and in the singular; empty at the top.
    pub(super) parent: String,
    /// How many names the path has.
    pub(super) depth: usize,
    /// Whether the call must have it, at the top.
    pub(super) required: bool,
}

impl Member {
    /// Whether it holds an ARN, as its name says.
    pub(super) fn is_arn(&self) -> bool {
        self.name.ends_with("arn")
    }
}

/// The places below a shape, the higher ones first.
pub(super) fn members(model: &Model, top: Option<&Reference>) -> Vec<Member> {
    let mut found = Vec::new();
    let Some(top) = top else { return found };
    let start = Member { path: Vec::new(), name: String::new(), parent: String::new(), depth: 0, required: false };
    let mut open: Vec<(Member, &str, Vec<&str>)> = vec![(start, top.shape.as_str(), Vec::new())];
    while !open.is_empty() && found.len() < COUNT_MAX {
        let mut below = Vec::new();
        for (at, shape, within) in open {
            if within.contains(&shape) {
                continue;
            }
            let mut inside = within.clone();
            inside.push(shape);
            match model.form(shape) {
                Form::Text if at.depth > 0 => found.push(at),
                Form::Structure(named) if at.depth < DEPTH_MAX => {
                    for (name, reference) in named {
                        let mut path = at.path.clone();
                        path.push(name.clone());
                        let required = at.depth == 0 && model.is_required(shape, name);
                        let next =
                            Member { path, name: normal_name(name), parent: at.name.clone(), depth: at.depth + 1, required };
                        below.push((next, reference.shape.as_str(), inside.clone()));
                    }
                }
                Form::List(reference) => {
                    let mut next = at;
                    next.path.push("[]".to_owned());
                    next.name = singular(&next.name);
                    below.push((next, reference.shape.as_str(), inside));
                }
                Form::Structure(_) | Form::Text | Form::Other => {}
            }
        }
        open = below;
        open.truncate(COUNT_MAX);
    }
    found.truncate(COUNT_MAX);
    found
}

/// `tablenames` is `tablename`, `resourcearnlist` is `resourcearn`, `policies` is `policy`.
pub(super) fn singular(name: &str) -> String {
    let name = name.strip_suffix("list").filter(|rest| !rest.is_empty()).unwrap_or(name);
    if let Some(rest) = name.strip_suffix("ies").filter(|rest| rest.len() > 1) {
        return format!("{rest}y");
    }
    if name.ends_with("sses") || name.ends_with("xes") || name.ends_with("ches") {
        return name.strip_suffix("es").unwrap_or(name).to_owned();
    }
    name.strip_suffix('s').filter(|rest| !rest.ends_with('s') && rest.len() > 1).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_become_singular() {
        for (many, one) in [
            ("tablenames", "tablename"),
            ("resourcearnlist", "resourcearn"),
            ("policies", "policy"),
            ("addresses", "address"),
            ("indexes", "index"),
            ("access", "access"),
            ("ids", "id"),
            ("list", "list"),
            ("s", "s"),
        ] {
            assert_eq!(singular(many), one, "{many}");
        }
    }
}
