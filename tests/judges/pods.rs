//! Generated pods: every field that a check of Pod Security reads, on every kind of container, mostly as a hardened pod has it.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

type Field = (&'static str, BoxedStrategy<Value>);

/// One of these JSON texts.
fn values(texts: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(texts).prop_map(|text| serde_json::from_str(text).unwrap()).boxed()
}

/// An object with each field set `often` times in ten.
fn object(often: u32, fields: Vec<Field>) -> BoxedStrategy<Value> {
    let none: BoxedStrategy<Map<String, Value>> = Just(Map::new()).boxed();
    let with = |object: BoxedStrategy<Map<String, Value>>, (name, value): Field| {
        let maybe = prop_oneof![often => value.prop_map(Some), 10 - often => Just(None)];
        (object, maybe)
            .prop_map(move |(mut object, value)| {
                object.extend(value.map(|value| (name.to_owned(), value)));
                object
            })
            .boxed()
    };
    fields.into_iter().fold(none, with).prop_map(Value::Object).boxed()
}

fn list(of: BoxedStrategy<Value>, most: usize) -> BoxedStrategy<Value> {
    proptest::collection::vec(of, 0..=most).prop_map(Value::from).boxed()
}

fn profile() -> BoxedStrategy<Value> {
    let kinds = [
        r#""RuntimeDefault""#,
        r#""RuntimeDefault""#,
        r#""RuntimeDefault""#,
        r#""Localhost""#,
        r#""Unconfined""#,
        r#""Other""#,
        r#""""#,
    ];
    object(9, vec![("type", select(kinds.to_vec()).prop_map(|text| serde_json::from_str(text).unwrap()).boxed())])
}

/// The fields that a pod and a container share.
fn shared_context() -> Vec<Field> {
    let selinux = vec![
        (
            "type",
            values(&[
                r#""container_t""#,
                r#""container_init_t""#,
                r#""container_kvm_t""#,
                r#""container_engine_t""#,
                r#""spc_t""#,
                r#""""#,
            ]),
        ),
        ("user", values(&[r#""""#, r#""""#, r#""u""#])),
        ("role", values(&[r#""""#, r#""""#, r#""r""#])),
        ("level", values(&[r#""s0:c1""#])),
    ];
    vec![
        ("runAsNonRoot", values(&["true", "true", "true", "true", "false", "null"])),
        ("runAsUser", values(&["1000", "1000", "1", "0", "null"])),
        ("seccompProfile", prop_oneof![9 => profile(), 1 => Just(Value::Null)].boxed()),
    ]
    .into_iter()
    .chain([
        (
            "appArmorProfile",
            prop_oneof![4 => Just(json!({"type": "RuntimeDefault"})), 2 => Just(Value::Null), 1 => profile()].boxed(),
        ),
        ("seLinuxOptions", prop_oneof![6 => Just(Value::Null), 1 => Just(json!({})), 3 => object(3, selinux)].boxed()),
        (
            "windowsOptions",
            prop_oneof![6 => Just(Value::Null), 2 => object(5, vec![("hostProcess", values(&["true", "false", "null"]))])]
                .boxed(),
        ),
    ])
    .collect()
}

fn pod_context() -> BoxedStrategy<Value> {
    let sysctl = values(&[
        r#""kernel.shm_rmid_forced""#,
        r#""net.ipv4.ip_local_port_range""#,
        r#""net.ipv4.tcp_syncookies""#,
        r#""net.ipv4.ping_group_range""#,
        r#""net.ipv4.ip_unprivileged_port_start""#,
        r#""net.ipv4.ip_local_reserved_ports""#,
        r#""net.ipv4.tcp_keepalive_time""#,
        r#""net.ipv4.tcp_fin_timeout""#,
        r#""net.ipv4.tcp_keepalive_intvl""#,
        r#""net.ipv4.tcp_keepalive_probes""#,
        r#""net.ipv4.tcp_rmem""#,
        r#""net.ipv4.tcp_wmem""#,
        r#""net.ipv4.tcp_slow_start_after_idle""#,
        r#""net.ipv4.tcp_notsent_lowat""#,
        r#""kernel.msgmax""#,
        r#""net/ipv4/tcp_rmem""#,
        r#""NET.IPV4.TCP_RMEM""#,
    ])
    .prop_map(|name| json!({"name": name, "value": "1"}))
    .boxed();
    let mut fields = shared_context();
    fields.push(("sysctls", prop_oneof![6 => Just(Value::Null), 1 => list(sysctl.clone(), 0), 3 => list(sysctl, 2)].boxed()));
    object(7, fields)
}

fn container_context() -> BoxedStrategy<Value> {
    let capability = values(&[
        r#""NET_BIND_SERVICE""#,
        r#""NET_BIND_SERVICE""#,
        r#""CHOWN""#,
        r#""KILL""#,
        r#""AUDIT_WRITE""#,
        r#""MKNOD""#,
        r#""SYS_CHROOT""#,
        r#""SETPCAP""#,
        r#""NET_RAW""#,
        r#""SYS_ADMIN""#,
        r#""ALL""#,
        r#""all""#,
        r#""CAP_CHOWN""#,
        r#""CAP_NET_BIND_SERVICE""#,
        r#""""#,
    ]);
    let dropped = values(&[
        r#"["ALL"]"#,
        r#"["ALL"]"#,
        r#"["NET_RAW", "ALL"]"#,
        r#"["all"]"#,
        r#"["CAP_ALL"]"#,
        r#"["NET_RAW"]"#,
        "[]",
        "null",
    ]);
    let capabilities = vec![("add", prop_oneof![2 => Just(Value::Null), 1 => list(capability, 2)].boxed()), ("drop", dropped)];
    let mut fields = shared_context();
    fields.extend([
        ("privileged", values(&["false", "false", "false", "null", "true"])),
        ("allowPrivilegeEscalation", values(&["false", "false", "false", "false", "null", "true"])),
        ("procMount", values(&[r#""Default""#, r#""Default""#, "null", r#""Unmasked""#])),
        ("capabilities", object(9, capabilities)),
    ]);
    let hardened = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    prop_oneof![5 => Just(hardened), 1 => Just(Value::Null), 6 => object(8, fields)].boxed()
}

fn handler() -> BoxedStrategy<Value> {
    let host = values(&[r#""""#, "null", r#""""#, r#""127.0.0.1""#, r#""node""#]);
    let port = values(&["80", r#""http""#]);
    let target = |name: &'static str| {
        (host.clone(), port.clone()).prop_map(move |(host, port)| json!({name: {"host": host, "port": port}})).boxed()
    };
    let other = values(&[r#"{"exec": {"command": ["true"]}}"#, r#"{"grpc": {"port": 9}}"#, "{}", "null"]);
    prop_oneof![3 => other, 1 => target("httpGet"), 1 => target("tcpSocket")].boxed()
}

fn container(list_name: &'static str) -> BoxedStrategy<Value> {
    let port = object(
        7,
        vec![
            ("containerPort", values(&["80", "8080"])),
            ("hostPort", values(&["0", "0", "null", "80"])),
            ("protocol", values(&[r#""UDP""#, r#""TCP""#])),
        ],
    );
    let lifecycle = object(5, vec![("postStart", handler()), ("preStop", handler())]);
    let mut fields = vec![
        ("securityContext", container_context()),
        ("ports", prop_oneof![3 => Just(Value::Null), 1 => list(port, 2)].boxed()),
    ];
    let rarely = |of: BoxedStrategy<Value>| prop_oneof![4 => Just(Value::Null), 1 => of].boxed();
    fields.extend([
        ("livenessProbe", rarely(handler())),
        ("readinessProbe", rarely(handler())),
        ("startupProbe", rarely(handler())),
        ("lifecycle", rarely(lifecycle)),
        ("restartPolicy", if list_name == "i" { values(&["null", r#""Always""#]) } else { values(&["null"]) }),
    ]);
    object(9, fields)
}

fn containers(name: &'static str, least: usize) -> BoxedStrategy<Value> {
    let named = move |all: Vec<Value>| {
        let one = |(place, mut one): (usize, Value)| {
            one["name"] = json!(format!("{name}{place}"));
            one["image"] = json!("x");
            one
        };
        Value::Array(all.into_iter().enumerate().map(one).collect())
    };
    proptest::collection::vec(container(name), least..=2).prop_map(named).boxed()
}

/// Volumes of one source, as the API server takes no others; no source at all is defaulted to `emptyDir`.
fn volumes() -> BoxedStrategy<Value> {
    const SOURCES: &[&str] = &[
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "emptyDir",
        "secret",
        "configMap",
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "azureDisk",
        "vsphereVolume",
        "quobyte",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
        "",
        "null",
    ];
    let volume = |source: &'static str| match source {
        "" => json!({"name": "v"}),
        "null" => json!({"name": "v", "hostPath": null}),
        _ => json!({"name": "v", source: {}}),
    };
    let tame =
        values(&[r#"{"name": "v", "emptyDir": {}}"#, r#"{"name": "v"}"#, r#"{"name": "v", "secret": {"secretName": "s"}}"#]);
    prop_oneof![4 => list(tame, 2), 3 => list(select(SOURCES).prop_map(volume).boxed(), 2)].boxed()
}

fn annotations() -> BoxedStrategy<Value> {
    let apparmor = values(&[
        r#""runtime/default""#,
        r#""localhost/x""#,
        r#""""#,
        r#""unconfined""#,
        r#""localhost""#,
        r#""RuntimeDefault""#,
    ]);
    let seccomp = values(&[
        r#""runtime/default""#,
        r#""docker/default""#,
        r#""localhost/x""#,
        r#""unconfined""#,
        r#""""#,
        r#""localhost""#,
    ]);
    object(
        2,
        vec![
            ("container.apparmor.security.beta.kubernetes.io/c0", apparmor.clone()),
            ("container.apparmor.security.beta.kubernetes.io/nobody", apparmor.clone()),
            ("container.apparmor.security.beta.kubernetes.io", apparmor),
            ("seccomp.security.alpha.kubernetes.io/pod", seccomp.clone()),
            ("container.seccomp.security.alpha.kubernetes.io/c0", seccomp.clone()),
            ("container.seccomp.security.alpha.kubernetes.io/i0", seccomp.clone()),
            ("container.seccomp.security.alpha.kubernetes.io/e0", seccomp.clone()),
            ("container.seccomp.security.alpha.kubernetes.io/nobody", seccomp),
        ],
    )
}

/// Pods as clients send them.
pub(super) fn pods() -> BoxedStrategy<Value> {
    let rarely = || values(&["null", "false", "false", "false", "false", "true"]);
    let hardened = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let spec = object(
        9,
        vec![
            ("securityContext", prop_oneof![4 => Just(hardened), 1 => Just(Value::Null), 4 => pod_context()].boxed()),
            ("initContainers", prop_oneof![2 => Just(Value::Null), 1 => containers("i", 0)].boxed()),
            ("ephemeralContainers", prop_oneof![2 => Just(Value::Null), 1 => containers("e", 0)].boxed()),
            ("volumes", volumes()),
            ("hostNetwork", rarely()),
            ("hostPID", rarely()),
            ("hostIPC", rarely()),
            ("hostUsers", values(&["null", "null", "true", "false", "false"])),
            ("os", values(&["null", "null", r#"{"name": "linux"}"#, r#"{"name": "windows"}"#, "{}", r#"{"name": ""}"#])),
        ],
    );
    (spec, containers("c", 1), annotations())
        .prop_map(|(mut spec, containers, annotations)| {
            spec["containers"] = containers;
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": annotations}, "spec": spec})
        })
        .boxed()
}
