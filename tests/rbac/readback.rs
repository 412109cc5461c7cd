//! Read-back: hostile names, every default role of Kubernetes, and manifests that must be refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tightfit::access::identity::Identity;
use tightfit::access::observation::Outcome;
use tightfit::load;
use tightfit::policy::grant::Permit;
use tightfit::policy::rbac::{self, RbacPolicy};
use tightfit::render::{self, Templates};
use tightfit::synthesize;

use crate::harness::{config, documents, on, profile, synthesize, web};

#[test]
fn hostile_names_are_read_back() {
    let templates = Templates::new(None).unwrap();
    let hostile =
        ["yes", "a\n---\nkind: ClusterRole", "*x", "{{ identity }}", "\"; rm", "${HOME}", "\u{2028}", "012", "# x", "k: v"];
    let evidence: Vec<_> = hostile.iter().map(|name| (on("get", name, "things", "shop", name), Outcome::Allowed)).collect();
    for username in ["bob\n---\nevil: true", "yes", "#", "\u{0}", "system:serviceaccount:shop:web"] {
        let identity = Identity::kube_user("dev", username);
        let policy = synthesize::rbac::policy(&identity, &profile(&evidence), &config(""), &mut Vec::new()).unwrap();
        let artifacts = render::rbac::artifacts(&identity, documents(&policy), &templates).unwrap();
        let artifact = artifacts.first().unwrap();
        let mut read = load::rbac::parse(&artifact.path, &artifact.body).unwrap();
        read.cluster = "dev".to_owned();
        assert_eq!(&read, documents(&policy));
        assert!(evidence.iter().all(|(request, _)| rbac::decide(&read, &identity, &[], request).is_allow()));
    }
}

#[test]
fn a_template_that_changes_the_policy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rbac")).unwrap();
    let (policy, _) = synthesize(&profile(&[(on("get", "", "pods", "shop", "a"), Outcome::Allowed)]), &config(""));
    let policy = policy.unwrap();
    for (template, kept) in [
        ("{% for document in documents %}---\n{{ document }}{% endfor %}", true),
        ("{{ documents[0] }}", false),
        ("{% for document in documents %}---\n{{ document | replace(from=\"shop\", to=\"prod\") }}{% endfor %}", false),
    ] {
        fs::write(folder.path().join("rbac/rbac.yaml"), template).unwrap();
        let templates = Templates::new(Some(folder.path())).unwrap();
        assert_eq!(render::rbac::artifacts(&web(), documents(&policy), &templates).is_ok(), kept, "{template}");
    }
}

#[test]
fn foreign_and_hostile_manifests_are_refused() {
    let bomb = "a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n\
                d: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e]\n\
                g: &g [*f, *f, *f, *f, *f, *f, *f, *f]\nh: [*g, *g, *g, *g, *g, *g, *g, *g]\n";
    let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a, namespace: b}\n";
    let deep = format!("{head}rules: {}", "[".repeat(10_000));
    let cases = [
        ("kind: Pod\napiVersion: v1\n", "Pod"),
        ("apiVersion: v1\nkind: List\nitems: [{kind: Secret, apiVersion: v1}]\n", "Secret"),
        ("apiVersion: example.com/v1\nkind: Role\n", "example.com/v1"),
        ("just text", "kind"),
        (bomb, ""),
        (deep.as_str(), ""),
    ];
    for (text, named) in cases {
        let error = load::rbac::parse("file.yaml", text).unwrap_err().to_string();
        assert!(error.contains("file.yaml") && error.contains(named), "{error}");
    }
    for rules in ["[{verbs: [get], resourceName: [x]}]", "[{verbs: get}]", "[{verbs: [1]}]", "{}"] {
        assert!(load::rbac::parse("file.yaml", &format!("{head}rules: {rules}\n")).is_err(), "{rules}");
    }
}

fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/k8s-audit");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: ../shared/data/k8s-audit is not here");
    None
}

fn bootstrap(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("k8s-bootstrap-rbac")).into_iter().flatten().flatten().map(|file| file.path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.push(folder.join("kube-1.36/default-clusterroles.json"));
    files.sort();
    files
}

#[test]
fn every_default_role_of_kubernetes_is_read_back() {
    let Some(folder) = shared() else { return };
    let templates = Templates::new(None).unwrap();
    let mut objects = 0;
    for file in bootstrap(&folder) {
        let text = fs::read_to_string(&file).unwrap();
        let policy = load::rbac::parse(&file.display().to_string(), &text).unwrap();
        objects += policy.objects().count();
        let artifacts = render::rbac::artifacts(&web(), &policy, &templates).unwrap();
        let artifact = artifacts.first().unwrap();
        assert_eq!(load::rbac::parse(&artifact.path, &artifact.body).unwrap(), policy, "{}", file.display());
    }
    println!("{objects} objects read back");
    assert_eq!(objects, 241, "as PyYAML counts them");
}

/// The default grants are those that the API server of 1.36 had, and those that the bootstrap files bind to everyone.
#[test]
fn default_grants_are_those_of_kubernetes() {
    let Some(folder) = shared() else { return };
    let live = fs::read_to_string(folder.join("kube-1.36/default-clusterroles.json")).unwrap();
    let live = load::rbac::parse("live", &live).unwrap();
    let bindings = fs::read_to_string(folder.join("k8s-bootstrap-rbac/cluster-role-bindings.yaml")).unwrap();
    let bindings = load::rbac::parse("bindings", &bindings).unwrap();
    let ours = rbac::default_grants();
    let rules = |policy: &RbacPolicy, name: &str| {
        let role = policy.cluster_roles.iter().find(|role| role.metadata.name == name).cloned().unwrap_or_default();
        let mut one = RbacPolicy { cluster_roles: vec![role], ..RbacPolicy::default() };
        one.cluster_role_bindings = ours.cluster_role_bindings.iter().filter(|one| one.role_ref.name == name).cloned().collect();
        rbac::permits(&one).into_iter().collect::<BTreeSet<Permit>>()
    };
    let everyone = |policy: &RbacPolicy| -> BTreeSet<String> {
        let groups = ["system:authenticated", "system:serviceaccounts"];
        let bound = policy.cluster_role_bindings.iter().filter(|binding| {
            binding.subjects.iter().any(|subject| subject.kind == "Group" && groups.contains(&subject.name.as_str()))
        });
        // OpenShift's own addition is in the bootstrap files of the reference data.
        bound.map(|binding| binding.role_ref.name.clone()).filter(|name| !name.contains("openshift")).collect()
    };
    assert_eq!(everyone(ours), everyone(&bindings));
    for name in everyone(ours) {
        assert!(!rules(ours, &name).is_empty());
        assert_eq!(rules(ours, &name), rules(&live, &name), "{name}");
    }
}
