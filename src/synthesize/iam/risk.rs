//! Grants that a person should look at before production: escalation of one's own rights, and exposure of secrets.

use std::collections::BTreeMap;

use crate::access::identity::Identity;
use crate::finding::{Code, Finding};
use crate::policy::grant::{Grant, Permit};

/// On what a grant is a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Anything,
    Everything,
}

const ESCALATES: &str = "can raise its own rights or another identity's";
const EXPOSES: &str = "reads every secret of the account on `*`";

/// Action, on what, why.
const RISKS: &[(&str, On, &str)] = &[
    ("iam:AddUserToGroup", On::Anything, ESCALATES),
    ("iam:AttachGroupPolicy", On::Anything, ESCALATES),
    ("iam:AttachRolePolicy", On::Anything, ESCALATES),
    ("iam:AttachUserPolicy", On::Anything, ESCALATES),
    ("iam:CreateAccessKey", On::Anything, ESCALATES),
    ("iam:CreateLoginProfile", On::Anything, ESCALATES),
    ("iam:CreatePolicy", On::Anything, ESCALATES),
    ("iam:CreatePolicyVersion", On::Anything, ESCALATES),
    ("iam:DeleteRolePermissionsBoundary", On::Anything, ESCALATES),
    ("iam:DeleteUserPermissionsBoundary", On::Anything, ESCALATES),
    ("iam:PassRole", On::Anything, "hands a role to a service, which then acts with that role's rights"),
    ("iam:PutGroupPolicy", On::Anything, ESCALATES),
    ("iam:PutRolePolicy", On::Anything, ESCALATES),
    ("iam:PutUserPolicy", On::Anything, ESCALATES),
    ("iam:SetDefaultPolicyVersion", On::Anything, ESCALATES),
    ("iam:UpdateAssumeRolePolicy", On::Anything, ESCALATES),
    ("iam:UpdateLoginProfile", On::Anything, ESCALATES),
    ("kms:CreateGrant", On::Everything, "hands out the use of every key on `*`"),
    ("kms:Decrypt", On::Everything, "decrypts with every key on `*`"),
    ("kms:PutKeyPolicy", On::Anything, ESCALATES),
    ("s3:PutBucketPolicy", On::Anything, "opens a bucket to others"),
    ("secretsmanager:GetSecretValue", On::Everything, EXPOSES),
    ("ssm:GetParameter", On::Everything, EXPOSES),
    ("ssm:GetParameters", On::Everything, EXPOSES),
    ("ssm:GetParametersByPath", On::Everything, EXPOSES),
    ("sts:AssumeRole", On::Everything, "assumes every role that trusts it on `*`"),
];

/// One finding per risky action.
pub(super) fn findings(identity: &Identity, grants: &[Grant]) -> Vec<Finding> {
    let mut risky: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for grant in grants {
        let Permit::Iam { action, resource, .. } = &grant.permit else { continue };
        let risk =
            RISKS.iter().find(|(name, on, _)| action.eq_ignore_ascii_case(name) && (*on == On::Anything || resource == "*"));
        if let Some((name, _, why)) = risk {
            *risky.entry((name, why)).or_default() += 1;
        }
    }
    let finding = |((name, why), number): ((&str, &str), u64)| {
        let note = format!("`{name}` {why}: check that production needs it");
        Finding::new(Code::RiskyGrant, identity.to_string(), note).counted(number)
    };
    risky.into_iter().map(finding).collect()
}
