//! `[network]`: on what NetworkPolicies rest, for which network plugin, and in which further forms they are written.

use serde::Deserialize;

use crate::access::cidr::Cidr;

use super::ConfigError;

/// On what NetworkPolicies rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkBasis {
    /// On flows alone: nothing is assumed, and a namespace without flows gets nothing.
    Observed,
    /// On flows, and beside them on what objects declare and every pod needs; a namespace without flows gets a proposal.
    #[default]
    Inferred,
    /// None are written.
    Off,
}

/// What enforces NetworkPolicies.
/// <https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cni {
    /// Any: only what every plugin keeps is relied on.
    #[default]
    Generic,
    /// Amazon VPC CNI.
    Vpc,
    /// Cilium.
    Cilium,
    /// Calico.
    Calico,
}

/// `[network]`, as written and as used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    /// On what they rest.
    pub basis: NetworkBasis,
    /// For which plugin.
    pub cni: Cni,
    /// Whether CiliumNetworkPolicies are written too.
    pub cilium: bool,
    /// Whether Calico's staged form is written too: it previews and enforces nothing.
    pub calico_staged: bool,
    /// Where production's API server is reached; empty where that is not known, so that who calls it may reach any address on its ports.
    pub api_server: Vec<Cidr>,
    /// Where production reaches AWS, such as the subnets of its VPC endpoints; empty for any address.
    pub vpc_endpoints: Vec<Cidr>,
}

impl Network {
    /// Checks what is asked for together.
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        for (key, wanted) in [("network.cilium", self.cilium), ("network.calico-staged", self.calico_staged)] {
            if wanted && self.basis == NetworkBasis::Off {
                let (key, value) = (key.to_owned(), "true".to_owned());
                let expected = "`network.basis` other than `off`, which writes no policy that this could be a form of".to_owned();
                return Err(ConfigError::Value { key, value, expected });
            }
        }
        for (key, blocks) in [("network.api-server", &self.api_server), ("network.vpc-endpoints", &self.vpc_endpoints)] {
            if let Some(block) = blocks.iter().find(|block| block.has_host_bits()) {
                let masked = Cidr::around(block.first(), block.prefix());
                let expected = format!("`{masked}`: Kubernetes takes no block with bits behind its prefix");
                return Err(ConfigError::Value { key: key.to_owned(), value: block.to_string(), expected });
            }
        }
        Ok(self)
    }
}

impl NetworkBasis {
    /// Every basis.
    pub const ALL: &'static [NetworkBasis] = &[NetworkBasis::Observed, NetworkBasis::Inferred, NetworkBasis::Off];

    /// As settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NetworkBasis::Observed => "observed",
            NetworkBasis::Inferred => "inferred",
            NetworkBasis::Off => "off",
        }
    }
}

impl Cni {
    /// Every plugin.
    pub const ALL: &'static [Cni] = &[Cni::Generic, Cni::Vpc, Cni::Cilium, Cni::Calico];

    /// As settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Cni::Generic => "generic",
            Cni::Vpc => "vpc",
            Cni::Cilium => "cilium",
            Cni::Calico => "calico",
        }
    }
}
