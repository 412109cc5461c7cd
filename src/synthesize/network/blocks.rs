//! External peers as blocks of addresses: each address by itself, and many of one small network as one block where nothing else of the
//! cluster, and nothing that was refused, lies in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::access::flow::Family;
use crate::access::inventory::Inventory;
use crate::policy::network::Cidr;

/// The widest block that is made of several addresses: a /24, or a /64 of IPv6, which is one subnet.
/// <https://www.rfc-editor.org/rfc/rfc4291#section-2.5.1>
const WIDEST: (u8, u8) = (24, 64);

/// The blocks that stand for every address of the families in use, IPv4 first; of both where no address is known, since a missing one would
/// cut pods off.
pub(super) fn every_address(known: impl Iterator<Item = Family>) -> Vec<Cidr> {
    let known: BTreeSet<Family> = known.collect();
    let is_used = |family: &Family| known.is_empty() || known.contains(family);
    [Family::V4, Family::V6].into_iter().filter(is_used).map(Cidr::every).collect()
}

/// The addresses of a cluster's pods, Services and nodes.
pub(super) fn own_addresses<'a>(inventory: &'a Inventory, cluster: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
    inventory.addresses.keys().filter(move |(at, _)| at == cluster).map(|(_, address)| *address)
}

/// What no block of several addresses may hold.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Addresses of flows that were refused, and of the cluster's own pods, Services and nodes.
    pub(super) addresses: BTreeSet<IpAddr>,
}

/// Blocks and the addresses that each stands for. `min` is how many addresses of one network become a block; `None` for never.
pub(super) fn blocks(addresses: &BTreeSet<IpAddr>, kept: &Kept, min: Option<u64>) -> Vec<(Cidr, Vec<IpAddr>)> {
    let mut networks: BTreeMap<Cidr, Vec<IpAddr>> = BTreeMap::new();
    for address in addresses {
        let widest = if address.is_ipv4() { WIDEST.0 } else { WIDEST.1 };
        networks.entry(Cidr::around(*address, widest)).or_default().push(*address);
    }
    let mut blocks = Vec::new();
    for (network, members) in networks {
        let enough = min.is_some_and(|min| u64::try_from(members.len()).is_ok_and(|count| count >= min));
        let block = tightest(network, &members);
        if enough && !kept.addresses.iter().any(|kept| block.contains(*kept)) {
            blocks.push((block, members));
        } else {
            blocks.extend(members.into_iter().map(|address| (Cidr::host(address), vec![address])));
        }
    }
    blocks
}

/// The smallest block that holds them all.
fn tightest(network: Cidr, members: &[IpAddr]) -> Cidr {
    let Some(first) = members.first() else { return network };
    let longest = if first.is_ipv4() { 32 } else { 128 };
    let narrower = (network.prefix()..=longest).rev().map(|prefix| Cidr::around(*first, prefix));
    let mut holding = narrower.filter(|block| members.iter().all(|member| block.contains(*member)));
    holding.next().unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn spelled(addresses: &[&str], kept: &[&str], min: Option<u64>) -> Vec<String> {
        blocks(&set(addresses), &Kept { addresses: set(kept) }, min).into_iter().map(|(block, _)| block.to_string()).collect()
    }

    #[test]
    fn a_family_is_left_out_only_where_the_other_is_known() {
        let families = |addresses: &[&str]| {
            every_address(set(addresses).into_iter().map(Family::of))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(families(&[]), "0.0.0.0/0 ::/0");
        assert_eq!(families(&["10.0.0.1", "::ffff:10.0.0.2"]), "0.0.0.0/0");
        assert_eq!(families(&["fd00::1"]), "::/0");
        assert_eq!(families(&["10.0.0.1", "fd00::1"]), "0.0.0.0/0 ::/0");
    }

    #[test]
    fn many_addresses_of_one_network_become_the_smallest_block_that_holds_nothing_kept() {
        let four = ["192.0.2.64", "192.0.2.65", "192.0.2.70", "192.0.2.75"];
        assert_eq!(spelled(&four, &[], Some(4)), ["192.0.2.64/28"]);
        assert_eq!(spelled(&four, &["192.0.2.80", "10.0.0.1"], Some(4)), ["192.0.2.64/28"]);
        assert_eq!(spelled(&four, &["192.0.2.79"], Some(4)).len(), 4);
        assert_eq!(spelled(&four, &[], Some(5)).len(), 4);
        assert_eq!(spelled(&four, &[], None).len(), 4);
        assert_eq!(spelled(&["192.0.2.1", "192.0.3.1"], &[], Some(2)), ["192.0.2.1/32", "192.0.3.1/32"]);
        assert_eq!(
            spelled(&["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"], &[], Some(2)),
            ["2001:db8::/126", "2001:db8:0:1::1/128"]
        );
    }
}
