//! Policies of resources: `{"arn": .., "policy": ..}`, whose policy is a document, its text, or the output of the command that
//! prints it (`aws s3api get-bucket-policy`, `aws kms get-key-policy`, `aws sqs get-queue-attributes`, ...).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::document;
use crate::access::aws::Arn;
use crate::policy::iam::PolicyDocument;
use crate::policy::snapshot::{ResourcePolicy, Snapshot};

/// One resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    arn: String,
    #[serde(default)]
    owner: Option<String>,
    policy: Value,
}

/// Everything of all files, by ARN.
#[derive(Default)]
pub(super) struct Resources(BTreeMap<String, ResourcePolicy>);

impl Resources {
    /// Takes in one resource or a list of them.
    pub(super) fn take(&mut self, value: &Value) -> Result<(), String> {
        let one = std::slice::from_ref(value);
        for value in value.as_array().map_or(one, Vec::as_slice) {
            let written = Written::deserialize(value)
                .map_err(|error| format!("expected {{\"arn\", \"policy\"}} and perhaps `owner`: {error}"))?;
            let Some(arn) = Arn::literal(&written.arn).map(|arn| arn.to_policy()) else {
                return Err(format!("`{}` is no ARN", written.arn));
            };
            if let Some(owner) = &written.owner
                && !(owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit()))
            {
                return Err(format!("owner `{owner}` of `{arn}` is no account of twelve digits"));
            }
            let document = body(&written.policy);
            let document = document.map(|document| document::read(&format!("the policy of `{arn}`"), document)).transpose()?;
            if self.0.insert(arn.clone(), ResourcePolicy { owner: written.owner, document }).is_some() {
                return Err(format!("`{arn}` stands twice: keep the newer one"));
            }
        }
        Ok(())
    }

    /// A managed policy that was given like a resource's.
    pub(super) fn managed(&self, arn: &str) -> Option<&PolicyDocument> {
        self.0.get(arn)?.document.as_ref()
    }

    /// Lays them into the snapshot.
    pub(super) fn finish(self, snapshot: &mut Snapshot) {
        snapshot.resource_policies = self.0;
    }
}

/// The document inside an output; `None` where the resource has no policy.
fn body(value: &Value) -> Option<&Value> {
    // get-bucket-policy, get-key-policy, lambda get-policy; secretsmanager; ecr; sqs and sns attributes.
    let wrapped = ["Policy", "ResourcePolicy", "policyText"].iter().find_map(|name| value.get(name));
    let attribute = || value.get("Attributes").and_then(|attributes| attributes.get("Policy"));
    match wrapped.or_else(attribute) {
        Some(inside) => Some(inside),
        None if value.is_null() => None,
        None => Some(value),
    }
}
