//! What is recalled equals what is decoded afresh: records read after others like them say what they say when read alone.

use super::*;
use serde_json::{Value, json};

/// Every observation with how many records made it, and every other end.
fn said(records: &[Value]) -> BTreeMap<String, u64> {
    let log = records.iter().fold(String::new(), |mut log, record| {
        let _ = writeln!(log, "{record}");
        log
    });
    let (seen, _) = read_bytes(log.as_bytes(), &options());
    let mut said = BTreeMap::new();
    for (line, count) in seen.observed_counts.iter().chain(&seen.ends) {
        *said.entry(line.clone()).or_default() += count;
    }
    said
}

/// What is changed, and to what.
fn changes() -> Vec<(&'static str, Value)> {
    vec![
        ("/userAgent", json!("another \"agent\"")),
        ("/requestID", json!(7)),
        ("/additionalEventData", json!({"x": [1]})),
        ("/userIdentity/accessKeyId", json!("ASIAOTHER")),
        ("/userIdentity/accessKeyId", json!("AKIAIOSFODNN7EXAMPLE")),
        ("/userIdentity/sessionContext/attributes/creationDate", json!("2020-01-01T00:00:00Z")),
        ("/userIdentity/sessionContext/attributes/mfaAuthenticated", json!("true")),
        ("/userIdentity/arn", json!("arn:aws:sts::111122223333:assumed-role/other/session")),
        (
            "/responseElements",
            json!({"arn": "arn:aws:iam::111122223333:role/made", "subjectFromWebIdentityToken": "system:serviceaccount:a:b"}),
        ),
        ("/responseElements", json!(5)),
        ("/userIdentity/arn", json!("arn:aws:sts::111122223333:assumed-role/other/another")),
        ("/userIdentity/arn", json!("arn:aws:sts::111122223333:assumed-role/other")),
        ("/userIdentity/arn", json!("arn:aws:sts::111122223333:assumed-role/other/")),
        ("/userIdentity/principalId", json!("AROAEXAMPLE:another")),
        ("/userIdentity/principalId", json!("")),
        ("/userIdentity/sessionContext/sessionIssuer", json!({})),
        ("/requestParameters", Value::Null),
        ("/awsRegion", json!("eu-north-1")),
        ("/errorCode", json!("AccessDenied")),
        ("/recipientAccountId", json!("444455556666")),
        ("/eventTime", json!("no time")),
        ("/eventTime", json!("2026-10-01T00:00:00Z")),
        ("/requestReceivedTimestamp", json!("2026-10-01T00:00:00.000001Z")),
        ("/requestReceivedTimestamp", json!("no time")),
        ("/sourceIPs", json!(["192.0.2.1"])),
        ("/stage", json!("RequestReceived")),
        ("/level", json!("Metadata")),
        ("/verb", json!("delete")),
        ("/objectRef/name", json!("another")),
        ("/requestURI", json!("/api/v1/namespaces/a/pods?watch=true&resourceVersion=7")),
        ("/requestURI", json!("/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx&resourceVersion=8")),
        ("/requestURI", json!("/api/v1/namespaces/a/pods?dryRun=All&resourceVersion=8")),
        ("/responseStatus/code", json!(403)),
        ("/annotations", json!({"authorization.k8s.io/decision": "forbid"})),
        ("/user/username", json!("system:serviceaccount:other:other")),
        ("/user/groups", json!(["g"])),
        (
            "/user/extra",
            json!({"authentication.kubernetes.io/credential-id": ["JTI=1"], "authentication.kubernetes.io/pod-name": ["p"]}),
        ),
        (
            "/user/extra",
            json!({"authentication.kubernetes.io/credential-id": ["JTI=2"], "authentication.kubernetes.io/pod-name": ["p"]}),
        ),
        (
            "/user/extra",
            json!({"authentication.kubernetes.io/credential-id": ["JTI=2", 5], "authentication.kubernetes.io/pod-name": ["p"]}),
        ),
        (
            "/user/extra",
            json!({"authentication.kubernetes.io/credential-id": ["JTI=2"], "authentication.kubernetes.io/pod-name": ["q"]}),
        ),
        (
            "/requestObject",
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "made"}, "spec": {"hostNetwork": true}}),
        ),
        ("/responseObject", Value::Null),
    ]
}

/// The same of what says which bodies are read, and whom a message names.
fn changes_of_bodies() -> Vec<(&'static str, Value)> {
    vec![
        ("/user/uid", json!("another")),
        ("/user/uid", json!(5)),
        ("/objectRef/name", json!(5)),
        ("/objectRef/uid", json!("another")),
        ("/requestObject", json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": "made"}})),
        (
            "/requestObject",
            json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": "made", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "blockOwnerDeletion": true}]}}),
        ),
        (
            "/requestObject",
            json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": "made", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "s", "uid": "u", "blockOwnerDeletion": true}]}}),
        ),
        ("/responseObject", json!({"kind": "Pod", "metadata": {"annotations": {"openshift.io/scc": "anyuid"}}, "spec": {}})),
        ("/responseObject", json!("skipped-too-big-size-object")),
        ("/errorMessage", json!("Access Denied")),
        ("/errorMessage", json!("Rate exceeded")),
    ]
}

/// Some records that differ from one in what is read, and some in what is not; no two have the same id.
fn variants(record: &Value, number: usize) -> Vec<Value> {
    let is_trail = record.get("eventName").is_some();
    let base = std::iter::once(record.clone());
    let changed = changes().into_iter().chain(changes_of_bodies()).filter_map(|(place, value)| {
        let mut other = record.clone();
        *other.pointer_mut(place)? = value;
        Some(other)
    });
    let parameters = record.get("requestParameters").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| {
        let mut other = record.clone();
        other["requestParameters"][name] = json!("another-value");
        other
    });
    // A refusal names who was refused: the caller's own session, or another.
    let refused = ["session", "another"].into_iter().filter_map(|session| {
        let mut other = record.clone();
        *other.pointer_mut("/userIdentity/type")? = json!("AssumedRole");
        *other.pointer_mut("/userIdentity/arn")? = json!(format!("arn:aws:sts::111122223333:assumed-role/other/{session}"));
        other["errorCode"] = json!("AccessDenied");
        other["errorMessage"] = json!(
            "User: arn:aws:sts::111122223333:assumed-role/other/session is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/k\""
        );
        Some(other)
    });
    let all = base.chain(changed).chain(parameters).chain(refused).enumerate();
    all.map(|(place, mut other)| {
        other[if is_trail { "eventID" } else { "auditID" }] = json!(format!("{number}-{place}"));
        other
    })
    .collect()
}

/// What makes records of one kind.
fn kind_of(record: &Value) -> String {
    let places = [
        "/eventSource",
        "/eventName",
        "/userIdentity/type",
        "/verb",
        "/objectRef/resource",
        "/objectRef/subresource",
        "/level",
        "/responseStatus/code",
    ];
    places.map(|place| record.pointer(place).map(Value::to_string).unwrap_or_default()).join(" ")
}

#[test]
fn a_record_says_the_same_whatever_was_read_before() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut kinds: BTreeMap<String, Value> = BTreeMap::new();
    for folder in [samples, data.join("cloudtrail"), data.join("k8s-audit")] {
        if !folder.is_dir() {
            println!("skipped: {} is absent", folder.display());
            continue;
        }
        for record in records_below(&folder) {
            kinds.entry(kind_of(&record)).or_insert(record);
        }
    }
    assert!(kinds.len() > 5, "{}", kinds.len());
    let records: Vec<Value> = kinds.values().enumerate().flat_map(|(number, record)| variants(record, number)).collect();
    let together = said(&records);
    let mut alone = BTreeMap::new();
    for record in &records {
        for (line, count) in said(std::slice::from_ref(record)) {
            *alone.entry(line).or_default() += count;
        }
    }
    println!("{} records of {} kinds", records.len(), kinds.len());
    assert_eq!(together, alone);
}

/// The CloudTrail records and audit events in every JSON file below a folder.
fn records_below(folder: &Path) -> Vec<Value> {
    let mut folders = vec![folder.to_owned()];
    let mut records = Vec::new();
    while let Some(folder) = folders.pop() {
        for found in fs::read_dir(folder).expect("folder") {
            let path = found.expect("file").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let whole = serde_json::from_str(&text).map(|value: Value| vec![value]);
                let values = whole.unwrap_or_else(|_| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect());
                let listed = values.into_iter().flat_map(|value| {
                    let inner = value.get("Records").or_else(|| value.get("items")).unwrap_or(&value);
                    inner.as_array().cloned().unwrap_or_else(|| vec![inner.clone()])
                });
                records.extend(listed.filter(|record| ["eventName", "auditID"].iter().any(|id| record.get(id).is_some())));
            }
        }
    }
    records
}
