//! What roles and bindings mean: the union of every rule that a binding gives to the asker.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>

use crate::access::identity::{Home, Identity};
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::policy::decision::{Decision, Layer};
use crate::policy::grant::Permit;

use super::model::{Binding, Kind, PolicyRule, RbacPolicy, Subject};

/// What RBAC answers. `groups` are all groups of the asker, the implicit ones (`system:authenticated`, ...) included.
///
/// The group `system:masters` is not RBAC's: the API server lets it through before RBAC is asked.
#[must_use]
pub fn decide(policy: &RbacPolicy, identity: &Identity, groups: &[String], request: &KubeRequest) -> Decision {
    let at_home = matches!(&identity.home, Home::Cluster(cluster) if policy.cluster.is_empty() || *cluster == policy.cluster);
    let Some(username) = identity.kube_username().filter(|_| at_home) else { return Decision::DENY };
    let namespace = match &request.target {
        KubeTarget::Resource(resource) => resource.namespace.as_str(),
        KubeTarget::NonResource(_) => "",
    };
    let mut not_understood = Vec::new();
    for (binding, scope) in bindings(policy) {
        let holds = scope.is_none_or(|scope| !namespace.is_empty() && scope == namespace);
        let bound = binding.subjects.iter().any(|subject| is_subject(subject, &username, groups, scope));
        if !holds || !bound {
            continue;
        }
        let (rules, aggregated) = rules_of(policy, binding, scope);
        if rules.iter().any(|rule| allows(rule, request)) {
            return Decision::Allow { by: format!("{} {}", binding.role_ref.kind, binding.role_ref.name) };
        }
        if aggregated {
            not_understood.push(format!("aggregationRule of ClusterRole {}", binding.role_ref.name));
        }
    }
    Decision::ImplicitDeny { layer: Layer::Own, not_understood }
}

/// The smallest units of all rules that are bound to anybody: verb x group x resource x name, or verb x path, per binding.
#[must_use]
pub fn permits(policy: &RbacPolicy) -> Vec<Permit> {
    let mut permits = Vec::new();
    for (binding, scope) in bindings(policy).filter(|(binding, _)| !binding.subjects.is_empty()) {
        for rule in rules_of(policy, binding, scope).0 {
            units(rule, scope, &mut permits);
        }
    }
    permits
}

/// Whether one unit covers a request.
#[must_use]
pub fn covers(permit: &Permit, request: &KubeRequest) -> bool {
    match (permit, &request.target) {
        (Permit::Rbac { namespace, verb, api_group, resource, name }, KubeTarget::Resource(asked)) => {
            namespace.as_ref().is_none_or(|namespace| !asked.namespace.is_empty() && *namespace == asked.namespace)
                && (verb == "*" || *verb == request.verb)
                && (api_group == "*" || *api_group == asked.api_group)
                && resource_matches(resource, asked)
                && name.as_ref().is_none_or(|name| *name == asked.name)
        }
        (Permit::NonResource { verb, path }, KubeTarget::NonResource(asked)) => {
            (verb == "*" || *verb == request.verb) && path_matches(path, asked)
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

/// Every binding with the namespace in which it holds; `None` for everywhere.
pub(super) fn bindings(policy: &RbacPolicy) -> impl Iterator<Item = (&Binding, Option<&str>)> {
    let cluster = policy.cluster_role_bindings.iter().map(|binding| (binding, None));
    cluster.chain(policy.role_bindings.iter().map(|binding| (binding, Some(binding.metadata.namespace.as_str()))))
}

/// The rules that a binding gives, and whether a controller may add others. A role that is not here gives none.
pub(super) fn rules_of<'a>(policy: &'a RbacPolicy, binding: &Binding, scope: Option<&str>) -> (&'a [PolicyRule], bool) {
    let wanted = &binding.role_ref.name;
    match Kind::from_name(&binding.role_ref.kind) {
        Some(Kind::Role) => {
            let here = |role: &&super::Role| Some(role.metadata.namespace.as_str()) == scope && role.metadata.name == *wanted;
            (policy.roles.iter().find(here).map_or(&[], |role| role.rules.as_slice()), false)
        }
        Some(Kind::ClusterRole) => match policy.cluster_roles.iter().find(|role| role.metadata.name == *wanted) {
            Some(role) => (&role.rules, role.aggregation_rule.is_some()),
            None => (&[], false),
        },
        Some(Kind::RoleBinding | Kind::ClusterRoleBinding) | None => (&[], false),
    }
}

pub(super) fn is_subject(subject: &Subject, username: &str, groups: &[String], scope: Option<&str>) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == username,
        "Group" => groups.contains(&subject.name),
        "ServiceAccount" => {
            // A RoleBinding may leave out its own namespace; a ClusterRoleBinding has none to fall back on.
            let namespace = if subject.namespace.is_empty() { scope.unwrap_or_default() } else { &subject.namespace };
            let rest = username.strip_prefix("system:serviceaccount:").and_then(|rest| rest.strip_prefix(namespace));
            !namespace.is_empty() && rest.and_then(|rest| rest.strip_prefix(':')) == Some(&subject.name)
        }
        _ => false,
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

fn allows(rule: &PolicyRule, request: &KubeRequest) -> bool {
    has(&rule.verbs, &request.verb)
        && match &request.target {
            KubeTarget::Resource(asked) => {
                has(&rule.api_groups, &asked.api_group)
                    && rule.resources.iter().any(|resource| resource_matches(resource, asked))
                    && (rule.resource_names.is_empty() || rule.resource_names.contains(&asked.name))
            }
            KubeTarget::NonResource(path) => rule.non_resource_urls.iter().any(|url| path_matches(url, path)),
        }
}

/// `*` is every resource and subresource, `*/scale` that subresource of every resource; nothing else is a wildcard.
fn resource_matches(resource: &str, asked: &KubeResource) -> bool {
    resource == "*"
        || resource == asked.with_subresource()
        || (!asked.subresource.is_empty() && resource.strip_prefix("*/") == Some(&asked.subresource))
}

/// A trailing `*` stands for any rest; every other character for itself.
pub(super) fn path_matches(url: &str, path: &str) -> bool {
    url == "*" || url == path || (url.ends_with('*') && path.starts_with(url.trim_end_matches('*')))
}

pub(super) fn units(rule: &PolicyRule, scope: Option<&str>, permits: &mut Vec<Permit>) {
    let names: Vec<Option<&String>> =
        if rule.resource_names.is_empty() { vec![None] } else { rule.resource_names.iter().map(Some).collect() };
    for verb in &rule.verbs {
        for api_group in &rule.api_groups {
            for resource in &rule.resources {
                permits.extend(names.iter().map(|name| Permit::Rbac {
                    namespace: scope.map(str::to_owned),
                    verb: verb.clone(),
                    api_group: api_group.clone(),
                    resource: resource.clone(),
                    name: name.cloned(),
                }));
            }
        }
        if scope.is_none() {
            permits
                .extend(rule.non_resource_urls.iter().map(|path| Permit::NonResource { verb: verb.clone(), path: path.clone() }));
        }
    }
}
