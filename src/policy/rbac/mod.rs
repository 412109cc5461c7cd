//! Kubernetes RBAC: what roles and bindings say (`model`), what they mean (`decide`), what a cluster grants to everyone
//! (`platform`), what the target version asks (`target`); what existing bindings give (`bound`), who keeps them (`keeper`) and what
//! of them was used (`usage`).

mod aggregate;
mod bound;
pub mod compiled;
mod decide;
mod keeper;
mod model;
mod platform;
mod selector;
pub mod target;
mod usage;

pub use bound::{Bound, bound, groups_of, includes, units_of};
pub use decide::{covers, decide, permits};
pub use keeper::{Keeper, keeper};
pub use model::{
    AggregationRule, Binding, ClusterRole, Kind, LabelSelector, Object, ObjectMeta, PolicyRule, RbacPolicy, Requirement, Role,
    RoleRef, Subject,
};
pub use platform::{allowed_by_default, default_grants};
pub use usage::{BindingUse, ClusterUse, RuleUse, Use, WideUnit};
