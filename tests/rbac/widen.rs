//! Widenings that only a setting asks for, and advice: splits of a service account, roles of a group.

use std::collections::BTreeMap;

use tightfit::access::identity::Identity;
use tightfit::access::inventory::{Fact, Place};
use tightfit::access::kube::KubeRequest;
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::pod::Workload;
use tightfit::access::profile::{IdentityProfile, Profile, Values};
use tightfit::access::request::RequestKey;
use tightfit::catalog::Catalog;
use tightfit::finding::{Code, Finding};
use tightfit::load;
use tightfit::policy::grant::Reason;
use tightfit::policy::set::{Documents, PolicySet};
use tightfit::render::{self, Templates};
use tightfit::synthesize;
use tightfit::verdict::VerdictBasis;
use tightfit::verify::Replay;

use crate::harness::{codes, config, on, profile, seen, synthesize, web};

fn permits(requests: &[(KubeRequest, Outcome)], toml: &str) -> (Vec<String>, Vec<Finding>) {
    let (policy, findings) = synthesize(&profile(requests), &config(toml));
    let grants = policy.map(|policy| policy.grants).unwrap_or_default();
    let rule = |grant: &tightfit::policy::grant::Grant| grant.generalization.as_ref().map(|one| format!(" [{}]", one.rule));
    (grants.iter().map(|grant| format!("{}{}", grant.permit, rule(grant).unwrap_or_default())).collect(), findings)
}

/// Found on a real server: a role for the one pod that was looked into breaks with the next rollout.
#[test]
fn one_name_that_a_controller_gave_is_enough() {
    let cases = [
        (on("get", "", "pods", "shop", "front-69cc979649-99nd4"), true),
        (on("create", "", "pods/exec", "shop", "front-69cc979649-99nd4"), true),
        (on("delete", "batch", "jobs", "shop", "nightly-29384720"), true),
        (on("get", "", "pods", "shop", "database-0"), false),
        (on("delete", "batch", "jobs", "shop", "nightly-now"), false),
        (on("get", "", "configmaps", "shop", "front-69cc979649-99nd4"), false),
        (on("get", "example.com", "pods", "shop", "front-69cc979649-99nd4"), false),
    ];
    for (request, folds) in cases {
        let (grants, _) = permits(&[(request.clone(), Outcome::Allowed)], "");
        assert_eq!(grants.iter().all(|grant| grant.ends_with(" in shop [generated-name]")), folds, "{grants:?}");
        assert_eq!(permits(&[(request, Outcome::Allowed)], "generalize.exact = true").0.len(), 1);
    }
}

#[test]
fn namespaces_fold_only_on_request_and_never_over_a_refusal() {
    let list = |namespace: &str| (on("list", "", "pods", namespace, ""), Outcome::Allowed);
    let mut requests = vec![list("a"), list("b"), list("c")];
    let folded = "list pods in the whole cluster [kube-namespaces]";
    assert_eq!(permits(&requests, "").0.len(), 3);
    assert_eq!(permits(&requests, "generalize.kube-namespaces-min = 4").0.len(), 3);
    assert_eq!(permits(&requests, "generalize.kube-namespaces-min = 3").0, [folded]);
    assert_eq!(permits(&requests, "generalize.kube-namespaces-min = 3\ngeneralize.exact = true").0.len(), 3);
    for refused in [on("list", "", "pods", "kube-system", ""), on("list", "", "pods", "", ""), on("list", "", "pods", "d", "x")] {
        requests.truncate(3);
        requests.push((refused.clone(), Outcome::Refused));
        assert_eq!(permits(&requests, "generalize.kube-namespaces-min = 3").0.len(), 3, "{refused}");
    }
    requests.truncate(3);
    requests.push((on("list", "apps", "pods", "d", ""), Outcome::Refused));
    assert_eq!(permits(&requests, "generalize.kube-namespaces-min = 3").0, [folded], "another group was refused");
}

#[test]
fn namespaces_that_a_machine_named_are_told_and_fold_on_request() {
    let get = |namespace: &str, name: &str| (on("get", "", "pods", namespace, name), Outcome::Allowed);
    let requests = [get("pr-12", "web-x2x7k"), get("pr-12", "web-c5jn2"), get("pr-13", "web-x2x7k"), get("pr-13", "web-c5jn2")];
    let (grants, findings) = permits(&requests, "");
    assert_eq!(grants, ["get pods in pr-12 [generated-name]", "get pods in pr-13 [generated-name]"]);
    assert!(codes(&findings).contains(&Code::GeneratedNamespace));
    let (grants, findings) = permits(&requests, "generalize.generated-namespaces = true");
    assert_eq!(grants, ["get pods in the whole cluster [generated-namespace]"]);
    assert!(!codes(&findings).contains(&Code::GeneratedNamespace));
    let (policy, _) = synthesize(&profile(&requests), &config("generalize.generated-namespaces = true"));
    let admits = policy.unwrap().grants[0].generalization.clone().unwrap().admits;
    assert!(admits.contains("every other name") && admits.contains("every other namespace"), "{admits}");
    let person = [get("shop", "a"), get("ops", "a"), get("v2", "a"), get("team-7", "a")];
    assert_eq!(permits(&person, "generalize.generated-namespaces = true").0.len(), 4);
}

#[test]
fn read_verbs_fold_only_on_request() {
    let mut requests =
        vec![(on("get", "", "pods", "shop", "a"), Outcome::Allowed), (on("list", "", "pods", "shop", ""), Outcome::Allowed)];
    requests.push((on("watch", "", "pods", "shop", ""), Outcome::Allowed));
    requests.push((on("list", "apps", "deployments", "shop", ""), Outcome::Allowed));
    let plain = permits(&requests, "").0;
    assert_eq!(plain.len(), 4);
    let toml = "generalize.kube-read-verbs-min = 2";
    let (grants, _) = permits(&requests, toml);
    assert_eq!(
        grants,
        ["get pods in shop [kube-read-verbs]", "list pods in shop", "list deployments.apps in shop", "watch pods in shop"],
        "the named get is covered; one verb of three is not enough"
    );
    // The judge finds no excess: a person asked for it.
    let seen = Profile { identities: BTreeMap::from([(web(), profile(&requests))]), ..Profile::default() };
    let config_of = config(toml);
    let (set, _) = synthesize::policies(&seen, &config_of, Catalog::embedded(), None);
    assert!(
        set.policies[&web()]
            .grants
            .iter()
            .any(|grant| matches!(&grant.reason, Reason::Declared { by } if by.contains("read-verbs")))
    );
    let mut replay = Replay::new(&set, &config_of);
    replay.profile(&seen);
    let verdict = replay.verdict(VerdictBasis::Log, Vec::new());
    assert!(verdict.sufficiency.gaps.is_empty() && verdict.necessity.excess.is_empty(), "{:?}", verdict.necessity.excess);
    requests.push((on("get", "", "pods", "shop", "vault"), Outcome::Refused));
    assert_eq!(permits(&requests, toml).0, plain);
}

/// A profile of one service account whose requests name the pods that they came from.
fn from_pods(requests: &[(KubeRequest, &[&str])]) -> IdentityProfile {
    let mut part = IdentityProfile::default();
    for (request, pods) in requests {
        let mut seen = seen(&[Outcome::Allowed], Basis::Stated);
        for tally in seen.outcomes.values_mut() {
            tally.issued_to = Values::of(pods.iter().map(|pod| format!("pod/shop/{pod}")), 1);
        }
        part.requests.insert(RequestKey::Kube(request.clone()), seen);
    }
    part
}

fn write(seen: &Profile) -> (PolicySet, Vec<Finding>) {
    synthesize::policies(seen, &config(""), Catalog::embedded(), None)
}

#[test]
fn workloads_behind_one_service_account_are_told_apart() {
    let part = from_pods(&[
        (on("list", "", "pods", "shop", ""), &["web-7d9f8b6c5d-x2x4z", "web-7d9f8b6c5d-c5jn2", "report-29384756-bcdfg"]),
        (on("get", "", "secrets", "shop", "db"), &["report-29384756-bcdfg"]),
        (on("get", "", "configmaps", "shop", "web"), &["web-7d9f8b6c5d-x2x4z"]),
        (on("get", "", "configmaps", "shop", "lock"), &["guess-2"]),
        (on("get", "", "events", "shop", "old"), &[]),
    ]);
    let mut seen = Profile { identities: BTreeMap::from([(web(), part)]), ..Profile::default() };
    let owners = [
        ("web-7d9f8b6c5d-x2x4z", "Deployment", "web"),
        ("web-7d9f8b6c5d-c5jn2", "Deployment", "web"),
        ("report-29384756-bcdfg", "CronJob", "report"),
    ];
    for (pod, kind, name) in owners {
        let place = Place { cluster: "dev".to_owned(), namespace: "shop".to_owned(), name: pod.to_owned() };
        seen.inventory.insert(&Fact::PodOwner { place, workload: Workload { kind: kind.to_owned(), name: name.to_owned() } });
    }
    let (set, findings) = write(&seen);
    let workloads: Vec<&str> = set.splits.iter().map(|split| split.workload.as_str()).collect();
    assert_eq!(workloads, ["CronJob/report", "Deployment/web", "pods/guess-*"]);
    let shared = findings.iter().find(|finding| finding.code == Code::SharedServiceAccount).unwrap();
    for told in ["3 workloads", "CronJob/report", "told by their names alone", "name no pod"] {
        assert!(shared.note.contains(told), "{}", shared.note);
    }
    let whole = set.policies[&web()].documents.permits();
    let templates = Templates::new(None).unwrap();
    for split in &set.splits {
        let Documents::Rbac(policy) = &split.documents else { panic!("not RBAC") };
        let artifact = &render::rbac::split_artifacts(&split.identity, &split.workload, policy, &templates).unwrap()[0];
        assert!(artifact.path.starts_with("kubernetes/dev/shop/serviceaccount/web/split/"), "{}", artifact.path);
        let mut read = load::rbac::parse(&artifact.path, &artifact.body).unwrap();
        read.cluster = "dev".to_owned();
        assert_eq!(&read, policy);
        assert!(split.documents.permits().iter().all(|permit| whole.contains(permit)), "a part of what the whole is granted");
    }
    let report = &set.splits[0];
    assert_eq!(
        report.documents.permits().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["get secrets db in shop", "list pods in shop"]
    );
    let Documents::Rbac(policy) = &report.documents else { panic!("not RBAC") };
    assert_eq!(
        policy.role_bindings[0].subjects[0].name, "web-report",
        "a service account of its own, so that nothing is bound by it"
    );

    let one = from_pods(&[(on("list", "", "pods", "shop", ""), &["web-7d9f8b6c5d-x2x4z", "web-7d9f8b6c5d-c5jn2"])]);
    let (set, findings) = write(&Profile { identities: BTreeMap::from([(web(), one)]), ..Profile::default() });
    assert!(set.splits.is_empty() && !codes(&findings).contains(&Code::SharedServiceAccount));
}

#[test]
fn users_of_one_group_are_told() {
    let user = |name: &str, own: &str| {
        let mut part = profile(&[
            (on("list", "", "pods", "shop", ""), Outcome::Allowed),
            (on("get", "", "pods", "shop", own), Outcome::Allowed),
        ]);
        part.groups.extend(["team-shop".to_owned(), "system:authenticated".to_owned()]);
        (Identity::kube_user("dev", name), part)
    };
    let seen = Profile { identities: BTreeMap::from([user("alice", "a"), user("bob", "b")]), ..Profile::default() };
    let (_, findings) = write(&seen);
    let [told] = findings.iter().filter(|finding| finding.code == Code::SharedGroup).collect::<Vec<_>>()[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(told.about, "dev/group/team-shop");
    assert!(told.note.contains("1 of their 3 grants are the same for all (`list pods in shop`)"), "{}", told.note);
}
