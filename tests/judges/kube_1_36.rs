//! The recorded 1.36 cluster: what its controllers did, what is written for each, and what Kubernetes itself gives it.
//!
//! ```text
//! observed <= generated <= upstream role + default bindings
//! ```
//!
//! Both are answered by Kubernetes' own authorizer; the requests of the first are read from the log by the test itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use tightfit::access::identity::{Identity, Name};
use tightfit::pipeline::Plan;
use tightfit::policy::grant::Permit;
use tightfit::policy::rbac::{RbacPolicy, Subject};
use tightfit::policy::set::Documents;

use super::bootstrap::kubernetes;
use super::harness::{config, generate, shared};
use super::judge::judged;

const CLASSES: &str = "choose.classes = [\"human\", \"ci\", \"break-glass\", \"system\"]\n";

/// The groups that authentication adds by itself.
fn groups(identity: &Identity) -> Vec<String> {
    let mut groups = vec!["system:authenticated".to_owned()];
    if let Name::ServiceAccount { namespace, .. } = &identity.name {
        groups.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
    } else if identity.kube_username().is_some_and(|name| name.starts_with("system:node:")) {
        groups.push("system:nodes".to_owned());
    }
    groups
}

/// One judge's line: objects, and questions of one user.
fn batch(policies: &[&RbacPolicy], user: &str, groups: &[String], questions: &BTreeSet<Asked>) -> Value {
    let objects: Vec<Value> =
        policies.iter().flat_map(|policy| policy.objects()).map(|object| serde_json::to_value(object).unwrap()).collect();
    let question = |asked: &Asked| {
        let mut line = json!({"user": user, "groups": groups, "verb": asked.verb});
        match &asked.on {
            On::Path(path) => line["path"] = json!(path),
            On::Resource { group, resource, subresource, namespace, name } => {
                let fields = [
                    ("apigroup", group),
                    ("resource", resource),
                    ("subresource", subresource),
                    ("namespace", namespace),
                    ("name", name),
                ];
                for (field, value) in fields {
                    line[field] = json!(value);
                }
            }
        }
        line
    };
    json!({"objects": objects, "questions": questions.iter().map(question).collect::<Vec<_>>()})
}

/// A question to the authorizer, spelled by the test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    verb: String,
    on: On,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    Path(String),
    Resource { group: String, resource: String, subresource: String, namespace: String, name: String },
}

/// What the log says was authorized, by user: read here from the events alone. The name is the path's, as the authorizer was
/// asked.
fn observed(log: &str) -> BTreeMap<String, BTreeSet<Asked>> {
    let mut all = BTreeMap::<String, BTreeSet<Asked>>::new();
    for event in log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let allowed = event["annotations"]["authorization.k8s.io/decision"] == "allow";
        if !allowed || event["stage"] == "RequestReceived" || event.get("impersonatedUser").is_some() {
            continue;
        }
        let (verb, object) = (text(&event["verb"]), &event["objectRef"]);
        let uri = text(&event["requestURI"]);
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        let on = if object.is_null() {
            On::Path(path.to_owned())
        } else {
            let (subresource, name) = (text(&object["subresource"]), text(&object["name"]));
            let in_path = format!("{path}/").contains(&format!("/{}/{name}/", text(&object["resource"])));
            let selected = query.contains(&format!("fieldSelector=metadata.name%3D{name}"));
            let lists = matches!(verb.as_str(), "list" | "watch");
            let name = if in_path || (selected && lists) { name } else { String::new() };
            let (group, resource, namespace) = (text(&object["apiGroup"]), text(&object["resource"]), text(&object["namespace"]));
            On::Resource { group, resource, subresource, namespace, name }
        };
        let of_user = all.entry(text(&event["user"]["username"])).or_default();
        of_user.insert(Asked { verb, on });
    }
    all
}

/// Every unit of a policy as a question: in exact documents nothing is a wildcard, so the answer is containment.
fn asked_units(documents: &RbacPolicy) -> BTreeSet<Asked> {
    let unit = |permit: Permit| match permit {
        Permit::NonResource { verb, path } => Some(Asked { verb, on: On::Path(path) }),
        Permit::Rbac { namespace, verb, api_group: group, resource, name } => {
            let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
            let (resource, subresource) = (resource.to_owned(), subresource.to_owned());
            let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
            Some(Asked { verb, on: On::Resource { group, resource, subresource, namespace, name } })
        }
        Permit::Iam { .. } | Permit::PodSecurity { .. } | Permit::Network(_) => None,
    };
    tightfit::policy::rbac::permits(documents).into_iter().filter_map(unit).collect()
}

fn documents<'a>(plan: &'a Plan, identity: &Identity) -> Option<&'a RbacPolicy> {
    match &plan.policies.policies.get(identity)?.documents {
        Documents::Rbac(documents) => Some(documents),
        Documents::Iam(_) | Documents::PodSecurity(_) | Documents::Network(_) => None,
    }
}

/// The users of the log that Kubernetes itself binds to something, nodes included.
fn with_upstream_role(upstream: &RbacPolicy, users: &BTreeMap<String, BTreeSet<Asked>>) -> Vec<String> {
    let bindings = || upstream.cluster_role_bindings.iter().chain(&upstream.role_bindings);
    let is = |user: &str, subject: &Subject| match subject.kind.as_str() {
        "User" => subject.name == user,
        "ServiceAccount" => user == format!("system:serviceaccount:{}:{}", subject.namespace, subject.name),
        _ => user.starts_with("system:node:") && subject.name == "system:nodes",
    };
    let bound = |user: &&String| bindings().flat_map(|binding| &binding.subjects).any(|subject| is(user, subject));
    users.keys().filter(bound).cloned().collect()
}

#[test]
fn generated_roles_lie_between_what_was_done_and_what_kubernetes_gives() {
    let (Some(shared), Some(mut upstream)) = (shared(), kubernetes()) else { return };
    // The Node authorizer reads these rules itself, so the binding that names them binds nobody.
    for binding in upstream.cluster_role_bindings.iter_mut().filter(|binding| binding.metadata.name == "system:node") {
        binding.subjects.push(Subject::group("system:nodes"));
    }
    let log = shared.join("k8s-audit/kube-1.36/audit.log");
    let users = observed(&fs::read_to_string(&log).unwrap());
    let exact = generate(&[&log], &config(&format!("{CLASSES}generalize.exact = true\n")), 2);
    let widened = generate(&[&log], &config(CLASSES), 2);
    let (mut lines, mut meant) = (Vec::new(), Vec::new());
    for user in with_upstream_role(&upstream, &users) {
        let identity = Identity::kube_user("cluster", &user);
        // Nothing is written for who did nothing that the default bindings don't give.
        let nothing = RbacPolicy::default();
        let ours = documents(&exact, &identity).unwrap_or(&nothing);
        let wide = documents(&widened, &identity).unwrap_or(&nothing);
        let groups = groups(&identity);
        // Default bindings are there in any cluster, under either set.
        let defaults = tightfit::policy::rbac::default_grants();
        for (what, policies, questions) in [
            ("observed <= generated, exact", vec![ours, defaults], users[&user].clone()),
            ("observed <= generated", vec![wide, defaults], users[&user].clone()),
            ("generated, exact <= upstream", vec![&upstream], asked_units(ours)),
        ] {
            lines.push(batch(&policies, &user, &groups, &questions));
            meant.push((what, user.clone(), questions));
        }
    }
    let answers = judged("rbac", &[], &lines).unwrap();
    let (mut counts, mut wrong) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for ((what, user, questions), answer) in meant.iter().zip(&answers) {
        *counts.entry(what).or_default() += questions.len();
        let denied = questions.iter().zip(answer["answers"].as_str().unwrap().chars()).filter(|(_, letter)| *letter != 'a');
        wrong.extend(denied.map(|(asked, _)| format!("{what}: {user}: {}", spelled(asked))));
    }
    let accounts: BTreeSet<&String> = meant.iter().map(|(_, user, _)| user).collect();
    println!("{} accounts with an upstream role; questions {counts:#?}; {} denied", accounts.len(), wrong.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accounts.len() >= 20 && counts.values().all(|count| *count > 150), "{accounts:?}");
}

fn spelled(asked: &Asked) -> String {
    match &asked.on {
        On::Path(path) => format!("{} {path}", asked.verb),
        On::Resource { group, resource, subresource, namespace, name } => {
            let slash = if subresource.is_empty() { "" } else { "/" };
            let dot = if group.is_empty() { "" } else { "." };
            let all = |text: &str| if text.is_empty() { "*".to_owned() } else { text.to_owned() };
            format!("{} {resource}{slash}{subresource}{dot}{group} {} in {}", asked.verb, all(name), all(namespace))
        }
    }
}
