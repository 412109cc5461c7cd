//! `policy::rbac::decide` against Kubernetes' own authorizer, on generated objects and questions.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::access::identity::Identity;
use tightfit::access::kube::{KubeRequest, KubeResource, KubeTarget};
use tightfit::policy::decision::Decision;
use tightfit::policy::rbac::{Kind, RbacPolicy, covers, decide, permits};

use super::judge::{folder, judged, one_of, sampled, some_of};

const VERBS: &[&str] = &["get", "list", "watch", "create", "delete", "impersonate", "*", "", "GET", "g*t", "post"];
const GROUPS: &[&str] = &["", "", "apps", "example.com", "*", "APPS", "*.com"];
const RESOURCES: &[&str] = &[
    "pods",
    "pods/log",
    "pods/exec",
    "deployments",
    "deployments/scale",
    "*",
    "*/scale",
    "*/log",
    "*/*",
    "pods/*",
    "*/",
    "/",
    "/log",
    "log",
    "pods/",
    "PODS",
    "a/b/c",
    "*/b/c",
    "",
    "po*",
    "**",
    "*/é",
];
const NAMES: &[&str] = &["a", "b", "web-7d4b9c6f5-x2x4k", "", "*", "a*", "a/b", "A", "é\u{0}\n"];
const URLS: &[&str] = &[
    "*",
    "/",
    "/*",
    "/api",
    "/api/*",
    "/api*",
    "/logs/**",
    "/healthz",
    "/healthz/",
    "",
    "**",
    "*/metrics",
    "/a*b",
    "/é*",
    "/a b",
    "***x*",
];
const PATHS: &[&str] = &[
    "/",
    "/api",
    "/api/",
    "/api/v1",
    "/apis",
    "/logs/",
    "/logs/x",
    "/logs",
    "/healthz",
    "/healthz/",
    "",
    "*",
    "/metrics",
    "/a*b",
    "/axb",
    "/é",
    "/éa",
    "/a b",
    "/x/metrics",
    "***x",
];
const NAMESPACES: &[&str] = &["shop", "ops", "shop", "ops", "", "*", "shop:web", "é"];
const USERS: &[&str] = &[
    "system:serviceaccount:shop:web",
    "system:serviceaccount:ops:web",
    "system:serviceaccount:shop:api",
    "alice",
    "Alice",
    "system:anonymous",
    "*",
    "",
    "system:serviceaccount:shop:",
    "system:serviceaccount::web",
    "system:serviceaccount:shop:web:x",
    "system:serviceaccount:shop",
    "system:serviceaccounts:shop:web",
    "web",
    "bob\n- kind: User \"'\u{0}é",
];
const GROUP_NAMES: &[&str] = &[
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:serviceaccounts:shop",
    "system:serviceaccounts:ops",
    "system:masters",
    "devs",
    "*",
    "",
    "Devs",
];
const ACCOUNTS: &[&str] = &["web", "api", "", "*", "web:x", "shop:web", "alice"];
const ROLES: &[&str] = &["r0", "r1", "r2", "r3"];

fn rule() -> impl Strategy<Value = Value> {
    let names = prop_oneof![3 => Just(Value::Null), 2 => some_of(NAMES, 3)];
    let urls = prop_oneof![3 => Just(Value::Null), 2 => some_of(URLS, 3)];
    (some_of(VERBS, 4), some_of(GROUPS, 3), some_of(RESOURCES, 5), names, urls).prop_map(|(verbs, groups, resources, names, urls)| {
        json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names, "nonResourceURLs": urls})
    })
}

fn rules() -> impl Strategy<Value = Value> {
    prop_oneof![9 => proptest::collection::vec(rule(), 1..4).prop_map(Value::from), 1 => Just(Value::Null)]
}

fn subject() -> impl Strategy<Value = Value> {
    let group = one_of(&["rbac.authorization.k8s.io", "", "elsewhere"]);
    let plain = |kind: &'static str, name: BoxedStrategy<String>| {
        (group.clone(), name).prop_map(move |(group, name)| json!({"kind": kind, "apiGroup": group, "name": name}))
    };
    let account = (one_of(ACCOUNTS), one_of(&["", "", "shop", "ops", "shop:web", "*"]))
        .prop_map(|(name, namespace)| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}));
    prop_oneof![
        4 => account,
        3 => plain("User", one_of(USERS).boxed()),
        3 => plain("Group", one_of(GROUP_NAMES).boxed()),
        1 => plain("user", one_of(USERS).boxed()),
        1 => plain("SystemUser", one_of(USERS).boxed()),
    ]
}

fn binding(kind: &'static str, namespace: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    let referred =
        one_of(&["ClusterRole", "ClusterRole", "ClusterRole", "Role", "Role", "Role", "Role", "clusterrole", "RoleBinding", ""]);
    let role = (
        referred,
        one_of(&["r0", "r1", "r2", "r3", "r0", "r1", "r2", "r3", "absent"]),
        one_of(&["rbac.authorization.k8s.io", "", "elsewhere"]),
    );
    let subjects = prop_oneof![9 => proptest::collection::vec(subject(), 1..4).prop_map(Value::from), 1 => Just(Value::Null)];
    (namespace, role, subjects).prop_map(move |(namespace, (referred, name, group), subjects)| {
        let role = json!({"kind": referred, "name": name, "apiGroup": group});
        json!({"kind": kind, "metadata": {"name": "b", "namespace": namespace}, "roleRef": role, "subjects": subjects})
    })
}

/// Roles of every name and some bindings. An aggregation rule is the business of a controller: the authorizer looks past it.
fn objects() -> impl Strategy<Value = Vec<Value>> {
    let cluster_role = |(place, (rules, aggregated)): (usize, (Value, bool))| {
        let aggregation = aggregated.then(|| json!({"clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]}));
        json!({"kind": "ClusterRole", "metadata": {"name": ROLES[place]}, "rules": rules, "aggregationRule": aggregation})
    };
    let role = |(place, (rules, namespace)): (usize, (Value, String))| json!({"kind": "Role", "metadata": {"name": ROLES[place], "namespace": namespace}, "rules": rules});
    let cluster_roles = proptest::collection::vec((rules(), proptest::bool::weighted(0.2)), 4);
    let roles = proptest::collection::vec((rules(), one_of(&["shop", "shop", "ops", ""])), 4);
    let cluster_bindings = proptest::collection::vec(binding("ClusterRoleBinding", Just(String::new()).boxed()), 0..4);
    let bindings =
        proptest::collection::vec(binding("RoleBinding", one_of(&["shop", "shop", "shop", "ops", "", "é"]).boxed()), 0..5);
    (cluster_roles, roles, cluster_bindings, bindings).prop_map(move |(cluster_roles, roles, cluster_bindings, bindings)| {
        let cluster_roles = cluster_roles.into_iter().enumerate().map(cluster_role);
        cluster_roles.chain(roles.into_iter().enumerate().map(role)).chain(cluster_bindings).chain(bindings).collect()
    })
}

/// Who asks for what.
#[derive(Debug, Clone)]
struct Question {
    user: String,
    groups: Vec<String>,
    request: KubeRequest,
}

impl Question {
    fn line(&self) -> Value {
        let mut line = json!({"user": self.user, "groups": self.groups, "verb": self.request.verb});
        match &self.request.target {
            KubeTarget::NonResource(path) => line["path"] = json!(path),
            KubeTarget::Resource(asked) => {
                for (field, value) in [
                    ("apigroup", &asked.api_group),
                    ("resource", &asked.resource),
                    ("subresource", &asked.subresource),
                    ("namespace", &asked.namespace),
                    ("name", &asked.name),
                ] {
                    line[field] = json!(value);
                }
            }
        }
        line
    }
}

fn question(users: &'static [&'static str]) -> impl Strategy<Value = Question> {
    let resource = one_of(&["pods", "pods", "deployments", "widgets", "*", "", "pods/log", "PODS", "a", "a/b"]);
    let subresource = one_of(&["", "", "", "log", "exec", "scale", "*", "b/c", "c", "é"]);
    let on = (one_of(GROUPS), resource, subresource, one_of(NAMESPACES), one_of(NAMES)).prop_map(
        |(api_group, resource, subresource, namespace, name)| {
            KubeTarget::Resource(KubeResource { api_group, resource, subresource, namespace, name })
        },
    );
    let target = prop_oneof![3 => on, 1 => one_of(PATHS).prop_map(KubeTarget::NonResource)];
    let groups = proptest::collection::vec(one_of(GROUP_NAMES), 0..3);
    (one_of(users), groups, one_of(VERBS), target).prop_map(|(user, groups, verb, target)| Question {
        user,
        groups,
        request: KubeRequest { verb, target },
    })
}

/// A question that one of the bindings was written for, with at most one part of the drawn question left in it: what nearly is
/// allowed tells more than what is far from it.
fn near(objects: &[Value], drawn: Question, picks: &[prop::sample::Index], kept: usize) -> Question {
    let pick = |place: usize, list: &Value| {
        let list = list.as_array().filter(|list| !list.is_empty())?;
        Some(picks[place].get(list).clone())
    };
    let text = |place: usize, list: &Value, otherwise: &str| {
        let picked = pick(place, list).map(|one| one.as_str().unwrap().to_owned());
        picked.filter(|one| one != "*").unwrap_or_else(|| otherwise.to_owned())
    };
    let bindings: Vec<&Value> = objects.iter().filter(|object| object.get("roleRef").is_some()).collect();
    let Some(binding) = (!bindings.is_empty()).then(|| *picks[0].get(&bindings)) else { return drawn };
    let is_role = |object: &&Value| {
        object["kind"] == binding["roleRef"]["kind"] && object["metadata"]["name"] == binding["roleRef"]["name"]
    };
    let (Some(rule), Some(subject)) =
        (objects.iter().find(is_role).and_then(|role| pick(1, &role["rules"])), pick(2, &binding["subjects"]))
    else {
        return drawn;
    };
    let mut near = drawn.clone();
    let of = |field: &str| subject[field].as_str().unwrap_or_default().to_owned();
    let home = binding["metadata"]["namespace"].as_str().unwrap_or_default();
    if kept != 0 {
        match subject["kind"].as_str().unwrap() {
            "ServiceAccount" => {
                let namespace =
                    Some(of("namespace")).filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| home.to_owned());
                near.user = format!("system:serviceaccount:{namespace}:{}", of("name"));
            }
            "Group" => near.groups.push(of("name")),
            _ => near.user = of("name"),
        }
    }
    if kept != 1 {
        near.request.verb = text(3, &rule["verbs"], &drawn.request.verb);
    }
    match &mut near.request.target {
        KubeTarget::NonResource(path) if kept != 2 => {
            // Whatever follows a trailing `*` may be there.
            let url = text(4, &rule["nonResourceURLs"], path);
            *path = url.strip_suffix('*').map_or(url.clone(), |stem| format!("{stem}{path}"));
        }
        KubeTarget::NonResource(_) => {}
        KubeTarget::Resource(asked) => {
            if kept != 2 {
                asked.api_group = text(4, &rule["apiGroups"], &asked.api_group);
            }
            if kept != 3 {
                let resource = text(5, &rule["resources"], &asked.with_subresource());
                let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
                (asked.resource, asked.subresource) =
                    (if resource == "*" { "widgets" } else { resource }.to_owned(), subresource.to_owned());
            }
            if kept != 4 && !home.is_empty() {
                asked.namespace = home.to_owned();
            }
            if kept != 5 {
                asked.name = text(6, &rule["resourceNames"], &asked.name);
            }
        }
    }
    near
}

/// Objects with questions: most near what some binding gives, one in four as drawn.
fn batches(
    objects: impl Strategy<Value = Vec<Value>>,
    users: &'static [&'static str],
    questions: usize,
) -> impl Strategy<Value = (Vec<Value>, Vec<Question>)> {
    let one = (
        question(users),
        proptest::collection::vec(any::<prop::sample::Index>(), 7),
        0..16_usize,
        proptest::bool::weighted(0.25),
    );
    (objects, proptest::collection::vec(one, questions)).prop_map(|(objects, drawn)| {
        let question = |(drawn, picks, kept, as_drawn): (Question, Vec<prop::sample::Index>, usize, bool)| {
            if as_drawn { drawn } else { near(&objects, drawn, &picks, kept) }
        };
        let questions = drawn.into_iter().map(question).collect();
        (objects, questions)
    })
}

fn policy(objects: &[Value]) -> RbacPolicy {
    let mut policy = RbacPolicy::default();
    for object in objects {
        let mut object = object.clone();
        let kind = Kind::from_name(object.as_object_mut().unwrap().remove("kind").unwrap().as_str().unwrap()).unwrap();
        policy.insert(kind, object).unwrap();
    }
    policy
}

/// The judge's answer and reason to every question, batch by batch.
fn asked(batches: &[(Vec<Value>, Vec<Question>)]) -> Option<Vec<Vec<(bool, String)>>> {
    let line = |(objects, questions): &(Vec<Value>, Vec<Question>)| json!({"objects": objects, "questions": questions.iter().map(Question::line).collect::<Vec<_>>()});
    let answered = judged("rbac", &[], &batches.iter().map(line).collect::<Vec<_>>())?;
    let batch = |value: &Value| {
        let reasons = value["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap().to_owned());
        value["answers"].as_str().unwrap().chars().map(|letter| letter == 'a').zip(reasons).collect::<Vec<_>>()
    };
    Some(answered.iter().map(batch).collect())
}

#[test]
fn decide_answers_as_kubernetes_does() {
    if folder().is_none() {
        return;
    }
    let batches = sampled(&batches(objects(), USERS, 60), 2_500);
    let Some(answered) = asked(&batches) else { return };
    assert_eq!(answered.len(), batches.len());
    let (mut questions, mut allowed, mut served, mut wrong) = (0, 0, BTreeMap::<String, usize>::new(), Vec::new());
    for ((objects, asked), answers) in batches.iter().zip(answered) {
        let policy = policy(objects);
        assert_eq!(asked.len(), answers.len());
        for (asked, (theirs, reason)) in asked.iter().zip(answers) {
            let ours = decide(&policy, &Identity::kube_user("dev", &asked.user), &asked.groups, &asked.request);
            questions += 1;
            allowed += usize::from(theirs);
            // Kubernetes names the first binding that allowed it, and so do we by its role.
            let same = match &ours {
                Decision::Allow { by } => {
                    let (kind, name) = by.split_once(' ').unwrap();
                    theirs && reason.contains(&format!(" of {kind} \"{name}\" to "))
                }
                Decision::ExplicitDeny { .. } | Decision::ImplicitDeny { .. } => !theirs,
            };
            if theirs {
                let by: Vec<&str> = reason.split('"').step_by(2).map(str::trim).collect();
                *served.entry(format!("{} {} {}", by[0], by[1], by[2])).or_default() += 1;
            }
            if !same {
                wrong.push(format!("ours {ours}, theirs {theirs} ({reason}): {asked:?}\n  {objects:?}"));
            }
        }
    }
    println!("{questions} questions, {allowed} allowed, {} answered otherwise; allowed by {served:#?}", wrong.len());
    assert!(questions >= 100_000 && allowed > questions / 50, "{questions} {allowed}");
    assert!(wrong.is_empty(), "{}", wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n"));
}

/// The units that necessity counts are those that Kubernetes means: together they cover what the bound user is allowed, nothing else.
#[test]
fn units_cover_what_kubernetes_allows() {
    if folder().is_none() {
        return;
    }
    const WHO: &[&str] = &["alice"];
    let bound = |kind: &'static str| {
        let name = if kind == "ClusterRoleBinding" { "" } else { "shop" };
        json!({"kind": kind, "metadata": {"name": "b", "namespace": name}, "subjects": [{"kind": "User", "name": "alice"}],
            "roleRef": {"kind": "ClusterRole", "name": "r"}})
    };
    let role = rules().prop_map(|rules| json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": rules}));
    let setup = (role, proptest::bool::ANY)
        .prop_map(move |(role, everywhere)| vec![role, bound(if everywhere { "ClusterRoleBinding" } else { "RoleBinding" })]);
    let batches = sampled(&batches(setup, WHO, 40), 750);
    let Some(answered) = asked(&batches) else { return };
    let (mut questions, mut allowed) = (0, 0);
    for ((objects, asked), answers) in batches.iter().zip(answered) {
        let units = permits(&policy(objects));
        for (asked, (theirs, _)) in asked.iter().zip(answers) {
            let ours = units.iter().any(|unit| covers(unit, &asked.request));
            assert_eq!(ours, theirs, "{asked:?} {objects:?} {units:?}");
            questions += 1;
            allowed += usize::from(theirs);
        }
    }
    println!("{questions} questions, {allowed} allowed, the same by units");
    assert!(questions >= 30_000 && allowed > 1_000, "{questions} {allowed}");
}
