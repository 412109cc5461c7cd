//! Which resources a record shows: storage, messages, functions, keys, identities.

use serde_json::{Value, json};
use tightfit::access::inventory::Fact;
use tightfit::access::observation::Basis;

use super::made_up::{asked, decoded, lines, record};

/// Each row: event, fields of the record, what IAM was asked.
pub(super) fn check(source: &str, rows: &[(&str, Value, &[&str])]) {
    for (event, more, expected) in rows {
        let mut found = lines(&record(source, event, more.clone()));
        let mut expected: Vec<String> = expected.iter().map(|line| line.replace("HERE", "eu-west-1:111122223333")).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{source} {event} {more}");
    }
}

pub(super) fn with(request: Value) -> Value {
    json!({ "requestParameters": request })
}

#[test]
fn s3() {
    check(
        "s3",
        &[
            ("GetObject", with(json!({"bucketName": "b", "key": "a/b:c d"})), &["s3:GetObject arn:aws:s3:::b/a/b:c d"]),
            (
                "GetObject",
                with(json!({"bucketName": "b", "key": "k", "versionId": "v"})),
                &["s3:GetObjectVersion arn:aws:s3:::b/k"],
            ),
            ("HeadObject", with(json!({"bucketName": "b", "key": "k"})), &["s3:GetObject arn:aws:s3:::b/k"]),
            ("ListObjectsV2", with(json!({"bucketName": "b"})), &["s3:ListBucket arn:aws:s3:::b"]),
            ("ListBuckets", json!({}), &["s3:ListAllMyBuckets *"]),
            (
                "PutObject",
                with(json!({"bucketName": "b", "key": "k", "x-amz-acl": "private"})),
                &["s3:PutObject arn:aws:s3:::b/k", "s3:PutObjectAcl arn:aws:s3:::b/k"],
            ),
            ("CreateMultipartUpload", with(json!({"bucketName": "b", "key": "k"})), &["s3:PutObject arn:aws:s3:::b/k"]),
            ("ListParts", with(json!({"bucketName": "b", "key": "k"})), &["s3:ListMultipartUploadParts arn:aws:s3:::b/k"]),
            (
                "CopyObject",
                with(json!({"bucketName": "b", "key": "k", "x-amz-copy-source": "/from/a%20b"})),
                &["s3:GetObject arn:aws:s3:::from/a b", "s3:PutObject arn:aws:s3:::b/k"],
            ),
            (
                "CopyObject",
                with(json!({"bucketName": "b", "key": "k", "x-amz-copy-source": "from/a?versionId=1"})),
                &["s3:GetObjectVersion arn:aws:s3:::from/a", "s3:PutObject arn:aws:s3:::b/k"],
            ),
            ("DeleteObjects", with(json!({"bucketName": "b", "delete": ""})), &["s3:DeleteObject arn:aws:s3:::b/*"]),
            (
                "GetObject",
                with(json!({"bucketName": "arn:aws:s3:us-east-1:2:accesspoint/ap", "key": "k"})),
                &["s3:GetObject arn:aws:s3:us-east-1:2:accesspoint/ap/object/k"],
            ),
            ("GetPublicAccessBlock", with(json!({"bucketName": "b"})), &["s3:GetBucketPublicAccessBlock arn:aws:s3:::b"]),
            ("GetPublicAccessBlock", with(json!({"accountId": "1"})), &["s3:GetAccountPublicAccessBlock *"]),
            ("GetObject", json!({}), &["s3:GetObject ?"]),
        ],
    );
    let china = json!({"awsRegion": "cn-north-1", "userIdentity": {"type": "AWSAccount", "accountId": "2"}, "requestParameters": {"bucketName": "b"}});
    check("s3", &[("ListObjects", china, &["s3:ListBucket arn:aws-cn:s3:::b"])]);
}

#[test]
fn dynamodb() {
    let table = "arn:aws:dynamodb:HERE:table/t";
    check(
        "dynamodb",
        &[
            ("GetItem", with(json!({"tableName": "t"})), &[&format!("dynamodb:GetItem {table}")]),
            (
                "GetItem",
                with(json!({"tableName": "arn:aws:dynamodb:us-east-1:444455556666:table/t"})),
                &["dynamodb:GetItem arn:aws:dynamodb:us-east-1:444455556666:table/t"],
            ),
            ("Query", with(json!({"tableName": "t", "indexName": "i"})), &[&format!("dynamodb:Query {table}/index/i")]),
            (
                "Query",
                json!({"requestParameters": {"tableName": "t", "indexName": "i"}, "resources": [{"ARN": "arn:aws:dynamodb:eu-west-1:111122223333:table/t"}]}),
                &[&format!("dynamodb:Query {table}/index/i")],
            ),
            (
                "BatchGetItem",
                with(json!({"requestItems": {"t": {}, "u": {}}})),
                &[&format!("dynamodb:BatchGetItem {table}"), "dynamodb:BatchGetItem arn:aws:dynamodb:HERE:table/u"],
            ),
            (
                "TransactWriteItems",
                with(json!({"transactItems": [{"put": {"tableName": "t"}}, {"conditionCheck": {"tableName": "u"}}]})),
                &[&format!("dynamodb:PutItem {table}"), "dynamodb:ConditionCheckItem arn:aws:dynamodb:HERE:table/u"],
            ),
            (
                "TransactGetItems",
                json!({"resources": [{"ARN": "arn:aws:dynamodb:eu-west-1:111122223333:table/t"}]}),
                &[&format!("dynamodb:GetItem {table}")],
            ),
            (
                "ExecuteStatement",
                with(json!({"statement": "SELECT * FROM \"t\".\"i\" WHERE a = ?"})),
                &[&format!("dynamodb:PartiQLSelect {table}/index/i")],
            ),
            (
                "ExecuteStatement",
                with(json!({"statement": "insert into t value {}"})),
                &[&format!("dynamodb:PartiQLInsert {table}")],
            ),
            ("ListTables", json!({}), &["dynamodb:ListTables *"]),
        ],
    );
    for hidden in [json!({}), with(json!({"statement": "HIDDEN"})), with(json!({"statement": "SELECT * FROM \"t"}))] {
        let end = decoded(&record("dynamodb", "ExecuteStatement", hidden.clone())).end;
        assert!(matches!(end, tightfit::ingest::decoded::End::Undecided { .. }), "{hidden}: {end:?}");
    }
    check(
        "streams.dynamodb",
        &[(
            "GetRecords",
            json!({"resources": [{"ARN": "arn:aws:dynamodb:eu-west-1:1:table/t/stream/x"}]}),
            &["dynamodb:GetRecords arn:aws:dynamodb:eu-west-1:1:table/t/stream/x"],
        )],
    );
}

#[test]
fn queues_and_topics() {
    check(
        "sqs",
        &[
            (
                "SendMessage",
                with(json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/444455556666/q.fifo"})),
                &["sqs:SendMessage arn:aws:sqs:eu-west-1:444455556666:q.fifo"],
            ),
            (
                "SendMessageBatch",
                with(json!({"queueUrl": "https://queue.amazonaws.com/111122223333/q"})),
                &["sqs:SendMessage arn:aws:sqs:HERE:q"],
            ),
            ("CreateQueue", with(json!({"queueName": "q"})), &["sqs:CreateQueue arn:aws:sqs:HERE:q"]),
            ("SendMessage", with(json!({"queueUrl": "nonsense"})), &["sqs:SendMessage ?"]),
            ("ListQueues", json!({}), &["sqs:ListQueues *"]),
        ],
    );
    check(
        "sns",
        &[
            ("Publish", with(json!({"topicArn": "arn:aws:sns:us-east-1:2:t"})), &["sns:Publish arn:aws:sns:us-east-1:2:t"]),
            ("Publish", with(json!({"targetArn": "arn:aws:sns:us-east-1:2:t"})), &["sns:Publish arn:aws:sns:us-east-1:2:t"]),
            ("Publish", with(json!({"phoneNumber": "x"})), &["sns:Publish ?"]),
            ("CreateTopic", with(json!({"name": "t"})), &["sns:CreateTopic arn:aws:sns:HERE:t"]),
            (
                "Unsubscribe",
                with(json!({"subscriptionArn": "arn:aws:sns:us-east-1:2:t:id"})),
                &["sns:Unsubscribe arn:aws:sns:us-east-1:2:t"],
            ),
        ],
    );
}

#[test]
fn lambda() {
    let function = "arn:aws:lambda:HERE:function:f";
    check(
        "lambda",
        &[
            ("Invoke", with(json!({"functionName": "f"})), &[&format!("lambda:InvokeFunction {function}")]),
            (
                "Invoke",
                with(json!({"functionName": "f", "qualifier": "live"})),
                &[&format!("lambda:InvokeFunction {function}:live")],
            ),
            ("Invoke", with(json!({"functionName": "f:live"})), &[&format!("lambda:InvokeFunction {function}:live")]),
            (
                "Invoke",
                with(json!({"functionName": "444455556666:function:f"})),
                &["lambda:InvokeFunction arn:aws:lambda:eu-west-1:444455556666:function:f"],
            ),
            (
                "Invoke",
                with(json!({"functionName": "arn:aws:lambda:us-east-1:2:function:f:7"})),
                &["lambda:InvokeFunction arn:aws:lambda:us-east-1:2:function:f:7"],
            ),
            (
                "CreateFunction20150331",
                with(json!({"functionName": "f", "role": "arn:aws:iam::111122223333:role/r"})),
                &[&format!("lambda:CreateFunction {function}"), "iam:PassRole arn:aws:iam::111122223333:role/r"],
            ),
            (
                "GetLayerVersion20181031",
                with(json!({"layerName": "l", "versionNumber": 3})),
                &["lambda:GetLayerVersion arn:aws:lambda:HERE:layer:l:3"],
            ),
            ("ListFunctions20150331", json!({}), &["lambda:ListFunctions *"]),
        ],
    );
}

#[test]
fn keys_and_secrets() {
    let key = "arn:aws:kms:HERE:key/k-1";
    let listed = "arn:aws:kms:eu-west-1:111122223333:key/k-1";
    check(
        "kms",
        &[
            (
                "Decrypt",
                json!({"requestParameters": {"keyId": "alias/app"}, "resources": [{"ARN": listed}]}),
                &[&format!("kms:Decrypt {key}")],
            ),
            ("Encrypt", with(json!({"keyId": "k-1"})), &[&format!("kms:Encrypt {key}")]),
            ("Encrypt", with(json!({"keyId": listed})), &[&format!("kms:Encrypt {key}")]),
            ("Encrypt", with(json!({"keyId": "alias/app"})), &["kms:Encrypt ?"]),
            ("Encrypt", with(json!({"keyId": "arn:aws:kms:eu-west-1:111122223333:alias/app"})), &["kms:Encrypt ?"]),
            (
                "CreateAlias",
                with(json!({"aliasName": "alias/app", "targetKeyId": "k-1"})),
                &["kms:CreateAlias arn:aws:kms:HERE:alias/app", &format!("kms:CreateAlias {key}")],
            ),
            (
                "ReEncrypt",
                json!({"requestParameters": {"sourceKeyId": "k-2", "destinationKeyId": "k-1"}, "resources": [{"ARN": listed}, {"ARN": "arn:aws:kms:eu-west-1:111122223333:key/k-2"}]}),
                &["kms:ReEncryptFrom arn:aws:kms:HERE:key/k-2", &format!("kms:ReEncryptTo {key}")],
            ),
            ("ListKeys", json!({}), &["kms:ListKeys *"]),
        ],
    );
    let by_alias = record("kms", "Encrypt", json!({"requestParameters": {"keyId": "alias/app"}, "resources": [{"ARN": listed}]}));
    let alias_arn = "arn:aws:kms:eu-west-1:111122223333:alias/app".to_owned();
    assert_eq!(decoded(&by_alias).facts, [Fact::KeyAlias { alias_arn, key_arn: listed.to_owned() }]);
    let whole = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/db-AbC123";
    check(
        "secretsmanager",
        &[
            ("GetSecretValue", with(json!({"secretId": whole})), &[&format!("secretsmanager:GetSecretValue {whole}")]),
            (
                "GetSecretValue",
                with(json!({"secretId": "app/db"})),
                &["secretsmanager:GetSecretValue arn:aws:secretsmanager:HERE:secret:app/db-??????"],
            ),
            (
                "PutSecretValue",
                json!({"requestParameters": {"secretId": "app/db"}, "responseElements": {"arn": whole}}),
                &[&format!("secretsmanager:PutSecretValue {whole}")],
            ),
            ("ListSecrets", json!({}), &["secretsmanager:ListSecrets *"]),
        ],
    );
    let named = asked(&record("secretsmanager", "GetSecretValue", with(json!({"secretId": "app/db"}))));
    assert!(matches!(&named[0].basis, Basis::Implied(why) if why.contains("six characters")));
}

#[test]
fn ssm() {
    check(
        "ssm",
        &[
            ("GetParameter", with(json!({"name": "/app/db"})), &["ssm:GetParameter arn:aws:ssm:HERE:parameter/app/db"]),
            ("GetParameter", with(json!({"name": "plain:3"})), &["ssm:GetParameter arn:aws:ssm:HERE:parameter/plain"]),
            (
                "GetParameters",
                with(json!({"names": ["/a", "b"]})),
                &["ssm:GetParameters arn:aws:ssm:HERE:parameter/a", "ssm:GetParameters arn:aws:ssm:HERE:parameter/b"],
            ),
            ("GetParametersByPath", with(json!({"path": "/app"})), &["ssm:GetParametersByPath arn:aws:ssm:HERE:parameter/app"]),
            (
                "SendCommand",
                with(json!({"documentName": "AWS-RunShellScript", "instanceIds": ["i-1", "mi-2"]})),
                &[
                    "ssm:SendCommand arn:aws:ec2:HERE:instance/i-1",
                    "ssm:SendCommand arn:aws:ssm:HERE:managed-instance/mi-2",
                    "ssm:SendCommand arn:aws:ssm:eu-west-1::document/AWS-RunShellScript",
                ],
            ),
            ("GetDocument", with(json!({"name": "mine"})), &["ssm:GetDocument arn:aws:ssm:HERE:document/mine"]),
            ("StartSession", with(json!({"target": "i-1"})), &["ssm:StartSession arn:aws:ec2:HERE:instance/i-1"]),
            ("DescribeParameters", json!({}), &["ssm:DescribeParameters *"]),
        ],
    );
}

#[test]
fn iam_and_sts() {
    check(
        "iam",
        &[
            (
                "CreateRole",
                json!({"requestParameters": {"roleName": "r", "path": "/svc/"}}),
                &["iam:CreateRole arn:aws:iam::111122223333:role/svc/r"],
            ),
            ("GetRole", with(json!({"roleName": "r"})), &["iam:GetRole arn:aws:iam::111122223333:role/r"]),
            (
                "GetRole",
                json!({"requestParameters": {"roleName": "r"}, "responseElements": {"role": {"arn": "arn:aws:iam::111122223333:role/p/r"}}}),
                &["iam:GetRole arn:aws:iam::111122223333:role/p/r"],
            ),
            (
                "AttachRolePolicy",
                with(json!({"roleName": "r", "policyArn": "arn:aws:iam::aws:policy/X"})),
                &["iam:AttachRolePolicy arn:aws:iam::111122223333:role/r"],
            ),
            (
                "GetPolicy",
                with(json!({"policyArn": "arn:aws:iam::aws:policy/p/X"})),
                &["iam:GetPolicy arn:aws:iam::aws:policy/p/X"],
            ),
            (
                "CreateInstanceProfile",
                with(json!({"instanceProfileName": "p"})),
                &["iam:CreateInstanceProfile arn:aws:iam::111122223333:instance-profile/p"],
            ),
            (
                "AddUserToGroup",
                with(json!({"groupName": "g", "userName": "u"})),
                &["iam:AddUserToGroup arn:aws:iam::111122223333:group/g"],
            ),
            (
                "ListAccessKeys",
                json!({"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/team/bob"}}),
                &["iam:ListAccessKeys arn:aws:iam::111122223333:user/team/bob"],
            ),
            (
                "CreateServiceLinkedRole",
                with(json!({"aWSServiceName": "x.amazonaws.com"})),
                &["iam:CreateServiceLinkedRole arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/*"],
            ),
            ("ListRoles", json!({}), &["iam:ListRoles *"]),
        ],
    );
    let unsure = asked(&record("iam", "GetRole", with(json!({"roleName": "r"}))));
    assert!(matches!(&unsure[0].basis, Basis::Implied(why) if why.contains("path")));
    check(
        "sts",
        &[
            ("AssumeRole", with(json!({"roleArn": "arn:aws:iam::2:role/p/r"})), &["sts:AssumeRole arn:aws:iam::2:role/p/r"]),
            (
                "GetFederationToken",
                with(json!({"name": "f"})),
                &["sts:GetFederationToken arn:aws:sts::111122223333:federated-user/f"],
            ),
        ],
    );
}

#[test]
fn a_copy_does_not_write_its_source() {
    let both = json!([
        {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::to/k"}, {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::from/k"},
        {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::to"},
    ]);
    let request = json!({"bucketName": "to", "key": "k", "x-amz-copy-source": "from/k"});
    let expected: &[&str] = &["s3:GetObject arn:aws:s3:::from/k", "s3:PutObject arn:aws:s3:::to/k"];
    check("s3", &[("CopyObject", json!({"requestParameters": request, "resources": both}), expected)]);
    let itself = json!({"bucketName": "to", "key": "k", "x-amz-copy-source": "to/k", "x-amz-tagging": "a=b"});
    let expected: &[&str] =
        &["s3:GetObject arn:aws:s3:::to/k", "s3:PutObject arn:aws:s3:::to/k", "s3:PutObjectTagging arn:aws:s3:::to/k"];
    check("s3", &[("CopyObject", with(itself), expected)]);
}

#[test]
fn what_a_client_wrote_into_a_text_names_nothing() {
    let admin = "arn:aws:iam::111122223333:role/admin";
    check(
        "iam",
        &[(
            "CreateRole",
            json!({"requestParameters": {"roleName": "r", "description": admin},
                "responseElements": {"role": {"arn": "arn:aws:iam::111122223333:role/r", "description": admin}}}),
            &["iam:CreateRole arn:aws:iam::111122223333:role/r"],
        )],
    );
    let (own, other) = ("arn:aws:lambda:HERE:function:f", "arn:aws:lambda:eu-west-1:111122223333:function:other");
    let request = json!({"functionName": own.replace("HERE", "eu-west-1:111122223333"), "description": other});
    let expected = format!("lambda:UpdateFunctionConfiguration {own}");
    check("lambda", &[("UpdateFunctionConfiguration20150331v2", with(request), &[&expected])]);
}

#[test]
fn a_keyword_inside_quotes_names_no_table() {
    let table = "arn:aws:dynamodb:HERE:table";
    for statement in
        ["SELECT 'x FROM admin y' FROM orders", "SELECT \"x FROM admin y\" FROM orders", "SELECT 'it''s FROM admin' FROM orders"]
    {
        let expected = format!("dynamodb:PartiQLSelect {table}/orders");
        check("dynamodb", &[("ExecuteStatement", with(json!({"statement": statement})), &[&expected])]);
    }
    for statement in ["SELECT a -- FROM admin\nFROM orders", "SELECT a /* FROM admin */ FROM orders", "SELECT 'a FROM admin"] {
        let end = decoded(&record("dynamodb", "ExecuteStatement", with(json!({"statement": statement})))).end;
        assert!(matches!(end, tightfit::ingest::decoded::End::Undecided { .. }), "{statement}: {end:?}");
    }
}

#[test]
fn a_session_with_tags_and_a_source_identity_asks_for_them() {
    let arn = "arn:aws:iam::111122223333:role/r";
    let request = json!({"roleArn": arn, "tags": [{"key": "a", "value": "b"}], "sourceIdentity": "alice"});
    let expected = ["AssumeRole", "SetSourceIdentity", "TagSession"].map(|action| format!("sts:{action} {arn}"));
    check("sts", &[("AssumeRole", with(request), &expected.each_ref().map(String::as_str))]);
    let expected: &[&str] = &[&format!("sts:AssumeRole {arn}")];
    check("sts", &[("AssumeRole", with(json!({"roleArn": arn, "tags": []})), expected)]);
}

#[test]
fn a_name_that_no_bucket_has_is_evidence_of_nothing() {
    let request = json!({"bucketName": "a:b", "key": "k"});
    let failed = record("s3", "PutObject", json!({"requestParameters": request, "errorCode": "InvalidBucketName"}));
    assert_eq!(asked(&failed)[0].outcome, tightfit::access::observation::Outcome::Unknown);
}

#[test]
fn a_key_that_begins_as_an_arn_is_a_key() {
    let key = "arn:aws:s3:::other/x";
    let expected = format!("s3:GetObject arn:aws:s3:::b/{key}");
    check("s3", &[("GetObject", with(json!({"bucketName": "b", "key": key})), &[&expected])]);
    let name = "arn:aws:iam::aws:policy/p";
    let expected = format!("dynamodb:GetItem arn:aws:dynamodb:HERE:table/{name}");
    check("dynamodb", &[("GetItem", with(json!({"tableName": name})), &[&expected])]);
}
