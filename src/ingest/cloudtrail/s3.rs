//! S3 events that ask for more than their own object: copies read a source, a missing object tells of the bucket, and buckets
//! that are none: directory buckets, access points, Object Lambda.

use serde_json::Value;

use super::record::Trail;
use super::resource::{Built, access_point, resources, text};
use super::want::Want;
use super::{identity, outcome};
use crate::access::aws::{Action, Arn, Resource, Text};
use crate::access::observation::Outcome;
use crate::catalog::Catalog;
use crate::ingest::percent;

const MISSING: &str = "a missing object answers 404 only to those who may list the bucket";
const COPY_SOURCE: &str = "a copy reads its source";
const COPY_TAGS: &str = "a copy that keeps its source's tags reads and writes them, where there are any";

/// How the name of a directory bucket ends.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html>
const DIRECTORY: &str = "--x-s3";

/// The source under which the event is authorized: a directory bucket's and Object Lambda's calls have prefixes of their own,
/// wherever they are recorded.
pub(super) fn source(trail: &Trail) -> &str {
    let bucket = text(&trail.request, "bucketName").unwrap_or_default();
    match trail.source.as_str() {
        "s3.amazonaws.com" if bucket.ends_with(DIRECTORY) => "s3express.amazonaws.com",
        "s3.amazonaws.com" if bucket.starts_with("arn:") && bucket.split(':').nth(2) == Some("s3-object-lambda") => {
            "s3-object-lambda.amazonaws.com"
        }
        "s3.amazonaws.com" if bucket.starts_with("arn:") && bucket.split(':').nth(2) == Some("s3-outposts") => {
            "s3-outposts.amazonaws.com"
        }
        source => source,
    }
}

/// Tests that the rules name with a `~`, since no single parameter tells.
pub(super) fn carries(trail: &Trail, test: &str) -> bool {
    match test {
        "acl" => access_list(trail).is_some(),
        // A bucket is private without asking.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        "acl-beyond-private" => access_list(trail).is_some_and(|list| list != "private"),
        "versions" => trail.request.get("delete").is_some_and(|batch| names_version(batch, 0)),
        _ => false,
    }
}

/// The canned access list of an upload, or that it grants by header: `x-amz-acl`, `x-amz-grant-read` and the like, which CloudTrail
/// writes at the top or below `accessControlList`. `None` for an upload without one.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>
fn access_list(trail: &Trail) -> Option<&str> {
    let below = trail.request.get("accessControlList").and_then(Value::as_object);
    let is_header = |name: &str| name.to_ascii_lowercase().starts_with("x-amz-");
    let headers = || trail.request.selected(is_header).chain(below.into_iter().flatten());
    let grants = headers().any(|(name, value)| name.to_ascii_lowercase().starts_with("x-amz-grant-") && !value.is_null());
    let canned = headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-amz-acl"))
        .find_map(|(_, value)| value.get(0).unwrap_or(value).as_str());
    if grants { Some("grants") } else { canned.filter(|canned| !canned.is_empty()) }
}

/// Whether a batch names a version; its objects stand a few levels down.
fn names_version(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, value)| {
            let version =
                name.eq_ignore_ascii_case("versionId") && value.as_str().is_some_and(|id| !id.is_empty() && id != "null");
            version || (depth < 4 && names_version(value, depth + 1))
        }),
        Value::Array(list) => depth < 4 && list.iter().any(|value| names_version(value, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Adds what S3 asks for beside the stated actions.
pub(super) fn wants(trail: &Trail, mut wants: Vec<Want>, catalog: &Catalog) -> Vec<Want> {
    if matches!(trail.event.as_str(), "CopyObject" | "UploadPartCopy") {
        copied(trail, &mut wants);
    }
    if is_no_bucket(trail) {
        // Nothing could be built for it, and `*` must not follow from a name that a client made up.
        wants.iter_mut().for_each(|want| want.outcome = Some(Outcome::Unknown));
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, .../API_GetObjectAttributes.html
    let missing = matches!(trail.error_code.as_str(), "NoSuchKey" | "404" | "NotFound");
    let reads = matches!(trail.event.as_str(), "GetObject" | "HeadObject" | "GetObjectAttributes");
    let general = source(trail) == "s3.amazonaws.com";
    if missing && reads && general && outcome::outcome(trail) == Outcome::Failed {
        let list = action("ListBucket");
        let on: Vec<Built> = resources(trail, &list, catalog);
        if on.iter().all(|built| matches!(built.resource, Resource::Arn(_))) {
            wants.push(Want { outcome: Some(Outcome::Allowed), ..Want::implied(list, on, MISSING) });
        }
    }
    wants
}

/// The other side of a copy.
fn copied(trail: &Trail, wants: &mut Vec<Want>) {
    let source = copy_source(trail);
    // The record lists source and target side by side: what is read is not written.
    for want in wants.iter_mut() {
        let target = |built: &Built| !source.on.iter().any(|read| read.resource == built.resource);
        if want.on.iter().any(target) {
            want.on.retain(target);
        }
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    let keeps = text(&trail.request, "x-amz-tagging-directive").is_some_and(|directive| directive == "COPY");
    if keeps && outcome::outcome(trail) == Outcome::Allowed {
        let read = match source.action.name.as_str() {
            "GetObject" => Some("GetObjectTagging"),
            "GetObjectVersion" => Some("GetObjectVersionTagging"),
            _ => None,
        };
        let written = wants.iter().find(|want| want.action == action("PutObject")).map(|want| want.on.clone());
        if let (Some(read), Some(written)) = (read, written) {
            wants.push(Want::assumed(action(read), source.on.clone(), COPY_TAGS));
            wants.push(Want::assumed(action("PutObjectTagging"), written, COPY_TAGS));
        }
    }
    wants.push(source);
}

/// Whether the record names a bucket that none can be: S3 turns such a call away, whoever asks.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_no_bucket(trail: &Trail) -> bool {
    let name = trail.request.get("bucketName").and_then(Value::as_str).unwrap_or_default();
    let access_point =
        Arn::literal(name).is_some_and(|arn| arn.service.as_literal().is_some_and(|service| service.starts_with("s3")));
    name.contains(['/', ':']) && !access_point && trail.resources.is_empty()
}

fn action(name: &str) -> Action {
    Action { service: "s3".to_owned(), name: name.to_owned() }
}

/// `x-amz-copy-source`: `[/]BUCKET/KEY[?versionId=ID]`, percent-encoded, or an access point's ARN.
fn copy_source(trail: &Trail) -> Want {
    let source = trail.request.get("x-amz-copy-source").and_then(Value::as_str).unwrap_or_default();
    let (path, version) = match source.rsplit_once("?versionId=") {
        Some((path, _)) => (path, true),
        None => (source, false),
    };
    let path = percent_decoded(path);
    let path = path.strip_prefix('/').unwrap_or(&path);
    let named = path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty() && !bucket.contains(':'));
    let at = |service: &str, region: &str, account: &str, resource: &str| Arn {
        partition: Text::literal(identity::partition(trail)),
        service: Text::literal(service),
        region: Text::literal(region),
        account: Text::literal(account),
        resource: Text::literal(resource),
    };
    let built = |arn: Option<Arn>, implied| vec![Built { resource: arn.map_or(Resource::NotBuilt, Resource::Arn), implied }];
    match named {
        // A directory bucket is read by its session.
        Some((bucket, _)) if bucket.ends_with(DIRECTORY) => {
            let session = Action { service: "s3express".to_owned(), name: "CreateSession".to_owned() };
            let bucket = at("s3express", &trail.region, &trail.recipient, &format!("bucket/{bucket}"));
            return Want::implied(session, built(Some(bucket), None), COPY_SOURCE);
        }
        Some((bucket, key)) if access_point::is_alias(bucket) => {
            let arn = access_point::of_alias(identity::partition(trail), &trail.region, &trail.recipient, bucket);
            let arn = arn.map(|arn| access_point::object(&arn, key));
            return Want::implied(action("GetObject"), built(arn, None), COPY_SOURCE);
        }
        _ => {}
    }
    let arn = if path.starts_with("arn:") { Arn::literal(path) } else { named.map(|_| at("s3", "", "", path)) };
    let read = action(if version { "GetObjectVersion" } else { "GetObject" });
    // `*` must not follow from what a client wrote.
    let outcome = arn.is_none().then_some(Outcome::Unknown);
    Want { outcome, ..Want::implied(read, built(arn, None), COPY_SOURCE) }
}

/// Text with `%41` read as `A`; what is no escape or no UTF-8 afterwards stays as it is.
fn percent_decoded(text: &str) -> String {
    String::from_utf8(percent::decoded(text)).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn escapes_are_read() {
        for (text, plain) in [("a%20b", "a b"), ("a%2", "a%2"), ("%zz", "%zz"), ("%ff", "%ff"), ("ä%41", "äA"), ("", "")] {
            assert_eq!(percent_decoded(text), plain);
        }
    }
}
