//! The organization: what stands below what, and which control policies are attached where.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::LoadError;
use super::document;
use crate::policy::iam::{self, PolicyDocument};
use crate::policy::snapshot::{self, Snapshot};

/// `organization.json`: a layout of ours, since no command of AWS prints a whole organization.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    management_account: Option<String>,
    targets: BTreeMap<String, Target>,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    policies: Vec<String>,
}

/// A control policy in place: `{"type": .., "document": ..}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InPlace {
    r#type: String,
    document: Value,
}

/// What kind of policy is attached.
#[derive(Clone)]
enum Control {
    Scp(PolicyDocument),
    Rcp(PolicyDocument),
    /// Tag, backup and other policies authorize nothing.
    Other,
}

/// The parts as they are found.
#[derive(Default)]
pub(super) struct Parts {
    written: Option<(String, Written)>,
    policies: BTreeMap<String, Control>,
}

impl Parts {
    /// Takes in the organization.
    pub(super) fn take(&mut self, file: &str, value: &Value) -> Result<(), String> {
        let mut written =
            Written::deserialize(value).map_err(|error| format!("is not laid out as docs/formats.md says: {error}"))?;
        if let Some((other, _)) = &self.written {
            return Err(format!("is a second organization beside `{other}`: a snapshot holds one"));
        }
        for (id, policy) in std::mem::take(&mut written.policies) {
            if policy.get("Policy").is_some() {
                self.take_policy(&policy)?;
                continue;
            }
            let in_place = InPlace::deserialize(&policy).map_err(|error| {
                format!("policy `{id}`: expected {{\"type\", \"document\"}} or the output of `aws organizations describe-policy`: {error}")
            })?;
            self.insert(&id, &in_place.r#type, &in_place.document)?;
        }
        self.written = Some((file.to_owned(), written));
        Ok(())
    }

    /// Takes in the output of `aws organizations describe-policy`.
    pub(super) fn take_policy(&mut self, value: &Value) -> Result<(), String> {
        let policy = value.get("Policy");
        let told = |name: &str| policy?.get("PolicySummary")?.get(name)?.as_str();
        let (Some(id), Some(kind)) = (told("Id"), told("Type")) else {
            return Err(
                "is no output of `aws organizations describe-policy`: `Id` or `Type` is missing in `PolicySummary`".to_owned()
            );
        };
        let Some(content) = policy.and_then(|policy| policy.get("Content")) else {
            return Err(format!("policy `{id}` has no `Content`: use `describe-policy`, not `list-policies`"));
        };
        self.insert(id, kind, content)
    }

    fn insert(&mut self, id: &str, kind: &str, content: &Value) -> Result<(), String> {
        let read = || document::read(&format!("policy `{id}`"), content);
        let control = match kind {
            "SERVICE_CONTROL_POLICY" => Control::Scp(read()?),
            "RESOURCE_CONTROL_POLICY" => Control::Rcp(read()?),
            _ => Control::Other,
        };
        self.policies.insert(id.to_owned(), control);
        Ok(())
    }

    /// Lays the organization over the snapshot.
    pub(super) fn finish(self, snapshot: &mut Snapshot) -> Result<(), LoadError> {
        let Some((file, written)) = self.written else {
            return match self.policies.keys().next() {
                None => Ok(()),
                Some(id) => Err(LoadError::Unexpected {
                    file: id.clone(),
                    detail: "is a control policy, but no file says where it is attached: add one with `targets`, as docs/formats.md says"
                        .to_owned(),
                }),
            };
        };
        let unexpected = |detail: String| LoadError::Unexpected { file: file.clone(), detail };
        let mut organization =
            snapshot::Organization { management_account: written.management_account, targets: BTreeMap::new() };
        for (name, target) in written.targets {
            let mut read = snapshot::Target { parent: target.parent, ..snapshot::Target::default() };
            for id in target.policies {
                match (self.policies.get(&id), id.as_str()) {
                    (Some(Control::Scp(document)), _) => read.scps.push(document.clone()),
                    (Some(Control::Rcp(document)), _) => read.rcps.push(document.clone()),
                    (Some(Control::Other), _) => {}
                    // These two stand in every organization; nobody needs to fetch them.
                    (None, "p-FullAWSAccess") => read.scps.extend(iam::allows_all()),
                    (None, "p-RCPFullAWSAccess") => read.rcps.push(iam::allows_everyone()),
                    (None, id) => {
                        return Err(unexpected(format!(
                            "target `{name}` names the policy `{id}`, which no file holds: add `aws organizations describe-policy --policy-id {id}`"
                        )));
                    }
                }
            }
            organization.targets.insert(name, read);
        }
        snapshot.set_organization(&organization).map_err(unexpected)
    }
}
