//! Grants that let their holder gain more than they say.
//! <https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks>

use std::collections::BTreeMap;

use crate::finding::{Code, Finding};
use crate::policy::grant::Permit;

/// One kind of risk: which grants carry it (`*` is any), and what they come to.
struct Risk {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    what: &'static str,
}

const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];
const RBAC: &[&str] = &["rbac.authorization.k8s.io"];
const CERTIFICATES: &[&str] = &["certificates.k8s.io"];
const OPENSHIFT_SECURITY: &str = "security.openshift.io";
const ADMISSION: &[&str] = &["admissionregistration.k8s.io"];

const fn risk(
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    what: &'static str,
) -> Risk {
    Risk { groups, resources, verbs, what }
}

/// Every privilege escalation risk that Kubernetes' page names, and those of the same kind that follow from what a resource is.
const RISKS: &[Risk] = &[
    risk(&[""], &["secrets"], &["get", "list", "watch"], "reads Secrets, and so the credentials in them"),
    risk(
        &[""],
        &["secrets"],
        WRITE,
        "writes Secrets: one of type service-account-token is filled with a token that does not expire, for whoever can read it",
    ),
    risk(
        &["", "apps", "batch"],
        &["pods", "deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs"],
        &["create"],
        "creates pods, and so acts as any service account and reads any Secret of the namespace",
    ),
    risk(
        &["apps", "batch", ""],
        &["deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "cronjobs"],
        CHANGE,
        "changes what pods run, and so acts as any service account and reads any Secret of the namespace",
    ),
    risk(
        &[""],
        &["pods/exec", "pods/attach", "pods/ephemeralcontainers"],
        &["*"],
        "runs commands inside pods, with what those pods may do",
    ),
    risk(&[""], &["pods/portforward", "pods/proxy", "services/proxy"], &["*"], "reaches ports that a NetworkPolicy may close"),
    risk(&[""], &["serviceaccounts/token"], &["create"], "issues tokens, and so acts as those service accounts"),
    risk(
        &[""],
        &["nodes/proxy"],
        &["*"],
        "reaches the kubelet past the API server: commands in every pod of the node, unaudited, with `get` too",
    ),
    risk(&[""], &["nodes", "nodes/status"], CHANGE, "changes nodes: labels and taints decide which pods run where"),
    risk(
        &[""],
        &["persistentvolumes"],
        &["create", "update", "patch"],
        "mounts any path of a node (`hostPath`) through a volume of its making",
    ),
    risk(&[""], &["namespaces"], WRITE, "labels namespaces, and so lifts their Pod Security level and enters network policies"),
    risk(RBAC, &["roles", "clusterroles"], &["escalate"], "writes roles with more than it has itself"),
    risk(RBAC, &["roles", "clusterroles"], &["bind"], "gives itself or others that role"),
    risk(
        RBAC,
        &["roles", "clusterroles", "rolebindings", "clusterrolebindings"],
        WRITE,
        "writes roles or bindings, within what it has itself",
    ),
    risk(CERTIFICATES, &["certificatesigningrequests/approval"], CHANGE, "approves certificates, and so new identities"),
    risk(
        CERTIFICATES,
        &["certificatesigningrequests/status"],
        CHANGE,
        "writes issued certificates, and so new identities where a signer lets it",
    ),
    risk(CERTIFICATES, &["signers"], &["approve", "sign", "attest"], "decides which certificates that signer issues"),
    risk(
        ADMISSION,
        &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        WRITE,
        "sees every object that is written, and may change it",
    ),
    risk(
        ADMISSION,
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ],
        &["create", "update", "patch", "delete", "deletecollection"],
        "decides what is admitted, and may change it",
    ),
    risk(
        &[OPENSHIFT_SECURITY],
        &["securitycontextconstraints"],
        WRITE,
        "writes SecurityContextConstraints, and so decides what pods may have of the host",
    ),
    risk(&["apiregistration.k8s.io"], &["apiservices"], WRITE, "answers for a whole API group in place of the API server"),
    risk(
        &["apiextensions.k8s.io"],
        &["customresourcedefinitions"],
        WRITE,
        "names a conversion webhook, which sees and may change every object of that kind",
    ),
    risk(
        &["", "discovery.k8s.io"],
        &["endpoints", "endpointslices"],
        WRITE,
        "sends a Service's traffic to where it likes, other namespaces included",
    ),
];

/// The SecurityContextConstraints of OpenShift that give a pod nothing beyond what any authenticated account has.
/// <https://docs.redhat.com/en/documentation/openshift_container_platform/4.16/html/authentication_and_authorization/managing-pod-security-policies>
const PLAIN_CONSTRAINTS: &[&str] = &["restricted", "restricted-v2", "restricted-v3"];

/// ConfigMaps of `kube-system` in which clusters keep who may sign in and what the resolver answers.
const KEY_MAPS: &[&str] = &["aws-auth", "coredns", "extension-apiserver-authentication", "kubeadm-config"];

/// What a unit lets its holder gain; empty for nothing known. A unit of an existing role may hold wildcards.
pub(super) fn risks(permit: &Permit) -> Vec<&'static str> {
    let Permit::Rbac { namespace, verb, api_group, resource, name } = permit else { return Vec::new() };
    if verb == "*" || resource == "*" || api_group == "*" {
        return vec!["holds a wildcard: it also gives what is added to the cluster later"];
    }
    let has = |list: &[&str], wanted: &str| list.contains(&"*") || list.contains(&wanted);
    let carries = |risk: &&Risk| {
        let part = resource.strip_prefix("*/");
        let named = |known: &str| part.is_some_and(|part| known.rsplit('/').next() == Some(part) && known.contains('/'));
        has(risk.groups, api_group)
            && (has(risk.resources, resource) || risk.resources.iter().any(|known| named(known)))
            && has(risk.verbs, verb)
    };
    let mut risks: Vec<&'static str> = RISKS.iter().filter(carries).map(|risk| risk.what).collect();
    let system = namespace.as_deref().is_none_or(|namespace| namespace == "kube-system");
    let key_map = name.as_deref().is_none_or(|name| KEY_MAPS.contains(&name));
    if resource == "configmaps" && api_group.is_empty() && CHANGE.contains(&verb.as_str()) && system && key_map {
        risks.push("writes ConfigMaps of kube-system, where some clusters keep who may sign in (`aws-auth`)");
    }
    let plain_constraints = name.as_deref().is_some_and(|name| PLAIN_CONSTRAINTS.contains(&name));
    if resource == "securitycontextconstraints" && api_group == OPENSHIFT_SECURITY && verb == "use" && !plain_constraints {
        risks.push(
            "runs pods with what that SecurityContextConstraints adds to `restricted`: other users, the host's parts, privileges",
        );
    }
    risks
}

/// Says which of these units are risky, one finding per kind of risk; and `impersonate`, under its own code.
pub(super) fn say<'a>(about: &str, permits: impl Iterator<Item = &'a Permit>, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<&str, (u64, &Permit)> = BTreeMap::new();
    let mut impersonated = 0;
    for permit in permits {
        let Permit::Rbac { verb, .. } = permit else { continue };
        impersonated += u64::from(verb == "impersonate" || verb.starts_with("impersonate:"));
        for what in risks(permit) {
            found.entry(what).or_insert((0, permit)).0 += 1;
        }
    }
    for (what, (count, example)) in found {
        let note = format!("{what} (`{example}`); keep it only where it must be");
        findings.push(Finding::new(Code::RiskyGrant, about, note).counted(count));
    }
    if impersonated > 0 {
        let note = "it acted as somebody else, so it gets `impersonate` for those names: whatever they may do, it may do";
        findings.push(Finding::new(Code::Impersonation, about, note).counted(impersonated));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_risk_of_the_page_is_known() {
        let unit = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let [verb, api_group, resource] = words.as_slice() else { panic!("{text}") };
            Permit::Rbac {
                namespace: Some("shop".to_owned()),
                verb: (*verb).to_owned(),
                api_group: api_group.trim_matches('-').to_owned(),
                resource: (*resource).to_owned(),
                name: None,
            }
        };
        for risky in [
            "list - secrets",
            "create - pods",
            "create batch jobs",
            "patch apps deployments",
            "create - persistentvolumes",
            "get - nodes/proxy",
            "create - pods/exec",
            "escalate rbac.authorization.k8s.io clusterroles",
            "bind rbac.authorization.k8s.io roles",
            "update certificates.k8s.io certificatesigningrequests/approval",
            "sign certificates.k8s.io signers",
            "create - serviceaccounts/token",
            "create - */token",
            "patch admissionregistration.k8s.io mutatingwebhookconfigurations",
            "patch - namespaces",
            "get * secrets",
            "* - configmaps",
            "use security.openshift.io securitycontextconstraints",
            "patch security.openshift.io securitycontextconstraints",
            "get - *",
        ] {
            assert!(!risks(&unit(risky)).is_empty(), "{risky}");
        }
        for plain in [
            "get - pods",
            "create batch.volcano.sh jobs",
            "get - pods/log",
            "update - configmaps",
            "get rbac.authorization.k8s.io roles",
            "get apps */scale",
        ] {
            assert_eq!(risks(&unit(plain)), Vec::<&str>::new(), "{plain}");
        }
        for (name, risky) in [("privileged", true), ("anyuid", true), ("my-restricted", true), ("restricted-v2", false)] {
            let mut permit = unit("use security.openshift.io securitycontextconstraints");
            let Permit::Rbac { name: own, .. } = &mut permit else { panic!("{name}") };
            *own = Some(name.to_owned());
            assert_eq!(!risks(&permit).is_empty(), risky, "{name}");
        }
    }
}
