//! `[ingest]`: what a usable log is, and how lines are read that say nothing about themselves.

use serde::Deserialize;

use super::ConfigError;

/// `[ingest]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UncheckedIngest {
    /// More rejected records than this, in percent, make a run fail; 100 never does.
    pub rejected_percent_max: Option<u8>,
    /// The format of VPC Flow Logs without a header line, as AWS spells it: `${version} ${srcaddr} ...`.
    pub vpc_format: Option<String>,
}

/// The fields of a line of VPC Flow Logs, in order.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcFormat {
    /// Names in lower case, as AWS spells them: `srcaddr`, `pkt-srcaddr`.
    pub fields: Vec<String>,
}

impl VpcFormat {
    /// A format as AWS spells it, `${version} ${srcaddr}`, or its names alone, as a header line has them.
    /// Both ends' addresses must be among them.
    ///
    /// # Errors
    /// When it holds something else than names, a name twice, or not both ends.
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
            if fields.contains(&name) {
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
}
