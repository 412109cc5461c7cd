//! CloudTrail records, made up and real, against the requests that IAM was asked.

#[cfg(test)]
#[path = "cloudtrail/beside.rs"]
mod beside;
#[cfg(test)]
#[path = "cloudtrail/catalog.rs"]
mod catalog;
#[cfg(test)]
#[path = "cloudtrail/field.rs"]
mod field;
#[cfg(test)]
#[path = "cloudtrail/gateway.rs"]
mod gateway;
#[cfg(test)]
#[path = "cloudtrail/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "cloudtrail/identities.rs"]
mod identities;
#[cfg(test)]
#[path = "cloudtrail/made_up.rs"]
mod made_up;
#[cfg(test)]
#[path = "cloudtrail/outcomes.rs"]
mod outcomes;
#[cfg(test)]
#[path = "cloudtrail/peers.rs"]
mod peers;
#[cfg(test)]
#[path = "cloudtrail/resources.rs"]
mod resources;
#[cfg(test)]
#[path = "cloudtrail/resources_compute.rs"]
mod resources_compute;
#[cfg(test)]
#[path = "cloudtrail/storage.rs"]
mod storage;
