//! Last-accessed data: the answers of `aws iam get-service-last-accessed-details`, as they were saved.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetails.html>

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::LoadError;
use crate::access::identity::Identity;
use crate::access::last_accessed::LastUse;

/// The largest file that is read, in bytes: an answer lists some hundred services.
const BYTES_MAX: u64 = 64 << 20;

/// One answer. A report does not name its role, but each use in it does; `Arn` may be added for those that don't.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    arn: Option<String>,
    job_status: Option<String>,
    #[serde(default)]
    is_truncated: bool,
    services_last_accessed: Vec<ServiceUse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceUse {
    service_namespace: String,
    last_authenticated: Option<String>,
    last_authenticated_entity: Option<String>,
    last_authenticated_region: Option<String>,
    #[serde(default)]
    tracked_actions_last_accessed: Vec<ActionUse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ActionUse {
    action_name: Option<String>,
    last_accessed_time: Option<String>,
    last_accessed_entity: Option<String>,
    last_accessed_region: Option<String>,
}

/// One answer, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    One(Box<Answer>),
    Several(Vec<Answer>),
}

/// Every use that a file tells, in order and without repeats.
///
/// # Errors
/// When the file cannot be read, is no such answer, is a part of one, or names nobody.
pub fn read(path: &Path) -> Result<Vec<LastUse>, LoadError> {
    let file = path.display().to_string();
    let unread = |source| LoadError::Read { file: file.clone(), source };
    if std::fs::metadata(path).map_err(unread)?.len() > BYTES_MAX {
        return Err(unexpected(&file, format!("is larger than {BYTES_MAX} bytes: no answer of that size is known")));
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    parse(&file, &text)
}

fn unexpected(file: &str, detail: String) -> LoadError {
    LoadError::Unexpected { file: file.to_owned(), detail }
}

fn parse(file: &str, text: &str) -> Result<Vec<LastUse>, LoadError> {
    let parsed: File = serde_json::from_str(text).map_err(|_| {
        let detail = "is no answer of `aws iam get-service-last-accessed-details`: expected an object with `ServicesLastAccessed`, or a list of them";
        unexpected(file, detail.to_owned())
    })?;
    let answers = match parsed {
        File::One(answer) => vec![*answer],
        File::Several(answers) => answers,
    };
    let mut uses = BTreeSet::new();
    for answer in &answers {
        if let Some(status) = answer.job_status.as_deref().filter(|status| *status != "COMPLETED") {
            return Err(unexpected(file, format!("the job is `{status}`: ask again until it is `COMPLETED`")));
        }
        if answer.is_truncated {
            return Err(unexpected(file, "is one page of several: save the whole answer (without `--max-items`)".to_owned()));
        }
        for service in &answer.services_last_accessed {
            uses.extend(of_service(file, answer, service)?);
        }
    }
    Ok(uses.into_iter().collect())
}

fn of_service(file: &str, answer: &Answer, service: &ServiceUse) -> Result<Vec<LastUse>, LoadError> {
    let one = |action: Option<String>, time: &Option<String>, entity: &Option<String>, region: &Option<String>| {
        let Some(time) = time else { return Ok(None) };
        let who = entity.as_deref().or(answer.arn.as_deref());
        let who = who.ok_or_else(|| {
            unexpected(
                file,
                format!("a use of `{}` names nobody: add \"Arn\" beside \"ServicesLastAccessed\"", service.service_namespace),
            )
        })?;
        let identity = Identity::parse(who).ok_or_else(|| unexpected(file, format!("`{who}` is no ARN of a role or user")))?;
        let time = moment(time).ok_or_else(|| unexpected(file, format!("`{time}` is no time")))?;
        let region = region.clone().unwrap_or_default();
        Ok(Some(LastUse { identity, service: service.service_namespace.clone(), action, time, region }))
    };
    let mut uses = Vec::new();
    let whole = (&service.last_authenticated, &service.last_authenticated_entity, &service.last_authenticated_region);
    uses.extend(one(None, whole.0, whole.1, whole.2)?);
    for action in service.tracked_actions_last_accessed.iter().filter(|action| action.action_name.is_some()) {
        // Some answers spell the action with its service, others without.
        let name = action.action_name.as_deref().map(|name| name.split_once(':').map_or(name, |(_, name)| name).to_owned());
        uses.extend(one(name, &action.last_accessed_time, &action.last_accessed_entity, &action.last_accessed_region)?);
    }
    Ok(uses)
}

/// `2018-10-24T19:11:00Z`, `2018-10-24T19:11:00+00:00`, or with a blank instead of `T`.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| text.replacen(' ', "T", 1).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/orders-api";

    #[test]
    fn the_answer_names_whose_use_it_is() {
        // As in the API's page, with a role in the place of its user.
        let text = format!(
            r#"{{"IsTruncated": false, "JobCompletionDate": "2018-10-24T19:47:35.241000+00:00", "JobStatus": "COMPLETED", "JobType": "ACTION_LEVEL",
            "ServicesLastAccessed": [
              {{"TotalAuthenticatedEntities": 1, "LastAuthenticatedEntity": "{ROLE}", "ServiceNamespace": "s3", "LastAuthenticated": "2018-10-24 19:11:00+00:00",
                "LastAuthenticatedRegion": "us-east-1", "ServiceName": "S3",
                "TrackedActionsLastAccessed": [{{"ActionName": "PutObject", "LastAccessedEntity": "{ROLE}", "LastAccessedTime": "2018-10-24T19:11:00+00:00"}}, {{"ActionName": "GetObject"}}]}},
              {{"TotalAuthenticatedEntities": 0, "ServiceNamespace": "sqs", "ServiceName": "SQS"}}]}}"#
        );
        let uses = parse("f", &text).unwrap();
        let told: Vec<String> = uses.iter().map(|last| format!("{} {} {}", last.identity, last.what(), last.time)).collect();
        assert_eq!(told, [format!("{ROLE} s3 2018-10-24T19:11:00Z"), format!("{ROLE} s3:PutObject 2018-10-24T19:11:00Z")]);
    }

    #[test]
    fn what_is_no_whole_answer_is_refused() {
        let service = r#""ServicesLastAccessed": [{"ServiceNamespace": "s3", "LastAuthenticated": "2018-10-24T19:11:00Z"}]"#;
        for (text, complaint) in [
            ("{}".to_owned(), "no answer of"),
            ("[1]".to_owned(), "no answer of"),
            (format!(r#"{{"JobStatus": "IN_PROGRESS", {service}}}"#), "IN_PROGRESS"),
            (format!(r#"{{"IsTruncated": true, {service}}}"#), "one page"),
            (format!("{{{service}}}"), "names nobody"),
            (format!(r#"{{"Arn": "role/x", {service}}}"#), "no ARN"),
            (format!(r#"{{"Arn": "{ROLE}", {}}}"#, service.replace("2018-10-24T", "soon")), "no time"),
        ] {
            let said = parse("f", &text).unwrap_err().to_string();
            assert!(said.contains(complaint), "{text}: {said}");
        }
        assert_eq!(parse("f", &format!(r#"[{{"Arn": "{ROLE}", {service}}}]"#)).unwrap().len(), 1);
    }
}
