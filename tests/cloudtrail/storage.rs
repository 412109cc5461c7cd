//! S3 whole. Expectations are of the pages "Required permissions for Amazon S3 API operations" and "API operations defined by
//! Amazon S3": <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_s3.html>.

use serde_json::{Value, json};
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::request::Request;

use super::made_up::{asked, line, lines, record};
use super::resources::{check, with};

const OBJECT: &str = "arn:aws:s3:::b/k";

fn object(more: Value) -> Value {
    let mut request = json!({"bucketName": "b", "key": "k"});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    with(request)
}

#[test]
fn an_upload_asks_for_what_its_headers_set() {
    let on = |action: &str| format!("s3:{action} {OBJECT}");
    let all = ["PutObject", "PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging"].map(on);
    let headers = json!({"x-amz-grant-read": "id=1", "x-amz-tagging": "a=b", "x-amz-object-lock-legal-hold": "ON", "x-amz-object-lock-mode": "GOVERNANCE"});
    for event in ["PutObject", "CreateMultipartUpload"] {
        check("s3", &[(event, object(headers.clone()), &all.each_ref().map(String::as_str))]);
    }
    let listed = json!({"accessControlList": {"x-amz-acl": "public-read"}});
    check("s3", &[("PutObject", object(listed), &[&on("PutObject"), &on("PutObjectAcl")])]);
    for event in ["UploadPart", "CompleteMultipartUpload"] {
        check("s3", &[(event, object(json!({"uploadId": "u", "partNumber": "1"})), &[&on("PutObject")])]);
    }
    check(
        "s3",
        &[
            ("AbortMultipartUpload", object(json!({"uploadId": "u"})), &[&on("AbortMultipartUpload")]),
            ("ListParts", object(json!({"uploadId": "u"})), &[&on("ListMultipartUploadParts")]),
            ("ListMultipartUploads", with(json!({"bucketName": "b"})), &["s3:ListBucketMultipartUploads arn:aws:s3:::b"]),
            ("RestoreObject", object(json!({})), &[&on("RestoreObject")]),
            ("SelectObjectContent", object(json!({})), &[&on("GetObject")]),
            ("GetObjectAttributes", object(json!({})), &[&on("GetObject"), &on("GetObjectAttributes")]),
            ("GetObjectTagging", object(json!({"versionId": "v"})), &[&on("GetObjectVersionTagging")]),
            ("GetObjectAcl", object(json!({"versionId": "null"})), &[&on("GetObjectAcl")]),
        ],
    );
}

#[test]
fn deletions_name_versions_and_governed_retentions() {
    let on = |action: &str| format!("s3:{action} {OBJECT}");
    let bypass = json!({"versionId": "v", "x-amz-bypass-governance-retention": "true"});
    check(
        "s3",
        &[
            ("DeleteObject", object(bypass.clone()), &[&on("DeleteObjectVersion"), &on("BypassGovernanceRetention")]),
            ("PutObjectRetention", object(bypass), &[&on("PutObjectRetention"), &on("BypassGovernanceRetention")]),
            (
                "DeleteObjects",
                with(json!({"bucketName": "b", "delete": {"object": [{"key": "k", "versionId": "v"}]}})),
                &[&on("DeleteObject"), &on("DeleteObjectVersion")],
            ),
            ("DeleteObjects", with(json!({"bucketName": "b", "delete": ""})), &["s3:DeleteObject arn:aws:s3:::b/*"]),
        ],
    );
}

#[test]
fn a_bucket_is_made_with_what_its_headers_set() {
    let on = |action: &str| format!("s3:{action} arn:aws:s3:::b");
    let bucket = |name: &str, value: &str| with(json!({"bucketName": "b", name: value}));
    check(
        "s3",
        &[
            ("CreateBucket", bucket("x-amz-acl", "private"), &[&on("CreateBucket")]),
            ("CreateBucket", bucket("x-amz-acl", "public-read"), &[&on("CreateBucket"), &on("PutBucketAcl")]),
            (
                "CreateBucket",
                bucket("x-amz-object-ownership", "ObjectWriter"),
                &[&on("CreateBucket"), &on("PutBucketOwnershipControls")],
            ),
            (
                "CreateBucket",
                bucket("x-amz-bucket-object-lock-enabled", "true"),
                &[&on("CreateBucket"), &on("PutBucketObjectLockConfiguration"), &on("PutBucketVersioning")],
            ),
        ],
    );
}

#[test]
fn a_copy_has_two_sides() {
    let copy = |more: Value| {
        let mut request = json!({"x-amz-copy-source": "from/a"});
        more.as_object().unwrap().iter().for_each(|(name, value)| request[name] = value.clone());
        object(request)
    };
    let put = format!("s3:PutObject {OBJECT}");
    let tagged = record("s3", "CopyObject", copy(json!({"x-amz-tagging-directive": "COPY"})));
    let mut found = lines(&tagged);
    found.sort();
    assert_eq!(
        found,
        [
            "s3:GetObject arn:aws:s3:::from/a",
            "s3:GetObjectTagging arn:aws:s3:::from/a",
            &put,
            &format!("s3:PutObjectTagging {OBJECT}")
        ]
    );
    let assumed = asked(&tagged).iter().filter(|asked| matches!(asked.basis, Basis::Assumed(_))).map(line).count();
    assert_eq!(assumed, 2);
    let session = "s3express:CreateSession arn:aws:s3express:HERE:bucket/d--euw1-az1--x-s3";
    let alias = format!("my-ap-{}-s3alias", "a".repeat(34));
    let point = "arn:aws:s3:eu-west-1:111122223333:accesspoint";
    check(
        "s3",
        &[
            ("CopyObject", copy(json!({})), &["s3:GetObject arn:aws:s3:::from/a", &put]),
            ("CopyObject", copy(json!({"x-amz-copy-source": "d--euw1-az1--x-s3/a"})), &[session, &put]),
            (
                "UploadPartCopy",
                copy(json!({"x-amz-copy-source": format!("{point}/ap/object/a")})),
                &[&format!("s3:GetObject {point}/ap/object/a"), &put],
            ),
            (
                "CopyObject",
                copy(json!({"x-amz-copy-source": format!("{alias}/a")})),
                &[&format!("s3:GetObject {point}/my-ap*/object/a"), &put],
            ),
        ],
    );
}

#[test]
fn buckets_that_are_none() {
    let point = "arn:aws:s3:eu-west-1:444455556666:accesspoint/ap";
    let regions = "arn:aws:s3::444455556666:accesspoint/x.mrap";
    let lambda = "arn:aws:s3-object-lambda:eu-west-1:444455556666:accesspoint/l";
    let alias = format!("my-ap-{}-s3alias", "a".repeat(34));
    let listed = json!([{"ARN": "arn:aws:s3:::b/k"}, {"ARN": "arn:aws:s3:::b", "accountId": "444455556666"}, {"ARN": point}]);
    let at = |bucket: &str| with(json!({"bucketName": bucket, "key": "k"}));
    check(
        "s3",
        &[
            (
                "GetObject",
                json!({"requestParameters": {"bucketName": "b", "key": "k"}, "resources": listed.clone()}),
                &[&format!("s3:GetObject {point}/object/k")],
            ),
            ("ListObjectsV2", json!({"resources": listed}), &[&format!("s3:ListBucket {point}")]),
            ("GetObject", at(point), &[&format!("s3:GetObject {point}/object/k")]),
            ("DeleteObjects", with(json!({"bucketName": point, "delete": ""})), &[&format!("s3:DeleteObject {point}/object/*")]),
            ("PutObject", at(regions), &[&format!("s3:PutObject {regions}/object/k")]),
            ("GetObject", at(lambda), &[&format!("s3-object-lambda:GetObject {lambda}")]),
            ("HeadObject", at(&alias), &["s3:GetObject arn:aws:s3:HERE:accesspoint/my-ap*/object/k"]),
            ("PutObject", at("d--euw1-az1--x-s3"), &["s3express:CreateSession arn:aws:s3express:HERE:bucket/d--euw1-az1--x-s3"]),
        ],
    );
    check(
        "s3express",
        &[
            (
                "CreateSession",
                with(json!({"bucketName": "d--euw1-az1--x-s3"})),
                &["s3express:CreateSession arn:aws:s3express:HERE:bucket/d--euw1-az1--x-s3"],
            ),
            (
                "CopyObject",
                with(json!({"bucketName": "d--euw1-az1--x-s3", "key": "k", "x-amz-copy-source": "from/a"})),
                &["s3:GetObject arn:aws:s3:::from/a", "s3express:CreateSession arn:aws:s3express:HERE:bucket/d--euw1-az1--x-s3"],
            ),
        ],
    );
}

#[test]
fn a_missing_object_is_evidence_for_listing() {
    for event in ["GetObject", "HeadObject", "GetObjectAttributes"] {
        let mut missing = object(json!({}));
        missing["errorCode"] = json!("NoSuchKey");
        let asked = asked(&record("s3", event, missing));
        let list = asked.iter().find(|asked| line(asked) == "s3:ListBucket arn:aws:s3:::b").expect(event);
        assert_eq!(list.outcome, Outcome::Allowed);
    }
}

#[test]
fn the_owner_of_a_bucket_stands_beside_its_arn() {
    let listed = json!({"requestParameters": {"bucketName": "b", "key": "k"},
        "resources": [{"ARN": "arn:aws:s3:::b/k"}, {"ARN": "arn:aws:s3:::b", "accountId": "444455556666"}]});
    let asked = asked(&record("s3", "GetObject", listed));
    let Request::Aws(request) = &asked[0].request else { panic!("no AWS request") };
    assert_eq!(request.context["aws:ResourceAccount"], ["444455556666"]);
}
