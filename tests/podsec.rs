//! Pod Security against upstream's own fixtures: pods by level and version, that must pass and that must fail.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tightfit::access::pod::Pod;
use tightfit::policy::podsec::{Level, NamespacePolicy, decide, version, violations};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Fixtures are named after the check that they are about; at `restricted` its stricter counterpart may stand in for it.
fn is_about(stem: &str, check: &str) -> bool {
    let about = stem.trim_end_matches(|character: char| character.is_ascii_digit());
    let stand_ins = [
        ("hostpathvolumes", "restrictedvolumes"),
        ("capabilities_baseline", "capabilities_restricted"),
        ("seccompprofile_baseline", "seccompprofile_restricted"),
        ("procmount", "procmount_restricted"),
    ];
    let check = check.to_lowercase();
    about == check || stand_ins.contains(&(about, check.as_str()))
}

/// Fixtures start from a pod that passes: nothing but the check they are about may object. Some cannot be written without a
/// second fault: a privileged container may not forbid escalation, a Windows host process needs the node's network, and a
/// container without any security context drops no capabilities either.
fn only_fault(stem: &str, checks: &[&str]) -> bool {
    let second = if stem.starts_with("privileged") {
        "allowPrivilegeEscalation"
    } else if stem.starts_with("windowshostprocess") {
        "hostNamespaces"
    } else if stem == "allowprivilegeescalation3" {
        "capabilities_restricted"
    } else {
        ""
    };
    checks.iter().any(|check| is_about(stem, check)) && checks.iter().all(|check| is_about(stem, check) || *check == second)
}

#[test]
fn upstream_fixtures_pass_and_fail_as_their_folder_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/policies/pod-security-admission/testdata");
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return;
    }
    let (mut passed, mut failed, mut wrong) = (0, 0, Vec::new());
    for level in [Level::Baseline, Level::Restricted] {
        for folder in entries(&root.join(level.name())) {
            let version = version::parse(&name(&folder)).unwrap();
            for (expected, file) in
                ["pass", "fail"].iter().flat_map(|kind| entries(&folder.join(kind)).into_iter().map(move |file| (*kind, file)))
            {
                let value: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
                let pod = Pod::from_json(&value).unwrap();
                let found = violations(level, version, &pod);
                assert_eq!(decide(&NamespacePolicy { level, version }, &pod).is_allow(), found.is_empty());
                let stem = name(&file).trim_end_matches(".yaml").to_owned();
                let right = match expected {
                    "pass" => found.is_empty(),
                    _ => only_fault(&stem, &found.iter().map(|violation| violation.check).collect::<Vec<_>>()),
                };
                *(if expected == "pass" { &mut passed } else { &mut failed }) += 1;
                if !right {
                    wrong.push(format!("{level} {version} {expected} {stem}: {found:?}"));
                }
            }
        }
    }
    println!("{} pods: {passed} that must pass, {failed} that must fail, {} judged wrong", passed + failed, wrong.len());
    assert!(passed + failed > 800, "the fixtures are all there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No fixture has an ephemeral container, so every container of a failing one is made one: what it may not do stays forbidden.
#[test]
fn an_ephemeral_container_hides_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/policies/pod-security-admission/testdata");
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return;
    }
    let mut moved = 0;
    for level in [Level::Baseline, Level::Restricted] {
        for folder in entries(&root.join(level.name())) {
            let version = version::parse(&name(&folder)).unwrap();
            for file in entries(&folder.join("fail")) {
                let mut value: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
                let checks = |value: &Value| {
                    let pod = Pod::from_json(value).unwrap();
                    let found = violations(level, version, &pod).into_iter().map(|violation| violation.check);
                    found.collect::<std::collections::BTreeSet<_>>()
                };
                let before = checks(&value);
                let spec = value["spec"].as_object_mut().unwrap();
                let all: Vec<Value> = ["initContainers", "containers"]
                    .iter()
                    .filter_map(|list| spec.remove(*list))
                    .flat_map(|list| list.as_array().cloned().unwrap_or_default())
                    .collect();
                spec.insert("ephemeralContainers".to_owned(), Value::Array(all));
                assert_eq!(checks(&value), before, "{level} {version} {}", name(&file));
                moved += 1;
            }
        }
    }
    assert!(moved > 300, "{moved}");
}

/// How an API server words the checks that the recorded pods violate.
const REASONS: &[(&str, &str)] = &[
    ("allowPrivilegeEscalation", "allowPrivilegeEscalation != false"),
    ("capabilities_restricted", "unrestricted capabilities"),
    ("runAsNonRoot", "runAsNonRoot != true"),
    ("seccompProfile_restricted", "seccompProfile"),
    ("hostNamespaces", "host namespaces"),
    ("privileged", "privileged"),
    ("restrictedVolumes", "restricted volume types"),
    ("runAsUser", "runAsUser=0"),
];

/// The reasons in `would violate PodSecurity "LEVEL:VERSION": REASON (DETAIL), REASON (DETAIL)`; details hold no parentheses here.
fn reasons(annotation: &str) -> Vec<String> {
    let (_, list) = annotation.split_once("\": ").unwrap_or_default();
    let mut reasons: Vec<String> = list.split("), ").map(|part| part.split(" (").next().unwrap_or_default().to_owned()).collect();
    reasons.sort();
    reasons
}

#[test]
fn a_real_api_server_found_the_same_in_the_pods_it_logged() {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/k8s-audit/kube-1.36/audit.log");
    let Ok(text) = fs::read_to_string(&log) else {
        println!("skipped: {} is absent", log.display());
        return;
    };
    let version = version::parse("v1.36").unwrap();
    let annotation = |event: &Value, name: &str| {
        Some(event.get("annotations")?.get(format!("pod-security.kubernetes.io/{name}"))?.as_str()?.to_owned())
    };
    let (mut enforced, mut audited) = (0, 0);
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(enforce) = annotation(&event, "enforce-policy") else { continue };
        let admitted = event["responseStatus"]["code"] == 201;
        // A refused pod's response is the refusal.
        let body = if admitted { &event["responseObject"] } else { &event["requestObject"] };
        let pod = Pod::from_json(body).unwrap();
        let level = Level::from_name(enforce.trim_end_matches(":latest")).unwrap();
        assert_eq!(decide(&NamespacePolicy { level, version }, &pod).is_allow(), admitted, "{event}");
        enforced += 1;
        if let Some(found) = annotation(&event, "audit-violations") {
            let mut checks: Vec<&str> =
                violations(Level::Restricted, version, &pod).into_iter().map(|violation| violation.check).collect();
            checks.dedup();
            let worded = |check: &&str| REASONS.iter().find(|(id, _)| id == check).map_or("?", |(_, reason)| reason).to_owned();
            let mut ours: Vec<String> = checks.iter().map(worded).collect();
            ours.sort();
            assert_eq!(ours, reasons(&found));
            audited += 1;
        }
    }
    println!("{enforced} pods enforced and {audited} audited as the API server did");
    assert!(enforced >= 13 && audited >= 7, "the log still holds them: {enforced}, {audited}");
}
