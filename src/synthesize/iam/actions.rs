//! Actions that are written with a wildcard, each only where it was asked for: `catalog-equal-wildcard` matches nothing that is not
//! granted anyway, `verb-family` lets in the other actions of one verb and access level.
//!
//! Invariant: neither admits a request that was only ever refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{EXAMPLES_MAX, generalize};
use crate::access::aws::{Action, Arn, AwsRequestKey, Context};
use crate::access::observation::Outcome;
use crate::access::profile::IdentityProfile;
use crate::access::request::RequestKey;
use crate::catalog::Catalog;
use crate::catalog::reference::AccessLevel;
use crate::policy::grant::{Generalization, Grant, Permit};
use crate::policy::iam::model::{ActionPattern, Actions, Effect, PolicyDocument, Resources, Statement, Version};
use crate::policy::iam::permits;

/// What tells how far a wildcard reaches.
pub(super) struct Reach<'a> {
    catalog: &'a Catalog,
    /// Names that the log knows beside the catalog's, by service, lower-case.
    seen: BTreeMap<&'a str, BTreeSet<String>>,
    refused: Vec<&'a AwsRequestKey>,
}

/// A wildcard in the place of some actions of one statement.
struct Wildcard {
    service: String,
    prefix: String,
    members: Vec<String>,
    rule: &'static str,
    admits: String,
}

impl<'a> Reach<'a> {
    pub(super) fn of(seen: &'a IdentityProfile, failed_is_evidence: bool, catalog: &'a Catalog) -> Reach<'a> {
        let mut reach = Reach { catalog, seen: BTreeMap::new(), refused: Vec::new() };
        for (key, seen) in &seen.requests {
            let RequestKey::Aws(key) = key else { continue };
            reach.seen.entry(&key.action.service).or_default().insert(key.action.name.to_ascii_lowercase());
            if seen.count(Outcome::Refused) > 0 && !seen.is_evidence(failed_is_evidence) {
                reach.refused.push(key);
            }
        }
        reach
    }

    /// Every action of a service whose name begins so, lower-case.
    fn beginning(&self, service: &str, prefix: &str) -> BTreeSet<String> {
        let known = self.catalog.service(service).into_iter().flat_map(|service| service.actions());
        let known = known.map(|action| action.name.to_ascii_lowercase());
        let seen = self.seen.get(service).into_iter().flatten().cloned();
        let prefix = prefix.to_ascii_lowercase();
        known.chain(seen).filter(|name| name.starts_with(&prefix)).collect()
    }

    /// Writes wildcards that match no further action of the catalog. Shorter documents, the same meaning as long as AWS adds none.
    pub(super) fn fold_equal(&self, statements: &mut [Statement], grants: &mut Vec<Grant>) {
        self.fold(statements, grants, |service, names, _| {
            let all: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
            let prefixes: BTreeSet<(usize, &str)> =
                names.iter().flat_map(|name| word_ends(name)).map(|text| (text.len(), text)).collect();
            let mut wildcards: Vec<Wildcard> = Vec::new();
            for (_, prefix) in prefixes {
                if wildcards.iter().any(|wildcard| prefix.starts_with(&wildcard.prefix)) {
                    continue;
                }
                let matched = self.beginning(service, prefix);
                if matched.len() < 2 || !matched.is_subset(&all) {
                    continue;
                }
                let admits = format!("no action that the catalog of {} knows beside these", self.catalog.date());
                wildcards.push(Wildcard::of(service, prefix, names, "catalog-equal-wildcard", admits));
            }
            wildcards
        });
    }

    /// Writes `Verb*` where enough actions of one verb and access level are granted on the same resources.
    pub(super) fn fold_families(&self, statements: &mut [Statement], grants: &mut Vec<Grant>, actions_min: u64) {
        let all = statements.to_vec();
        self.fold(statements, grants, |service, names, statement| {
            let verbs: BTreeSet<&str> = names.iter().filter_map(|name| word_ends(name).into_iter().next()).collect();
            let family = |verb: &str| {
                self.family(service, verb, names, statement)
                    .filter(|one| count(one.members.len()) >= actions_min && !one.covers_another(statement, &all))
            };
            verbs.into_iter().filter_map(family).collect()
        });
    }

    /// `None` where the verb's actions are not of one known access level, nothing would be gained, or a refused request let in.
    fn family(&self, service: &str, verb: &str, names: &[String], statement: &Statement) -> Option<Wildcard> {
        let definition = |name: &str| self.catalog.action(&Action { service: service.to_owned(), name: name.to_owned() });
        let matched = self.beginning(service, verb);
        let known: Vec<_> = matched.iter().map(|name| definition(name)).collect::<Option<_>>()?;
        let levels: BTreeSet<AccessLevel> = known.iter().map(|action| action.access).collect();
        let further: Vec<&str> = known
            .iter()
            .map(|action| action.name.as_str())
            .filter(|name| !names.iter().any(|own| own.eq_ignore_ascii_case(name)))
            .collect();
        let Resources::Resource(resources) = &statement.resources else { return None };
        // On `*` a further action with a resource level would reach everything.
        let on_all = resources.iter().any(crate::policy::iam::model::ResourcePattern::is_all);
        let reaches_all =
            on_all && known.iter().any(|action| !action.types.is_empty() && further.contains(&action.name.as_str()));
        let lets_in = |key: &&&AwsRequestKey| {
            let action = key.action.service == service && matched.contains(&key.action.name.to_ascii_lowercase());
            action && resources.iter().any(|resource| resource.matches(&key.resource, &Context::new()) != Some(false))
        };
        let safe = levels.len() == 1 && !levels.contains(&AccessLevel::Unknown) && !reaches_all;
        if !safe || further.is_empty() || self.refused.iter().any(|key| lets_in(&key)) {
            return None;
        }
        let admits = format!("{} further actions of the same access level: {}", further.len(), further.join(", "));
        Some(Wildcard::of(service, verb, names, "verb-family", admits))
    }

    fn fold(
        &self,
        statements: &mut [Statement],
        grants: &mut Vec<Grant>,
        choose: impl Fn(&str, &[String], &Statement) -> Vec<Wildcard>,
    ) {
        for statement in statements.iter_mut().filter(|statement| statement.effect == Effect::Allow) {
            let mut by_service: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let Actions::Action(actions) = &statement.actions else { continue };
            for action in actions.iter().filter_map(|action| Action::parse(action.text())) {
                if !action.name.contains('*') {
                    by_service.entry(action.service).or_default().push(action.name);
                }
            }
            for (service, names) in by_service {
                for wildcard in choose(&service, &names, statement) {
                    wildcard.write(statement, grants);
                }
            }
        }
    }
}

impl Wildcard {
    fn of(service: &str, prefix: &str, names: &[String], rule: &'static str, admits: String) -> Wildcard {
        let prefix_lower = prefix.to_ascii_lowercase();
        let members = names.iter().filter(|name| name.to_ascii_lowercase().starts_with(&prefix_lower)).cloned().collect();
        Wildcard { service: service.to_owned(), prefix: prefix.to_owned(), members, rule, admits }
    }

    /// Whether it would let through what another statement grants: that grant would have no need any more.
    fn covers_another(&self, own: &Statement, all: &[Statement]) -> bool {
        let arns = |statement: &Statement| match &statement.resources {
            Resources::Resource(patterns) => patterns.iter().map(|pattern| Arn::from_policy(pattern.text())).collect(),
            Resources::NotResource(_) | Resources::Absent => Vec::new(),
        };
        let start = format!("{}:{}", self.service, self.prefix).to_ascii_lowercase();
        let begins = |statement: &Statement| match &statement.actions {
            Actions::Action(patterns) => patterns.iter().any(|pattern| pattern.text().to_ascii_lowercase().starts_with(&start)),
            Actions::NotAction(_) => false,
        };
        // What is no ARN is `*`, which lets everything through.
        let within = |arn: &Option<Arn>, wider: &Option<Arn>| match (arn, wider) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(arn), Some(wider)) => generalize::within(arn, wider),
        };
        let mine = arns(own);
        let others = all.iter().filter(|other| other.effect == Effect::Allow && *other != own && begins(other));
        others.flat_map(arns).any(|arn| mine.iter().any(|wider| within(&arn, wider)))
    }

    /// Puts the wildcard in the place of its actions, in the statement and in the grants.
    fn write(self, statement: &mut Statement, grants: &mut Vec<Grant>) {
        let members: BTreeSet<String> = self.members.iter().map(|name| format!("{}:{name}", self.service)).collect();
        let text = format!("{}:{}*", self.service, self.prefix);
        let with = |actions: Vec<ActionPattern>| Statement { actions: Actions::Action(actions), ..statement.clone() };
        let old: BTreeSet<Permit> = units(with(members.iter().map(|name| ActionPattern::new(name)).collect()));
        let new = units(with(vec![ActionPattern::new(&text)]));
        let (replaced, mut kept): (Vec<Grant>, Vec<Grant>) =
            std::mem::take(grants).into_iter().partition(|grant| old.contains(&grant.permit));
        for permit in new {
            let same = |grant: &&Grant| matches!((&grant.permit, &permit), (Permit::Iam { resource, .. }, Permit::Iam { resource: own, .. }) if resource == own);
            let folded: Vec<&Grant> = replaced.iter().filter(same).collect();
            let Some(reason) = folded.iter().map(|grant| &grant.reason).min() else { continue };
            let before = folded.iter().find_map(|grant| grant.generalization.as_ref());
            let generalization = Generalization {
                rule: before.map_or_else(|| self.rule.to_owned(), |before| format!("{}+{}", before.rule, self.rule)),
                examples: members.iter().take(EXAMPLES_MAX).cloned().collect(),
                names: count(members.len()),
                admits: before.map_or_else(|| self.admits.clone(), |before| format!("{}; {}", self.admits, before.admits)),
            };
            kept.push(Grant { permit, reason: reason.clone(), generalization: Some(generalization) });
        }
        *grants = kept;
        let Actions::Action(actions) = &mut statement.actions else { return };
        actions.retain(|action| !members.contains(action.text()));
        actions.push(ActionPattern::new(&text));
        actions.sort_by(|a, b| a.text().cmp(b.text()));
    }
}

/// The units of one statement, each once.
fn units(statement: Statement) -> BTreeSet<Permit> {
    permits(&PolicyDocument { version: Version::V2012, id: None, statements: vec![statement] }).into_iter().collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The beginnings of a name that end with a word: `Get`, `GetObject`, `GetObjectAcl`.
fn word_ends(name: &str) -> Vec<&str> {
    let starts = |(at, byte): (usize, u8)| {
        let before = at.checked_sub(1).and_then(|at| name.as_bytes().get(at)).copied();
        byte.is_ascii_uppercase() && before.is_some_and(|before| !before.is_ascii_uppercase())
    };
    let ends = name.bytes().enumerate().filter(|&place| starts(place)).map(|(at, _)| at).chain([name.len()]);
    ends.filter_map(|end| name.get(..end)).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_words() {
        assert_eq!(word_ends("GetObjectAcl"), ["Get", "GetObject", "GetObjectAcl"]);
        assert_eq!(word_ends("PutBucketCORS"), ["Put", "PutBucket", "PutBucketCORS"]);
        assert_eq!(word_ends("invoke"), ["invoke"]);
    }
}
