//! Conditions from evidence: when a grant holds, from what every record behind it carried.
//!
//! Invariant: a condition is written only where every record that is evidence for the grant satisfies it; whether it belongs to the
//! grant's meaning or only narrows it further is a setting each.

use std::collections::{BTreeMap, BTreeSet};

use super::generalize::is_carried_text;
use super::{EXAMPLES_MAX, fold};
use crate::access::aws::{AwsRequestKey, Resource, Text};
use crate::access::identity::{Identity, Name};
use crate::access::observation::Outcome;
use crate::access::profile::{Profile, Seen, Tally};
use crate::access::request::RequestKey;
use crate::config::{self, Config};
use crate::policy::grant::{Condition, Generalization};

/// Services whose KMS calls carry `kms:ViaService` under the same name as their principal.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
const KMS_VIA: &[&str] = &[
    "acm",
    "backup",
    "codeartifact",
    "dynamodb",
    "ecr",
    "elasticfilesystem",
    "es",
    "firehose",
    "fsx",
    "glue",
    "kafka",
    "kinesis",
    "lambda",
    "rds",
    "redshift",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "states",
    "workspaces",
    "xray",
];

/// Services that put themselves into `aws:CalledVia`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia>
const CALLED_VIA: &[&str] =
    &["athena.amazonaws.com", "cloudformation.amazonaws.com", "dynamodb.amazonaws.com", "kms.amazonaws.com"];

/// More prefixes of listings than this are folded.
const PREFIXES_MAX: usize = 3;

/// Who took on a role, as far as the log shows it.
#[derive(Debug, Clone, Default)]
struct Assumed {
    services: BTreeSet<String>,
}

/// Who took on which role.
#[derive(Debug, Default)]
pub struct Assumers(BTreeMap<Identity, Assumed>);

impl Assumers {
    /// The same, with one role standing for several: what is sure of it is sure of all.
    pub(super) fn standing_for(&self, one: &Identity, all: &[&Identity]) -> Assumers {
        let mut assumers = Assumers(self.0.clone());
        let services: Option<Vec<&BTreeSet<String>>> = all.iter().map(|role| Some(&self.0.get(*role)?.services)).collect();
        match services {
            Some(services) => {
                let services = services.into_iter().flatten().cloned().collect();
                assumers.0.insert(one.clone(), Assumed { services });
            }
            None => drop(assumers.0.remove(one)),
        }
        assumers
    }

    /// Every role that was assumed, by whom.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let mut assumers = Assumers::default();
        for (identity, part) in &profile.identities {
            for (key, _) in part.requests.iter().filter(|(_, seen)| seen.count(Outcome::Allowed) > 0) {
                let Some((_, role)) = super::trust::assumption(key) else { continue };
                let assumed = assumers.0.entry(role).or_default();
                if let Name::AwsService(service) = &identity.name {
                    assumed.services.insert(service.clone());
                }
            }
        }
        assumers
    }

    /// Whether what `service` did with this identity's credentials was a forward access session for sure: a service that took the
    /// role on itself acts for itself, and then no key of the request says that it was called.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-viaawsservice>
    fn forwarded(&self, identity: &Identity, service: &str) -> bool {
        let name = service.strip_suffix(".amazonaws.com").unwrap_or_default();
        if !KMS_VIA.contains(&name) && !CALLED_VIA.contains(&service) {
            // Whether other services forward their callers' credentials is not known.
            return false;
        }
        match &identity.name {
            Name::User(_) | Name::Root | Name::FederatedUser(_) | Name::IdentityCenterUser(_) => true,
            Name::Role(name) if name.starts_with("aws-reserved/") || name.starts_with("AWSReservedSSO_") => true,
            Name::Role(_) => self.0.get(identity).is_some_and(|assumed| !assumed.services.contains(service)),
            Name::WebIdentity(_)
            | Name::Saml(_)
            | Name::AwsService(_)
            | Name::AwsAccount(_)
            | Name::Other(_)
            | Name::ServiceAccount { .. }
            | Name::KubeUser(_)
            | Name::Namespace(_)
            | Name::Network => false,
        }
    }
}

/// What conditions are written from.
pub(super) struct Evidence<'a> {
    pub(super) identity: &'a Identity,
    pub(super) assumers: &'a Assumers,
    pub(super) config: &'a Config,
}

impl Evidence<'_> {
    /// The condition under which one used request is granted, and the widening of its values, if any.
    pub(super) fn condition(&self, key: &AwsRequestKey, seen: &Seen) -> (Condition, Option<Generalization>) {
        let settings = &self.config.conditions;
        let tallies: Vec<&Tally> = seen
            .outcomes
            .iter()
            .filter(|(outcome, _)| {
                **outcome == Outcome::Allowed || (self.config.failed_is_evidence && **outcome == Outcome::Failed)
            })
            .map(|(_, tally)| &**tally)
            .collect();
        let mut condition = Condition::new();
        if settings.via_service
            && let Some(service) = &key.via
            // Where the request is only assumed, the record shows that the caller asked the service itself.
            && (seen.is_assumed() || self.assumers.forwarded(self.identity, service))
        {
            let (operator, name, values) = via(service, key, &tallies);
            put(&mut condition, operator, name, &values);
        }
        let mut widened = None;
        match (key.action.service.as_str(), key.action.name.as_str()) {
            ("iam", "PassRole") if settings.passed_to_service => {
                if let Some(services) = always(&tallies, "iam:PassedToService") {
                    put(&mut condition, "StringEquals", "iam:PassedToService", &services);
                }
            }
            ("s3", "ListBucket" | "ListBucketVersions") if settings.list_prefix => {
                widened = always(&tallies, "s3:prefix").and_then(|prefixes| self.list_prefix(&prefixes, seen, &mut condition));
            }
            _ => {}
        }
        perimeter(settings, &tallies, &mut condition);
        if let Resource::Arn(arn) = &key.resource
            && self.config.documents.fold_accounts
        {
            fold::own_account(arn, &mut condition);
        }
        (condition, widened)
    }

    /// Listings below known prefixes. Many of them are folded to what they begin with, up to a `/`.
    fn list_prefix(&self, prefixes: &BTreeSet<String>, seen: &Seen, condition: &mut Condition) -> Option<Generalization> {
        if prefixes.iter().any(|prefix| prefix.is_empty() || !is_carried_text(prefix)) {
            return None;
        }
        let refused = seen.outcomes.get(&Outcome::Refused).and_then(|tally| tally.context.get("s3:prefix"));
        let begin = common_directory(prefixes);
        let off_limits = |values: &BTreeSet<String>| {
            let sensitive = |prefix: &String| self.config.sensitive.iter().any(|glob| glob.matches(prefix));
            values.iter().any(|prefix| {
                prefix.starts_with(begin) && (refused.is_some_and(|refused| refused.values.contains(prefix)) || sensitive(prefix))
            })
        };
        // Refused listings that are not all remembered could lie below it.
        let barred = refused.is_some_and(|refused| refused.more || off_limits(&refused.values)) || off_limits(prefixes);
        if prefixes.len() <= PREFIXES_MAX || self.config.generalize.exact || barred {
            put(condition, "StringEquals", "s3:prefix", prefixes);
            return None;
        }
        if begin.is_empty() {
            return None;
        }
        let pattern = format!("{}*", Text::literal(begin).to_policy());
        condition.entry("StringLike".to_owned()).or_default().insert("s3:prefix".to_owned(), vec![pattern]);
        Some(Generalization {
            rule: "list-prefix".to_owned(),
            examples: prefixes.iter().take(EXAMPLES_MAX).cloned().collect(),
            names: u64::try_from(prefixes.len()).unwrap_or(u64::MAX),
            admits: "listings of every prefix that begins so".to_owned(),
        })
    }
}

/// What they all begin with, up to and with the last `/`; empty for nothing.
fn common_directory(texts: &BTreeSet<String>) -> &str {
    // In order, the first and the last differ most.
    let (Some(first), Some(last)) = (texts.first(), texts.last()) else { return "" };
    let same =
        first.char_indices().zip(last.chars()).find(|((_, a), b)| a != b).map_or(first.len().min(last.len()), |((at, _), _)| at);
    let begin = first.get(..same).unwrap_or_default();
    begin.rfind('/').and_then(|slash| begin.get(..=slash)).unwrap_or_default()
}

/// How a policy says that a service asked with the caller's credentials: by the narrowest key that is sure to be there.
fn via(service: &str, key: &AwsRequestKey, tallies: &[&Tally]) -> (&'static str, &'static str, BTreeSet<String>) {
    let name = service.strip_suffix(".amazonaws.com").unwrap_or_default();
    if key.action.service == "kms"
        && KMS_VIA.contains(&name)
        && let Some(values) =
            always(tallies, "kms:ViaService").filter(|values| values.iter().all(|value| value.ends_with(".amazonaws.com")))
    {
        return ("StringEquals", "kms:ViaService", values);
    }
    if CALLED_VIA.contains(&service) {
        return ("ForAnyValue:StringEquals", "aws:CalledVia", BTreeSet::from([service.to_owned()]));
    }
    ("Bool", "aws:ViaAWSService", BTreeSet::from(["true".to_owned()]))
}

/// What narrows a grant to where it was used from. Off by default: production's endpoints and regions are others, and sessions
/// of services carry no second factor.
fn perimeter(settings: &config::Conditions, tallies: &[&Tally], condition: &mut Condition) {
    let keys = [
        (settings.source_vpce, "StringEquals", "aws:SourceVpce"),
        (settings.requested_region, "StringEquals", "aws:RequestedRegion"),
        (settings.mfa, "Bool", "aws:MultiFactorAuthPresent"),
    ];
    for (wanted, operator, key) in keys {
        let values = if wanted { always(tallies, key) } else { None };
        if let Some(values) = values.filter(|values| operator != "Bool" || values.iter().eq(["true"])) {
            put(condition, operator, key, &values);
        }
    }
}

/// The values of a key that every record carried, if a policy can carry them.
fn always(tallies: &[&Tally], key: &str) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for tally in tallies {
        all.extend(tally.always(key)?.iter().cloned());
    }
    (!all.is_empty() && all.iter().all(|value| is_carried_text(value))).then_some(all)
}

/// Observed values stand for themselves, whatever characters they hold.
fn put(condition: &mut Condition, operator: &str, key: &str, values: &BTreeSet<String>) {
    let values = values.iter().map(|value| Text::literal(value).to_policy()).collect();
    condition.entry(operator.to_owned()).or_default().insert(key.to_owned(), values);
}

/// Requests that a service made with this identity's credentials, by service: how many records, and whether that is sure enough
/// to be written as a condition.
pub(super) fn forwarded<'a>(
    evidence: &Evidence<'_>,
    requests: impl Iterator<Item = (&'a RequestKey, &'a Seen)>,
) -> BTreeMap<(String, bool), u64> {
    let mut services = BTreeMap::new();
    for (key, seen) in requests {
        let RequestKey::Aws(AwsRequestKey { via: Some(service), .. }) = key else { continue };
        let sure = evidence.config.conditions.via_service && evidence.assumers.forwarded(evidence.identity, service);
        *services.entry((service.clone(), sure)).or_default() +=
            seen.outcomes.values().map(|tally| tally.times.count).sum::<u64>();
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_fold_at_a_slash() {
        for (texts, begin) in [
            (&["in/a/1", "in/a/2"][..], "in/a/"),
            (&["in/a", "in/ab"], "in/"),
            (&["a", "b"], ""),
            (&["é/x", "é/y"], "é/"),
            (&["same/", "same/"], "same/"),
        ] {
            let texts: BTreeSet<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(common_directory(&texts), begin);
        }
    }
}
