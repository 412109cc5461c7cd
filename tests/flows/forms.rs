//! The shop's connections, written as each kind of flow log writes them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::shop::{Happened, OWNERS, PAY, Party, START};

fn time(at: i64) -> String {
    jiff::Timestamp::from_second(START + at).unwrap().to_string()
}

fn lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().fold(String::new(), |mut text, value| {
        writeln!(text, "{value}").unwrap();
        text
    })
}

fn hubble_end(party: Party, pod: &str) -> Value {
    match party {
        Party::Pod(owner) => {
            let own = OWNERS[owner];
            let labels = [
                format!("k8s:app={}", own.name),
                "k8s:tier=t".to_owned(),
                format!("k8s:io.kubernetes.pod.namespace={}", own.namespace),
                "k8s:io.cilium.k8s.namespace.labels.team=a".to_owned(),
                "k8s:pod-template-hash=abc".to_owned(),
            ];
            json!({"ID": 1, "identity": 4000 + owner, "namespace": own.namespace, "labels": labels, "pod_name": pod,
                "workloads": [{"name": own.name, "kind": own.kind}]})
        }
        Party::Node => json!({"identity": 6, "labels": ["reserved:remote-node"]}),
        Party::Apiserver => json!({"identity": 7, "labels": ["reserved:kube-apiserver", "reserved:remote-node"]}),
        Party::Outside(_) => json!({"identity": 2, "labels": ["reserved:world"]}),
    }
}

/// Both envelopes, both ends' observations, and the answers.
pub(crate) fn hubble(happened: &[Happened]) -> String {
    let mut records = Vec::new();
    for (number, one) in happened.iter().enumerate() {
        let l4 = if one.udp {
            json!({"UDP": {"source_port": one.client_port, "destination_port": one.port}})
        } else {
            json!({"TCP": {"source_port": one.client_port, "destination_port": one.port, "flags": {"SYN": true}}})
        };
        let flow = |part: &str, verdict: &str, direction: &str, point: &str| {
            let mut flow = json!({
                "time": time(one.at), "uuid": format!("{number}-{part}"), "verdict": verdict, "Type": "L3_L4", "node_name": "n1",
                "IP": {"source": one.client_address, "destination": one.server_address, "ipVersion": "IPv4"}, "l4": l4,
                "source": hubble_end(one.client, &one.client_pod), "destination": hubble_end(one.server, &one.server_pod),
                "event_type": {"type": 4}, "traffic_direction": direction, "trace_observation_point": point, "is_reply": false,
            });
            if one.server == Party::Outside(PAY) {
                flow["destination_names"] = json!(["Api.Pay.Example."]);
            }
            flow
        };
        let wrapped = |flow: Value| json!({"flow": flow, "node_name": "n1", "time": time(one.at)});
        if matches!(one.server, Party::Pod(_)) {
            records.push(wrapped(flow("out", "FORWARDED", "EGRESS", "TO_OVERLAY")));
        }
        if one.allowed {
            records.push(flow(
                "in",
                "FORWARDED",
                "INGRESS",
                if matches!(one.server, Party::Pod(_)) { "TO_ENDPOINT" } else { "TO_STACK" },
            ));
            let mut reply = flow("back", "FORWARDED", "INGRESS", "TO_ENDPOINT");
            reply["is_reply"] = json!(true);
            records.push(wrapped(reply));
        } else {
            let mut drop = flow("drop", "DROPPED", "INGRESS", "");
            drop["drop_reason_desc"] = json!("POLICY_DENIED");
            drop["is_reply"] = Value::Null;
            records.push(wrapped(drop));
        }
    }
    lines(records)
}

/// The fields of the custom format of [`vpc`].
pub(crate) const VPC_FIELDS: &str =
    "version interface-id srcaddr dstaddr srcport dstport protocol start end action tcp-flags pkt-srcaddr pkt-dstaddr log-status";

/// Lines of VPC Flow Logs, fields in the order of [`VPC_FIELDS`]; the interface's own address stands in `dstaddr`.
pub(crate) fn vpc(happened: &[Happened]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in happened {
        let (start, protocol) = (START + one.at, if one.udp { 17 } else { 6 });
        let action = if one.allowed { "ACCEPT" } else { "REJECT" };
        let mut line = |from: &str, to: &str, ports: (u16, u16), flags: u8| {
            let (sport, dport) = ports;
            let flags = if one.udp { 0 } else { flags };
            lines.push(format!(
                "5 eni-1 {from} 10.0.1.1 {sport} {dport} {protocol} {start} {} {action} {flags} {from} {to} OK",
                start + 60
            ));
        };
        line(&one.client_address, &one.server_address, (one.client_port, one.port), if one.at % 2 == 0 { 2 } else { 3 });
        if one.allowed {
            line(&one.server_address, &one.client_address, (one.port, one.client_port), if one.at % 2 == 0 { 18 } else { 19 });
        }
    }
    lines
}

/// Aggregates by the name that generated pods share.
fn aggregate(pod: &str) -> String {
    pod.rsplit_once('-').map_or_else(|| pod.to_owned(), |(front, _)| format!("{front}-*"))
}

/// Goldmane's flows: enumerations as numbers, both reporters.
pub(crate) fn goldmane(happened: &[Happened]) -> String {
    let end = |party: Party, pod: &str| match party {
        Party::Pod(owner) => (aggregate(pod), OWNERS[owner].namespace, 1),
        Party::Node => ("n2".to_owned(), "", 2),
        Party::Apiserver => ("pvt".to_owned(), "", 4),
        Party::Outside(_) => ("pub".to_owned(), "", 4),
    };
    let mut records = Vec::new();
    for one in happened {
        let (source, dest) = (end(one.client, &one.client_pod), end(one.server, &one.server_pod));
        let apiserver = one.server == Party::Apiserver;
        let record = |reporter: u8, allowed: bool| {
            let labels = |party: Party| match party {
                Party::Pod(owner) => json!([format!("app={}", OWNERS[owner].name), "tier=t"]),
                Party::Node | Party::Apiserver | Party::Outside(_) => json!([]),
            };
            json!({"id": 7, "flow": {"Key": {
                "source_name": source.0, "source_namespace": source.1, "source_type": source.2,
                "dest_name": dest.0, "dest_namespace": dest.1, "dest_type": dest.2, "dest_port": one.port,
                "dest_service_name": if apiserver { "kubernetes" } else { "" },
                "dest_service_namespace": if apiserver { "default" } else { "" },
                "proto": if one.udp { "udp" } else { "tcp" }, "reporter": reporter, "action": if allowed { 1 } else { 2 },
                "policies": {"pending_policies": [{"action": 2}]}},
                "start_time": START + one.at, "end_time": START + one.at + 15,
                "source_labels": labels(one.client), "dest_labels": labels(one.server)}})
        };
        if matches!(one.client, Party::Pod(_)) {
            records.push(record(1, true));
        }
        if matches!(one.server, Party::Pod(_)) {
            records.push(record(2, one.allowed));
        }
    }
    lines(records)
}

/// Calico Enterprise's, addresses of outside ends included.
pub(crate) fn enterprise(happened: &[Happened]) -> String {
    let end = |side: &str, party: Party, pod: &str, address: &str| {
        let (kind, name, namespace, ip) = match party {
            Party::Pod(owner) => ("wep", aggregate(pod), OWNERS[owner].namespace, Value::Null),
            Party::Node => ("hep", "n2".to_owned(), "-", json!(address)),
            Party::Apiserver => ("net", "pvt".to_owned(), "-", json!(address)),
            Party::Outside(_) => ("net", "pub".to_owned(), "-", json!(address)),
        };
        json!({format!("{side}_type"): kind, format!("{side}_name"): "-", format!("{side}_name_aggr"): name,
            format!("{side}_namespace"): namespace, format!("{side}_ip"): ip, format!("{side}_labels"): Value::Null})
    };
    let mut records = Vec::new();
    for one in happened {
        let record = |reporter: &str, action: &str| {
            let mut record = json!({"start_time": START + one.at, "end_time": START + one.at + 300, "action": action, "reporter": reporter,
                "proto": if one.udp { "udp" } else { "tcp" }, "dest_port": one.port, "source_port": Value::Null, "num_flows": 1});
            for part in [
                end("source", one.client, &one.client_pod, &one.client_address),
                end("dest", one.server, &one.server_pod, &one.server_address),
            ] {
                record.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            record
        };
        if matches!(one.client, Party::Pod(_)) {
            records.push(record("src", "allow"));
        }
        if matches!(one.server, Party::Pod(_)) {
            records.push(record("dst", if one.allowed { "allow" } else { "deny" }));
        }
    }
    lines(records)
}

/// Istio's access logs as fluent-bit wraps them: one line from each proxy that a connection passes. No UDP.
pub(crate) fn istio(happened: &[Happened]) -> String {
    let in_mesh = |party: Party| matches!(party, Party::Pod(owner) if OWNERS[owner].mesh);
    let mut records = Vec::new();
    for one in happened.iter().filter(|one| !one.udp) {
        let socket = |address: &str, port: u16| format!("{address}:{port}");
        let wrapped = |party: Party, pod: &str, line: Value| {
            let Party::Pod(owner) = party else { return Value::Null };
            json!({"log": line.to_string(), "kubernetes": {"pod_name": pod, "namespace_name": OWNERS[owner].namespace}})
        };
        if in_mesh(one.client) {
            let line = json!({"start_time": time(one.at), "upstream_cluster": format!("outbound|{}||x.shop.svc.cluster.local", one.port),
                "upstream_host": socket(&one.server_address, one.port), "downstream_remote_address": socket(&one.client_address, 40000),
                "downstream_local_address": "10.96.3.4:80", "response_code": 200, "requested_server_name": Value::Null,
                "response_flags": if one.allowed { "-" } else { "UF,URX" }});
            records.push(wrapped(one.client, &one.client_pod, line));
        }
        if in_mesh(one.server) && one.allowed {
            let line = json!({"start_time": time(one.at), "upstream_cluster": format!("inbound|{}||", one.port),
                "upstream_host": socket(&one.server_address, one.port), "downstream_remote_address": socket(&one.client_address, one.client_port),
                "downstream_local_address": socket(&one.server_address, one.port), "response_code": 200, "response_flags": "-"});
            records.push(wrapped(one.server, &one.server_pod, line));
        }
    }
    lines(records)
}

/// IPFIX as collectors write it: no flags, no namespaces; what a policy dropped is not in it.
pub(crate) fn ipfix(happened: &[Happened]) -> String {
    let mut records = Vec::new();
    for one in happened.iter().filter(|one| one.allowed) {
        let record = |from: (&str, u16), to: (&str, u16)| {
            json!({"Bytes": 1, "Etype": 2048, "Proto": if one.udp { 17 } else { 6 }, "TCPFlags": 0, "TimeFlowStart": 0, "TimeReceived": START + one.at,
                "SrcAddr": from.0, "SrcPort": from.1, "DstAddr": to.0, "DstPort": to.1, "SrcPod": "some-pod"})
        };
        let (client, server) = ((one.client_address.as_str(), one.client_port), (one.server_address.as_str(), one.port));
        records.push(record(client, server));
        records.push(record(server, client));
    }
    lines(records)
}
