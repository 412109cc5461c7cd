//! Who acted: an identity is keyed by where it lives (account or cluster), then by its name.
//!
//! Invariant: two clusters' or accounts' same-named identities never compare equal; `parse` is the inverse of `Display`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The cluster of records that name none and that no `--cluster NAME=GLOB` names.
pub const CLUSTER_UNNAMED: &str = "cluster";

/// Where an identity lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// An AWS account.
    Account {
        /// `aws`, `aws-cn`, `aws-us-gov`.
        partition: String,
        /// Twelve digits, or empty where the record names none.
        id: String,
    },
    /// A Kubernetes cluster, by the name given or read from the log's wrapper; never contains `/`.
    Cluster(String),
}

/// What kind of identity, and its name there. Names are chosen by users: hostile text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// An IAM role, path included and without a leading slash (`service/app`); an assumed-role session is its role.
    Role(String),
    /// An IAM user, path included.
    User(String),
    /// The account's root user.
    Root,
    /// A federated user (GetFederationToken), by name.
    FederatedUser(String),
    /// An IAM Identity Center user, by user id.
    IdentityCenterUser(String),
    /// A web identity before it assumed a role: `provider subject`.
    WebIdentity(String),
    /// A SAML subject before it assumed a role.
    Saml(String),
    /// An AWS service acting with its own principal, such as `lambda.amazonaws.com`.
    AwsService(String),
    /// Another account (or nobody: anonymous), known only by its id.
    AwsAccount(String),
    /// Something else that CloudTrail names: `type principal`.
    Other(String),
    /// A Kubernetes service account.
    ServiceAccount {
        /// Its namespace; never contains `/`.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A Kubernetes user that is no service account.
    KubeUser(String),
    /// A namespace: what a Pod Security level is written for; pods are admitted into it.
    Namespace(String),
    /// The network of a cluster's pods: what NetworkPolicies are written for; connections are made through it.
    Network,
}

/// Whom tightfit writes for, or speaks about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Where it lives.
    pub home: Home,
    /// What it is called there.
    pub name: Name,
}

impl Name {
    fn parts(&self) -> (&'static str, Cow<'_, str>) {
        match self {
            Name::Role(name) => ("role", name.into()),
            Name::User(name) => ("user", name.into()),
            Name::Root => ("root", "".into()),
            Name::FederatedUser(name) => ("federated-user", name.into()),
            Name::IdentityCenterUser(name) => ("identity-center-user", name.into()),
            Name::WebIdentity(name) => ("web-identity", name.into()),
            Name::Saml(name) => ("saml", name.into()),
            Name::AwsService(name) => ("aws-service", name.into()),
            Name::AwsAccount(name) => ("aws-account", name.into()),
            Name::Other(name) => ("other", name.into()),
            Name::ServiceAccount { namespace, name } => ("serviceaccount", format!("{namespace}/{name}").into()),
            Name::KubeUser(name) => ("kube-user", name.into()),
            Name::Namespace(name) => ("namespace", name.into()),
            Name::Network => ("network", "".into()),
        }
    }

    fn from_parts(kind: &str, name: &str) -> Option<Name> {
        let owned = name.to_owned();
        Some(match kind {
            "role" => Name::Role(owned),
            "user" => Name::User(owned),
            "root" if name.is_empty() => Name::Root,
            "federated-user" => Name::FederatedUser(owned),
            "identity-center-user" => Name::IdentityCenterUser(owned),
            "web-identity" => Name::WebIdentity(owned),
            "saml" => Name::Saml(owned),
            "aws-service" => Name::AwsService(owned),
            "aws-account" => Name::AwsAccount(owned),
            "other" => Name::Other(owned),
            "serviceaccount" => {
                let (namespace, name) = name.split_once('/')?;
                Name::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
            }
            "kube-user" => Name::KubeUser(owned),
            "namespace" => Name::Namespace(owned),
            "network" if name.is_empty() => Name::Network,
            _ => return None,
        })
    }
}

impl Identity {
    /// A role, user or other AWS identity of an account.
    #[must_use]
    pub fn aws(partition: &str, account: &str, name: Name) -> Self {
        Identity { home: Home::Account { partition: partition.to_owned(), id: account.to_owned() }, name }
    }

    /// An identity of a cluster. A user named `system:serviceaccount:NS:NAME` becomes that service account.
    #[must_use]
    pub fn kube_user(cluster: &str, username: &str) -> Self {
        let service_account = username
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .filter(|(namespace, name)| is_object_name(namespace) && is_object_name(name));
        let name = match service_account {
            Some((namespace, name)) => Name::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() },
            None => Name::KubeUser(username.to_owned()),
        };
        Identity { home: Home::Cluster(cluster.to_owned()), name }
    }

    /// A namespace of a cluster.
    #[must_use]
    pub fn namespace(cluster: &str, namespace: &str) -> Self {
        Identity { home: Home::Cluster(cluster.to_owned()), name: Name::Namespace(namespace.to_owned()) }
    }

    /// The network of a cluster's pods.
    #[must_use]
    pub fn network(cluster: &str) -> Self {
        Identity { home: Home::Cluster(cluster.to_owned()), name: Name::Network }
    }

    /// The ARN of a role, user or root; `None` for what has none of its own.
    #[must_use]
    pub fn arn(&self) -> Option<String> {
        let Home::Account { partition, id } = &self.home else { return None };
        let (kind, name) = self.name.parts();
        match kind {
            "role" | "user" => Some(format!("arn:{partition}:iam::{id}:{kind}/{name}")),
            "root" => Some(format!("arn:{partition}:iam::{id}:root")),
            "federated-user" => Some(format!("arn:{partition}:sts::{id}:{kind}/{name}")),
            _ => None,
        }
    }

    /// The username that Kubernetes knows it by; `None` for AWS identities and namespaces.
    #[must_use]
    pub fn kube_username(&self) -> Option<String> {
        if let Name::ServiceAccount { namespace, name } = &self.name {
            return Some(format!("system:serviceaccount:{namespace}:{name}"));
        }
        let Name::KubeUser(name) = &self.name else { return None };
        Some(name.clone())
    }

    /// The name alone, without path or namespace; an account's root user is `root`.
    #[must_use]
    pub fn short_name(&self) -> String {
        let (kind, name) = self.name.parts();
        match kind {
            "role" | "user" | "serviceaccount" => name.rsplit('/').next().unwrap_or(&name).to_owned(),
            "root" | "network" => kind.to_owned(),
            _ => name.into_owned(),
        }
    }

    /// The inverse of `Display`; an ARN of a role or user is understood too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Identity> {
        if let Some(rest) = text.strip_prefix("arn:") {
            let mut fields = rest.splitn(5, ':');
            let (partition, service, _, account, resource) =
                (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
            return match (service, kind) {
                ("iam", "role" | "user" | "root") | ("sts", "federated-user") => {
                    Name::from_parts(kind, name).map(|name| Identity::aws(partition, account, name))
                }
                _ => None,
            };
        }
        let (home, rest) = text.split_once('/')?;
        let (kind, name) = rest.split_once('/').unwrap_or((rest, ""));
        let name = Name::from_parts(kind, name)?;
        let home = match home.split_once(':') {
            Some((partition, id)) => Home::Account { partition: partition.to_owned(), id: id.to_owned() },
            None => Home::Cluster(home.to_owned()),
        };
        Some(Identity { home, name })
    }
}

/// Whether `name` has the shape of a Kubernetes object name (RFC 1123 subdomain).
#[must_use]
pub fn is_object_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Home::Account { partition, id } => write!(f, "{partition}:{id}"),
            Home::Cluster(name) => f.write_str(name),
        }
    }
}

/// Roles and users print as their ARN, a network as `home/network`, all else as `home/kind/name`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(arn) = self.arn() {
            return f.write_str(&arn);
        }
        let (kind, name) = self.name.parts();
        if self.name == Name::Network {
            return write!(f, "{}/{kind}", self.home);
        }
        write!(f, "{}/{kind}/{name}", self.home)
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Identity::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no identity")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_is_the_inverse_of_display() {
        let identities = [
            Identity::aws("aws", "111122223333", Name::Role("service/app".into())),
            Identity::aws("aws-cn", "111122223333", Name::User("bob".into())),
            Identity::aws("aws", "111122223333", Name::Root),
            Identity::aws("aws", "111122223333", Name::FederatedUser("f:x/y".into())),
            Identity::aws("aws", "", Name::AwsService("lambda.amazonaws.com".into())),
            Identity::aws("aws", "1", Name::WebIdentity("a/b c:d".into())),
            Identity::kube_user("prod", "system:serviceaccount:shop:web"),
            Identity::kube_user("prod", "system:serviceaccount:a/b:c"),
            Identity::kube_user("prod", "oidc:alice/x"),
            Identity::namespace("prod", "shop"),
            Identity::network("prod"),
        ];
        for identity in identities {
            assert_eq!(Identity::parse(&identity.to_string()), Some(identity));
        }
    }

    #[test]
    fn a_forged_service_account_name_stays_a_user() {
        assert_eq!(
            Identity::kube_user("c", "system:serviceaccount:a:b:c").name,
            Name::KubeUser("system:serviceaccount:a:b:c".into())
        );
    }
}
