//! A cluster as production has it: its roles and bindings, and what of them stays.

use std::collections::BTreeMap;

use crate::access::identity::{Home, Identity, Name};
use crate::access::kube::{KubeRequest, KubeTarget};
use crate::config::{Class, Pattern};
use crate::policy::grant::Permit;
use crate::policy::rbac::{self, Bound, Keeper, ObjectMeta, RbacPolicy, bound, groups_of, keeper};

use super::Snapshot;

/// The roles and bindings of one cluster, aggregated ones filled in, and the service accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterPart {
    /// Every role and binding.
    pub rbac: RbacPolicy,
    /// Service accounts by namespace and name.
    pub service_accounts: BTreeMap<(String, String), ObjectMeta>,
}

impl Snapshot {
    /// The cluster of this name; where the snapshot names none, the one that it holds.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&ClusterPart> {
        self.clusters.get(name).or_else(|| self.clusters.get(""))
    }

    /// What this identity is by the word of its cluster: nothing, or kept by an operator's package or a Helm hook. The service
    /// account itself must be, or every binding that names it.
    #[must_use]
    pub fn told_class(&self, identity: &Identity) -> Option<(Class, String)> {
        let Home::Cluster(name) = &identity.home else { return None };
        let part = self.cluster(name)?;
        if let Name::ServiceAccount { namespace, name } = &identity.name
            && let Some(metadata) = part.service_accounts.get(&(namespace.clone(), name.clone()))
            && let Some(Keeper::Operator(keeper)) = keeper(metadata)
        {
            return Some((Class::Operator, format!("{keeper} keeps the service account")));
        }
        let mut by = None;
        for bound in bound(&part.rbac).filter(|bound| bound.binds(identity, &[])) {
            match keeper(&bound.binding.metadata) {
                Some(Keeper::Operator(keeper)) => by = Some(format!("{keeper} keeps {}", bound.place())),
                Some(Keeper::Platform(_) | Keeper::Source(_)) | None => return None,
            }
        }
        by.map(|by| (Class::Operator, by))
    }
}

/// The bindings that a person named as staying in production, by cluster.
#[derive(Debug, Clone, Default)]
pub struct Standing(BTreeMap<String, RbacPolicy>);

impl Standing {
    /// Those of the snapshot that match; none without a snapshot.
    #[must_use]
    pub fn of(snapshot: Option<&Snapshot>, surviving: &[Pattern]) -> Self {
        let mut standing = BTreeMap::new();
        for (name, part) in snapshot.iter().flat_map(|snapshot| &snapshot.clusters) {
            let stays = |bound: &Bound<'_>| surviving.iter().any(|pattern| pattern.matches(&bound.place()));
            let mut policy = RbacPolicy { role_bindings: Vec::new(), cluster_role_bindings: Vec::new(), ..part.rbac.clone() };
            for bound in bound(&part.rbac).filter(stays) {
                let bindings = if bound.scope.is_some() { &mut policy.role_bindings } else { &mut policy.cluster_role_bindings };
                bindings.push(bound.binding.clone());
            }
            standing.insert(name.clone(), policy);
        }
        Standing(standing)
    }

    /// What stays for this identity, with the groups it has; empty where nothing does.
    #[must_use]
    pub fn for_identity(&self, identity: &Identity, groups: &[String]) -> Vec<Bound<'_>> {
        let Home::Cluster(name) = &identity.home else { return Vec::new() };
        let Some(policy) = self.0.get(name).or_else(|| self.0.get("")) else { return Vec::new() };
        let groups = groups_of(identity, groups);
        bound(policy).filter(|bound| bound.binds(identity, &groups)).collect()
    }

    /// Whether what stays lets the request through, whatever else is written.
    #[must_use]
    pub fn allows(&self, identity: &Identity, groups: &[String], request: &KubeRequest) -> bool {
        let Home::Cluster(name) = &identity.home else { return false };
        let policy = self.0.get(name).or_else(|| self.0.get(""));
        policy.is_some_and(|policy| rbac::decide(policy, identity, &groups_of(identity, groups), request).is_allow())
    }

    /// Whether `bind` on a role is not asked for after all: the API server asks for it only of whoever does not hold every rule of
    /// that role where the binding holds. `own` are the units that the caller has; false where the role is not known.
    /// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#restrictions-on-role-binding-creation-or-update>
    #[must_use]
    pub fn spares_bind(&self, identity: &Identity, groups: &[String], own: &[Permit], request: &KubeRequest) -> bool {
        let (Home::Cluster(cluster), KubeTarget::Resource(role)) = (&identity.home, &request.target) else { return false };
        if request.verb != "bind" || role.api_group != "rbac.authorization.k8s.io" {
            return false;
        }
        let Some(policy) = self.0.get(cluster).or_else(|| self.0.get("")) else { return false };
        let scope = Some(role.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let rules = match role.resource.as_str() {
            "clusterroles" => policy.cluster_roles.iter().find(|one| one.metadata.name == role.name).map(|one| &one.rules),
            "roles" => {
                let here = |metadata: &ObjectMeta| metadata.name == role.name && metadata.namespace == role.namespace;
                policy.roles.iter().find(|one| here(&one.metadata)).map(|one| &one.rules)
            }
            _ => None,
        };
        let stays = self.for_identity(identity, groups);
        let standing: Vec<Permit> = stays.iter().flat_map(|bound| rbac::units_of(bound.rules, bound.scope)).collect();
        let held = |unit: &Permit| own.iter().chain(&standing).any(|wide| rbac::includes(wide, unit));
        rules.is_some_and(|rules| rbac::units_of(rules, scope).iter().all(held))
    }
}
