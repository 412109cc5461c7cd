//! Kubernetes audit records: decoding and translation.
//! <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/>
//!
//! ```text
//! native event ----.
//! GKE log entry ----> Event --> identity, requests, outcome, pods, facts
//! AKS table row ---'
//! an object that a cluster held --> pods, facts
//! ```

mod aks;
mod body;
mod carried;
mod event;
mod facts;
mod gke;
mod impersonate;
mod outcome;
mod pod;
mod signed;
mod standing;
mod translate;
mod uri;

pub use standing::{Standing, is_read, standing};

pub(super) use signed::{Field, Native};

use super::decoded::{Decoded, Dependence, Surround};
use super::members::Members;
use crate::access::observation::Reject;

/// Decodes one record that is a Kubernetes audit event in any form that stands for one event (native, GKE, AKS table row).
/// `None` when it is none of them.
#[must_use]
pub fn decode(record: &[u8], surround: &Surround) -> Option<Decoded> {
    let members = Members::of(std::str::from_utf8(record).ok()?)?;
    decode_with_dependence(&members, surround).map(|(decoded, _)| decoded)
}

/// The same of a record's members, and what it depends on: what bodies say, each says for itself.
pub(super) fn decode_with_dependence(members: &Members<'_>, surround: &Surround) -> Option<(Decoded, Dependence)> {
    let event = if is_rancher(members) {
        let detail = "a record of Rancher's own API, not of a cluster: expected audit.k8s.io events of the cluster's API server";
        return Some((Decoded::rejected(Reject::Foreign, detail), Dependence::Signed));
    } else if event::is_native(members) {
        event::native(members, surround)
    } else if members.has("protoPayload") {
        match gke::event(members, surround) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => {
                let detail = "a Google Cloud audit record of another service: expected `serviceName` to be `k8s.io`";
                return Some((Decoded::rejected(Reject::Foreign, detail), Dependence::Unique));
            }
            Err(error) => Err(error),
        }
    } else if aks::is_row(members) {
        let native = aks::native(members);
        let decoded = match Members::of(&native).map(|members| event::native(&members, surround)) {
            Some(Ok(event)) => translate::decoded(&event),
            Some(Err(detail)) => Decoded::rejected(Reject::Field, detail),
            None => Decoded::rejected(Reject::Malformed, "an AKS row that cannot be read"),
        };
        return Some((decoded, Dependence::Unique));
    } else {
        return None;
    };
    Some(match event {
        Ok(event) => {
            let decoded = translate::decoded(&event);
            (decoded, if event.is_body_read() { Dependence::Unique } else { Dependence::Signed })
        }
        Err(detail) => (Decoded::rejected(Reject::Field, detail), Dependence::Unique),
    })
}

/// Rancher's API audit log shares field names with Kubernetes' but says something else.
/// <https://ranchermanager.docs.rancher.com/how-to-guides/advanced-user-guides/enable-api-audit-log>
fn is_rancher(members: &Members<'_>) -> bool {
    let kubernetes = ["kind", "apiVersion", "objectRef", "level"].iter().any(|key| members.has(key));
    let own =
        ["requestBody", "responseBody", "requestTimestamp", "responseTimestamp", "responseCode", "method", "remoteAddr", "stage"];
    members.has("auditID") && !kubernetes && own.iter().any(|key| members.has(key))
}
