//! S3 access points: what is reached through one is asked on the access point, not on its bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html>

use super::parameters::text;
use super::{Found, Scene};
use crate::access::aws::{Arn, Segment, Text, Wildcard};
use crate::catalog::reference::ActionDefinition;

const ALIAS: &str = "an alias shows the beginning of its access point's name alone";

const KEYS_NOT_NAMED: &str = "the record does not name the keys: any key behind the access point";

/// How long the part of an alias between name and `-s3alias` is.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html#access-points-alias>
const METADATA_CHARS: usize = 34;

/// Puts the access point, where the record shows one, in the place of bucket or object.
pub(super) fn after(scene: &Scene<'_>, definition: &ActionDefinition, found: &mut Vec<Found>) {
    let takes = |kind: &str| definition.types.iter().any(|used| used.name == kind);
    let (on_object, on_bucket) = (takes("accesspointobject"), takes("accesspoint") && takes("bucket"));
    if !on_object && !on_bucket {
        return;
    }
    let bucket = text(&scene.trail.request, "bucketName").unwrap_or_default();
    let (point, implied) = if let Some(point) = scene.trail.resources.iter().map(String::as_str).chain([bucket]).find_map(point) {
        (point, None)
    } else if is_alias(bucket)
        && let Some(point) = of_alias(scene.partition, scene.region, scene.account, bucket)
    {
        (point, Some(ALIAS))
    } else {
        return;
    };
    let (kind, arn, implied) = match text(&scene.trail.request, "key").filter(|_| on_object) {
        Some(key) => ("accesspointobject", object(&point, key), implied),
        None if on_bucket => ("accesspoint", point, implied),
        None => ("accesspointobject", any_object(&point), Some(KEYS_NOT_NAMED)),
    };
    *found = vec![Found { kind: kind.to_owned(), arn, implied }];
}

/// An access point of one or of several regions (`NAME.mrap`), by ARN.
fn point(text: &str) -> Option<Arn> {
    let arn = Arn::literal(text).filter(|arn| arn.service.as_literal() == Some("s3"))?;
    let name = arn.resource.as_literal()?.strip_prefix("accesspoint/")?;
    (!name.is_empty() && !name.contains('/')).then_some(arn)
}

/// Whether a bucket's name is an alias.
pub(in crate::ingest::cloudtrail) fn is_alias(bucket: &str) -> bool {
    bucket.ends_with("-s3alias")
}

/// The access points whose alias this may be. `None` where the record does not say where they are.
pub(in crate::ingest::cloudtrail) fn of_alias(partition: &str, region: &str, account: &str, alias: &str) -> Option<Arn> {
    let (name, metadata) = alias.strip_suffix("-s3alias")?.rsplit_once('-')?;
    if name.is_empty() || metadata.len() != METADATA_CHARS || account.is_empty() || region.is_empty() {
        return None;
    }
    let begin = Segment::Literal(format!("accesspoint/{name}"));
    Some(Arn {
        partition: Text::literal(partition),
        service: Text::literal("s3"),
        region: Text::literal(region),
        account: Text::literal(account),
        resource: Text::from_segments([begin, Segment::Wildcard(Wildcard::Any)]),
    })
}

/// An object behind an access point.
pub(in crate::ingest::cloudtrail) fn object(point: &Arn, key: &str) -> Arn {
    let segments = point.resource.segments().iter().cloned().chain([Segment::Literal(format!("/object/{key}"))]);
    Arn { resource: Text::from_segments(segments), ..point.clone() }
}

/// Every object behind an access point: a batch whose keys CloudTrail does not write.
fn any_object(point: &Arn) -> Arn {
    let any = [Segment::Literal("/object/".to_owned()), Segment::Wildcard(Wildcard::Any)];
    Arn { resource: Text::from_segments(point.resource.segments().iter().cloned().chain(any)), ..point.clone() }
}
