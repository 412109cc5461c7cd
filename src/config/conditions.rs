//! Which conditions are written.

use serde::Deserialize;

/// `[conditions]`: which conditions are written where every record behind a grant satisfies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each condition, as people write them")]
pub struct Conditions {
    /// `iam:PassRole` only to the services that the role was handed to.
    pub passed_to_service: bool,
    /// What a service did with the identity's credentials, only through that service.
    pub via_service: bool,
    /// `s3:ListBucket` only below the prefixes that were listed.
    pub list_prefix: bool,
    /// Trust in another account only with the external id that was given.
    pub external_id: bool,
    /// Only through the VPC endpoints that were used. Production's are others.
    pub source_vpce: bool,
    /// Only in the regions that were used. Breaks failover.
    pub requested_region: bool,
    /// Only with a second factor. Chained and service sessions carry none.
    pub mfa: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions {
            passed_to_service: true,
            via_service: true,
            list_prefix: true,
            external_id: true,
            source_vpce: false,
            requested_region: false,
            mfa: false,
        }
    }
}
