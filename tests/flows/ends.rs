//! What is known of both ends: connections that one end's interface let out and the other's rejected, pods whose labels are not their
//! owner's, workloads of which no flow was seen.

use std::fs;

use serde_json::{Value, json};
use tightfit::access::flow::{End, Flow, Labels, Transport, resolve};
use tightfit::catalog::Catalog;
use tightfit::config::UncheckedConfig;
use tightfit::finding::Code;
use tightfit::ingest;
use tightfit::pipeline::{self, Plan, Source};
use tightfit::policy::grant::Permit;

use crate::read::{profile, resolved};
use crate::shop::{self, START, event};

const FIELDS: &str = "srcaddr dstaddr srcport dstport protocol start end action tcp-flags flow-direction log-status";
const WEB: &str = "10.244.0.10";
const API: &str = "10.244.1.10";
const DB: &str = "10.244.2.10";

/// A packet's record: from, to, the ports, when, what became of it, TCP's flags, and which way it passed the interface.
fn record(from: (&str, u16), to: (&str, u16), at: i64, action: &str, flags: u8, direction: &str) -> String {
    let start = START + at;
    format!("{} {} {} {} 6 {start} {} {action} {flags} {direction} OK\n", from.0, to.0, from.1, to.1, start + 60)
}

fn plan_of(logs: &[(&str, &str)], settings: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in logs {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let inputs = ingest::discover(&[folder.path().display().to_string()], &mut std::io::empty()).unwrap();
    let config = UncheckedConfig::parse("t.toml", &format!("coverage.days-min = 1\n{settings}")).unwrap().check().unwrap();
    let catalog = Catalog::embedded();
    let source = Source { inputs: &inputs.inputs, config: &config, catalog, snapshot: None, jobs: 1, progress: &|_, _| {} };
    pipeline::generate(&source).unwrap()
}

fn told(plan: &Plan, code: Code) -> Vec<String> {
    plan.findings.iter().filter(|finding| finding.code == code).map(|finding| finding.note.clone()).collect()
}

/// Units of network policies, as text.
fn units(plan: &Plan) -> Vec<String> {
    let grants = plan.policies.policies.values().flat_map(|policy| &policy.grants);
    let units = grants.filter_map(|grant| match &grant.permit {
        Permit::Network(unit) => Some(unit.to_string()),
        Permit::Iam { .. } | Permit::Rbac { .. } | Permit::NonResource { .. } | Permit::PodSecurity { .. } => None,
    });
    units.collect()
}

#[test]
fn what_the_servers_end_rejected_was_not_made() {
    let opens = |at, action, direction| record((WEB, 40000), (DB, 5432), at, action, 2, direction);
    let answer = |at, direction| record((DB, 5432), (WEB, 40000), at, "ACCEPT", 18, direction);
    let (out, into) = (opens(100, "ACCEPT", "egress"), opens(101, "REJECT", "ingress"));
    let unsaid = [opens(100, "ACCEPT", "-"), opens(100, "REJECT", "-")].concat();
    // Records, whether it is granted, contested and refused ones, and whether it is said that nothing tells.
    let cases = [
        ("let out", out.clone(), true, 0, false),
        ("let out and rejected", out.clone() + &into, false, 0, false),
        ("let out in an hour, rejected in the next", out.clone() + &opens(3700, "REJECT", "ingress"), false, 0, false),
        ("rejected hours later", out.clone() + &opens(9000, "REJECT", "ingress"), true, 1, false),
        ("let out, rejected, and answered", out.clone() + &into + &answer(102, "ingress"), true, 1, false),
        ("let out, rejected, and let in", out.clone() + &into + &opens(200, "ACCEPT", "ingress"), true, 1, false),
        ("rejected where it was let out", out.clone() + &opens(101, "REJECT", "egress"), true, 1, false),
        ("nothing says where", unsaid.clone(), false, 0, true),
        ("nothing says where, and answered", unsaid + &answer(102, "-"), true, 1, false),
    ];
    let other = record((WEB, 40001), (API, 9000), 50, "ACCEPT", 2, "ingress");
    for (name, records, granted, contested, unknown) in cases {
        let flows = format!("{FIELDS}\n{other}{records}");
        let plan = plan_of(&[("audit.log", &shop::audit_log()), ("flows.log", &flows)], "[network]\nbasis = \"observed\"");
        let units = units(&plan);
        assert!(units.iter().any(|unit| unit.ends_with("on TCP 9000")), "{name}: {units:?}");
        assert_eq!(units.iter().any(|unit| unit.ends_with("on TCP 5432")), granted, "{name}: {units:?}");
        let verdict = &plan.verdict;
        assert!(verdict.sufficiency.gaps.is_empty() && verdict.restraint.leaks.is_empty(), "{name}: {verdict:#?}");
        assert!(verdict.necessity.excess.is_empty(), "{name}: {:#?}", verdict.necessity);
        assert_eq!(verdict.restraint.contested.len(), contested, "{name}: {:#?}", verdict.restraint);
        assert_eq!(told(&plan, Code::FlowOutcomeUnknown).len(), usize::from(unknown), "{name}: {:#?}", plan.findings);
    }
}

/// A pod that says it is one of Deployment web's, with these labels.
fn stranger(name: &str, address: &str, labels: &Value) -> String {
    let mut labels = labels.clone();
    labels["pod-template-hash"] = json!("6d4b9c5f7d");
    let body = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": "shop", "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-6d4b9c5f7d", "controller": true}]},
        "spec": {"containers": [{"name": "main", "image": "x"}]}, "status": {"phase": "Running", "podIP": address}});
    let object = json!({"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1", "subresource": "status"});
    event("patch", &format!("/api/v1/namespaces/shop/pods/{name}/status"), object, 20, body) + "\n"
}

#[test]
fn a_pod_stands_for_the_labels_that_it_bears() {
    let borne = [
        // One more label, or one that the network leaves out, makes no other pod of it.
        (json!({"app": "web", "tier": "t", "canary": "1"}), true),
        (json!({"tier": "t"}), true),
        (json!({"app": "evil", "tier": "t"}), false),
    ];
    for (labels, is_web) in borne {
        let audit = shop::audit_log() + &stranger("web-6d4b9c5f7d-evil0", "10.244.9.9", &labels);
        let flows = format!("{FIELDS}\n{}", record(("10.244.9.9", 40000), (DB, 5432), 100, "ACCEPT", 2, "ingress"));
        let seen = profile(&[("audit.log", audit.as_bytes()), ("flows.log", flows.as_bytes())]);
        let (found, _) = resolved(&seen);
        let client = found.keys().next().and_then(|flow| flow.client.pod()).unwrap();
        let owner = client.workload.as_ref().map(ToString::to_string);
        assert_eq!(owner, is_web.then(|| "Deployment/web".to_owned()), "{client:?}");
        for (name, value) in labels.as_object().unwrap() {
            assert_eq!(client.labels.get(name).map(String::as_str), value.as_str(), "{client:?}");
        }
        let plan = plan_of(&[("audit.log", &audit), ("flows.log", &flows)], "[network]\nbasis = \"observed\"");
        assert_eq!(told(&plan, Code::FlowLabelsDiffer).len(), usize::from(!is_web), "{:#?}", plan.findings);
        let evil = units(&plan).iter().any(|unit| unit.starts_with("out of app=evil in shop"));
        assert_eq!(evil, !is_web, "{:?}", units(&plan));
        assert!(plan.verdict.sufficiency.gaps.is_empty(), "{:#?}", plan.verdict.sufficiency);
    }
}

/// The word of the network itself is no other: its labels are those that it enforces by.
#[test]
fn labels_count_before_the_owner_that_a_record_names() {
    let seen = profile(&[("audit.log", shop::audit_log().as_bytes())]);
    let end = |labels: &[(&str, &str)]| {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let record = json!({"pod": {"namespace": "shop", "workload": {"kind": "Deployment", "name": "web"}, "labels": labels}});
        serde_json::from_value::<End>(record).unwrap()
    };
    let resolved = |labels: &[(&str, &str)]| {
        let flow: Flow =
            serde_json::from_value(json!({"client": end(labels), "server": {"reserved": "world"}, "transport": Transport::Tcp,
            "port": 443, "hour": null}))
            .unwrap();
        resolve(&flow, "cluster", &seen.inventory).unwrap()[0].client.to_string()
    };
    assert_eq!(resolved(&[]), "Deployment/web in shop");
    assert_eq!(resolved(&[("tier", "other"), ("app", "web")]), "Deployment/web in shop");
    assert_eq!(resolved(&[("app", "api"), ("tier", "t")]), "pods with app=api,tier=t in shop");
}

#[test]
fn workloads_without_flows_and_short_flow_logs_make_the_verdict_incomplete() {
    let flows = format!("{FIELDS}\n{}", record((WEB, 40001), (API, 9000), 50, "ACCEPT", 2, "ingress"));
    let plan = plan_of(&[("audit.log", &shop::audit_log()), ("flows.log", &flows)], "[network]\nbasis = \"observed\"");
    let unseen = told(&plan, Code::WorkloadWithoutFlows);
    assert_eq!(unseen.len(), 1, "namespaces without any flow get no policy: {unseen:?}");
    for name in ["CronJob/nightly", "Deployment/cache", "StatefulSet/db"] {
        assert!(unseen[0].contains(name), "{unseen:?}");
    }
    assert!(!unseen[0].contains("Deployment/web") && !unseen[0].contains("Deployment/api"), "{unseen:?}");
    assert_eq!(told(&plan, Code::FlowsShort).len(), 1, "{:#?}", plan.findings);
    let holes: Vec<Code> = plan.verdict.coverage.iter().map(|hole| hole.code).collect();
    assert!(holes.contains(&Code::FlowsShort) && holes.contains(&Code::WorkloadWithoutFlows), "{holes:?}");
    let off = plan_of(&[("audit.log", &shop::audit_log()), ("flows.log", &flows)], "[network]\nbasis = \"off\"");
    assert!(told(&off, Code::WorkloadWithoutFlows).is_empty());
}
