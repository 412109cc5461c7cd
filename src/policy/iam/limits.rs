//! How large a policy document may be, and how each kind is counted.
//!
//! Sources: IAM and STS quotas <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>; Organizations
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>; Amazon SQS
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>; IAM Identity Center
//! <https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_PutInlinePolicyToPermissionSet.html>.

use super::model::PolicyDocument;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Characters; IAM leaves out the white space between the elements of a document.
    Characters,
    /// Characters as written, spaces and line ends too.
    Written,
    /// UTF-8 bytes as written.
    Bytes,
}

/// The largest document of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The kind, in a person's words.
    pub kind: &'static str,
    /// The most that is allowed.
    pub size_max: usize,
    /// Of what.
    pub counted: Counted,
}

const fn limit(kind: &'static str, size_max: usize, counted: Counted) -> Limit {
    Limit { kind, size_max, counted }
}

/// A customer managed policy; a permissions boundary is one.
pub const MANAGED: Limit = limit("managed policy", 6_144, Counted::Characters);
/// All inline policies of a role together.
pub const ROLE_INLINE: Limit = limit("inline policy of a role", 10_240, Counted::Characters);
/// All inline policies of a user together.
pub const USER_INLINE: Limit = limit("inline policy of a user", 2_048, Counted::Characters);
/// All inline policies of a group together.
pub const GROUP_INLINE: Limit = limit("inline policy of a group", 5_120, Counted::Characters);
/// The inline policy of a permission set in IAM Identity Center.
pub const PERMISSION_SET: Limit = limit("inline policy of a permission set", 32_768, Counted::Written);
/// A role's trust policy; 4,096 where a higher quota was asked for.
pub const TRUST: Limit = limit("trust policy", 2_048, Counted::Characters);
/// A service control policy; 5,120 in organizations that still have the older quota.
pub const SERVICE_CONTROL: Limit = limit("service control policy", 10_240, Counted::Written);
/// A resource control policy.
pub const RESOURCE_CONTROL: Limit = limit("resource control policy", 5_120, Counted::Written);
/// The policy of an SQS queue.
pub const QUEUE: Limit = limit("queue policy", 8_192, Counted::Bytes);

/// Statements in the policy of an SQS queue.
pub const QUEUE_STATEMENTS_MAX: usize = 20;
/// Actions in one statement of the policy of an SQS queue.
pub const QUEUE_ACTIONS_MAX: usize = 7;

/// The inline limits count every policy of the principal together; tightfit writes one.
pub const ALL: &[Limit] =
    &[MANAGED, ROLE_INLINE, USER_INLINE, GROUP_INLINE, PERMISSION_SET, TRUST, SERVICE_CONTROL, RESOURCE_CONTROL, QUEUE];

impl Limit {
    /// The size of a text as this kind counts it. White space inside a JSON string is a part of its value, and is counted.
    #[must_use]
    pub fn size_of_text(&self, text: &str) -> usize {
        match self.counted {
            Counted::Written => text.chars().count(),
            Counted::Bytes => text.len(),
            Counted::Characters => {
                let (mut inside, mut escaped, mut size) = (false, false, 0_usize);
                for character in text.chars() {
                    size += usize::from(inside || !character.is_ascii_whitespace());
                    inside ^= character == '"' && !escaped;
                    escaped = inside && character == '\\' && !escaped;
                }
                size
            }
        }
    }

    /// The size of a document without white space between its elements; usize::MAX where it cannot be spelled.
    #[must_use]
    pub fn size(&self, document: &PolicyDocument) -> usize {
        serde_json::to_string(document).map_or(usize::MAX, |text| self.size_of_text(&text))
    }

    /// Whether a document keeps this limit when it is written without white space.
    #[must_use]
    pub fn holds(&self, document: &PolicyDocument) -> bool {
        self.size(document) <= self.size_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_counts_its_own_way() {
        let text = "{ \"Sid\":\t\"a b\\\" c\",\n\"x\": \"é\" }";
        assert_eq!(MANAGED.size_of_text(text), r#"{"Sid":"a b\" c","x":"é"}"#.chars().count());
        assert_eq!(SERVICE_CONTROL.size_of_text(text), text.chars().count());
        assert_eq!(QUEUE.size_of_text(text), text.len());
    }
}
