//! A cluster's own bindings: read from a snapshot, held against what was used, leaned on where a person says that they stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tightfit::access::identity::Identity;
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::profile::Profile;
use tightfit::access::request::RequestKey;
use tightfit::catalog::Catalog;
use tightfit::config::{Class, Config};
use tightfit::finding::{Code, Finding, Severity};
use tightfit::load;
use tightfit::pipeline::Source;
use tightfit::policy::rbac::{self, ClusterUse, Use};
use tightfit::policy::set::PolicySet;
use tightfit::policy::snapshot::Snapshot;
use tightfit::render;
use tightfit::render::redact::Detail;
use tightfit::synthesize;
use tightfit::verdict::{Verdict, VerdictBasis};
use tightfit::verify::Replay;

use crate::harness::{codes, config, on, profile, seen, web};

const CLUSTER: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader, labels: {team: shop}, annotations: {meta.helm.sh/release-name: web}}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list, get]}
- {apiGroups: [""], resources: [secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {team: shop}}]}
rules: null
---
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: web-all, namespace: shop}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}
  subjects: [{kind: ServiceAccount, name: web}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: nodes}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: nodes}
  subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:shop"}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: nodes}
  rules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: gone, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}
subjects: [{kind: ServiceAccount, name: old}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
"#;

fn read(files: &[(&str, &str)], config: &Config) -> Result<(Snapshot, Vec<Finding>), load::LoadError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    }
    load::snapshot::folder(folder.path(), &config.clusters)
}

fn asked() -> Profile {
    let requests = [
        (on("list", "", "pods", "shop", ""), Outcome::Allowed),
        (on("get", "", "pods", "shop", "db-0"), Outcome::Allowed),
        (on("get", "", "secrets", "shop", "other"), Outcome::Refused),
        (on("list", "", "nodes", "", ""), Outcome::Allowed),
    ];
    Profile { identities: BTreeMap::from([(web(), profile(&requests))]), ..Profile::default() }
}

fn judged(seen: &Profile, snapshot: &Snapshot, config: &Config) -> (PolicySet, Vec<Finding>, Verdict) {
    let (set, findings) = synthesize::policies(seen, config, Catalog::embedded(), Some(snapshot));
    let mut replay = Replay::new(&set, config).within(Some(snapshot));
    replay.profile(seen);
    let verdict = replay.verdict(VerdictBasis::Log, Vec::new());
    (set, findings, verdict)
}

fn uses(granted: &[ClusterUse]) -> Vec<(&str, Use, Vec<Use>)> {
    let bindings = granted.iter().flat_map(|cluster| &cluster.bindings);
    bindings.map(|one| (one.binding.as_str(), one.used, one.rules.iter().map(|rule| rule.used).collect())).collect()
}

#[test]
fn each_rule_is_used_wider_or_unused() {
    let config = config("");
    let (snapshot, told) = read(&[("rbac.yaml", CLUSTER)], &config).unwrap();
    assert!(told.is_empty(), "{told:?}");
    let kept: Vec<&str> = snapshot.objects.iter().map(|held| held.text("/kind")).collect();
    assert_eq!(kept, ["Deployment"], "kept as it is, for the inventory");
    let (set, findings, _) = judged(&asked(), &snapshot, &config);
    assert_eq!(
        uses(&set.granted),
        [
            ("ClusterRoleBinding/nodes", Use::Used, vec![Use::Used]),
            ("RoleBinding/shop/gone", Use::Unused, vec![Use::Unused; 2]),
            ("RoleBinding/shop/web-all", Use::WiderThanUsed, vec![Use::WiderThanUsed, Use::Unused]),
        ],
        "the aggregated role is filled in, the group binds the service account"
    );
    let binding = set.granted[0].bindings.iter().find(|one| one.binding.ends_with("web-all")).unwrap();
    let pods = &binding.rules[0];
    let exact: Vec<String> = pods.exact.iter().map(ToString::to_string).collect();
    let wider: Vec<String> = pods.wider.iter().map(|wide| format!("{} <- {}", wide.unit, wide.used_as[0])).collect();
    assert_eq!(
        (exact, wider),
        (vec!["list pods in shop".to_owned()], vec!["get pods in shop <- get pods db-0 in shop".to_owned()])
    );
    assert_eq!((binding.requests, binding.subjects.as_slice()), (2, &["ServiceAccount shop/web".to_owned()][..]));
    let of = |code: Code| -> Vec<&Finding> { findings.iter().filter(|finding| finding.code == code).collect() };
    let [wider] = of(Code::GrantWiderThanUsed)[..] else { panic!("{findings:?}") };
    assert_eq!((wider.about.as_str(), wider.severity), ("dev/RoleBinding/shop/web-all", Severity::Warning));
    assert!(wider.note.contains("reads Secrets") && !wider.note.contains("list pods"), "{}", wider.note);
    assert_eq!(of(Code::GrantUnused).len(), 1);
    let artifact = render::rbac::use_artifact(&set.granted[0], Detail::Redacted).unwrap();
    assert_eq!(artifact.path, "granted-versus-used/dev.json");
    let body: serde_json::Value = serde_json::from_str(&artifact.body).unwrap();
    assert_eq!(body["bindings"][2]["rules"][0]["use"], "wider-than-used");
}

#[test]
fn what_survives_is_not_written_again_and_is_judged_with() {
    let plain = config("");
    let (snapshot, _) = read(&[("rbac.yaml", CLUSTER)], &plain).unwrap();
    let list = |set: &PolicySet| -> Vec<String> {
        set.policies.get(&web()).into_iter().flat_map(|policy| policy.grants.iter().map(|one| one.permit.to_string())).collect()
    };
    let (set, findings, verdict) = judged(&asked(), &snapshot, &plain);
    assert_eq!(list(&set), ["list nodes in the whole cluster", "get pods db-0 in shop", "list pods in shop"]);
    assert!(!codes(&findings).contains(&Code::LeftToSurviving), "what stands in the snapshot is not leaned on by itself");
    assert!(verdict.sufficiency.gaps.is_empty());

    let stays = config("kubernetes.surviving = [\"ClusterRoleBinding/nodes\"]");
    let (set, findings, verdict) = judged(&asked(), &snapshot, &stays);
    assert_eq!(list(&set), ["get pods db-0 in shop", "list pods in shop"]);
    let told = findings.iter().find(|finding| finding.code == Code::LeftToSurviving).unwrap();
    assert!(told.note.contains("ClusterRoleBinding/nodes") && told.note.contains("list nodes"), "{}", told.note);
    assert!(verdict.sufficiency.gaps.is_empty() && verdict.necessity.excess.is_empty());
    // The judge stands on the snapshot, not on the writer's word: without the binding, the same policies have a gap.
    let (gone, _) = read(&[("rbac.yaml", &CLUSTER.replace("system:serviceaccounts:shop", "system:nodes"))], &stays).unwrap();
    let mut replay = Replay::new(&set, &stays).within(Some(&gone));
    let profile = asked();
    replay.profile(&profile);
    assert_eq!(replay.verdict(VerdictBasis::Log, Vec::new()).sufficiency.gaps.len(), 1);
}

#[test]
fn what_an_operator_keeps_is_left_alone_unless_asked_for() {
    let kept =
        CLUSTER.replace("{name: web-all, namespace: shop}", "{name: web-all, namespace: shop, labels: {olm.owner: web.v1}}");
    let plain = config("");
    // The group's binding names everyone; only those that name the service account itself tell.
    let (snapshot, _) = read(&[("rbac.yaml", &kept)], &plain).unwrap();
    assert_eq!(snapshot.told_class(&web()).map(|(class, _)| class), Some(Class::Operator));
    let (set, findings, verdict) = judged(&asked(), &snapshot, &plain);
    assert!(set.policies.is_empty() && codes(&findings).contains(&Code::LeftOut));
    assert_eq!((verdict.left_out.len(), verdict.sufficiency.gaps.len()), (1, 0));
    assert!(verdict.left_out[0].why.contains("Operator Lifecycle Manager (web.v1)"), "{:?}", verdict.left_out);
    for asked_for in
        ["choose.classes = [\"operator\"]", "choose.identities = [\"shop/web\"]", "classes.workload = [\"shop/web\"]"]
    {
        assert_eq!(judged(&asked(), &snapshot, &config(asked_for)).0.policies.len(), 1, "{asked_for}");
    }
    let hook = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop, annotations: {helm.sh/hook: pre-install}}\n";
    let (snapshot, _) = read(&[("sa.yaml", hook)], &plain).unwrap();
    assert!(snapshot.told_class(&web()).is_some_and(|(_, by)| by.contains("Helm hook")));
    assert_eq!(snapshot.told_class(&Identity::kube_user("dev", "system:serviceaccount:shop:api")), None);
}

#[test]
fn clusters_are_named_by_their_files_and_objects_are_told_apart() {
    let named = config("[clusters]\ndev = \"*/dev/*\"");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a, namespace: b}\nrules: []\n";
    let (snapshot, _) =
        read(&[("dev/a.yaml", CLUSTER), ("live/b.json", "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[]}")], &named)
            .unwrap();
    assert_eq!(snapshot.clusters.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(["", "dev"]));
    assert!(snapshot.cluster("dev").is_some_and(|part| part.rbac.objects().count() > 0));
    assert!(snapshot.cluster("other").is_some_and(|part| part.rbac.objects().count() == 0));
    let server = role.replace("namespace: b", "namespace: b, uid: x, resourceVersion: \"7\", managedFields: [{manager: k}]");
    assert!(read(&[("a.yaml", role), ("b.yaml", &server)], &named).is_ok(), "the same object as the server has it");
    let cases = [
        (vec![("a.yaml", role.to_owned()), ("b.yaml", role.replace("rules: []", "rules: [{verbs: [get]}]"))], "another one than"),
        (vec![("a.yaml", role.replace(", namespace: b", ""))], "names no namespace"),
        (vec![("a.yaml", role.replace("rules: []", "rules: [{verb: [get]}]"))], "verb"),
        (vec![("a.yaml", format!("{role}---\nkind: x\n"))], "without `kind`"),
        (vec![("a.yaml", "{{ .Values }}: [".to_owned())], "a.yaml"),
        (vec![("a.txt", "x".to_owned())], "holds no file"),
    ];
    for (files, told) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let error = read(&files, &named).unwrap_err();
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text.push_str(&source.to_string());
        }
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn aggregated_roles_are_filled_in_through_each_other() {
    let text = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: view-x, labels: {to-view: "true"}}, rules: [{apiGroups: [x], resources: [xs], verbs: [get]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: view, labels: {to-edit: "true"}}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-view: "true"}}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit, labels: {to-view: "true"}}, aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: to-edit, operator: Exists}]}]}}
"#;
    let (snapshot, _) = read(&[("a.yaml", text)], &config("")).unwrap();
    let roles = &snapshot.cluster("any").unwrap().rbac.cluster_roles;
    assert!(roles.iter().all(|role| role.rules.len() == 1 && role.aggregation_rule.is_none()), "{roles:?}");
}

/// Kubernetes' own roles and bindings. Those with every feature gate on stand in a file of their own, under the same names.
fn bootstrap(folder: &std::path::Path) -> Snapshot {
    let kept = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder.join("k8s-bootstrap-rbac")).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && !name.contains("featuregates") {
            fs::copy(&file, kept.path().join(name)).unwrap();
        }
    }
    load::snapshot::folder(kept.path(), &[]).unwrap().0
}

/// The authorizer of a real cluster is the judge: whatever it says a binding allowed, we say that the binding covers.
#[test]
fn bindings_cover_what_the_authorizer_says_they_allowed() {
    let Some(folder) = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/k8s-audit").canonicalize().ok()
    else {
        println!("skipped: ../shared/data/k8s-audit is not here");
        return;
    };
    let log = folder.join("kube-1.36/audit.log");
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in fs::read_to_string(&log).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let reason = event["annotations"]["authorization.k8s.io/reason"].as_str().unwrap_or_default();
        let words: Vec<&str> = reason.split('"').collect();
        let ["RBAC: allowed by ClusterRoleBinding ", binding, ..] = words.as_slice() else { continue };
        // The user's own request: whom it impersonates is another's.
        if !event["impersonatedUser"].is_null() {
            continue;
        }
        let field = |name: &str| event["objectRef"][name].as_str().unwrap_or_default();
        let (verb, path) = (event["verb"].as_str().unwrap(), event["requestURI"].as_str().unwrap().split('?').next().unwrap());
        let unnamed = matches!(verb, "create" | "deletecollection") && field("subresource").is_empty();
        let name = if unnamed { "" } else { field("name") };
        let target = if event["objectRef"].is_null() { path } else { "" };
        let parts = [
            event["user"]["username"].as_str().unwrap(),
            verb,
            field("apiGroup"),
            field("resource"),
            field("subresource"),
            field("namespace"),
            name,
            target,
        ];
        named.entry(format!("ClusterRoleBinding/{binding}")).or_default().insert(parts.join("|"));
    }
    let config = config("evidence.assumed = false");
    let inputs = tightfit::ingest::discover(&[log.display().to_string()], &mut std::io::empty()).unwrap();
    let source = Source {
        inputs: &inputs.inputs,
        config: &config,
        catalog: Catalog::embedded(),
        snapshot: None,
        jobs: 1,
        progress: &|_, _| {},
    };
    let profile = tightfit::pipeline::learn(&source).unwrap().profile;
    let (set, _) = synthesize::policies(&profile, &config, Catalog::embedded(), Some(&bootstrap(&folder)));
    let ours: BTreeMap<&str, u64> =
        set.granted[0].bindings.iter().map(|one| (one.binding.as_str(), one.named_by_authorizer)).collect();
    let mut judged = 0;
    for (binding, requests) in &named {
        let Some(count) = ours.get(binding.as_str()) else { continue };
        assert_eq!(*count, u64::try_from(requests.len()).unwrap(), "{binding}: {requests:#?}");
        judged += requests.len();
    }
    println!("{judged} requests of {} bindings, as the authorizer has it", named.len());
    assert!(judged > 100, "{named:?}");
}

#[test]
fn default_bindings_are_the_platforms() {
    let Some(folder) = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/k8s-audit").canonicalize().ok()
    else {
        println!("skipped: ../shared/data/k8s-audit is not here");
        return;
    };
    let snapshot = bootstrap(&folder);
    let part = snapshot.cluster("dev").unwrap();
    let (set, findings, _) = judged(&asked(), &snapshot, &config(""));
    let bindings = &set.granted[0].bindings;
    println!("{} roles and bindings, {} bindings", part.rbac.objects().count(), bindings.len());
    assert!(bindings.len() > 40);
    let others: Vec<&str> = bindings.iter().filter(|one| !one.platform).map(|one| one.binding.as_str()).collect();
    let told: Vec<&Finding> = findings.iter().filter(|one| one.code == Code::GrantUnused).collect();
    assert!(others.is_empty() || others.iter().all(|name| name.contains("openshift")), "{others:?}");
    assert!(told.iter().all(|finding| finding.about.contains("openshift")), "{told:?}");
    // Each default role allows what its own rules say: nothing was lost on the way.
    assert!(part.rbac.cluster_roles.iter().all(|role| rbac::keeper(&role.metadata).is_some()));
}

#[test]
fn whoever_holds_a_roles_rules_needs_no_bind() {
    let plain = config("");
    let (snapshot, _) = read(&[("rbac.yaml", CLUSTER)], &plain).unwrap();
    let bind = on("bind", "rbac.authorization.k8s.io", "clusterroles", "shop", "all");
    let write = on("create", "rbac.authorization.k8s.io", "rolebindings", "shop", "");
    let held = [on("list", "", "pods", "shop", ""), on("get", "", "pods", "shop", ""), on("get", "", "secrets", "", "")];
    for (count, spared) in [(3, true), (2, false)] {
        let mut requests: Vec<_> = held.iter().take(count).map(|request| (request.clone(), Outcome::Allowed)).collect();
        requests.push((write.clone(), Outcome::Allowed));
        let mut part = profile(&requests);
        let assumed = seen(&[Outcome::Allowed], Basis::Assumed("a binding was written".to_owned()));
        part.requests.insert(RequestKey::Kube(bind.clone()), assumed);
        let asked = Profile { identities: BTreeMap::from([(web(), part)]), ..Profile::default() };
        let (set, _, verdict) = judged(&asked, &snapshot, &plain);
        let binds = set.policies[&web()].grants.iter().filter(|grant| grant.permit.to_string().starts_with("bind")).count();
        assert_eq!(binds, usize::from(!spared));
        assert!(verdict.sufficiency.gaps.is_empty() && verdict.necessity.excess.is_empty(), "{verdict:?}");
        // Without the snapshot nobody knows what the role holds.
        let (set, _) = synthesize::policies(&asked, &plain, Catalog::embedded(), None);
        assert!(set.policies[&web()].grants.iter().any(|grant| grant.permit.to_string().starts_with("bind")));
    }
}
