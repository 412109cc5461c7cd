//! Kubernetes RBAC: what roles and bindings say (`model`), what they mean (`decide`), what a cluster grants to everyone
//! (`platform`), and what the target version asks (`target`).

mod decide;
mod model;
mod platform;
pub mod target;

pub use decide::{covers, decide, permits};
pub use model::{
    AggregationRule, Binding, ClusterRole, Kind, LabelSelector, Object, ObjectMeta, PolicyRule, RbacPolicy, Requirement, Role,
    RoleRef, Subject,
};
pub use platform::{allowed_by_default, default_grants};
