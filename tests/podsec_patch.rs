//! Levels and patches from observed pods: what counts as evidence, and that a patch lifts exactly what it claims to lift.

#![cfg(test)]

mod harness;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use tightfit::access::identity::Identity;
use tightfit::access::inventory::Fact;
use tightfit::access::observation::Outcome;
use tightfit::access::pod::{Pod, PodBasis, PodRequest, Workload};
use tightfit::access::profile::{IdentityProfile, Profile, Seen};
use tightfit::access::request::RequestKey;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::finding::{Code, Finding};
use tightfit::policy::grant::{Permit, Reason};
use tightfit::policy::podsec::{Level, NamespacePolicy, violations};
use tightfit::policy::set::{Documents, PodPatch, Policy, PolicySet};
use tightfit::synthesize::podsec::{policy, unseen};

type Observed<'a> = (&'a str, &'a Value, PodBasis, Outcome);

fn config(version: &str) -> Config {
    let text = format!("[kubernetes]\nversion = \"{version}\"\n");
    UncheckedConfig::parse("t", &text).and_then(UncheckedConfig::check).unwrap_or_else(|error| unreachable!("{error}"))
}

fn profile(observed: &[Observed<'_>]) -> IdentityProfile {
    let mut profile = IdentityProfile::default();
    for (workload, pod, basis, outcome) in observed {
        let (kind, name) = workload.split_once('/').unwrap_or((workload, ""));
        let workload = Workload { kind: kind.to_owned(), name: name.to_owned() };
        let pod = Pod::from_json(pod).unwrap_or_else(|error| unreachable!("{error}"));
        let key = RequestKey::Pod(Box::new(PodRequest { workload, pod: std::sync::Arc::new(pod), basis: *basis }));
        let seen: &mut Seen = profile.requests.entry(key).or_default();
        seen.outcomes.insert(*outcome, harness::tally());
    }
    profile
}

fn written(version: &str, observed: &[Observed<'_>]) -> (Option<Policy>, Vec<PodPatch>, Vec<Finding>) {
    let (policy, set, findings) = told(version, observed, &[]);
    (policy, set.pod_patches, findings)
}

/// What is written where the API server told of other pods too.
fn told(version: &str, observed: &[Observed<'_>], violations: &[&str]) -> (Option<Policy>, PolicySet, Vec<Finding>) {
    let (mut set, mut findings) = (PolicySet::default(), Vec::new());
    let identity = Identity::namespace("prod", "shop");
    let mut whole = Profile::default();
    for violation in violations {
        let violation = format!("would violate PodSecurity \"restricted:latest\": {violation}");
        whole.inventory.insert(&Fact::PodViolation { cluster: "prod".to_owned(), namespace: "shop".to_owned(), violation });
    }
    let policy = policy((&identity, &profile(observed)), &whole, &config(version), &mut set, &mut findings);
    unseen(&whole, &config(version), &set, &mut findings);
    (policy, set, findings)
}

fn level(policy: &Option<Policy>) -> Option<Level> {
    match &policy.as_ref()?.documents {
        Documents::PodSecurity(NamespacePolicy { level, .. }) => Some(*level),
        Documents::Iam(_) | Documents::Rbac(_) | Documents::Network(_) => None,
    }
}

/// Kubernetes' strategic merge as far as these patches use it: objects merge, containers merge by name, other lists are replaced.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, patch) in patch {
                merge(target.entry(key.clone()).or_insert(Value::Null), patch);
            }
        }
        (Value::Array(target), Value::Array(patch)) if patch.iter().all(|one| one.get("name").is_some()) => {
            for patch in patch {
                match target.iter_mut().find(|one| one.get("name") == patch.get("name")) {
                    Some(one) => merge(one, patch),
                    None => target.push(patch.clone()),
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

const TEMPLATE: &str = "/spec/template/spec";

fn patched(pod: &Value, patch: &Value, pointer: &str) -> Value {
    let mut pod = pod.clone();
    if let (Some(spec), Some(patch)) = (pod.get_mut("spec"), patch.pointer(pointer)) {
        merge(spec, patch);
    }
    pod
}

fn bare() -> Value {
    json!({"spec": {"containers": [{"name": "web"}], "initContainers": [{"name": "init"}]}})
}

fn tight() -> Value {
    json!({"spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "web", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
    }})
}

#[test]
fn the_level_is_the_strictest_that_every_admitted_pod_satisfies() {
    let host = json!({"spec": {"hostNetwork": true, "containers": []}});
    let (allowed, response) = (Outcome::Allowed, PodBasis::Response);
    let cases: &[(&[Observed<'_>], Option<Level>)] = &[
        (&[("Deployment/web", &tight(), response, allowed)], Some(Level::Restricted)),
        (&[("Deployment/web", &tight(), response, allowed), ("Job/b", &bare(), response, allowed)], Some(Level::Baseline)),
        (&[("Job/b", &bare(), response, allowed), ("Pod/h", &host, response, allowed)], Some(Level::Privileged)),
        // What was admitted counts before what was asked for and before what a template says.
        (&[("Job/b", &bare(), PodBasis::Request, allowed), ("Job/b", &tight(), response, allowed)], Some(Level::Restricted)),
        (&[("Job/b", &host, PodBasis::Template, allowed), ("Job/b", &bare(), PodBasis::Request, allowed)], Some(Level::Baseline)),
        (&[("Job/b", &bare(), PodBasis::Template, allowed)], Some(Level::Baseline)),
        // Refused, failed and unknown ones are no evidence, nor is a template whose pods were only refused.
        (&[("Pod/h", &host, response, Outcome::Refused), ("Job/b", &bare(), response, allowed)], Some(Level::Baseline)),
        (&[("Pod/h", &host, response, Outcome::Refused)], None),
        (&[("Pod/h", &host, response, Outcome::Failed)], None),
        (&[("Pod/h", &host, response, Outcome::Unknown)], None),
        (&[("Job/h", &host, PodBasis::Template, allowed), ("Job/h", &host, PodBasis::Request, Outcome::Refused)], None),
        (&[], None),
    ];
    for (observed, expected) in cases {
        let (policy, patches, findings) = written("1.36", observed);
        assert_eq!(level(&policy), *expected, "{observed:?}");
        assert_eq!(patches.is_empty(), matches!(expected, None | Some(Level::Restricted)), "{observed:?}");
        assert_eq!(findings.iter().any(|finding| finding.code == Code::NoPodEvidence), expected.is_none());
        assert_eq!(findings.iter().any(|finding| finding.code == Code::PodNotRestricted), !patches.is_empty());
    }
}

#[test]
fn a_namespace_below_restricted_is_one_finding_however_many_workloads_keep_it_there() {
    let host = json!({"spec": {"hostNetwork": true, "containers": [{"name": "a"}]}});
    let names: Vec<String> = (0..7).map(|number| format!("Deployment/w{number}")).collect();
    let (bare, response) = (bare(), PodBasis::Response);
    let mut observed: Vec<Observed<'_>> = names.iter().map(|name| (name.as_str(), &bare, response, Outcome::Allowed)).collect();
    let note = |observed: &[Observed<'_>]| {
        let (_, patches, findings) = written("1.36", observed);
        assert_eq!(patches.len(), observed.len(), "every workload keeps its patch and its row in the report");
        let found: Vec<&Finding> = findings.iter().filter(|finding| finding.code == Code::PodNotRestricted).collect();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.count, u64::try_from(observed.len()).unwrap());
        one.note.clone()
    };
    let checks = "allowPrivilegeEscalation, capabilities_restricted, runAsNonRoot, seccompProfile_restricted";
    assert_eq!(
        note(&observed[..1]),
        format!("Deployment/w0 violates restricted v1.36: {checks}; a patch lifts all of it, run it in staging first")
    );
    observed.push(("DaemonSet/agent", &host, response, Outcome::Allowed));
    assert_eq!(
        note(&observed),
        "8 workloads violate restricted v1.36: allowPrivilegeEscalation, capabilities_restricted, hostNamespaces, runAsNonRoot, \
         seccompProfile_restricted; a patch lifts all of it for Deployment/w0, Deployment/w1, Deployment/w2, Deployment/w3, \
         Deployment/w4 and 2 more, run it in staging first; a patch lifts a part for DaemonSet/agent, run it in staging first; a \
         person must decide on hostNamespaces"
    );
}

#[test]
fn a_level_below_restricted_is_one_observed_grant_that_its_pods_need() {
    let tcp = json!({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}, "containers": []}});
    // The same pod needs another level at another version, so the grant names the version.
    for (version, expected) in
        [("1.31", Some(Level::Privileged)), ("1.32", Some(Level::Restricted)), ("1.99", Some(Level::Restricted))]
    {
        let (policy, ..) = written(version, &[("Job/b", &tcp, PodBasis::Response, Outcome::Allowed)]);
        assert_eq!(level(&policy), expected, "{version}");
        let policy = policy.unwrap();
        let permits: Vec<Permit> = policy.grants.iter().map(|grant| grant.permit.clone()).collect();
        assert_eq!(permits, policy.documents.permits());
        assert_eq!(permits.len(), usize::from(expected != Some(Level::Restricted)));
        let profile = profile(&[("Job/b", &tcp, PodBasis::Response, Outcome::Allowed)]);
        for (key, _) in profile.requests {
            assert!(permits.iter().all(|permit| permit.covers(&key.to_request(Default::default()))));
        }
        assert!(policy.grants.iter().all(|grant| grant.reason == Reason::Observed && grant.generalization.is_none()));
    }
}

#[test]
fn what_the_api_server_told_of_a_pod_lowers_the_level_and_is_named() {
    let hardened = json!({"spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
    }});
    let seen = [("Deployment/web", &hardened, PodBasis::Response, Outcome::Allowed)];
    let cases: [(&[&str], Level); 4] = [
        (&[], Level::Restricted),
        (&["something else (x)"], Level::Restricted),
        (&["runAsNonRoot != true (x)"], Level::Baseline),
        (&["runAsNonRoot != true (x)", "host namespaces (hostPID=true)"], Level::Privileged),
    ];
    for (violations, expected) in cases {
        let (policy, _, findings) = told("1.36", &seen, violations);
        assert_eq!(level(&policy), Some(expected), "{violations:?}");
        let lowered = expected != Level::Restricted;
        assert_eq!(findings.iter().any(|finding| finding.code == Code::PodUnseen), lowered);
        let grants = policy.unwrap().grants;
        assert_eq!(grants.len(), usize::from(lowered));
        assert!(grants.iter().all(|grant| matches!(grant.reason, Reason::Assumed { .. })), "no record shows it");
    }
    // Alone, such words choose no level: they say only what one pod is not.
    let (policy, _, findings) = told("1.36", &[], &["runAsNonRoot != true (x)"]);
    assert_eq!(policy, None);
    assert!(findings.iter().any(|finding| finding.note.contains("baseline at most (runAsNonRoot)")), "{findings:?}");
}

#[test]
fn a_workload_that_pulls_its_namespace_down_is_advised_to_leave_it() {
    let with_account = |account: &str, spec: Value| {
        let mut pod = bare();
        pod["spec"]["serviceAccountName"] = json!(account);
        merge(&mut pod["spec"], &spec);
        pod
    };
    let volumes =
        json!([{"name": "c", "configMap": {"name": "agent-config"}}, {"name": "s", "secret": {"secretName": "agent-key"}}]);
    let web = with_account("web", json!({}));
    let agent = with_account("agent", json!({"hostPID": true, "volumes": volumes}));
    let shared = with_account("web", json!({"hostPID": true}));
    let allowed = |workload, pod| (workload, pod, PodBasis::Response, Outcome::Allowed);
    let notes = |observed: &[Observed<'_>]| {
        let (_, set, findings) = told("1.36", observed, &[]);
        let notes = findings.into_iter().filter(|finding| finding.code == Code::OwnNamespace).map(|finding| finding.note);
        (set.admission, notes.collect::<Vec<_>>())
    };
    let (admission, advice) = notes(&[allowed("Deployment/web", &web), allowed("DaemonSet/agent", &agent)]);
    assert_eq!((admission[0].level, admission[0].held()), (Level::Privileged, Level::Baseline));
    assert_eq!(advice.len(), 1);
    for words in
        ["DaemonSet/agent needs privileged", "`agent` and the bindings", "config maps `agent-config`", "secrets `agent-key`"]
    {
        assert!(advice[0].contains(words), "{words}: {}", advice[0]);
    }
    let (admission, advice) = notes(&[allowed("Deployment/web", &web), allowed("DaemonSet/agent", &shared)]);
    assert_eq!(admission, []);
    assert!(advice[0].contains("until it has a service account of its own"), "{advice:?}");
    // What a patch can lift is no reason to leave.
    let mut hardened = web.clone();
    let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    hardened["spec"]["containers"][0]["securityContext"] = context;
    hardened["spec"]["securityContext"] = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let cart = with_account("cart", json!({}));
    assert_eq!(notes(&[allowed("Deployment/web", &hardened), allowed("Deployment/cart", &cart)]), (Vec::new(), Vec::new()));
    assert_eq!(notes(&[allowed("DaemonSet/agent", &agent)]), (Vec::new(), Vec::new()), "nothing else is held back");
}

#[test]
fn a_patch_has_the_shape_of_its_kind() {
    let observed = |workload| written("1.36", &[(workload, &bare(), PodBasis::Response, Outcome::Allowed)]).1.remove(0);
    let shapes = [
        ("Pod/web", "v1", "/spec"),
        ("ReplicationController/web", "v1", TEMPLATE),
        ("Deployment/web", "apps/v1", TEMPLATE),
        ("StatefulSet/web", "apps/v1", TEMPLATE),
        ("DaemonSet/web", "apps/v1", TEMPLATE),
        ("ReplicaSet/web", "apps/v1", TEMPLATE),
        ("Job/web", "batch/v1", TEMPLATE),
        ("CronJob/web", "batch/v1", "/spec/jobTemplate/spec/template/spec"),
        ("PodTemplate/web", "v1", "/template/spec"),
    ];
    for (workload, api_version, pointer) in shapes {
        let patch = observed(workload);
        let document = patch.patch.unwrap();
        assert_eq!(document["apiVersion"], api_version);
        assert_eq!(document["metadata"], json!({"name": "web", "namespace": "shop"}));
        let pod = Pod::from_json(&patched(&bare(), &document, pointer)).unwrap();
        assert_eq!(violations(Level::Restricted, config("1.36").kubernetes, &pod), [], "{workload}");
        assert_eq!(patch.remaining, []);
        assert!(patch.assumed_fields.iter().all(|field| field.starts_with(&pointer[1..].replace('/', "."))));
    }
    let unknown = observed("Rollout/web");
    assert_eq!((unknown.patch, unknown.remaining), (None, unknown.violations));
    assert_eq!(observed("Pod/web-").patch.unwrap().get("metadata"), None, "a stem names no pod");
}

#[test]
fn what_was_declared_on_purpose_stays_for_a_person() {
    let pod = json!({"spec": {
        "hostNetwork": true,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}, {"name": "none"}],
        "containers": [
            {"name": "agent", "securityContext": {"privileged": true}},
            {"name": "root", "securityContext": {"runAsUser": 0}, "ports": [{"containerPort": 9100}]},
            {"name": "named", "securityContext": {"runAsUser": 1000, "capabilities": {"add": ["NET_ADMIN", "CAP_SYS_ADMIN"]}}},
        ],
        "ephemeralContainers": [{"name": "debug"}],
    }});
    let (.., mut patches, findings) = written("1.36", &[("DaemonSet/agent", &pod, PodBasis::Response, Outcome::Allowed)]);
    let patch = patches.remove(0);
    let context = |drop: Value| json!({"allowPrivilegeEscalation": false, "capabilities": drop});
    assert_eq!(
        patch.patch.as_ref().unwrap().pointer(TEMPLATE),
        Some(&json!({
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "named", "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}},
                {"name": "root", "securityContext": context(json!({"drop": ["ALL"]}))},
            ],
        }))
    );
    assert_eq!(
        patch.assumed_fields,
        [
            "spec.template.spec.securityContext.seccompProfile",
            // `named` runs as user 1000: that it needs no root is shown, not assumed.
            "spec.template.spec.containers[named].securityContext.capabilities.drop",
            "spec.template.spec.containers[root].securityContext.allowPrivilegeEscalation",
            "spec.template.spec.containers[root].securityContext.capabilities.drop",
        ]
    );
    let remaining: BTreeSet<&str> = patch.remaining.iter().map(|violation| violation.field.as_str()).collect();
    let expected = [
        "spec.hostNetwork",
        "spec.volumes[root].hostPath",
        "spec.containers[agent].securityContext.privileged",
        "spec.containers[agent].securityContext.runAsNonRoot",
        "spec.containers[agent].securityContext.allowPrivilegeEscalation",
        "spec.containers[agent].securityContext.capabilities.drop",
        "spec.containers[root].securityContext.runAsNonRoot",
        "spec.containers[root].securityContext.runAsUser",
        // By the API server's default: on the node's network every declared port is the node's.
        "spec.containers[root].ports[9100].hostPort",
        "spec.containers[named].securityContext.allowPrivilegeEscalation",
        "spec.containers[named].securityContext.capabilities.add",
        "spec.ephemeralContainers[debug].securityContext.runAsNonRoot",
        "spec.ephemeralContainers[debug].securityContext.allowPrivilegeEscalation",
        "spec.ephemeralContainers[debug].securityContext.capabilities.drop",
    ];
    assert_eq!(remaining, BTreeSet::from(expected));
    assert!(findings[0].note.contains("hostNamespaces"), "{}", findings[0].note);
    let (.., patches, _) =
        written("1.36", &[("Pod/h", &json!({"spec": {"hostPID": true}}), PodBasis::Response, Outcome::Allowed)]);
    assert_eq!((&patches[0].patch, patches[0].remaining.len()), (&None, 1), "nothing can be set");
}

#[test]
fn an_injected_container_is_not_patched_into_the_template() {
    let admitted = json!({"spec": {"containers": [{"name": "web"}, {"name": "proxy"}]}});
    let template = json!({"spec": {"containers": [{"name": "web"}]}});
    let observed = [
        ("Deployment/web", &admitted, PodBasis::Response, Outcome::Allowed),
        ("Deployment/web", &template, PodBasis::Template, Outcome::Allowed),
    ];
    let patch = written("1.36", &observed).1.remove(0);
    let names = patch.patch.as_ref().and_then(|patch| patch.pointer("/spec/template/spec/containers")).unwrap();
    assert_eq!(names.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), ["web"]);
    assert!(patch.remaining.iter().all(|violation| violation.field.starts_with("spec.containers[proxy]")));
    assert!(!patch.remaining.is_empty());
}

fn maybe(values: &[Value]) -> impl Strategy<Value = Option<Value>> + use<> {
    proptest::option::weighted(0.4, select(values.to_vec()))
}

/// An object with each of these members there or not.
fn object(members: Vec<(&'static str, Vec<Value>)>) -> BoxedStrategy<Value> {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = members.iter().map(|(_, values)| maybe(values).boxed()).collect();
    let build = move |values: Vec<Option<Value>>| {
        let set = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(set.collect::<Map<_, _>>())
    };
    values.prop_map(build).boxed()
}

fn with<'a>(mut object: Value, members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

fn bools() -> Vec<Value> {
    vec![json!(true), json!(false)]
}

fn profiles() -> Vec<Value> {
    ["RuntimeDefault", "Localhost", "Unconfined", ""].iter().map(|name| json!({ "type": name })).collect()
}

fn container() -> BoxedStrategy<Value> {
    let capabilities = [
        json!({}),
        json!({"drop": ["ALL"]}),
        json!({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}),
        json!({"add": ["KILL", "NET_RAW"]}),
    ];
    let context = object(vec![
        ("privileged", bools()),
        ("allowPrivilegeEscalation", bools()),
        ("runAsNonRoot", bools()),
        ("runAsUser", vec![json!(0), json!(1000)]),
        ("procMount", vec![json!("Default"), json!("Unmasked")]),
        ("capabilities", capabilities.to_vec()),
        ("seccompProfile", profiles()),
        ("appArmorProfile", profiles()),
        (
            "seLinuxOptions",
            vec![json!({"type": "container_engine_t"}), json!({"type": "spc_t", "user": "u"}), json!({"role": "r"})],
        ),
        ("windowsOptions", vec![json!({"hostProcess": true}), json!({"hostProcess": false})]),
    ]);
    let rest = object(vec![
        ("ports", vec![json!([{"containerPort": 80, "hostPort": 80}]), json!([{"containerPort": 80}])]),
        ("livenessProbe", vec![json!({"httpGet": {"host": "10.0.0.1", "port": 80}}), json!({"tcpSocket": {"port": "http"}})]),
        ("lifecycle", vec![json!({"preStop": {"tcpSocket": {"host": "x", "port": 1}}})]),
    ]);
    let build = |(name, context, rest): (&str, Value, Value)| with(rest, [("name", json!(name)), ("securityContext", context)]);
    (select(vec!["a", "b", "c"]), context, rest).prop_map(build).boxed()
}

fn pod() -> BoxedStrategy<Value> {
    let sysctls = ["kernel.shm_rmid_forced", "net.ipv4.tcp_rmem", "net.ipv4.tcp_notsent_lowat", "kernel.msgmax"];
    let context = object(vec![
        ("runAsNonRoot", bools()),
        ("runAsUser", vec![json!(0), json!(1000)]),
        ("seccompProfile", profiles()),
        ("sysctls", sysctls.iter().map(|name| json!([{"name": name, "value": "1"}])).collect()),
    ]);
    let rest = object(vec![
        ("hostNetwork", bools()),
        ("hostPID", bools()),
        ("hostUsers", bools()),
        ("os", vec![json!({"name": "windows"}), json!({"name": "linux"})]),
        (
            "volumes",
            vec![
                json!([{"name": "v"}]),
                json!([{"name": "v", "hostPath": {"path": "/"}}]),
                json!([{"name": "v", "nfs": {}}, {"name": "w", "image": {}}]),
            ],
        ),
    ]);
    let lists = [1..3, 0..2, 0..2].map(|size| proptest::collection::vec(container(), size)).to_vec();
    let build = |(context, spec, lists): (Value, Value, Vec<Vec<Value>>)| {
        let names = ["containers", "initContainers", "ephemeralContainers"];
        let lists = names.into_iter().zip(lists.into_iter().map(Value::Array));
        json!({ "spec": with(with(spec, [("securityContext", context)]), lists) })
    };
    (context, rest, lists).prop_map(build).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Merged into every observed spec, a patch leaves what it says it leaves, and nothing else; and it adds no container.
    #[test]
    fn a_patch_lifts_exactly_what_it_claims(pods in proptest::collection::vec(pod(), 1..3), version in 0_u32..40) {
        let version = format!("1.{version}");
        let observed: Vec<Observed<'_>> = pods.iter().map(|pod| ("Deployment/web", pod, PodBasis::Response, Outcome::Allowed)).collect();
        let (policy, patches, _) = written(&version, &observed);
        let version = config(&version).kubernetes;
        for pod in &pods {
            let pod = Pod::from_json(pod).unwrap();
            prop_assert_eq!(violations(level(&policy).unwrap(), version, &pod), []);
        }
        for patch in patches {
            let mut left = BTreeSet::new();
            for pod in &pods {
                let after = patch.patch.as_ref().map_or_else(|| pod.clone(), |patch| patched(pod, patch, TEMPLATE));
                for list in ["containers", "initContainers", "ephemeralContainers"] {
                    prop_assert_eq!(after["spec"][list].as_array().unwrap().len(), pod["spec"][list].as_array().unwrap().len());
                }
                left.extend(violations(Level::Restricted, version, &Pod::from_json(&after).unwrap()));
            }
            prop_assert_eq!(left, patch.remaining.iter().cloned().collect::<BTreeSet<_>>());
            prop_assert!(patch.remaining.iter().all(|violation| patch.violations.contains(violation)));
            prop_assert_eq!(patch.patch.is_none(), patch.remaining == patch.violations);
        }
    }
}
