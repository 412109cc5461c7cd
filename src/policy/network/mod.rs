//! Kubernetes NetworkPolicies: what the documents say, what they mean, the units they are made of, and proposals.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>

mod cilium;
mod decide;
mod model;
mod proposal;
mod staged;
mod unit;

pub use crate::access::cidr::{Cidr, CidrError};
pub use cilium::{
    CILIUM_NAMESPACE, CiliumDns, CiliumEgress, CiliumIngress, CiliumName, CiliumNetworkPolicy, CiliumPattern, CiliumPort,
    CiliumPorts, CiliumProposal, CiliumSpec, CommentedCilium,
};
pub use decide::{concerns, covers, decide};
pub use model::{
    Direction, EgressRule, IngressRule, IpBlock, NAMESPACE_NAME, NetworkPolicy, NetworkPolicySpec, Peer, Port, PortRef, selector,
};
pub use proposal::{Certainty, NetworkProposal, ProposedPolicy, RuleBasis};
pub use staged::{StagedNetworkPolicy, StagedSpec};
pub use unit::{NetworkPermit, permits};
