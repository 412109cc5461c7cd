#!/usr/bin/env python3
"""Writes log/flows.json.gz: the shop's connections over the 16 days of log/audit.log, as Hubble's exporter would have.

Everything is made up here; the same lines come out every time. Usage: python3 flows.py
"""

import datetime
import gzip
import json
import pathlib
import uuid

START = datetime.datetime(2026, 10, 5, 6, 0, tzinfo=datetime.timezone.utc)
DAYS = 16
# The day on which a web pod came up with old settings and tried redis by itself.
REFUSED_DAY = 3


def pod(namespace, kind, workload, name, address, **labels):
    labels = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    stated = [f"k8s:{key}={value}" for key, value in sorted(labels.items())]
    return address, {
        "namespace": namespace,
        "labels": stated + [f"k8s:io.kubernetes.pod.namespace={namespace}"],
        "pod_name": name,
        "workloads": [{"name": workload, "kind": kind}],
    }


def shop(kind, workload, name, address):
    return pod("shop", kind, workload, name, address, **{"app.kubernetes.io__name": workload})


def ends(day):
    """Who there is on a day: address and endpoint of each."""
    return {
        "web": shop("Deployment", "web", "web-7d4b9c6f5d-x2x7k", "10.20.1.11"),
        "cart": shop("Deployment", "cart", "cart-7d4b9c6f5d-x2x7k", "10.20.1.12"),
        "redis": shop("Deployment", "redis", "redis-7d4b9c6f5d-x2x7k", "10.20.2.13"),
        "report": shop("CronJob", "report", f"report-{29339000 + 1440 * day}-bcdfg", f"10.20.2.{50 + day}"),
        "gateway": pod("gateway", "Deployment", "gateway", "gateway-5c8d7f6b4-k8v2z", "10.20.1.30", app="gateway"),
        "dns": pod("kube-system", "Deployment", "coredns", "coredns-6f4b9d8c7-2w5xq", "10.20.2.2", k8s_app="kube-dns"),
        "api": ("10.20.0.2", {"identity": 7, "labels": ["reserved:kube-apiserver"]}),
        "payments": ("203.0.113.10", {"identity": 2, "labels": ["reserved:world"]}),
    }


# Client, server, protocol, port of the server's pod, hours after START.
CONNECTIONS = [
    ("gateway", "web", "TCP", 8080, 0.1),
    ("web", "dns", "UDP", 53, 0.2),
    ("web", "cart", "TCP", 8080, 0.3),
    ("cart", "dns", "UDP", 53, 0.4),
    ("cart", "redis", "TCP", 6379, 0.5),
    ("cart", "payments", "TCP", 443, 0.6),
    ("web", "api", "TCP", 6443, 0.02),
    ("cart", "api", "TCP", 6443, 0.05),
    ("report", "dns", "UDP", 53, -3.99),
    ("report", "api", "TCP", 6443, -3.98),
]


def flow(day, client, server, protocol, port, hours, refused=False, reply=False):
    there = ends(day)
    (from_address, source), (to_address, destination) = there[client], there[server]
    time = START + datetime.timedelta(days=day, hours=hours)
    own_port = 32768 + (day * 977 + port) % 28000
    if reply:
        (from_address, source), (to_address, destination) = (to_address, destination), (from_address, source)
    to_pod = "pod_name" in destination
    ports = (port, own_port) if reply else (own_port, port)
    l4 = {protocol: {"source_port": ports[0], "destination_port": ports[1]}}
    if protocol == "TCP":
        l4[protocol]["flags"] = {"SYN": True, "ACK": True} if reply else {"SYN": True}
    body = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{day} {client} {server} {port} {refused} {reply}")),
        "verdict": "DROPPED" if refused else "FORWARDED",
        "IP": {"source": from_address, "destination": to_address, "ipVersion": "IPv4"},
        "l4": l4,
        "source": source,
        "destination": destination,
        "Type": "L3_L4",
        "node_name": "node-1",
        "event_type": {"type": 5} if refused else {"type": 4},
        "traffic_direction": "INGRESS" if to_pod else "EGRESS",
        "is_reply": reply,
    }
    if refused:
        body |= {"drop_reason": 133, "drop_reason_desc": "POLICY_DENIED"}
    else:
        body["trace_observation_point"] = "TO_ENDPOINT" if to_pod else "TO_NETWORK"
    if server == "payments":
        body["source_names" if reply else "destination_names"] = ["payments.example.com"]
    return {"flow": body, "node_name": "node-1", "time": body["time"]}


def flows():
    for day in range(DAYS):
        for connection in CONNECTIONS:
            yield flow(day, *connection)
            if day == 0:
                yield flow(day, *connection, reply=True)
        if day == REFUSED_DAY:
            yield flow(day, "web", "redis", "TCP", 6379, 0.31, refused=True)


target = pathlib.Path(__file__).parent / "log" / "flows.json.gz"
lines = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in flows())
target.write_bytes(gzip.compress(lines.encode(), mtime=0))
