//! Units made fewer and narrower once all are known: without what a wider one allows anyway, and around addresses that were refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::observed::{Flows, Setting, Units, is_assumed};
use crate::access::flow::{End, Flow, is_private};
use crate::policy::network::{Cidr, Direction, IpBlock, NAMESPACE_NAME, NetworkPermit, Peer, covers};

/// Takes out units that another one covers, unless flows show it and nothing but an assumption stands behind the wider one: with labels that a wider selector takes in whole, or of addresses in a wider block.
pub(super) fn drop_covered(units: &mut Units, setting: &Setting<'_>) {
    let blocks: BTreeSet<Cidr> = units.keys().filter_map(block).map(|block| block.cidr).filter(|cidr| !is_host(cidr)).collect();
    let all: Vec<NetworkPermit> = units.keys().cloned().collect();
    let (mut known_peers, mut known_selectors) = (BTreeMap::new(), BTreeMap::new());
    for unit in &all {
        let is_shown = units.get(unit).is_some_and(|(reason, _)| !is_assumed(reason));
        let peers = known_peers.entry(&unit.peer).or_insert_with(|| {
            let others = unit.peer.as_ref().map(|peer| wider(peer, &blocks, setting)).unwrap_or_default();
            [unit.peer.clone()].into_iter().chain(others.into_iter().map(Some)).collect::<Vec<_>>()
        });
        let selectors = known_selectors.entry((&unit.namespace, &unit.pods)).or_insert_with(|| {
            let others = setting.pods.wider(&unit.namespace, &unit.pods);
            [&unit.pods].into_iter().chain(others).collect::<Vec<_>>()
        });
        let is_covered = peers.iter().any(|peer| {
            selectors.iter().any(|pods| {
                let other = NetworkPermit { pods: (*pods).clone(), peer: peer.clone(), ..unit.clone() };
                other != *unit && units.get(&other).is_some_and(|(reason, _)| !is_shown || !is_assumed(reason))
            })
        });
        if is_covered {
            units.remove(unit);
        }
    }
}

fn block(permit: &NetworkPermit) -> Option<&IpBlock> {
    permit.peer.as_ref().and_then(|peer| peer.ip_block.as_ref())
}

/// The first address, as a block is spelled.
fn first(cidr: &Cidr) -> Option<IpAddr> {
    cidr.to_string().split_once('/').and_then(|(address, _)| address.parse().ok())
}

fn is_host(cidr: &Cidr) -> bool {
    first(cidr).is_some_and(|address| *cidr == Cidr::host(address))
}

/// The peers that take in all of this one.
fn wider(peer: &Peer, blocks: &BTreeSet<Cidr>, setting: &Setting<'_>) -> Vec<Peer> {
    if let Some(own) = &peer.ip_block {
        let Some(first) = first(&own.cidr) else { return Vec::new() };
        let holds = |cidr: &&Cidr| cidr.prefix() < own.cidr.prefix() && cidr.contains(first);
        return blocks.iter().filter(holds).map(|cidr| Peer::addresses(*cidr)).collect();
    }
    let namespace = peer.namespace_selector.as_ref().and_then(|selector| selector.match_labels.get(NAMESPACE_NAME));
    let (Some(namespace), Some(pods)) = (namespace, &peer.pod_selector) else { return Vec::new() };
    let wider = setting.pods.wider(namespace, pods).into_iter();
    wider.map(|pods| Peer { pod_selector: Some(pods.clone()), ..peer.clone() }).collect()
}

/// Leaves out of units of every address the single ones that flows were only refused to or from. Where an observed flow names its end by a
/// word, only addresses outside of private networks are left out: nothing tells that the word does not stand for a private one.
pub(super) fn spare_refused(units: &mut Units, flows: &Flows) {
    let refused = outside(flows.refused.iter());
    if refused.is_empty() {
        return;
    }
    let granted = outside(flows.granted.keys());
    let whole: Vec<NetworkPermit> =
        units.keys().filter(|unit| block(unit).is_some_and(|block| block.cidr.is_everything())).cloned().collect();
    for mut unit in whole {
        let covered = |flows: &Outside<'_>| -> BTreeSet<Option<IpAddr>> {
            let own = flows.get(&(unit.direction, unit.namespace.as_str())).into_iter().flatten();
            own.filter(|flow| covers(&unit, flow)).map(|flow| address(&unit, flow)).collect()
        };
        let mut refused: BTreeSet<IpAddr> = covered(&refused).into_iter().flatten().collect();
        if refused.is_empty() {
            continue;
        }
        let granted = covered(&granted);
        let by_word = granted.contains(&None);
        let may_be_meant = |address: &IpAddr| granted.contains(&Some(*address)) || (by_word && is_private(*address));
        refused.retain(|address| !may_be_meant(address));
        if refused.is_empty() {
            continue;
        }
        let Some((reason, wider)) = units.remove(&unit) else { continue };
        if let Some(block) = unit.peer.as_mut().and_then(|peer| peer.ip_block.as_mut()) {
            block.except = refused.into_iter().map(Cidr::host).collect();
        }
        units.insert(unit, (reason, wider));
    }
}

/// Flows whose other end is no pod, by the side and the namespace of the pod.
type Outside<'a> = BTreeMap<(Direction, &'a str), Vec<&'a Flow>>;

fn outside<'a>(flows: impl Iterator<Item = &'a Flow>) -> Outside<'a> {
    let mut outside = Outside::new();
    for flow in flows {
        for (own, other, direction) in
            [(&flow.client, &flow.server, Direction::Egress), (&flow.server, &flow.client, Direction::Ingress)]
        {
            if let Some(own) = own.pod().filter(|_| other.pod().is_none_or(|pod| pod.host_network)) {
                outside.entry((direction, own.namespace.as_str())).or_default().push(flow);
            }
        }
    }
    outside
}

/// The address at the other end.
fn address(unit: &NetworkPermit, flow: &Flow) -> Option<IpAddr> {
    let other = match unit.direction {
        Direction::Ingress => &flow.client,
        Direction::Egress => &flow.server,
    };
    match other {
        End::Address { address, .. } => Some(address.to_canonical()),
        End::Pod(_) | End::Reserved(_) => None,
    }
}
