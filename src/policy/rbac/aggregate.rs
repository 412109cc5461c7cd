//! Aggregated ClusterRoles: what the controller of a cluster fills in.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles>

use std::collections::{BTreeMap, BTreeSet};

use super::model::{PolicyRule, RbacPolicy};

impl RbacPolicy {
    /// The same policy with the rules of every aggregated ClusterRole filled in, from the roles that it selects and those that these
    /// are made of; no role of it is aggregated then. Rules that stand in an aggregated role already are kept: a snapshot of a
    /// cluster has them, and perhaps not the roles that they came from.
    #[must_use]
    pub fn aggregated(mut self) -> Self {
        // Each round carries rules one role further; no chain is longer than the roles.
        for _ in 0..self.cluster_roles.len() {
            let mut filled = BTreeMap::new();
            for (place, role) in self.cluster_roles.iter().enumerate() {
                let Some(aggregation) = &role.aggregation_rule else { continue };
                let selected = self.cluster_roles.iter().filter(|other| {
                    other.metadata.name != role.metadata.name
                        && aggregation
                            .cluster_role_selectors
                            .iter()
                            .any(|selector| selector.matches(&other.metadata.labels) == Some(true))
                });
                let own: BTreeSet<&PolicyRule> = role.rules.iter().collect();
                let more: BTreeSet<&PolicyRule> =
                    selected.flat_map(|other| &other.rules).filter(|rule| !own.contains(rule)).collect();
                if !more.is_empty() {
                    filled.insert(place, more.into_iter().cloned().collect::<Vec<_>>());
                }
            }
            if filled.is_empty() {
                break;
            }
            for (place, role) in self.cluster_roles.iter_mut().enumerate() {
                role.rules.extend(filled.remove(&place).unwrap_or_default());
            }
        }
        for role in &mut self.cluster_roles {
            role.aggregation_rule = None;
        }
        self
    }
}
