//! A pod as Pod Security and the network see it: the fields that decide, read from a manifest or an audit body.
//! <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/>
//!
//! Unknown fields are ignored; absent ones mean the platform's default. What a log carries is read by [`Pod::from_json`], which is
//! strict on types; serde's own reading is for what tightfit wrote itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

mod read;

pub use read::PodReadError;

/// `null` reads as the default, as Kubernetes' own decoder has it.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! spec {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")] pub $field: $type,)+
        }

        impl read::Read for $name {
            fn read(value: &Value, path: &read::Path<'_>) -> Result<Self, PodReadError> {
                let Some(members) = read::members(value, path)? else { return Ok(Self::default()) };
                Ok($name { $($field: read::member(members, stringify!($field), path)?,)+ })
            }
        }
    };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

spec! {
    /// A pod or a pod template: annotations, labels and spec.
    Pod {
        /// Name, labels, annotations, owners.
        metadata: Metadata,
        /// The spec's deciding fields.
        spec: PodSpec,
    }
}

spec! {
    /// Object metadata.
    Metadata {
        /// Empty where the server makes it from `generate_name`.
        name: String,
        /// The prefix of a generated name; empty for none.
        generate_name: String,
        /// Empty where the request's URL names it.
        namespace: String,
        /// Labels.
        labels: BTreeMap<String, String>,
        /// Annotations.
        annotations: BTreeMap<String, String>,
        /// Owners, the controller among them.
        owner_references: Vec<OwnerReference>,
    }
}

spec! {
    /// A link to an owner.
    OwnerReference {
        /// Such as `ReplicaSet`.
        kind: String,
        /// Its name.
        name: String,
        /// Whether this owner manages the object.
        controller: bool,
    }
}

spec! {
    /// The deciding fields of a pod's spec.
    PodSpec {
        /// The service account; empty means `default`.
        service_account_name: String,
        /// Containers.
        containers: Vec<Container>,
        /// Init containers, sidecars among them.
        init_containers: Vec<Container>,
        /// Ephemeral containers.
        ephemeral_containers: Vec<Container>,
        /// Volumes, each as written: which source is set decides.
        volumes: Vec<Volume>,
        /// Shares the node's network.
        host_network: bool,
        /// Shares the node's processes.
        host_p_i_d: bool,
        /// Shares the node's IPC.
        host_i_p_c: bool,
        /// `false` runs the pod in a user namespace; absent means `true`.
        host_users: Option<bool>,
        /// Pod-level security context.
        security_context: PodSecurityContext,
        /// The operating system, when named.
        os: PodOs,
    }
}

spec! {
    /// The operating system of a pod.
    PodOs {
        /// `linux`, `windows` or empty.
        name: String,
    }
}

/// A volume: its name and the keys of its sources, kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The volume's name.
    pub name: String,
    /// Source name (`hostPath`, `emptyDir`, ...) to its canonical JSON. Empty means no source: the API server defaults it to emptyDir.
    #[serde(flatten, deserialize_with = "sources", serialize_with = "write_sources")]
    pub sources: BTreeMap<String, String>,
}

fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let sources = BTreeMap::<String, Value>::deserialize(deserializer)?;
    Ok(sources.into_iter().filter(|(_, source)| !source.is_null()).map(|(name, source)| (name, canonical(&source))).collect())
}

/// JSON with the keys of every object in order, so that the order in a log makes no difference.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            let members: Vec<String> =
                members.into_iter().map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn write_sources<S: serde::Serializer>(sources: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer
        .collect_map(sources.iter().map(|(name, source)| (name, serde_json::from_str::<Value>(source).unwrap_or(Value::Null))))
}

spec! {
    /// The deciding fields of a container.
    Container {
        /// Its name.
        name: String,
        /// Its image.
        image: String,
        /// Ports it declares.
        ports: Vec<ContainerPort>,
        /// Environment; values may name services.
        env: Vec<EnvVar>,
        /// Entrypoint words; may name services.
        command: Vec<String>,
        /// Arguments; may name services.
        args: Vec<String>,
        /// Where volumes are mounted. In what tightfit keeps of a log: those of the node's own files.
        volume_mounts: Vec<VolumeMount>,
        /// Container-level security context.
        security_context: SecurityContext,
        /// Liveness probe.
        liveness_probe: Handler,
        /// Readiness probe.
        readiness_probe: Handler,
        /// Startup probe.
        startup_probe: Handler,
        /// Lifecycle hooks.
        lifecycle: Lifecycle,
        /// Whole ConfigMaps as environment.
        env_from: Vec<EnvFromSource>,
    }
}

spec! {
    /// A declared port.
    ContainerPort {
        /// Empty for none.
        name: String,
        /// The port in the pod.
        container_port: i64,
        /// The port on the node; 0 for none.
        host_port: i64,
        /// `TCP` (when empty), `UDP`, `SCTP`.
        protocol: String,
    }
}

spec! {
    /// A volume in a container.
    VolumeMount {
        /// The volume's name.
        name: String,
        /// Whether the container cannot write to it.
        read_only: bool,
    }
}

spec! {
    /// An environment variable.
    EnvVar {
        /// Its name.
        name: String,
        /// Its literal value; empty where it comes from elsewhere.
        value: String,
        /// Where else it comes from.
        value_from: EnvVarSource,
    }
}

spec! {
    /// Where the value of an environment variable comes from.
    EnvVarSource {
        /// A key of a ConfigMap.
        config_map_key_ref: ConfigMapRef,
    }
}

spec! {
    /// Where many environment variables come from.
    EnvFromSource {
        /// A ConfigMap.
        config_map_ref: ConfigMapRef,
    }
}

spec! {
    /// A ConfigMap of the pod's namespace.
    ConfigMapRef {
        /// Its name; empty for none.
        name: String,
        /// The key; empty for all of them.
        key: String,
    }
}

spec! {
    /// Lifecycle hooks of a container.
    Lifecycle {
        /// After start.
        post_start: Handler,
        /// Before stop.
        pre_stop: Handler,
    }
}

spec! {
    /// A probe or a hook.
    Handler {
        /// An HTTP request.
        http_get: HandlerTarget,
        /// A TCP connection.
        tcp_socket: HandlerTarget,
    }
}

spec! {
    /// Where a probe or a hook connects to.
    HandlerTarget {
        /// The host; empty means the pod.
        host: String,
    }
}

spec! {
    /// Pod-level security context.
    PodSecurityContext {
        /// Must not run as root.
        run_as_non_root: Option<bool>,
        /// The user id.
        run_as_user: Option<i64>,
        /// Seccomp profile.
        seccomp_profile: Option<Profile>,
        /// AppArmor profile.
        app_armor_profile: Option<Profile>,
        /// SELinux options.
        se_linux_options: Option<SeLinuxOptions>,
        /// Windows options.
        windows_options: Option<WindowsOptions>,
        /// Sysctls.
        sysctls: Vec<Sysctl>,
    }
}

spec! {
    /// Container-level security context.
    SecurityContext {
        /// All the node's privileges.
        privileged: Option<bool>,
        /// May gain more privileges than its parent.
        allow_privilege_escalation: Option<bool>,
        /// Must not run as root.
        run_as_non_root: Option<bool>,
        /// The user id.
        run_as_user: Option<i64>,
        /// The `/proc` mount: `Default`, `Unmasked`; empty for none.
        proc_mount: String,
        /// Capabilities.
        capabilities: Option<Capabilities>,
        /// Seccomp profile.
        seccomp_profile: Option<Profile>,
        /// AppArmor profile.
        app_armor_profile: Option<Profile>,
        /// SELinux options.
        se_linux_options: Option<SeLinuxOptions>,
        /// Windows options.
        windows_options: Option<WindowsOptions>,
    }
}

spec! {
    /// Added and dropped capabilities.
    Capabilities {
        /// Added.
        add: Vec<String>,
        /// Dropped.
        drop: Vec<String>,
    }
}

spec! {
    /// A seccomp or AppArmor profile.
    Profile {
        /// `RuntimeDefault`, `Localhost`, `Unconfined`.
        r#type: String,
    }
}

spec! {
    /// SELinux options.
    SeLinuxOptions {
        /// Type; empty for none.
        r#type: String,
        /// User; empty for none.
        user: String,
        /// Role; empty for none.
        role: String,
    }
}

spec! {
    /// Windows options.
    WindowsOptions {
        /// Runs as a host process.
        host_process: Option<bool>,
    }
}

spec! {
    /// A kernel parameter.
    Sysctl {
        /// Its name.
        name: String,
    }
}

/// The owner of pods, as tightfit names it: `Deployment/web`; a bare pod is `Pod/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Workload {
    /// Such as `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A pod that asked to be admitted into a namespace; its own request key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodRequest {
    /// Its owner.
    pub workload: Workload,
    /// The pod, without what makes each replica unique (its own name).
    pub pod: Arc<Pod>,
    /// How much of the truth `pod` is.
    pub basis: PodBasis,
}

/// Where a pod's spec was read from, most trustworthy last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodBasis {
    /// A controller's template: before admission and defaulting of the pod.
    Template,
    /// The request: before mutating webhooks and defaulting.
    Request,
    /// The response: what was admitted.
    Response,
}
