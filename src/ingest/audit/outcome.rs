//! What an event's answer says about authorization: its decision annotation and its status code are two things.

use super::event::{Decision, Event};
use crate::access::observation::Outcome;

/// The start of what Pod Security says when it refuses a pod; RBAC had agreed by then.
/// <https://kubernetes.io/docs/concepts/security/pod-security-admission/>
const POD_SECURITY: &str = "violates PodSecurity";

impl Event<'_> {
    /// The HTTP status; a Status without one is read from its words. `None` where nothing was answered.
    pub(super) fn code(&self) -> Option<i64> {
        let words = || match (self.status.status.as_str(), self.status.reason.as_str()) {
            ("Success", _) => Some(200),
            (_, "Forbidden") => Some(403),
            (_, "Unauthorized") => Some(401),
            (_, "NotFound") => Some(404),
            (_, "AlreadyExists" | "Conflict") => Some(409),
            (_, "Invalid") => Some(422),
            (_, "TooManyRequests") => Some(429),
            ("Failure", _) => Some(500),
            _ => None,
        };
        self.status.code.filter(|code| *code > 0).or_else(words)
    }

    /// Whether Pod Security refused what RBAC had allowed.
    pub(super) fn is_pod_security_refusal(&self) -> bool {
        self.code() == Some(403) && self.decision != Some(Decision::Forbid) && self.status.message.contains(POD_SECURITY)
    }

    /// Whether the impersonation itself was refused: then the request was never asked.
    pub(super) fn is_impersonation_refusal(&self) -> bool {
        self.code() == Some(403)
            && self.impersonated.is_none()
            && self.decision.is_none()
            && self.refused_impersonation().is_some()
    }

    /// The verb of the impersonation that was refused: `impersonate`, or `impersonate:MODE` or `impersonate-on:MODE:VERB` of a
    /// constrained one.
    pub(super) fn refused_impersonation(&self) -> Option<&str> {
        let (_, after) = self.status.message.split_once(" cannot impersonate")?;
        let end = after.find(' ').filter(|end| after.get(*end..).is_some_and(|rest| rest.starts_with(" resource ")))?;
        let mode = after.get(..end)?;
        let whole = " cannot impersonate".len() + end;
        let known = mode.is_empty() || mode.starts_with(':') || mode.starts_with("-on:");
        let start = self.status.message.find(" cannot impersonate")?;
        known.then(|| self.status.message.get(start + " cannot ".len()..start + whole))?
    }

    /// What the answer says; `None` where there is neither decision nor status.
    ///
    /// The decision is the authorizers' own word, so it wins: a 403 behind `allow` came from admission or a later check, and any
    /// error behind it shows a request that was authorized. Without it, only a status that comes after authorization says so.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let code = self.code();
        Some(match (self.decision, code) {
            (Some(Decision::Forbid), _) => Outcome::Refused,
            (_, Some(100..=399)) if !self.panicked => Outcome::Allowed,
            // Hijacked connections are answered without a status.
            (Some(Decision::Allow), None) if !self.panicked => Outcome::Allowed,
            (Some(Decision::Allow), _) => Outcome::Failed,
            (None, Some(403)) if self.is_pod_security_refusal() => Outcome::Failed,
            (None, Some(403)) => Outcome::Refused,
            // Not authenticated, or turned away before authorization, or broken anywhere.
            (None, Some(401 | 429)) => Outcome::Unknown,
            (None, Some(400..=499)) => Outcome::Failed,
            (None, Some(_)) => Outcome::Unknown,
            (None, None) if self.panicked => Outcome::Unknown,
            (None, None) => return None,
        })
    }
}
