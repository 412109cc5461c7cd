//! A decision: what a policy, or everything that stands above it, answers to a request.

use std::fmt;

/// Which part of an authorization answered.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Layer {
    /// The documents of the identity itself: identity policies, RBAC, the level of a namespace.
    #[default]
    Own,
    /// The permissions boundary of the role or user.
    Boundary,
    /// The policies passed when the session was made.
    Session,
    /// Service control policies of this root, unit or account.
    Scp(String),
    /// Resource control policies of this root, unit or account.
    Rcp(String),
    /// The policy of the VPC endpoint.
    Endpoint,
    /// The policy of the resource that was asked for, by its ARN.
    Resource(String),
    /// The trust policy of the role that was to be assumed, by its ARN.
    Trust(String),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Own => f.write_str("its own policies"),
            Layer::Boundary => f.write_str("its permissions boundary"),
            Layer::Session => f.write_str("its session policies"),
            Layer::Scp(level) => write!(f, "the service control policies of {level}"),
            Layer::Rcp(level) => write!(f, "the resource control policies of {level}"),
            Layer::Endpoint => f.write_str("the policy of the VPC endpoint"),
            Layer::Resource(arn) => write!(f, "the resource policy of {arn}"),
            Layer::Trust(arn) => write!(f, "the trust policy of {arn}"),
        }
    }
}

/// What a policy answers to a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Allowed, by the statement, rule or level named.
    Allow {
        /// Sid, role or level.
        by: String,
    },
    /// Denied by a statement that says so.
    ExplicitDeny {
        /// Where it stands.
        layer: Layer,
        /// Its Sid.
        by: String,
    },
    /// Nothing allows it. What was not understood on the way is said; empty means that all was understood.
    ImplicitDeny {
        /// Where an allow is missing.
        layer: Layer,
        /// Such as `condition operator Foo`.
        not_understood: Vec<String>,
    },
}

impl Decision {
    /// Nothing of the identity's own allows it, and all was understood.
    pub const DENY: Decision = Decision::ImplicitDeny { layer: Layer::Own, not_understood: Vec::new() };

    /// Where it was denied; `None` for an allow.
    #[must_use]
    pub fn layer(&self) -> Option<&Layer> {
        match self {
            Decision::Allow { .. } => None,
            Decision::ExplicitDeny { layer, .. } | Decision::ImplicitDeny { layer, .. } => Some(layer),
        }
    }

    /// Whether the request would go through.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Decision::Allow { .. })
    }
}

/// One sentence without a full stop; names in it are hostile text.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacking = |not_understood: &[String]| {
            if not_understood.is_empty() { String::new() } else { format!("; not understood: {}", not_understood.join(", ")) }
        };
        match self {
            Decision::Allow { by } => write!(f, "allowed by {by}"),
            Decision::ExplicitDeny { layer: Layer::Own, by } => write!(f, "denied by {by}"),
            Decision::ExplicitDeny { layer, by } => write!(f, "{layer} would deny it in production, by {by}"),
            Decision::ImplicitDeny { layer: Layer::Own, not_understood } if not_understood.is_empty() => {
                f.write_str("nothing allows it")
            }
            Decision::ImplicitDeny { layer: Layer::Own, not_understood } => {
                write!(f, "nothing that was understood allows it{}", lacking(not_understood))
            }
            Decision::ImplicitDeny { layer, not_understood } => {
                let sure = if not_understood.is_empty() { "would" } else { "may" };
                write!(f, "{layer} {sure} not let it through in production{}", lacking(not_understood))
            }
        }
    }
}
