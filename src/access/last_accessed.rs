//! Last accessed: what AWS itself remembers of an identity's use of services, beside any log.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use jiff::Timestamp;

use super::identity::Identity;

/// The latest use of a service, or of one action of it, whether it was allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LastUse {
    /// Who.
    pub identity: Identity,
    /// The IAM prefix of the service.
    pub service: String,
    /// The action's name; `None` for the service as a whole.
    pub action: Option<String>,
    /// When.
    pub time: Timestamp,
    /// Where; may be empty.
    pub region: String,
}

impl LastUse {
    /// What was used, for a person.
    #[must_use]
    pub fn what(&self) -> String {
        match &self.action {
            Some(action) => format!("{}:{action}", self.service),
            None => self.service.clone(),
        }
    }
}
