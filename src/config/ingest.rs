//! `[ingest]`: what a usable log is, and how lines are read that say nothing about themselves.

use serde::Deserialize;

use super::{ConfigError, UncheckedGeneralize};
use crate::access::folded::NAMES_MAX;

/// `[ingest]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedIngest {
    /// More rejected records than this, in percent, make a run fail; 100 never does.
    pub rejected_percent_max: Option<u8>,
    /// How many names of one kind are kept for one identity and action before they stand together; 0 keeps them all.
    pub names_max: Option<u32>,
    /// The format of VPC Flow Logs without a header line, as AWS spells it: `${version} ${srcaddr} ...`.
    pub vpc_format: Option<String>,
}

impl UncheckedIngest {
    /// The limit as used: as many names as a generalization needs to see are kept, and all for who wants them exact.
    #[must_use]
    pub fn names_max(&self, generalize: &UncheckedGeneralize) -> usize {
        let needed = [generalize.object_keys_min, generalize.kube_names_min].into_iter().flatten().max().unwrap_or_default();
        let default =
            if generalize.exact == Some(true) { 0 } else { NAMES_MAX.max(usize::try_from(needed).unwrap_or(usize::MAX)) };
        self.names_max.map_or(default, |names| usize::try_from(names).unwrap_or(usize::MAX))
    }
}

/// The name of fields that are not looked at.
const UNREAD: &str = "-";

/// Every field of a VPC Flow Log up to version 10.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html#flow-logs-fields>
const VPC_FIELDS: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
];

/// The known field that is the fewest edits away.
fn nearest_field(name: &str) -> &'static str {
    VPC_FIELDS.iter().copied().min_by_key(|known| edits(name.as_bytes(), known.as_bytes())).unwrap_or_default()
}

/// How many bytes have to be added, taken away or changed (Levenshtein).
fn edits(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, byte) in one.iter().enumerate() {
        let mut last = place + 1;
        let mut next = vec![last];
        for ((known, above), across) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            last = (across + usize::from(byte != known)).min(above + 1).min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The fields of a line of VPC Flow Logs, in order.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcFormat {
    /// Names in lower case, as AWS spells them: `srcaddr`, `pkt-srcaddr`.
    pub fields: Vec<String>,
}

impl VpcFormat {
    /// A format as a person typed it: a field that AWS does not have is a misspelt one, which would leave what it holds unread.
    ///
    /// # Errors
    /// When [`VpcFormat::parse`] has one, and when a name is no field of AWS's.
    pub fn typed(text: &str) -> Result<Self, ConfigError> {
        let format = VpcFormat::parse(text)?;
        let is_known = |field: &String| field == UNREAD || VPC_FIELDS.contains(&field.replace('_', "-").as_str());
        match format.fields.iter().find(|field| !is_known(field)) {
            None => Ok(format),
            Some(field) => Err(ConfigError::Value {
                key: "ingest.vpc-format".to_owned(),
                value: field.clone(),
                expected: format!(
                    "a field of VPC Flow Logs (the nearest is `{}`), or `{UNREAD}` in the place of one that is not known here",
                    nearest_field(field)
                ),
            }),
        }
    }

    /// A format as AWS spells it, `${version} ${srcaddr}`, or its names alone, as a header line has them.
    /// Both ends' addresses must be among them; `-` stands for any field that is not looked at.
    ///
    /// # Errors
    /// When it holds something else than names of fields, a name twice, or not both ends.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |expected: &str| ConfigError::Value {
            key: "ingest.vpc-format".to_owned(),
            value: text.to_owned(),
            expected: expected.to_owned(),
        };
        let mut fields: Vec<String> = Vec::new();
        for word in text.split_ascii_whitespace() {
            let name = word.strip_prefix("${").map_or(Some(word), |rest| rest.strip_suffix('}')).unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
                return Err(wrong("names such as `${srcaddr}` with blanks between them"));
            }
            let name = name.to_ascii_lowercase();
            if name != UNREAD && fields.contains(&name) {
                return Err(wrong("each name once"));
            }
            fields.push(name);
        }
        let has = |names: [&str; 2]| names.iter().any(|name| fields.iter().any(|field| field.replace('_', "-") == *name));
        if !has(["srcaddr", "pkt-srcaddr"]) || !has(["dstaddr", "pkt-dstaddr"]) {
            return Err(wrong("both `${srcaddr}` or `${pkt-srcaddr}` and `${dstaddr}` or `${pkt-dstaddr}`"));
        }
        Ok(VpcFormat { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_awss_own() {
        let fields = |text: &str| VpcFormat::parse(text).map(|format| format.fields.join(" ")).ok();
        assert_eq!(fields("${srcaddr} ${DstAddr}").as_deref(), Some("srcaddr dstaddr"));
        assert_eq!(fields("pkt-srcaddr pkt-dstaddr tcp-flags").as_deref(), Some("pkt-srcaddr pkt-dstaddr tcp-flags"));
        for wrong in ["", "${srcaddr}", "${srcaddr} ${dstaddr} ${srcaddr}", "${srcaddr ${dstaddr}", "$srcaddr dstaddr"] {
            assert_eq!(fields(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_field_is_told_with_the_one_that_was_meant() {
        let told = |text: &str| VpcFormat::typed(text).map_err(|error| error.to_string());
        for (typed, nearest) in [("pkt-scraddr", "pkt-srcaddr"), ("tcpflags", "tcp-flags"), ("log_statu", "log-status")] {
            let error = told(&format!("srcaddr dstaddr ${{{typed}}}")).unwrap_err();
            assert!(error.contains(&format!("`{typed}`")) && error.contains(&format!("`{nearest}`")), "{error}");
        }
        assert!(told("srcaddr dstaddr - tcp_flags ${-}").is_ok());
        // A header line may name fields that AWS added since.
        assert!(VpcFormat::parse("srcaddr dstaddr not-yet-known").is_ok());
    }
}
