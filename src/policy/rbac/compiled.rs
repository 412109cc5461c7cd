//! Roles and bindings made ready for one asker: who is bound is told once, rules are found by namespace, verb, group and resource.
//!
//! Invariant: it answers what [`decide`](super::decide()) answers, which reads roles and bindings anew and is its judge; a decision
//! allocates nothing.

use rapidhash::{RapidHashMap, RapidHashSet};

use super::decide::{bindings, is_subject, path_matches, rules_of};
use super::model::{Binding, PolicyRule, RbacPolicy};
use crate::access::identity::{Home, Identity};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::policy::decision::{Decision, Layer};

/// A rule with more combinations of verb, group and resource than this is tried, not looked up.
const COMBINATIONS_MAX: usize = 4096;
/// Fewer names than this are compared one by one.
const HASHED_FROM: usize = 8;

/// What RBAC answers, without a word of its own: a binding by its number, cluster-wide ones first, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A rule of this binding allows it, the first that has one.
    Allow {
        /// Its number.
        binding: usize,
    },
    /// Nothing allows it.
    ImplicitDeny {
        /// Whether every rule of every binding that holds is known.
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

/// Roles and bindings as they are for one identity with its groups, ready to be asked.
#[derive(Debug, Clone)]
pub struct Compiled<'a> {
    /// Those that bind the asker, in order.
    bound: Vec<Bound<'a>>,
    rules: Vec<Rule<'a>>,
    /// Rules in the order of their bindings.
    places: RapidHashMap<Place<'a>, Vec<usize>>,
    /// Which forms of rules there are: cluster-wide, in namespaces.
    forms: [Vec<Form>; 2],
    /// Rules that must be tried.
    odd: Vec<usize>,
    /// Rules with paths.
    paths: Vec<usize>,
    /// Namespaces in which a rule is not known; the empty one for everywhere.
    unknown: RapidHashSet<&'a str>,
}

/// Namespace (empty for everywhere), verb, group, resource, subresource.
type Place<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

#[derive(Debug, Clone)]
struct Bound<'a> {
    number: usize,
    binding: &'a Binding,
    scope: Option<&'a str>,
    /// Whether a controller of the cluster may add rules.
    is_aggregated: bool,
}

#[derive(Debug, Clone)]
struct Rule<'a> {
    /// Its binding's place in `bound`.
    bound: usize,
    rule: &'a PolicyRule,
    /// Its names, where they are many.
    names: RapidHashSet<&'a str>,
}

/// Which parts of a rule are wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    verb: bool,
    group: bool,
    resource: Resources,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resources {
    One,
    Every,
    EverySubresource,
}

impl<'a> Compiled<'a> {
    /// Reads what a policy says of this identity. `groups` are all groups of it, the implicit ones included.
    #[must_use]
    pub fn of(policy: &'a RbacPolicy, identity: &Identity, groups: &[String]) -> Self {
        let mut compiled = Compiled {
            bound: Vec::new(),
            rules: Vec::new(),
            places: RapidHashMap::default(),
            forms: [Vec::new(), Vec::new()],
            odd: Vec::new(),
            paths: Vec::new(),
            unknown: RapidHashSet::default(),
        };
        let at_home = matches!(&identity.home, Home::Cluster(cluster) if policy.cluster.is_empty() || *cluster == policy.cluster);
        let Some(username) = identity.kube_username().filter(|_| at_home) else { return compiled };
        for (number, (binding, scope)) in bindings(policy).enumerate() {
            // A RoleBinding without a namespace holds nowhere.
            let holds = scope.is_none_or(|scope| !scope.is_empty());
            if !holds || !binding.subjects.iter().any(|subject| is_subject(subject, &username, groups, scope)) {
                continue;
            }
            let (rules, aggregated) = rules_of(policy, binding, scope);
            if aggregated {
                compiled.unknown.insert(scope.unwrap_or_default());
            }
            compiled.bound.push(Bound { number, binding, scope, is_aggregated: aggregated });
            rules.iter().for_each(|rule| compiled.insert(rule, scope));
        }
        compiled
    }

    /// Adds a rule of the latest binding.
    fn insert(&mut self, rule: &'a PolicyRule, scope: Option<&'a str>) {
        let place = self.rules.len();
        let names = if rule.resource_names.len() < HASHED_FROM { &[] } else { rule.resource_names.as_slice() };
        let names = names.iter().map(String::as_str).collect();
        self.rules.push(Rule { bound: self.bound.len().saturating_sub(1), rule, names });
        if !rule.non_resource_urls.is_empty() && scope.is_none() {
            self.paths.push(place);
        }
        let combinations = rule.verbs.len().saturating_mul(rule.api_groups.len()).saturating_mul(rule.resources.len());
        let parts: Option<Vec<(&str, &str)>> = rule.resources.iter().map(|resource| parts(resource)).collect();
        let Some(parts) = parts.filter(|_| combinations <= COMBINATIONS_MAX) else { return self.odd.push(place) };
        for verb in &rule.verbs {
            for group in &rule.api_groups {
                for (resource, subresource) in &parts {
                    let key = (scope.unwrap_or_default(), verb.as_str(), group.as_str(), *resource, *subresource);
                    let places = self.places.entry(key).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                    let form = Form { verb: verb == "*", group: group == "*", resource: Resources::of(resource, subresource) };
                    let [everywhere, inside] = &mut self.forms;
                    let forms = if scope.is_none() { everywhere } else { inside };
                    if !forms.contains(&form) {
                        forms.push(form);
                    }
                }
            }
        }
    }

    /// What RBAC answers.
    #[must_use]
    pub fn decide(&self, request: &KubeRequest) -> Answer {
        let (best, namespace) = match &request.target {
            KubeTarget::Resource(asked) => (self.resource(&request.verb, asked), asked.namespace.as_str()),
            KubeTarget::NonResource(path) => (self.path(&request.verb, path), ""),
        };
        match best.and_then(|best| self.bound.get(best)) {
            Some(bound) => Answer::Allow { binding: bound.number },
            None => Answer::ImplicitDeny { understood: !self.is_unknown(namespace) },
        }
    }

    /// The first binding that allows it, by its place.
    fn resource(&self, verb: &str, asked: &KubeResource) -> Option<usize> {
        // A name that holds a slash could be cut otherwise than a rule's: such rules are read as they are.
        let is_odd = asked.resource.contains('/');
        let namespace = asked.namespace.as_str();
        let [everywhere, inside] = &self.forms;
        let scopes = [("", everywhere), (namespace, inside)];
        let mut best: Option<usize> = None;
        for (scope, forms) in scopes.into_iter().take(if namespace.is_empty() { 1 } else { 2 }).filter(|_| !is_odd) {
            for form in forms {
                let Some((resource, subresource)) = form.resource.parts_of(asked) else { continue };
                let verb = if form.verb { "*" } else { verb };
                let group = if form.group { "*" } else { asked.api_group.as_str() };
                for place in self.places.get(&(scope, verb, group, resource, subresource)).into_iter().flatten() {
                    let Some(rule) = self.rules.get(*place) else { continue };
                    if best.is_some_and(|best| best <= rule.bound) {
                        break;
                    }
                    if rule.has_name(&asked.name) {
                        best = Some(rule.bound);
                        break;
                    }
                }
            }
        }
        let tried = if is_odd { 0..self.rules.len() } else { 0..0 };
        for place in self.odd.iter().copied().chain(tried) {
            let Some(rule) = self.rules.get(place).filter(|rule| best.is_none_or(|best| rule.bound < best)) else { continue };
            let scope = self.bound.get(rule.bound).and_then(|bound| bound.scope);
            let holds = scope.is_none_or(|scope| !namespace.is_empty() && scope == namespace);
            if holds && rule.allows(verb, asked) {
                best = Some(rule.bound);
            }
        }
        best
    }

    fn path(&self, verb: &str, path: &str) -> Option<usize> {
        let allows = |rule: &&Rule<'_>| {
            has(&rule.rule.verbs, verb) && rule.rule.non_resource_urls.iter().any(|url| path_matches(url, path))
        };
        self.paths.iter().filter_map(|place| self.rules.get(*place)).find(allows).map(|rule| rule.bound)
    }

    /// Whether a binding that holds here gives rules that only the cluster knows.
    fn is_unknown(&self, namespace: &str) -> bool {
        !self.unknown.is_empty() && (self.unknown.contains("") || self.unknown.contains(namespace))
    }

    /// The answer in words.
    #[must_use]
    pub fn spell(&self, answer: Answer, request: &KubeRequest) -> Decision {
        let role = |bound: &Bound<'_>| format!("{} {}", bound.binding.role_ref.kind, bound.binding.role_ref.name);
        match answer {
            Answer::Allow { binding } => {
                let by = self.bound.iter().find(|bound| bound.number == binding).map(role).unwrap_or_default();
                Decision::Allow { by }
            }
            Answer::ImplicitDeny { understood: true } => Decision::DENY,
            Answer::ImplicitDeny { understood: false } => {
                let namespace = match &request.target {
                    KubeTarget::Resource(asked) => asked.namespace.as_str(),
                    KubeTarget::NonResource(_) => "",
                };
                let holds = |bound: &&Bound<'_>| bound.scope.is_none_or(|scope| scope == namespace) && bound.is_aggregated;
                let say = |bound: &Bound<'_>| format!("aggregationRule of ClusterRole {}", bound.binding.role_ref.name);
                let not_understood = self.bound.iter().filter(holds).map(say).collect();
                Decision::ImplicitDeny { layer: Layer::Own, not_understood }
            }
        }
    }
}

/// Resource and subresource of a rule's text; `None` where it has an empty one behind its slash.
fn parts(resource: &str) -> Option<(&str, &str)> {
    match resource.split_once('/') {
        Some((_, "")) => None,
        Some(parts) => Some(parts),
        None => Some((resource, "")),
    }
}

impl Resources {
    fn of(resource: &str, subresource: &str) -> Self {
        match (resource, subresource) {
            ("*", "") => Resources::Every,
            ("*", _) => Resources::EverySubresource,
            _ => Resources::One,
        }
    }

    /// How a rule of this form names what is asked for; `None` where none can.
    fn parts_of(self, asked: &KubeResource) -> Option<(&str, &str)> {
        match self {
            Resources::One => Some((&asked.resource, &asked.subresource)),
            Resources::Every => Some(("*", "")),
            Resources::EverySubresource => Some(("*", asked.subresource.as_str())).filter(|(_, part)| !part.is_empty()),
        }
    }
}

impl Rule<'_> {
    fn has_name(&self, name: &str) -> bool {
        let names = &self.rule.resource_names;
        names.is_empty() || if self.names.is_empty() { names.iter().any(|one| one == name) } else { self.names.contains(name) }
    }

    fn allows(&self, verb: &str, asked: &KubeResource) -> bool {
        has(&self.rule.verbs, verb)
            && has(&self.rule.api_groups, &asked.api_group)
            && self.rule.resources.iter().any(|resource| is_resource(resource, asked))
            && self.has_name(&asked.name)
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

/// As `resource_matches` of the plain decision, without building a text.
fn is_resource(resource: &str, asked: &KubeResource) -> bool {
    if resource == "*" || (!asked.subresource.is_empty() && resource.strip_prefix("*/") == Some(&asked.subresource)) {
        return true;
    }
    match resource.strip_prefix(asked.resource.as_str()) {
        Some("") => asked.subresource.is_empty(),
        Some(rest) => !asked.subresource.is_empty() && rest.strip_prefix('/') == Some(&asked.subresource),
        None => false,
    }
}
