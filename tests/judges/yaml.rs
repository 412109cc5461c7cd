//! Manifests as Kubernetes reads them: its YAML reader finds the objects that were meant, whatever the names.

use proptest::prelude::*;
use serde_json::Value;
use tightfit::access::identity::Identity;
use tightfit::policy::rbac::{Binding, ObjectMeta};
use tightfit::policy::rbac::{Kind, PolicyRule, RbacPolicy, Role, RoleRef, Subject};
use tightfit::render::{self, Templates};

use super::judge::{folder, judged_text, one_of, sampled};

const HOSTILE: &[&str] = &[
    "yes",
    "no",
    "on",
    "~",
    "null",
    "012",
    "0o14",
    "1e3",
    "0x1f",
    "1_000",
    "1:30",
    ".inf",
    "-",
    "?",
    ":",
    "- a",
    "a: b",
    "a:",
    "#",
    "a #b",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "'",
    "\"",
    "'a'",
    "\"a\"",
    "\\n",
    "a\nb",
    "\n",
    "a\n---\nkind: ClusterRole",
    "...",
    " a",
    "a ",
    "",
    "\t",
    "a\tb",
    "{{ identity }}",
    "{% raw %}",
    "${HOME}",
    "$(x)",
    "[a]",
    "{a: b}",
    "é",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{a0}",
    "\u{1f600}",
    "<<",
    "=",
    "2026-11-21",
    "\u{7f}",
    "\u{1}",
    "\r",
    "a\r\nb",
    "true",
    "system:serviceaccount:a:b",
];

fn texts(most: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(
        (one_of(HOSTILE), one_of(HOSTILE), any::<bool>()).prop_map(|(a, b, both)| if both { a + &b } else { a }),
        1..=most,
    )
}

fn policy() -> impl Strategy<Value = RbacPolicy> {
    (texts(2), texts(2), texts(2), texts(3), texts(2), texts(3)).prop_map(
        |(verbs, api_groups, resources, resource_names, names, users)| {
            let metadata = ObjectMeta { name: names[0].clone(), namespace: "shop".to_owned(), ..ObjectMeta::default() };
            let rules = vec![PolicyRule { verbs, api_groups, resources, resource_names, ..PolicyRule::default() }];
            let subjects = users.iter().flat_map(|user| [Subject::user(user), Subject::group(user)]).collect();
            let role_ref = RoleRef::to(Kind::Role, &metadata.name);
            RbacPolicy {
                roles: vec![Role { metadata: metadata.clone(), rules }],
                role_bindings: vec![Binding { metadata, role_ref, subjects }],
                ..RbacPolicy::default()
            }
        },
    )
}

#[test]
fn kubernetes_reads_what_was_meant() {
    let Some(folder) = folder() else { return };
    let templates = Templates::new(None).unwrap();
    let (mut text, mut meant) = (String::new(), Vec::<Value>::new());
    for policy in sampled(&policy(), 1_000) {
        let identity = Identity::kube_user("dev", &policy.role_bindings[0].subjects[0].name);
        for artifact in render::rbac::artifacts(&identity, &policy, &templates).unwrap() {
            text.push_str(&artifact.body);
            text.push('\n');
        }
        meant.extend(policy.objects().map(|object| serde_json::to_value(object).unwrap()));
    }
    let read = judged_text(&folder, "rbac", &["-json"], text);
    let read = read[0].as_array().unwrap();
    assert_eq!(read.len(), meant.len());
    for (read, meant) in read.iter().zip(&meant) {
        assert_eq!(read, meant);
    }
    println!("{} objects read alike", read.len());
}
