//! CloudTrail records as an organisation of a few accounts makes them: assumed roles, services, people, a heavy tail of calls.

use std::fmt::Write as _;

use super::draw::Draw;

/// Who calls, and what they mostly do.
struct Caller {
    name: String,
    kind: CallerKind,
    account: usize,
    /// The calls it makes, the first far more often; places in [`CALLS`].
    calls: Vec<usize>,
    buckets: Vec<String>,
    tables: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum CallerKind {
    /// A role of instances: the session is the instance.
    Instance,
    /// A role of functions: the session is the function.
    Function,
    /// A role of pods or pipelines: no two sessions alike.
    Session,
    /// A person.
    User,
}

/// Some accounts and everyone in them.
pub(crate) struct Organization {
    accounts: Vec<String>,
    callers: Vec<Caller>,
    instances: Vec<String>,
    /// By account: what no record shows yet, as a caller and one of its calls; the next one last.
    unheard: Vec<Vec<(usize, usize)>>,
}

/// An API call: event source, event name, whether it is a data event, whether it only reads.
const CALLS: [(&str, &str, bool, bool); 24] = [
    ("s3", "GetObject", true, true),
    ("s3", "PutObject", true, false),
    ("s3", "HeadObject", true, true),
    ("s3", "DeleteObject", true, false),
    ("s3", "ListObjects", true, true),
    ("dynamodb", "GetItem", true, true),
    ("dynamodb", "PutItem", true, false),
    ("dynamodb", "Query", true, true),
    ("dynamodb", "DescribeTable", false, true),
    ("kms", "Decrypt", false, true),
    ("kms", "GenerateDataKey", false, true),
    ("sts", "AssumeRole", false, true),
    ("sts", "GetCallerIdentity", false, true),
    ("ec2", "DescribeInstances", false, true),
    ("ec2", "DescribeTags", false, true),
    ("ec2", "RunInstances", false, false),
    ("lambda", "Invoke", true, false),
    ("lambda", "GetFunction20150331v2", false, true),
    ("logs", "CreateLogStream", false, false),
    ("secretsmanager", "GetSecretValue", false, true),
    ("sqs", "ReceiveMessage", true, false),
    ("sns", "Publish", true, false),
    ("iam", "PutRolePolicy", false, false),
    ("elasticloadbalancing", "DescribeTargetHealth", false, true),
];

const AGENTS: [&str; 6] = [
    "aws-sdk-java/1.12.739 Linux/5.10.219-208.866.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.11+9-LTS java/17.0.11 vendor/Amazon.com_Inc. cfg/retry-mode/standard",
    "Boto3/1.34.131 md/Botocore#1.34.131 ua/2.0 os/linux#6.1.92 md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.131",
    "aws-sdk-go-v2/1.30.0 os/linux lang/go#1.22.4 md/GOOS#linux md/GOARCH#arm64 api/dynamodb#1.34.0",
    "APN/1.0 HashiCorp/1.0 Terraform/1.8.5 (+https://www.terraform.io) terraform-provider-aws/5.54.1 \\\"plan\\\" \\u003cci\\u003e",
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488]",
    "aws-cli/2.17.0 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 lang/python#3.11.8 md/prompt#off md/command#s3.cp",
];

impl Organization {
    /// An organisation of so many callers, four or more.
    pub(crate) fn new(draw: &mut Draw, callers: usize) -> Self {
        let accounts: Vec<String> = (0..4).map(|_| format!("{:012}", 100_000_000_000 + draw.below(800_000_000_000))).collect();
        let words = ["orders", "billing", "search", "media", "etl", "auth", "report", "edge", "ledger", "catalog"];
        let callers: Vec<Caller> = (0..callers)
            .map(|number| {
                let team = words[number % words.len()];
                let kind =
                    [CallerKind::Instance, CallerKind::Function, CallerKind::Session, CallerKind::Session, CallerKind::User]
                        [number % 5];
                let mut calls: Vec<usize> = (0..2 + draw.below(6)).map(|_| draw.below(CALLS.len())).collect();
                // What makes or changes things is rare in any organisation.
                calls
                    .iter_mut()
                    .filter(|call| matches!(CALLS[**call].1, "RunInstances" | "CreateLogStream" | "PutRolePolicy"))
                    .for_each(|call| {
                        if !draw.percent(15) {
                            *call = draw.below(15);
                        }
                    });
                calls.sort_by_key(|call| (call * 7 + number) % CALLS.len());
                Caller {
                    name: format!("{team}-{number:03}"),
                    kind,
                    account: number % accounts.len(),
                    calls,
                    buckets: (0..3).map(|place| format!("acme-{team}-{place}-staging")).collect(),
                    tables: (0..3).map(|place| format!("{team}-table-{place}")).collect(),
                }
            })
            .collect();
        let instances = (0..400).map(|_| format!("i-0{}", draw.hex(16))).collect();
        let mut unheard = vec![Vec::new(); accounts.len()];
        for (number, caller) in callers.iter().enumerate().rev() {
            unheard[caller.account].extend(caller.calls.iter().map(|call| (number, *call)));
        }
        Organization { accounts, callers, instances, unheard }
    }

    /// The account that a file of this number belongs to.
    pub(crate) fn account_of(&self, number: u64) -> &str {
        &self.accounts[usize::try_from(number).unwrap_or_default() % self.accounts.len()]
    }

    /// Who of an account calls next, and what: everyone makes each of its calls once before the heavy tail begins.
    fn next(&mut self, draw: &mut Draw, place: usize) -> (&Caller, usize) {
        if let Some((caller, call)) = self.unheard[place].pop() {
            return (&self.callers[caller], call);
        }
        let mut caller = &self.callers[draw.tailed(self.callers.len())];
        while caller.account != place {
            caller = &self.callers[draw.tailed(self.callers.len())];
        }
        (caller, *draw.mostly_first(&caller.calls))
    }

    /// Appends one record of an account and a day.
    pub(crate) fn record(&mut self, draw: &mut Draw, account: &str, day: u64, out: &mut String) {
        let place = self.accounts.iter().position(|known| known == account).unwrap_or_default();
        let instance = self.instances[draw.tailed(self.instances.len())].clone();
        let (caller, call) = self.next(draw, place);
        let (service, event, data, read) = CALLS[call];
        let time = draw.time(day, false);
        out.push_str("{\"eventVersion\":\"1.09\",\"userIdentity\":");
        let arn = identity(draw, caller, instance, account, day, out);
        let address = format!("10.{}.{}.{}", draw.below(4), draw.below(256), draw.below(256));
        let _ = write!(
            out,
            ",\"eventTime\":\"{time}\",\"eventSource\":\"{service}.amazonaws.com\",\"eventName\":\"{event}\",\"awsRegion\":\"eu-west-1\",\
             \"sourceIPAddress\":\"{address}\",\"userAgent\":\"{}\"",
            draw.one_of(&AGENTS)
        );
        if draw.percent(2) {
            let (code, message) = error(draw, service, event, &arn);
            let _ = write!(out, ",\"errorCode\":\"{code}\",\"errorMessage\":\"{message}\"");
        }
        let resources = body(draw, caller, service, event, account, day, out);
        let _ = write!(
            out,
            ",\"requestID\":\"{}\",\"eventID\":\"{}\",\"readOnly\":{read}{resources},\"eventType\":\"AwsApiCall\",\
             \"managementEvent\":{},\"recipientAccountId\":\"{account}\",\"eventCategory\":\"{}\",\"tlsDetails\":{{\"tlsVersion\":\
             \"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"{service}.eu-west-1.amazonaws.com\"}}}}",
            draw.uuid(),
            draw.uuid(),
            !data,
            if data { "Data" } else { "Management" },
        );
    }
}

/// Appends who called.
fn identity(draw: &mut Draw, caller: &Caller, instance: String, account: &str, day: u64, out: &mut String) -> String {
    let name = &caller.name;
    if caller.kind == CallerKind::User {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let _ = write!(
            out,
            "{{\"type\":\"IAMUser\",\"principalId\":\"AIDA{name}\",\"arn\":\"{arn}\",\
             \"accountId\":\"{account}\",\"accessKeyId\":\"AKIAEXAMPLEKEY123456\",\"userName\":\"{name}\"}}"
        );
        return arn;
    }
    let session = match caller.kind {
        CallerKind::Instance => instance,
        CallerKind::Function => format!("{name}-handler"),
        CallerKind::Session | CallerKind::User => format!("botocore-session-{}", 1_790_000_000 + draw.below(200_000)),
    };
    let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
    let _ = write!(
        out,
        "{{\"type\":\"AssumedRole\",\"principalId\":\"AROA{name}:{session}\",\
         \"arn\":\"{arn}\",\"accountId\":\"{account}\",\"accessKeyId\":\"ASIA{}\",\
         \"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"AROA{name}\",\
         \"arn\":\"arn:aws:iam::{account}:role/{name}\",\"accountId\":\"{account}\",\"userName\":\"{name}\"}},\
         \"attributes\":{{\"creationDate\":\"{}\",\"mfaAuthenticated\":\"false\"}}}}}}",
        draw.capitals(16),
        draw.time(day, false),
    );
    arn
}

/// An error code and its message, about who called.
fn error(draw: &mut Draw, service: &str, event: &str, arn: &str) -> (&'static str, String) {
    match draw.below(4) {
        0 | 1 => (
            "AccessDenied",
            format!(
                "User: {arn} is not authorized to perform: {service}:{event} because no \
                 identity-based policy allows the {service}:{event} action"
            ),
        ),
        2 => ("ResourceNotFoundException", "Requested resource not found".to_owned()),
        _ => ("ThrottlingException", "Rate exceeded".to_owned()),
    }
}

/// Appends the call's parameters and answer; gives its `resources`.
fn body(draw: &mut Draw, caller: &Caller, service: &str, event: &str, account: &str, day: u64, out: &mut String) -> String {
    let mut resources = String::new();
    match service {
        "s3" => {
            let bucket = draw.mostly_first(&caller.buckets);
            let host = format!("\"bucketName\":\"{bucket}\",\"Host\":\"{bucket}.s3.eu-west-1.amazonaws.com\"");
            let transfer = format!(
                "\"additionalEventData\":{{\"SignatureVersion\":\"SigV4\",\"CipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"bytesTransferredIn\":0,\
                 \"AuthenticationMethod\":\"AuthHeader\",\"x-amz-id-2\":\"{}\",\"bytesTransferredOut\":{}}}",
                draw.hex(76),
                draw.below(1 << 20)
            );
            if event == "ListObjects" {
                let prefix = ["raw/", "uploads/", "exports/"][draw.below(3)];
                let _ = write!(
                    out,
                    ",\"requestParameters\":{{\"list-type\":\"2\",{host},\"prefix\":\"{prefix}\"}},\"responseElements\":null,{transfer}"
                );
            } else {
                let key = draw.object_key(day);
                let _ = write!(out, ",\"requestParameters\":{{{host},\"key\":\"{key}\"}},\"responseElements\":null,{transfer}");
                let _ = write!(resources, "{{\"type\":\"AWS::S3::Object\",\"ARN\":\"arn:aws:s3:::{bucket}/{key}\"}},");
            }
            let _ = write!(
                resources,
                "{{\"accountId\":\"{account}\",\"type\":\"AWS::S3::Bucket\",\"ARN\":\"arn:aws:s3:::{bucket}\"}}"
            );
        }
        "dynamodb" => {
            let table = draw.mostly_first(&caller.tables);
            let keys = if event == "DescribeTable" { "" } else { ",\"key\":{\"id\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}" };
            let _ = write!(out, ",\"requestParameters\":{{\"tableName\":\"{table}\"{keys}}},\"responseElements\":null");
            let arn = format!("arn:aws:dynamodb:eu-west-1:{account}:table/{table}");
            let _ = write!(resources, "{{\"accountId\":\"{account}\",\"type\":\"AWS::DynamoDB::Table\",\"ARN\":\"{arn}\"}}");
        }
        "kms" => {
            let key = format!("arn:aws:kms:eu-west-1:{account}:key/{:08x}-1111-4222-8333-444444444444", caller.account);
            let _ = write!(
                out,
                ",\"requestParameters\":{{\"encryptionAlgorithm\":\"SYMMETRIC_DEFAULT\",\"encryptionContext\":{{\"PARAMETER_ARN\":\
                 \"arn:aws:ssm:eu-west-1:{account}:parameter/{}/password\"}}}},\"responseElements\":null",
                caller.name
            );
            let _ = write!(resources, "{{\"accountId\":\"{account}\",\"type\":\"AWS::KMS::Key\",\"ARN\":\"{key}\"}}");
        }
        "sts" if event == "AssumeRole" => {
            let role = format!("arn:aws:iam::{account}:role/{}-reader", caller.name);
            let _ = write!(
                out,
                ",\"requestParameters\":{{\"roleArn\":\"{role}\",\"roleSessionName\":\"s-{}\",\"durationSeconds\":3600}},\
                 \"responseElements\":{{\"credentials\":{{\"accessKeyId\":\"ASIA{}\",\"sessionToken\":\"{}\",\"expiration\":\"Oct {day}, 2026, \
                 10:00:00 AM\"}},\"assumedRoleUser\":{{\"assumedRoleId\":\"AROAX:s\",\"arn\":\"{role}/s\"}}}}",
                draw.hex(8),
                draw.capitals(16),
                draw.hex(300)
            );
            let _ = write!(resources, "{{\"accountId\":\"{account}\",\"type\":\"AWS::IAM::Role\",\"ARN\":\"{role}\"}}");
        }
        "ec2" => ec2(draw, event, out),
        "iam" => {
            let document = "{\\n  \\\"Version\\\": \\\"2012-10-17\\\",\\n  \\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\", \\\"Action\\\": [\\\"s3:GetObject\\\", \
                            \\\"s3:PutObject\\\"], \\\"Resource\\\": \\\"arn:aws:s3:::acme-media-0-staging/*\\\"}]\\n}";
            let _ = write!(
                out,
                ",\"requestParameters\":{{\"roleName\":\"{}-reader\",\"policyName\":\"inline\",\"policyDocument\":\"{document}\"}},\
                 \"responseElements\":null",
                caller.name
            );
        }
        _ => other(draw, caller, service, event, account, out),
    }
    if resources.is_empty() { resources } else { format!(",\"resources\":[{resources}]") }
}

fn ec2(draw: &mut Draw, event: &str, out: &mut String) {
    if event != "RunInstances" {
        let filter = "{\"name\":\"tag:Name\",\"valueSet\":{\"items\":[{\"value\":\"web\"}]}}";
        let _ = write!(
            out,
            ",\"requestParameters\":{{\"instancesSet\":{{}},\"filterSet\":{{\"items\":[{filter}]}}}},\"responseElements\":null"
        );
        return;
    }
    let _ = write!(
        out,
        ",\"requestParameters\":{{\"instancesSet\":{{\"items\":[{{\"imageId\":\"ami-0abcdef1234567890\",\"minCount\":1,\"maxCount\":1}}]}},\
         \"instanceType\":\"m6i.large\",\"subnetId\":\"subnet-0aa11bb22cc33dd44\"}},\"responseElements\":{{\"requestId\":\"{}\",\
         \"reservationId\":\"r-0{}\",\"instancesSet\":{{\"items\":[",
        draw.uuid(),
        draw.hex(16)
    );
    for place in 0..=draw.below(3) {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(
            out,
            "{comma}{{\"instanceId\":\"i-0{}\",\"imageId\":\"ami-0abcdef1234567890\",\"instanceState\":{{\"code\":0,\"name\":\"pending\"}},\
             \"instanceType\":\"m6i.large\",\"placement\":{{\"availabilityZone\":\"eu-west-1a\",\"tenancy\":\"default\"}},\"tagSet\":{{\"items\":\
             [{{\"key\":\"Name\",\"value\":\"web \\\"blue\\\"\"}},{{\"key\":\"team\",\"value\":\"caf\\u00e9\"}}]}},\"networkInterfaceSet\":\
             {{\"items\":[{{\"networkInterfaceId\":\"eni-0{}\",\"privateIpAddress\":\"10.0.{}.{}\",\"attachment\":{{\"status\":\"attaching\"}}}}]}}}}",
            draw.hex(16),
            draw.hex(16),
            draw.below(256),
            draw.below(256)
        );
    }
    out.push_str("]}}");
}

fn other(draw: &mut Draw, caller: &Caller, service: &str, event: &str, account: &str, out: &mut String) {
    let name = &caller.name;
    let (request, response) = match service {
        "lambda" => {
            (format!("{{\"functionName\":\"arn:aws:lambda:eu-west-1:{account}:function:{name}-handler\"}}"), "null".to_owned())
        }
        "logs" => (
            format!(
                "{{\"logGroupName\":\"/aws/lambda/{name}-handler\",\"logStreamName\":\"2026/10/01/[$LATEST]{}\"}}",
                draw.hex(32)
            ),
            "null".to_owned(),
        ),
        "secretsmanager" => (
            format!("{{\"secretId\":\"arn:aws:secretsmanager:eu-west-1:{account}:secret:{name}/db-AbCdEf\"}}"),
            "null".to_owned(),
        ),
        "sqs" => (
            format!("{{\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/{account}/{name}-queue\",\"maxNumberOfMessages\":10}}"),
            "null".to_owned(),
        ),
        "sns" => (
            format!(
                "{{\"topicArn\":\"arn:aws:sns:eu-west-1:{account}:{name}-topic\",\"message\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}}"
            ),
            format!("{{\"messageId\":\"{}\"}}", draw.uuid()),
        ),
        _ => (
            format!(
                "{{\"targetGroupArn\":\"arn:aws:elasticloadbalancing:eu-west-1:{account}:targetgroup/{name}/50dc6c495c0c9188\"}}"
            ),
            "null".to_owned(),
        ),
    };
    let request = if event == "GetCallerIdentity" { "null".to_owned() } else { request };
    let _ = write!(out, ",\"requestParameters\":{request},\"responseElements\":{response}");
}
