//! What the trust policies of assumed roles must keep, from the assumptions that were seen.
//!
//! Invariant: advice only adds; a statement without which nobody else could be told apart (a web identity) carries its condition.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use std::collections::{BTreeMap, BTreeSet};

use crate::access::aws::{AwsRequestKey, Resource};
use crate::access::identity::{Home, Identity, Name};
use crate::access::observation::Outcome;
use crate::access::profile::{Profile, Seen};
use crate::access::request::RequestKey;
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::iam::model::{
    ActionPattern, Actions, Conditions, Effect, PolicyDocument, Principal, Resources, Statement, Version, Written,
};
use crate::policy::set::TrustAdvice;

const ACTIONS: &[&str] = &["AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "TagSession", "SetSourceIdentity"];

/// Identity providers that AWS knows by name; all others have an ARN in the account.
const NAMED_PROVIDERS: &[&str] =
    &["cognito-identity.amazonaws.com", "www.amazon.com", "graph.facebook.com", "accounts.google.com"];

/// What one caller needs of one role.
#[derive(Debug, Default)]
struct Need {
    actions: BTreeSet<&'static str>,
    /// Condition key to values, all under StringEquals.
    condition: BTreeMap<String, BTreeSet<String>>,
    /// Whether some record carried no condition value: then requiring one would lock it out.
    unconditional: bool,
}

/// A principal element: kind and value.
type Caller = (&'static str, String);

/// What the trust policies of chosen roles must keep, additive.
pub fn trust(profile: &Profile, config: &Config, findings: &mut Vec<Finding>) -> Vec<TrustAdvice> {
    let mut roles: BTreeMap<Identity, BTreeMap<Caller, Need>> = BTreeMap::new();
    let mut unnamed: BTreeMap<Identity, u64> = BTreeMap::new();
    for (identity, part) in &profile.identities {
        for (key, seen) in &part.requests {
            let Some((action, role)) = assumption(key).filter(|(_, role)| config.left_out(role).is_none()) else { continue };
            if seen.count(Outcome::Allowed) == 0 {
                continue;
            }
            match caller(identity, &role) {
                Some(caller) => {
                    let need = roles.entry(role).or_default().entry(caller.clone()).or_default();
                    need.actions.insert(action);
                    if action.starts_with("Assume") {
                        need.take_condition(identity, &caller, seen, config.conditions.external_id);
                    }
                }
                None => *unnamed.entry(role).or_default() += seen.count(Outcome::Allowed),
            }
        }
    }
    for (role, records) in unnamed {
        let note = "was assumed by a caller that its trust policy cannot name from this log: keep what admits it";
        findings.push(Finding::new(Code::TrustAdvice, role.to_string(), note).counted(records));
    }
    let mut advice = Vec::new();
    for (role, callers) in roles {
        let callers_count = u64::try_from(callers.len()).unwrap_or(u64::MAX);
        let document = PolicyDocument { version: Version::V2012, id: None, statements: statements(callers) };
        let note =
            "was assumed: its trust policy must hold the advised statements, beside what it needs for rare and emergency use";
        findings.push(Finding::new(Code::TrustAdvice, role.to_string(), note).counted(callers_count));
        advice.push(TrustAdvice { role, document });
    }
    advice
}

/// The action and the role of a role assumption.
pub(super) fn assumption(key: &RequestKey) -> Option<(&'static str, Identity)> {
    let RequestKey::Aws(AwsRequestKey { action, resource: Resource::Arn(arn), .. }) = key else { return None };
    let name = ACTIONS.iter().find(|name| action.service == "sts" && action.name == **name)?;
    let fields = [&arn.partition, &arn.service, &arn.region, &arn.account, &arn.resource].map(|field| field.as_literal());
    let [Some(partition), Some("iam"), Some(""), Some(account), Some(resource)] = fields else { return None };
    let role = resource.strip_prefix("role/").filter(|role| !role.is_empty())?;
    Some((name, Identity::aws(partition, account, Name::Role(role.to_owned()))))
}

/// How a trust policy names a caller; `None` where the log does not say.
fn caller(identity: &Identity, role: &Identity) -> Option<Caller> {
    let (Home::Account { partition, id: account }, Home::Account { partition: home, id: role_account }) =
        (&identity.home, &role.home)
    else {
        return None;
    };
    match &identity.name {
        Name::Role(_) | Name::User(_) | Name::Root | Name::FederatedUser(_) if !account.is_empty() => {
            Some(("AWS", identity.arn()?))
        }
        Name::AwsService(service) if service.contains('.') => Some(("Service", service.clone())),
        Name::AwsAccount(id) if is_account(id) => Some(("AWS", format!("arn:{partition}:iam::{id}:root"))),
        Name::WebIdentity(name) => {
            let (provider, _) = name.split_once(' ')?;
            let named = provider.starts_with("arn:") || NAMED_PROVIDERS.contains(&provider);
            let host = provider.strip_prefix("https://").unwrap_or(provider);
            Some((
                "Federated",
                if named { provider.to_owned() } else { format!("arn:{home}:iam::{role_account}:oidc-provider/{host}") },
            ))
        }
        Name::Saml(name) => {
            let provider = name.split(' ').find(|word| word.starts_with("arn:") && word.contains(":saml-provider/"))?;
            Some(("Federated", provider.to_owned()))
        }
        Name::Role(_)
        | Name::User(_)
        | Name::Root
        | Name::FederatedUser(_)
        | Name::AwsService(_)
        | Name::AwsAccount(_)
        | Name::IdentityCenterUser(_)
        | Name::Other(_)
        | Name::ServiceAccount { .. }
        | Name::KubeUser(_)
        | Name::Namespace(_)
        | Name::Network => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Need {
    /// A provider's subject and audience, a SAML audience, an external id: without these the statement would admit everyone whom
    /// the provider or the other account knows.
    fn take_condition(&mut self, identity: &Identity, caller: &Caller, seen: &Seen, external_id: bool) {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let Some(allowed) = seen.outcomes.get(&Outcome::Allowed) else { return };
        for key in allowed.context.keys() {
            let wanted =
                key.ends_with(":sub") || key.ends_with(":aud") || (external_id && key.eq_ignore_ascii_case("sts:ExternalId"));
            if let Some(values) = allowed.always(key).filter(|_| wanted) {
                found.insert(key.clone(), values.clone());
            }
        }
        if let Name::WebIdentity(name) = &identity.name
            && !found.keys().any(|key| key.ends_with(":sub"))
            && let Some((_, subject)) = name.split_once(' ')
        {
            let host = caller.1.split_once(":oidc-provider/").map_or(caller.1.as_str(), |(_, host)| host);
            found.insert(format!("{host}:sub"), BTreeSet::from([subject.to_owned()]));
        }
        self.unconditional |= found.is_empty();
        for (key, values) in found {
            self.condition.entry(key).or_default().extend(values);
        }
    }
}

/// Callers that need the same stand together.
fn statements(callers: BTreeMap<Caller, Need>) -> Vec<Statement> {
    type Same = (&'static str, BTreeSet<&'static str>, BTreeMap<String, BTreeSet<String>>);
    let mut groups: BTreeMap<Same, Vec<String>> = BTreeMap::new();
    for ((kind, value), need) in callers {
        let condition = if need.unconditional && kind != "Federated" { BTreeMap::new() } else { need.condition };
        groups.entry((kind, need.actions, condition)).or_default().push(value);
    }
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    let mut statements = Vec::new();
    for ((kind, actions, condition), principals) in groups {
        let number = times.entry(kind).or_default();
        *number += 1;
        let written = |values: BTreeSet<String>| {
            // An observed value stands for itself, whatever characters it holds.
            values
                .iter()
                .map(|value| Written::new(&crate::access::aws::Text::literal(value).to_policy(), Version::V2012))
                .collect()
        };
        let keys: BTreeMap<String, Vec<Written>> = condition.into_iter().map(|(key, values)| (key, written(values))).collect();
        let condition = if keys.is_empty() { Conditions::new() } else { Conditions::from([("StringEquals".to_owned(), keys)]) };
        statements.push(Statement {
            sid: Some(format!("Assumed{}{number}", if kind == "AWS" { "ByPrincipal" } else { kind })),
            effect: Effect::Allow,
            principal: Some(Principal::ByKind([(kind.to_owned(), principals)].into())),
            actions: Actions::Action(actions.iter().map(|name| ActionPattern::new(&format!("sts:{name}"))).collect()),
            resources: Resources::Absent,
            condition,
        });
    }
    statements
}
