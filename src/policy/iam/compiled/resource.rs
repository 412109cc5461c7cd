//! Resources of a statement: plain ARNs in a set, patterns by the form of each field, compared without building a text.

use rapidhash::RapidHashSet;

use super::text::{contains, has_variables, is_resolved, matches};
use crate::access::aws::{Arn, AwsRequestKey, Context, Resource, Segment, Text, Wildcard};
use crate::policy::iam::model::{self, Effect, ParsedResource, ResourcePattern, Statement};

/// Fewer plain ARNs than this are compared one by one.
const HASHED_FROM: usize = 6;

/// The fields of an ARN, the one that tells most first.
pub(super) type Plain<'a> = [&'a str; 5];

/// A request, its resource taken apart once.
pub(super) struct Asked<'a> {
    pub(super) context: &'a Context,
    resource: &'a Resource,
    /// `None` for what is no ARN, and for one that asks for a pattern.
    plain: Option<Plain<'a>>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(key: &'a AwsRequestKey, context: &'a Context) -> Self {
        let resource = &key.resource;
        let plain = if let Resource::Arn(arn) = resource { plain(arn) } else { None };
        Asked { context, resource, plain }
    }

    pub(super) fn plain(&self) -> Option<&Plain<'a>> {
        self.plain.as_ref()
    }

    /// The same resource, its texts joined, where they are plain and in pieces: no text that was made by `Text` itself is.
    pub(super) fn joined(&self) -> Option<Resource> {
        let Resource::Arn(arn) = self.resource else { return None };
        let is_literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
        if self.plain.is_some() || !fields(arn).into_iter().flat_map(Text::segments).all(is_literal) {
            return None;
        }
        let [resource, account, region, service, partition] =
            fields(arn).map(|field| Text::from_segments(field.segments().iter().cloned()));
        Some(Resource::Arn(Arn { partition, service, region, account, resource }))
    }
}

fn fields(arn: &Arn) -> [&Text; 5] {
    [&arn.resource, &arn.account, &arn.region, &arn.service, &arn.partition]
}

fn plain(arn: &Arn) -> Option<Plain<'_>> {
    let [resource, account, region, service, partition] = fields(arn).map(Text::as_literal);
    Some([resource?, account?, region?, service?, partition?])
}

/// The `Resource` or `NotResource` element.
#[derive(Debug, Clone, Default)]
pub(super) struct Resources<'a> {
    kind: Kind,
    every: bool,
    not_understood: bool,
    few: Vec<Plain<'a>>,
    many: RapidHashSet<Plain<'a>>,
    patterns: Vec<Pattern<'a>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    These,
    AllBut(Effect),
    /// Neither element: an identity policy with such a statement is none that AWS would take.
    Absent,
}

impl<'a> Resources<'a> {
    pub(super) fn of(statement: &'a Statement) -> Self {
        let (kind, patterns) = match &statement.resources {
            model::Resources::Resource(patterns) => (Kind::These, patterns.as_slice()),
            model::Resources::NotResource(patterns) => (Kind::AllBut(statement.effect), patterns.as_slice()),
            model::Resources::Absent => (Kind::Absent, [].as_slice()),
        };
        Resources { kind, ..Resources::these(patterns) }
    }

    /// These resources.
    fn these(patterns: &'a [ResourcePattern]) -> Self {
        let mut resources = Resources::default();
        for pattern in patterns {
            match &pattern.parsed {
                ParsedResource::All => resources.every = true,
                ParsedResource::NotUnderstood => resources.not_understood = true,
                ParsedResource::Arn(arn) => match plain(arn) {
                    Some(plain) => resources.few.push(plain),
                    None => resources.patterns.push(Pattern(fields(arn).map(Field::of))),
                },
            }
        }
        if resources.few.len() >= HASHED_FROM {
            resources.many = resources.few.drain(..).collect();
        }
        resources
    }

    /// The one plain resource that they are, if they are no more.
    pub(super) fn only(&self) -> Option<Plain<'a>> {
        let one = self.kind == Kind::These && !self.every && !self.not_understood && self.patterns.is_empty();
        match self.few.as_slice() {
            [only] if one && self.many.is_empty() => Some(*only),
            _ => None,
        }
    }

    /// Whether the request is about them; `None` where that is not known.
    pub(super) fn hold(&self, asked: &Asked<'_>) -> Option<bool> {
        match self.kind {
            Kind::These => self.any(asked),
            Kind::AllBut(effect) => self.all_but(effect, asked),
            Kind::Absent => None,
        }
    }

    fn any(&self, asked: &Asked<'_>) -> Option<bool> {
        if self.every || self.is_named(asked) { Some(true) } else { (!self.not_understood).then_some(false) }
    }

    fn is_named(&self, asked: &Asked<'_>) -> bool {
        let Resource::Arn(arn) = asked.resource else { return false };
        if let Some(plain) = &asked.plain {
            return self.few.iter().any(|few| few == plain)
                || (!self.many.is_empty() && self.many.contains(plain))
                || self.patterns.iter().any(|pattern| pattern.matches(plain, asked.context));
        }
        // A plain ARN holds none that asks for a pattern.
        self.patterns.iter().any(|pattern| pattern.contains(arn, asked.context))
    }

    /// See `not_resource` of the plain decision.
    fn all_but(&self, effect: Effect, asked: &Asked<'_>) -> Option<bool> {
        let outside = self.any(asked).map(|any| !any);
        let unresolved = || self.patterns.iter().any(|pattern| !pattern.is_resolved(asked.context));
        let unsure = match asked.resource {
            Resource::NotBuilt => effect == Effect::Allow,
            Resource::Arn(_) => unresolved(),
            Resource::NoResourceLevel => false,
        };
        if unsure { outside.filter(|outside| !outside) } else { outside }
    }
}

/// An ARN of which some field is no plain text.
#[derive(Debug, Clone)]
struct Pattern<'a>([Field<'a>; 5]);

/// A field, by its form.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Every(&'a Text),
    Plain(&'a str, &'a Text),
    Beginning(&'a str, &'a Text),
    Variable(&'a Text),
    Other(&'a Text),
}

impl<'a> Field<'a> {
    fn of(text: &'a Text) -> Self {
        match (text.as_literal(), text.segments()) {
            (Some(plain), _) => Field::Plain(plain, text),
            (None, [Segment::Wildcard(Wildcard::Any)]) => Field::Every(text),
            (None, [Segment::Literal(start), Segment::Wildcard(Wildcard::Any)]) => Field::Beginning(start, text),
            (None, _) if has_variables(text) => Field::Variable(text),
            (None, _) => Field::Other(text),
        }
    }

    fn text(self) -> &'a Text {
        match self {
            Field::Every(text)
            | Field::Plain(_, text)
            | Field::Beginning(_, text)
            | Field::Variable(text)
            | Field::Other(text) => text,
        }
    }

    fn matches(self, asked: &str, context: &Context) -> bool {
        match self {
            Field::Every(_) => true,
            Field::Plain(plain, _) => plain == asked,
            Field::Beginning(start, _) => asked.starts_with(start),
            Field::Variable(text) | Field::Other(text) => matches(text, asked, context),
        }
    }
}

impl Pattern<'_> {
    fn matches(&self, asked: &Plain<'_>, context: &Context) -> bool {
        self.0.iter().zip(asked).all(|(field, asked)| field.matches(asked, context))
    }

    fn contains(&self, asked: &Arn, context: &Context) -> bool {
        self.0.iter().zip(fields(asked)).all(|(field, asked)| contains(field.text(), asked, context))
    }

    fn is_resolved(&self, context: &Context) -> bool {
        self.0.iter().all(|field| !matches!(field, Field::Variable(_)) || is_resolved(field.text(), context))
    }
}
