//! The rules beside the reference: which IAM prefix an event source means, which actions an event stands for, which events are
//! data events, and which parameter names which resource. Readable tables under `aws/`, `#` begins a comment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::access::aws::Action;

/// How sure a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The name is an action of the reference, or a rule names the event.
    Exact,
    /// The name was cut (a date, a version) or its case differs.
    Derived,
    /// A rule over a family of events.
    Assumed,
}

impl Confidence {
    /// As reports and `--json` write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Exact => "exact",
            Confidence::Derived => "derived",
            Confidence::Assumed => "assumed",
        }
    }
}

/// An action that an event stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The action.
    pub action: Action,
    /// How sure.
    pub confidence: Confidence,
    /// Why the platform asks for this one too; `None` where the event states it.
    pub implied: Option<&'static str>,
}

/// What an event stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapping {
    /// These actions, at least one.
    Actions(Vec<Mapped>),
    /// An API call that needs no grant.
    Permissionless,
    /// No API call that IAM authorizes.
    ServiceEvent,
    /// Nothing is known: undecided, never guessed.
    Unknown,
}

/// What the rules say of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleEnd {
    /// These actions.
    Actions(Vec<Mapped>),
    /// Needs no grant.
    Permissionless,
    /// No API call.
    ServiceEvent,
}

#[derive(Debug)]
enum Says {
    Actions(Vec<Action>, Option<&'static str>),
    Permissionless,
    ServiceEvent,
}

#[derive(Debug)]
struct EventRule {
    /// As the row writes it.
    event: &'static str,
    says: Says,
    /// A parameter that must be there (`true`) or must not.
    when: Option<(&'static str, bool)>,
}

/// Where the text of a slot stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterPath {
    /// Read from responseElements instead of requestParameters.
    pub response: bool,
    /// Counts only where the value is an ARN.
    pub arn_only: bool,
    /// Counts only where the value begins so; empty for always.
    pub begins: String,
    /// Where this parameter is there at all, any resource of the type may be meant.
    pub any: bool,
    /// Names from the top; `[]` stands for every element of a list, `{}` for every key of an object.
    pub steps: Vec<String>,
}

/// By IAM prefix, then by type or action.
type ByType<T> = BTreeMap<&'static str, BTreeMap<&'static str, T>>;

/// The rules, parsed.
#[derive(Debug, Default)]
pub struct Rules {
    sources: BTreeMap<&'static str, Vec<String>>,
    models: BTreeMap<&'static str, &'static str>,
    events: BTreeMap<&'static str, BTreeMap<String, Vec<EventRule>>>,
    families: Vec<(&'static str, &'static str, EventRule)>,
    data: BTreeMap<&'static str, BTreeSet<&'static str>>,
    parameters: ByType<BTreeMap<&'static str, Vec<ParameterPath>>>,
    created: ByType<Vec<&'static str>>,
}

impl Rules {
    /// The rules of this version.
    #[must_use]
    pub fn embedded() -> &'static Rules {
        static RULES: LazyLock<Rules> = LazyLock::new(|| {
            let mut rules = Rules::default();
            rows(include_str!("aws/sources.tsv")).for_each(|row| rules.insert_source(&row));
            rows(include_str!("aws/services.tsv")).for_each(|row| rules.insert_model(&row));
            rows(include_str!("aws/events.tsv")).for_each(|row| rules.insert_event(&row));
            rows(include_str!("aws/data_events.tsv")).for_each(|row| rules.insert_data(&row));
            rows(include_str!("aws/parameters.tsv")).for_each(|row| rules.insert_parameter(&row));
            rows(include_str!("aws/created.tsv")).for_each(|row| rules.insert_created(&row));
            rules
        });
        &RULES
    }

    fn insert_source(&mut self, row: &[&'static str]) {
        if let [host, prefixes] = row {
            self.sources.insert(host, prefixes.split(' ').map(str::to_owned).collect());
        }
    }

    fn insert_model(&mut self, row: &[&'static str]) {
        if let [folder, prefix] = row {
            self.models.insert(folder, prefix);
        }
    }

    fn insert_event(&mut self, row: &[&'static str]) {
        let Some(([prefix, event, says], rest)) = row.split_first_chunk::<3>() else { return };
        let condition = rest.first().copied().unwrap_or_default();
        let when = match condition.strip_prefix('!') {
            Some(absent) => Some((absent, false)),
            None => (!condition.is_empty()).then_some((condition, true)),
        };
        let says = match *says {
            "-" => Says::Permissionless,
            "event" => Says::ServiceEvent,
            actions => Says::Actions(
                actions.split(' ').filter_map(Action::parse).collect(),
                rest.get(1).copied().filter(|why| !why.is_empty()),
            ),
        };
        let rule = EventRule { event, says, when };
        match event.strip_suffix('*') {
            Some(family) => self.families.push((prefix, family, rule)),
            None => self.events.entry(prefix).or_default().entry(event.to_ascii_lowercase()).or_default().push(rule),
        }
    }

    fn insert_data(&mut self, row: &[&'static str]) {
        if let [prefix, events] = row {
            self.data.entry(prefix).or_default().extend(events.split(' '));
        }
    }

    fn insert_parameter(&mut self, row: &[&'static str]) {
        if let [service, kind, slot, paths] = row {
            let paths = paths.split(' ').map(ParameterPath::parse);
            let slots = self.parameters.entry(service).or_default().entry(kind).or_default();
            slots.entry(slot).or_default().extend(paths);
        }
    }

    fn insert_created(&mut self, row: &[&'static str]) {
        if let [service, action, kinds] = row {
            self.created.entry(service).or_default().insert(action, kinds.split(' ').collect());
        }
    }

    pub(super) fn prefixes(&self, host: &str) -> Option<&[String]> {
        self.sources.get(host).map(Vec::as_slice)
    }

    /// The IAM prefix of an API model by its folder in botocore, where its own names don't say.
    #[must_use]
    pub fn model_prefix(&self, folder: &str) -> Option<&str> {
        self.models.get(folder).copied()
    }

    /// Every host with its prefixes.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.sources.iter().map(|(host, prefixes)| (*host, prefixes.as_slice()))
    }

    /// Every action that a rule names.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        let rules =
            self.events.values().flat_map(BTreeMap::values).flatten().chain(self.families.iter().map(|(_, _, rule)| rule));
        rules.flat_map(|rule| match &rule.says {
            Says::Actions(actions, _) => actions.as_slice(),
            Says::Permissionless | Says::ServiceEvent => &[],
        })
    }

    /// Every (prefix, type, slot) that a parameter is known for.
    pub fn parameter_slots(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let of_kind = |service: &'static str, kind: &'static str, slots: &BTreeMap<&'static str, Vec<ParameterPath>>| {
            slots.keys().map(|slot| (service, kind, *slot)).collect::<Vec<_>>()
        };
        self.parameters
            .iter()
            .flat_map(move |(service, kinds)| kinds.iter().flat_map(move |(kind, slots)| of_kind(service, kind, slots)))
    }

    /// Every (prefix, action, type) of a resource that comes into being.
    pub fn created_types(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.created.iter().flat_map(|(service, actions)| {
            actions.iter().flat_map(move |(action, kinds)| kinds.iter().map(move |kind| (*service, *action, *kind)))
        })
    }

    /// What the rules say of an event of a service; `None` where they say nothing.
    #[must_use]
    pub fn event(&self, prefix: &str, name: &str, carries: &impl Fn(&str) -> bool) -> Option<RuleEnd> {
        let rules = self.events.get(prefix)?.get(&name.to_ascii_lowercase())?;
        collect(rules.iter(), Confidence::Exact, carries)
    }

    /// Every row about an event by itself, whatever the call holds: actions, the parameter that must be there (`true`) or must not,
    /// and why the actions are asked for too.
    pub fn rows(&self, prefix: &str, name: &str) -> impl Iterator<Item = (&[Action], Option<(&str, bool)>, Option<&str>)> {
        let rules = self.events.get(prefix).and_then(|events| events.get(&name.to_ascii_lowercase()));
        rules.into_iter().flatten().filter_map(|rule| match &rule.says {
            Says::Actions(actions, why) => Some((actions.as_slice(), rule.when, *why)),
            Says::Permissionless | Says::ServiceEvent => None,
        })
    }

    /// Every event of a prefix that a row names by itself, with the actions of the row.
    pub fn events(&self, prefix: &str) -> impl Iterator<Item = (&str, &[Action])> {
        let events = self.events.get(prefix).into_iter().flatten();
        events.flat_map(|(_, rules)| rules).map(|rule| match &rule.says {
            Says::Actions(actions, _) => (rule.event, actions.as_slice()),
            Says::Permissionless | Says::ServiceEvent => (rule.event, &[][..]),
        })
    }

    /// What a rule over a family of events says; asked for only where the event's own name means nothing.
    pub(super) fn family(&self, prefix: &str, name: &str, carries: &impl Fn(&str) -> bool) -> Option<RuleEnd> {
        let family = self
            .families
            .iter()
            .filter(|(of, front, _)| *of == prefix && name.starts_with(front))
            .max_by_key(|(_, front, _)| front.len())?;
        collect(std::iter::once(&family.2), Confidence::Assumed, carries)
    }

    /// Whether CloudTrail records an event as a data event; only for records that do not say so themselves.
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>
    #[must_use]
    pub fn is_data_event(&self, prefix: &str, event_name: &str) -> bool {
        self.data.get(prefix).is_some_and(|events| events.contains(event_name))
    }

    /// Services that have data events, in order.
    pub fn data_services(&self) -> impl Iterator<Item = &str> {
        self.data.keys().copied()
    }

    /// Where the text for a slot of a resource type may stand.
    #[must_use]
    pub fn parameter(&self, service: &str, kind: &str, slot: &str) -> &[ParameterPath] {
        let paths = self.parameters.get(service).and_then(|kinds| kinds.get(kind)).and_then(|slots| slots.get(slot));
        paths.map_or(&[], Vec::as_slice)
    }

    /// The types of which an action makes new resources that the service names itself.
    #[must_use]
    pub fn created(&self, service: &str, action: &str) -> &[&'static str] {
        self.created.get(service).and_then(|actions| actions.get(action)).map_or(&[], Vec::as_slice)
    }
}

fn collect<'a>(
    rules: impl Iterator<Item = &'a EventRule>,
    confidence: Confidence,
    carries: &impl Fn(&str) -> bool,
) -> Option<RuleEnd> {
    let mut mapped: Vec<Mapped> = Vec::new();
    for rule in rules.filter(|rule| rule.when.is_none_or(|(name, there)| carries(name) == there)) {
        match &rule.says {
            Says::Permissionless => return Some(RuleEnd::Permissionless),
            Says::ServiceEvent => return Some(RuleEnd::ServiceEvent),
            Says::Actions(actions, implied) => {
                for action in actions {
                    if !mapped.iter().any(|known| known.action == *action) {
                        mapped.push(Mapped { action: action.clone(), confidence, implied: *implied });
                    }
                }
            }
        }
    }
    (!mapped.is_empty()).then_some(RuleEnd::Actions(mapped))
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t').collect())
}

impl ParameterPath {
    /// A place in requestParameters, whatever stands there.
    #[must_use]
    pub fn request(steps: Vec<String>) -> ParameterPath {
        ParameterPath { response: false, arn_only: false, begins: String::new(), any: false, steps }
    }

    /// `<path` response, `@path` ARNs only, `path^i-` begins with `i-`, `path?any`.
    #[must_use]
    pub fn parse(text: &str) -> ParameterPath {
        let (response, text) = text.strip_prefix('<').map_or((false, text), |rest| (true, rest));
        let (arn_only, text) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let (any, text) = text.strip_suffix("?any").map_or((false, text), |rest| (true, rest));
        let (text, begins) = text.split_once('^').unwrap_or((text, ""));
        let steps = text.split('.').map(str::to_owned).collect();
        ParameterPath { response, arn_only, begins: begins.to_owned(), any, steps }
    }
}

impl std::fmt::Display for ParameterPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = |there: bool, sign: &'static str| if there { sign } else { "" };
        let begins = if self.begins.is_empty() { String::new() } else { format!("^{}", self.begins) };
        let (response, arn) = (sign(self.response, "<"), sign(self.arn_only, "@"));
        write!(f, "{response}{arn}{}{begins}{}", self.steps.join("."), sign(self.any, "?any"))
    }
}
