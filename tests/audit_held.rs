//! Objects of a snapshot: what is older than the recording is known by them, by the same reading as the bodies of events.
#![cfg(test)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harness::{config, root, write_lines};
use serde_json::{Value, json};
use tightfit::access::coverage::{AuditCoverage, Coverage};
use tightfit::access::inventory::Holder;
use tightfit::access::object::HeldObject;
use tightfit::access::survey::Survey;
use tightfit::catalog::Catalog;
use tightfit::config::Config;
use tightfit::finding::{Code, Finding};
use tightfit::ingest;
use tightfit::pipeline::{self, Plan, Source};
use tightfit::verdict::VerdictState;

/// A pod of a Deployment as a cluster holds it.
fn pod(name: &str, address: &str) -> Value {
    json!({"kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "ci", "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"app": "runner", "pod-template-hash": "7f5"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "runner-7f5", "controller": true}]},
        "spec": {"serviceAccountName": "build", "nodeName": "n1", "containers": [{"name": "c", "securityContext": {"privileged": true}}]},
        "status": {"phase": "Running", "startTime": "2026-01-02T03:04:09Z", "podIP": address, "hostIP": "192.0.2.1"}})
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "items": items})
}

/// A pod of `ci` acts in the log; the log does not show it.
fn log() -> Vec<Value> {
    vec![json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "id-1", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods", "verb": "list",
        "user": {"username": "system:serviceaccount:ci:build", "extra": {"authentication.kubernetes.io/pod-name": ["runner-7f5-x2x4k"]}},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
        "responseObject": {"kind": "PodList", "items": []}, "annotations": {"authorization.k8s.io/decision": "allow"},
    })]
}

fn with_source<T>(files: &[(&str, Value)], config: &Config, run: impl FnOnce(&Source<'_>, &Path) -> T) -> T {
    let scratch = tempfile::tempdir().unwrap();
    let log = write_lines(scratch.path(), "log.jsonl", &log());
    let snapshot = scratch.path().join("snapshot");
    for (name, object) in files {
        fs::create_dir_all(snapshot.join(name).parent().unwrap()).unwrap();
        fs::write(snapshot.join(name), object.to_string()).unwrap();
    }
    let inputs = ingest::discover(&[log.display().to_string()], &mut std::io::empty()).unwrap();
    let snapshot = (!files.is_empty()).then_some(snapshot.as_path());
    let source = Source { inputs: &inputs.inputs, config, catalog: Catalog::embedded(), snapshot, jobs: 1, progress: &|_, _| {} };
    run(&source, scratch.path())
}

fn plan_of(files: &[(&str, Value)]) -> Plan {
    with_source(files, &config("[coverage]\ndays-min = 1\n"), |source, _| pipeline::generate(source).unwrap())
}

fn codes(findings: &[Finding]) -> BTreeSet<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_pod_older_than_the_recording_is_known_by_the_snapshot() {
    let alone = plan_of(&[]);
    assert!(codes(&alone.verdict.coverage).contains(&Code::PodsOlder));
    let held = plan_of(&[("pods.json", list(&[pod("runner-7f5-x2x4k", "10.0.0.5")]))]);
    assert!(!codes(&held.verdict.coverage).contains(&Code::PodsOlder), "{:?}", held.verdict.coverage);
    assert_eq!(held.verdict.state(), VerdictState::Clean, "{:?}", held.verdict);
    let ci = held.policies.policies.iter().find(|(identity, _)| identity.to_string().contains("namespace/ci"));
    let (identity, policy) = ci.expect("Pod Security by the snapshot's pod");
    assert!(policy.grants.iter().any(|grant| grant.permit.to_string().contains("privileged")), "{:?}", policy.grants);
    let seen = held.profile.identities.get(identity).unwrap();
    let events: Vec<_> =
        seen.requests.values().flat_map(|seen| seen.outcomes.values()).flat_map(|tally| tally.times.evidence.events()).collect();
    assert!(events.iter().all(|event| event.file.ends_with("pods.json") && event.record == 1), "its source is named: {events:?}");
    assert!(held.profile.ledger.files.keys().any(|file| file.ends_with("pods.json")));
    assert_eq!(held.profile.ledger.records(), held.profile.ledger.files.values().map(|file| file.records).sum::<u64>());
}

#[test]
fn replay_asks_the_policies_about_the_snapshots_pods() {
    let strict = config("[coverage]\ndays-min = 1\n");
    let files = [("pods.json", list(&[pod("runner-7f5-x2x4k", "10.0.0.5")]))];
    with_source(&files, &strict, |source, scratch| {
        let plan = pipeline::generate(source).unwrap();
        let templates = tightfit::render::Templates::new(None).unwrap();
        let written =
            pipeline::artifacts(&plan, &strict, source.catalog, &templates, tightfit::render::redact::Detail::Redacted).unwrap();
        for artifact in &written {
            let place = scratch.join("out").join(&artifact.path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            let body = artifact
                .body
                .replace("enforce: privileged", "enforce: restricted")
                .replace("\"level\": \"privileged\"", "\"level\": \"restricted\"");
            fs::write(place, body).unwrap();
        }
        let verdict = pipeline::verify(source, &scratch.join("out")).unwrap().verdict;
        assert!(!verdict.sufficiency.gaps.is_empty(), "a pod that is held would be refused: {verdict:?}");
        let alone = Source { snapshot: None, ..*source };
        assert_eq!(pipeline::verify(&alone, &scratch.join("out")).unwrap().verdict.sufficiency.gaps.len(), 0);
    });
}

fn held(object: Value, number: u64) -> HeldObject {
    HeldObject { cluster: String::new(), file: "held.json".to_owned(), number, object }
}

fn recorded(clusters: &[&str]) -> Coverage {
    let audits = clusters.iter().map(|name| ((*name).to_owned(), AuditCoverage::default())).collect();
    Coverage { audits, ..Coverage::default() }
}

fn survey(objects: &[HeldObject], clusters: &[&str]) -> (Survey, Vec<Finding>) {
    let mut survey = Survey::default();
    let (_, unread) = ingest::held(objects, &recorded(clusters), &mut survey);
    (survey, unread)
}

#[test]
fn addresses_are_told_by_who_has_them_not_by_endpoints_of_others() {
    let stored = |kind: &str, version: &str, namespace: &str, name: &str, more: Value| {
        let mut object = json!({"kind": kind, "apiVersion": version, "metadata": {"name": name, "namespace": namespace,
            "uid": format!("{kind}-{name}"), "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let target = json!({"kind": "Pod", "namespace": "ci", "name": "runner-7f5-x2x4k"});
    let mut ended = pod("runner-7f5-ended", "10.0.0.6");
    ended["status"]["phase"] = json!("Succeeded");
    let objects = [
        pod("runner-7f5-x2x4k", "10.0.0.5"),
        ended,
        stored("Node", "v1", "", "n1", json!({"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}})),
        stored(
            "Service",
            "v1",
            "ci",
            "web",
            json!({"spec": {"clusterIP": "10.96.0.7", "selector": {"app": "runner"}, "ports": [{"port": 80}]}}),
        ),
        stored(
            "EndpointSlice",
            "discovery.k8s.io/v1",
            "ci",
            "web",
            json!({"endpoints": [{"addresses": ["10.0.0.9"], "targetRef": target}]}),
        ),
        stored(
            "EndpointSlice",
            "discovery.k8s.io/v1",
            "default",
            "kubernetes",
            json!({"endpoints": [{"addresses": ["198.51.100.1"]}]}),
        ),
        stored(
            "EndpointSlice",
            "discovery.k8s.io/v1",
            "default",
            "kubernetes-2",
            json!({"endpoints": [{"addresses": ["198.51.100.2"]}]}),
        ),
    ];
    let objects: Vec<HeldObject> = objects.into_iter().zip(1..).map(|(object, number)| held(object, number)).collect();
    let (survey, unread) = survey(&objects, &["staging"]);
    assert!(unread.is_empty(), "{unread:?}");
    let holders: BTreeMap<String, String> = survey
        .inventory
        .addresses
        .iter()
        .map(|((cluster, address), holders)| {
            assert_eq!((cluster.as_str(), holders.len()), ("staging", 1));
            let spelled = holders.iter().map(|(holder, held)| match holder {
                Holder::Pod { pod, .. } if held.began == Some(held.first) => format!("pod {pod} from {}", held.first),
                Holder::Pod { pod, .. } => format!("pod {pod}"),
                Holder::Service { name, .. } => format!("service {name}"),
                Holder::Node(name) => format!("node {name}"),
            });
            (address.to_string(), spelled.collect())
        })
        .collect();
    let expected = [
        ("10.0.0.5", "pod runner-7f5-x2x4k from 2026-01-02T03:04:09Z"),
        ("10.96.0.7", "service web"),
        ("192.0.2.1", "node n1"),
        ("198.51.100.1", "service kubernetes"),
    ];
    assert_eq!(holders, expected.map(|(address, holder)| (address.to_owned(), holder.to_owned())).into());
    assert_eq!(survey.inventory.services.len(), 1);
}

#[test]
fn what_is_not_read_is_said() {
    let mut manifest = pod("meant", "10.0.0.7");
    manifest["metadata"].as_object_mut().unwrap().remove("uid");
    let account = json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "b"}});
    let secret = json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "ci", "uid": "s",
        "creationTimestamp": "2026-01-01T00:00:00Z"}, "data": {"password": "aHVudGVyMg=="}});
    let odd =
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": 7, "uid": "o", "creationTimestamp": "soon"}, "spec": []});
    let same = pod("runner-7f5-x2x4k", "10.0.0.5");
    let mut shapeless = pod("shapeless", "10.0.0.8");
    shapeless["spec"]["hostNetwork"] = json!("yes");
    let service = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "w", "namespace": "ci", "uid": "w",
        "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"selector": []}});
    let template = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d", "namespace": "ci", "uid": "d",
        "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"template": 5}});
    let all = [manifest, account, secret, same.clone(), same, odd, shapeless, service, template];
    let objects: Vec<HeldObject> = all.into_iter().zip(1..).map(|(object, number)| held(object, number)).collect();
    let (one, unread) = survey(&objects, &["staging"]);
    let notes: Vec<String> = unread.iter().map(|finding| format!("{:?} {}", finding.code, finding.note)).collect();
    assert!(
        matches!(&notes[..], [kinds, manifests, malformed] if kinds.contains("1 Secret") && manifests.contains("1 Pod")
            && malformed.contains("1 Deployment, 2 Pod, 1 Service")),
        "{notes:?}"
    );
    assert!(!notes.join("").contains("hunter"));
    assert_eq!(one.ledger.observed, 1, "the same object in two files is one");
    // Whose objects they are must be plain.
    let (none, unread) = survey(&objects, &["staging", "other"]);
    assert_eq!((none.ledger.observed, codes(&unread)), (0, [Code::ClusterUnnamed].into()));
    let elsewhere: Vec<HeldObject> =
        objects.iter().map(|held| HeldObject { cluster: "live".to_owned(), ..held.clone() }).collect();
    assert_eq!(survey(&elsewhere, &["staging", "live"]).0.ledger.observed, 1);
    for clusters in [&["staging"][..], &[]] {
        let (none, unread) = survey(&elsewhere, clusters);
        assert_eq!((none.ledger.observed, codes(&unread)), (0, [Code::SnapshotUnread].into()));
    }
}

/// A genuine recording holds objects as an API server answers with them. The last state of each as a snapshot shows what the whole
/// log shows of it.
#[test]
fn a_snapshot_shows_what_a_recording_shows() {
    let log = root().join("samples/kubernetes-recorded/log/audit.log");
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    for line in fs::read_to_string(&log).unwrap().lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let mut body = event["responseObject"].take();
        let listed = body.get_mut("items").map(Value::take).unwrap_or_default();
        let kind = body["kind"].as_str().unwrap_or_default().trim_end_matches("List").to_owned();
        let version = body["apiVersion"].clone();
        for mut object in listed.as_array().cloned().unwrap_or_else(|| vec![body]) {
            if let Some(uid) = object["metadata"]["uid"].as_str().map(str::to_owned) {
                object["kind"] = json!(kind);
                object["apiVersion"] = version.clone();
                last.insert(uid, object);
            }
        }
    }
    let objects: Vec<HeldObject> = last.into_values().zip(1..).map(|(object, number)| held(object, number)).collect();
    let (snapshot, unread) = survey(&objects, &["cluster"]);
    assert!(unread.is_empty() && snapshot.ledger.observed >= 4, "{unread:?}");
    let inputs = ingest::discover(&[log.display().to_string()], &mut std::io::empty()).unwrap();
    let mut whole = Survey::default();
    ingest::read(&inputs.inputs, &ingest::Options::new(Catalog::embedded()), &mut whole, &|_, _| {});
    let (told, known) = (snapshot.inventory, whole.inventory);
    assert!(!told.workloads.is_empty() && !told.services.is_empty() && told.addresses.len() > 2);
    assert_eq!(told.services, known.services);
    assert_eq!(told.pod_owners, known.pod_owners);
    assert_eq!(told.workloads.keys().collect::<Vec<_>>(), known.workloads.keys().collect::<Vec<_>>());
    assert_eq!(told.addresses.keys().collect::<Vec<_>>(), known.addresses.keys().collect::<Vec<_>>());
}
