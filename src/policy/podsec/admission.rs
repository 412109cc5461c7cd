//! An admission proposal: for a namespace that one account's pods pull down, policies that hold every other pod at the stricter
//! level, and that account's pods at exactly what they use.
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, Level, Variable, cel, checks, defaults, strictest};
use crate::access::pod::Pod;
use crate::config::KubeVersion;

/// Pods of a namespace, told apart by the service account that they run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Every account but these; empty means every one.
    AllBut(BTreeSet<String>),
    /// This one.
    Only(String),
}

impl Accounts {
    /// CEL that is true for a pod of these. The API server sets the account before such a condition is asked.
    #[must_use]
    pub fn condition(&self) -> String {
        let account = "object.spec.?serviceAccountName.orValue('default')";
        match self {
            Accounts::AllBut(accounts) => format!("!({account} in {})", cel::texts(accounts.iter().map(String::as_str))),
            Accounts::Only(name) => format!("{account} == {}", cel::text(name)),
        }
    }
}

/// What some pods of a namespace are held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Which pods.
    pub accounts: Accounts,
    /// The level whose checks are asked.
    pub level: Level,
    /// The checks, less what these pods use beyond them.
    pub conditions: Vec<Condition>,
}

/// What holds the pods of one namespace beyond its level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionProposal {
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The version whose checks are asked.
    pub version: KubeVersion,
    /// What the namespace's own label can enforce: what the exceptional accounts need.
    pub level: Level,
    /// First what holds all others, then one for each exceptional account.
    pub holds: Vec<Hold>,
}

impl AdmissionProposal {
    /// The level at which all but the exceptional accounts are held.
    #[must_use]
    pub fn held(&self) -> Level {
        self.holds.first().map_or(self.level, |hold| hold.level)
    }

    /// The accounts that pull the namespace down.
    pub fn exceptions(&self) -> impl Iterator<Item = &str> {
        self.holds.iter().filter_map(|hold| match &hold.accounts {
            Accounts::Only(account) => Some(account.as_str()),
            Accounts::AllBut(_) => None,
        })
    }
}

/// What the conditions of every hold are written with.
#[must_use]
pub fn variables() -> &'static [Variable] {
    cel::VARIABLES
}

/// The account that a pod runs as.
#[must_use]
pub fn account(pod: &Pod) -> &str {
    if pod.spec.service_account_name.is_empty() { "default" } else { &pod.spec.service_account_name }
}

/// A proposal, where the pods of some accounts satisfy a stricter level than those of others. `None` where one level fits all, and
/// for API servers that do not serve such policies.
#[must_use]
pub fn proposal(cluster: &str, namespace: &str, version: KubeVersion, pods: &[&Pod]) -> Option<AdmissionProposal> {
    let mut by_account: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        by_account.entry(account(pod)).or_default().push(pod);
    }
    let level_of = |pods: &Vec<&Pod>| pods.iter().map(|pod| strictest(version, pod)).min();
    let levels: BTreeMap<&str, Level> = by_account.iter().filter_map(|(name, pods)| Some((*name, level_of(pods)?))).collect();
    let level = *levels.values().min()?;
    let held = majority(levels.values().copied());
    if held == level || version.minor < checks::CEL_MINOR_MIN {
        return None;
    }
    let exceptions: BTreeSet<String> =
        levels.iter().filter(|(_, level)| **level < held).map(|(name, _)| (*name).to_owned()).collect();
    let others =
        Hold { accounts: Accounts::AllBut(exceptions.clone()), level: held, conditions: checks::conditions(held, version, &[]) };
    let alone = exceptions.into_iter().map(|name| {
        let pods = by_account.get(name.as_str()).into_iter().flatten();
        let pods: Vec<Cow<'_, Pod>> = pods.map(|pod| defaults::defaulted(version, pod)).collect();
        Hold {
            accounts: Accounts::Only(name),
            level: Level::Restricted,
            conditions: checks::conditions(Level::Restricted, version, &pods),
        }
    });
    let holds = std::iter::once(others).chain(alone).collect();
    Some(AdmissionProposal { cluster: cluster.to_owned(), namespace: namespace.to_owned(), version, level, holds })
}

/// The strictest level that at least half of these satisfy; `privileged` for none.
#[must_use]
pub fn majority(levels: impl Iterator<Item = Level>) -> Level {
    let levels: Vec<Level> = levels.collect();
    let holds = |level: &Level| levels.iter().filter(|satisfied| *satisfied >= level).count() * 2 >= levels.len().max(1);
    Level::STRICTEST_FIRST.into_iter().find(holds).unwrap_or(Level::Privileged)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::version::since;
    use super::*;

    fn pod(account: &str, spec: Value) -> Pod {
        let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let mut whole = json!({
            "serviceAccountName": account,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "a", "securityContext": context}],
        });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        Pod::from_json(&json!({"spec": whole})).unwrap()
    }

    fn expression(hold: &Hold, check: &str) -> Option<String> {
        hold.conditions.iter().find(|condition| condition.check == check).unwrap().expression.clone()
    }

    #[test]
    fn one_account_is_held_at_what_it_uses_and_the_others_at_the_level() {
        let volumes =
            json!([{"name": "logs", "hostPath": {"path": "/var/log"}}, {"name": "run", "hostPath": {"path": "/run/it's"}}]);
        let mounts = json!([{"name": "logs", "readOnly": true}, {"name": "run"}]);
        let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}});
        let agent = pod(
            "agent",
            json!({
                "hostNetwork": true,
                "volumes": volumes,
                "containers": [{"name": "a", "ports": [{"containerPort": 9100}], "volumeMounts": mounts, "securityContext": context}],
            }),
        );
        let web = pod("", json!({}));
        let proposal = proposal("c", "shop", since(36), &[&web, &agent]).unwrap();
        assert_eq!((proposal.level, proposal.held()), (Level::Privileged, Level::Restricted));
        assert_eq!(proposal.exceptions().collect::<Vec<_>>(), ["agent"]);
        let [others, alone] = proposal.holds.as_slice() else { panic!("two holds") };
        assert!(others.conditions.iter().all(|condition| condition.uses.is_empty() && condition.expression.is_some()));
        assert_eq!(expression(others, "hostNamespaces").unwrap().matches("orValue(false) == false").count(), 3);
        let namespaces = expression(alone, "hostNamespaces").unwrap();
        assert!(!namespaces.contains("hostNetwork") && namespaces.contains("hostPID"), "{namespaces}");
        assert!(expression(alone, "hostPorts").unwrap().contains("in [0, 9100]"), "by the API server's default");
        assert!(expression(alone, "capabilities_restricted").unwrap().contains("in ['NET_BIND_SERVICE', 'NET_RAW']"));
        let volumes = expression(alone, "restrictedVolumes").unwrap();
        assert!(
            volumes.contains(r"in ['/run/it\'s', '/var/log']")
                && volumes.contains(r"!(v.?hostPath.?path.orValue('') in ['/run/it\'s'])")
        );
        assert_eq!(expression(alone, "runAsNonRoot"), expression(others, "runAsNonRoot"), "what it keeps, it is held to");
    }

    #[test]
    fn a_privileged_pod_is_held_to_nothing_that_it_breaks() {
        let context = json!({"privileged": true, "runAsUser": 0});
        let root = pod("agent", json!({"securityContext": {}, "containers": [{"name": "a", "securityContext": context}]}));
        let proposal = proposal("c", "shop", since(36), &[&pod("web", json!({})), &root]).unwrap();
        let alone = proposal.holds.last().unwrap();
        for check in ["privileged", "runAsNonRoot", "runAsUser", "allowPrivilegeEscalation"] {
            assert_eq!(expression(alone, check), None, "{check}");
        }
        assert!(expression(alone, "hostNamespaces").is_some());
    }

    #[test]
    fn there_is_none_where_one_level_fits_or_the_server_is_too_old() {
        let web = pod("web", json!({}));
        let agent = pod("agent", json!({"hostPID": true}));
        let shared = pod("web", json!({"hostPID": true}));
        assert!(proposal("c", "n", since(30), &[&web, &agent]).is_some());
        assert_eq!(proposal("c", "n", since(29), &[&web, &agent]), None);
        assert_eq!(proposal("c", "n", since(36), &[&web]), None);
        assert_eq!(proposal("c", "n", since(36), &[]), None);
        assert_eq!(proposal("c", "n", since(36), &[&web, &shared]), None, "one account, two kinds of pods");
        assert_eq!(majority([Level::Restricted, Level::Baseline, Level::Privileged].into_iter()), Level::Baseline);
    }
}
