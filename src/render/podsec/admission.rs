//! Artifacts of an admission proposal: the policies with bindings that warn, and the bindings that deny, as a second file.
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::comment;
use crate::access::identity::{Identity, is_object_name};
use crate::artifact::{self, Artifact};
use crate::policy::podsec::admission::{Accounts, AdmissionProposal, Hold, variables};
use crate::policy::podsec::{Condition, Variable};
use crate::render::{RenderError, Templates, yaml};

const API_VERSION: &str = "admissionregistration.k8s.io/v1";

/// Everything else that pods are told apart by: the label that the API server sets on every namespace.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a, S> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata<'a>,
    spec: S,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicySpec<'a> {
    failure_policy: &'a str,
    match_constraints: MatchConstraints,
    match_conditions: [MatchCondition; 1],
    variables: &'a [Variable],
    validations: Vec<Validation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchConstraints {
    resource_rules: [ResourceRule; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceRule {
    api_groups: [&'static str; 1],
    api_versions: [&'static str; 1],
    operations: [&'static str; 1],
    resources: [&'static str; 1],
}

#[derive(Serialize)]
struct MatchCondition {
    name: &'static str,
    expression: String,
}

#[derive(Serialize)]
struct Validation<'a> {
    expression: &'a str,
    message: String,
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BindingSpec<'a> {
    policy_name: &'a str,
    validation_actions: [&'static str; 2],
    match_resources: MatchResources<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchResources<'a> {
    namespace_selector: NamespaceSelector<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceSelector<'a> {
    match_labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct HoldView {
    who: String,
    level: &'static str,
    /// Each check that is relaxed, and by what.
    beyond: Vec<String>,
}

#[derive(Serialize)]
struct View {
    cluster: String,
    namespace: String,
    level: &'static str,
    held: &'static str,
    version: String,
    enforces: bool,
    holds: Vec<HoldView>,
    bodies: Vec<String>,
}

/// `pod-security/admission.proposal.yaml` with bindings that warn and audit, and `admission-enforce.proposal.yaml` with the same
/// bindings that deny, in the namespace's folder.
///
/// # Errors
/// When a template of the user's is broken.
pub fn artifacts(proposal: &AdmissionProposal, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let folder = artifact::folder(&Identity::namespace(&proposal.cluster, &proposal.namespace));
    let mut artifacts = Vec::new();
    for (file, enforces) in [("admission.proposal.yaml", false), ("admission-enforce.proposal.yaml", true)] {
        let mut bodies = Vec::new();
        for hold in &proposal.holds {
            let name = name(&proposal.namespace, &hold.accounts);
            if !enforces {
                bodies.push(policy(&name, hold, proposal)?);
            }
            bodies.push(binding(&name, &proposal.namespace, if enforces { ["Deny", "Audit"] } else { ["Warn", "Audit"] })?);
        }
        let view = View {
            cluster: comment(&proposal.cluster),
            namespace: comment(&proposal.namespace),
            level: proposal.level.name(),
            held: proposal.held().name(),
            version: proposal.version.to_string(),
            enforces,
            holds: proposal.holds.iter().map(hold_view).collect(),
            bodies,
        };
        let body = templates.render("podsec/admission.yaml", &view)?;
        artifacts.push(Artifact { path: format!("{folder}/pod-security/{file}"), body });
    }
    Ok(artifacts)
}

/// One object name per hold: a namespace has no dot, so two never meet. A name that is none, or too long for one, becomes its digest.
fn name(namespace: &str, accounts: &Accounts) -> String {
    let name = match accounts {
        Accounts::AllBut(_) => format!("tightfit.{namespace}.others"),
        Accounts::Only(account) => format!("tightfit.{namespace}.account.{account}"),
    };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    if is_object_name(&name) && name.split('.').all(plain) {
        return name;
    }
    format!("tightfit.{}", blake3::hash(name.as_bytes()).to_hex().get(..32).unwrap_or_default())
}

fn policy<'a>(name: &'a str, hold: &'a Hold, proposal: &AdmissionProposal) -> Result<String, RenderError> {
    let rule = |operation, resource| ResourceRule {
        api_groups: [""],
        api_versions: ["v1"],
        operations: [operation],
        resources: [resource],
    };
    let validation = |condition: &'a Condition| {
        let beyond = if condition.uses.is_empty() { "" } else { ", beyond what this account was seen to use" };
        let message = format!("PodSecurity {}:{} {}{beyond}", hold.level, proposal.version, condition.check);
        Some(Validation { expression: condition.expression.as_deref()?, message, reason: "Forbidden" })
    };
    let spec = PolicySpec {
        failure_policy: "Fail",
        match_constraints: MatchConstraints {
            resource_rules: [rule("CREATE", "pods"), rule("UPDATE", "pods/ephemeralcontainers")],
        },
        match_conditions: [MatchCondition { name: "account", expression: hold.accounts.condition() }],
        variables: variables(),
        validations: hold.conditions.iter().filter_map(validation).collect(),
    };
    let metadata = Metadata { name };
    yaml::document(&Object { api_version: API_VERSION, kind: "ValidatingAdmissionPolicy", metadata, spec })
}

fn binding(name: &str, namespace: &str, validation_actions: [&'static str; 2]) -> Result<String, RenderError> {
    let namespace_selector = NamespaceSelector { match_labels: BTreeMap::from([(NAMESPACE_LABEL, namespace)]) };
    let spec = BindingSpec { policy_name: name, validation_actions, match_resources: MatchResources { namespace_selector } };
    let metadata = Metadata { name };
    yaml::document(&Object { api_version: API_VERSION, kind: "ValidatingAdmissionPolicyBinding", metadata, spec })
}

fn hold_view(hold: &Hold) -> HoldView {
    let who = match &hold.accounts {
        Accounts::AllBut(accounts) => format!("every account but {}", names(accounts)),
        Accounts::Only(account) => format!("account {account}"),
    };
    let relaxed = hold.conditions.iter().filter(|condition| !condition.uses.is_empty());
    let beyond = relaxed.map(|condition| {
        let uses: Vec<String> = condition.uses.spelled().collect();
        comment(&format!("{}: {}", condition.check, uses.join(", ")))
    });
    HoldView { who: comment(&who), level: hold.level.name(), beyond: beyond.collect() }
}

fn names(accounts: &BTreeSet<String>) -> String {
    accounts.iter().cloned().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::access::pod::Pod;
    use crate::config::KubeVersion;
    use crate::policy::podsec::admission::proposal;

    fn documents(body: &str) -> Vec<Value> {
        body.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
    }

    fn pod(account: &str, spec: Value) -> Pod {
        let mut whole = json!({"serviceAccountName": account, "containers": [{"name": "a"}]});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        Pod::from_json(&json!({"spec": whole})).unwrap()
    }

    #[test]
    fn policies_warn_first_and_deny_by_a_second_file() {
        for (namespace, account) in [("shop", "agent"), ("it's\n---\nkind: x", "a\"'\\b\n"), ("x", &"y".repeat(250))] {
            let path =
                json!({"volumes": [{"name": "v", "hostPath": {"path": "/a\n'\u{2028}"}}, {"name": "w", "in": {}, "9)x": {}}]});
            let pods = [pod("web", json!({})), pod(account, path)];
            let version = KubeVersion { major: 1, minor: 36 };
            let proposal = proposal("prod", namespace, version, &pods.iter().collect::<Vec<_>>()).unwrap();
            let written = artifacts(&proposal, &Templates::new(None).unwrap()).unwrap();
            let [warn, deny] = written.as_slice() else { panic!("two files") };
            let warn = documents(&warn.body);
            let deny = documents(&deny.body);
            assert_eq!((warn.len(), deny.len()), (4, 2));
            for (place, binding) in deny.iter().enumerate() {
                let (policy, warned) = (&warn[place * 2], &warn[place * 2 + 1]);
                assert_eq!(policy["kind"], "ValidatingAdmissionPolicy");
                assert_eq!(warned["spec"]["policyName"], policy["metadata"]["name"]);
                assert_eq!(warned["spec"]["validationActions"], json!(["Warn", "Audit"]));
                assert_eq!(binding["spec"]["validationActions"], json!(["Deny", "Audit"]));
                let selector = &binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"];
                assert_eq!(selector[NAMESPACE_LABEL], namespace);
                assert_eq!(binding["metadata"], warned["metadata"], "the second file replaces the bindings of the first");
                let name = policy["metadata"]["name"].as_str().unwrap();
                assert!(is_object_name(name), "{name}");
            }
        }
    }
}
