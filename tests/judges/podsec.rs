//! Our Pod Security checks against Kubernetes' own library, after Kubernetes' own defaulting: generated pods, and upstream's fixtures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::access::pod::Pod;
use tightfit::policy::podsec::{Level, version, violations};

use super::judge::{folder, judged, sampled};
use super::pods::pods;

/// How the library words each check's refusal.
const REASONS: &[(&str, &str)] = &[
    ("allowPrivilegeEscalation", "allowPrivilegeEscalation != false"),
    ("appArmorProfile", "forbidden AppArmor profile"),
    ("capabilities_baseline", "non-default capabilities"),
    ("capabilities_restricted", "unrestricted capabilities"),
    ("hostNamespaces", "host namespaces"),
    ("hostPathVolumes", "hostPath volumes"),
    ("hostPorts", "hostPort"),
    ("hostProbesAndHostLifecycle", "probe or lifecycle host"),
    ("privileged", "privileged"),
    ("procMount", "procMount"),
    ("procMount_restricted", "procMount"),
    ("restrictedVolumes", "restricted volume types"),
    ("runAsNonRoot", "runAsNonRoot != true"),
    ("runAsUser", "runAsUser=0"),
    ("seLinuxOptions", "seLinuxOptions"),
    ("seccompProfile_baseline", "seccompProfile"),
    ("seccompProfile_restricted", "seccompProfile"),
    ("sysctls", "forbidden sysctls"),
    ("windowsHostProcess", "hostProcess"),
];

/// Our checks that refuse, worded as the library words them.
fn ours(level: &str, asked: &str, pod: &Value) -> BTreeSet<String> {
    let (level, version) = (Level::from_name(level).unwrap(), version::parse(asked).unwrap());
    let found = violations(level, version, &Pod::from_json(pod).unwrap()).into_iter();
    let worded = |check: &str| REASONS.iter().find(|(id, _)| *id == check).map_or("?", |(_, reason)| *reason).to_owned();
    found.map(|violation| worded(violation.check)).collect()
}

/// The library's refusals, for each pod and each level and version asked of it.
fn theirs(pods: &[(&Value, Vec<(&'static str, String)>)]) -> Vec<(Value, Vec<BTreeSet<String>>)> {
    let plain: Vec<Value> = pods.iter().map(|(pod, _)| (*pod).clone()).collect();
    let defaulted = judged("defaults", &[], &plain).unwrap();
    assert_eq!(defaulted.len(), pods.len());
    let lines: Vec<Value> = defaulted.iter().zip(pods).map(|(pod, (_, asked))| json!({"pod": pod, "asked": asked})).collect();
    let answers = judged("podsec", &[], &lines).unwrap();
    assert_eq!(answers.len(), pods.len());
    // The one reason that is put into the plural.
    let reason = |text: &Value| text.as_str().unwrap().replace("AppArmor profiles", "AppArmor profile");
    let set = |reasons: &Value| reasons.as_array().unwrap().iter().map(reason).collect();
    let sets = |answer: &Value| answer.as_array().unwrap().iter().map(set).collect();
    defaulted.into_iter().zip(answers.iter().map(sets)).collect()
}

/// Both levels at the versions that clusters run now, and at three older ones.
fn asked() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    proptest::collection::vec(0..33_u32, 3).prop_map(|older| {
        let minors = (33..=37).chain(older);
        minors.flat_map(|minor| ["baseline", "restricted"].map(|level| (level, format!("v1.{minor}")))).collect()
    })
}

#[test]
fn generated_pods_are_judged_as_the_library_judges_them() {
    if folder().is_none() {
        return;
    }
    let drawn = sampled(&(pods(), asked()), 4_000);
    let pods: Vec<_> = drawn.iter().map(|(pod, asked)| (pod, asked.clone())).collect();
    let (mut verdicts, mut allowed, mut wrong) = (0, 0, Vec::new());
    let mut refused = BTreeMap::<String, usize>::new();
    for ((pod, asked), (defaulted, theirs)) in pods.iter().zip(theirs(&pods)) {
        for ((level, version), theirs) in asked.iter().zip(theirs) {
            if is_synced(pod, version) {
                continue;
            }
            let (sent, held) = (ours(level, version, pod), ours(level, version, &defaulted));
            verdicts += 1;
            allowed += usize::from(theirs.is_empty());
            if sent != theirs || held != theirs {
                wrong.push(format!("{level} {version}: ours {sent:?}, defaulted {held:?}, theirs {theirs:?}\n  {pod}"));
            }
            for reason in theirs {
                *refused.entry(reason).or_default() += 1;
            }
        }
    }
    println!("{verdicts} verdicts, {allowed} of them allowed, {} judged otherwise; refusals {refused:#?}", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n"));
    assert!(verdicts >= 50_000 && allowed > verdicts / 20, "{verdicts} {allowed}");
    let worded: BTreeSet<&str> = REASONS.iter().map(|(_, reason)| *reason).collect();
    assert!(worded.iter().all(|reason| refused.get(*reason).is_some_and(|count| *count > 100)), "{refused:?}");
}

/// API servers from 1.19 to 1.26 made fields of the seccomp annotations before Pod Security looked, and so do we for these targets; the
/// one whose defaulting stands in the judge does so no more. <https://kubernetes.io/docs/tutorials/security/seccomp/>
fn is_synced(pod: &Value, version: &str) -> bool {
    let minor: u32 = version.trim_start_matches("v1.").parse().unwrap();
    (19..=26).contains(&minor) && pod["metadata"]["annotations"].to_string().contains("seccomp")
}

/// The versions at which a check begins or changes are the library's: nothing newer is known to either.
#[test]
fn the_newest_version_is_the_librarys() {
    let Some(versions) = judged("podsec", &["-versions"], &[]) else { return };
    let newest = versions[0].as_array().unwrap().last().unwrap().as_u64();
    assert_eq!(newest, Some(u64::from(version::NEWEST.minor)));
}

/// Two kinds of pod that no API server takes, on which we differ; both ways we refuse where the library allows.
#[test]
fn what_no_api_server_takes_is_not_taken_for_safe() {
    if folder().is_none() {
        return;
    }
    let hardened = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let pod = |volume: Value| {
        json!({"spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "securityContext": hardened}], "volumes": [volume],
        }})
    };
    for (why, volume) in [
        ("validation: may not specify more than 1 volume type", json!({"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}})),
        ("a source of a later version, which the library drops as it reads", json!({"name": "v", "brandNew": {}})),
    ] {
        let pod = pod(volume);
        let judged = theirs(&[(&pod, vec![("restricted", "v1.37".to_owned())])]);
        assert!(judged[0].1[0].is_empty(), "{why}");
        assert_eq!(ours("restricted", "v1.37", &pod), BTreeSet::from(["restricted volume types".to_owned()]), "{why}");
    }
}

fn listed(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|one| one.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "README.md")
        .collect();
    paths.sort();
    paths
}

/// Every fixture of the library itself, v1.0 to v1.37: passes or fails as its folder says, by the same checks as the library's.
#[test]
fn every_fixture_of_upstream_is_judged_alike() {
    let Some(folder) = folder() else { return };
    let (mut fixtures, mut versions) = (Vec::new(), BTreeSet::new());
    for level in ["baseline", "restricted"] {
        for of_version in listed(&folder.join("pods").join(level)) {
            let version = of_version.file_name().unwrap().to_str().unwrap().to_owned();
            versions.insert(version.clone());
            for kind in ["pass", "fail"] {
                for file in listed(&of_version.join(kind)) {
                    let pod: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
                    fixtures.push((level, version.clone(), kind, file.display().to_string(), pod));
                }
            }
        }
    }
    let pods: Vec<_> = fixtures.iter().map(|(level, version, _, _, pod)| (pod, vec![(*level, version.clone())])).collect();
    let (mut wrong, mut failing) = (Vec::new(), 0);
    for ((level, version, kind, file, pod), (_, theirs)) in fixtures.iter().zip(theirs(&pods)) {
        let ours = ours(level, version, pod);
        failing += usize::from(*kind == "fail");
        if ours != theirs[0] || ours.is_empty() != (*kind == "pass") {
            wrong.push(format!("{file}: ours {ours:?}, theirs {:?}", theirs[0]));
        }
    }
    println!(
        "{} fixtures of {} versions, {failing} that must fail, {} judged otherwise",
        fixtures.len(),
        versions.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
    assert!(versions.len() == 38 && fixtures.len() > 4_500, "{} {}", versions.len(), fixtures.len());
}
