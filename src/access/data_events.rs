//! Data events: which part of each service CloudTrail records only when asked to, how to ask for it, and what leaves no event at all.
//! Filled by the catalog.

use super::aws::Arn;

/// How an event selector names a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Naming {
    /// The events carry exactly the ARN of the holder (a table, a queue).
    Equals,
    /// The ARN in the events begins with that of the holder (a function and its versions).
    StartsWith,
    /// The ARN in the events goes on with a slash (an object in a bucket).
    Below,
    /// No holder is named: the selector takes all of the type.
    All,
}

/// One `resources.type` of data events.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKind {
    /// The IAM prefix of the service.
    pub service: &'static str,
    /// As event selectors spell it, such as `AWS::S3::Object`.
    pub resource_type: &'static str,
    /// What the ARN's resource part begins with, such as `table/`.
    pub begins: &'static str,
    /// How a selector names the holder.
    pub naming: Naming,
    /// The key under which KMS is told the holder when the service encrypts for a caller, such as `aws:s3:arn`; empty for none.
    pub kms_key: &'static str,
    /// The most calls of KMS that one call of the service makes; 0 where that is not bounded.
    pub kms_calls_max: u64,
}

/// Actions that leave no event, whatever is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlogged {
    /// The IAM prefix of the service whose use suggests them.
    pub service: &'static str,
    /// Patterns of the actions as a policy writes them, such as `es:ESHttp*`; at least one.
    pub actions: Vec<&'static str>,
    /// The page that says so.
    pub page: &'static str,
}

/// What CloudTrail records only when asked to, or never.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataEvents {
    /// Every kind, by service.
    pub kinds: Vec<DataKind>,
    /// What leaves no event.
    pub unlogged: Vec<Unlogged>,
}

impl DataEvents {
    /// The kinds of one service; empty where it has none.
    pub fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a DataKind> {
        self.kinds.iter().filter(move |kind| kind.service == service)
    }

    /// The holder that a request's resource belongs to, as (service, ARN): the bucket of an object, the table of an index.
    #[must_use]
    pub fn holder(&self, arn: &Arn) -> Option<(&'static str, String)> {
        let service = arn.service.as_literal()?;
        self.kinds.iter().filter(|kind| kind.service == service).find_map(|kind| Some((kind.service, kind.holder(arn)?)))
    }
}

impl DataKind {
    fn holder(&self, arn: &Arn) -> Option<String> {
        /// Longest value that a selector takes.
        const VALUE_CHARS_MAX: usize = 2048;
        let fields = [&arn.partition, &arn.service, &arn.region, &arn.account].map(|field| field.as_literal());
        let [Some(partition), Some(service), Some(region), Some(account)] = fields else { return None };
        // Buckets alone have neither region nor account; access points are another kind.
        if self.naming == Naming::All || (self.naming == Naming::Below) != (region.is_empty() && account.is_empty()) {
            return None;
        }
        let rest = arn.resource.as_literal()?.strip_prefix(self.begins)?;
        let name = rest.split(['/', ':']).next().filter(|name| !name.is_empty())?;
        let holder = format!("arn:{partition}:{service}:{region}:{account}:{}{name}", self.begins);
        (holder.chars().count() < VALUE_CHARS_MAX).then_some(holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_belongs_to_its_holder() {
        let kind =
            |service, begins, naming| DataKind { service, resource_type: "", begins, naming, kms_key: "", kms_calls_max: 0 };
        let events = DataEvents {
            kinds: vec![kind("s3", "", Naming::Below), kind("dynamodb", "table/", Naming::Equals)],
            unlogged: Vec::new(),
        };
        for (arn, holder) in [
            ("arn:aws:s3:::orders/a/b.csv", Some("arn:aws:s3:::orders")),
            ("arn:aws:s3:::orders", Some("arn:aws:s3:::orders")),
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/p/object/k", None),
            ("arn:aws:dynamodb:eu-west-1:111122223333:table/t/index/i", Some("arn:aws:dynamodb:eu-west-1:111122223333:table/t")),
            ("arn:aws:dynamodb:eu-west-1:111122223333:table/", None),
            ("arn:aws:sqs:eu-west-1:111122223333:q", None),
        ] {
            let found = Arn::literal(arn).and_then(|arn| events.holder(&arn)).map(|(_, holder)| holder);
            assert_eq!(found.as_deref(), holder, "{arn}");
        }
    }
}
