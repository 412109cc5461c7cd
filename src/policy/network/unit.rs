//! The smallest removable unit of NetworkPolicies: one peer on one port, in one direction, for the pods of one selector.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::{Direction, NAMESPACE_NAME, NetworkPolicy, Peer, Port};
use crate::policy::grant::Permit;
use crate::policy::rbac::LabelSelector;

/// One peer on one port, in one direction, for the pods of one selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkPermit {
    /// The namespace of the policy.
    pub namespace: String,
    /// The pods that it holds for; empty means all of the namespace.
    pub pods: LabelSelector,
    /// Into them or out of them.
    pub direction: Direction,
    /// The other end; `None` for anyone.
    pub peer: Option<Peer>,
    /// The port; `None` for every port.
    pub port: Option<Port>,
}

/// The units of policies. A namespace with policies, none of which isolates all its pods in some direction, leaves pods open there:
/// that too is a unit, of anyone on every port.
#[must_use]
pub fn permits(policies: &[NetworkPolicy]) -> Vec<Permit> {
    let mut permits: Vec<NetworkPermit> = policies.iter().flat_map(of_policy).collect();
    let namespaces: BTreeSet<&str> = policies.iter().map(NetworkPolicy::namespace).collect();
    for namespace in namespaces {
        for direction in [Direction::Ingress, Direction::Egress] {
            let isolates = |policy: &NetworkPolicy| {
                policy.namespace() == namespace
                    && policy.spec.pod_selector == LabelSelector::default()
                    && policy.spec.holds(direction)
            };
            if !policies.iter().any(isolates) {
                let pods = LabelSelector::default();
                permits.push(NetworkPermit { namespace: namespace.to_owned(), pods, direction, peer: None, port: None });
            }
        }
    }
    permits.into_iter().map(|permit| Permit::Network(Box::new(permit))).collect()
}

fn of_policy(policy: &NetworkPolicy) -> Vec<NetworkPermit> {
    let ingress = policy.spec.ingress.iter().map(|rule| (Direction::Ingress, &rule.from, &rule.ports));
    let egress = policy.spec.egress.iter().map(|rule| (Direction::Egress, &rule.to, &rule.ports));
    let mut permits = Vec::new();
    for (direction, peers, ports) in ingress.chain(egress).filter(|(direction, ..)| policy.spec.holds(*direction)) {
        for peer in each(peers) {
            permits.extend(each(ports).map(|port| NetworkPermit {
                namespace: policy.namespace().to_owned(),
                pods: policy.spec.pod_selector.clone(),
                direction,
                peer: peer.cloned(),
                port: port.cloned(),
            }));
        }
    }
    permits
}

/// Each of a list; `None` once for an empty one, which means all.
fn each<T>(list: &[T]) -> impl Iterator<Item = Option<&T>> {
    list.iter().map(Some).chain(list.is_empty().then_some(None))
}

/// One line: `into app=db in shop from app=web in shop on TCP 5432`.
impl fmt::Display for NetworkPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (way, other) = match self.direction {
            Direction::Ingress => ("into", "from"),
            Direction::Egress => ("out of", "to"),
        };
        write!(f, "{way} {} in {} {other} {} on ", Selected(&self.pods), self.namespace, self.other_end())?;
        match &self.port {
            Some(port) => port.fmt(f),
            None => f.write_str("every port"),
        }
    }
}

impl NetworkPermit {
    /// The other end in one line: `app=web in shop`, `192.0.2.0/24`, `anyone`.
    #[must_use]
    pub fn other_end(&self) -> String {
        let Some(peer) = &self.peer else { return "anyone".to_owned() };
        if let Some(block) = &peer.ip_block {
            let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
            let but = if except.is_empty() { String::new() } else { format!(" except {}", except.join(", ")) };
            return format!("{}{but}", block.cidr);
        }
        let pods = peer.pod_selector.as_ref().map_or_else(|| "every pod".to_owned(), |pods| Selected(pods).to_string());
        match &peer.namespace_selector {
            None => format!("{pods} in {}", self.namespace),
            Some(namespaces) => match only_name(namespaces) {
                Some(name) => format!("{pods} in {name}"),
                None => format!("{pods} in namespaces {}", Selected(namespaces)),
            },
        }
    }
}

/// The one namespace that a selector names; `None` where it asks for anything else.
fn only_name(namespaces: &LabelSelector) -> Option<&str> {
    let one = namespaces.match_labels.len() == 1 && namespaces.match_expressions.is_empty();
    namespaces.match_labels.get(NAMESPACE_NAME).filter(|_| one).map(String::as_str)
}

/// A selector in one line; `all` where it is empty.
struct Selected<'a>(&'a LabelSelector);

impl fmt::Display for Selected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.0.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let further =
            self.0.match_expressions.iter().map(|asked| format!("{} {} {}", asked.key, asked.operator, asked.values.join("|")));
        let all: Vec<String> = labels.chain(further).collect();
        if all.is_empty() { f.write_str("all") } else { f.write_str(&all.join(",")) }
    }
}
