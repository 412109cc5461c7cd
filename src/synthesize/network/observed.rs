//! NetworkPolicies from flows: what each workload opened and what it answered, as units with their reasons.
//!
//! ```text
//! raw flows --resolve--> flows between workloads --units--> one peer, one port, one direction --write--> policies
//! ```
//!
//! Invariant: a refused flow is never evidence; a namespace in which no flow was seen gets no policy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::blocks::{Kept, blocks, every_address, own_addresses};
use super::selectors::{Pods, Who};
use crate::access::flow::{End, Family, Flow, LOWER_PORT, Passage, Passages, PodEnd, Reserved, Transport, is_served, resolve};
use crate::access::identity::Identity;
use crate::access::inventory::Inventory;
use crate::access::observation::Outcome;
use crate::access::profile::IdentityProfile;
use crate::config::Config;
use crate::policy::grant::{Generalization, Reason};
use crate::policy::network::{Cidr, Direction, NetworkPermit, Peer, Port};
use crate::policy::rbac::LabelSelector;
use crate::synthesize::rbac::is_label;

/// How many observed names a generalization gives as examples.
pub(super) const EXAMPLES_MAX: usize = 5;

/// The flows of a cluster, resolved.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Evidence for grants, with the best reason.
    pub(super) granted: BTreeMap<Flow, Reason>,
    /// Only ever refused.
    pub(super) refused: BTreeSet<Flow>,
}

impl Flows {
    /// Flows whose owner cannot be told are left out here; they are said elsewhere.
    pub(super) fn of(cluster: &str, seen: &IdentityProfile, inventory: &Inventory, config: &Config) -> Self {
        let mut flows = Flows::default();
        let raw = seen.flows();
        let passages = Passages::of(
            raw.iter().map(|(flow, seen)| (*flow, seen.is_evidence(config.failed_is_evidence), seen.count(Outcome::Refused) > 0)),
        );
        for (raw, seen) in raw {
            let passage = passages.of_allowed(raw);
            if seen.is_assumed() && !config.assumed {
                continue;
            }
            let Ok(resolved) = resolve(raw, cluster, inventory) else { continue };
            for flow in resolved {
                if seen.is_evidence(config.failed_is_evidence) && passage == Passage::Made {
                    let reason = if !seen.is_assumed() {
                        Reason::Observed
                    } else if is_served(&flow, cluster, inventory) {
                        Reason::Derived { rule: "the end that declares the port is the server".to_owned() }
                    } else {
                        Reason::Assumed { why: LOWER_PORT.to_owned() }
                    };
                    let kept = flows.granted.entry(flow).or_insert_with(|| reason.clone());
                    *kept = reason.min(kept.clone());
                } else if seen.count(Outcome::Refused) > 0 || passage == Passage::Rejected {
                    flows.refused.insert(flow);
                }
            }
        }
        flows.refused.retain(|flow| !flows.granted.contains_key(flow));
        flows
    }

    /// Every pod at an end, refused flows included: they too are neighbours that a selector has to spare.
    pub(super) fn pods(&self) -> impl Iterator<Item = &PodEnd> {
        self.granted.keys().chain(&self.refused).flat_map(|flow| [&flow.client, &flow.server]).filter_map(End::pod)
    }

    /// The chosen namespaces in which something was let through.
    pub(super) fn namespaces(&self, cluster: &str, config: &Config) -> BTreeSet<String> {
        let ends = self.granted.keys().flat_map(|flow| [&flow.client, &flow.server]).filter_map(End::pod);
        let ends = ends.filter(|pod| !pod.host_network && is_label(&pod.namespace));
        let chosen = |namespace: &String| config.left_out(&Identity::namespace(cluster, namespace)).is_none();
        ends.map(|pod| pod.namespace.clone()).filter(chosen).collect()
    }
}

/// Whether no flow stands behind it.
pub(super) const fn is_assumed(reason: &Reason) -> bool {
    matches!(reason, Reason::Assumed { .. })
}

/// The units of a cluster's policies, each with its reason.
pub(super) type Units = BTreeMap<NetworkPermit, (Reason, Option<Generalization>)>;

/// One end of a flow as the side of it that a policy holds for.
pub(super) struct Side<'a> {
    pub(super) who: Who,
    pub(super) direction: Direction,
    pub(super) other: &'a End,
}

/// The sides of a flow that policies of these namespaces hold for.
pub(super) fn sides<'a>(flow: &'a Flow, namespaces: &BTreeSet<String>) -> Vec<Side<'a>> {
    let side = |own: &End, other: &'a End, direction| {
        let who = own.pod().and_then(Who::of).filter(|who| namespaces.contains(&who.namespace))?;
        // A pod and its own node always reach each other: a rule for it would be excess.
        (*other != End::Reserved(Reserved::Host)).then_some(Side { who, direction, other })
    };
    let out = side(&flow.client, &flow.server, Direction::Egress);
    let into = side(&flow.server, &flow.client, Direction::Ingress);
    out.into_iter().chain(into).collect()
}

/// What writing units needs to know beside the flows.
pub(super) struct Setting<'a> {
    pub(super) cluster: &'a str,
    pub(super) inventory: &'a Inventory,
    pub(super) config: &'a Config,
    pub(super) pods: &'a Pods,
    pub(super) namespaces: &'a BTreeSet<String>,
}

/// Addresses outside that were seen on one port of the same pods.
type Outside = BTreeMap<(Who, Direction, Transport, u16), BTreeMap<IpAddr, Reason>>;

/// The units of every granted flow.
pub(super) fn units(flows: &Flows, setting: &Setting<'_>) -> Units {
    let mut units = Units::new();
    let mut outside = Outside::new();
    let families = families(flows, setting);
    let api_server = &setting.config.network.api_server;
    for (flow, reason) in &flows.granted {
        for side in sides(flow, setting.namespaces) {
            match side.other {
                End::Address { address, .. } => {
                    let key = (side.who, side.direction, flow.transport, flow.port);
                    let kept = outside.entry(key).or_default().entry(*address).or_insert_with(|| reason.clone());
                    *kept = reason.clone().min(kept.clone());
                }
                End::Pod(pod) if !pod.host_network => {
                    let Some((peer, wider)) = pod_peer(pod, setting) else { continue };
                    insert(
                        &mut units,
                        &side.who,
                        side.direction,
                        peer,
                        (flow.transport, flow.port),
                        (reason.clone(), wider),
                        setting,
                    );
                }
                End::Reserved(Reserved::KubeApiserver) if !api_server.is_empty() => {
                    let told = Reason::Declared { by: "network.api-server".to_owned() };
                    for block in api_server {
                        let (peer, port) = (Peer::addresses(*block), (flow.transport, flow.port));
                        insert(&mut units, &side.who, side.direction, peer, port, (told.clone(), None), setting);
                    }
                }
                End::Pod(_) | End::Reserved(_) => add_word(&mut units, flow, &side, reason, (&families, setting)),
            }
        }
    }
    add_outside(&mut units, &outside, flows, setting);
    units
}

/// An end that is known by no address: every address of the family that the record told, else of all families in use.
fn add_word(units: &mut Units, flow: &Flow, side: &Side<'_>, reason: &Reason, (families, setting): (&[Cidr], &Setting<'_>)) {
    let told = flow.family.map(|family| vec![Cidr::every(family)]);
    for (place, cidr) in told.as_deref().unwrap_or(families).iter().enumerate() {
        let reason = if place == 0 {
            reason.clone()
        } else {
            Reason::Assumed { why: "the record names no address, which may be one of either family".to_owned() }
        };
        let wider = Generalization {
            rule: "address-unknown".to_owned(),
            examples: vec![side.other.to_string()],
            names: 1,
            admits: format!("every address outside of the cluster's pods on {} {}", flow.transport, flow.port),
        };
        let (peer, port) = (Peer::addresses(*cidr), (flow.transport, flow.port));
        insert(units, &side.who, side.direction, peer, port, (reason, Some(wider)), setting);
    }
}

/// The blocks that stand for every address of this cluster's families.
pub(super) fn families(flows: &Flows, setting: &Setting<'_>) -> Vec<Cidr> {
    let seen = flows.granted.keys().chain(&flows.refused).flat_map(|flow| [&flow.client, &flow.server]);
    let addresses = own_addresses(setting.inventory, setting.cluster).chain(seen.filter_map(End::known_address));
    let told = flows.granted.keys().chain(&flows.refused).filter_map(|flow| flow.family);
    every_address(addresses.map(Family::of).chain(told))
}

/// Pods as a peer; every pod of their namespace where they have no labels. `None` where no namespace can have that name.
pub(super) fn pod_peer(pod: &PodEnd, setting: &Setting<'_>) -> Option<(Peer, Option<Generalization>)> {
    who_peer(&Who::of(pod)?, setting)
}

pub(super) fn who_peer(who: &Who, setting: &Setting<'_>) -> Option<(Peer, Option<Generalization>)> {
    let pods = setting.pods.selector(who);
    let wider = selects_more(who, &pods, setting);
    let peer = Peer { pod_selector: Some(pods), ..Peer::pods(&who.namespace, &BTreeMap::new()) };
    is_label(&who.namespace).then_some((peer, wider))
}

/// What a group's selector takes in beyond the group.
fn selects_more(who: &Who, pods: &LabelSelector, setting: &Setting<'_>) -> Option<Generalization> {
    if *pods == LabelSelector::default() {
        return Some(Generalization {
            rule: "no-labels".to_owned(),
            examples: vec![who.shown()],
            names: 1,
            admits: format!("every pod of {}", who.namespace),
        });
    }
    let shared = setting.pods.shared(who)?;
    let more = if shared.count > 1 { format!(" and {} more", shared.count - 1) } else { String::new() };
    Some(Generalization {
        rule: "shared-labels".to_owned(),
        examples: shared.examples.clone(),
        names: shared.count.saturating_add(1),
        admits: format!(
            "the same for {}{more}, whose labels no selector tells from those of {}",
            shared.examples.first()?,
            who.shown()
        ),
    })
}

/// Takes in one unit. Of two reasons the better stays; of two widenings the first.
pub(super) fn insert(
    units: &mut Units,
    who: &Who,
    direction: Direction,
    peer: Peer,
    port: (Transport, u16),
    (reason, wider): (Reason, Option<Generalization>),
    setting: &Setting<'_>,
) {
    let permit = permit(who, direction, peer, port, setting);
    let wider = wider.or_else(|| selects_more(who, &permit.pods, setting));
    let kept = units.entry(permit).or_insert_with(|| (reason.clone(), None));
    kept.0 = reason.min(kept.0.clone());
    kept.1 = kept.1.take().or(wider);
}

fn permit(who: &Who, direction: Direction, peer: Peer, port: (Transport, u16), setting: &Setting<'_>) -> NetworkPermit {
    let pods = setting.pods.selector(who);
    let port = Some(Port::number(port.0.name(), port.1));
    NetworkPermit { namespace: who.namespace.clone(), pods, direction, peer: Some(peer), port }
}

fn add_outside(units: &mut Units, outside: &Outside, flows: &Flows, setting: &Setting<'_>) {
    let refused = flows.refused.iter().flat_map(|flow| [&flow.client, &flow.server]).filter_map(|end| match end {
        End::Address { address, .. } => Some(*address),
        End::Pod(_) | End::Reserved(_) => None,
    });
    let own = setting.inventory.addresses.keys().filter(|(cluster, _)| cluster == setting.cluster).map(|(_, address)| *address);
    let kept = Kept { addresses: refused.chain(own).map(|address| address.to_canonical()).collect() };
    let generalize = &setting.config.generalize;
    let min = (!generalize.exact).then_some(generalize.cidr_addresses_min);
    for ((who, direction, transport, port), reasons) in outside {
        // Where every address had to be let through, one by one would say nothing more.
        let covered = |address: &IpAddr| {
            let peer = Peer::addresses(if address.is_ipv4() { Cidr::ALL_V4 } else { Cidr::ALL_V6 });
            let every = units.get(&permit(who, *direction, peer, (*transport, *port), setting));
            every.is_some_and(|(reason, _)| !is_assumed(reason))
        };
        let addresses: BTreeSet<IpAddr> = reasons.keys().map(|address| address.to_canonical()).collect();
        let addresses = addresses.into_iter().filter(|address| !covered(address)).collect();
        for (block, members) in blocks(&addresses, &kept, min) {
            let reason = reasons.iter().filter(|(address, _)| block.contains(**address)).map(|(_, reason)| reason).min();
            let Some(reason) = reason.cloned() else { continue };
            let wider = (members.len() > 1).then(|| Generalization {
                rule: "cidr-merge".to_owned(),
                examples: members.iter().take(EXAMPLES_MAX).map(ToString::to_string).collect(),
                names: u64::try_from(members.len()).unwrap_or(u64::MAX),
                admits: format!("every other address of {block} on {transport} {port}"),
            });
            insert(units, who, *direction, Peer::addresses(block), (*transport, *port), (reason, wider), setting);
        }
    }
}
