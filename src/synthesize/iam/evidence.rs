//! Evidence for one identity's IAM grants, by action: on what it was used, and on what it was only ever refused.
//!
//! Invariant: a request that was only refused is never evidence for a grant.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::conditions;
use crate::access::aws::{Action, Arn, Resource, Segment};
use crate::access::observation::{Basis, Outcome};
use crate::access::profile::{IdentityProfile, Seen};
use crate::access::request::RequestKey;
use crate::policy::grant::{Condition, Generalization, Reason};

/// How a request stands behind a grant.
#[derive(Debug, Clone, Default)]
pub(super) struct Use {
    stated: bool,
    implied: BTreeSet<String>,
    assumed: BTreeSet<String>,
    /// Every call failed after authorization.
    pub(super) only_failed: bool,
    /// The widening of the values of its condition.
    pub(super) widened: Option<Generalization>,
}

/// What was seen of one action.
#[derive(Debug, Default)]
pub(super) struct ActionSeen {
    /// Used, and it has no resource level.
    pub(super) no_level: Option<Use>,
    /// Used on something that the record does not name.
    pub(super) not_built: Option<Use>,
    /// Used on these.
    pub(super) arns: BTreeMap<Arn, Use>,
}

/// What was seen of one identity.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// By action and by the condition under which it is granted; no condition comes first.
    pub(super) actions: BTreeMap<(Action, Condition), ActionSeen>,
    /// By action, on what it was only ever refused.
    pub(super) refused_on: BTreeMap<Action, BTreeSet<Arn>>,
    /// Of those, what a record states itself: only that may be denied. What a refusal's message alone names, the same call may have
    /// been allowed on without naming it.
    pub(super) stated_refused: BTreeSet<(Action, Arn)>,
    /// Requests that were only ever refused.
    pub(super) refused: u64,
}

impl Use {
    fn of(seen: &Seen, widened: Option<Generalization>) -> Self {
        let mut one = Use { stated: seen.is_stated(), only_failed: seen.count(Outcome::Allowed) == 0, widened, ..Use::default() };
        for basis in &seen.bases {
            match basis {
                Basis::Implied(rule) => drop(one.implied.insert(rule.clone())),
                Basis::Assumed(rule) => drop(one.assumed.insert(rule.clone())),
                Basis::Stated => {}
            }
        }
        one
    }

    fn add(place: &mut Option<Use>, one: Use) {
        match place {
            Some(kept) => kept.merge(one),
            None => *place = Some(one),
        }
    }

    fn merge(&mut self, other: Use) {
        self.stated |= other.stated;
        self.implied.extend(other.implied);
        self.assumed.extend(other.assumed);
        self.only_failed &= other.only_failed;
        self.widened = self.widened.take().or(other.widened);
    }

    /// Why a grant is there that all these uses need: a stated request is stronger than a derived one, that than an assumed one.
    pub(super) fn reason<'a>(uses: impl Iterator<Item = &'a Use>) -> Reason {
        let mut sum = Use::default();
        let mut any = false;
        for one in uses {
            any = true;
            sum.stated |= one.stated || (one.implied.is_empty() && one.assumed.is_empty());
            sum.implied.extend(one.implied.iter().cloned());
            sum.assumed.extend(one.assumed.iter().cloned());
        }
        match (sum.implied.pop_first(), sum.assumed.pop_first()) {
            _ if sum.stated || !any => Reason::Observed,
            (Some(rule), _) => Reason::Derived { rule },
            (None, Some(why)) => Reason::Assumed { why },
            (None, None) => Reason::Observed,
        }
    }
}

impl ActionSeen {
    /// Every use, whatever it was on.
    pub(super) fn uses(&self) -> impl Iterator<Item = &Use> {
        self.no_level.iter().chain(&self.not_built).chain(self.arns.values())
    }
}

/// Whether all that an action was seen on is of one kind: the same service and the same type before the name.
pub(super) fn is_of_one_kind<'a>(arns: impl Iterator<Item = &'a Arn>) -> bool {
    arns.map(kind).collect::<BTreeSet<_>>().len() <= 1
}

/// Service and type of a resource, as far as its ARN says them; an S3 object's ARN names a bucket where others name their type.
fn kind(arn: &Arn) -> (Option<&str>, &str) {
    let service = arn.service.as_literal();
    let resource = match arn.resource.segments().first() {
        Some(Segment::Literal(text)) => text.as_str(),
        Some(Segment::Wildcard(_) | Segment::Reference(_)) | None => "",
    };
    match (service, resource.find(['/', ':'])) {
        (Some("s3"), delimiter) => (service, if delimiter.is_some() { "object" } else { "bucket" }),
        (_, Some(delimiter)) => (service, resource.get(..delimiter).unwrap_or_default()),
        (_, None) => (service, ""),
    }
}

/// Sorts an identity's AWS requests into used, by their condition, and only refused.
pub(super) fn of(profile: &IdentityProfile, conditions: &conditions::Evidence<'_>) -> Evidence {
    let mut evidence = Evidence::default();
    let config = conditions.config;
    let mut used_on: BTreeSet<(&Action, &Arn)> = BTreeSet::new();
    for (key, seen) in &profile.requests {
        let RequestKey::Aws(key) = key else { continue };
        let used = seen.is_evidence(config.failed_is_evidence) && (config.assumed || !seen.is_assumed());
        if !used {
            if seen.count(Outcome::Refused) > 0 {
                evidence.refused += 1;
                if let Resource::Arn(arn) = &key.resource {
                    if seen.is_stated() {
                        evidence.stated_refused.insert((key.action.clone(), arn.clone()));
                    }
                    evidence.refused_on.entry(key.action.clone()).or_default().insert(arn.clone());
                }
            }
            continue;
        }
        let (condition, widened) = conditions.condition(key, seen);
        let action = evidence.actions.entry((key.action.clone(), condition)).or_default();
        let one = Use::of(seen, widened);
        match &key.resource {
            Resource::Arn(arn) => {
                used_on.insert((&key.action, arn));
                match action.arns.entry(arn.clone()) {
                    Entry::Vacant(place) => drop(place.insert(one)),
                    Entry::Occupied(mut kept) => kept.get_mut().merge(one),
                }
            }
            Resource::NoResourceLevel => Use::add(&mut action.no_level, one),
            Resource::NotBuilt => Use::add(&mut action.not_built, one),
        }
    }
    // Used in one way and refused in another: what was used counts.
    for (action, refused) in &mut evidence.refused_on {
        refused.retain(|arn| !used_on.contains(&(action, arn)));
    }
    evidence
}
