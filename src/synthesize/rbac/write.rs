//! Units -> roles and bindings: per namespace a Role and its RoleBinding, or one ClusterRole bound in several namespaces that need
//! the same; for the rest a ClusterRole and its ClusterRoleBinding.
//!
//! Invariant: the units of the documents are exactly the units given: rules are merged only where their cross product says no more.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::{Home, Identity, Name};
use crate::policy::grant::Permit;
use crate::policy::rbac::{Binding, ClusterRole, Kind, ObjectMeta, PolicyRule, RbacPolicy, Role, RoleRef, Subject};

/// The documents that say these units of one identity; `None` for an identity that RBAC does not know. Where at least
/// `shared_role_min` namespaces need the same rules, they stand in one ClusterRole that is bound in each.
pub(super) fn documents<'a>(
    identity: &Identity,
    permits: impl Iterator<Item = &'a Permit>,
    shared_role_min: usize,
) -> Option<RbacPolicy> {
    let Home::Cluster(cluster) = &identity.home else { return None };
    // Names of roles may hold `:`, names of namespaces and service accounts may not: no two identities share a role.
    let (name, subject) = if let Name::ServiceAccount { namespace, name } = &identity.name {
        (format!("tightfit:{namespace}:{name}"), Subject::service_account(namespace, name))
    } else {
        let username = identity.kube_username()?;
        (format!("tightfit-user:{}", safe_name(&username)), Subject::user(&username))
    };
    let mut scopes: BTreeMap<Option<&str>, Vec<&Permit>> = BTreeMap::new();
    for permit in permits {
        let scope = match permit {
            Permit::Rbac { namespace, .. } => namespace.as_deref(),
            Permit::NonResource { .. } | Permit::Iam { .. } | Permit::PodSecurity { .. } | Permit::Network(_) => None,
        };
        scopes.entry(scope).or_default().push(permit);
    }
    let mut policy = RbacPolicy { cluster: cluster.clone(), ..RbacPolicy::default() };
    if let Some(permits) = scopes.remove(&None) {
        let metadata = metadata(&name, "");
        policy.cluster_role_bindings.push(binding(metadata.clone(), Kind::ClusterRole, &name, &subject));
        policy.cluster_roles.push(ClusterRole { metadata, rules: rules(&permits), aggregation_rule: None });
    }
    let mut places: BTreeMap<Vec<PolicyRule>, Vec<&str>> = BTreeMap::new();
    for (scope, permits) in scopes {
        places.entry(rules(&permits)).or_default().extend(scope);
    }
    let mut places: Vec<(Vec<&str>, Vec<PolicyRule>)> = places.into_iter().map(|(rules, scopes)| (scopes, rules)).collect();
    places.sort();
    let mut shared = 0_usize;
    for (namespaces, rules) in places {
        if namespaces.len() < shared_role_min.max(2) {
            for namespace in namespaces {
                let metadata = metadata(&name, namespace);
                policy.role_bindings.push(binding(metadata.clone(), Kind::Role, &name, &subject));
                policy.roles.push(Role { metadata, rules: rules.clone() });
            }
            continue;
        }
        shared += 1;
        // A binding cannot be turned to another role, so these have a name of their own.
        let name = if shared == 1 { format!("{name}:shared") } else { format!("{name}:shared-{shared}") };
        let bound = namespaces.iter().map(|scope| binding(metadata(&name, scope), Kind::ClusterRole, &name, &subject));
        policy.role_bindings.extend(bound);
        policy.cluster_roles.push(ClusterRole { metadata: metadata(&name, ""), rules, aggregation_rule: None });
    }
    policy.roles.sort_by(|a, b| a.metadata.namespace.cmp(&b.metadata.namespace));
    policy.role_bindings.sort_by(|a, b| a.metadata.namespace.cmp(&b.metadata.namespace));
    Some(policy)
}

fn metadata(name: &str, namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        labels: BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "tightfit".to_owned())]),
        annotations: BTreeMap::new(),
    }
}

fn binding(metadata: ObjectMeta, kind: Kind, role: &str, subject: &Subject) -> Binding {
    Binding { metadata, role_ref: RoleRef::to(kind, role), subjects: vec![subject.clone()] }
}

/// Longest part of a username that a role's name shows.
const NAME_CHARS_MAX: usize = 40;

/// A username as part of an object's name: its harmless characters, and a digest so that no two meet.
fn safe_name(username: &str) -> String {
    let safe: String = username
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .take(NAME_CHARS_MAX)
        .collect();
    let digest = blake3::hash(username.as_bytes()).to_hex();
    format!("{}-{}", safe.trim_matches('-'), digest.get(..8).unwrap_or_default())
}

/// Names of a rule; empty for every name.
type Names = BTreeSet<String>;
type Set = BTreeSet<String>;

/// The rules of one scope. A rule is a cross product, so sets are joined only where all its other sets are equal.
fn rules(permits: &[&Permit]) -> Vec<PolicyRule> {
    let mut verbs_of: BTreeMap<(&str, &str, Option<&str>), Set> = BTreeMap::new();
    let mut verbs_of_path: BTreeMap<&str, Set> = BTreeMap::new();
    for permit in permits {
        match permit {
            Permit::Rbac { verb, api_group, resource, name, .. } => {
                verbs_of.entry((api_group, resource, name.as_deref())).or_default().insert(verb.clone());
            }
            Permit::NonResource { verb, path } => {
                verbs_of_path.entry(path).or_default().insert(verb.clone());
            }
            Permit::Iam { .. } | Permit::PodSecurity { .. } | Permit::Network(_) => {}
        }
    }
    let mut names_of: BTreeMap<(&str, &str, bool, Set), Names> = BTreeMap::new();
    for ((api_group, resource, name), verbs) in verbs_of {
        let names = names_of.entry((api_group, resource, name.is_some(), verbs)).or_default();
        names.extend(name.map(str::to_owned));
    }
    let mut resources_of: BTreeMap<(&str, Names, Set), Set> = BTreeMap::new();
    for ((api_group, resource, _, verbs), names) in names_of {
        resources_of.entry((api_group, names, verbs)).or_default().insert(resource.to_owned());
    }
    let mut groups_of: BTreeMap<(Set, Names, Set), Set> = BTreeMap::new();
    for ((api_group, names, verbs), resources) in resources_of {
        groups_of.entry((resources, names, verbs)).or_default().insert(api_group.to_owned());
    }
    let mut paths_of: BTreeMap<Set, Set> = BTreeMap::new();
    for (path, verbs) in verbs_of_path {
        paths_of.entry(verbs).or_default().insert(path.to_owned());
    }
    let list = |set: Set| set.into_iter().collect::<Vec<String>>();
    let on_resources = groups_of.into_iter().map(|((resources, names, verbs), groups)| PolicyRule {
        api_groups: list(groups),
        resources: list(resources),
        resource_names: list(names),
        non_resource_urls: Vec::new(),
        verbs: list(verbs),
    });
    let on_paths = paths_of.into_iter().map(|(verbs, paths)| PolicyRule {
        non_resource_urls: list(paths),
        verbs: list(verbs),
        ..PolicyRule::default()
    });
    let mut rules: Vec<PolicyRule> = on_resources.chain(on_paths).collect();
    rules.sort();
    rules
}
