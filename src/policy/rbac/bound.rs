//! A binding with the rules that it gives: what an existing cluster grants, one binding at a time.

use crate::access::identity::{Identity, Name};
use crate::access::kube::KubeRequest;
use crate::policy::grant::Permit;

use super::decide::{bindings, is_subject, rules_of, units};
use super::model::{Binding, Kind, PolicyRule, RbacPolicy};

/// A binding, where it holds, and the rules of its role.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// The namespace in which it holds; `None` for everywhere.
    pub scope: Option<&'a str>,
    /// The rules of its role; empty where the role is not there.
    pub rules: &'a [PolicyRule],
}

/// Every binding of a policy, cluster-wide ones first.
pub fn bound(policy: &RbacPolicy) -> impl Iterator<Item = Bound<'_>> {
    bindings(policy).map(|(binding, scope)| Bound { binding, scope, rules: rules_of(policy, binding, scope).0 })
}

impl Bound<'_> {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        if self.scope.is_some() { Kind::RoleBinding } else { Kind::ClusterRoleBinding }
    }

    /// `ClusterRoleBinding/NAME` or `RoleBinding/NAMESPACE/NAME`.
    #[must_use]
    pub fn place(&self) -> String {
        let name = &self.binding.metadata.name;
        match self.scope {
            Some(namespace) => format!("{}/{namespace}/{name}", self.kind().name()),
            None => format!("{}/{name}", self.kind().name()),
        }
    }

    /// Whether it binds this identity; `groups` are all groups of it.
    #[must_use]
    pub fn binds(&self, identity: &Identity, groups: &[String]) -> bool {
        let username = identity.kube_username();
        let is = |username: &str| self.binding.subjects.iter().any(|subject| is_subject(subject, username, groups, self.scope));
        username.is_some_and(|username| is(&username))
    }

    /// The smallest units of one of its rules.
    #[must_use]
    pub fn permits(&self, rule: &PolicyRule) -> Vec<Permit> {
        units_of(std::slice::from_ref(rule), self.scope)
    }

    /// Whether one of its rules lets a request of whom it binds through.
    #[must_use]
    pub fn covers(&self, request: &KubeRequest) -> bool {
        self.rules.iter().flat_map(|rule| self.permits(rule)).any(|permit| super::covers(&permit, request))
    }
}

/// Whether everything that `narrow` lets through, `wide` lets through too: what the API server asks of whoever writes a role or a
/// binding, rule by rule.
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>
#[must_use]
pub fn includes(wide: &Permit, narrow: &Permit) -> bool {
    match (wide, narrow) {
        (
            Permit::Rbac { namespace, verb, api_group, resource, name },
            Permit::Rbac { namespace: in_namespace, verb: by, api_group: of, resource: on, name: named },
        ) => {
            let part = |text: &str| text.split_once('/').map(|(_, part)| part.to_owned());
            (namespace.is_none() || namespace == in_namespace)
                && (verb == "*" || verb == by)
                && (api_group == "*" || api_group == of)
                && (resource == "*" || resource == on || (resource.starts_with("*/") && part(resource) == part(on)))
                && (name.is_none() || name == named)
        }
        (Permit::NonResource { verb, path }, Permit::NonResource { verb: by, path: on }) => {
            let below = path.strip_suffix('*').is_some_and(|front| on.starts_with(front));
            (verb == "*" || verb == by) && (path == on || below)
        }
        (
            Permit::Rbac { .. }
            | Permit::NonResource { .. }
            | Permit::Iam { .. }
            | Permit::PodSecurity { .. }
            | Permit::Network(_),
            _,
        ) => false,
    }
}

/// The smallest units of some rules, in one namespace or (`None`) everywhere.
#[must_use]
pub fn units_of(rules: &[PolicyRule], scope: Option<&str>) -> Vec<Permit> {
    let mut permits = Vec::new();
    rules.iter().for_each(|rule| units(rule, scope, &mut permits));
    permits
}

/// The groups of an identity, with those that authentication adds by itself and not every form of the log carries.
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens>
#[must_use]
pub fn groups_of(identity: &Identity, groups: &[String]) -> Vec<String> {
    let mut all = groups.to_vec();
    if let Name::ServiceAccount { namespace, .. } = &identity.name {
        all.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
    }
    if identity.kube_username().is_some_and(|username| username != "system:anonymous") {
        all.push("system:authenticated".to_owned());
    }
    all
}
