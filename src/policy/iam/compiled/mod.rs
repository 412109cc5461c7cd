//! Identity policies made ready for many requests: statements found by action, resources by hash, values of conditions read once.
//!
//! ```text
//! action --index--> statements that may be about it --resource--> --condition--> the first Deny, else the first Allow
//! ```
//!
//! Invariant: it answers what [`decide`](super::decide()) answers, which reads the documents anew and is its judge; a decision that is
//! understood allocates nothing, a few rare operators aside (see `condition`).

mod condition;
mod index;
mod resource;
mod text;

use super::decide::name;
use super::model::{ActionPattern, Actions, Effect, PolicyDocument, Statement};
use crate::access::aws::{Action, AwsRequest, AwsRequestKey, Context};
use crate::policy::decision::{Decision, Layer};
use condition::Conditions;
use index::{Index, with_lower};
use resource::{Asked, Resources};

/// What policies answer, without a word of its own: a statement by its number over all documents, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Allowed by this statement, the first that does.
    Allow {
        /// Its number.
        statement: usize,
    },
    /// Denied by this statement, the first that does.
    ExplicitDeny {
        /// Its number.
        statement: usize,
    },
    /// Nothing allows it.
    ImplicitDeny {
        /// Whether everything on the way was understood.
        understood: bool,
    },
}

impl Answer {
    /// Whether the request would go through.
    #[must_use]
    pub const fn is_allow(self) -> bool {
        matches!(self, Answer::Allow { .. })
    }
}

/// Identity policies of one role or user, ready to be asked.
#[derive(Debug, Clone)]
pub struct Compiled<'a> {
    documents: &'a [PolicyDocument],
    /// In the order of the documents.
    rules: Vec<Rule<'a>>,
    denies: Index<'a>,
    allows: Index<'a>,
}

/// One statement.
#[derive(Debug, Clone)]
struct Rule<'a> {
    document: usize,
    place: usize,
    statement: &'a Statement,
    resources: Resources<'a>,
    conditions: Conditions<'a>,
}

impl<'a> Compiled<'a> {
    /// Reads the documents, which apply together, once.
    #[must_use]
    pub fn of(documents: &'a [PolicyDocument]) -> Self {
        let mut rules = Vec::new();
        let (mut denies, mut allows) = (Index::default(), Index::default());
        for (document, one) in documents.iter().enumerate() {
            for (place, statement) in one.statements.iter().enumerate() {
                let index = if statement.effect == Effect::Deny { &mut denies } else { &mut allows };
                let resources = Resources::of(statement);
                index.insert(&statement.actions, resources.only(), rules.len());
                let conditions = Conditions::of(&statement.condition);
                rules.push(Rule { document, place, statement, resources, conditions });
            }
        }
        Compiled { documents, rules, denies, allows }
    }

    /// What the policies answer.
    #[must_use]
    pub fn decide(&self, request: &AwsRequest) -> Answer {
        let asked = Asked::of(&request.key, &request.context);
        if let Some(joined) = asked.joined() {
            let key = AwsRequestKey { resource: joined, ..request.key.clone() };
            return self.decide(&AwsRequest { key, context: request.context.clone() });
        }
        let action = &request.key.action;
        with_lower(&action.service, |service| {
            with_lower(&action.name, |name| {
                let lower = (service, name);
                let (denied, may_deny) = self.first(&self.denies, action, lower, &asked);
                if let Some(statement) = denied {
                    return Answer::ExplicitDeny { statement };
                }
                if may_deny {
                    return Answer::ImplicitDeny { understood: false };
                }
                match self.first(&self.allows, action, lower, &asked) {
                    (Some(statement), _) => Answer::Allow { statement },
                    (None, may_allow) => Answer::ImplicitDeny { understood: !may_allow },
                }
            })
        })
    }

    /// The first statement of an index that applies; whether one may apply that is not understood, where none does.
    fn first(&self, index: &Index<'_>, action: &Action, lower: (&str, &str), asked: &Asked<'_>) -> (Option<usize>, bool) {
        let mut best: Option<usize> = None;
        let mut may = false;
        let mut consider = |place: usize, about: Option<bool>| {
            if best.is_some_and(|best| best <= place) {
                return false;
            }
            match self.rules.get(place).map(|rule| rule.applies(about, asked)) {
                Some(Some(true)) => {
                    best = Some(place);
                    return false;
                }
                Some(None) => may = true,
                Some(Some(false)) | None => {}
            }
            true
        };
        index.certain(lower, asked.plain(), |place| consider(place, Some(true)));
        for place in index.odd() {
            let about = self.rules.get(*place).map_or(Some(false), |rule| is_about(&rule.statement.actions, action));
            if about != Some(false) && !consider(*place, about) {
                break;
            }
        }
        (best, may)
    }

    /// Every Allow statement that alone lets the request through, in no order; one that says the same twice may come twice.
    pub fn applying(&self, key: &AwsRequestKey, context: &Context, mut found: impl FnMut(usize)) {
        let asked = Asked::of(key, context);
        if let Some(resource) = asked.joined() {
            return self.applying(&AwsRequestKey { resource, ..key.clone() }, context, found);
        }
        let action = &key.action;
        let mut consider = |place: usize, about: Option<bool>| {
            if self.rules.get(place).and_then(|rule| rule.applies(about, &asked)) == Some(true) {
                found(place);
            }
        };
        with_lower(&action.service, |service| {
            with_lower(&action.name, |name| {
                self.allows.certain((service, name), asked.plain(), |place| {
                    consider(place, Some(true));
                    true
                });
            });
        });
        for place in self.allows.odd() {
            let about = self.rules.get(*place).map_or(Some(false), |rule| is_about(&rule.statement.actions, action));
            if about == Some(true) {
                consider(*place, about);
            }
        }
    }

    /// The answer in words. What was not understood is told by the plain decision.
    #[must_use]
    pub fn spell(&self, answer: Answer, request: &AwsRequest) -> Decision {
        match answer {
            Answer::Allow { statement } => Decision::Allow { by: self.name(statement) },
            Answer::ExplicitDeny { statement } => Decision::ExplicitDeny { layer: Layer::Own, by: self.name(statement) },
            Answer::ImplicitDeny { understood: true } => Decision::DENY,
            Answer::ImplicitDeny { understood: false } => super::decide(self.documents, request),
        }
    }

    /// The Sid of a statement, or its place in words; empty where there is no such statement.
    #[must_use]
    pub fn name(&self, statement: usize) -> String {
        self.rules.get(statement).map(|rule| name(rule.document, (rule.place, rule.statement))).unwrap_or_default()
    }
}

impl Rule<'_> {
    /// Whether the statement applies, where its actions are about the request, or may be; `None` where that is not known.
    fn applies(&self, about: Option<bool>, asked: &Asked<'_>) -> Option<bool> {
        let resource = self.resources.hold(asked);
        if resource == Some(false) {
            return Some(false);
        }
        let condition = self.conditions.hold(asked.context);
        if condition == Some(false) {
            return Some(false);
        }
        // An identity policy with a principal is none that AWS would take.
        self.statement.principal.is_none().then_some(()).and(about).and(resource).and(condition)
    }
}

fn is_about(actions: &Actions, action: &Action) -> Option<bool> {
    let any = |patterns: &[ActionPattern]| super::condition::any(patterns.iter().map(|pattern| pattern.matches(action)));
    match actions {
        Actions::Action(patterns) => any(patterns),
        Actions::NotAction(patterns) => any(patterns).map(|any| !any),
    }
}
