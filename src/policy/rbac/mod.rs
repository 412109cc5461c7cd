//! Kubernetes RBAC: what roles and bindings say (`model`), what they mean (`decide`), and what a cluster grants to everyone (`platform`).

mod decide;
mod model;
mod platform;

pub use decide::{covers, decide, permits};
pub use model::{
    AggregationRule, Binding, ClusterRole, Kind, LabelSelector, Object, ObjectMeta, PolicyRule, RbacPolicy, Requirement, Role,
    RoleRef, Subject,
};
pub use platform::{allowed_by_default, default_grants};
