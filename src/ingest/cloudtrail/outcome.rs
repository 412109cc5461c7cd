//! What CloudTrail's errorCode says about authorization.
//!
//! Invariant: a refusal is never read as evidence; a code that may or may not be one says nothing.

use super::record::Trail;
use crate::access::observation::Outcome;

/// Codes that mean: authorization said no.
const REFUSED: [&str; 4] =
    ["UnauthorizedAccess", "AuthorizationError", "AuthorizationErrorException", "OperationNotPermittedFault"];

/// Codes that say nothing about authorization: credentials that were not accepted, load, faults of the service;
/// and codes by which some services refuse and others do not.
const UNKNOWN: [&str; 26] = [
    "RequestLimitExceeded",
    "SlowDown",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidTokenId",
    "AuthFailure",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "TokenRefreshRequired",
    "CredentialsNotFound",
    "OptInRequired",
    "NotSignedUp",
    "ServiceFailure",
    "ServiceException",
    "Unavailable",
    "Blocked",
    "PendingVerification",
    "UnknownError",
];

/// Beginnings of codes that say nothing about authorization.
const UNKNOWN_BEGINNINGS: [&str; 14] = [
    "Forbidden",
    "Unauthorized",
    "Throttl",
    "TooManyRequests",
    "ProvisionedThroughputExceeded",
    "RequestThrottled",
    "ExpiredToken",
    "MissingAuthenticationToken",
    "SubscriptionRequired",
    "Internal",
    "ServiceUnavailable",
    "RequestTimeout",
    "DependencyTimeout",
    "KMSThrottl",
];

/// Parts of codes by which some services refuse the caller and others speak of a role of their own.
const UNKNOWN_PARTS: [&str; 3] = ["PermissionDenied", "InsufficientPermission", "InsufficientPrivilege"];

/// The outcome of a record.
pub(super) fn outcome(trail: &Trail) -> Outcome {
    let code = trail.error_code.trim();
    if code.is_empty() {
        // Older records of some services carry a message and no code.
        let message = trail.error_message.trim();
        let refused = message.contains("not authorized to perform") || message.starts_with("Access Denied");
        return match message {
            "" => Outcome::Allowed,
            _ if refused => Outcome::Refused,
            _ => Outcome::Failed,
        };
    }
    let (side, name) = match code.split_once('.') {
        Some((side @ ("Client" | "Server"), name)) => (side, name),
        _ => ("", code),
    };
    if name == "DryRunOperation" {
        return Outcome::Allowed;
    }
    let refused = REFUSED.contains(&name)
        || name.contains("AccessDenied")
        || name.contains("UnauthorizedOperation")
        || name.contains("NotAuthorized");
    if refused {
        return Outcome::Refused;
    }
    let server_side = side == "Server" || (name.len() == 3 && name.starts_with('5'));
    let unknown = server_side
        || matches!(name, "401" | "403")
        || UNKNOWN.contains(&name)
        || UNKNOWN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || UNKNOWN_PARTS.iter().any(|part| name.contains(part))
        // Under any other code this may speak of the caller or of a role that it handed over.
        || trail.error_message.contains("not authorized to perform");
    if unknown { Outcome::Unknown } else { Outcome::Failed }
}
