//! AKS: a row of the tables AKSAudit and AKSAuditAdmin, read as the native event that it was made from.
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/aksaudit>

use crate::ingest::members::Members;

/// Columns and the fields that they were made from.
pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("AuditId", "auditID"),
    ("Level", "level"),
    ("Stage", "stage"),
    ("RequestUri", "requestURI"),
    ("Verb", "verb"),
    ("User", "user"),
    ("ImpersonatedUser", "impersonatedUser"),
    ("SourceIps", "sourceIPs"),
    ("UserAgent", "userAgent"),
    ("ObjectRef", "objectRef"),
    ("ResponseStatus", "responseStatus"),
    ("RequestObject", "requestObject"),
    ("ResponseObject", "responseObject"),
    ("RequestReceivedTime", "requestReceivedTimestamp"),
    ("StageReceivedTime", "stageTimestamp"),
    ("Annotations", "annotations"),
];

/// Columns whose value is an object; exports write it as a text of JSON or as JSON.
const OBJECTS: &[&str] =
    &["User", "ImpersonatedUser", "ObjectRef", "ResponseStatus", "RequestObject", "ResponseObject", "Annotations", "SourceIps"];

/// Whether an object is such a row.
pub(super) fn is_row(members: &Members<'_>) -> bool {
    members.has("Verb") && members.has("User") && (members.has("RequestUri") || members.has("ObjectRef"))
}

/// The row as a native event.
pub(super) fn native(members: &Members<'_>) -> String {
    let fields = COLUMNS.iter().filter_map(|(column, field)| {
        let written = members.get(column)?;
        let inner = OBJECTS.contains(column).then(|| serde_json::from_str::<String>(written).ok()).flatten();
        let value = match inner {
            Some(inner) if inner.trim().is_empty() => return None,
            // A text that is no JSON stays one: it says that a body was left out.
            Some(inner) if serde_json::from_str::<&serde_json::value::RawValue>(&inner).is_ok() => inner,
            _ => written.to_owned(),
        };
        Some(format!("\"{field}\":{value}"))
    });
    format!("{{\"kind\":\"Event\",{}}}", fields.collect::<Vec<_>>().join(","))
}
