//! Evidence for one identity's IAM grants, by action: on what it was used, and on what it was only ever refused.
//!
//! Invariant: a request that was only refused is never evidence for a grant.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::aws::{Action, Arn, Resource, Segment};
use crate::access::observation::{Basis, Outcome};
use crate::access::profile::{IdentityProfile, Seen};
use crate::access::request::RequestKey;
use crate::policy::grant::Reason;

/// How a request stands behind a grant.
#[derive(Debug, Clone, Default)]
pub(super) struct Use {
    stated: bool,
    rules: BTreeSet<String>,
    /// Every call failed after authorization.
    pub(super) only_failed: bool,
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
    /// Only ever refused on these.
    pub(super) refused: BTreeSet<Arn>,
}

/// What was seen of one identity.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// By action.
    pub(super) actions: BTreeMap<Action, ActionSeen>,
    /// Requests that were only ever refused.
    pub(super) refused: u64,
}

impl Use {
    fn of(seen: &Seen) -> Self {
        let rules = seen.bases.iter().filter_map(|basis| match basis {
            Basis::Implied(rule) => Some(rule.clone()),
            Basis::Stated => None,
        });
        Use { stated: seen.is_stated(), rules: rules.collect(), only_failed: seen.count(Outcome::Allowed) == 0 }
    }

    /// Why a grant is there that all these uses need: a stated request is stronger than a derived one.
    pub(super) fn reason<'a>(uses: impl Iterator<Item = &'a Use>) -> Reason {
        let mut rule: Option<&String> = None;
        for one in uses {
            match one.rules.first() {
                Some(first) if !one.stated => rule = Some(rule.map_or(first, |kept| kept.min(first))),
                Some(_) | None => return Reason::Observed,
            }
        }
        rule.map_or(Reason::Observed, |rule| Reason::Derived { rule: rule.clone() })
    }
}

impl ActionSeen {
    /// Whether anything here is evidence.
    pub(super) fn is_used(&self) -> bool {
        self.no_level.is_some() || self.not_built.is_some() || !self.arns.is_empty()
    }

    /// Whether all that the action was seen on is of one kind: the same service and the same type before the name.
    pub(super) fn is_of_one_kind(&self) -> bool {
        let kinds: BTreeSet<_> = self.arns.keys().chain(&self.refused).map(kind).collect();
        kinds.len() <= 1
    }

    /// Every use, whatever it was on.
    pub(super) fn uses(&self) -> impl Iterator<Item = &Use> {
        self.no_level.iter().chain(&self.not_built).chain(self.arns.values())
    }
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

/// Sorts an identity's AWS requests into used and only refused.
pub(super) fn of(profile: &IdentityProfile, failed_is_evidence: bool) -> Evidence {
    let mut evidence = Evidence::default();
    for (key, seen) in &profile.requests {
        let RequestKey::Aws(key) = key else { continue };
        let used = seen.is_evidence(failed_is_evidence);
        if !used && seen.count(Outcome::Refused) == 0 {
            continue;
        }
        evidence.refused += u64::from(!used);
        let action = evidence.actions.entry(key.action.clone()).or_default();
        match (&key.resource, used) {
            (Resource::Arn(arn), true) => {
                action.arns.insert(arn.clone(), Use::of(seen));
            }
            (Resource::Arn(arn), false) => {
                action.refused.insert(arn.clone());
            }
            (Resource::NoResourceLevel, true) => action.no_level = Some(Use::of(seen)),
            (Resource::NotBuilt, true) => action.not_built = Some(Use::of(seen)),
            (Resource::NoResourceLevel | Resource::NotBuilt, false) => {}
        }
    }
    evidence
}
