//! The API server's defaults, applied before a pod is judged: admission sees the pod after defaulting, a log may show it before.

use std::borrow::Cow;

use super::version::since;
use crate::access::pod::{Container, Pod, Profile};
use crate::config::KubeVersion;

/// The pod with the defaults that a check depends on. Under `hostNetwork`, a port of a container or init container is the same port
/// of the node. From 1.19 to 1.26 a seccomp annotation becomes a field that was left out, from 1.30 on an AppArmor annotation does.
/// (A volume without a source becomes an `emptyDir`; no check objects to either.)
/// <https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/apis/core/v1/defaults.go>
/// <https://github.com/kubernetes/kubernetes/blob/v1.26.0/pkg/registry/core/pod/strategy.go> (`applySeccompVersionSkew`)
/// <https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/registry/core/pod/strategy.go> (`applyAppArmorVersionSkew`)
pub(super) fn defaulted(version: KubeVersion, pod: &Pod) -> Cow<'_, Pod> {
    let annotated = |prefix: &str| pod.metadata.annotations.keys().any(|key| key.contains(prefix));
    let seccomp = (since(19)..since(27)).contains(&version) && annotated(SECCOMP);
    let app_armor = version >= since(30) && pod.spec.os.name != "windows" && annotated(APP_ARMOR);
    if !(pod.spec.host_network || seccomp || app_armor) {
        return Cow::Borrowed(pod);
    }
    let mut pod = pod.clone();
    if pod.spec.host_network {
        publish_ports(&mut pod.spec.containers);
        publish_ports(&mut pod.spec.init_containers);
    }
    if seccomp {
        take_seccomp_annotations(&mut pod);
    }
    if app_armor {
        take_app_armor_annotations(&mut pod);
    }
    Cow::Owned(pod)
}

fn publish_ports(containers: &mut [Container]) {
    for port in containers.iter_mut().flat_map(|container| &mut container.ports) {
        if port.host_port == 0 {
            port.host_port = port.container_port;
        }
    }
}

const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/";

/// A field that is set wins over its annotation; a value that is none of the three forms is left alone.
fn take_seccomp_annotations(pod: &mut Pod) {
    let annotations = &pod.metadata.annotations;
    let profile = |key: &str| annotations.get(key).and_then(|value| field(value));
    let spec = &mut pod.spec;
    if spec.security_context.seccomp_profile.is_none() {
        spec.security_context.seccomp_profile = profile(&format!("{SECCOMP}pod"));
    }
    let lists = [&mut spec.init_containers, &mut spec.containers, &mut spec.ephemeral_containers];
    for container in lists.into_iter().flatten() {
        if container.security_context.seccomp_profile.is_none() {
            container.security_context.seccomp_profile = profile(&format!("container.{SECCOMP}{}", container.name));
        }
    }
}

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Likewise for AppArmor, which was never annotated for a whole pod.
fn take_app_armor_annotations(pod: &mut Pod) {
    let annotations = &pod.metadata.annotations;
    let spec = &mut pod.spec;
    for container in [&mut spec.init_containers, &mut spec.containers, &mut spec.ephemeral_containers].into_iter().flatten() {
        let annotation = annotations.get(&format!("{APP_ARMOR}{}", container.name));
        // Docker's name was one of seccomp only.
        let profile = annotation.filter(|value| *value != "docker/default").and_then(|value| field(value));
        let context = &mut container.security_context;
        context.app_armor_profile = context.app_armor_profile.take().or(profile);
    }
}

fn field(annotation: &str) -> Option<Profile> {
    let r#type = match annotation {
        "unconfined" => "Unconfined",
        "runtime/default" | "docker/default" => "RuntimeDefault",
        local => local.strip_prefix("localhost/").filter(|name| !name.is_empty()).map(|_| "Localhost")?,
    };
    Some(Profile { r#type: r#type.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        Pod::from_json(&value).unwrap()
    }

    #[test]
    fn ports_of_the_nodes_network_are_ports_of_the_node() {
        let ports = |host_network: bool, list: &str| {
            let ports = json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]);
            let value = json!({"spec": {"hostNetwork": host_network, list: [{"name": "a", "ports": ports}]}});
            let pod = defaulted(since(36), &pod(value)).into_owned();
            let all = [pod.spec.containers, pod.spec.init_containers, pod.spec.ephemeral_containers].concat();
            all.iter().flat_map(|container| &container.ports).map(|port| port.host_port).collect::<Vec<_>>()
        };
        assert_eq!(ports(true, "containers"), [80, 8081]);
        assert_eq!(ports(true, "initContainers"), [80, 8081]);
        // Ephemeral containers may have no ports, and the API server sets none.
        assert_eq!(ports(true, "ephemeralContainers"), [0, 8081]);
        assert_eq!(ports(false, "containers"), [0, 8081]);
    }

    #[test]
    fn seccomp_annotations_become_fields_for_a_while() {
        let value = json!({
            "metadata": {"annotations": {
                "seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
                "container.seccomp.security.alpha.kubernetes.io/a": "unconfined",
                "container.seccomp.security.alpha.kubernetes.io/b": "localhost/x",
                "container.seccomp.security.alpha.kubernetes.io/c": "else",
            }},
            "spec": {
                "containers": [{"name": "a"}, {"name": "d", "securityContext": {"seccompProfile": {"type": "Localhost"}}}],
                "initContainers": [{"name": "b"}, {"name": "c"}],
            },
        });
        let pod = pod(value);
        let types = |minor| {
            let pod = defaulted(since(minor), &pod).into_owned();
            let name = |profile: &Option<Profile>| profile.as_ref().map_or_else(String::new, |profile| profile.r#type.clone());
            let containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
            let mut types = vec![name(&pod.spec.security_context.seccomp_profile)];
            types.extend(containers.map(|container| name(&container.security_context.seccomp_profile)));
            types
        };
        assert_eq!(types(18), ["", "", "", "", "Localhost"]);
        assert_eq!(types(19), ["RuntimeDefault", "Localhost", "", "Unconfined", "Localhost"]);
        assert_eq!(types(26), types(19));
        assert_eq!(types(27), types(18));
    }

    #[test]
    fn apparmor_annotations_become_fields() {
        let key = |name: &str| format!("container.apparmor.security.beta.kubernetes.io/{name}");
        let value = json!({
            "metadata": {"annotations": {key("a"): "unconfined", key("b"): "localhost/x", key("c"): "docker/default"}},
            "spec": {"containers": [{"name": "a"}, {"name": "c"}], "initContainers": [{"name": "b"}]},
        });
        let types = |minor: u32, os: &str| {
            let mut pod = pod(value.clone());
            pod.spec.os.name = os.to_owned();
            let pod = defaulted(since(minor), &pod).into_owned();
            let containers = [pod.spec.init_containers, pod.spec.containers].concat();
            let profiles = containers.into_iter().map(|container| container.security_context.app_armor_profile);
            profiles.map(|profile| profile.unwrap_or_default().r#type).collect::<Vec<_>>()
        };
        assert_eq!(types(30, ""), ["Localhost", "Unconfined", ""]);
        assert_eq!(types(29, ""), ["", "", ""]);
        assert_eq!(types(30, "windows"), ["", "", ""]);
    }
}
