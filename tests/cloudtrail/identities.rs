//! Every userIdentity type.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tightfit::access::inventory::Fact;
use tightfit::access::observation::{Reject, Undecided};
use tightfit::access::request::Request;
use tightfit::catalog::Catalog;
use tightfit::ingest::cloudtrail::decode_columns;
use tightfit::ingest::decoded::{Asked, End};

use super::made_up::{asked, decoded, line, record};

fn who(user: Value) -> String {
    asked(&record("s3", "ListBuckets", json!({"userIdentity": user})))[0].identity.to_string()
}

#[test]
fn every_type_has_its_identity() {
    let issuer = |kind: &str, arn: &str| json!({"sessionIssuer": {"type": kind, "arn": arn, "accountId": "1", "userName": "n"}});
    let session = "arn:aws:sts::1:assumed-role/app/s";
    for (user, expected) in [
        (
            json!({"type": "AssumedRole", "arn": session, "sessionContext": issuer("Role", "arn:aws:iam::1:role/svc/app")}),
            "arn:aws:iam::1:role/svc/app",
        ),
        (json!({"type": "AssumedRole", "arn": session, "sessionContext": {"sessionIssuer": {}}}), "arn:aws:iam::1:role/app"),
        (json!({"type": "AssumedRole", "arn": session}), "arn:aws:iam::1:role/app"),
        (
            json!({"type": "AssumedRole", "accountId": "1", "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "n"}}}),
            "arn:aws:iam::1:role/n",
        ),
        (
            json!({"type": "AssumedRole", "arn": session, "sessionContext": issuer("IAMUser", "arn:aws:iam::1:user/u")}),
            "arn:aws:iam::1:user/u",
        ),
        (
            json!({"type": "AssumedRole", "arn": session, "sessionContext": issuer("Root", "arn:aws:iam::1:root")}),
            "arn:aws:iam::1:root",
        ),
        (
            json!({"type": "AssumedRole", "sessionContext": issuer("Role", "arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/R")}),
            "arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/R",
        ),
        (json!({"type": "Role", "arn": "arn:aws-cn:iam::1:role/p/r"}), "arn:aws-cn:iam::1:role/p/r"),
        (json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/team/bob", "userName": "bob"}), "arn:aws:iam::1:user/team/bob"),
        (json!({"type": "IAMUser", "accountId": "1", "userName": "bob"}), "arn:aws:iam::1:user/bob"),
        (json!({"type": "Root", "accountId": "1", "arn": "arn:aws:iam::1:root"}), "arn:aws:iam::1:root"),
        (
            json!({"type": "FederatedUser", "accountId": "1", "arn": "arn:aws:sts::1:federated-user/f"}),
            "arn:aws:sts::1:federated-user/f",
        ),
        (json!({"type": "FederatedUser", "accountId": "1", "principalId": "1:f"}), "arn:aws:sts::1:federated-user/f"),
        (
            json!({"type": "IdentityCenterUser", "accountId": "1", "onBehalfOf": {"userId": "u-1"}}),
            "aws:1/identity-center-user/u-1",
        ),
        (json!({"type": "SAMLUser", "principalId": "p", "userName": "s"}), "aws:111122223333/saml/s"),
        (
            json!({"type": "WebIdentityUser", "identityProvider": "accounts.google.com", "principalId": "accounts.google.com:aud:s"}),
            "aws:111122223333/web-identity/accounts.google.com aud:s",
        ),
        (json!({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}), "aws:/aws-service/lambda.amazonaws.com"),
        (json!({"type": "AWSService"}), "aws:/aws-service/s3.amazonaws.com"),
        (json!({"invokedBy": "AWS Internal"}), "aws:/aws-service/AWS Internal"),
        (json!({"type": "AWSAccount", "accountId": "2", "principalId": "AIDA"}), "aws:2/aws-account/2"),
        (json!({"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}), "aws:/aws-account/anonymous"),
        (json!({"type": "Directory", "accountId": "1", "userName": "d"}), "aws:1/other/Directory d"),
        (json!({"type": "Unknown", "principalId": "p"}), "aws:111122223333/other/Unknown p"),
        (json!({"type": "Novel"}), "aws:111122223333/other/Novel"),
    ] {
        assert_eq!(who(user.clone()), expected, "{user}");
    }
}

#[test]
fn no_identity_is_undecided_and_no_text_is_rejected() {
    // Both would print as `aws:1/role/admin/...`, which is a role.
    let forged = [
        json!({"type": "AWSAccount", "accountId": "1/role/admin"}),
        json!({"type": "FederatedUser", "arn": "arn:aws:1/role/admin:sts::2:federated-user/x", "accountId": "a:b"}),
    ];
    let missing = [json!(null), json!({}), json!({"type": "AssumedRole"}), json!({"type": "IAMUser"})];
    for user in missing.into_iter().chain(forged) {
        let end = decoded(&record("s3", "ListBuckets", json!({"userIdentity": user}))).end;
        assert!(matches!(end, End::Undecided { why: Undecided::IdentityUnknown(_), .. }), "{user}: {end:?}");
    }
    for (user, detail) in [
        (json!({"type": 7}), "userIdentity.type: expected text, found a number"),
        (json!([]), "userIdentity: expected an object, found a list"),
        (json!("x"), "userIdentity: expected an object, found text"),
        (
            json!({"type": "IAMUser", "sessionContext": {"sessionIssuer": {"arn": {}}}}),
            "userIdentity.sessionContext.sessionIssuer.arn: expected text, found an object",
        ),
    ] {
        let end = decoded(&record("s3", "ListBuckets", json!({"userIdentity": user}))).end;
        assert_eq!(end, End::Rejected { reject: Reject::Field, detail: detail.to_owned() });
    }
}

fn context(asked: &Asked) -> BTreeMap<String, Vec<String>> {
    let Request::Aws(request) = &asked.request else { panic!("no AWS request") };
    request.context.clone()
}

#[test]
fn a_call_through_a_service_is_the_callers() {
    let mut forwarded = record("kms", "Decrypt", json!({"resources": [{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/k"}]}));
    forwarded["userIdentity"]["invokedBy"] = json!("s3.amazonaws.com");
    let asked = asked(&forwarded);
    assert_eq!(line(&asked[0]), "kms:Decrypt arn:aws:kms:eu-west-1:111122223333:key/k");
    assert_eq!(asked[0].identity.to_string(), "arn:aws:iam::111122223333:role/svc/app");
    let context = context(&asked[0]);
    assert_eq!(context["aws:ViaAWSService"], ["true"]);
    assert_eq!(context["aws:CalledVia"], ["s3.amazonaws.com"]);
    assert_eq!(context["kms:ViaService"], ["s3.eu-west-1.amazonaws.com"]);
}

#[test]
fn a_service_accounts_token_shows_its_role() {
    let provider = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/X";
    let subject = "system:serviceaccount:shop:web";
    let assume = record(
        "sts",
        "AssumeRoleWithWebIdentity",
        json!({
        "userIdentity": {"type": "WebIdentityUser", "identityProvider": provider, "userName": subject,
            "principalId": format!("{provider}:sts.amazonaws.com:{subject}")},
        "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/web"}}),
    );
    let asked = asked(&assume);
    assert_eq!(line(&asked[0]), "sts:AssumeRoleWithWebIdentity arn:aws:iam::111122223333:role/web");
    let context = context(&asked[0]);
    assert_eq!(context["oidc.eks.eu-west-1.amazonaws.com/id/X:sub"], [subject]);
    assert_eq!(context["oidc.eks.eu-west-1.amazonaws.com/id/X:aud"], ["sts.amazonaws.com"]);
    let role_arn = "arn:aws:iam::111122223333:role/web".to_owned();
    let fact = Fact::ServiceAccountRole { namespace: "shop".to_owned(), name: "web".to_owned(), role_arn };
    assert_eq!(decoded(&assume).facts, [fact]);
}

#[test]
fn an_external_id_and_a_prefix_are_context() {
    let assume =
        record("sts", "AssumeRole", json!({"requestParameters": {"roleArn": "arn:aws:iam::2:role/r", "externalId": "x"}}));
    assert_eq!(context(&asked(&assume)[0])["sts:ExternalId"], ["x"]);
    let list = record("s3", "ListObjects", json!({"requestParameters": {"bucketName": "b", "prefix": "in/"}}));
    assert_eq!(context(&asked(&list)[0])["s3:prefix"], ["in/"]);
    let bare = record("s3", "ListObjects", json!({"requestParameters": {"bucketName": "b"}}));
    assert!(!context(&asked(&bare)[0]).contains_key("s3:prefix"));
}

#[test]
fn a_table_row_is_its_record() {
    let row = |user: &str| -> BTreeMap<String, String> {
        [
            ("eventsource", "dynamodb.amazonaws.com"),
            ("eventname", "GetItem"),
            ("eventtime", "2026-01-02T03:04:05Z"),
            ("awsregion", "eu-west-1"),
            ("recipientaccountid", "1"),
            ("eventid", "e"),
            ("errorcode", "null"),
            ("managementevent", "false"),
            ("requestparameters", r#"{"tableName":"t"}"#),
            ("resources", "null"),
            ("useridentity", user),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into()
    };
    let user = "{type=AssumedRole, principalid=A:s, arn=arn:aws:sts::1:assumed-role/app/s, accountid=1, invokedby=null, sessioncontext=\
                {attributes={mfaauthenticated=false}, sessionissuer={type=Role, principalid=A, arn=arn:aws:iam::1:role/svc/app, accountid=1, username=app}}}";
    let End::Observed(asked) = decode_columns(&row(user), Catalog::embedded()).end else { panic!("not observed") };
    assert_eq!(line(&asked[0]), "dynamodb:GetItem arn:aws:dynamodb:eu-west-1:1:table/t");
    assert_eq!(asked[0].identity.to_string(), "arn:aws:iam::1:role/svc/app");
    let forged = decode_columns(&row("{type=IAMUser, username=x, arn=arn:aws:iam::1:user/root, type=Root}"), Catalog::embedded());
    assert!(matches!(forged.end, End::Rejected { reject: Reject::Field, .. }));
    assert!(matches!(decode_columns(&BTreeMap::new(), Catalog::embedded()).end, End::Rejected { reject: Reject::Field, .. }));
}

#[test]
fn a_lower_case_export_is_its_record() {
    let exported = json!({"eventsource": "s3.amazonaws.com", "eventname": "GetObject", "eventtime": "2026-01-02T03:04:05Z", "awsregion": "eu-west-1",
        "useridentity": {"type": "IAMUser", "username": "bob", "accountid": "1"}, "requestparameters": {"bucketName": "b", "key": "k"}});
    assert_eq!(line(&asked(&exported)[0]), "s3:GetObject arn:aws:s3:::b/k");
    assert_eq!(asked(&exported)[0].identity.to_string(), "arn:aws:iam::1:user/bob");
    let mut forged = exported;
    forged["eventID"] = json!("a");
    forged["eventid"] = json!("b");
    assert!(matches!(decoded(&forged).end, End::Rejected { reject: Reject::Field, .. }));
}
