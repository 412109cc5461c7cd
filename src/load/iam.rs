//! Reading IAM policy documents back.

use super::LoadError;
use crate::policy::iam::PolicyDocument;

/// Reads one policy document; `path` names it in messages.
///
/// # Errors
/// When it is not JSON, or holds an element that is not understood: leaving one out could change what the document means.
pub fn parse(path: &str, text: &str) -> Result<PolicyDocument, LoadError> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => LoadError::Unexpected { file: path.to_owned(), detail: error.to_string() },
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            LoadError::Syntax { file: path.to_owned(), source: Box::new(error) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused() {
        let statement = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inner}}}]}}"#);
        assert!(parse("p.json", &statement(r#""Action":"s3:*","Resource":"*""#)).is_ok());
        for inner in [
            r#""Action":"a:b","NotAction":"a:c","Resource":"*""#,
            r#""Resource":"*""#,
            r#""Action":"a:b","Resource":"*","Surprise":1"#,
            r#""Action":"a:b","Resource":"*","Condition":{"Bool":{"a":"true","a":"false"}}"#,
            r#""Action":"a:b","Resource":"*","Condition":"#,
            r#""Action":{"a":"b"},"Resource":"*""#,
        ] {
            assert!(parse("p.json", &statement(inner)).is_err(), "{inner}");
        }
        assert!(parse("p.json", r#"{"Version":"2030-01-01","Statement":[]}"#).is_err());
        let nested = "[".repeat(100_000);
        assert!(parse("p.json", &nested).is_err());
    }
}
