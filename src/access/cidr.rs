//! A block of addresses, as an `ipBlock` and settings name it.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors>

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::flow::{Family, is_private};

/// Addresses that begin with the same bits. What stands behind the prefix is kept as written and means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// What is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no CIDR such as `192.0.2.0/24` or `2001:db8::/64`")]
pub struct CidrError(String);

impl Cidr {
    /// Every IPv4 address.
    pub const ALL_V4: Cidr = Cidr { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 };
    /// Every IPv6 address.
    pub const ALL_V6: Cidr = Cidr { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 };

    /// Every address of a family.
    #[must_use]
    pub const fn every(family: Family) -> Self {
        match family {
            Family::V4 => Cidr::ALL_V4,
            Family::V6 => Cidr::ALL_V6,
        }
    }

    /// One address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Cidr { address, prefix: bits(address) }
    }

    /// The block of this many leading bits around an address; the whole address where `prefix` is longer than it.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let address = address.to_canonical();
        let prefix = prefix.min(bits(address));
        let address = match address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask32(prefix))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask128(prefix))),
        };
        Cidr { address, prefix }
    }

    /// How many leading bits all its addresses share.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Its first address: no bits stand behind the prefix.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        Cidr::around(self.address, self.prefix).address
    }

    /// Which addresses it holds.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }

    /// Whether bits stand behind the prefix: Kubernetes 1.36 refuses such a block in new objects.
    /// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/4858-ip-cidr-validation>
    #[must_use]
    pub fn has_host_bits(&self) -> bool {
        self.address != self.first()
    }

    /// Whether it is every address of its family.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether it is a single address that no private network has.
    #[must_use]
    pub fn is_public_host(&self) -> bool {
        self.prefix == bits(self.address) && !is_private(self.address)
    }

    /// Whether an address is in it. An IPv4 address inside of IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(address)) => (u32::from(own) ^ u32::from(address)) & mask32(self.prefix) == 0,
            (IpAddr::V6(own), IpAddr::V6(address)) => (u128::from(own) ^ u128::from(address)) & mask128(self.prefix) == 0,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn mask32(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

fn mask128(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let prefix: u8 = prefix.parse().ok().filter(|_| plain)?;
            let address: IpAddr = address.parse().ok()?;
            // Kubernetes takes no IPv4 address inside of IPv6.
            (prefix <= bits(address) && address.to_canonical() == address).then_some(Cidr { address, prefix })
        };
        parse().ok_or_else(|| CidrError(text.to_owned()))
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_block_are_inverses() {
        for text in ["0.0.0.0/0", "10.1.2.3/8", "192.0.2.0/24", "192.0.2.7/32", "::/0", "2001:db8::/64", "2001:db8::1/128"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        for text in
            ["", "/", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129", "::ffff:10.0.0.0/104", "a/8"]
        {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_block_holds_what_begins_with_its_bits() {
        let inside = |block: &str, address: &str| block.parse::<Cidr>().unwrap().contains(address.parse().unwrap());
        assert!(inside("10.1.2.3/8", "10.255.0.1"));
        assert!(!inside("10.1.2.3/8", "11.0.0.1"));
        assert!(inside("10.1.2.3/32", "10.1.2.3") && !inside("10.1.2.3/32", "10.1.2.2"));
        assert!(inside("0.0.0.0/0", "255.255.255.255") && inside("0.0.0.0/0", "::ffff:1.2.3.4"));
        assert!(!inside("0.0.0.0/0", "::1") && !inside("::/0", "1.2.3.4"));
        assert!(inside("2001:db8::/63", "2001:db8:0:1::9") && !inside("2001:db8::/64", "2001:db8:0:1::9"));
        assert_eq!(Cidr::around("10.1.2.3".parse().unwrap(), 24).to_string(), "10.1.2.0/24");
    }
}
