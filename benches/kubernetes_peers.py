#!/usr/bin/env python3
"""Side by side with audit2rbac and rbac-tool: the same audit logs, judged by Kubernetes' own authorizer. Prints a Markdown table.

    TIGHTFIT_KUBE_JUDGES=FOLDER benches/kubernetes_peers.py [TIGHTFIT-BINARY]

FOLDER is what tests/judges/install.sh made. The peers are models: their published rules (docs/side-by-side.md lists them), written
down here, and checked against the one result that a peer publishes. No answer is given by code of tightfit. How each number is
counted stands in docs/side-by-side.md.
"""

import collections
import datetime
import glob
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
SETS = os.path.join(HERE, "..", "..", "shared", "data", "k8s-audit")
LOGS = [
    ("kube-1.36", "kube-1.36/audit.log"),
    ("audit2rbac demo", "audit2rbac/demo.log"),
    ("hkerma-perfspec", "hkerma-perfspec/split-dev.jsonl"),
    ("kubesplaining", "kubesplaining/audit/native/leastprivilege-demo-audit.log"),
]
RBAC = os.path.join(os.environ.get("TIGHTFIT_KUBE_JUDGES", ""), "rbac")
GROUP = "rbac.authorization.k8s.io"
CONNECTS = {"exec", "attach", "portforward"}
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]

# What an authorizer is asked; a non-resource request has a path and nothing else.
Call = collections.namedtuple("Call", "verb group resource subresource namespace name path", defaults=[""] * 6)


def judge(batches):
    """Kubernetes' answers, one string of `a` and `n` a batch."""
    text = "".join(json.dumps({"objects": objects, "questions": [question(user, groups, call) for call in calls]}) + "\n" for objects, user, groups, calls in batches)
    out = subprocess.run([RBAC], input=text, text=True, capture_output=True, check=True).stdout
    return [json.loads(line)["answers"] for line in out.splitlines()]


def question(user, groups, call):
    asked = {"user": user, "groups": groups, "verb": call.verb}
    if call.path:
        return asked | {"path": call.path}
    return asked | {"apigroup": call.group, "resource": call.resource, "subresource": call.subresource, "namespace": call.namespace, "name": call.name}


def defaults():
    """What every authenticated user and service account has in any cluster."""
    objects = json.loads(subprocess.run([RBAC, "-bootstrap"], text=True, capture_output=True, check=True).stdout)
    everyone = {"system:authenticated", "system:serviceaccounts"}
    bindings = [one for one in objects if one["kind"] == "ClusterRoleBinding" and everyone & {subject["name"] for subject in one.get("subjects") or []}]
    roles = {binding["roleRef"]["name"] for binding in bindings}
    return bindings + [one for one in objects if one["kind"] == "ClusterRole" and one["metadata"]["name"] in roles]


def acting(event):
    return event.get("impersonatedUser") or event.get("user") or {}


def groups_of(user, groups):
    added = ["system:authenticated"]
    if user.startswith("system:serviceaccount:"):
        added += ["system:serviceaccounts", "system:serviceaccounts:" + user.split(":")[2]]
    return sorted(set(groups) | set(added))


def calls_of(event):
    """The questions that the API server asked for one event: the name is the path's or the field selector's, a websocket that
    connects is asked again as create, and so is a patch or update that created."""
    path, _, query = (event.get("requestURI") or "").partition("?")
    found = event.get("objectRef")
    verb, code = event["verb"], (event.get("responseStatus") or {}).get("code")
    if not found:
        return [Call(verb, path=path)]
    name, sub = found.get("name", ""), found.get("subresource", "")
    selected = urllib.parse.parse_qs(query).get("fieldSelector", [""])[0]
    in_path = f"/{found.get('resource')}/{name}/" in path + "/"
    if verb in ("create", "list", "watch", "deletecollection") and not in_path and not (verb in ("list", "watch") and selected == f"metadata.name={name}"):
        name = ""
    call = Call(verb, found.get("apiGroup", ""), found.get("resource", ""), sub, found.get("namespace", ""), name)
    connects = verb == "get" and call.resource == "pods" and sub in CONNECTS
    creates = verb in ("patch", "update") and code == 201 and not sub
    return [call, call._replace(verb="create", name=found.get("name", ""))] if connects or creates else [call]


def by_user(events):
    """For each user that RBAC has a say about: groups, calls that were allowed, calls that were only refused."""
    users = {}
    for event in events:
        who = acting(event)
        user, groups = who.get("username", ""), who.get("groups") or []
        if not user or user == "system:anonymous" or "system:masters" in groups or event.get("stage") == "RequestReceived":
            continue
        one = users.setdefault(user, (set(groups), set(), set()))
        one[0].update(groups)
        code = (event.get("responseStatus") or {}).get("code")
        decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
        if decision == "forbid" or (decision is None and code == 403):
            one[2].add(calls_of(event)[0])
        else:
            # What answered 403 nevertheless is admission's; the create that a websocket needs was then never allowed.
            one[1].update(calls_of(event)[: 1 if code == 403 else 2])
    return {user: (groups_of(user, groups), allowed, {call for call in refused if not implied(call, allowed)}) for user, (groups, allowed, refused) in users.items()}


def implied(call, allowed):
    """Whether a call that was allowed says that this one is: the same without a name, or over all namespaces."""
    wider = [call._replace(name=name, namespace=namespace) for name in {call.name, ""} for namespace in {call.namespace, ""}]
    return any(one in allowed for one in wider)


def neighbours(allowed):
    """Calls nobody was seen to make: one part of an allowed one changed."""
    found = set()
    for call in allowed:
        if not call.path:
            found |= {call._replace(verb=verb) for verb in VERBS}
            found |= {call._replace(name="never-seen")} if call.name else set()
            found |= {call._replace(namespace="never-seen")} if call.namespace else set()
    return {call for call in found if not implied(call, allowed)}


# The peers' rules. Both keep every event, refused ones included.


def model(events, user, of_rbac_tool):
    """The objects that the peers' common generator writes for a user."""
    calls, seen = [], []
    for event in events:
        who = acting(event)
        if who.get("username") != user:
            continue
        found = event.get("objectRef")
        uri = event.get("requestURI") or ""
        if not found:
            call = Call(event["verb"], path=uri.partition("?")[0] if of_rbac_tool else uri)
        else:
            name = "" if event["verb"] == "create" and not of_rbac_tool else found.get("name", "")
            call = Call(event["verb"], found.get("apiGroup", ""), found.get("resource", ""), found.get("subresource", ""), found.get("namespace", ""), name)
        # Requests count as alike only with the same groups and the same version of the API.
        calls.append((call, (tuple(who.get("groups") or []), (found or {}).get("apiVersion", ""))))
    verb_order = {"list": -1}
    calls.sort(key=lambda one: (not one[0].path, bool(one[0].namespace), bool(one[0].name), verb_order.get(one[0].verb, 0), one[0]))
    cluster, roles = [], collections.defaultdict(list)
    for call, alike in calls:
        if discovery(call) or any(rule_allows(rule, call) for rule in cluster + roles[call.namespace]):
            continue
        if call.path:
            cluster.append({"verbs": [call.verb], "nonResourceURLs": [call.path]})
            continue
        others = [other for other, theirs in calls if theirs == alike and other._replace(name="", namespace="") == call._replace(name="", namespace="")]
        namespace = "" if any(other.namespace not in ("", call.namespace) for other in others) else call.namespace
        name = "" if any(other.name not in ("", call.name) for other in others) else call.name
        more = {"watch": ["get", "list"], "list": ["get", "watch"], "update": ["get", "patch"], "patch": ["get", "update"]}
        resource = call.resource + ("/" + call.subresource if call.subresource else "")
        rule = {"verbs": [call.verb] + more.get(call.verb, []), "apiGroups": [call.group], "resources": [resource]}
        (roles[namespace] if namespace else cluster).append(rule | ({"resourceNames": [name]} if name else {}))
    return bound(user, cluster, roles)


def check_model():
    """The model writes for alice of audit2rbac's demonstration what audit2rbac's own page shows."""
    folder = os.path.join(SETS, "audit2rbac")
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
        shown = file.read().split("```yaml")[1].split("```")[0]
    shown = "\n".join(line[4:] for line in shown.splitlines())
    published = json.loads(subprocess.run([RBAC, "-json"], input=shown, text=True, capture_output=True, check=True).stdout)
    with open(os.path.join(folder, "demo.log"), encoding="utf-8") as file:
        ours = model([json.loads(line) for line in file], "alice", False)
    if [one.get(part) for one in ours for part in ("kind", "rules", "subjects")] != [one.get(part) for one in published for part in ("kind", "rules", "subjects")]:
        raise SystemExit("the model of audit2rbac does not write what audit2rbac's page shows")


def discovery(call):
    prefixes = ("/swagger", "/openapi", "/api")
    return call.verb == "get" and bool(call.path) and (call.path in ("/healthz", "/version") or call.path.startswith(prefixes))


def rule_allows(rule, call):
    """For rules without wildcards."""
    if call.path:
        return call.verb in rule["verbs"] and call.path in rule.get("nonResourceURLs", [])
    resource = call.resource + ("/" + call.subresource if call.subresource else "")
    on = call.group in rule.get("apiGroups", []) and resource in rule.get("resources", [])
    return on and call.verb in rule["verbs"] and ("resourceNames" not in rule or call.name in rule["resourceNames"])


def bound(user, cluster, roles):
    parts = user.split(":")
    subject = {"kind": "User", "apiGroup": GROUP, "name": user}
    if user.startswith("system:serviceaccount:") and len(parts) == 4:
        subject = {"kind": "ServiceAccount", "namespace": parts[2], "name": parts[3]}
    objects = []
    for namespace, rules in [("", cluster)] + sorted(roles.items()):
        if rules:
            kind, place = ("Role", {"namespace": namespace}) if namespace else ("ClusterRole", {})
            metadata = {"name": "peer:" + user} | place
            objects.append({"kind": kind, "metadata": metadata, "rules": compacted(rules)})
            role = {"kind": kind, "apiGroup": GROUP, "name": metadata["name"]}
            objects.append({"kind": kind + "Binding", "metadata": metadata, "roleRef": role, "subjects": [subject]})
    return objects


def compacted(rules):
    """Verbs of one resource and name together, then names, then resources that have all else in common."""
    paths = [rule for rule in rules if "nonResourceURLs" in rule]
    verbs = collections.defaultdict(set)
    for rule in rules:
        if "resources" in rule:
            verbs[rule["apiGroups"][0], rule["resources"][0], tuple(rule.get("resourceNames", []))].update(rule["verbs"])
    merged = []
    for (group, resource, names), of in sorted(verbs.items()):
        for one in merged:
            same = one["group"] == group and one["verbs"] == of
            if same and one["resources"] == {resource} and bool(one["names"]) == bool(names):
                one["names"] |= set(names)
                break
            if same and one["names"] == set(names):
                one["resources"].add(resource)
                break
        else:
            merged.append({"group": group, "resources": {resource}, "names": set(names), "verbs": of})
    spelled = [{"apiGroups": [one["group"]], "resources": sorted(one["resources"]), "verbs": sorted(one["verbs"])} | ({"resourceNames": sorted(one["names"])} if one["names"] else {}) for one in merged]
    return paths + spelled


def tightfit(binary, log, *options):
    """Our objects for everyone that anything is written for."""
    with tempfile.TemporaryDirectory() as folder:
        classes = [word for name in ("human", "ci", "break-glass", "system") for word in ("--class", name)]
        command = [binary, "generate", os.path.abspath(log), "--out", os.path.join(folder, "out"), "--lenient", *classes, *options]
        ended = subprocess.run(command, text=True, capture_output=True, cwd=folder)
        if ended.returncode not in (0, 3, 4, 5):
            raise SystemExit(f"tightfit ended with {ended.returncode}: {ended.stderr}")
        files = sorted(glob.glob(os.path.join(glob.escape(folder), "out", "**", "rbac.yaml"), recursive=True))
        return [one for path in files for one in json.loads(subprocess.run([RBAC, "-json"], stdin=open(path), text=True, capture_output=True, check=True).stdout)]


def of_user(objects, user):
    """The bindings that bind a user, with their rules and the namespace in which they hold."""
    found = []
    for binding in objects:
        names = {f"system:serviceaccount:{one.get('namespace')}:{one['name']}" if one["kind"] == "ServiceAccount" else one["name"] for one in binding.get("subjects") or []}
        if user in names:
            namespace = binding["metadata"].get("namespace", "")
            role = binding["roleRef"]
            place = namespace if role["kind"] == "Role" else ""
            found += [(namespace, one["rules"]) for one in objects if one["kind"] == role["kind"] and one["metadata"]["name"] == role["name"] and one["metadata"].get("namespace", "") == place]
    return found


def units(objects, user):
    """Verb x group x resource x name, or verb x path, each with the namespace in which it holds."""
    for namespace, rules in of_user(objects, user):
        for rule in rules:
            for verb in rule["verbs"]:
                for path in rule.get("nonResourceURLs") or []:
                    yield namespace, {"verbs": [verb], "nonResourceURLs": [path]}
                for group in rule.get("apiGroups") or []:
                    for resource in rule.get("resources") or []:
                        for name in rule.get("resourceNames") or [None]:
                            yield namespace, {"verbs": [verb], "apiGroups": [group], "resources": [resource]} | ({"resourceNames": [name]} if name is not None else {})


def unit_call(namespace, rule):
    """A unit as the widest call that it allows."""
    if "nonResourceURLs" in rule:
        return Call(rule["verbs"][0], path=rule["nonResourceURLs"][0])
    resource, _, sub = rule["resources"][0].partition("/")
    return Call(rule["verbs"][0], rule["apiGroups"][0], resource, sub, namespace, (rule.get("resourceNames") or [""])[0])


def measured(users, objects, base):
    """Counts over all users, every answer Kubernetes' own."""
    rules = broken = granted = excess = wide = 0
    calls = refusals = nearby = grants = 0
    lost = []
    for user, (groups, allowed, refused) in sorted(users.items()):
        rules += sum(len(rules) for _, rules in of_user(objects, user))
        near = sorted(neighbours(allowed))
        allowed, refused = sorted(allowed), sorted(refused)
        both, alone = judge([(objects + base, user, groups, allowed + refused + near), (base, user, groups, allowed + refused + near)])
        lost += [f"{user}: {' '.join(part for part in call if part)}" for call, answer in zip(allowed, both) if answer != "a"]
        broken += both[: len(allowed)].count("n")
        pairs = list(zip(both, alone))[len(allowed) :]
        beyond = [answer == "a" for answer, by_default in pairs if by_default != "a"]
        asked = sum(by_default != "a" for _, by_default in pairs[: len(refused)])
        granted, wide = granted + sum(beyond[:asked]), wide + sum(beyond[asked:])
        calls, refusals, nearby = calls + len(allowed), refusals + asked, nearby + len(beyond) - asked
        mine = sorted(units(objects, user), key=json.dumps)
        needed = judge([(bound(user, [], {namespace: [rule]}) if namespace else bound(user, [rule], {}), user, groups, allowed) for namespace, rule in mine])
        given = judge([(base, user, groups, [unit_call(namespace, rule) for namespace, rule in mine])])[0]
        grants += len(mine)
        excess += sum("a" not in need and by_default != "a" for need, by_default in zip(needed, given))
    return [rules, grants, f"{broken} of {calls}", f"{granted} of {refusals}", excess, f"{wide} of {nearby}"], lost


def main():
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "target", "release", "tightfit"))
    if not os.path.isdir(SETS) or not os.path.isfile(RBAC):
        raise SystemExit("skipped: ../shared/data/k8s-audit or the judges (TIGHTFIT_KUBE_JUDGES) are absent")
    check_model()
    base = defaults()
    version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True).stdout.strip()
    print(f"{datetime.date.today()}: {version}, judged by the authorizer of Kubernetes 1.36.2\n")
    print("| log (events, users) | tool | rules | grants | calls that break | refused calls granted | excess grants | calls never made, granted |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    notes = []
    for name, path in LOGS:
        path = os.path.join(SETS, path)
        with open(path, encoding="utf-8") as file:
            events = [json.loads(line) for line in file if line.strip()]
        users = by_user(events)
        tools = [
            ("audit2rbac (model)", [one for user in users for one in model(events, user, False)]),
            ("rbac-tool (model)", [one for user in users for one in model(events, user, True)]),
            ("tightfit", tightfit(binary, path)),
            ("tightfit --exact", tightfit(binary, path, "--exact")),
        ]
        for tool, objects in tools:
            cells, lost = measured(users, objects, base)
            print(f"| {name} ({len(events)}, {len(users)}) | {tool} | " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
            notes += [f"- {name}, {tool}: `{call}`" for call in lost]
    print("\nCalls that break:\n" if notes else "")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
