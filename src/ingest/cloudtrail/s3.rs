//! S3 events that ask for more than their own object: copies read a source, a missing object tells of the bucket.

use serde_json::Value;

use super::record::Trail;
use super::resource::{Built, resources};
use super::translate::Want;
use super::{identity, outcome};
use crate::access::aws::{Action, Arn, Resource, Text};
use crate::access::observation::Outcome;
use crate::catalog::Catalog;

const MISSING: &str = "a missing object answers 404 only to those who may list the bucket";
const COPY_SOURCE: &str = "a copy reads its source";

/// Adds what S3 asks for beside the stated actions.
pub(super) fn wants(trail: &Trail, mut wants: Vec<Want>, catalog: &Catalog) -> Vec<Want> {
    if matches!(trail.event.as_str(), "CopyObject" | "UploadPartCopy") {
        let source = copy_source(trail);
        // The record lists source and target side by side: what is read is not written.
        for want in &mut wants {
            let target = |built: &Built| !source.on.iter().any(|read| read.resource == built.resource);
            if want.on.iter().any(target) {
                want.on.retain(target);
            }
        }
        wants.push(source);
    }
    if is_no_bucket(trail) {
        // Nothing could be built for it, and `*` must not follow from a name that a client made up.
        wants.iter_mut().for_each(|want| want.outcome = Some(Outcome::Unknown));
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax
    let missing = matches!(trail.error_code.as_str(), "NoSuchKey" | "404" | "NotFound");
    let reads = matches!(trail.event.as_str(), "GetObject" | "HeadObject");
    if missing && reads && outcome::outcome(trail) == Outcome::Failed {
        let list = action("ListBucket");
        let on: Vec<Built> = resources(trail, &list, catalog);
        if on.iter().all(|built| matches!(built.resource, Resource::Arn(_))) {
            wants.push(Want { action: list, on, implied: Some(MISSING), outcome: Some(Outcome::Allowed) });
        }
    }
    wants
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
    let arn = if path.starts_with("arn:") {
        Arn::literal(path)
    } else {
        path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty() && !bucket.contains(':')).map(|_| Arn {
            partition: Text::literal(identity::partition(trail)),
            service: Text::literal("s3"),
            region: Text::default(),
            account: Text::default(),
            resource: Text::literal(path),
        })
    };
    Want {
        action: action(if version { "GetObjectVersion" } else { "GetObject" }),
        on: vec![Built { resource: arn.map_or(Resource::NotBuilt, Resource::Arn), implied: None }],
        implied: Some(COPY_SOURCE),
        outcome: None,
    }
}

/// Text with `%41` read as `A`; what is no escape or no UTF-8 afterwards stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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
