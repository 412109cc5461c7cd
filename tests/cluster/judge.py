#!/usr/bin/env python3
"""Judges our policies by what a real API server did and answers. It reads the two audit logs, the manifest's list of grants and the
server, and shares no code with tightfit: a grant covers a question by plain comparison of its fields.

Usage: judge.py --cluster DIR --policies DIR --staging LOG --production LOG ACCOUNT=SCENARIO...
"""
import argparse
import http.client
import json
import os
import re
import ssl
import sys
import threading
import urllib.parse
import zlib

VERBS = "get list watch create update patch delete deletecollection impersonate bind escalate approve sign use attest frobnicate".split()
# What is asked about beside what the server lists: objects of checks that no list names, and kinds that do not exist.
UNLISTED = [
    ("", "users", False), ("", "groups", False), ("authentication.k8s.io", "uids", False), ("authentication.k8s.io", "userextras/reason", False),
    ("certificates.k8s.io", "signers", False), ("example.com", "widgets/finalizers", True), ("apps", "deployments/finalizers", True),
    ("", "nodes/metrics", False), ("", "nodes/stats", False), ("example.com", "nothing", True), ("nowhere.example", "widgets", True),
]
PATHS = ["/", "/metrics", "/metrics/slis", "/healthz", "/livez", "/livez/etcd", "/readyz", "/version", "/api", "/apis", "/apis/apps", "/openapi/v2",
         "/logs", "/debug/pprof/heap", "/configz", "/.well-known/openid-configuration", "/nowhere"]
UNSEEN = "a-name-that-nobody-used"
# About resources of no grant, every verb is asked once and of the other questions one in so many; about resources of a grant, all are.
SAMPLED = int(os.environ.get("TIGHTFIT_SAMPLED", "6"))


class Server:
    """One connection to the API server, as an administrator."""

    def __init__(self, folder):
        self.folder = folder
        with open(f"{folder}/admin.kubeconfig", encoding="utf-8") as file:
            self.host = re.search(r"server: https://(\S+)", file.read())[1]
        self.context = ssl.create_default_context(cafile=f"{folder}/pki/ca.crt")
        self.context.load_cert_chain(f"{folder}/pki/admin.crt", f"{folder}/pki/admin.key")
        self.connection = http.client.HTTPSConnection(self.host, context=self.context)

    def ask(self, method, path, body=None, kind="application/json"):
        text = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": kind, "Accept": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def resources(self):
        """(group, resource, namespaced) of everything that the server lists, subresources included."""
        found = set()
        groups = [("", "/api/v1")]
        for group in self.ask("GET", "/apis")[1]["groups"]:
            groups += [(group["name"], f"/apis/{version['groupVersion']}") for version in group["versions"]]
        for group, path in groups:
            for resource in self.ask("GET", path)[1]["resources"]:
                found.add((resource.get("group", group) if "/" not in resource["name"] else group, resource["name"], resource["namespaced"]))
        return sorted(found | set(UNLISTED))

    def written(self):
        """What the roles and bindings that tightfit wrote say on the server: subject to (namespace, verb, group, resource, name)."""
        base, ours = "/apis/rbac.authorization.k8s.io/v1", "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dtightfit"
        def listed(kind):
            return self.ask("GET", f"{base}/{kind}{ours}")[1]["items"]
        roles = {("ClusterRole", "", role["metadata"]["name"]): role["rules"] for role in listed("clusterroles")}
        roles |= {("Role", role["metadata"]["namespace"], role["metadata"]["name"]): role["rules"] for role in listed("roles")}
        said = {}
        for binding in listed("clusterrolebindings") + listed("rolebindings"):
            scope, ref = binding["metadata"].get("namespace"), binding["roleRef"]
            rules = roles[ref["kind"], scope if ref["kind"] == "Role" else "", ref["name"]]
            for subject in binding["subjects"]:
                account = f"{subject['namespace']}/{subject['name']}" if subject["kind"] == "ServiceAccount" else subject["name"]
                units = said.setdefault(account, set())
                for rule in rules:
                    for verb in rule["verbs"]:
                        units |= {("path", verb, path) for path in rule.get("nonResourceURLs", [])}
                        units |= {
                            (scope, verb, group, resource, name)
                            for group in rule.get("apiGroups", []) for resource in rule.get("resources", [])
                            for name in rule.get("resourceNames") or [None]
                        }
        return said


def granted(manifest):
    """Account to the grants that the manifest lists for it, in the form of `written`."""
    grants = {}
    for policy in manifest["policies"]:
        _, kind, name = policy["identity"].split("/", 2)
        if policy["language"] != "rbac" or kind not in ("serviceaccount", "kube-user"):
            continue
        units = grants.setdefault(name, set())
        for grant in policy["grants"]:
            if "rbac" in grant["permit"]:
                one = grant["permit"]["rbac"]
                units.add((one["namespace"], one["verb"], one["api_group"], one["resource"], one["name"]))
            else:
                one = grant["permit"]["non-resource"]
                units.add(("path", one["verb"], one["path"]))
    return grants


def covers(unit, question):
    if unit[0] == "path" or question[0] == "path":
        if unit[0] != question[0] or unit[1] != question[1]:
            return False
        return unit[2] == question[2] or unit[2].endswith("*") and question[2].startswith(unit[2][:-1])
    return (unit[0] is None or unit[0] == question[0]) and unit[1:4] == question[1:4] and unit[4] in (None, question[4])


def questions(resources, units):
    """What is asked about one account: (namespace, verb, group, resource, name) or ("path", verb, path)."""
    near = {unit[3] for unit in units if unit[0] != "path"}
    asked = {("path", verb, path) for verb in ("get", "post", "delete") for path in PATHS + [unit[2] for unit in units if unit[0] == "path"]}
    for group, resource, namespaced in resources:
        names = sorted({unit[4] for unit in units if unit[0] != "path" and unit[3] == resource and unit[4]})
        namespaces = ["shop", "operators", "kube-system", ""] if namespaced else [""]
        for verb in VERBS:
            for namespace in namespaces:
                for name in ["", UNSEEN, *names]:
                    # Every verb on every resource is asked once, where the scenarios act; elsewhere one in so many.
                    chosen = name == UNSEEN and namespace == namespaces[0] or zlib.crc32(f"{verb} {group} {resource} {namespace} {name}".encode()) % SAMPLED == 0
                    if resource in near or chosen:
                        asked.add((namespace, verb, group, resource, name))
    asked |= {(unit[0] or "", *unit[1:4], unit[4] or "") for unit in units if unit[0] != "path"}
    return sorted(asked)


def review(account, question):
    user, groups = account, ["system:authenticated"]
    if "/" in account:
        namespace, name = account.split("/")
        user = f"system:serviceaccount:{namespace}:{name}"
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    if question[0] == "path":
        about = {"nonResourceAttributes": {"verb": question[1], "path": question[2]}}
    else:
        namespace, verb, group, resource, name = question
        resource, _, subresource = resource.partition("/")
        about = {"resourceAttributes": {
            "namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource, "name": name,
        }}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": user, "groups": groups, **about}}


def answers(folder, account, asked):
    """What the server answers, in the order of the questions; over a few connections at a time."""
    allowed = [None] * len(asked)
    def some(first, step):
        server = Server(folder)
        for at in range(first, len(asked), step):
            status, body = server.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review(account, asked[at]))
            allowed[at] = status == 201 and body["status"]["allowed"]
            if status != 201:
                raise RuntimeError(f"{asked[at]}: {body}")
    threads = [threading.Thread(target=some, args=(first, 3)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if None in allowed:
        raise RuntimeError("a question was not answered")
    return allowed


def shape(name):
    """A name without what the server chose, so that two servers' logs compare."""
    return re.sub(r"-[a-z0-9]{5}$", "-?", re.sub(r"-[a-z0-9]{6,10}-[a-z0-9]{5}$", "-?", re.sub(r"\.[0-9a-f]{16}$", ".?", name)))


def calls(log):
    """User name to call to the codes of its answers, with the number of calls."""
    found = {}
    with open(log, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["stage"] != "ResponseComplete":
                continue
            target = event.get("objectRef")
            if target:
                about = tuple(target.get(key, "") for key in ("apiGroup", "resource", "subresource", "namespace")) + (shape(target.get("name", "")),)
            else:
                about = (urllib.parse.urlsplit(event["requestURI"]).path,)
            acting = event.get("impersonatedUser", {}).get("username", "")
            for user in {event["user"]["username"], acting or event["user"]["username"]}:
                found.setdefault(user, {}).setdefault((event["verb"], *about, acting), []).append(event["responseStatus"]["code"])
    return found


def succeeded(codes):
    return any(code < 400 for code in codes)


def main():
    parser = argparse.ArgumentParser()
    for option in ("--cluster", "--policies", "--staging", "--production"):
        parser.add_argument(option, required=True)
    parser.add_argument("scenarios", nargs="+", metavar="ACCOUNT=SCENARIO")
    options = parser.parse_args()
    with open(f"{options.policies}/manifest.json", encoding="utf-8") as file:
        grants = granted(json.load(file))
    server = Server(options.cluster)
    wrong = []
    on_server = server.written()
    for account in sorted(set(grants) | set(on_server)):
        for unit in sorted(grants.get(account, set()) ^ on_server.get(account, set()), key=str):
            wrong.append(f"{account}: manifest and roles on the server differ: {unit}")
    resources = server.resources()
    everything = questions(resources, {unit for units in grants.values() for unit in units})
    # What everyone has without us: an account and a user without any binding of their own, asked the same.
    given = {nobody: dict(zip(everything, answers(options.cluster, nobody, everything))) for nobody in ("shop/nobody", "nobody")}
    before, now = calls(options.staging), calls(options.production)
    print(f"{len(resources)} resources and subresources, {len(VERBS)} verbs; one in {SAMPLED} of what is far from any grant")
    print(f"{'scenario':22} {'calls':>6} {'kinds that':>10} {'succeed':>8} {'grants':>7} {'asked':>7} {'allowed':>8} {'by grants':>9} {'outside':>8}")
    print(f"{'':22} {'':>6} {'succeeded':>10} {'now':>8} {'':>7} {'':>7} {'':>8} {'':>9} {'grants':>8}")
    total = [0] * 8
    for pair in options.scenarios:
        account, scenario = pair.split("=")
        user = account if "/" not in account else "system:serviceaccount:" + account.replace("/", ":")
        old, new = before.get(user, {}), now.get(user, {})
        good = [call for call, codes in old.items() if succeeded(codes)]
        for call in good:
            if not succeeded(new.get(call, [])):
                wrong.append(f"{scenario}: succeeded before, now {new.get(call, 'was not asked')}: {call}")
        for call, codes in new.items():
            if 403 in codes and 403 not in old.get(call, []):
                wrong.append(f"{scenario}: refused now, not before: {call}")
        units = grants.get(account, set())
        nobody = "shop/nobody" if "/" in account else "nobody"
        asked = questions(resources, units)
        unknown = [question for question in asked if question not in given[nobody]]
        given[nobody] |= dict(zip(unknown, answers(options.cluster, nobody, unknown)))
        allowed = answers(options.cluster, account, asked)
        by_grants = outside = 0
        for question, yes in zip(asked, allowed):
            ours = any(covers(unit, question) for unit in units)
            by_grants += yes and ours
            if yes and not ours and not given[nobody][question]:
                outside += 1
                wrong.append(f"{scenario}: allowed outside the grants: {question}")
            if not yes and (ours or given[nobody][question]):
                wrong.append(f"{scenario}: granted, yet refused: {question}")
        row = [
            sum(map(len, old.values())), len(good), sum(succeeded(new.get(call, [])) for call in good), len(units), len(asked), sum(allowed), by_grants, outside,
        ]
        total = [one + other for one, other in zip(total, row)]
        print("{:22} {:6} {:10} {:8} {:7} {:7} {:8} {:9} {:8}".format(scenario, *row), flush=True)
    print("{:22} {:6} {:10} {:8} {:7} {:7} {:8} {:9} {:8}".format("all", *total))
    for line in wrong[:60]:
        print(line)
    if wrong:
        sys.exit(f"{len(wrong)} things are wrong")


if __name__ == "__main__":
    main()
