//! Services that a ConfigMap names are called by the workloads that use it.

use serde_json::{Value, json};

use crate::scene::{deployment, flow, lines, made, plan, policies, service};

fn shop(pod: &Value) -> Vec<Value> {
    let data = json!({"DB_HOST": "db", "QUEUE_ADDR": "queue", "DB_PASSWORD": "hunter2", "MODE": "fast", "url": "redis://u:secret@cache.shop:6379/0", "motd": "the api is down"});
    vec![
        deployment(("shop", "web"), &json!({}), pod),
        deployment(("shop", "db"), &json!({}), &json!({})),
        deployment(("shop", "cache"), &json!({}), &json!({})),
        deployment(("shop", "queue"), &json!({}), &json!({})),
        deployment(("shop", "api"), &json!({}), &json!({})),
        service(("shop", "db"), "ClusterIP", &[(5432, 5432)]),
        service(("shop", "cache"), "ClusterIP", &[(6379, 6379), (16379, 16379)]),
        service(("shop", "queue"), "ClusterIP", &[(5672, 5672)]),
        service(("shop", "api"), "ClusterIP", &[(80, 8080)]),
        made("", "configmaps", ("shop", "settings"), &json!({"kind": "ConfigMap", "data": data})),
        made("", "configmaps", ("other", "settings"), &json!({"kind": "ConfigMap", "data": {"API": "api.shop"}})),
    ]
}

#[test]
fn every_way_of_using_a_config_map_counts() {
    let container = |more: Value| {
        let mut container = json!({"name": "c", "image": "i"});
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"containers": [container]})
    };
    let volume = |source: Value| json!({"volumes": [source]});
    let all = ["web out cache 6379", "web out db 5432", "web out queue 5672"];
    let by_key = json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "DB_HOST"}}}]});
    let table: [(&str, Value, &[&str]); 6] = [
        ("a key", container(by_key), &["web out db 5432"]),
        ("all keys", container(json!({"envFrom": [{"configMapRef": {"name": "settings"}}]})), &all),
        ("a volume", volume(json!({"name": "v", "configMap": {"name": "settings"}})), &all),
        (
            "a projected volume",
            volume(json!({"name": "v", "projected": {"sources": [{"configMap": {"name": "settings"}}]}})),
            &all,
        ),
        (
            "another one",
            container(json!({"envFrom": [{"configMapRef": {"name": "absent"}}, {"secretRef": {"name": "settings"}}]})),
            &[],
        ),
        ("none", json!({}), &[]),
    ];
    for (name, pod, expected) in table {
        let (plan, _) = plan(&[], &shop(&pod), "");
        let lines = lines(&policies(&plan));
        let called: Vec<&str> =
            lines.iter().map(String::as_str).filter(|line| line.starts_with("web out") && !line.ends_with(" 53")).collect();
        assert_eq!(called, expected, "{name}");
        let why = plan.policies.network.iter().flat_map(|proposal| &proposal.policies).flat_map(|policy| &policy.basis);
        let named = why
            .filter(|basis| basis.why.contains("containers use, names Service") && basis.why.starts_with("ConfigMap settings, "))
            .count();
        assert_eq!(named, expected.len() * 2, "{name}: both ends say why");
        // Of the values nothing but hosts is kept.
        let kept = serde_json::to_string(&plan.profile.inventory).unwrap();
        assert!(
            !kept.contains("secret@") && !kept.contains("hunter2") && !kept.contains("\"fast\"") && !kept.contains("is down"),
            "{kept}"
        );
    }
}

#[test]
fn beside_flows_too() {
    let pod = json!({"containers": [{"name": "c", "image": "i", "envFrom": [{"configMapRef": {"name": "settings"}}]}]});
    let (plan, _) = plan(&[flow(1, "shop/web", "shop/api", 8080, "FORWARDED")], &shop(&pod), "");
    let lines = lines(&policies(&plan));
    for line in ["web out db 5432", "db in web 5432", "web out cache 6379", "web out api 8080"] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
}
