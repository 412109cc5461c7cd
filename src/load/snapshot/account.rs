//! `aws iam get-account-authorization-details`: roles, users and groups with their policies; several accounts or pages together.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::LoadError;
use super::document;
use super::resource::Resources;
use crate::access::identity::{Home, Identity};
use crate::policy::iam::PolicyDocument;
use crate::policy::snapshot::{PrincipalPart, Snapshot};

/// One answer, as far as it is used. AWS adds fields over time, so unknown ones are passed over.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    user_detail_list: Vec<Principal>,
    group_detail_list: Vec<Principal>,
    role_detail_list: Vec<Principal>,
    policies: Vec<Managed>,
}

/// A user, role or group: their fields differ only in names.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Principal {
    arn: String,
    #[serde(default, alias = "RolePolicyList", alias = "GroupPolicyList")]
    user_policy_list: Vec<Inline>,
    #[serde(default)]
    attached_managed_policies: Vec<Attached>,
    #[serde(default)]
    group_list: Vec<String>,
    permissions_boundary: Option<Boundary>,
    assume_role_policy_document: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    permissions_boundary_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed {
    arn: String,
    #[serde(default)]
    policy_version_list: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    document: Value,
    #[serde(default)]
    is_default_version: bool,
}

/// A principal before the managed policies that it names are looked up.
struct Raw {
    file: String,
    arn: String,
    documents: Vec<PolicyDocument>,
    attached: Vec<String>,
    groups: Vec<String>,
    boundary: Option<String>,
    trust: Option<PolicyDocument>,
}

/// Everything of all answers.
#[derive(Default)]
pub(super) struct Accounts {
    principals: Vec<Raw>,
    /// By ARN.
    groups: BTreeMap<String, Raw>,
    managed: BTreeMap<String, PolicyDocument>,
}

impl Accounts {
    /// Takes in one answer.
    pub(super) fn take(&mut self, file: &str, value: &Value) -> Result<(), String> {
        let details = Details::deserialize(value).map_err(|error| {
            format!("looks like `aws iam get-account-authorization-details`, but is not as it answers: {error}")
        })?;
        if value.get("IsTruncated") == Some(&Value::Bool(true)) {
            return Err("is one page of several (`IsTruncated`): let the CLI fetch them all, without `--max-items`".to_owned());
        }
        for one in details.user_detail_list.into_iter().chain(details.role_detail_list) {
            self.principals.push(raw(file, one)?);
        }
        for one in details.group_detail_list {
            self.groups.insert(one.arn.clone(), raw(file, one)?);
        }
        for policy in details.policies {
            let in_force = policy.policy_version_list.iter().find(|version| version.is_default_version);
            let Some(version) = in_force else { return Err(format!("policy `{}` has no default version", policy.arn)) };
            let document = document::read(&format!("policy `{}`", policy.arn), &version.document)?;
            self.managed.insert(policy.arn, document);
        }
        Ok(())
    }

    /// Lays roles and users into the snapshot.
    pub(super) fn finish(self, resources: &Resources, snapshot: &mut Snapshot) -> Result<(), LoadError> {
        for raw in &self.principals {
            let unexpected = |detail: String| LoadError::Unexpected { file: raw.file.clone(), detail };
            let Some(identity) = Identity::parse(&raw.arn) else {
                return Err(unexpected(format!("`{}` is no ARN of a role or user", raw.arn)));
            };
            let part = self.part(raw, &identity, resources).map_err(unexpected)?;
            if snapshot.principals.get(&identity).is_some_and(|known| *known != part) {
                return Err(unexpected(format!("`{identity}` stands in another file with other policies: keep the newer one")));
            }
            snapshot.principals.insert(identity, part);
        }
        Ok(())
    }

    fn part(&self, raw: &Raw, identity: &Identity, resources: &Resources) -> Result<PrincipalPart, String> {
        let managed = |arn: &String| {
            let found = self.managed.get(arn).or_else(|| resources.managed(arn));
            found.cloned().ok_or_else(|| {
                format!(
                    "`{}` names the policy `{arn}`, which no file holds: ask without `--filter`, or add a file {{\"arn\": \"{arn}\", \"policy\": ..}}",
                    raw.arn
                )
            })
        };
        let mut documents = raw.documents.clone();
        for arn in &raw.attached {
            documents.push(managed(arn)?);
        }
        for name in &raw.groups {
            let group = self
                .group(identity, name)
                .ok_or_else(|| format!("`{}` names the group `{name}`, which no file holds", raw.arn))?;
            documents.extend(group.documents.iter().cloned());
            for arn in &group.attached {
                documents.push(managed(arn)?);
            }
        }
        let boundary = raw.boundary.as_ref().map(managed).transpose()?;
        Ok(PrincipalPart { documents, boundary, trust: raw.trust.clone() })
    }

    /// A user names its groups without account and path; group names are unique within an account.
    fn group(&self, identity: &Identity, name: &str) -> Option<&Raw> {
        let Home::Account { partition, id } = &identity.home else { return None };
        let prefix = format!("arn:{partition}:iam::{id}:group/");
        let is_it = |arn: &String| arn.strip_prefix(&prefix).is_some_and(|path| path.rsplit('/').next() == Some(name));
        self.groups.iter().find(|(arn, _)| is_it(arn)).map(|(_, group)| group)
    }
}

fn raw(file: &str, one: Principal) -> Result<Raw, String> {
    let arn = one.arn;
    let inline =
        |inline: &Inline| document::read(&format!("inline policy `{}` of `{arn}`", inline.policy_name), &inline.policy_document);
    let documents = one.user_policy_list.iter().map(inline).collect::<Result<Vec<_>, _>>()?;
    let trust = one.assume_role_policy_document.as_ref();
    let trust = trust.map(|trust| document::read(&format!("trust policy of `{arn}`"), trust)).transpose()?;
    Ok(Raw {
        file: file.to_owned(),
        documents,
        attached: one.attached_managed_policies.into_iter().map(|attached| attached.policy_arn).collect(),
        groups: one.group_list,
        boundary: one.permissions_boundary.map(|boundary| boundary.permissions_boundary_arn),
        trust,
        arn,
    })
}
