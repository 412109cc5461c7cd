//! What a Kubernetes audit log could not show, told by its own records, and the audit policy that closes each hole.
#![cfg(test)]

mod harness;

use harness::{artifacts, config, generate, write_lines};
use serde_json::{Value, json};
use tightfit::finding::{Code, Finding};
use tightfit::pipeline::Plan;
use tightfit::verdict::VerdictState;

/// An event that was allowed; `number` makes its id and its minute.
fn event(number: u64, verb: &str, uri: &str, more: Value) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": format!("id-{number}"),
        "stage": "ResponseComplete", "requestURI": uri, "verb": verb,
        "user": {"username": "system:serviceaccount:ci:build", "groups": ["system:authenticated"]},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": format!("2026-11-20T10:{:02}:00.000000Z", number % 60),
        "annotations": {"authorization.k8s.io/decision": "allow"},
    });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

fn pod(name: &str, owner: Value) -> Value {
    json!({"responseObject": {"kind": "Pod", "metadata": {"name": name, "namespace": "ci", "ownerReferences": owner},
        "spec": {"containers": [{"name": "c"}]}}})
}

/// A pod of `ci` acts.
fn acts(number: u64, name: &str) -> Value {
    let user = json!({"username": "system:serviceaccount:ci:build", "extra": {"authentication.kubernetes.io/pod-name": [name]}});
    event(
        number,
        "list",
        "/api/v1/namespaces/shop/pods",
        json!({"user": user, "responseObject": {"kind": "PodList", "items": []}}),
    )
}

fn plan_of(records: &[Value]) -> (Plan, Vec<(String, String)>) {
    let scratch = tempfile::tempdir().unwrap();
    let log = write_lines(scratch.path(), "log.jsonl", records);
    let config = config("[coverage]\ndays-min = 1\n");
    let plan = generate(&[&log], &config, 1);
    let written = artifacts(&plan, &config);
    let policies = written.into_iter().filter(|artifact| artifact.path.ends_with("audit-policy.yaml"));
    let policies = policies.map(|artifact| (artifact.path, artifact.body)).collect();
    (plan, policies)
}

fn of(plan: &Plan, code: Code) -> Vec<&Finding> {
    plan.verdict.coverage.iter().filter(|finding| finding.code == code).collect()
}

/// A log with no hole that these tests look for: it reads, and it holds the body of every pod that it writes.
fn whole() -> Vec<Value> {
    vec![acts(1, "runner"), event(2, "create", "/api/v1/namespaces/ci/pods", pod("runner", json!([])))]
}

#[test]
fn a_whole_log_has_no_hole_and_needs_no_policy() {
    let (plan, policies) = plan_of(&whole());
    assert_eq!((plan.verdict.coverage.as_slice(), policies.len()), ([].as_slice(), 0), "{:?}", plan.verdict.coverage);
}

#[test]
fn reads_that_are_missing_are_told_by_where_they_are_switched_on() {
    let write = whole().pop().unwrap();
    let note = |records: &[Value]| {
        let (plan, policies) = plan_of(records);
        let [found] = of(&plan, Code::ReadsMissing)[..] else { panic!("{:?}", plan.verdict.coverage) };
        assert_ne!(plan.verdict.state(), VerdictState::Clean);
        (found.note.clone(), policies.len())
    };
    let (text, policies) = note(std::slice::from_ref(&write));
    assert!(text.contains("no get, list or watch") && policies == 1, "{text}");
    let watch = event(3, "watch", "/api/v1/namespaces/shop/pods?watch=true", json!({}));
    assert!(note(&[write, watch]).0.contains("kube-audit-admin leaves get and list out"));
    let entry = json!({"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.services.create",
        "resourceName": "core/v1/namespaces/shop/services/s", "authenticationInfo": {"principalEmail": "dev@example.com"}},
        "insertId": "i", "timestamp": "2026-11-20T10:00:00Z", "labels": {"authorization.k8s.io/decision": "allow"}});
    let (text, policies) = note(&[entry]);
    assert!(text.contains("Data Access audit logs") && policies == 0, "nobody can set GKE's policy: {text}");
}

#[test]
fn bodies_that_are_missing_are_told_apart() {
    let with = |more: Value| {
        let mut records = whole();
        records.push(event(3, "create", "/api/v1/namespaces/shop/pods", more));
        plan_of(&records).0
    };
    let notes =
        |plan: &Plan, code: Code| of(plan, code).iter().map(|finding| (finding.note.clone(), finding.count)).collect::<Vec<_>>();
    let plan = with(json!({"level": "Metadata"}));
    assert!(matches!(&notes(&plan, Code::BodiesMissing)[..], [(note, 1)] if note.contains("pods and controllers")));
    // A controller's own object has its body, though its template is taken from its owner.
    let owned =
        json!({"metadata": {"name": "w-1", "ownerReferences": [{"kind": "Deployment", "name": "w"}]}, "spec": {"template": {}}});
    let plan = {
        let mut records = whole();
        records.push(event(3, "create", "/apis/apps/v1/namespaces/shop/replicasets", json!({"responseObject": owned})));
        plan_of(&records).0
    };
    assert!(of(&plan, Code::BodiesMissing).is_empty());
    let plan = with(json!({"annotations": {"authorization.k8s.io/decision": "allow", "audit.k8s.io/truncated": "true"}}));
    assert_eq!((notes(&plan, Code::BodiesTruncated).len(), notes(&plan, Code::BodiesLeftOut).len()), (1, 0));
    let plan = with(json!({"responseObject": "skipped-too-big-size-object"}));
    assert_eq!((notes(&plan, Code::BodiesTruncated).len(), notes(&plan, Code::BodiesLeftOut).len()), (0, 1));
    // What is needed to write rights stands in their bodies.
    let uri = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings";
    let mut records = whole();
    records.push(event(3, "create", uri, json!({"level": "Metadata"})));
    let (plan, policies) = plan_of(&records);
    assert!(matches!(&notes(&plan, Code::BodiesMissing)[..], [(note, 1)] if note.contains("`bind`")));
    assert!(policies[0].0.starts_with("coverage/"), "{policies:?}");
    assert!(policies[0].1.contains("does not: bodies-missing.\n"), "{}", policies[0].1);
    records[2]["user"] = json!({"username": "admin", "groups": ["system:masters"]});
    assert!(of(&plan_of(&records).0, Code::BodiesMissing).is_empty(), "no authorizer is asked about system:masters");
    records[2]["user"] = records[1]["user"].clone();
    records[2]["responseObject"] = json!({"roleRef": {"kind": "Role", "name": "r"}});
    assert!(of(&plan_of(&records).0, Code::BodiesMissing).is_empty());
}

#[test]
fn pods_that_act_and_were_never_seen_are_older_than_the_recording() {
    let mut records = whole();
    records.push(acts(3, "old-1"));
    records.push(acts(4, "old-1"));
    let (plan, _) = plan_of(&records);
    let [found] = of(&plan, Code::PodsOlder)[..] else { panic!("{:?}", plan.verdict.coverage) };
    assert!(found.count == 2 && found.note.contains("ci/old-1") && !found.note.contains("runner"), "{found:?}");
    // One list with its answer tells what they are.
    let items = json!([{"metadata": {"name": "old-1", "namespace": "ci"}, "spec": {"containers": [{"name": "c"}]}}]);
    records.push(event(5, "list", "/api/v1/pods", json!({"responseObject": {"kind": "PodList", "items": items}})));
    assert!(of(&plan_of(&records).0, Code::PodsOlder).is_empty());
    // Where no body is there at all, that is the reason.
    records.truncate(1);
    records[0]["level"] = json!("Metadata");
    let (plan, _) = plan_of(&records);
    assert_eq!((of(&plan, Code::PodsOlder).len(), of(&plan, Code::BodiesMissing).len()), (0, 1));
}

#[test]
fn cron_jobs_that_never_ran_are_named() {
    let job = |number, name: &str, suspend: bool| {
        let template = json!({"spec": {"containers": [{"name": "c"}]}});
        let spec = json!({"schedule": "0 3 1 * *", "suspend": suspend, "jobTemplate": {"spec": {"template": template}}});
        let body = json!({"metadata": {"name": name, "namespace": "ci"}, "spec": spec});
        event(number, "create", "/apis/batch/v1/namespaces/ci/cronjobs", json!({"responseObject": body}))
    };
    let mut records = whole();
    records.extend([job(3, "monthly", false), job(4, "asleep", true)]);
    let (plan, _) = plan_of(&records);
    let [found] = of(&plan, Code::CronNotRun)[..] else { panic!("{:?}", plan.verdict.coverage) };
    assert!(found.count == 1 && found.note.contains("ci/monthly (`0 3 1 * *`)"), "{found:?}");
    let owner = json!([{"kind": "Job", "name": "monthly-29920321", "controller": true}]);
    records.push(event(5, "create", "/api/v1/namespaces/ci/pods", pod("monthly-29920321-x2x7k", owner)));
    assert!(of(&plan_of(&records).0, Code::CronNotRun).is_empty());
}

#[test]
fn labels_that_hide_violations_are_named() {
    let namespace = |labels: Value| {
        let body = json!({"metadata": {"name": "shop", "labels": labels}});
        event(4, "create", "/api/v1/namespaces", json!({"responseObject": body}))
    };
    let mut records = whole();
    records.push(event(3, "create", "/api/v1/namespaces/shop/pods", json!({"level": "Metadata"})));
    let hidden = |records: &[Value]| {
        of(&plan_of(records).0, Code::ViolationsHidden).iter().map(|found| found.about.clone()).collect::<Vec<_>>()
    };
    let about = hidden(&records);
    assert!(matches!(&about[..], [about] if about.ends_with("namespace/shop")), "{about:?}");
    for (labels, count) in [
        (json!({"pod-security.kubernetes.io/enforce": "privileged"}), 1),
        (json!({"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/audit": "restricted"}), 0),
    ] {
        records.truncate(3);
        records.push(namespace(labels.clone()));
        assert_eq!(hidden(&records).len(), count, "{labels}");
    }
    // Where a pod of the namespace was seen, its body tells.
    records.truncate(3);
    records.push(event(4, "create", "/api/v1/namespaces/shop/pods", pod("web", json!([]))));
    records[3]["responseObject"]["metadata"]["namespace"] = json!("shop");
    assert!(hidden(&records).is_empty());
    // An annotation shows that they are checked.
    records.truncate(3);
    records[2]["annotations"]["pod-security.kubernetes.io/audit-violations"] =
        json!("would violate PodSecurity \"restricted:latest\": x");
    assert!(hidden(&records).is_empty());
}

#[test]
fn the_audit_policy_keeps_secrets_out_of_the_log() {
    let (_, policies) = plan_of(&whole()[1..]);
    let [(_, body)] = &policies[..] else { panic!("{policies:?}") };
    let policy: Value = serde_saphyr::from_str(body).unwrap();
    assert_eq!((&policy["apiVersion"], &policy["kind"]), (&json!("audit.k8s.io/v1"), &json!("Policy")));
    // The first rule that matches decides, as in `pkg/audit/policy/checker.go`; a rule without resources takes all.
    let level = |verb: &str, group: &str, resource: &str| {
        let holds = |list: &Value, text: &str| list.as_array().is_none_or(|list| list.is_empty() || list.contains(&json!(text)));
        let takes = |rule: &&Value| {
            let groups = rule["resources"].as_array();
            let taken = |one: &Value| one["group"] == json!(group) && holds(&one["resources"], resource);
            holds(&rule["verbs"], verb) && groups.is_none_or(|groups| groups.iter().any(taken))
        };
        policy["rules"].as_array().unwrap().iter().find(takes).map(|rule| rule["level"].as_str().unwrap().to_owned())
    };
    for (verb, group, resource, expected) in [
        ("create", "", "secrets", "Metadata"),
        ("list", "", "secrets", "Metadata"),
        ("update", "", "configmaps", "Metadata"),
        ("create", "", "serviceaccounts/token", "Metadata"),
        ("create", "authentication.k8s.io", "tokenreviews", "Metadata"),
        ("create", "", "pods", "RequestResponse"),
        ("list", "", "pods", "RequestResponse"),
        ("watch", "", "pods", "Metadata"),
        ("patch", "", "pods/status", "RequestResponse"),
        ("create", "apps", "deployments", "RequestResponse"),
        ("create", "rbac.authorization.k8s.io", "roles", "RequestResponse"),
        ("update", "certificates.k8s.io", "certificatesigningrequests/approval", "RequestResponse"),
        ("create", "example.com", "widgets", "Metadata"),
    ] {
        assert_eq!(level(verb, group, resource).as_deref(), Some(expected), "{verb} {resource}.{group}");
    }
}
