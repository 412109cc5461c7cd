#!/usr/bin/env python3
"""The regression gate: counts the instructions of small runs and holds them against benches/gate.json.

    benches/gate.py             red (exit 1) where a count is above its baseline by more than the tolerance
    benches/gate.py --renew     counts, and writes the new baseline

Counts are callgrind's (Debian: valgrind), which a busy machine does not change. Misses are of a simulated cache of fixed size, the same
everywhere. The build is that of the tests with this package alone optimised, so that no dependency is compiled twice.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benches/gate.json"
# In percent. Two runs of one binary differ by less than 0.1 % (hashes have a seed of their own in each process), builds in two folders by
# up to 1.7 %; a slower part shows in a whole run by its share alone, so that little more is allowed.
TOLERANCE = {"instructions": 4, "d1_misses": 10, "ll_misses": 10}
CACHE = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"]
OPTIMISED = ["opt-level=3", "debug-assertions=false", "overflow-checks=false"]
BYTES = 16_000_000


def build():
    settings = [word for setting in OPTIMISED for word in ("--config", f"profile.dev.package.tightfit.{setting}")]
    subprocess.run(["cargo", "build", "--locked", "--bin", "tightfit", "--example", "generate-log", *settings], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    return target / "tightfit", target / "examples/generate-log"


def count(command, work):
    """Instructions and cache misses of one run, all its threads together."""
    told = work / "callgrind"
    # One thread of polars: how threads share out work is no regression.
    environment = dict(os.environ, POLARS_MAX_THREADS="1")
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={told}", *CACHE]
    ran = subprocess.run([*valgrind, *map(str, command)], cwd=work, env=environment, capture_output=True, text=True)
    if ran.returncode not in (0, 3, 4, 5):
        sys.exit(f"{command[1]} ended with {ran.returncode}: {ran.stderr[-2000:]}")
    text = told.read_text(errors="replace")
    names = re.search(r"^events: (.*)$", text, re.M).group(1).split()
    values = re.search(r"^(?:totals|summary): (.*)$", text, re.M).group(1).split()
    of = dict(zip(names, map(int, values)))
    return {"instructions": of["Ir"], "d1_misses": of["D1mr"] + of["D1mw"], "ll_misses": of["DLmr"] + of["DLmw"]}


def measure(tightfit, generator, work):
    trail, audit, policies = work / "trail", work / "audit.jsonl", work / "policies"
    for kind, path in (("cloudtrail", trail), ("audit", audit)):
        subprocess.run([generator, kind, "--bytes", str(BYTES), "--out", path], check=True)
    subprocess.run([tightfit, "generate", trail, "--out", policies, "--quiet"], cwd=work, check=False)
    shared = ["--cluster", "bench=*", "--jobs", "1", "--quiet"]
    return {
        "profile of CloudTrail": count([tightfit, "profile", trail, "--out", work / "trail.parquet", *shared], work),
        "profile of Kubernetes audit": count([tightfit, "profile", audit, "--out", work / "audit.parquet", *shared], work),
        "verify of CloudTrail": count([tightfit, "verify", trail, "--policies", policies, *shared], work),
    }


def compare(counted, baseline):
    """Prints every count beside its baseline; gives whether one is too high."""
    red = False
    print(f"{'':28} {'':13} {'baseline':>14} {'now':>14} {'change':>8} {'allowed':>8}")
    for run, figures in counted.items():
        for name, now in figures.items():
            before, allowed = baseline.get(run, {}).get(name), TOLERANCE[name]
            if before is None:
                red = True
                print(f"{run:28} {name:13} {'none':>14} {now:14,}  RED: renew the baseline")
                continue
            change = (now / before - 1) * 100
            word = "RED" if change > allowed else "renew the baseline, it became better" if change < -allowed else ""
            red |= change > allowed
            print(f"{run:28} {name:13} {before:14,} {now:14,} {change:+7.2f}% {allowed:+7}%  {word}".rstrip())
    return red


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--renew", action="store_true", help="write the baseline")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counted = measure(*build(), pathlib.Path(folder))
    if chosen.renew:
        BASELINE.write_text(json.dumps(counted, indent=2) + "\n")
    if compare(counted, json.loads(BASELINE.read_text())):
        sys.exit("slower than the baseline: find out why, or renew it with `benches/gate.py --renew` and say why in the commit")


if __name__ == "__main__":
    main()
