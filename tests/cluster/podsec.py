#!/usr/bin/env python3
"""Offers Kubernetes' own Pod Security fixtures to a real API server (a namespace for each level and version, nothing kept) and compares
what it says with the folder that each stands in. What the server answers for another reason than Pod Security is listed and explained,
or it is a failure.

Usage: podsec.py CLUSTER-DIR TESTDATA-DIR
"""
import collections
import os
import re
import sys
import time

from judge import Server

# Answers that Pod Security has no part in: (what the message says, why).
EXPLAINED = [
]


def namespace(server, level, version):
    """A namespace that enforces the level at the version, ready for pods."""
    name = f"podsec-{level}-{version}".replace(".", "-")
    labels = {"pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/enforce-version": version}
    server.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    end = time.monotonic() + 30
    while server.ask("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] != 200:
        if time.monotonic() > end:
            sys.exit(f"{name}: no default service account")
        time.sleep(0.05)
    return name


def main():
    folder, root = sys.argv[1:]
    server = Server(folder)
    counts, wrong, explained = collections.Counter(), [], collections.Counter()
    for level in ("baseline", "restricted"):
        for version in sorted(os.listdir(f"{root}/{level}")):
            where = namespace(server, level, version)
            for expected in ("pass", "fail"):
                base = f"{root}/{level}/{version}/{expected}"
                for file in sorted(os.listdir(base)) if os.path.isdir(base) else []:
                    with open(f"{base}/{file}", "rb") as text:
                        # Upstream names each pod after its check, with an underscore that no pod's name may have.
                        pod = re.sub(rb"(?m)^  name: .*$", lambda name: name[0].replace(b"_", b"-"), text.read())
                    status, body = server.ask("POST", f"/api/v1/namespaces/{where}/pods?dryRun=All", pod, "application/yaml")
                    message = body.get("message", "")
                    refused = status == 403 and "violates PodSecurity" in message
                    got = "pass" if status == 201 else "fail" if refused else f"{status}: {message}"
                    why = [reason for text, reason in EXPLAINED if text in message and not refused]
                    if got == expected:
                        counts[level, expected] += 1
                    elif why:
                        explained[why[0]] += 1
                    else:
                        wrong.append(f"{level}/{version}/{expected}/{file}: {got[:300]}")
    for (level, expected), count in sorted(counts.items()):
        print(f"{level:12} {expected:5} as the folder says: {count}")
    for why, count in explained.items():
        print(f"explained: {count}: {why}")
    for line in wrong[:40]:
        print(line)
    if wrong or not counts:
        sys.exit(f"{len(wrong)} fixtures differ")


if __name__ == "__main__":
    main()
